from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from helpers.tracks import course, prediction
from music_emotion.emotions import EMOTIONS
from music_emotion.errors import MusicEmotionError
from music_emotion.inference.batch import Outcome
from music_emotion.inference.explain import Explanation
from music_emotion.inference.prediction import COLUMNS, INTENSITY_COLUMNS
from music_emotion.inference.writers import opened_writer

CALM = Outcome("calm.wav", replace(prediction(65.0, calmness=0.55), path="calm.wav", warnings=()))
NOTED = Outcome("b.wav", replace(prediction(6.0, power=0.9), path="b.wav"))
FAILED = Outcome("letter.mp3", error="'letter.mp3' is not audio")


def changed(**fields: object) -> Outcome:
    """The calm track with other numbers."""
    return replace(CALM, prediction=replace(CALM.prediction, **fields))  # type: ignore[type-var]


def written(
    capsys: pytest.CaptureFixture[str], name: str, *outcomes: Outcome, **options: object
) -> str:
    options = {"many": len(outcomes) > 1, **options}
    with opened_writer(name, None, files=len(outcomes), **options) as writer:  # type: ignore[arg-type]
        for outcome in outcomes:
            writer.add(outcome)
    return capsys.readouterr().out


def test_one_track_is_shown_as_bars(capsys: pytest.CaptureFixture[str]) -> None:
    title, calm, amazed, sure, last = written(capsys, "table", CALM, top=2).splitlines()
    assert title == "calm.wav  1:05  model tones 1"
    assert calm.split()[:4] == ["calmness", "█" * 13 + "▉", "58%", "▅▁"]
    assert calm.endswith("more than 55% of music")
    assert amazed.split()[0] == "amazement"
    assert amazed.endswith("less than 95% of music")
    assert max(map(len, (calm, amazed))) < 100
    assert sure == "  calmness with a confidence of 50%"
    assert last == "  valence +0.25 (pleasant), arousal -0.50 (calm), familiarity 75%"


def test_no_track_is_above_or_below_all_music(capsys: pytest.CaptureFixture[str]) -> None:
    standing = np.full(9, 1.0, np.float32)
    standing[0] = 0.0
    lines = written(capsys, "table", changed(standing=standing)).splitlines()
    ends = {line.split()[0]: line.split("  ")[-1] for line in lines[1:10]}
    assert ends["calmness"] == "more than 99% of music"
    assert ends["amazement"] == "less than 99% of music"


def test_what_is_not_known_is_not_told(capsys: pytest.CaptureFixture[str]) -> None:
    unknown = changed(
        standing=np.full(9, np.nan, np.float32),
        **dict.fromkeys(("valence", "arousal", "familiarity"), np.nan),
    )
    _, calm, last = written(capsys, "table", unknown, top=1).splitlines()
    assert calm.endswith("felt by 55%")
    assert last == "  calmness with a confidence of 50%"
    some = changed(valence=-0.101, arousal=-0.001, familiarity=np.nan)
    last = written(capsys, "table", some).splitlines()[-1]
    assert last == "  valence -0.10 (unpleasant), arousal +0.00 (in between)"


def test_many_tracks_get_a_line_each_and_failures_none(capsys: pytest.CaptureFixture[str]) -> None:
    silent = replace(CALM.prediction, confidence=0.0, path="x" * 60)  # type: ignore[type-var]
    lines = written(capsys, "table", CALM, FAILED, NOTED, Outcome("s", silent)).splitlines()
    assert [line.split()[:4] for line in lines] == [
        ["calm.wav", "1:05", "calmness", "58%"],
        ["b.wav", "0:06", "power", "69%"],
        ["note:", "a", "note"],
        ["…" + "x" * 43, "1:05", "silent"],
    ]


def test_a_silent_track_has_no_emotion(capsys: pytest.CaptureFixture[str]) -> None:
    silent = Outcome("s", replace(CALM.prediction, confidence=0.0))  # type: ignore[type-var]
    *_, emotion, last = written(capsys, "table", silent).splitlines()
    assert emotion.split()[-3:-1] == ["felt", "by"]
    assert last == "  silence: no emotion"


def test_the_timeline_in_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    lines = written(capsys, "table", CALM, timeline=True, top=1).splitlines()
    assert [line.split() for line in lines[-2:]] == [
        ["0:01", "calmness", "58%"],
        ["0:04", "amazement", "11%"],
    ]


def test_the_table_says_what_made_the_emotion(capsys: pytest.CaptureFixture[str]) -> None:
    losses = np.array([0.1, 0.4, -0.2, 0.3], np.float32)
    limits, bands = ((400.0, 1_600.0), (1_600.0, 3_200.0)), np.array([0.25, -1e-4], np.float32)
    time = np.arange(4) * 3.0
    why = Explanation("calmness", 0.58, time, losses, limits, bands, np.stack([losses, losses]))
    lines = written(capsys, "table", replace(CALM, explanation=why)).splitlines()
    assert [line.split() for line in lines[-5:]] == [
        ["0:00–0:03", "+10.0%"],
        ["0:03–0:06", "+40.0%"],
        ["0:09–0:12", "+30.0%"],
        ["400–1,600", "Hz", "+25.0%"],
        ["1,600–3,200", "Hz", "+0.0%"],  # not -0.0%
    ]
    assert lines[-6].startswith("  why calmness (58%); what it loses without a part")


def test_colours_are_of_the_screen(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[" in written(capsys, "table", CALM)
    with opened_writer("table", tmp_path / "t.txt", files=1, many=False) as writer:
        writer.add(CALM)
    assert "\x1b[" not in (tmp_path / "t.txt").read_text(encoding="utf-8")


def test_json_is_a_list_and_json_lines_are_objects(capsys: pytest.CaptureFixture[str]) -> None:
    listed = json.loads(written(capsys, "json", CALM, FAILED))
    lines = written(capsys, "jsonl", CALM, FAILED).splitlines()
    assert [json.loads(line) for line in lines] == listed
    assert listed[0] == CALM.prediction.to_dict()  # type: ignore[union-attr]
    assert listed[1] == {"path": "letter.mp3", "error": "'letter.mp3' is not audio"}
    assert written(capsys, "json") == "[]\n"


def test_json_on_a_stream_is_closed_whatever_happens(capsys: pytest.CaptureFixture[str]) -> None:
    with (
        pytest.raises(KeyboardInterrupt),
        opened_writer("json", None, files=2, many=True) as writer,
    ):
        writer.add(Outcome("a", error="b"))
        raise KeyboardInterrupt
    assert json.loads(capsys.readouterr().out) == [{"path": "a", "error": "b"}]


def test_csv_has_a_row_per_track(capsys: pytest.CaptureFixture[str]) -> None:
    calm, failed = csv.DictReader(io.StringIO(written(capsys, "csv", CALM, FAILED)))
    assert list(calm) == ["path", *COLUMNS, "error"]
    assert (calm["top"], calm["intensity_calmness"], calm["error"]) == ("calmness", "0.55", "")
    assert {name for name, value in failed.items() if value} == {"path", "error"}


def test_csv_of_a_timeline_has_a_row_per_point(capsys: pytest.CaptureFixture[str]) -> None:
    assert CALM.prediction is not None
    felt = np.array([[0.25] * 9, [0.75] * 9])
    timeline = course(CALM.prediction.timeline.emotions, felt)
    calm = replace(CALM, prediction=replace(CALM.prediction, timeline=timeline))
    points = list(csv.DictReader(io.StringIO(written(capsys, "csv", calm, FAILED, timeline=True))))
    numbers = ["time", "start", "end", "valence", "arousal"]
    assert list(points[0]) == ["path", *numbers, *EMOTIONS, *INTENSITY_COLUMNS]
    assert [[point[name] for name in ("path", *numbers)] for point in points] == [
        ["calm.wav", "1.5", "0.0", "3.0", "0.0", "0.0"],
        ["calm.wav", "4.5", "3.0", "6.0", "0.1", "-0.1"],
    ]
    assert [point["calmness"] for point in points] == ["0.578944", "0.111111"]
    assert [point["intensity_calmness"] for point in points] == ["0.25", "0.75"]


def test_jams_of_one_track_is_a_document_and_of_many_a_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = json.loads(written(capsys, "jams", CALM))
    assert one["file_metadata"]["duration"] == 65.0
    with opened_writer("jams", tmp_path / "jams", files=3, many=True) as writer:
        for outcome in (CALM, FAILED, NOTED):
            writer.add(outcome)
    assert sorted(path.name for path in (tmp_path / "jams").iterdir()) == ["b.jams", "calm.jams"]
    assert json.loads((tmp_path / "jams" / "calm.jams").read_text()) == one
    with pytest.raises(MusicEmotionError, match="one track per file; name a folder with -o"):
        written(capsys, "jams", CALM, NOTED)


def test_names_that_are_no_text_are_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    failed = Outcome("/music/caf\udce9.mp3", error="no")
    address = "file:///music/caf%E9.mp3"
    assert json.loads(written(capsys, "json", failed))[0]["path"] == address
    assert address in written(capsys, "csv", failed)
