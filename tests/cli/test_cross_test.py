"""The command from a table to a folder of results."""

from __future__ import annotations

import json
from pathlib import Path

import soundfile as sf

from helpers.command_line import run
from helpers.sounds import RATE, tone


def test_a_model_is_held_against_a_table(tmp_path: Path, model: str) -> None:
    folder = tmp_path / "music"
    folder.mkdir()
    rows = ["path,arousal [0..10],liking,tension,game"]
    for number in range(6):
        tense = number % 2
        sound = (1 - 0.01 * number) * tone(3.0, hertz=3_000.0 if tense else 440.0)
        sf.write(folder / f"{number}.wav", sound, RATE)
        rows.append(f"{number}.mid,{9 if tense else 2},{number},{0.5 + tense / 4},{number // 2}")
    rows.append("7.mid,3,1,0,9")
    (folder / "8.wav").write_text("no sound")
    rows.append("8.wav,3,1,0,9")
    table = tmp_path / "rated.csv"
    table.write_text("\n".join(rows) + "\n")
    out = tmp_path / "out"
    named = ["--data", folder, "--csv", table, "--out", out, "--jobs", 1]
    done = run("cross-test", "--model", model, *named)
    assert done.exit_code == 1, "rows were left out"
    assert "there is no file 7.mid" in done.stdout
    assert "8.wav" in done.stdout
    assert "arousal, rho with the raters" in done.stdout
    found = json.loads((out / "cross-test.json").read_text())
    assert (found["tracks"], found["groups"]) == (6, 3)
    rows_of = {(row["scale"], row["name"]): row["figures"] for row in found["rows"]}
    assert rows_of["arousal", "tones"]["pearson_r"]["value"] > 0.95
    assert rows_of["tension", "tones"]["spearman_rho"]["value"] > 0.8
    assert rows_of["arousal", "centroid"]["pearson_r"]["value"] > 0.95
    assert {name for _, name in rows_of} == {"tones", "level", "flux", "centroid", "mode"}
    assert {path.name for path in out.iterdir()} == {
        *("README.md", "cross-test.json", "summary.csv", "predictions.csv"),
    }
    other = run("cross-test", "--model", model, *named, "--ratings", "liking")
    assert "liking: a model says nothing of it" in str(other.exception)


def test_a_model_trained_on_one_table_is_held_against_another(tmp_path: Path) -> None:
    """From labels of quadrants to a folder that report draws."""
    folder = tmp_path / "music"
    folder.mkdir()
    rows = ["path,group,label"]
    for number in range(12):
        word, hertz = (("Q1", 3_000.0), ("Q3", 300.0), ("Q2", 1_500.0))[number % 3]
        sf.write(folder / f"{number}.wav", tone(6.0, hertz=hertz + 20 * number), RATE)
        rows.append(f"{number}.wav,band {number},{word}")
    table = folder / "quadrants.csv"
    table.write_text("\n".join(rows))
    trained = tmp_path / "mine"
    done = run("train", "light", "--csv", table, "--out", trained, "--jobs", 1)
    assert done.exit_code == 0, done.output
    out = tmp_path / "out"
    done = run("cross-test", "--model", trained, "--csv", table, "--out", out, "--jobs", 1)
    assert done.exit_code == 0, done.output
    found = json.loads((out / "cross-test.json").read_text())
    assert found["model"] == "mine"
    areas = {row["scale"]: row["figures"]["roc_auc"]["value"] for row in found["rows"][::5]}
    assert areas == {"valence": 1.0, "arousal": 1.0}
    assert found["quadrants"][0]["figures"]["accuracy"]["value"] > 0.9
    drawn = run("report", out)
    assert drawn.exit_code == 0, drawn.output
    assert "mine on music" in (out / "report.html").read_text()
