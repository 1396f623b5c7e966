"""Finds the code blocks of a Markdown page and what is to be done with them.

A block runs unless a comment right above it says otherwise::

    <!-- code: not run: REASON -->                   the whole block
    <!-- code: not run "music-emotion leak": REASON -->  the lines that start so; may be repeated
    <!-- code: needs EMOTIFY -->                     skipped where EMOTIFY_ROOT is not set
    <!-- code: needs a server -->                    one runs at the address that the page names

What is not run is still checked: every ``music-emotion`` line must parse, every extra exist.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

SHELL, PYTHON = ("sh", "bash"), ("python",)
OTHER = (
    "csv",
    "json",
    "text",
    "bibtex",
    "yaml",
    "toml",
    "{toctree}",
    "{include}",
    "latex",
    "sql",
    "console",
    "nginx",
)
"""Kinds of block that are not commands or programs."""

EMOTIFY, SERVER = NEEDS = ("EMOTIFY", "a server")
"""What a block may need."""

BLOCK = re.compile(
    r"^(?P<comments>(?:<!--[^\n]*-->\n)*)```(?P<kind>[^\n]*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
MARKER = re.compile(
    r'<!-- code: (?P<what>not run|needs)(?: ?"(?P<lines>[^"]+)")?:? (?P<why>.+?) -->'
)
NAMED = re.compile(r"# ([\w-]+\.py)\n")


@dataclass(frozen=True)
class Block:
    """A block of code on a page.

    Attributes
    ----------
    place
        ``page:line``.
    kind
        What stands behind the opening fence.
    text
        The code.
    skipped
        The reason why none of it is run, or ``""``.
    skipped_lines
        Beginnings of lines that are not run.
    needs
        What must be there for it to be run: keys of :data:`NEEDS`.
    """

    place: str
    kind: str
    text: str
    skipped: str
    skipped_lines: tuple[str, ...]
    needs: tuple[str, ...]

    @property
    def is_shell(self) -> bool:
        return self.kind in SHELL

    @property
    def file_name(self) -> str | None:
        """The name that a Python block is to be saved under, if it is not to be run."""
        named = NAMED.match(self.text)
        return named[1] if named else None

    def lines(self) -> list[str]:
        """The commands of a shell block, continued lines joined."""
        joined = self.text.replace("\\\n", " ")
        return [line for line in map(str.strip, joined.splitlines()) if line[:1] not in ("", "#")]

    def is_run(self, line: str) -> bool:
        return not self.skipped and not any(line.startswith(one) for one in self.skipped_lines)


def blocks_of(page: Path, text: str | None = None) -> list[Block]:
    """Return the blocks of code of a page, in order.

    Raises
    ------
    ValueError
        A block is of a kind, or needs something, that is not known.
    """
    text = page.read_text(encoding="utf-8") if text is None else text
    found = []
    for match in BLOCK.finditer(text):
        place = f"{page.name}:{text[: match.start('kind')].count(chr(10)) + 1}"
        kind = match["kind"].split(" ")[0]
        if kind in OTHER:
            continue
        if kind not in SHELL + PYTHON:
            raise ValueError(f"{place}: a block of unknown kind {kind!r}: sh, python, csv, text …?")
        markers = list(MARKER.finditer(match["comments"]))
        needs = tuple(m["why"] for m in markers if m["what"] == "needs")
        if not set(needs) <= set(NEEDS):
            raise ValueError(f"{place}: needs {needs}, known are {NEEDS}")
        whole = [m["why"] for m in markers if m["what"] == "not run" and not m["lines"]]
        found.append(
            Block(
                place,
                kind,
                match["text"],
                skipped=whole[0] if whole else "",
                skipped_lines=tuple(m["lines"] for m in markers if m["lines"]),
                needs=needs,
            )
        )
    return found
