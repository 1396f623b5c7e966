"""``music-emotion catalogue``: look after the file that a scan writes."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Option

from music_emotion.cli import options
from music_emotion.cli.help import Command, Group
from music_emotion.cli.progress import progress_bar
from music_emotion.errors import MusicEmotionError, printable

if TYPE_CHECKING:
    from music_emotion.library.catalogue import Catalogue

catalogue = typer.Typer(
    cls=Group, no_args_is_help=True, help="Check, mend, shrink or write out a library's catalogue."
)

WaitOption = Annotated[bool, Option("--wait", help="If a scan is running, wait until it ends.")]


@catalogue.command(cls=Command)
def check(catalogue: options.CatalogueOption = None) -> None:
    """Say whether a catalogue is what was written into it.

    Names each part that is damaged; nothing is changed.
    """
    from music_emotion.library.catalogue import Catalogue
    from music_emotion.library.health import examine
    from music_emotion.library.track import file_count

    with Catalogue.open(catalogue) as opened:
        health = examine(opened)
        lines, path = health.lines(opened), opened.path
    if health.is_sound:
        typer.echo(f"sound: {file_count(health.files)} in {printable(path)}")
        return
    options.end_with([*lines, "mend it: music-emotion catalogue repair"], "damaged")


@catalogue.command(cls=Command)
def repair(
    catalogue: options.CatalogueOption = None,
    model: Annotated[
        str | None,
        Option(
            "--model",
            "-m",
            metavar="MODEL",
            help="What predicts again, by default the catalogue's.",
        ),
    ] = None,
    jobs: options.JobsOption = 0,
    wait: WaitOption = False,
) -> None:
    """Mend what is damaged, and touch nothing else.

    What follows from predictions is made anew; files whose prediction is damaged are predicted
    again.
    """
    from music_emotion.inference.batch import silence_native_libraries
    from music_emotion.library.repair import repair as mend
    from music_emotion.library.track import file_count
    from music_emotion.parallel import available_cores

    silence_native_libraries()
    with (
        _held(catalogue, wait) as opened,
        progress_bar("predicting again", transient=True) as show,
    ):
        done = mend(opened, model=model, jobs=jobs or available_cores(), progress=show)
        path = opened.path
    for line in done.mended:
        typer.echo(f"mended: {line}")
    if done.found.is_sound:
        typer.echo(f"nothing to mend: {file_count(done.found.files)} in {printable(path)}")
    options.end_with(done.failures, "not mended")


@catalogue.command(cls=Command)
def vacuum(catalogue: options.CatalogueOption = None, wait: WaitOption = False) -> None:
    """Give back to the disk what a catalogue does not need any more."""
    with _held(catalogue, wait) as opened:
        before = _size(opened.path)
        opened.vacuum()
        after = _size(opened.path)
    typer.echo(f"{before / 1e6:,.1f} MB before, {after / 1e6:,.1f} MB now")


@catalogue.command(cls=Command)
def export(
    output: Annotated[
        Path,
        Option(
            "--output",
            "-o",
            metavar="FILE",
            callback=options.no_music,
            help="Write this file: .sqlite, .json, .csv or .parquet.",
        ),
    ],
    catalogue: options.CatalogueOption = None,
) -> None:
    """Write out all of a catalogue, also what is missing or broken.

    A file .sqlite is a whole copy, timelines and tags' undo included, taken also while a scan is
    running; the others have a row for each file, as find writes them.
    """
    from music_emotion.library.catalogue import Catalogue
    from music_emotion.library.search import Found
    from music_emotion.library.track import file_count
    from music_emotion.library.writers import Listing
    from music_emotion.library.writers import export as write

    format = options.format_of(output, {"db": "sqlite"})
    if format not in ("sqlite", "json", "csv", "parquet"):
        raise MusicEmotionError(
            f"'{printable(output)}' ends in no format; end it in .sqlite, .json, .csv or .parquet"
        )
    with Catalogue.open(catalogue) as opened:
        if format == "sqlite":
            opened.copy_to(output)
        else:
            write(Listing(opened, Found(opened.ids())), format, output)
        options.say_damage(opened.damaged)
        typer.echo(f"{file_count(len(opened))} written to {printable(output)}", err=True)


def _held(path: Path | None, wait: bool) -> AbstractContextManager[Catalogue]:
    """Give a catalogue that is there to write into."""
    from music_emotion.library.catalogue import Catalogue, default_catalogue

    path = path or default_catalogue()
    Catalogue.open(path).close()  # which says that there is none, and makes none
    return Catalogue.held(path, wait=wait, waiting=options.say_waiting)


def _size(path: Path) -> int:
    """Return the bytes of a catalogue's files."""
    files = (path, Path(f"{path}-wal"))
    return sum(file.stat().st_size for file in files if file.exists())


COMMANDS = {"catalogue": catalogue}
