"""What is promised to stay is there."""

from __future__ import annotations

import re
from pathlib import Path

import music_emotion
from helpers.tracks import prediction
from music_emotion.datasets.corpus import Track

ROOT = Path(__file__).resolve().parents[2]
PREDICT = (ROOT / "docs" / "predict.md").read_text("utf-8")


def test_the_names_of_the_package_are_those_of_its_page() -> None:
    assert set(music_emotion.__all__) == {"EMOTIONS", "__version__", "load_model", "predict"}
    [block] = re.findall(r"^## Python\n\n```python\n(.*?)^```", PREDICT, re.MULTILINE | re.DOTALL)
    named = set(re.findall(r"prediction\.(\w+)", block))
    one = prediction(calmness=0.5)
    assert {"top", "emotions", "timeline", "to_dict", "to_row", "to_frame", "to_jams"} <= named
    assert [name for name in named if not hasattr(one, name)] == []


def test_the_keys_of_json_are_those_of_its_page() -> None:
    [block] = re.findall(r"^## JSON\n.*?^```text\n(.*?)^```", PREDICT, re.MULTILINE | re.DOTALL)
    told = set(re.findall(r"^([a-z_]+)  ", block, re.MULTILINE))
    assert told - {"explanation"} == set(prediction(calmness=0.5).to_dict())
    told = block.partition("timeline")[2].partition("warnings")[0].replace("{name: ", "{")
    course = set(re.findall(r"([a-z_]+): ", told))
    assert course == set(prediction(calmness=0.5).to_dict()["timeline"])


def test_a_track_has_what_a_table_of_ones_own_may_say() -> None:
    page = (ROOT / "docs" / "stability.md").read_text("utf-8")
    row = next(line for line in page.splitlines() if "**Your own table**" in line)
    names = set(re.findall(r"`(\w+)`", row)) - {"label"}
    assert names <= set(Track.__dataclass_fields__)
