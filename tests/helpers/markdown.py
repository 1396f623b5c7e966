"""What CommonMark, to the letter, makes of a page."""

from __future__ import annotations

import re

from markdown_it import MarkdownIt
from markdown_it.token import Token

COMMONMARK = MarkdownIt("commonmark").enable("table")
PASSING = re.compile(
    r"(?:\s*(?:<!--.*?-->|</?details>|<summary>[^<>`*]*</summary>))*\s*", re.DOTALL
)
"""HTML that is meant: comments, and what folds a long table."""
STRAY = re.compile(r"\*|`|\b__|__\b|(?<!\w)_(?=\w)|(?<=\w)_(?!\w)")
"""Marks of Markdown that stand in a text as they were typed; an underscore in a name may."""
FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
FOLDED = re.compile(r"<details>.*?</details>", re.DOTALL)
FIGURES = re.compile(r"<!-- figures: [\w-]+ -->(.*?)<!-- /figures -->", re.DOTALL)
OPTION = re.compile(r"(?<![\w-])--?[a-z]|--\w")
"""What typography would take for a dash."""


def faults(text: str) -> list[str]:
    """Return what a reader of a page would stumble over."""
    return [fault for token in _tokens(text) if (fault := _fault(token))]


def sections(text: str) -> list[str]:
    """Return the anchors of a page's second-level headings."""
    heads = re.findall(r"^## (.+)$", FENCED.sub("", text), re.MULTILINE)
    return [re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads]


def long_tables(text: str, rows: int) -> list[str]:
    """Return the head of each table of figures with more rows than these that is not folded."""
    found = []
    for place in FIGURES.findall(FOLDED.sub("", text)):
        table = [line for line in place.splitlines() if line.startswith("|")]
        if len(table) - 2 > rows:
            found.append(table[0])
    return found


def code_of(text: str) -> list[str]:
    """Return the code of a page, in its lines and in blocks, with single spaces."""
    kinds = ("code_inline", "fence", "code_block")
    return [
        " ".join(token.content.split())
        for token in _tokens(text)
        if token.type in kinds and not token.info.startswith("{")  # a directive is no code
    ]


def _tokens(text: str) -> list[Token]:
    blocks = COMMONMARK.parse(text)
    return [token for block in blocks for token in (block, *(block.children or ()))]


def _fault(token: Token) -> str:
    if token.type in ("html_block", "html_inline") and not PASSING.fullmatch(token.content):
        return f"taken for HTML: {token.content}"
    if token.type == "text" and STRAY.search(token.content):
        return f"stray mark: {token.content}"
    if token.type == "text" and OPTION.search(token.content):
        return f"a command outside code: {token.content}"
    return ""
