from __future__ import annotations

from pathlib import Path

import pytest

from music_emotion.errors import EvaluationError
from music_emotion.evaluation.scores import Estimate
from music_emotion.evaluation.strict_json import json_text
from music_emotion.report.elsewhere import (
    ELSEWHERE,
    Agreement,
    Elsewhere,
    NamedFirst,
    agreement_table,
    elsewhere_table,
    named_table,
    quadrant_table,
    read_elsewhere,
    variants_table,
)

COUNTS = {"calmness": 2, "power": 0, "joyful_activation": 7}
FOUND = Elsewhere(
    command="python benchmarks/vgmidi.py RATINGS RENDERED",
    date="2026-01-01",
    machine={"cores": 2},
    versions={"numpy": "2"},
    data="some pieces",
    pieces=9,
    games=3,
    pieces_over_time=8,
    resamples=50,
    rows=(
        Agreement("light", "model", {"arousal": Estimate(0.5, 0.25, 0.75)}, "1"),
        Agreement("`light` less flux", "difference", {"arousal": Estimate(0.125, -0.5, 0.25)}),
    ),
    named=(
        NamedFirst(
            "light",
            {"calmness": 2, "power": 0, "joyful_activation": 7},
            2,
            1,
            1,
            0,
            {"pleasant and quiet": {"calmness": 2, "power": 0}},
        ),
    ),
    taken_apart="light",
    variants=(Agreement("without flux", "variant", {"valence": Estimate(0.25, 0.0, 0.5)}),),
)


def test_what_is_read_is_what_was_written(tmp_path: Path) -> None:
    assert read_elsewhere(tmp_path) is None
    (tmp_path / ELSEWHERE).write_text(json_text(FOUND))
    assert read_elsewhere(tmp_path) == FOUND
    (tmp_path / ELSEWHERE).write_text("{}")
    with pytest.raises(EvaluationError, match=r"benchmarks/vgmidi\.py"):
        read_elsewhere(tmp_path)


def test_tables_say_figures_with_intervals_and_the_commonest_name_first() -> None:
    model, less_flux = agreement_table(FOUND).splitlines()[2:]
    assert model == "| `light` | 0.50 (0.25 to 0.75) | – | – | – | – | – |"
    assert less_flux.startswith("| `light` less flux | +0.125 (-0.500 to +0.250) |")
    assert named_table(FOUND).splitlines()[2:] == [
        "| `light` | joyful activation 7, calmness 2 | 1 of 2 | 0 of 1 |"
    ]
    assert quadrant_table(FOUND, "light").splitlines()[2:] == [
        "| pleasant and quiet | 2 | calmness 2 |"
    ]
    assert variants_table(FOUND).splitlines()[2:] == [
        model,
        "| without flux | – | – | – | 0.25 (0.00 to 0.50) | – | – |",
    ]
    assert elsewhere_table(FOUND).splitlines()[2] == (
        f"{model} joyful activation 7, calmness 2 | 1 of 2 | 0 of 1 |"
    )
