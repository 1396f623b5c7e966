"""Whether copies of training tracks are told, and other music is not.

    EMOTIFY_ROOT=… python benchmarks/known_recordings.py --every 6

FFmpeg codes every n-th track anew; the packaged models `default` and `transfer` are asked whether
they learned from it. Then each track is compared with those by all other artists, which it has to
be far from.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from music_emotion.cli.progress import extract_with_bar
from music_emotion.datasets.corpus import Corpus
from music_emotion.datasets.sources import open_corpus
from music_emotion.inference.model import load_model

COPIES: Mapping[str, tuple[str, ...]] = {
    "MP3 320 kbit/s, stereo, 48 kHz": ("-ac", "2", "-ar", "48000", "-b:a", "320k", "copy.mp3"),
    "MP3 128 kbit/s, 6 dB quieter": ("-af", "volume=-6dB", "-b:a", "128k", "copy.mp3"),
    "MP3 64 kbit/s": ("-b:a", "64k", "copy.mp3"),
    "MP3 32 kbit/s": ("-b:a", "32k", "copy.mp3"),
    "FLAC, 6 dB quieter": ("-af", "volume=-6dB", "copy.flac"),
    "Ogg Vorbis, quality 1": ("-c:a", "libvorbis", "-q:a", "1", "copy.ogg"),
    "Opus 32 kbit/s": ("-c:a", "libopus", "-b:a", "32k", "copy.opus"),
    "WAV 22,050 Hz, stereo": ("-ac", "2", "-ar", "22050", "copy.wav"),
}


def told(model_name: str, paths: list[Path]) -> None:
    model, found = load_model(model_name), Counter[str]()
    with tempfile.TemporaryDirectory() as scratch:
        for path in paths:
            for name, (*options, copy) in COPIES.items():
                target = Path(scratch, copy)
                command = ["ffmpeg", "-v", "error", "-y", "-i", str(path), *options, str(target)]
                subprocess.run(command, check=True)
                found[name] += model.predict(target).heard_in_training
            found["the file itself"] += model.predict(path).heard_in_training
    for name in ("the file itself", *COPIES):
        print(f"{model_name}: {found[name]} of {len(paths)} told: {name}")


def far(model_name: str, corpus: Corpus) -> None:
    """Say how near a track comes to one by another artist, and how many come too near."""
    known = load_model(model_name).reference.recordings
    assert known is not None, f"{model_name} knows no recordings"
    features = extract_with_bar(corpus, [known.feature], None)
    nearest = []
    for number, group in enumerate(corpus.groups):
        rows = features.arrays[known.feature][features.track_index == number]
        distances = known.distances(rows, np.ones(len(rows), bool))
        nearest.append(float(distances[corpus.groups != group].min()))
    wrong = sum(distance < known.nearest for distance in nearest)
    print(
        f"{model_name}: {wrong} of {len(nearest)} taken for another artist's; the nearest comes to "
        f"{min(nearest):.2f}, the threshold is {known.nearest:.2f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--every", type=int, default=6)
    parser.add_argument("--models", nargs="*", default=["default", "transfer"])
    options = parser.parse_args()
    corpus = open_corpus()
    for name in options.models:
        told(name, [track.path for track in corpus.tracks[:: options.every]])
        far(name, corpus)


if __name__ == "__main__":
    main()
