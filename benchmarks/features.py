"""Time our features against librosa called per segment: ``python benchmarks/features.py [FILE …]``.

Per one-minute file, on one core, decoding included, both in this run and by turns; the ratio is
the median over files and repeats of ours / librosa's. Without files, real tracks are taken from
EMOTIFY_ROOT. librosa: ``pip install -r benchmarks/requirements-features.txt``.

What the peer does is what its user writes: ``librosa.load(path, sr=22050, duration=60)``, then for
each 3-s segment one call per descriptor with default arguments. For the advanced descriptors that
includes ``effects.hpss`` and ``tonnetz(y)`` on its default constant-Q chromagram;
``--same-tonnetz`` times it on the chroma already there, which is what we compute.
"""
# ruff: noqa: E402 - the number of threads must be set before numpy loads

from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[_name] = "1"  # read when numpy loads

import argparse
import platform
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from music_emotion.audio import decode
from music_emotion.features.descriptors import advanced, basic
from music_emotion.features.segments import (
    EXCERPT_SECONDS,
    SAMPLE_RATE,
    SEGMENT_LENGTH,
    sound_segments,
)
from music_emotion.features.spectrum import log_mel

GENRES = ("classical", "rock", "electronic", "pop")
LIMITS = {"log_mel": 0.8, "basic": 0.4, "advanced": 0.14}  # what we promise to stay under
Array = NDArray[np.float32]


def our_segments(path: Path) -> Array:
    sound = decode(path, duration=EXCERPT_SECONDS)
    return sound_segments(sound.samples, sound.sample_rate)


def their_segments(path: Path) -> list[Array]:
    import librosa

    samples, _ = librosa.load(path, sr=SAMPLE_RATE, duration=EXCERPT_SECONDS)
    last = len(samples) - SEGMENT_LENGTH
    return [samples[at : at + SEGMENT_LENGTH] for at in range(0, last + 1, SEGMENT_LENGTH)]


def their_log_mel(path: Path) -> list[Array]:
    import librosa

    return [
        librosa.power_to_db(
            librosa.feature.melspectrogram(y=y, sr=SAMPLE_RATE, n_mels=128, fmax=8000), ref=np.max
        )
        for y in their_segments(path)
    ]


def _their_basic(y: Array) -> list[Array]:
    from librosa import feature

    return [
        feature.mfcc(y=y, sr=SAMPLE_RATE, n_mfcc=13),
        feature.spectral_centroid(y=y, sr=SAMPLE_RATE),
        feature.chroma_stft(y=y, sr=SAMPLE_RATE),
        feature.zero_crossing_rate(y),
    ]


def their_basic(path: Path) -> list[Array]:
    return [np.concatenate(_their_basic(y)) for y in their_segments(path)]


def their_advanced(path: Path, *, same_tonnetz: bool) -> list[Array]:
    import librosa
    from librosa import feature

    result = []
    for y in their_segments(path):
        columns = _their_basic(y)
        if same_tonnetz:
            columns.append(feature.tonnetz(chroma=columns[2]))
        else:
            columns.append(feature.tonnetz(y=y, sr=SAMPLE_RATE))
        columns.append(feature.spectral_contrast(y=y, sr=SAMPLE_RATE))
        harmonic, percussive = librosa.effects.hpss(y)
        columns += [feature.rms(y=harmonic), feature.rms(y=percussive)]
        columns.append(feature.spectral_rolloff(y=y, sr=SAMPLE_RATE))
        columns.append(feature.spectral_bandwidth(y=y, sr=SAMPLE_RATE))
        columns.append(feature.rms(y=y))
        result.append(np.concatenate(columns))
    return result


def timed(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def sample_files(count: int) -> list[Path]:
    root = os.environ.get("EMOTIFY_ROOT")
    if not root:
        sys.exit("name some audio files, or set EMOTIFY_ROOT")
    numbers = [1 + 9 * at // len(GENRES) for at in range(count)]
    return [
        Path(root) / "emotifymusic" / GENRES[at % len(GENRES)] / f"{number}.mp3"
        for at, number in enumerate(numbers)
    ]


def compare(
    name: str,
    files: list[Path],
    repeats: int,
    ours: Callable[[Path], object],
    theirs: Callable[[Path], object],
) -> None:
    ours(files[0]), theirs(files[0])  # compile and fill the filter caches
    times = [
        (timed(lambda f=file: ours(f)), timed(lambda f=file: theirs(f)))
        for _ in range(repeats)
        for file in files
    ]
    ratio = statistics.median(mine / peer for mine, peer in times)
    mine, peer = (1e3 * statistics.median(side) for side in zip(*times, strict=True))
    verdict = "" if name not in LIMITS else f"   (must be <= {LIMITS[name]:g})"
    print(f"{name:<10} {mine:8.0f} ms {peer:8.0f} ms {ratio:8.3f}{verdict}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--same-tonnetz", action="store_true")
    options = parser.parse_args()
    files = options.files or sample_files(4)
    warnings.filterwarnings("ignore")
    import librosa
    import scipy

    print(
        f"Python {platform.python_version()}, numpy {np.__version__}, scipy {scipy.__version__}, "
        f"librosa {librosa.__version__}; {len(files)} files × {options.repeats}, one thread"
    )
    print(f"{'':<10} {'ours':>11} {'librosa':>11} {'ratio':>8}")
    compare("decoding", files, options.repeats, our_segments, their_segments)
    compare("log_mel", files, options.repeats, lambda f: log_mel(our_segments(f)), their_log_mel)
    compare("basic", files, options.repeats, lambda f: basic(our_segments(f)), their_basic)
    compare(
        "advanced",
        files,
        options.repeats,
        lambda f: advanced(our_segments(f)),
        lambda f: their_advanced(f, same_tonnetz=options.same_tonnetz),
    )


if __name__ == "__main__":
    main()
