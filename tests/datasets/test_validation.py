from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from music_emotion.datasets import demo, emotify
from music_emotion.datasets.demo import DemoSize
from music_emotion.datasets.emotify import published_name
from music_emotion.datasets.sources import Source
from music_emotion.datasets.validation import Validation, render, validate
from music_emotion.digest import file_digest

Table = Callable[..., tuple[Path, Path]]


def _write_sound(path: Path, seconds: float = 4.0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(0).uniform(-0.3, 0.3, round(seconds * 8000))
    soundfile.write(path, noise, 8000)


def test_every_bad_file_and_row_of_a_folder_is_named(user_table: Table) -> None:
    root, table = user_table(
        "path,label\ngood.wav,power\nempty.wav,power\nletter.wav,power\nx.wav,power\ngood.wav,joy\n"
    )
    _write_sound(root / "good.wav")
    (root / "empty.wav").write_bytes(b"")
    (root / "letter.wav").write_text("Dear listener, " * 50)
    result = validate(Source("folder", root, table))
    assert not result.is_valid
    assert result.files == 3
    text = "\n".join(result.problems)
    for name in ("empty.wav", "letter.wav", "row 5: there is no file x.wav", "row 6: no emotion"):
        assert name in text
    assert len(result.problems) == 4


def test_good_folder_is_valid_and_progress_is_told(user_table: Table) -> None:
    root, table = user_table("path,label\na.wav,power\nb.wav,power\n")
    for name in ("a.wav", "b.wav"):
        _write_sound(root / name)
    steps: list[tuple[int, int]] = []
    result = validate(
        Source("folder", root, table), progress=lambda done, total: steps.append((done, total))
    )
    assert result == Validation(files=2, published=0, problems=(), warnings=())
    assert steps == [(1, 2), (2, 2)]
    assert render(result) == "valid: 2 audio files, 0 with warnings"


def test_what_decoding_repairs_is_a_warning(user_table: Table) -> None:
    root, table = user_table("path,label\na.wav,power\n")
    _write_sound(root / "a.wav")
    samples, rate = soundfile.read(root / "a.wav")
    samples[100] = np.nan
    soundfile.write(root / "a.wav", samples, rate, subtype="FLOAT")
    result = validate(Source("folder", root, table))
    assert result.is_valid
    assert len(result.warnings) == 1
    assert str(root / "a.wav") in result.warnings[0]


def test_ratings_of_moments_after_the_end_are_told(user_table: Table) -> None:
    root, table = user_table("path,valence [-1..1]\na.wav,0.5\nb.wav,0.1\nc.wav,0.2\n")
    for name in ("a.wav", "b.wav", "c.wav"):
        _write_sound(root / name)
    duration = soundfile.info(root / "a.wav").duration
    times = {"a.wav": (0.1, duration + 1.9), "b.wav": (100.0, 200.0, duration + 2.1)}
    rows = [f"{name},{time},{0.001 * time}" for name, some in times.items() for time in some]
    table.with_name(f"{table.stem}-over-time.csv").write_text(
        "\n".join(["path,time,valence", *rows])
    )
    result = validate(Source("folder", root, table))
    (line,) = (line for line in result.warnings if "after its end" in line)
    assert f"{root / 'b.wav'}: 3 of its 3 ratings over time lie after its end" in line
    assert f"({duration:.1f} s); give their times in seconds" in line


def _emotify(root: Path) -> Source:
    return Source("emotify", root, root / "data.csv")


@pytest.fixture
def all_published(fake_root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The stand-in, its files taken for the published ones."""
    names = [published_name(track) for track in range(1, 401)]
    digests = {name: file_digest(fake_root / name) for name in names}
    monkeypatch.setattr(emotify, "published_digests", lambda: digests)
    return fake_root


def test_published_files_need_no_decoding(all_published: Path) -> None:
    result = validate(_emotify(all_published))
    assert (result.files, result.published, result.problems) == (400, 400, ())
    assert render(result) == "valid: 400 audio files, 0 with warnings, 400 as published"


def test_missing_and_damaged_emotify_files_are_all_named(all_published: Path) -> None:
    (all_published / published_name(17)).unlink()
    (all_published / published_name(301)).unlink()
    (all_published / published_name(150)).write_bytes(b"")
    result = validate(_emotify(all_published))
    assert [problem.split(":")[0].split("emotifymusic/")[1] for problem in result.problems[:2]] == [
        "classical/17.mp3",
        "pop/1.mp3",
    ]
    assert "rock/50.mp3" in result.problems[2]
    assert len(result.problems) == 3


def test_wrong_counts_are_found_although_every_file_is_fine(all_published: Path) -> None:
    table = all_published / "data.csv"
    table.write_text(table.read_text() + "1,classical,0,0,0,0,0,1,0,0,0,3,0,0,30,1,None\n" * 3)
    [problem] = validate(_emotify(all_published)).problems
    assert "97 tracks of calmness" in problem


def test_demo_is_valid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "DemoSize", lambda: DemoSize(3, 2, 3.0))
    result = validate(Source("demo", tmp_path))
    assert (result.files, result.problems, result.warnings) == (6, (), ())
