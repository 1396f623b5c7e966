"""Measure how much the way a track is delivered changes what is predicted.

    python tools/check_exported_folds.py --model blend --folds FOLDER
    python benchmarks/delivery.py --folds FOLDER [--write docs/delivery.md]
    python benchmarks/delivery.py --model default FILE …

Each track is predicted as it is, then re-encoded, in stereo, at other rates and quieter. Printed
per change: the mean absolute change of a probability (over tracks and emotions), the largest, and
the share of tracks whose top emotion stays.

``--folds`` takes models that have not heard the tracks: in each subfolder a packaged model and
``held_out.txt``, which names its tracks, one a line, relative to EMOTIFY_ROOT. ``--every 4``
takes a quarter of them. ``--write`` replaces a page up to the end of its table.
"""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import date
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from music_emotion.audio import decode, resample
from music_emotion.cli.progress import progress_bar
from music_emotion.inference.model import load_model

Array = NDArray[np.float32]
HELD_OUT = "held_out.txt"
ALL = "all"  # the last row
QUIETER = 0.5  # 6 dB


@dataclass(frozen=True)
class Delivery:
    """One way to deliver a track: container and codec, rate, channels, gain."""

    name: str
    container: str = "FLAC"
    codec: str = "PCM_16"
    rate: int = 44_100
    channels: int = 1
    gain: float = 1.0

    def write(self, samples: Array, rate: int, path: Path) -> None:
        """Write mono sound in this way."""
        changed = self.gain * resample(samples, rate, self.rate)
        channels = np.repeat(changed[:, None], self.channels, axis=1)
        with soundfile.SoundFile(
            path, "w", self.rate, self.channels, self.codec, format=self.container
        ) as file:
            # Whole minutes at once make libsndfile's Vorbis encoder run out of stack.
            for start in range(0, len(channels), 1 << 16):
                file.write(channels[start : start + (1 << 16)])


DELIVERIES = (
    Delivery("FLAC, mono, 44.1 kHz"),
    Delivery("FLAC, stereo", channels=2),
    Delivery("FLAC, 22.05 kHz", rate=22_050),
    Delivery("FLAC, 48 kHz", rate=48_000),
    Delivery("FLAC, 6 dB quieter", gain=QUIETER),
    Delivery("MP3, mono", "MP3", "MPEG_LAYER_III"),
    Delivery("MP3, stereo, 48 kHz", "MP3", "MPEG_LAYER_III", rate=48_000, channels=2),
    Delivery("Ogg Vorbis, stereo", "OGG", "VORBIS", channels=2),
)


def changes(job: tuple[str, str]) -> list[tuple[Array, Array]]:
    """Return (as it is, delivered otherwise) for each of DELIVERIES."""
    model_name, path = job
    model = load_model(model_name)
    sound = decode(path)
    original = model.predict(path).emotions
    pairs = []
    with tempfile.TemporaryDirectory() as folder:
        for delivery in DELIVERIES:
            other = Path(folder, "track.bin")
            delivery.write(sound.samples, sound.sample_rate, other)
            pairs.append((original, model.predict(other).emotions))
    return pairs


def jobs_of_folds(folder: Path) -> Iterator[tuple[str, str]]:
    root = os.environ["EMOTIFY_ROOT"]
    for listed in sorted(folder.glob(f"*/{HELD_OUT}")):
        for line in listed.read_text(encoding="utf-8").split("\n"):
            if line:
                yield str(listed.parent), f"{root}/{line}"


def table(results: list[list[tuple[Array, Array]]]) -> list[str]:
    lines = [
        "| delivered as | mean change of a probability | largest | top emotion unchanged |",
        "|---|---:|---:|---:|",
    ]
    everything = []
    for number, delivery in enumerate(DELIVERIES):
        pairs = np.array([result[number] for result in results])
        everything.append(pairs)
        lines.append(row(delivery.name, pairs))
    lines.append(row(ALL, np.concatenate(everything)))
    return lines


def behind_table(page: Path) -> str:
    """Return what a page says after its table, to be kept."""
    text = page.read_text(encoding="utf-8") if page.exists() else ""
    return text.partition(f"| {ALL} |")[2].partition("\n")[2]


def row(name: str, pairs: NDArray[np.float32]) -> str:
    change = np.abs(pairs[:, 1] - pairs[:, 0])
    same = (pairs[:, 0].argmax(axis=1) == pairs[:, 1].argmax(axis=1)).mean()
    return f"| {name} | {change.mean():.4f} | {change.max():.3f} | {same:.1%} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*")
    parser.add_argument("--model", default="default")
    parser.add_argument("--folds", type=Path)
    parser.add_argument("--every", type=int, default=1, help="take every N-th track")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    if options.folds:
        jobs = list(jobs_of_folds(options.folds))[:: options.every]
        which = "the five fold models of the default recipe, each on the tracks it has not heard"
    else:
        jobs = [(options.model, path) for path in options.files]
        which = f"model {options.model}"
    if not jobs:
        parser.error("no tracks: name files, or a folder with --folds")
    results = []
    with (
        ProcessPoolExecutor(options.jobs, mp_context=get_context("spawn")) as pool,
        progress_bar("tracks") as show,
    ):
        for result in pool.map(changes, jobs):
            results.append(result)
            show(len(results), len(jobs))
    page = "\n".join(
        [
            "# The same track, delivered otherwise",
            "",
            f"{len(jobs)} tracks, {which}. Each track is compared with its own prediction from "
            f"the file as it is. Made by `benchmarks/delivery.py` on "
            f"{date.today()}, Python {platform.python_version()}.",
            "",
            *table(results),
            "",
        ]
    )
    print(page)
    if options.write:
        options.write.write_text(page + behind_table(options.write), encoding="utf-8")


if __name__ == "__main__":
    main()
