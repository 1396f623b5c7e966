"""Sound files of every kind that is tagged, with tags and a picture of their own."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from helpers.sounds import RATE, tone
from helpers.tracks import course, row_of
from music_emotion.digest import FileStamp
from music_emotion.emotions import EMOTIONS
from music_emotion.inference.prediction import TrackPrediction
from music_emotion.library.audio_hash import audio_digest
from music_emotion.library.catalogue import Catalogue
from music_emotion.library.track import CatalogueTrack

ENCODERS = {
    "mp3": ("-c:a", "libmp3lame", "-id3v2_version", "4"),
    "v23.mp3": ("-c:a", "libmp3lame", "-id3v2_version", "3", "-write_id3v1", "1"),
    "flac": ("-c:a", "flac"),
    "ogg": ("-c:a", "libvorbis"),
    "opus": ("-c:a", "libopus"),
    "m4a": ("-c:a", "aac"),
    # FFmpeg passes over the ID3 chunk of a WAV that has an INFO chunk, so one has none.
    "wav": ("-c:a", "pcm_s16le", "-map_metadata", "-1", "-fflags", "+bitexact"),
    "info.wav": ("-c:a", "pcm_s16le"),
    "aiff": ("-c:a", "pcm_s16be", "-write_id3v2", "1"),
    "wv": ("-c:a", "wavpack"),
}
needs_ffmpeg = pytest.mark.skipif(
    not (shutil.which("ffmpeg") and shutil.which("ffprobe")), reason="ffmpeg is not installed"
)
TAGS = (
    "-metadata",
    "title=Tränen & Töne",
    "-metadata",
    "artist=Somebody",
    "-metadata",
    "date=1999",
)


def make(folder: Path, kind: str, seconds: float = 2.0) -> Path:
    """A file of a kind; its name ends in it."""
    source = folder / "source.wav.tmp"
    sf.write(source, tone(seconds), RATE, format="WAV")
    path = folder / f"song.{kind}"
    tags = () if kind == "wav" else TAGS
    command = ["ffmpeg", "-nostdin", "-loglevel", "error", "-i", source, *tags, *ENCODERS[kind]]
    subprocess.run([*command, path], check=True)
    source.unlink()
    return path


def decoded(path: Path) -> str:
    """MD5 of the decoded sound, by ffmpeg."""
    command = ["ffmpeg", "-nostdin", "-loglevel", "error", "-i", path, "-map", "0:a", "-f", "md5"]
    return subprocess.run([*command, "-"], check=True, capture_output=True, text=True).stdout


def probed(path: Path) -> dict[str, str]:
    """All tags of a file by upper-case name, by ffprobe."""
    entries = "format_tags:stream_tags"
    command = ["ffprobe", "-loglevel", "error", "-of", "json", "-show_entries", entries, path]
    probed = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    tags = probed["format"].get("tags", {})
    for stream in probed["streams"]:
        tags |= stream.get("tags", {})
    return {name.upper(): value for name, value in tags.items()}


def predicted(path: Path, top: str | None = "calmness", *, version: str = "1") -> CatalogueTrack:
    """A row whose intensities are .00, .11 … .88 but .90 for the top, whose standings .0 … .8."""
    intensities = np.arange(len(EMOTIONS), dtype=np.float32) * 0.11
    emotions = np.full(len(EMOTIONS), 0.05, np.float32)
    if top is not None:
        intensities[EMOTIONS.index(top)], emotions[EMOTIONS.index(top)] = 0.9, 0.6
    prediction = TrackPrediction(
        str(path),
        2.0,
        "tones",
        version,
        emotions,
        intensities,
        0.0 if top is None else 0.7,
        0.25,
        -0.5,
        course(emotions[None]),
        standing=np.arange(len(EMOTIONS), dtype=np.float32) / 10,
    )
    return CatalogueTrack(
        str(path),
        FileStamp.read(path),
        audio_digest(path),
        prediction=prediction,
        model_sha256=f"abc{version}",
    )


def catalogued(
    catalogue: Catalogue, path: Path, top: str = "calmness", *, version: str = "1", **fields: object
) -> CatalogueTrack:
    """The row of a file as it is catalogued; fields are the row's own."""
    catalogue.write(replace(predicted(path, top, version=version), **fields))
    return row_of(catalogue, path)
