"""The page about the server says what the server does."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from music_emotion.cli.serve import serve
from music_emotion.web.guide import problems
from music_emotion.web.metrics import Metrics
from music_emotion.web.middleware import WITHOUT_TOKEN

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "serve.md").read_text(encoding="utf-8")
API = (DOCS / "http-api.md").read_text(encoding="utf-8")


def test_every_problem_is_listed_with_its_meaning() -> None:
    listed = re.findall(r"^\| (\d{3}) \| `([a-z_]+)` \| (.+) \|$", API, re.MULTILINE)
    assert {(int(status), code, meaning) for status, code, meaning in listed} == {
        (problem.status, problem.code, problem.meaning) for problem in problems()
    }


def test_every_limit_is_listed_with_its_default() -> None:
    listed = re.findall(r"^\| `--([a-z-]+)` \| ([\d.]+) \|", PAGE, re.MULTILINE)
    options = inspect.signature(serve).parameters
    for name, default in listed:
        assert float(default) == options[name.replace("-", "_")].default, name
    others = {"host", "port", "model", "root_path", "token", "log_level", "log_format", "metrics"}
    others |= {"allow_host", "forwarded_allow_ips"}
    assert {name.replace("-", "_") for name, _ in listed} == set(options) - others


def test_every_number_is_listed_with_its_labels() -> None:
    listed = {
        name: set(re.findall("[a-z]+", labels))
        for name, labels in re.findall(r"^\| `(music_emotion_\w+)` \| ([a-z, `]*)\|", PAGE, re.M)
    }
    metrics = Metrics()
    metrics.answered("GET", "/", 200, 0.1, "busy")
    metrics.predicted("default", 0.1)
    metrics.failed("busy")
    metrics.follow(files=int, queue=int, busy=int, idle=int)
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(metrics.text().decode()):
        for sample in family.samples:
            name = re.sub("_(bucket|sum|count)$", "", sample.name)
            if name.startswith("music_emotion") and not name.endswith("_created"):
                found.setdefault(name, set()).update(set(sample.labels) - {"le"})
    assert listed == found


def test_what_needs_no_token_is_listed() -> None:
    said = PAGE.split("\n## A token\n")[1].split("\n## ")[0]
    assert set(re.findall("`(/api/[a-z.]+)`", said)) == set(WITHOUT_TOKEN)
