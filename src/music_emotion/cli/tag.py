"""``music-emotion tag``: the emotion in the files' own tags."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from typer import Argument, Option

from music_emotion.cli.options import CatalogueOption, end_with, say_left_out, say_waiting
from music_emotion.cli.progress import progress_bar
from music_emotion.errors import MusicEmotionError, printable


def tag(
    paths: Annotated[
        list[str] | None,
        Argument(
            metavar="PATH…", help="Files, folders, patterns; by default all that is catalogued."
        ),
    ] = None,
    write: Annotated[
        bool, Option("--write", help="Do it; by default what would change is shown.")
    ] = False,
    undo: Annotated[
        bool, Option("--undo", help="Take back what was written last (with --write).")
    ] = False,
    overwrite: Annotated[
        bool, Option("--overwrite", help="Replace moods that you set yourself, too.")
    ] = False,
    config: Annotated[
        Path | None,
        Option(
            "--config",
            metavar="FILE",
            help="What is written, in TOML; by default MUSIC_EMOTION_TAGS, or tags.toml among the "
            "user's settings.",
        ),
    ] = None,
    keep_times: Annotated[
        bool, Option("--keep-times", help="Leave the files' time of change as it is.")
    ] = False,
    model: Annotated[
        str | None,
        Option(
            "--model", "-m", metavar="MODEL", help="Predict again what another model predicted."
        ),
    ] = None,
    catalogue: CatalogueOption = None,
    wait: Annotated[
        bool, Option("--wait", help="If a scan is running, wait until it ends.")
    ] = False,
    quiet: Annotated[bool, Option("--quiet", "-q", help="Only the summary.")] = False,
) -> None:
    """Write the emotions into the files' own tags.

    Shows what would change unless told to --write. The sound and all other tags stay as they are,
    and --undo takes back what was written.
    """
    from music_emotion.inference.batch import silence_native_libraries
    from music_emotion.library.catalogue import (
        Catalogue,
        check_worth_making,
        default_catalogue,
    )
    from music_emotion.library.database import scan_lock
    from music_emotion.library.tags.session import TagSession
    from music_emotion.library.tags.settings import default_settings, read_settings
    from music_emotion.library.track import check_mutagen

    check_mutagen("tagging")
    if undo and (overwrite or model or config):
        raise MusicEmotionError(
            "--overwrite, --model and --config say what is written, and --undo takes back; leave "
            "them out"
        )
    settings = None if undo else read_settings(config or default_settings())
    path = catalogue or default_catalogue()
    is_new = not path.exists()
    if paths and not undo:  # which makes none
        check_worth_making(path, paths)
    silence_native_libraries()
    with ExitStack() as stack:
        may_make = bool(paths) and not undo
        alone = bool(paths) and undo and is_new  # without a catalogue the marks in the files do
        if ((may_make or not is_new) and (write or paths)) or (alone and write):
            stack.enter_context(scan_lock(path, wait=wait, waiting=say_waiting))
        if alone:
            path = Path(stack.enter_context(TemporaryDirectory())) / "empty.sqlite"
        may_write = may_make or alone or (write and not is_new)
        opened = stack.enter_context(Catalogue.open(path, write=may_write))
        session = TagSession(opened, paths or None, model, write, overwrite, keep_times, settings)
        steps = session.undo() if undo else session.tag()
        show = stack.enter_context(progress_bar("tagging", transient=True))
        for done, lines in enumerate(steps, start=1):
            for line in () if quiet else lines:
                typer.echo(line)
            show(done, session.total)
    typer.echo(session.summary())
    say_left_out(session.left_out)
    if is_new and not undo:
        typer.echo(f"predictions are kept in a new catalogue: {printable(path)}", err=True)
    end_with(session.failures)


COMMANDS = {"tag": tag}
