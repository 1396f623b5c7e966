"""A stand-in for EMOTIFY: its layout, counts and tell-tale tags, with made-up votes and sounds."""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path

import numpy as np
import soundfile

from music_emotion.datasets.emotify import (
    CLASS_COUNTS,
    COMPILATION_CREDITS,
    TRACK_COUNT,
    genre_of,
    published_name,
)
from music_emotion.emotions import EMOTIONS

LISTENERS = 3
HEADER = "track id, genre, " + ", ".join(EMOTIONS) + ", mood, liked, disliked, age, gender, tongue"


def labels() -> list[str]:
    """One emotion per track, in the published numbers."""
    return [emotion for emotion, count in CLASS_COUNTS.items() for _ in range(count)]


def annotations() -> str:
    """Two listeners who tick the label, and one who ticks nothing, per track."""
    lines = [HEADER]
    for track, label in enumerate(labels(), 1):
        ticks = ",".join("1" if emotion == label else "0" for emotion in EMOTIONS)
        nothing = ",".join("0" for _ in EMOTIONS)
        for row in (ticks, ticks, nothing):
            lines.append(f"{track},{genre_of(track)},{row},3,0,0,30,1,None")
    return "\n".join(lines) + "\n"


def artist(track: int) -> str:
    """Artist tag of a track: a compilation where the true data have one."""
    if track in (328, 369):
        return "Magnatune Remixed"
    return "Magnatune Compilation" if track in COMPILATION_CREDITS else f"Artist {track // 3}"


def mp3(track: int, *, seconds: float = 0.06, tagged: bool = True) -> bytes:
    """A short stereo MP3; its tags make it different for each track."""
    tags = {"TPE1": artist(track), "TIT2": f"Piece {track}", "TALB": "Album"}
    return (_id3(tags) if tagged else b"") + _sound(seconds)


@cache
def _sound(seconds: float) -> bytes:
    samples = np.random.default_rng(0).uniform(-0.3, 0.3, (round(seconds * 44_100), 2))
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, 44_100, format="MP3")
    return buffer.getvalue()


def _id3(tags: dict[str, str]) -> bytes:
    """An ID3v2.3 header with Latin-1 text frames (id3.org, section 3)."""
    frames = b""
    for name, text in tags.items():
        content = b"\0" + text.encode("latin-1")
        frames += name.encode() + len(content).to_bytes(4, "big") + b"\0\0" + content
    size = bytes(len(frames) >> shift & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3\x03\0\0" + size + frames


def write(root: Path, layout: str = "published") -> Path:
    """Write the whole of it; ``layout`` is "published", "direct" or "flat"."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "data.csv").write_text(annotations())
    for track in range(1, TRACK_COUNT + 1):
        path = root / place(track, layout)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(mp3(track))
    return root


def place(track: int, layout: str) -> str:
    published = published_name(track)
    return {
        "published": published,
        "direct": published.split("/", 1)[1],
        "flat": f"{track}.mp3",
    }[layout]
