"""Measure how much of a damaged file is heard: ``python benchmarks/damage.py``; needs FFmpeg.

A minute of music is encoded in every base format. In each file one byte is flipped, or 512
bytes, 4 kB or 32 kB are overwritten with random ones, at places drawn from a seed behind the
headers, one place a file. Each is decoded and compared with the undamaged file, 20 ms by 20 ms at
the same time: heard is what differs by less than a quarter of its level. The share is of the sound
whose bytes were not overwritten; the overwritten samples of a WAV count as heard. An MP3 of a
variable rate that does not tell its frames does not tell how long junk lasts either: there, sound
may be a quarter of a second off.

Printed per format and damage: the mean and the smallest share, the seconds decoded of the smallest,
and of how many files more than 0.3 s were missing without a warning.
"""

from __future__ import annotations

import argparse
import io
import os
import random
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from music_emotion.audio import Sound, decode
from music_emotion.report.tables import markdown_table

SECONDS = 60.0
RATE = 44_100  # Hz
WINDOW_SECONDS = 0.02
LARGEST_ERROR = 0.25  # of a window's level
QUIET = 1e-3  # of full scale; quieter windows are not counted
SILENT_LOSS_SECONDS = 0.3
UNCOUNTED, LARGEST_SHIFT, STEP = "MP3 VBR, no Xing", 12, 1_152  # frames, of so many samples
HEADER_SHARE = 0.02  # of a file, and at least:
HEADER_BYTES = 8_192
ENCODINGS = {
    "FLAC": ("flac", ["-c:a", "flac"]),
    "MP3 128 kbit/s": ("mp3", ["-b:a", "128k"]),
    "MP3 128 kbit/s, no Info": ("mp3", ["-b:a", "128k", "-write_xing", "0"]),
    "MP3 VBR": ("mp3", ["-q:a", "2"]),
    UNCOUNTED: ("mp3", ["-q:a", "2", "-write_xing", "0"]),
    "MP3 320 kbit/s": ("mp3", ["-b:a", "320k"]),
    "Vorbis": ("ogg", ["-c:a", "libvorbis", "-q:a", "4"]),
    "Opus": ("opus", ["-c:a", "libopus", "-b:a", "96k"]),
    "WAV": ("wav", ["-c:a", "pcm_s16le"]),
}
DAMAGES = {"1 byte flipped": 0, "512 B": 512, "4 kB": 4_096, "32 kB": 32_768}


@dataclass(frozen=True)
class Heard:
    """What was heard of one damaged file."""

    share: float
    seconds: float
    is_silent_loss: bool


def music() -> NDArray[np.float32]:
    """Return stereo music of EMOTIFY, or chords and noise, shape (frames, 2)."""
    root = os.environ.get("EMOTIFY_ROOT")
    if root:
        left = decode(Path(root, "emotifymusic", "rock", "3.mp3"), duration=SECONDS).samples
    else:
        rng = np.random.default_rng(0)
        clock = np.arange(int(SECONDS * RATE)) / RATE
        chord = sum(np.sin(2 * np.pi * hertz * clock) for hertz in (220.0, 277.2, 329.6))
        left = 0.15 * chord + 0.1 * rng.standard_normal(len(clock)) * (clock % 0.5 < 0.05)
        left = left.astype(np.float32)
    return np.stack([left, 0.7 * np.roll(left, 400)], axis=1)


def encoded(sound: NDArray[np.float32], suffix: str, options: list[str], folder: Path) -> bytes:
    """Return the sound in a format, as FFmpeg writes it."""
    source, target = folder / "source.wav", folder / f"target.{suffix}"
    soundfile.write(source, sound, RATE, subtype="PCM_16")
    command = ["ffmpeg", "-nostdin", "-v", "error", "-y", "-i", str(source), *options, str(target)]
    subprocess.run(command, check=True)
    return target.read_bytes()


def damaged(data: bytes, count: int, rng: random.Random) -> bytes:
    """Flip a byte, or overwrite ``count`` bytes, at a place behind the headers."""
    result = bytearray(data)
    start = max(HEADER_BYTES, round(HEADER_SHARE * len(data)))
    at = rng.randrange(start, len(data) - max(count, 1))
    if count:
        result[at : at + count] = rng.randbytes(count)
    else:
        result[at] ^= rng.randrange(1, 256)
    return bytes(result)


def compare(whole: Sound, other: Sound, spared: float, overwritten: float, most: int = 0) -> Heard:
    """Compare a damaged file with the whole; ``spared`` is the share of bytes left as they were.

    ``overwritten`` is the share of the sound that counts as heard whatever it is; sound may be off
    by ``most`` frames of an MP3.
    """
    width = round(WINDOW_SECONDS * whole.sample_rate)
    count = len(whole.samples) // width
    expected = whole.samples[: count * width].reshape(count, width)
    room = most * STEP
    heard = np.zeros(len(whole.samples) + 2 * room, dtype=np.float32)
    length = min(len(heard) - room, len(other.samples))
    heard[room : room + length] = other.samples[:length]
    starts = range(0, 2 * room + 1, STEP)
    shifted = [heard[start : start + count * width].reshape(count, width) for start in starts]
    given = shifted[most]
    level = np.sqrt(np.mean(np.square(expected), axis=1))
    errors = [np.sqrt(np.mean(np.square(expected - moved), axis=1)) for moved in shifted]
    error = np.min(errors, axis=0)
    counted = level > QUIET
    share = float(np.mean(error[counted] < LARGEST_ERROR * level[counted])) + overwritten
    silent = np.sqrt(np.mean(np.square(given), axis=1)) < QUIET / 10
    missing = float(np.sum(silent & counted)) * WINDOW_SECONDS
    missing += max(0.0, whole.duration - other.duration)
    lost = missing > SILENT_LOSS_SECONDS and not other.warnings
    return Heard(min(1.0, share / spared), other.duration, lost)


def measure(data: bytes, kind: str, count: int, places: int, seed: int) -> list[Heard]:
    """Damage a file at so many places, one at a time, and hear each."""
    whole = decode(io.BytesIO(data))
    results = []
    for place in range(places):
        rng = random.Random(f"{seed} {kind} {count} {place}")
        other = decode(io.BytesIO(damaged(data, count, rng)))
        gone = count / len(data)
        is_wav = kind == "WAV"
        spared, most = 1.0 if is_wav else 1.0 - gone, LARGEST_SHIFT * (kind == UNCOUNTED)
        results.append(compare(whole, other, spared, gone * is_wav, most))
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--places", type=int, default=25)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    # What the decoders print of every fault is not to be read.
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123
        os.dup2(nowhere.fileno(), 2)
    rows, sound, silent = [], music(), 0
    with tempfile.TemporaryDirectory() as folder:
        for kind, (suffix, encoding) in ENCODINGS.items():
            data = encoded(sound, suffix, encoding, Path(folder))
            row = [kind]
            for count in DAMAGES.values():
                results = measure(data, kind, count, options.places, options.seed)
                worst = min(results, key=lambda result: result.share)
                mean = float(np.mean([result.share for result in results]))
                unsaid = sum(result.is_silent_loss for result in results)
                silent += unsaid
                row.append(f"{mean:.3f}; {worst.share:.3f} of {worst.seconds:.1f} s; {unsaid}")
            rows.append(row)
            print(" | ".join(row), flush=True)
    print(markdown_table(["mean; worst; without a word", *DAMAGES], rows))
    sys.exit(silent > 0)


if __name__ == "__main__":
    main()
