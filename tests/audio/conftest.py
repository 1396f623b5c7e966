"""Files of every base format, written with a known sound."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from helpers.sounds import FORMATS, RATE


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def write_file(
        samples: np.ndarray, rate: int = RATE, kind: str = "wav", name: str = "", subtype: str = ""
    ) -> Path:
        path = tmp_path / (name or f"sound.{kind}")
        container, codec = FORMATS[kind]
        sf.write(path, samples, rate, format=container, subtype=subtype or codec)
        return path

    return write_file
