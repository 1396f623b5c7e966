"""Kinds of files: the names and first bytes of those that hold sound, and the names of others."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass

from music_emotion.audio import mpeg
from music_emotion.audio.lengths import W64_RIFF
from music_emotion.audio.tags_around import ReadAt, after_tags

OPENING_BYTES = 512
"""As many of a file's first bytes tell its kind."""

Mark = tuple[tuple[int, bytes], ...]
"""Bytes at places of an opening; all must be there."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of files that hold sound.

    Attributes
    ----------
    name, suffixes
        As people call it, and what the names of such files end in.
    videos
        What the names end in of those that need not hold sound.
    marks
        What such files open with, behind tags; one is enough.
    needs_formats
        Whether FFmpeg alone reads it.
    """

    name: str
    suffixes: tuple[str, ...]
    marks: tuple[Mark, ...]
    videos: tuple[str, ...] = ()
    needs_formats: bool = False


def _opens(*openings: bytes, at: int = 0) -> tuple[Mark, ...]:
    return tuple(((at, opening),) for opening in openings)


def _chunks(*openings: tuple[bytes, bytes]) -> tuple[Mark, ...]:
    """Return marks of files of chunks: the name of the first, and behind its length what it is."""
    return tuple(((0, name), (8, form)) for name, form in openings)


def _packets(first: int, length: int) -> Mark:
    """Return the mark of a transport stream, whose packets are as long and begin alike."""
    return tuple((first + number * length, b"G") for number in range(3))


def _of_formats(
    name: str, suffixes: tuple[str, ...], *marks: Mark, videos: tuple[str, ...] = ()
) -> Kind:
    return Kind(name, suffixes, marks, videos, needs_formats=True)


def _words(*lines: str) -> frozenset[str]:
    return frozenset(" ".join(lines).split())


_IRCAM = tuple(bytes((0x64, 0xA3, machine, 0)) for machine in range(1, 5))
# Others of QuickTime's names are words, before which a short length stands.
_QUICKTIME = _opens(b"ftyp", b"moov", b"mdat", at=4) + tuple(
    ((0, b"\0\0"), (4, name)) for name in (b"wide", b"free", b"skip", b"pnot")
)
_LATM = tuple(bytes((0x56, 0xE0 | length)) for length in range(4))
_DTS = tuple(map(bytes.fromhex, ("7ffe8001", "fe7f0180", "1fffe800", "ff1f00e8")))

KINDS = (
    # Frames without a header in front: mpeg.is_header() tells them.
    Kind("MP3", (".mp3", ".mp2", ".mp1", ".mpga"), ()),
    Kind(
        "WAV",
        (".wav", ".wave", ".bwf", ".rf64"),
        _chunks((b"RIFF", b"WAVE"), (b"RIFX", b"WAVE"), (b"RF64", b"WAVE")),
    ),
    Kind("FLAC", (".flac",), _opens(b"fLaC")),
    _of_formats("Speex", (".spx",), ((0, b"OggS"), (28, b"Speex   "))),
    Kind("Ogg", (".ogg", ".oga", ".opus"), _opens(b"OggS"), videos=(".ogv", ".ogm", ".ogx")),
    Kind("AIFF", (".aiff", ".aif", ".aifc"), _chunks((b"FORM", b"AIFF"), (b"FORM", b"AIFC"))),
    Kind("AU", (".au", ".snd"), _opens(b".snd", b"dns.")),
    Kind("Wave64", (".w64",), _opens(W64_RIFF)),
    Kind("Core Audio", (".caf",), _opens(b"caff")),
    Kind("NIST Sphere", (".sph", ".nist"), _opens(b"NIST_1A")),
    Kind("IRCAM", (".ircam",), _opens(*_IRCAM, *(mark[::-1] for mark in _IRCAM))),
    Kind("AVR", (".avr",), _opens(b"2BIT")),
    Kind("Ensoniq PARIS", (".paf",), _opens(b" paf", b"fap ")),
    Kind("Portable Voice", (".pvf",), _opens(b"PVF1")),
    Kind("8SVX", (".8svx", ".svx"), _chunks((b"FORM", b"8SVX"), (b"FORM", b"16SV"))),
    Kind("Psion", (".wve",), _opens(b"ALawSoundFile**")),
    Kind("FastTracker", (".xi",), _opens(b"Extended Instrument: ")),
    Kind("MIDI sample dump", (".sds",), _opens(b"\xf0\x7e")),
    Kind("Matlab", (), _opens(b"MATLAB 5.0 MAT-file")),
    _of_formats(
        "MP4 or M4A",
        (".m4a", ".m4b", ".m4r", ".3ga"),
        *_QUICKTIME,
        videos=(".mp4", ".m4v", ".mov", ".qt", ".3gp", ".3g2", ".f4v"),
    ),
    _of_formats(
        "Matroska or WebM",
        (".mka", ".weba"),
        *_opens(b"\x1a\x45\xdf\xa3"),
        videos=(".mkv", ".webm"),
    ),
    _of_formats(
        "Windows Media",
        (".wma",),
        *_opens(bytes.fromhex("3026b2758e66cf11")),
        videos=(".wmv", ".asf"),
    ),
    _of_formats("AVI", (), *_chunks((b"RIFF", b"AVI ")), videos=(".avi", ".divx")),
    _of_formats("Flash video", (), *_opens(b"FLV\x01"), videos=(".flv",)),
    _of_formats(
        "MPEG video",
        (),
        *_opens(b"\x00\x00\x01\xba"),
        _packets(0, 188),
        _packets(4, 192),
        # .ts and .mts are of programs, too, so that the first bytes tell.
        videos=(".mpg", ".mpeg", ".mpe", ".vob", ".m2ts", ".m2t"),
    ),
    _of_formats(
        "AAC",
        (".aac", ".adts", ".latm"),
        *_opens(b"\xff\xf0", b"\xff\xf1", b"\xff\xf8", b"\xff\xf9", b"ADIF", *_LATM),
    ),
    _of_formats("Creative Voice", (".voc",), *_opens(b"Creative Voice File")),
    _of_formats("AMR", (".amr", ".awb"), *_opens(b"#!AMR")),
    _of_formats("AC-3", (".ac3", ".eac3", ".ec3"), *_opens(b"\x0b\x77", b"\x77\x0b")),
    _of_formats("DSD", (".dsf", ".dff"), *_opens(b"DSD ", b"FRM8")),
    _of_formats("DTS", (".dts", ".dtshd"), *_opens(*_DTS, b"DTSHDHDR")),
    _of_formats("Monkey's Audio", (".ape",), *_opens(b"MAC ")),
    _of_formats("WavPack", (".wv",), *_opens(b"wvpk")),
    _of_formats("True Audio", (".tta",), *_opens(b"TTA1")),
    _of_formats("TAK", (".tak",), *_opens(b"tBaK")),
    _of_formats("Musepack", (".mpc", ".mpp"), *_opens(b"MPCK", b"MP+")),
    _of_formats("RealAudio", (".ra",), *_opens(b".ra\xfd", b".RMF"), videos=(".rm", ".rmvb")),
    _of_formats(
        "TrueHD or MLP",
        (".thd", ".truehd", ".mlp"),
        *_opens(b"\xf8\x72\x6f\xba", b"\xf8\x72\x6f\xbb", at=4),
    ),
)
"""All kinds that are read."""

SOUND_SUFFIXES = frozenset(suffix for kind in KINDS for suffix in kind.suffixes)
VIDEO_SUFFIXES = frozenset(suffix for kind in KINDS for suffix in kind.videos)
AUDIO_SUFFIXES = SOUND_SUFFIXES | VIDEO_SUFFIXES
"""What the names of music end in."""

UNFINISHED_SUFFIXES = _words(
    ".part .partial .crdownload .download .opdownload .filepart .aria2 .tmp .temp"
)
"""What the names end in of files that are being written, whatever they will hold."""

OTHER_SUFFIXES = _words(
    # pictures
    ".jpg .jpeg .jpe .png .gif .bmp .webp .tif .tiff .svg .ico .heic .heif .avif .psd .dng",
    # texts, tables, pages
    ".txt .md .rst .nfo .log .csv .tsv .json .jsonl .xml .yaml .yml .toml .ini .html .htm .css",
    ".rtf .tex .pdf .doc .docx .odt .xls .xlsx .ods .ppt .pptx .epub .py .js",
    # playlists, lyrics, subtitles
    ".m3u .m3u8 .pls .cue .xspf .asx .wpl .lrc .srt .sub .ass .vtt",
    # checksums, archives, what systems and players leave
    ".md5 .sfv .ffp .sha1 .sha256 .par2 .torrent .zip .rar .7z .gz .bz2 .xz .tar .tgz .iso",
    ".db .sqlite .url .lnk .exe .dll .so .bat .sh .pyc",
)
"""What the names end in of files that lie beside music and are none."""


def opening(read: ReadAt, size: int) -> bytes:
    """Return the first bytes of a file of ``size`` bytes behind the tags in front of its sound."""
    return read(after_tags(read, size), OPENING_BYTES)


def kind_of(head: bytes) -> Kind | None:
    """Return the kind of a file by its first bytes, as :func:`opening` gives them.

    >>> kind_of(b"fLaC").name
    'FLAC'
    >>> kind_of(b"dear listener") is None
    True
    """
    for kind in KINDS:
        if any(all(head.startswith(found, at) for at, found in mark) for mark in kind.marks):
            return kind
    return KINDS[0] if mpeg.is_header(head) else None


def suffix_of(name: str) -> str:
    """Return what a name ends in, lower case, with its point; ``""`` where there is no point.

    >>> suffix_of("Song.MP3"), suffix_of(".mp3")
    ('.mp3', '')
    """
    return os.path.splitext(name)[1].lower()  # noqa: PTH122  # a Path each is slow in walks


def suffixes(kinds: Iterable[Kind]) -> list[str]:
    """Return what the names of such files end in, in the order of the kinds.

    >>> suffixes(kind for kind in KINDS if kind.name == "AIFF")
    ['.aiff', '.aif', '.aifc']
    """
    return [suffix for kind in kinds for suffix in (*kind.suffixes, *kind.videos)]
