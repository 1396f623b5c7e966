"""Dataclasses and arrays as strict JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np

from music_emotion.evaluation.strict_json import json_text, to_json


@dataclass(frozen=True)
class Inner:
    values: np.ndarray
    undefined: float


def test_everything_becomes_plain_and_nothing_is_nan() -> None:
    value = {
        "inner": Inner(np.array([[1.0, np.nan], [np.inf, -0.0]]), float("nan")),
        "flag": np.bool_(True),
        "count": np.int64(3),
        "text": "ä",
        "nothing": None,
        1: (0.12345678, [Inner(np.array([], dtype=int), 2.0)]),
    }
    text = json_text(value)
    assert json.loads(text) == to_json(value)
    assert json.loads(text) == {
        "inner": {"values": [[1.0, None], [None, 0.0]], "undefined": None},
        "flag": True,
        "count": 3,
        "text": "ä",
        "nothing": None,
        "1": [0.123457, [{"values": [], "undefined": 2.0}]],
    }
    assert "-0.0" not in text
    assert "[1.0, null]" in text  # a row of numbers stays on one line
