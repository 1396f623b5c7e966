"""The page and the API's own page, as axe-core sees them, in both themes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from playwright.sync_api import Browser, expect

from helpers.accessibility import THEMES, needs_axe, serious_problems
from helpers.browser import PATIENCE, Visit, visit
from helpers.live import RATE, Live, calm_then_tense, music, wav

pytestmark = needs_axe
expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="module", params=THEMES)
def visited(request: pytest.FixtureRequest, browser: Browser, live: Live) -> Iterator[Visit]:
    with visit(browser, live.address, color_scheme=request.param) as seen:
        yield seen


def test_what_is_wrong_is_found(browser: Browser) -> None:
    page = browser.new_page()
    page.set_content("<html lang=en><title>x</title><main><h1>x</h1><img src='data:,'></main>")
    assert [line.split(":")[0] for line in serious_problems(page)] == ["image-alt (critical)"]
    page.close()


def test_the_empty_page(visited: Visit) -> None:
    assert visited.page.evaluate("document.querySelectorAll('.track').length") == 0
    assert serious_problems(visited.page) == []


def test_what_a_model_is_told_of(visited: Visit) -> None:
    page = visited.page
    page.locator("#about").click()
    expect(page.locator("#about-dialog")).to_be_visible()
    assert serious_problems(page) == []
    page.keyboard.press("Escape")


def test_a_result_with_its_reasons(visited: Visit) -> None:
    visited.drop(song__wav=calm_then_tense(12.0))
    card = visited.outcome("song.wav")
    card.get_by_role("button", name="Why?").click()
    expect(card.locator(".why canvas")).to_be_visible()
    assert serious_problems(visited.page) == []


def test_a_list_with_a_failure_and_a_question(visited: Visit) -> None:
    silent = wav(np.zeros(3 * RATE, np.float32))
    visited.drop(calm__wav=music(3.0), silent__wav=silent, odd__wav=b"no")
    page = visited.page
    rows = page.locator("#list-table tbody")
    for name in ("calm.wav", "silent.wav", "odd.wav"):
        expect(rows.get_by_text(name).first).to_be_visible()
    ended = rows.locator('[data-state="done"], [data-state="failed"]')
    expect(ended).to_have_count(rows.locator("tr").count())
    page.get_by_role("switch", name="All nine emotions").check()
    assert serious_problems(page) == []
    page.get_by_label("Model", exact=True).select_option("second")
    expect(page.locator("#offer")).to_be_visible()
    page.get_by_role("button", name="forget them all").click()
    assert serious_problems(page) == []
    page.get_by_role("button", name="Forget all").click()
    page.get_by_label("Model", exact=True).select_option("tones")


def test_the_page_of_the_api(visited: Visit, live: Live) -> None:
    visited.page.goto(f"{live.address}/api/docs")
    assert serious_problems(visited.page) == []
    visited.page.goto(live.address)
    visited.page.locator("body.started").wait_for()
