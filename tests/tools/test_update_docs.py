"""The documentation holds the figures of ``results/`` and no others."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import doc_figures
import update_docs
from compare_recipes import COMPARED, RECIPES_FILE, RecipeFigures, RecipeStudy
from helpers.corpora import corpus_of, points, segments
from helpers.stub_models import BAD, GOOD
from music_emotion.datasets.votes import VoteTable
from music_emotion.evaluation.analysis import conclude
from music_emotion.evaluation.compare import compare
from music_emotion.evaluation.leakage import measure_leak
from music_emotion.evaluation.plan import Comparison
from music_emotion.evaluation.results import collect
from music_emotion.evaluation.results_file import write_figures
from music_emotion.evaluation.scores import Estimate
from music_emotion.evaluation.strict_json import json_text
from music_emotion.report.elsewhere import MEASURES, Agreement, Elsewhere, NamedFirst
from music_emotion.report.leak import leak_table, write_leak
from music_emotion.report.listeners import listeners_table, measure_listeners
from music_emotion.report.one_answer import Joined, OneAnswer, OneModel, RankWithVotes
from project_address import read_address

ROOT = Path(__file__).resolve().parents[2]

LABELS = [label for label in range(9) for _ in range(6)]
LISTENERS = 42


MEASURED = ("2026-01-01", {"cores": 2}, {"numpy": "2"})  # date, machine, versions
ESTIMATES = {name: Estimate(0.5, 0.25, 0.75) for name in MEASURES}
ELSEWHERE = Elsewhere(
    "python benchmarks/vgmidi.py RATINGS RENDERED",
    *MEASURED,
    data="other music",
    pieces=9,
    games=3,
    pieces_over_time=8,
    resamples=50,
    rows=(
        Agreement("default", "model", ESTIMATES, "1"),
        Agreement("half of the raters against half", "people", ESTIMATES),
    ),
    named=(NamedFirst("default", {"calmness": 9}, 7, 3, 2, 1, {"pleasant": {"calmness": 9}}),),
    taken_apart="default",
    variants=(Agreement("without level", "variant", ESTIMATES),),
)
RECIPE = RecipeFigures(
    "bilstm_cnn", "label", "early stopping", (0, 1), 127, 21.0,
    scores=dict.fromkeys(COMPARED, Estimate(0.5, 0.25, 0.75)), differences={},
)  # fmt: skip
ONE_ANSWER = OneAnswer(
    "python benchmarks/one_answer.py",
    *MEASURED,
    seed=0,
    models=(
        OneModel(
            "blend",
            9,
            0.0,
            (Joined("artists", 8, 0.0, 0.875, 0.125, 0.75, 0.25),),
            (RankWithVotes("arousal", 0.5, 0.75),),
        ),
    ),
)


class Silent:
    """A reporter that keeps quiet."""

    def __getattr__(self, name: str):
        return lambda *_: None


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A results folder as the three commands write it, of cheap models on a small corpus."""
    out = tmp_path_factory.mktemp("results")
    corpus = corpus_of(LABELS)
    track = segments(corpus, 6)
    rng = np.random.default_rng(0)
    chance = 0.1 + 0.5 * np.eye(9)[LABELS].repeat(LISTENERS, axis=0)
    table = VoteTable(
        np.repeat(np.arange(len(LABELS)), LISTENERS),
        (rng.random(chance.shape) < chance).astype(np.int8),
        tuple(one.id for one in corpus.tracks),
    )
    corpus = replace(corpus, vote_table=table)
    features = points(corpus, track)
    truth, _ = compare(
        Comparison(
            models=(GOOD, BAD),
            protocols=("segment", "artist"),
            targets=("label",),
            seeds=(1,),
        ),
        corpus,
        track,
        {"points": features},
        feature_versions={"points": "1"},
        out=out,
        jobs=0,
        reporter=Silent(),
    )
    results = collect(out, truth, (GOOD, BAD))
    write_figures(out, results, conclude(results), [])
    listeners = measure_listeners(table, seed=0)
    (out / "listeners.json").write_text(json_text(listeners))
    assert f"{listeners.ceilings.mean_r:.2f}" in listeners_table(listeners)
    curve = measure_leak(
        corpus,
        track,
        features,
        neighbours=(0, 4),
        test_segments=2,
        classifiers=["nearest_neighbour"],
    )
    write_leak(curve, corpus, out, ["leak", "--out", "/somewhere/results"], seconds=1.0)
    (out / "elsewhere.json").write_text(json_text(ELSEWHERE))
    (out / "one_answer.json").write_text(json_text(ONE_ANSWER))
    again = replace(RECIPE, recipe="trained again", differences=RECIPE.scores)
    (out / RECIPES_FILE).write_text(json_text(RecipeStudy((RECIPE, again))))
    assert "people's labels" in leak_table(curve)
    return out


def test_the_committed_pages_are_up_to_date() -> None:
    figures = doc_figures.Figures.read(ROOT / "results")
    assert update_docs.outdated(ROOT, figures, read_address(ROOT)) == []


def test_every_place_on_a_page_exists_and_every_picture_too() -> None:
    measured = (ROOT / "results" / "results.json").is_file()
    for page in update_docs.pages(ROOT):
        text = page.read_text(encoding="utf-8")
        places = update_docs.PLACE.findall(text)
        assert len(re.findall("<!-- (?:figures|shipped|project):", text)) == len(places), page
        for _, kind, name, _, _ in places:
            assert kind != "figures" or name in doc_figures.PLACES, f"{page}: {name}"
        for picture in re.findall(r"\]\(([\w./-]+\.png)\)", text):
            assert (page.parent / picture).is_file() or not measured, f"{page}: {picture}"


@pytest.mark.parametrize("name", sorted(doc_figures.PLACES))
def test_every_place_can_be_filled(folder: Path, name: str) -> None:
    if name.endswith("-16"):
        pytest.skip("the small corpus has no sixteen neighbours")
    figures = doc_figures.Figures.read(folder)
    if name.startswith(("findings", "learning-curves", "votes-or-labels", "ear-gain")):
        with pytest.raises(doc_figures.NotMeasuredError):  # these models were not run
            doc_figures.PLACES[name](figures)
        return
    content = doc_figures.PLACES[name](figures)
    assert content
    assert not re.search(r"\b(nan|None)\b", content)
    if name in doc_figures.TABLES and content.startswith("|"):
        widths = {line.count("|") for line in content.splitlines() if line.startswith("|")}
        assert len(widths) == 1, content


def _interval(row: dict) -> str:
    low, high = (100 * row["metrics"]["accuracy"][name] for name in ("low", "high"))
    return f"{low:.1f}–{high:.1f}"


def test_numbers_are_those_of_the_files(folder: Path) -> None:
    figures = doc_figures.Figures.read(folder)
    results = json.loads((folder / "results.json").read_text())
    good = next(
        row for row in results["results"] if (row["protocol"], row["model"]) == ("artist", GOOD)
    )
    accuracy = f"{100 * good['metrics']['accuracy']['value']:.1f}"
    best = figures.best()
    assert (best.protocol, best.model) == ("artist", GOOD)
    assert f"| `{GOOD}` |  |" in doc_figures.three_protocols(figures)
    assert accuracy in doc_figures.three_protocols(figures)
    assert accuracy in doc_figures.headline(figures)
    assert f"{accuracy} % |" in doc_figures.protocols_in_short(figures)
    [row] = [
        line for line in doc_figures.results_table(figures).splitlines() if f"`{GOOD}`" in line
    ]
    assert row.endswith(
        f" | {accuracy} ({_interval(good)}) | `compare --models {GOOD} --protocol segment "
        "--protocol artist --seed 1 --out results` |"
    )
    leak = json.loads((folder / "leak.json").read_text())["curve"]["lines"][0]["accuracy"]
    assert doc_figures.NUMBERS["leak-nearest-0"](figures) == f"{100 * leak[0]:.0f} %"
    assert "/somewhere" not in (folder / "leak.json").read_text()
    assert doc_figures.NUMBERS["elsewhere-calm"](figures) == "7"
    assert doc_figures.NUMBERS["halves-valence"](figures) == "0.50"
    assert doc_figures.NUMBERS["votes-arousal"](figures) == "0.500"
    assert doc_figures.NUMBERS["votes-arousal-from-intensities"](figures) == "0.750"


def test_a_place_is_filled_replaced_and_emptied(folder: Path, tmp_path: Path) -> None:
    page = "a <!-- figures: half-agreement -->old<!-- /figures --> b\n" + (
        "<!-- figures: panel-table -->\nold\n<!-- /figures -->\n"
    )
    measured = doc_figures.Figures.read(folder)
    filled = update_docs.filled(page, measured)
    assert "old" not in filled
    assert filled == update_docs.filled(filled, measured)
    unmeasured = update_docs.filled(filled, doc_figures.Figures.read(tmp_path))
    assert "*not measured yet*" in unmeasured
    assert "*Not measured yet: `music-emotion listeners --out results`.*" in unmeasured
    with pytest.raises(KeyError):
        update_docs.filled("<!-- figures: no-such-place --><!-- /figures -->", measured)


def test_the_command_names_what_is_out_of_date(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "tools", tmp_path / "tools")
    (tmp_path / "docs").mkdir()
    page = tmp_path / "docs" / "page.md"
    page.write_text("<!-- figures: half-agreement -->?<!-- /figures -->")

    def run(*options: str) -> subprocess.CompletedProcess[str]:
        program = [sys.executable, str(tmp_path / "tools" / "update_docs.py")]
        return subprocess.run(
            [*program, "--results", str(folder), *options], capture_output=True, text=True
        )

    checked = run("--check")
    assert checked.returncode == 1, checked.stderr
    assert "docs/page.md: half-agreement" in checked.stdout
    assert "?" in page.read_text()
    written = run()
    assert written.returncode == 0, written.stderr
    assert "1 places changed" in written.stdout
    assert {path.name for path in (tmp_path / "docs" / "pictures").iterdir()} == {
        "leak.png",
        "panels.png",
        "confusions.png",
    }
    assert run("--check").returncode == 0


def test_verdicts_are_counted(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    figures = doc_figures.Figures.read(folder)
    verdicts = iter(["better", "worse", "better", "cannot be told"])
    monkeypatch.setattr(doc_figures.tables, "tests_of", lambda *_: range(4))
    monkeypatch.setattr(doc_figures, "_verdict", lambda _: next(verdicts))
    assert doc_figures.paired_in_short(figures) == (
        f"`{GOOD}` is told to be better in 2 of 4 such tests, worse in 1."
    )
