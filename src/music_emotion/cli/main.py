"""The ``music-emotion`` command: assembles the commands, turns errors into one line."""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType
from typing import Annotated, Any, TextIO

import typer

from music_emotion import __version__, cli
from music_emotion.cli.help import HELP_OPTIONS, Command, Group, mistakes_in_one_line
from music_emotion.errors import MusicEmotionError, printable
from music_emotion.interruption import EXIT_INTERRUPTED

EXIT_FAILURE = 1
STOPPED = "stopped"
STOPPED_BETWEEN = "stopped; what was finished is kept, run the same command to go on"

HELP_ORDER = (
    *("predict", "example", "serve", "models", "doctor", "export", "cache", "dataset", "extract"),
    *("leak", "listeners", "compare", "train", "evaluate", "report", "cross-test"),
    *("scan", "find", "playlist", "map", "tag", "catalogue"),
)
"""How the help lists the commands; those that are not named here come last, by name."""

Found = Callable[..., None] | typer.Typer


class Commands(Group):
    """Answers mistakes, Ctrl-C and what the system refuses with a line."""

    def make_context(self, *arguments: Any, **options: Any) -> Any:
        """Read what stands before the command."""
        with mistakes_in_one_line():
            return super().make_context(*arguments, **options)

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was named."""
        try:
            with mistakes_in_one_line():
                return super().invoke(ctx)
        except KeyboardInterrupt:
            named = ctx.invoked_subcommand
            resumes = any(named in getattr(module, "RESUMING", ()) for module in _modules(named))
            typer.echo(STOPPED_BETWEEN if resumes else STOPPED, err=True)
            raise typer.Exit(EXIT_INTERRUPTED) from None
        except ModuleNotFoundError as error:
            if error.name is None or error.name.partition(".")[0] == cli.__name__.partition(".")[0]:
                raise
            raise MusicEmotionError(
                f"this needs the package {printable(error.name)}, which is not installed; "
                "`music-emotion doctor` says which extra brings what"
            ) from None
        except OSError as error:
            if error.errno == errno.EPIPE:  # a reader that has enough; typer ends without a word
                raise
            raise MusicEmotionError(_refusal(error)) from None


def _refusal(error: OSError) -> str:
    """Say what the system refused; a standard output that takes nothing more is given up."""
    reason = error.strerror or str(error)
    try:
        sys.stdout.flush()
    except OSError:
        # What waits to be written would fail once more when Python ends.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
        return f"standard output cannot be written ({reason})"
    if error.filename is None:
        return f"reading or writing failed ({reason})"
    return f"'{printable(error.filename)}': {reason}"


def _modules(named: str = "") -> Iterator[ModuleType]:
    """Yield the modules of this folder; of a command's own name, that one alone: all take longer.

    They import heavy packages inside their commands only.
    """
    names = [module.name for module in iter_modules(cli.__path__)]
    if named in names:
        module = import_module(f"{cli.__name__}.{named}")
        if named in getattr(module, "COMMANDS", {}):
            names = [named]
    for name in names:
        yield import_module(f"{cli.__name__}.{name}")


def find_commands(named: str = "") -> dict[str, Found]:
    """Return what the modules of this folder have in ``COMMANDS``, in the order of the help.

    Which of them go on where they were stopped, a module says in ``RESUMING``. Others than the
    command that is named may be left out.
    """
    found: dict[str, Found] = {}
    for module in _modules(named):
        found |= getattr(module, "COMMANDS", {})
    places = {name: place for place, name in enumerate(HELP_ORDER)}
    return dict(sorted(found.items(), key=lambda item: (places.get(item[0], len(places)), item[0])))


def build_app(named: str = "") -> typer.Typer:
    """Return the command line with all commands, or what :func:`find_commands` finds for one."""
    app = typer.Typer(
        name="music-emotion",
        cls=Commands,
        context_settings=HELP_OPTIONS,
        no_args_is_help=True,
        add_completion=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,  # rich is slow to load, and help needs none of it
    )
    app.callback()(music_emotion_command)
    for name, command in find_commands(named).items():
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name)
        else:
            app.command(name, cls=Command)(command)
    return app


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


def music_emotion_command(
    _: Annotated[
        bool,
        # In a callback, because the command's own body runs only where a command is given.
        typer.Option(
            "--version", help="Print the version.", is_eager=True, callback=_print_version
        ),
    ] = False,
) -> None:
    """What people feel when they hear a piece of music."""


def main() -> None:
    """Run the command line; a user's mistake ends in one line and exit code 1."""
    _open_closed_streams()
    _prepare_output()
    try:
        build_app(*sys.argv[1:2])()
    except MusicEmotionError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(EXIT_FAILURE)
    except KeyboardInterrupt:  # while modules were loading
        print(STOPPED, file=sys.stderr)
        sys.exit(EXIT_INTERRUPTED)


def _open_closed_streams() -> None:
    """Let standard streams that were closed lead nowhere.

    Their numbers would be those of the next files that are opened, into which libraries would write
    their messages. Standard input stays closed to Python, which tells who asks for it.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            nowhere = os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
            os.set_inheritable(nowhere, True)
    if sys.stdout is None:
        sys.stdout = _nowhere()
    if sys.stderr is None:
        sys.stderr = _nowhere()


def _nowhere() -> TextIO:
    return Path(os.devnull).open("w", encoding="utf-8")  # to the end


def _prepare_output() -> None:
    """Make standard output take every text: names and bars are in no code page.

    What programs read is UTF-8 whatever the locale says, as the files that ``-o`` writes are; a
    terminal, and who sets ``PYTHONIOENCODING``, keep their encoding and get escapes for the rest.
    """
    out = sys.stdout
    if not isinstance(out, io.TextIOWrapper):  # replaced by a test or a program around this one
        return
    chosen = out.isatty() or "PYTHONIOENCODING" in os.environ
    out.reconfigure(encoding=None if chosen else "utf-8", errors="backslashreplace")
