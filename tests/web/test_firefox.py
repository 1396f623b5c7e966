"""The main way through the page on Firefox: a file, its result, sound, reasons, what is kept."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.firefox import Firefox, needs_firefox, running_firefox
from helpers.live import Live, calm_then_tense, music
from music_emotion.emotions import EMOTIONS

pytestmark = needs_firefox
STARTED = "document.body.classList.contains('started')"
OUTCOME = "document.querySelector('.track:not([aria-busy]) .outcome:not([hidden])')"
PLAY = "document.querySelector('.play').ariaLabel"
DONE = "document.querySelectorAll('#list-table tr[data-state=done]').length === 2"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("firefox")


@pytest.fixture(scope="module")
def firefox(live: Live, folder: Path) -> Iterator[Firefox]:
    """The page with a song that is calm first, then tense."""
    (folder / "song.wav").write_bytes(calm_then_tense(12.0))
    with running_firefox(folder) as browser:
        browser.goto(live.address)
        browser.until(STARTED)
        browser.choose("#files", folder / "song.wav")
        browser.until(f"{OUTCOME} !== null")
        yield browser
        assert browser.complaints == []


def test_a_file_becomes_a_river_and_bars(firefox: Firefox) -> None:
    assert firefox.text(".top-emotion").split("\n")[0].startswith(("calmness", "tension"))
    assert firefox.evaluate("document.querySelectorAll('.river path.area').length") == 9
    assert firefox.evaluate("document.querySelectorAll('.bars tbody tr').length") == len(EMOTIONS)
    assert firefox.text(".track .meta") == "0:12 · model tones 1"


def test_seeking_moves_the_playhead(firefox: Firefox) -> None:
    box = firefox.box(".stage")
    for share, felt in ((0.1, "calmness"), (0.9, "tension")):
        firefox.drag((box["x"] + share * box["width"], box["y"] + box["height"] / 2))
        stage = "document.querySelector('.stage')"
        seconds = float(firefox.evaluate(f"{stage}.getAttribute('aria-valuenow')"))
        assert seconds == pytest.approx(12.0 * share, abs=0.1)
        assert felt in firefox.evaluate(f"{stage}.getAttribute('aria-valuetext')")


def test_it_sounds_and_stops(firefox: Firefox) -> None:
    box = firefox.box(".stage")
    firefox.drag((box["x"] + 1, box["y"] + box["height"] / 2))
    seconds = "Number(document.querySelector('.stage').getAttribute('aria-valuenow'))"
    before = firefox.evaluate(seconds)
    firefox.click(".play")
    firefox.until(f"{PLAY} === 'Pause' && {seconds} > {before + 0.2}")
    firefox.click(".play")
    firefox.until(f"{PLAY} === 'Play'")


def test_reasons_are_drawn(firefox: Firefox) -> None:
    firefox.click("[data-do=explain]")
    firefox.until("document.querySelector('.why canvas')?.checkVisibility()")


def test_the_numbers_can_be_saved(firefox: Firefox) -> None:
    firefox.click("[data-do=json]")
    [told] = json.loads(firefox.saved("song-emotions.json"))
    assert told["emotions"]["calmness"] == pytest.approx(0.5, abs=0.01)


def test_results_survive_a_reload_and_are_forgotten(firefox: Firefox, folder: Path) -> None:
    (folder / "calm.wav").write_bytes(music(3.0))
    firefox.choose("#files", folder / "calm.wav")
    firefox.until(DONE)
    firefox.reload()
    firefox.until(f"{STARTED} && {DONE}")
    assert firefox.text("#list-count") == "2 files"
    firefox.click("#forget")
    firefox.click("#forget-dialog [value=forget]")
    firefox.until("document.querySelectorAll('.track').length === 0")
