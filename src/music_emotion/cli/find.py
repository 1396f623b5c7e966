"""``music-emotion find`` and ``playlist``: tracks of a catalogued library, by emotion."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Option

from music_emotion.cli.options import (
    FORMAT_HELP,
    CatalogueOption,
    choice,
    emotion_names,
    format_of,
    no_music,
)
from music_emotion.errors import MusicEmotionError, printable

if TYPE_CHECKING:
    from music_emotion.library.search import Kind

TABLE_LIMIT = 50  # lines on a screen; other formats have no limit of their own


class Format(StrEnum):
    """How tracks are written."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    M3U8 = "m3u8"
    PARQUET = "parquet"


class By(StrEnum):
    """What --feels and --not compare."""

    INTENSITY = "intensity"
    PROBABILITY = "probability"
    STANDING = "standing"


COMPARED: Mapping[By, Kind] = {
    By.INTENSITY: "intensities",
    By.PROBABILITY: "probabilities",
    By.STANDING: "standing",
}


def find(
    feels: Annotated[
        list[str] | None,
        Option(
            metavar="EMOTION",
            autocompletion=emotion_names,
            help="Is felt; may be given several times.",
        ),
    ] = None,
    minimum: Annotated[
        float | None,
        Option(
            "--min",
            min=0,
            max=1,
            metavar="SHARE",
            help="Share of listeners for --feels, 0 to 1; by default the median.",
        ),
    ] = None,
    unfelt: Annotated[
        list[str] | None,
        Option(
            "--not",
            metavar="EMOTION",
            autocompletion=emotion_names,
            help="Is not felt; may be given several times.",
        ),
    ] = None,
    maximum: Annotated[
        float | None,
        Option(
            "--max",
            min=0,
            max=1,
            metavar="SHARE",
            help="Share of listeners for --not, 0 to 1; by default the median.",
        ),
    ] = None,
    by: Annotated[
        str | None,
        choice(
            By,
            "--by",
            help="Compare shares of listeners, probabilities to be dominant, or places among the "
            "model's reference tracks. By default shares; without --min, places put in order.",
        ),
    ] = None,
    valence: Annotated[
        str | None,
        Option(metavar="LOW:HIGH", help="How pleasant, from -1 to 1; one may be left out."),
    ] = None,
    arousal: Annotated[
        str | None, Option(metavar="LOW:HIGH", help="How stirring, from -1 to 1.")
    ] = None,
    familiarity: Annotated[
        str | None,
        Option(metavar="LOW:HIGH", help="How like the music behind the model, from 0 to 1."),
    ] = None,
    like: Annotated[
        str | None, Option(metavar="FILE", help="The most similar to this file, catalogued or not.")
    ] = None,
    model: Annotated[
        str | None,
        Option(
            "--model",
            "-m",
            metavar="MODEL",
            help="What hears the file of --like if it is not catalogued.",
        ),
    ] = None,
    path: Annotated[str, Option(metavar="TEXT", help="Part of the path.")] = "",
    artist: Annotated[str, Option(metavar="TEXT", help="Part of the artist.")] = "",
    text: Annotated[
        str, Option(metavar="TEXT", help="Part of path, artist, album, title or genre.")
    ] = "",
    failed: Annotated[bool, Option("--failed", help="Files that could not be predicted.")] = False,
    limit: Annotated[
        int | None,
        Option(
            "--limit",
            "-n",
            min=0,
            metavar="N",
            help=f"0: all. By default {TABLE_LIMIT} in a table, else all.",
        ),
    ] = None,
    format: Annotated[str | None, choice(Format, "--format", "-f", help=FORMAT_HELP)] = None,
    output: Annotated[
        Path | None,
        Option("--output", "-o", callback=no_music, metavar="FILE", help="Write this file."),
    ] = None,
    relative: Annotated[
        bool, Option("--relative", help="In a playlist, paths relative to its folder.")
    ] = False,
    catalogue: CatalogueOption = None,
) -> None:
    """Find tracks of a scanned library by what people feel.

    Without a filter, all are listed.
    """
    from music_emotion.inference.batch import silence_native_libraries
    from music_emotion.library.catalogue import Catalogue
    from music_emotion.library.search import Query, Range, emotion_index, find_similar, words_of
    from music_emotion.library.search import find as find_tracks
    from music_emotion.library.writers import export

    ending = format_of(output, {"m3u": "m3u8"})
    written = format or (ending if ending in list(Format) else Format.TABLE)
    emotions = bool(feels or unfelt)
    for given, has_use, option, use in (
        (minimum is not None, bool(feels), "--min", "--feels"),
        (maximum is not None, bool(unfelt), "--max", "--not"),
        (by is not None, emotions, "--by", "--feels and --not"),
        (model is not None, like is not None, "--model", "--like"),
        (relative, written == Format.M3U8, "--relative", "playlists (--format m3u8)"),
    ):
        if given and not has_use:
            raise MusicEmotionError(f"{option} is for {use}; add that, or leave it out")
    most = (TABLE_LIMIT if written == Format.TABLE else 0) if limit is None else limit
    query = Query(
        feels=tuple(feels or ()),
        unfelt=tuple(unfelt or ()),
        at_least=minimum,
        at_most=maximum,
        by=None if by is None else COMPARED[By(by)],
        within=tuple(
            Range.parse(name, text)
            for name, text in (
                ("valence", valence),
                ("arousal", arousal),
                ("familiarity", familiarity),
            )
            if text is not None
        ),
        words=words_of(path, artist, text),
        failed=failed,
        limit=most or None,
    )
    for name in (*query.feels, *query.unfelt):
        emotion_index(name)  # which says what may be meant, before a catalogue is looked for
    if like is not None:
        silence_native_libraries()
    with Catalogue.open(catalogue) as opened:
        if like is None:
            found = find_tracks(opened, query)
        else:
            found = find_similar(opened, query, like, model)
        export(found.hits(opened), written, output, relative=relative)
        older = opened.older_versions()
    for name, count in older.items():
        typer.echo(_older(name, count), err=True)
    if written == Format.TABLE and limit is None and len(found) == most:
        typer.echo(f"the first {most}; --limit 0 shows all", err=True)


def _older(name: str, count: int) -> str:
    """Return in a line that a newer version of a model has not heard all, and the remedy."""
    tracks = "1 track is" if count == 1 else f"{count:,} tracks are"
    return (
        f"{tracks} of an older version of the model '{printable(name)}' than others; predict anew: "
        f"music-emotion scan --again -m {printable(name)}"
    )


def playlist(
    start: Annotated[
        str,
        Option(
            "--from",
            metavar="EMOTION",
            autocompletion=emotion_names,
            help="Felt at the beginning.",
        ),
    ],
    end: Annotated[
        str,
        Option("--to", metavar="EMOTION", autocompletion=emotion_names, help="Felt at the end."),
    ],
    length: Annotated[
        str, Option(metavar="TIME", help="For example 60min, 1h30, 45 (minutes).")
    ] = "60min",
    path: Annotated[str, Option(metavar="TEXT", help="Only tracks with this path.")] = "",
    artist: Annotated[str, Option(metavar="TEXT", help="Only tracks by this artist.")] = "",
    text: Annotated[
        str, Option(metavar="TEXT", help="Only with this in path, artist, album, title, genre.")
    ] = "",
    output: Annotated[
        Path | None,
        Option(
            "--output",
            "-o",
            callback=no_music,
            metavar="FILE",
            help="Write an M3U8; by default a table.",
        ),
    ] = None,
    relative: Annotated[
        bool, Option("--relative", help="In the M3U8, paths relative to its folder.")
    ] = False,
    seed: Annotated[int, Option(metavar="N", help="Of the choice among very many tracks.")] = 0,
    catalogue: CatalogueOption = None,
) -> None:
    """Make a playlist that goes from one emotion to another.

    It has no jumps, and chooses from a scanned library.
    """
    from music_emotion.library.catalogue import Catalogue
    from music_emotion.library.playlist import make_playlist, parse_length
    from music_emotion.library.search import Hit, emotion_index, words_of
    from music_emotion.library.writers import export

    seconds, words = parse_length(length), words_of(path, artist, text)
    for name in (start, end):
        emotion_index(name)
    with Catalogue.open(catalogue) as opened:
        made = make_playlist(opened, start, end, seconds, words, seed)
        export(map(Hit, made.tracks), "m3u8" if output else "table", output, relative=relative)
    typer.echo(made.summary, err=True)
    for broken in made.broken:
        typer.echo(f"rule broken: {broken}", err=True)


COMMANDS = {"find": find, "playlist": playlist}
