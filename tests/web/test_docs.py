"""The page about the server says what the server does."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

from music_emotion.cli.serve import serve
from music_emotion.web import responses
from music_emotion.web.responses import ProblemType

PAGE = (Path(__file__).parents[2] / "docs" / "serve.md").read_text(encoding="utf-8")


def test_every_problem_is_listed_with_its_meaning() -> None:
    listed = re.findall(r"^\| (\d{3}) \| `([a-z_]+)` \| (.+) \|$", PAGE, re.MULTILINE)
    problems = [value for value in vars(responses).values() if isinstance(value, ProblemType)]
    assert {(int(status), code, meaning) for status, code, meaning in listed} == {
        (problem.status, problem.code, problem.meaning) for problem in problems
    }


def test_every_limit_is_listed_with_its_default() -> None:
    listed = re.findall(r"^\| `--([a-z-]+)` \| ([\d.]+) \|", PAGE, re.MULTILINE)
    options = inspect.signature(serve).parameters
    for name, default in listed:
        assert float(default) == options[name.replace("-", "_")].default, name
    others = {"host", "port", "model", "root_path", "token"}
    assert {name.replace("-", "_") for name, _ in listed} == set(options) - others
