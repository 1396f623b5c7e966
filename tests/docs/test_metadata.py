"""What is said about the project in one file agrees with the others."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import yaml

from music_emotion import __version__

ROOT = Path(__file__).resolve().parents[2]


def test_the_citation_is_complete_and_of_this_version() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert {"cff-version", "message", "title", "authors"} <= citation.keys()  # the format's musts
    assert str(citation["version"]) == __version__ == project["version"]
    assert citation["license"] == project["license"].split(" AND ")[0]  # that of what is cited
    [article] = citation["references"]
    assert article["doi"] == "10.1016/j.ipm.2015.03.004"
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", citation["date-released"])


def test_the_changelog_has_a_section_for_this_version_below_the_unreleased_one() -> None:
    heads = re.findall(
        r"^## \[([^\]]+)\]", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE
    )
    assert heads[0] == "Unreleased"
    assert heads[1] == __version__


def test_the_changelog_says_everything_once() -> None:
    sections = re.split(r"^## ", (ROOT / "CHANGELOG.md").read_text("utf-8"), flags=re.MULTILINE)
    for section in sections:
        said = re.findall(r"^(?:###|-) .+(?:\n  .+)*", section, re.MULTILINE)
        assert len(said) == len(set(said))
