"""What CommonMark, to the letter, makes of a page."""

from __future__ import annotations

import re

from markdown_it import MarkdownIt
from markdown_it.token import Token

COMMONMARK = MarkdownIt("commonmark").enable("table")
COMMENTS = re.compile(r"(?:\s*<!--.*?-->)*\s*", re.DOTALL)
STRAY = re.compile(r"\*|`|\b__|__\b|(?<!\w)_(?=\w)|(?<=\w)_(?!\w)")
"""Marks of Markdown that stand in a text as they were typed; an underscore in a name may."""
OPTION = re.compile(r"(?<![\w-])--?[a-z]|--\w")
"""What typography would take for a dash."""


def faults(text: str) -> list[str]:
    """Return what a reader of a page would stumble over."""
    return [fault for token in _tokens(text) if (fault := _fault(token))]


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
    if token.type in ("html_block", "html_inline") and not COMMENTS.fullmatch(token.content):
        return f"taken for HTML: {token.content}"
    if token.type == "text" and STRAY.search(token.content):
        return f"stray mark: {token.content}"
    if token.type == "text" and OPTION.search(token.content):
        return f"a command outside code: {token.content}"
    return ""
