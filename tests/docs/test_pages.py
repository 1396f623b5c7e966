"""Every page reads as it is meant, by CommonMark to the letter."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.code_blocks import PAGES, ROOT
from helpers.markdown import faults, long_tables, sections

LONG_PAGE = 300  # lines
LONG_TABLE = 15  # rows, of figures
ABOUT_ITS_TABLE = ("results.md",)
ALL = (*PAGES, ROOT / "CHANGELOG.md", ROOT / "results" / "README.md")
DOCS = sorted((ROOT / "docs").glob("*.md"))


@pytest.mark.parametrize("page", ALL, ids=[str(page.relative_to(ROOT)) for page in ALL])
def test_a_page_reads_as_it_is_meant(page: Path) -> None:
    assert faults(page.read_text(encoding="utf-8")) == []


def test_a_long_page_says_first_what_is_on_it() -> None:
    texts = {page.name: page.read_text(encoding="utf-8") for page in DOCS}
    long = {name: text for name, text in texts.items() if len(text.splitlines()) >= LONG_PAGE}
    assert {"science.md", "predict.md"} <= set(long)
    for name, text in long.items():
        first, *_ = text.split("\n## ")
        missing = [anchor for anchor in sections(text) if f"](#{anchor})" not in first]
        assert missing == [], name


def test_long_tables_of_figures_are_folded() -> None:
    for page in DOCS:
        if page.name not in ABOUT_ITS_TABLE:
            assert long_tables(page.read_text(encoding="utf-8"), LONG_TABLE) == [], page.name


def test_folded_tables_are_told_from_open_ones() -> None:
    table = "| a |\n|---|\n" + 3 * "| 1 |\n"
    marked = f"<!-- figures: b -->\n\n{table}\n<!-- /figures -->\n"
    folded = f"<details>\n<summary>All</summary>\n\n{marked}\n</details>\n"
    assert long_tables(marked, 2) == ["| a |"]
    assert long_tables(marked, 3) == []
    assert long_tables(folded, 2) == []
    assert long_tables(folded + "\n" + marked, 2) == ["| a |"]
    assert long_tables(table, 2) == []  # no figures: something to look up
    assert faults(folded) == []


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
