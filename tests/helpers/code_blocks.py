"""Finds the code blocks of a Markdown page and what is to be done with them.

What is not run, and why, stands in ``tests/docs/code_blocks.toml``, not on the pages. What is not
run is still checked: every ``music-emotion`` line must parse, every extra exist.
"""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
STEERING = ROOT / "tests" / "docs" / "code_blocks.toml"
PAGES = (
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted(path for path in (ROOT / "docs").rglob("*.md") if "api" not in path.parts),
)
"""The pages whose blocks are tried out."""

SHELL, PYTHON = ("sh", "bash"), ("python",)
OTHER = (
    "csv",
    "json",
    "text",
    "bibtex",
    "yaml",
    "toml",
    "ini",
    "{toctree}",
    "{include}",
    "latex",
    "sql",
    "console",
    "nginx",
    "js",
)
"""Kinds of block that are no commands or programs that are run with the page."""

BLOCK = re.compile(r"^```(?P<kind>[^\n]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
NAMED = re.compile(r"# ([\w-]+\.(?:py|toml))\n")


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
    not_run, needs_emotify
        Beginnings of lines that are not run, with the reason, and of those that need EMOTIFY.
    """

    place: str
    kind: str
    text: str
    not_run: Mapping[str, str] = field(default_factory=dict)
    needs_emotify: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_shell(self) -> bool:
        return self.kind in SHELL

    @property
    def file_name(self) -> str | None:
        """The name that a block is to be saved under, if it is not to be run."""
        named = NAMED.match(self.text)
        return named[1] if named else None

    def lines(self) -> list[str]:
        """The commands of a shell block, continued lines joined."""
        joined = self.text.replace("\\\n", " ")
        return [line for line in map(str.strip, joined.splitlines()) if line[:1] not in ("", "#")]

    def run_lines(self) -> list[str]:
        """The commands that are run."""
        return [line for line in self.lines() if not reason(line, self.not_run)]

    @property
    def is_for_emotify(self) -> bool:
        """Whether a command that is run needs EMOTIFY."""
        return any(reason(line, self.needs_emotify) for line in self.run_lines())


def reason(line: str, known: Mapping[str, str]) -> str:
    """Return what is known of the longest beginning that fits a line, ``""`` where none does."""
    words = " ".join(line.split())
    fitting = [beginning for beginning in known if words.startswith(beginning)]
    return known[max(fitting, key=len)] if fitting else ""


@cache
def steering() -> dict[str, Any]:
    return tomllib.loads(STEERING.read_text(encoding="utf-8"))


def blocks_of(page: Path, text: str | None = None) -> list[Block]:
    """Return the blocks of code of a page, in order.

    Raises
    ------
    ValueError
        A block is of a kind that is not known.
    """
    text = page.read_text(encoding="utf-8") if text is None else text
    name = page.relative_to(ROOT).as_posix() if page.is_relative_to(ROOT) else page.name
    known = steering()
    not_run = {**known["not_run"], **known["not_run_on"].get(name, {})}
    found = []
    for match in BLOCK.finditer(text):
        place = f"{page.name}:{text[: match.start()].count(chr(10)) + 1}"
        kind = match["kind"].split(" ")[0]
        if kind in OTHER and not NAMED.match(match["text"]):
            continue
        if kind not in SHELL + PYTHON + OTHER:
            raise ValueError(f"{place}: a block of unknown kind {kind!r}: sh, python, csv, text …?")
        found.append(Block(place, kind, match["text"], not_run, known["needs_emotify"]))
    return found


def words_of(line: str) -> list[str]:
    """Return the words of a command without its comment."""
    return shlex.split(line, comments=True)
