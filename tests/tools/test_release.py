"""What a release is checked for is noticed where it is missing."""

from __future__ import annotations

import tomllib
import zipfile
from pathlib import Path

import pytest

import release
from release import ReleaseError, check_same, check_sizes, metadata_faults

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
LICENCES = {
    "LICENSE": "MIT",
    "src/music_emotion/features/weights/msd_musicnn.LICENSE.md": "ISC",
    "src/music_emotion/web/static/vendor/wavesurfer/LICENSE": "BSD-3-Clause",
}


def wheel(folder: Path, *, without: str = "", readme: str = "Words.", links: str = "") -> Path:
    """A wheel that holds nothing but its metadata."""
    path = folder / "music_emotion-1-py3-none-any.whl"
    said = f"Version: {PROJECT['version']}\nLicense-Expression: {PROJECT['license']}\n{links}"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("music_emotion-1.dist-info/METADATA", f"{said}\n{readme}\n")
        for name in PROJECT["license-files"]:
            if name != without:
                archive.write(ROOT / name, f"music_emotion-1.dist-info/licenses/{name}")
    return path


def test_the_licences_are_named_and_their_texts_are_there(tmp_path: Path) -> None:
    assert PROJECT["license"] == " AND ".join(LICENCES.values())
    assert PROJECT["license-files"] == list(LICENCES)
    assert list(metadata_faults(wheel(tmp_path), PROJECT, "")) == []


@pytest.mark.parametrize("name", LICENCES)
def test_a_missing_licence_is_noticed(name: str, tmp_path: Path) -> None:
    [fault] = metadata_faults(wheel(tmp_path, without=name), PROJECT, "")
    assert fault == f"the text of the {LICENCES[name]} licence is missing"


def test_false_metadata_are_noticed(tmp_path: Path) -> None:
    other = {**PROJECT, "version": "9", "license": "GPL-3.0-only"}
    assert len(list(metadata_faults(wheel(tmp_path), other, ""))) == 2
    [fault] = metadata_faults(wheel(tmp_path, readme="![a](docs/a.png)"), PROJECT, "")
    assert "docs/a.png" in fault
    linked = wheel(tmp_path, links="Project-URL: Repository, https://example.org/a\n")
    assert list(metadata_faults(linked, PROJECT, "https://example.org/a")) == []
    assert len(list(metadata_faults(linked, PROJECT, ""))) == 1


def test_builds_that_differ_or_are_too_large_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder, content in (("a", b"same"), ("b", b"same"), ("c", b"other")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.whl").write_bytes(content)
    first, same, other = ({".whl": tmp_path / name / "x.whl"} for name in "abc")
    check_same(first, same)
    with pytest.raises(ReleaseError, match=r"two builds of x\.whl differ"):
        check_same(first, other)
    check_sizes(first)
    monkeypatch.setitem(release.LARGEST, ".whl", 3)
    with pytest.raises(ReleaseError, match="more than 0"):
        check_sizes(first)


def test_what_is_tried_in_the_archive_is_there() -> None:
    assert all((ROOT / path).exists() for path in release.TESTS)
