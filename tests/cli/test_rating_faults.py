"""Ratings with faults: a clear line for each, whatever the command, and the rest is done."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from helpers.command_line import run
from helpers.sounds import RATE, tone

RATED = 14
OVER_TIME = "rated-over-time.csv"
FAULTS = (
    "column 'joy' is missing: 'joy_sd' is the scatter of ratings that are not there; add them",
    "row 16: arousal is 11, outside its range 1 to 9; correct the rating or the range",
    "row 17: there is no file lost.wav in",
    "row 18: arousal_sd is -1; give 0 or more",
    "row 19: raters is 0; give a whole number from 1",
    "row 20: arousal is 'high'; give a number, with a point before its decimals",
    "row 3: arousal is -4, outside its range 1 to 9; correct the rating or the range",
)
"""Of a table, and of the one of moments beside it."""

REMARKS = (
    "flat is 0.5 for every track, which cannot be learned; it is left out",
    "arousal is one rater's on 2 of 14 tracks, which says nothing of how far raters agree",
)
UNHEARD = "'letter.wav' is not audio that can be read"


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fourteen songs that are rated the higher, the higher they sound, and every fault."""
    folder = tmp_path_factory.mktemp("music")
    rng = np.random.default_rng(0)
    rows = ["path,band,group,arousal [1..9],arousal_sd,raters,flat,flat_sd,joy_sd"]
    moments = ["path,time,arousal"]
    for number in range(RATED):
        sound = tone(15.0, hertz=200.0 * 1.2**number) * rng.uniform(0.5, 1.0)
        sf.write(folder / f"{number}.wav", sound, RATE)
        raters = 1 if number < 2 else 9
        rows.append(f"{number}.wav,,band {number},{2 + number / 2},0.5,{raters},0.5,0.1,0.1")
        moments += [f"{number}.wav,{t},{2 + (number + t) / 6:.3f}" for t in range(2, 17)]
    (folder / "letter.wav").write_text("dear listener")
    rows += [
        "0.wav,,x,11,0.5,9,0.5,0.1,0.1",
        "lost.wav,,x,5,0.5,9,0.5,0.1,0.1",
        "1.wav,,x,5,-1,9,0.5,0.1,0.1",
        "2.wav,,x,5,0.5,0,0.5,0.1,0.1",
        "3.wav,,x,high,0.5,9,0.5,0.1,0.1",
    ]
    moments.insert(2, "0.wav,3,-4")
    (folder / "rated.csv").write_text("\n".join(rows) + "\n")
    (folder / OVER_TIME).write_text("\n".join(moments) + "\n")
    return folder / "rated.csv"


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MUSIC_EMOTION_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize(
    ("command", "written"),
    [
        (("compare", "--models", "svm", "--protocol", "artist"), "summary.csv"),
        (
            ("compare", "--models", "svm", "--protocol", "artist", "--target", "ratings-over-time"),
            "summary.csv",
        ),
        (("train", "light"), "model.json"),
        (("cross-test", "--model", "light"), "summary.csv"),
    ],
    ids=["compare", "over time", "train", "cross-test"],
)
def test_the_rest_is_done(
    command: tuple[str, ...], written: str, table: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    done = run(*command, "--csv", table, "--out", out, "--jobs", 1)
    lines = done.stdout.splitlines()
    for fault in FAULTS:
        (first, *again) = [line for line in lines if fault in line]
        assert first.startswith("left out: "), first
        assert set(again) <= {first}
    for remark in REMARKS:
        assert sum(remark in line for line in lines) == 1
    assert done.exit_code == 1, done.stderr
    assert (out / written).is_file()
    if command[0] == "compare":
        rows = {row["metric"]: row for row in csv.DictReader((out / written).open())}
        assert {name.rpartition("_")[2] for name in rows} == {"arousal"}
        assert rows["ccc_arousal"]["n"] == ("70" if "ratings-over-time" in command else "14")
        checked = run("evaluate", out, "--check", "--csv", table)
        assert "figures agree to the last digit" in checked.stdout, checked.output
        assert "were not checked" not in checked.stdout


def test_validation_names_them_all(table: Path) -> None:
    found = run("dataset", "validate", "--csv", table)
    assert found.exit_code == 1
    for fault in FAULTS:
        assert sum(fault in line for line in found.stdout.splitlines()) == 1, fault
    for remark in REMARKS:
        assert f"warning: {table}: {remark}" in found.stdout
    assert f"{len(FAULTS)} problems: 14 audio files" in found.stdout


def test_a_track_whose_sound_cannot_be_read_is_left_out(table: Path, tmp_path: Path) -> None:
    plain = table.with_name("plain.csv")
    rows = [f"{number}.wav,band {number},{number / 20}" for number in range(RATED)]
    plain.write_text("\n".join(["path,group,mood [0..1]", *rows, "letter.wav,x,0.5"]) + "\n")
    options = ["--models", "commonest_class", "--protocol", "artist", "--jobs", 1]
    done = run("compare", "--csv", plain, *options, "--out", tmp_path / "out")
    assert done.exit_code == 1
    assert UNHEARD.partition("'letter.wav'")[2] in done.stdout
    summary = (tmp_path / "out" / "summary.csv").read_text()
    assert "pearson_r_mood" in summary
    assert ",14\n" in summary
