from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile as sf

from helpers.graphs import package, tone_detector
from helpers.sounds import RATE, tone
from music_emotion.inference.model import load_model

pytest.importorskip("beets", reason="beets is missing: pip install 'music-emotion[beets]'")

CONFIG = """
directory: {place}/library
library: {place}/library.db
plugins: musicemotion
musicemotion:
    model: {model}
import:
    copy: no
    write: no
"""


@pytest.fixture(scope="module")
def beet(tmp_path_factory):
    """A command line of beets with a library of its own."""
    place = tmp_path_factory.mktemp("beets")
    model = package(place / "model", tone_detector(), name="tones")
    (place / "config.yaml").write_text(CONFIG.format(place=place, model=model))
    environment = {
        **os.environ,
        "BEETSDIR": str(place),
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
    }

    def run(*words: object) -> str:
        command = [sys.executable, "-m", "beets", *map(str, words)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout + done.stderr

    run.model = model
    return run


def test_items_are_predicted_when_imported_and_on_request(beet, tmp_path: Path) -> None:
    music = tmp_path / "music"
    music.mkdir()
    sf.write(music / "calm.flac", tone(4.0), RATE)
    sf.write(music / "tense.flac", tone(4.0, hertz=3_000.0), RATE)
    beet("import", "-qA", music)
    listed = beet("ls", "-f", "$mood|$emotion_calmness|$emotion_model", "emotion_calmness:0.5..")
    assert listed.splitlines() == ["calmness|1.000|tones 1"]
    assert beet("ls", "-f", "$mood", "mood:tension") == "tension\n"
    # Valence and arousal are read from the intensities; the model brings no reference.
    calm = beet("ls", "-f", "$emotion_valence|$emotion_arousal", "mood:calmness").strip()
    valence, arousal = map(float, calm.split("|"))
    expected = load_model(beet.model).predict(tone(4.0), RATE)
    assert (valence, arousal) == (round(expected.valence, 3), round(expected.arousal, 3))
    assert beet("ls", "emotion_standing_calmness:0..") == ""

    # A mood of the user's stays; items of this model are not predicted again unless forced.
    beet("modify", "-yW", "mood:tension", "mood=my own", "emotion_model!", "emotion_tension=0.1")
    beet("emotion")
    assert beet("ls", "-f", "$mood|$emotion_model", "emotion_tension:0.5..") == "my own|tones 1\n"
    assert beet("emotion") == ""
    beet("emotion", "-f")  # told from the prediction, it is the user's still
    assert beet("ls", "-f", "$mood|$emotion_mood", "emotion_tension:0.5..") == "my own|tension\n"
    (music / "tense.flac").write_text("dear listener")
    said = beet("emotion", "-f")
    assert "tense.flac' is not audio" in said
    assert "Traceback" not in said
