"""A results folder becomes a page, pictures and tables; what is wrong is said in one line."""

from __future__ import annotations

import shutil
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from helpers.command_line import run
from music_emotion.errors import DatasetError, EvaluationError
from music_emotion.report.write import ReportOptions, report_results


@pytest.fixture(autouse=True)
def no_data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("EMOTIFY_ROOT", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


def test_page_pictures_and_tables_as_the_command_writes_them(planted, tmp_path: Path) -> None:
    wanted = ["--out", "page.html", "--figures", "pictures", "--latex", "tables", "--worst", "1"]
    result = run("report", planted.folder, *wanted)
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert lines[0].startswith("without titles and votes of the tracks: no data: ")
    assert lines[1] == "written to page.html"
    names = {path.name for path in (tmp_path / "pictures").iterdir()}
    for name in ("accuracy", "panels", "r-artist-label", "confusion-artist-label"):
        assert {f"{name}.png", f"{name}.svg"} <= names
    assert "training-artist-label.png" in names
    for svg in (tmp_path / "pictures").glob("*.svg"):
        assert ET.parse(svg).getroot().tag.endswith("svg")
    assert (tmp_path / "tables" / "accuracy.tex").is_file()
    assert sorted(path.name for path in planted.folder.iterdir()) == [
        "predictions",
        "results.json",
        "summary.csv",
    ]


def test_by_default_the_page_stands_with_the_results_and_is_the_same_each_time(
    planted, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(planted.folder, folder)
    lines = report_results(folder, ReportOptions())
    first = (folder / "report.html").read_bytes()
    assert lines[-1] == f"written to {folder / 'report.html'}"
    report_results(folder, ReportOptions())
    assert (folder / "report.html").read_bytes() == first


def test_data_that_are_named_must_be_those_of_the_results(planted, tmp_path: Path) -> None:
    (tmp_path / "other.csv").write_text("path,label\ntone.wav,calmness\n")
    shutil.copy(planted.folder.parent / "tone.wav", tmp_path)
    options = ReportOptions(page=tmp_path / "p.html", csv=tmp_path / "other.csv")
    with pytest.raises(EvaluationError, match="made on other data than corpus"):
        report_results(planted.folder, options)
    with pytest.raises(DatasetError, match="no data"):
        report_results(planted.folder, ReportOptions(page=tmp_path / "p.html", embed_audio=True))
    assert not (tmp_path / "p.html").exists()


def test_results_without_predictions_are_shown_without_single_tracks(planted, tmp_path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    shutil.copy(planted.folder / "results.json", folder)
    lines = report_results(folder, ReportOptions())
    assert lines[0] == "without the tracks that are most wrong: there are no predictions here"
    assert "cannot be shown" in (folder / "report.html").read_text()


def test_sound_cannot_be_had_without_predictions(planted, tmp_path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    shutil.copy(planted.folder / "results.json", folder)
    lines = report_results(folder, ReportOptions(embed_audio=True))
    line = "without the tracks that are most wrong and their sound: there are no predictions here"
    assert lines == [line, f"written to {folder / 'report.html'}"]


def test_no_wrong_track_wanted_no_section_of_them(planted, tmp_path: Path) -> None:
    report_results(planted.folder, ReportOptions(page=tmp_path / "p.html", worst=0))
    text = (tmp_path / "p.html").read_text()
    assert 'id="wrong"' not in text
    assert 'href="#wrong"' not in text


@pytest.mark.parametrize("option", ["figures", "latex"])
def test_a_file_where_a_folder_is_wanted_is_told_with_its_option(
    planted, tmp_path: Path, option: str
) -> None:
    (tmp_path / "taken").write_text("")
    options = ReportOptions(page=tmp_path / "p.html", **{option: tmp_path / "taken"})
    with pytest.raises(EvaluationError, match=f"a file of that name; choose another --{option}"):
        report_results(planted.folder, options)
    assert not (tmp_path / "p.html").exists()


def test_damaged_predictions_are_named(planted, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(planted.folder, folder)
    damaged = folder / "predictions" / "artist-label-half-seed42.npz"
    damaged.write_bytes(damaged.read_bytes()[:100])
    with pytest.raises(EvaluationError, match=r"cannot read .*artist-label-half-seed42\.npz"):
        report_results(folder, ReportOptions())
