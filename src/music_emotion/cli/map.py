"""``music-emotion map``: a catalogued library as one page with a dot for every track."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from typer import Option

from music_emotion.cli.find import MapOption, naming_of, say_unused
from music_emotion.cli.options import CatalogueOption, no_music, say_damage
from music_emotion.errors import MusicEmotionError, printable

PAGES = (".html", ".htm")
MB = 1_000_000  # bytes


def library_map(
    output: Annotated[
        Path,
        Option("--output", "-o", callback=no_music, metavar="FILE", help="Write this page."),
    ] = Path("map.html"),
    relative: Annotated[
        bool,
        Option("--relative", help="Paths relative to the page's folder, which may move with it."),
    ] = False,
    maps: MapOption = None,
    catalogue: CatalogueOption = None,
) -> None:
    """Draw a scanned library: every track a dot, by what people feel.

    It is one page that needs nothing else: it filters, searches and plays, and saves what is
    selected as a playlist.
    """
    from music_emotion.library.catalogue import Catalogue
    from music_emotion.library.missed import broken_among
    from music_emotion.library.search import Query
    from music_emotion.library.track import count_of
    from music_emotion.report.library_map import write_map

    if output.suffix.lower() not in PAGES:
        raise MusicEmotionError(f"'{printable(output)}' is no page; let it end in .html")
    naming = naming_of(relative, maps, output)
    with Catalogue.open(catalogue) as opened:
        count = write_map(opened, output, naming)
        broken = broken_among(opened, Query())
    say_damage(opened.damaged)
    size = output.stat().st_size / MB
    tracks = count_of(count, "track")
    typer.echo(f"{printable(output)}: {tracks}, {size:.1f} MB; open it in a browser")
    if broken:
        files = count_of(broken, "broken file")
        typer.echo(f"left out {files}; music-emotion find --broken shows which", err=True)
    say_unused(naming, True)


COMMANDS = {"map": library_map}
