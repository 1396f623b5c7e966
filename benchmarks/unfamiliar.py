"""How much sound without music a packaged model tells, and how much music it takes for that.

    python benchmarks/unfamiliar.py --variants 2 --music FOLDER …

Sounds of every kind of `tools/sounds_without_music.py` (other draws than the model was fitted to)
are written as files of 30 s and predicted; then every file of the folders of music.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
import soundfile as sf

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))
from music_emotion.audio.discover import AUDIO_SUFFIXES
from music_emotion.inference.model import EmotionModel, load_model
from sounds_without_music import KINDS, RATE, make_sound

SEED = 3  # the model was fitted to 1 and measured on 2


def tell_sounds(model: EmotionModel, variants: int) -> None:
    told, missed = 0, list[str]()
    with tempfile.TemporaryDirectory() as folder:
        for number, kind in enumerate(KINDS):
            for variant in range(variants):
                random = np.random.default_rng((SEED, number, variant))
                path = Path(folder, f"{kind}-{variant}.wav")
                sf.write(path, make_sound(kind, random), RATE)
                is_told = model.predict(path).unfamiliar
                told += is_told
                missed += [] if is_told else [path.stem]
                path.unlink()
    print(f"{told} of {len(KINDS) * variants} sounds without music told; missed: {missed or '-'}")


def tell_music(model: EmotionModel, folder: Path) -> None:
    files = [path for path in sorted(folder.rglob("*")) if path.suffix.lower() in AUDIO_SUFFIXES]
    wrong = [path.name for path in files if model.predict(path).unfamiliar]
    print(f"{len(wrong)} of {len(files)} files in {folder} called unfamiliar: {wrong or '-'}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--model", default="default")
    parser.add_argument("--variants", type=int, default=1, help="of each kind")
    parser.add_argument("--music", type=Path, nargs="*", default=[], metavar="FOLDER")
    options = parser.parse_args()
    model = load_model(options.model)
    tell_sounds(model, options.variants)
    for folder in options.music:
        tell_music(model, folder)


if __name__ == "__main__":
    main()
