from __future__ import annotations

import json
from pathlib import Path

import pytest

from helpers.command_line import run
from helpers.graphs import card, package, tone_detector
from music_emotion.inference import package as packages
from music_emotion.inference.model_card import ConfidenceCurve
from music_emotion.report.cards import card_page, card_table

GOOD = {
    "name": "default",
    "version": "1.2",
    "summary": "the best there is",
    "use_when": "when accuracy matters",
    "figures": {"accuracy": 0.512, "mean_pearson_r": 0.64, "seconds_per_minute": 0.41},
    "protocol": "artist, 5 folds",
    "confidence": ConfidenceCurve((0.2, 0.8), (0.3, 0.7), 0.031),
    "training": {"data": "EMOTIFY"},
    "limits": ("Western music only",),
    "licences": ("MIT",),
    "intended_use": "Research and music libraries.",
}


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    package(tmp_path / "default", tone_detector(), **GOOD)
    package(tmp_path / "abc", tone_detector(), name="abc")
    monkeypatch.setattr(packages, "SHIPPED", tmp_path)
    return tmp_path


def test_the_table_has_a_line_per_model_and_the_protocol() -> None:
    lines = card_table([(card(**GOOD), 3_400_000), (card(), 10_000)]).splitlines()
    assert lines[1].split()[:7] == ["default", "3.4", "MB", "0.41", "51.2", "%", "0.640"]
    assert lines[1].endswith("when accuracy matters")
    assert lines[2].split() == ["test", "0.0", "MB", "–", "–", "–"]
    assert "measured under: artist, 5 folds" in lines
    assert max(map(len, lines)) <= 100
    assert "no model is installed" in card_table([])


def test_figures_of_several_protocols_name_their_models() -> None:
    other = card(name="other", protocol="artist, one fold seed")
    lines = card_table([(card(**GOOD), 0), (card(), 0), (other, 0)]).splitlines()
    assert "default measured under: artist, 5 folds" in lines
    assert "other measured under: artist, one fold seed" in lines


def test_the_page_holds_what_the_card_says() -> None:
    page = card_page(card(**GOOD))
    assert page.startswith("# default\n")
    for text in ("\nVersion 1.2.\n", "| accuracy of the dominant emotion | 51.2 % |", "- MIT"):
        assert text in page
    assert "calibration error that remains is 0.031" in page
    assert "- data: EMOTIFY" in page
    assert "\n\n\n" not in page


def test_a_worth_beyond_the_largest_panel_is_a_bound_and_says_on_what() -> None:
    figures = {
        "worth_r": 12.454,
        "worth_r_censored": 0.0,
        "worth_accuracy": 24.0,
        "worth_accuracy_censored": 1.0,
        "worth_tracks": 78.0,
        "worth_seed": 42.0,
    }
    page = card_page(card(figures=figures))
    assert "| worth in listeners, by r, on 78 tracks, fold seed 42 | 12.5 |" in page
    assert "| worth in listeners, by accuracy, on 78 tracks, fold seed 42 | > 24 |" in page
    assert "| worth in listeners, by r | 12.5 |" in card_page(card(figures={"worth_r": 12.454}))


def test_the_command_lists_and_shows_them(shipped: Path) -> None:
    def models(*arguments: str) -> str:
        result = run("models", *arguments)
        assert result.exit_code == 0
        return result.stdout

    assert [line.split()[0] for line in models().splitlines()[1:3]] == ["default", "abc"]
    assert models("default").startswith("# default\n")
    assert models(str(shipped / "abc")).startswith("# abc\n")
    cards = json.loads(models("--json"))
    assert [c["name"] for c in cards] == ["default", "abc"]


def test_the_page_says_what_tracks_are_compared_with() -> None:
    assert "Beside the emotions" not in card_page(card(**GOOD))
    told = {"standing": "share of tracks that are lower", "heard_in_training": "by fingerprints"}
    page = card_page(card(**GOOD, reference=told, reference_sha256="5" * 64))
    assert "## Beside the emotions\n\n- standing: share of tracks that are lower\n" in page
    assert "- heard in training: by fingerprints" in page
    assert f"- SHA-256 of `reference.npz`: `{'5' * 64}`" in page
