"""``music-emotion playlist``: a path from one emotion to another through a catalogued library."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from music_emotion.cli.catalogue_option import CatalogueOption


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("playlist")(playlist)


def playlist(
    start: Annotated[str, typer.Option("--from", metavar="EMOTION", help="Felt at the beginning.")],
    end: Annotated[str, typer.Option("--to", metavar="EMOTION", help="Felt at the end.")],
    length: Annotated[
        str, typer.Option(metavar="TIME", help="For example 60min, 1h30, 45 (minutes).")
    ] = "60min",
    path: Annotated[str, typer.Option(metavar="TEXT", help="Only tracks with this path.")] = "",
    artist: Annotated[str, typer.Option(metavar="TEXT", help="Only tracks by this artist.")] = "",
    text: Annotated[
        str,
        typer.Option(metavar="TEXT", help="Only with this in path, artist, album, title, genre."),
    ] = "",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write an M3U8; by default a table.")
    ] = None,
    relative: Annotated[
        bool, typer.Option("--relative", help="In the M3U8, paths relative to its folder.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Of the choice among very many tracks.")] = 0,
    catalogue: CatalogueOption = None,
) -> None:
    """Make a playlist that goes from one emotion to another without jumps."""
    from music_emotion.library.catalogue import Catalogue
    from music_emotion.library.playlist import Wish, make_playlist, parse_length
    from music_emotion.library.search import Hit, words_of
    from music_emotion.library.writers import export

    wish = Wish(start, end, parse_length(length), words_of(path, artist, text), seed)
    with Catalogue.open(catalogue) as opened:
        made = make_playlist(opened, wish)
        export(map(Hit, made.tracks), "m3u8" if output else "table", output, relative=relative)
    typer.echo(made.summary, err=True)
    for broken in made.broken:
        typer.echo(f"rule broken: {broken}", err=True)
