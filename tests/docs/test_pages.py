"""Every page reads as it is meant, by CommonMark to the letter."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.code_blocks import PAGES, ROOT
from helpers.markdown import faults

ALL = (*PAGES, ROOT / "CHANGELOG.md", ROOT / "results" / "README.md")


@pytest.mark.parametrize("page", ALL, ids=[str(page.relative_to(ROOT)) for page in ALL])
def test_a_page_reads_as_it_is_meant(page: Path) -> None:
    assert faults(page.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("so\n<!-- figures: a -->40 %<!-- /figures -->. **No more.**\n", "taken for HTML"),
        ("so <!-- figures: a -->40 %<!-- /figures -->. ** No more.**\n", "stray mark"),
        ("made with train --target votes\n", "a command outside code"),
        ("the model _light\n", "stray mark"),
    ],
)
def test_what_would_be_stumbled_over_is_found(text: str, fault: str) -> None:
    assert faults(text)[0].startswith(fault)


def test_a_mark_within_a_line_and_marks_around_a_table_change_nothing() -> None:
    text = (
        "of <!-- figures: a -->40 %<!-- /figures -->. **No more** than `a --b` of my_name.\n\n"
        "<!-- figures: b -->\n\n| a |\n|---|\n| `c` |\n\n<!-- /figures -->\n"
    )
    assert faults(text) == []
