"""How commands show themselves: options in words, summaries whole, a mistake in one line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from music_emotion.errors import choose_from, printable

EXIT_USAGE = 2
HELP_OPTIONS = {"help_option_names": ["-h", "--help"]}
"""Settings of the command line as a whole, which its commands take over."""
ALIKE = 0.7  # of options' letters in common, to be taken for each other
WHOLE = 1_000  # columns; a summary is broken into lines, not cut

PLAINER = (
    (r".*is not a valid int(eger)?( range)?|Input should be a valid integer.*", "a whole number"),
    (r".*is not a valid float( range)?|Input should be a (valid|finite) number.*", "a number"),
    (r".*is not in the range (\S+?)<=x<=(\S+)", r"from \1 to \2"),
    (r".*(?:is not in the range x>=|greater than or equal to )(\S+)", r"\1 or more"),
    (r".*(?:is not in the range x<=|less than or equal to )(\S+)", r"\1 or less"),
    (r".*(?:is not in the range x>|greater than )(\S+)", r"above \1"),
    (r".*(?:is not in the range x<|less than )(\S+)", r"below \1"),
)
"""What a value must be, for how typer's versions say it, in a programmer's words."""

UsageError: Any = typer.BadParameter.__base__  # typer has no public name for it


class Command(TyperCommand):
    """A command."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Return what stands behind the command's name in its usage."""
        arguments = [one for one in self.get_params(ctx) if one.param_type_name == "argument"]
        return ["[OPTIONS]", *(_named(one) for one in arguments)]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write arguments and options."""
        _write_parameters(self, ctx, formatter)


class Group(TyperGroup):
    """A command that has others."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write options and the list of commands."""
        _write_parameters(self, ctx, formatter)
        self.format_commands(ctx, formatter)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write each command and what it does."""
        commands = ((name, self.commands[name]) for name in self.list_commands(ctx))
        with formatter.section("Commands"):
            formatter.write_dl([(name, one.get_short_help_str(WHOLE)) for name, one in commands])

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command that is named; else say what may have been meant."""
        name = args[0]
        if name not in self.commands and not name.startswith("-") and not ctx.resilient_parsing:
            hint = choose_from(name, self.commands)
            raise UsageError(f"there is no command '{printable(name)}'; {hint}", ctx)
        return super().resolve_command(ctx, args)


@contextmanager
def mistakes_in_one_line() -> Iterator[None]:
    """Answer what is wrong with a call in one line, and end with the code of such mistakes."""
    try:
        yield
    except UsageError as error:
        if type(error).__name__ == "NoArgsIsHelpError":  # no mistake; shows the help
            raise
        typer.echo(f"error: {_mistake(error)}", err=True)
        raise typer.Exit(EXIT_USAGE) from None


def _mistake(error: Any) -> str:
    name, known = getattr(error, "option_name", None), getattr(error, "possibilities", ())
    if name and hasattr(error, "possibilities"):
        said = f"there is no option '{printable(name)}'"
        if alike := _alike(name, known or ()):
            return f"{said}; {choose_from(name, alike)}"
    elif place := _place(error):
        said = f"{place}: {_plainer(error.message.removesuffix('.'))}"
    else:
        said = " ".join(error.format_message().split()).removesuffix(".")
        said = re.sub(r"^Got unexpected extra argument\S* \((.*)\)$", r"too many words: \1", said)
        said = said.replace("requires an argument", "needs a value")
        said = said[:1].lower() + said[1:]
    if said.endswith("?") or ";" in said or "choose from" in said or error.ctx is None:
        return said
    return f"{said}; see {error.ctx.command_path} --help"


def _alike(name: str, options: Iterable[str]) -> list[str]:
    """Return the options that may have been meant: the dashes that all have make none alike.

    >>> _alike("--modles", ["--models", "--help"]), _alike("--model", ["--help"])
    (['--models'], [])
    """
    from difflib import get_close_matches

    word = name.strip("-")
    return [one for one in options if get_close_matches(word, [one.strip("-")], cutoff=ALIKE)]


def _plainer(message: str) -> str:
    """Say what a value must be in everybody's words."""
    for pattern, words in PLAINER:
        if found := re.fullmatch(pattern, message, re.DOTALL):
            return f"it must be {found.expand(words)}"
    return message.replace("Input should", "it must")


def _place(error: Any) -> str:
    """Return which option or argument has a wrong value, ``""`` where none is given at all."""
    if isinstance(getattr(error, "param_hint", None), str):
        return str(error.param_hint)
    parameter = getattr(error, "param", None)
    if parameter is None or not error.message:
        return ""
    if parameter.param_type_name == "argument":
        return _named(parameter).strip("[]")
    return str(max(parameter.opts, key=len))


def _write_parameters(command: Any, ctx: Any, formatter: Any) -> None:
    shown = [one for one in command.get_params(ctx) if not getattr(one, "hidden", False)]
    for title, kind in (("Arguments", "argument"), ("Options", "option")):
        rows = [(_written(one), _explained(one)) for one in shown if one.param_type_name == kind]
        if rows:
            with formatter.section(title):
                formatter.write_dl(rows)


def _written(parameter: Any) -> str:
    """Return how a parameter is written: ``-o, --output FILE``."""
    if parameter.param_type_name == "argument":
        return _named(parameter).strip("[]")
    names = ", ".join(sorted(parameter.opts, key=lambda name: name.startswith("--")))
    if parameter.secondary_opts:
        return f"{names} / {', '.join(parameter.secondary_opts)}"
    if parameter.is_flag:
        return names
    return f"{names} {parameter.metavar or parameter.name.upper()}"


def _named(argument: Any) -> str:
    """Return an argument's name, in brackets where it may be left out."""
    name = argument.metavar or argument.name.upper()
    return str(name) if argument.required else f"[{name.strip('[]')}]"


def _explained(parameter: Any) -> str:
    """Return what a parameter is for, and what it is if it is not given."""
    text = parameter.help or ""
    if parameter.required:
        return f"{text}  [required]"
    default = parameter.default
    if default is None or isinstance(default, bool) or default in ("", [], ()):
        return text
    if callable(default) or getattr(parameter, "is_flag", False):
        return text
    value = f"{default:g}" if isinstance(default, float) else str(default)
    return f"{text}  [default: {value}]"
