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
    LongestOption,
    ShortestOption,
    choice,
    emotion_names,
    format_of,
    no_music,
    say_damage,
)
from music_emotion.errors import MusicEmotionError, printable

if TYPE_CHECKING:
    from music_emotion.library.playlist_files import Naming
    from music_emotion.library.vectors import Kind

TABLE_LIMIT = 50  # lines on a screen; other formats have no limit of their own


class Format(StrEnum):
    """How tracks are written."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    M3U8 = "m3u8"
    PLS = "pls"
    XSPF = "xspf"
    PARQUET = "parquet"


PLAYLISTS = (Format.M3U8, Format.PLS, Format.XSPF)
PLAYLIST_FORMATS = "playlists (--format m3u8)"
WORDS = "--path, --artist, --text and --not-artist"
ENDINGS = {"m3u": "m3u8", "": "table", "txt": "table"}
NO_LIST = {
    "nsp": "holds rules of Navidrome's, no list of files; write an .m3u8, which Navidrome imports",
}
"""Endings of playlists that cannot be written, and why."""

FormatOption = Annotated[str | None, choice(Format, "--format", "-f", help=FORMAT_HELP)]
OutputOption = Annotated[
    Path | None,
    Option("--output", "-o", callback=no_music, metavar="FILE", help="Write this file."),
]
RelativeOption = Annotated[
    bool, Option("--relative", help="In a playlist, paths relative to its folder.")
]
MapOption = Annotated[
    list[str] | None,
    Option(
        "--map",
        metavar="FROM=TO",
        help="Write paths in the folder FROM as another player sees them; may be given several "
        "times.",
    ),
]
PathOption = Annotated[str, Option(metavar="TEXT", help="Part of the path.")]
ArtistOption = Annotated[str, Option(metavar="TEXT", help="Part of the artist.")]
TextOption = Annotated[
    str, Option(metavar="TEXT", help="Part of path, artist, album, title or genre.")
]
NotArtistOption = Annotated[
    list[str] | None,
    Option(
        "--not-artist", metavar="NAME", help="Nothing by this artist; may be given several times."
    ),
]
AccentsOption = Annotated[
    bool, Option("--ignore-accents", help="Words match without accents, too: bjork finds Björk.")
]


SpeechOption = Annotated[
    bool, Option("--speech", help="In a playlist, podcasts, audiobooks and speech, too.")
]


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
        list[str] | None,
        Option(
            metavar="FILE",
            help="The most similar to this file, catalogued or not; of several, to all of them.",
        ),
    ] = None,
    other_artists: Annotated[
        bool, Option("--other-artists", help="With --like, nothing by the artists of the files.")
    ] = False,
    model: Annotated[
        str | None,
        Option(
            "--model",
            "-m",
            metavar="MODEL",
            help="What hears the file of --like if it is not catalogued.",
        ),
    ] = None,
    path: PathOption = "",
    artist: ArtistOption = "",
    text: TextOption = "",
    not_by: NotArtistOption = None,
    ignore_accents: AccentsOption = False,
    broken: Annotated[
        bool,
        Option(
            "--broken",
            "--failed",
            help="Files that could not be read, are silent or damaged, and why.",
        ),
    ] = False,
    shortest: ShortestOption = None,
    longest: LongestOption = None,
    speech: SpeechOption = False,
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
    format: FormatOption = None,
    output: OutputOption = None,
    relative: RelativeOption = False,
    maps: MapOption = None,
    catalogue: CatalogueOption = None,
) -> None:
    """Find tracks of a scanned library by what people feel.

    Without a filter, all are listed.
    """
    from music_emotion.inference.batch import silence_native_libraries
    from music_emotion.library.catalogue import Catalogue
    from music_emotion.library.missed import remarks
    from music_emotion.library.search import Query, Range, emotion_index, find_similar, words_of
    from music_emotion.library.search import find as find_tracks
    from music_emotion.library.selection import Selection, music_between
    from music_emotion.library.writers import Listing, export

    written = _format(format, output)
    words = words_of(path, artist, text)
    emotions = bool(feels or unfelt)
    lists = written in PLAYLISTS
    _check_uses(
        (minimum is not None, bool(feels), "--min", "--feels"),
        (maximum is not None, bool(unfelt), "--max", "--not"),
        (by is not None, emotions, "--by", "--feels and --not"),
        (model is not None, bool(like), "--model", "--like"),
        (other_artists, bool(like), "--other-artists", "--like"),
        (relative, lists, "--relative", PLAYLIST_FORMATS),
        (speech, lists, "--speech", PLAYLIST_FORMATS),
        (ignore_accents, bool(words or not_by), "--ignore-accents", WORDS),
    )
    heard = (emotions, valence, arousal, familiarity, like)
    if broken and any(each not in (False, None) for each in heard):
        raise MusicEmotionError(
            "--broken lists what cannot be compared by what is felt; leave out one of the two"
        )
    naming = naming_of(relative, maps, output)
    is_playlist = lists and not broken
    taken = (
        music_between(shortest, longest, speech=speech)
        if is_playlist
        else Selection.between(shortest, longest)
    )
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
        words=words,
        not_by=tuple(not_by or ()),
        accents=not ignore_accents,
        broken=broken,
        taken=taken,
        limit=most or None,
    )
    for name in (*query.feels, *query.unfelt):
        emotion_index(name)  # which says what may be meant, before a catalogue is looked for
    if like:
        silence_native_libraries()
    with Catalogue.open(catalogue) as opened:
        if like:
            found = find_similar(opened, query, like, model, other_artists=other_artists)
        else:
            found = find_tracks(opened, query)
        export(Listing(opened, found, naming), written, output)
        older = opened.older_versions()
        lines = remarks(opened, query, found)
    say_damage(opened.damaged)
    for line in lines:
        typer.echo(line, err=True)
    say_unused(naming, bool(len(found)))
    for name, count in older.items():
        typer.echo(_older(name, count), err=True)
    if written == Format.TABLE and limit is None and len(found) == most:
        typer.echo(f"the first {most}; --limit 0 shows all", err=True)


def _check_uses(*options: tuple[bool, bool, str, str]) -> None:
    """Refuse options that would do nothing: given, with a use, the option, what it is for."""
    for given, has_use, option, use in options:
        if given and not has_use:
            raise MusicEmotionError(f"{option} is for {use}; add that, or leave it out")


def _format(named: str | None, output: Path | None) -> Format:
    """Return the format asked for, or the one the output's name ends in."""
    ending = format_of(output, ENDINGS)
    if named is None and ending not in list(Format):
        reason = NO_LIST.get(ending, f"ends in no format ({', '.join(Format)}); name one with -f")
        raise MusicEmotionError(f"'{printable(output)}' {reason}")
    return Format(named or ending)


def naming_of(relative: bool, maps: list[str] | None, output: Path | None) -> Naming:
    """Return how paths are written."""
    from music_emotion.library.playlist_files import Mapping, Naming

    if relative and maps:
        raise MusicEmotionError("--relative and --map both say how paths begin; leave out one")
    mappings = tuple(map(Mapping.parse, maps or ()))
    if not relative:
        return Naming(mappings)
    # Where the folder really is: ".." of a link leads out of what it points to.
    return Naming(relative_to=(Path() if output is None else output.parent).resolve())


def say_unused(naming: Naming, written: bool) -> None:
    """Say which mappings were for nothing."""
    for mapping in naming.unused() if written else ():
        typer.echo(f"no path is in '{printable(mapping.folder)}', which --map names", err=True)


def _older(name: str, count: int) -> str:
    """Return in a line that a newer version of a model has not heard all, and the remedy."""
    tracks = "1 track is" if count == 1 else f"{count:,} tracks are"
    return (
        f"{tracks} of an older version of the model '{printable(name)}' than others; predict anew: "
        f"music-emotion scan --again -m {printable(name)}"
    )


def playlist(
    start: Annotated[
        str | None,
        Option(
            "--from",
            metavar="EMOTION",
            autocompletion=emotion_names,
            help="Felt at the beginning; without an end, throughout.",
        ),
    ] = None,
    end: Annotated[
        str | None,
        Option("--to", metavar="EMOTION", autocompletion=emotion_names, help="Felt at the end."),
    ] = None,
    first: Annotated[
        str | None, Option("--from-track", metavar="FILE", help="Begins with this, or like it.")
    ] = None,
    last: Annotated[
        str | None, Option("--to-track", metavar="FILE", help="Ends with this, or like it.")
    ] = None,
    valence: Annotated[
        str | None,
        Option(metavar="FROM:TO", help="How pleasant it begins and ends, from -1 to 1."),
    ] = None,
    arousal: Annotated[
        str | None, Option(metavar="FROM:TO", help="How stirring it begins and ends.")
    ] = None,
    length: Annotated[
        str, Option(metavar="TIME", help="For example 60min, 1h30, 45 (minutes).")
    ] = "60min",
    per_artist: Annotated[
        int | None,
        Option(
            "--per-artist",
            min=1,
            metavar="N",
            help="At most so many tracks of an artist; by default 3, or as many as it takes.",
        ),
    ] = None,
    path: PathOption = "",
    artist: ArtistOption = "",
    text: TextOption = "",
    not_by: NotArtistOption = None,
    ignore_accents: AccentsOption = False,
    shortest: ShortestOption = None,
    longest: LongestOption = None,
    speech: SpeechOption = False,
    model: Annotated[
        str | None,
        Option("--model", "-m", metavar="MODEL", help="What hears a track that is not catalogued."),
    ] = None,
    format: FormatOption = None,
    output: OutputOption = None,
    relative: RelativeOption = False,
    maps: MapOption = None,
    seed: Annotated[
        int, Option(min=0, metavar="N", help="Another number gives another playlist as good.")
    ] = 0,
    catalogue: CatalogueOption = None,
) -> None:
    """Make a playlist from one emotion, track or mood to another.

    It has no jumps, and chooses from a scanned library. Without an end it stays where it begins.
    """
    from music_emotion.inference.batch import silence_native_libraries
    from music_emotion.library.catalogue import Catalogue
    from music_emotion.library.course import End, check_ends, mood_ends
    from music_emotion.library.playlist import make_playlist
    from music_emotion.library.search import Query, words_of
    from music_emotion.library.selection import music_between, parse_length
    from music_emotion.library.writers import Listing, export

    mood = valence is not None or arousal is not None
    check_ends(start is not None, end is not None, (first is not None, last is not None), mood)
    near, far = mood_ends(valence, arousal) if mood else (None, None)
    near = near if start is None else End.of_emotion(start)
    far = far if end is None else End.of_emotion(end)
    written, naming = _format(format, output), naming_of(relative, maps, output)
    seconds = parse_length(length)
    words = words_of(path, artist, text)
    _check_uses(
        (model is not None, bool(first or last), "--model", "--from-track and --to-track"),
        (relative, written in PLAYLISTS, "--relative", PLAYLIST_FORMATS),
        (ignore_accents, bool(words or not_by), "--ignore-accents", WORDS),
    )
    query = Query(
        words=words,
        not_by=tuple(not_by or ()),
        accents=not ignore_accents,
        taken=music_between(shortest, longest, speech=speech),
    )
    silence_native_libraries()
    with Catalogue.open(catalogue) as opened:
        near = near if first is None else End.of_track(opened, first, model)
        far = far if last is None else End.of_track(opened, last, model)
        assert near is not None
        made = make_playlist(
            opened, near, far or near, seconds, query, per_artist=per_artist, seed=seed
        )
        export(Listing(opened, made.found(), naming), written, output)
    say_damage(opened.damaged)
    say_unused(naming, True)
    typer.echo(made.summary, err=True)
    for broken in made.broken:
        typer.echo(f"rule broken: {broken}", err=True)


COMMANDS = {"find": find, "playlist": playlist}
