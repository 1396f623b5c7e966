"""The page with many files, in a real browser."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from helpers.browser import CHROMIUM, PATIENCE, Visit, visit
from helpers.command_line import run
from helpers.csv_rows import rows_of
from helpers.live import RATE, Live, calm_then_tense, music, running, wav
from music_emotion.web.settings import ServerSettings

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium (apt install chromium)")
expect.set_options(timeout=PATIENCE)

WIDE = {"viewport": {"width": 1440, "height": 900}}
CALM, TENSE = music(3.0), music(3.0, hertz=3_000.0)
MIXED = calm_then_tense(6.0)
TINY = music(0.1)
SILENT = wav(np.zeros(3 * RATE, np.float32))
LEAVES_AT_ONCE = """(count) => {
  const rows = document.querySelector("#list-table tbody");
  new MutationObserver(() => rows.children.length >= count && location.reload())
    .observe(rows, { childList: true });
}"""


@pytest.fixture
def visited(browser: Browser, live: Live) -> Iterator[Visit]:
    with visit(browser, live.address, **WIDE) as seen:
        yield seen
        assert seen.complaints == []


@pytest.fixture
def four(visited: Visit) -> Visit:
    """A page with four results and a failure, in no order."""
    visited.drop(
        tense10__wav=TENSE, Calm__wav=CALM, tense9__wav=MIXED, silent__wav=SILENT, odd__wav=b"no"
    )
    settled(visited, 5)
    return visited


def rows(page: Page) -> Locator:
    return page.locator("#list-table tbody tr")


def settled(seen: Visit, count: int) -> None:
    """Wait until so many files have a result, or will have none."""
    ended = seen.page.locator("#list-table tbody").locator(
        '[data-state="done"], [data-state="failed"]'
    )
    expect(ended).to_have_count(count)


def names(page: Page) -> list[str]:
    return page.locator("#list-table .opens").all_inner_texts()


def opened(page: Page) -> list[str]:
    return [str(card.get_attribute("aria-label")) for card in page.locator(".track:visible").all()]


def reload(page: Page) -> None:
    page.reload()
    page.locator("body.started").wait_for()


def choose(page: Page, *paths: Path) -> None:
    page.locator("#files").set_input_files([str(path) for path in paths])


def folder_dropped(page: Page, *paths: Path) -> None:
    """Drop what lies on the disk, as the system does it."""
    devtools = page.context.new_cdp_session(page)
    carried = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
    for step in ("dragEnter", "dragOver", "drop"):
        devtools.send(
            "Input.dispatchDragEvent", {"type": step, "x": 300, "y": 300, "data": carried}
        )


def test_twenty_files_fit_on_two_screens_and_survive_a_reload(visited: Visit) -> None:
    page = visited.page
    given = [f"song {number}.wav" for number in range(20)]
    visited.drop(**{name.replace(".", "__"): CALM for name in given})
    expect(page.locator("#list")).to_be_focused()
    settled(visited, 20)
    height = "document.documentElement.scrollHeight"
    assert page.evaluate(height) <= 2_000
    assert names(page) == given
    assert opened(page) == []
    reload(page)
    assert names(page) == given
    settled(visited, 20)
    assert page.evaluate(height) <= 2_000
    page.goto("about:blank")
    page.go_back()
    page.locator("body.started").wait_for()
    assert names(page) == given


def test_what_is_seen_after_a_drop_is_kept(visited: Visit) -> None:
    page = visited.page
    given = [f"song {number}.wav" for number in range(300)]
    page.evaluate(LEAVES_AT_ONCE, 300)
    with page.expect_navigation():
        visited.drop(**{name.replace(".", "__"): TINY for name in given})
    page.locator("body.started").wait_for()
    assert names(page) == given


def test_what_is_taken_away_stays_away_however_soon_the_page_is_left(four: Visit) -> None:
    page = four.page
    for button, others in (
        ("Remove odd.wav", ["tense10.wav", "Calm.wav", "tense9.wav", "silent.wav"]),
        ("Forget all", []),
    ):
        if not others:
            page.get_by_role("button", name="forget them all").click()
        with page.expect_navigation():
            page.get_by_role("button", name=button).evaluate(
                "(button) => (button.click(), setTimeout(() => location.reload()))"
            )
        page.locator("body.started").wait_for()
        assert names(page) == others


def test_the_first_load_is_small(visited: Visit) -> None:
    weight = visited.page.evaluate(
        """() => ["navigation", "resource"]
        .flatMap((kind) => performance.getEntriesByType(kind))
        .reduce((sum, { transferSize }) => sum + transferSize, 0)"""
    )
    assert 50_000 < weight <= 180_000


@pytest.mark.parametrize(
    ("heading", "up", "down"),
    [
        (
            "file",
            ["Calm.wav", "odd.wav", "silent.wav", "tense9.wav", "tense10.wav"],
            ["tense10.wav", "tense9.wav", "silent.wav", "odd.wav", "Calm.wav"],
        ),
        (
            "confidence",
            ["silent.wav", "tense9.wav", "tense10.wav", "Calm.wav", "odd.wav"],
            ["tense10.wav", "Calm.wav", "tense9.wav", "silent.wav", "odd.wav"],
        ),
    ],
)
def test_a_heading_sorts_up_down_and_as_added(
    four: Visit, heading: str, up: list[str], down: list[str]
) -> None:
    added = names(four.page)
    column = four.page.locator("#list-table thead th", has_text=re.compile(f"^{heading}"))
    button = column.get_by_role("button")
    for way, expected in (("ascending", up), ("descending", down), ("none", added)):
        button.click()
        expect(column).to_have_attribute("aria-sort", way)
        assert names(four.page) == expected
    expect(button).to_be_focused()


def numbers(page: Page, column: str) -> list[float]:
    cells = page.locator(f"#list-table tbody .{column}").all_inner_texts()
    return [float(cell.replace("−", "-")) for cell in cells if cell != "–"]


def test_valence_and_arousal_sort_by_their_sign(four: Visit) -> None:
    for column in ("valence", "arousal"):
        four.page.locator(f'[data-sort="{column}"]').click()
        found = numbers(four.page, column)
        assert found == sorted(found)
        assert found[0] < 0 < found[-1]
        assert names(four.page)[-1] == "odd.wav"  # without a number, last


@pytest.mark.parametrize(
    ("label", "wanted", "expected"),
    [
        ("Name", "TENSE wav", ["tense10.wav", "tense9.wav"]),
        ("Leading emotion", "calmness", ["Calm.wav", "tense9.wav"]),
        ("Leading emotion", "silence", ["silent.wav"]),
        ("Confidence", "75 % and more", ["tense10.wav", "Calm.wav"]),
        ("Valence", "pleasant", ["Calm.wav"]),
        ("Arousal", "calm", ["Calm.wav"]),
        ("State", "failed", ["odd.wav"]),
    ],
)
def test_a_filter_lets_through(four: Visit, label: str, wanted: str, expected: list[str]) -> None:
    page = four.page
    field = page.locator(".filters").get_by_label(label, exact=True)
    if label == "Name":
        field.fill(wanted)
    else:
        field.select_option(wanted)
    assert names(page) == expected
    expect(page.locator("#list-count")).to_have_text(f"{len(expected)} of 5 files")
    reload(page)
    assert names(page) == expected
    page.get_by_role("button", name="Show all").click()
    expect(rows(page)).to_have_count(5)
    expect(page.get_by_label("Name", exact=True)).to_be_focused()


def test_a_row_leads_to_its_card(four: Visit) -> None:
    page = four.page
    four.row("Calm.wav").get_by_role("button", name="Calm.wav", exact=True).click()
    expect(four.track("Calm.wav")).to_be_focused()
    expect(four.track("Calm.wav")).to_be_in_viewport()
    expect(four.track("Calm.wav").locator(".top-emotion")).to_contain_text("calmness")
    four.outcome("tense10.wav")
    assert opened(page) == ["tense10.wav"]
    page.get_by_role("switch", name="One card at a time").uncheck()
    four.outcome("Calm.wav")
    assert sorted(opened(page)) == ["Calm.wav", "tense10.wav"]
    boxes = [four.track(name).bounding_box() for name in ("Calm.wav", "tense10.wav")]
    assert boxes[0]["y"] == boxes[1]["y"]
    reload(page)
    assert sorted(opened(page)) == ["Calm.wav", "tense10.wav"]
    page.get_by_role("button", name="Close tense10.wav").click()
    row = four.row("tense10.wav").get_by_role("button", name="tense10.wav", exact=True)
    expect(row).to_be_focused()
    four.outcome("tense10.wav")
    page.get_by_role("switch", name="One card at a time").check()
    assert opened(page) == ["tense10.wav"]


def test_what_is_removed_hands_focus_on(four: Visit) -> None:
    page = four.page
    four.row("Calm.wav").get_by_role("button", name="Remove Calm.wav").click()
    expect(page.locator('.opens[title="tense9.wav"]')).to_be_focused()
    for name in ("tense9.wav", "silent.wav", "odd.wav"):
        four.row(name).get_by_role("button", name=f"Remove {name}").click()
    expect(four.track("tense10.wav")).to_be_focused()
    expect(page.locator("#list")).to_be_hidden()
    reload(page)
    assert opened(page) == ["tense10.wav"]


def test_one_result_gets_focus_where_nobody_has_it(visited: Visit) -> None:
    visited.drop(song__wav=CALM)
    visited.outcome("song.wav")
    expect(visited.track("song.wav")).to_be_focused()


def test_all_tracks_stand_on_one_plane(four: Visit) -> None:
    page = four.page
    dots = page.locator("#list-plane .one")
    expect(dots).to_have_count(3)  # neither silence nor what failed
    for name in ("Calm.wav", "tense10.wav", "tense9.wav"):
        cells = four.row(name)
        valence, arousal = (
            float(cells.locator(f".{column}").inner_text().replace("−", "-"))
            for column in ("valence", "arousal")
        )
        dot = dots.filter(has_text=f"{name}: valence")
        place = [float(str(dot.get_attribute(axis))) for axis in ("cx", "cy")]
        assert place == pytest.approx([225 + 120 * valence, 148 - 120 * arousal], abs=0.7)
    expect(page.locator("#list-plane")).to_have_accessible_name(
        re.compile("^3 files by valence and arousal. On average valence")
    )
    dots.filter(has_text="tense10.wav").click()
    assert opened(page) == ["tense10.wav"]
    page.get_by_label("Name", exact=True).fill("calm")
    expect(dots).to_have_count(1)


def test_failures_stand_in_the_list_in_words_for_visitors(visited: Visit) -> None:
    page = visited.page
    # As the page of a server without the extra for more formats has it.
    page.evaluate("document.getElementById('files').accept = 'audio/*,.wav,.mp3'")
    visited.drop(film__mp4=CALM, empty__wav=b"", letter__mp3=b"dear listener", song__wav=CALM)
    settled(visited, 4)
    expect(visited.row("film.mp4")).to_contain_text(
        "This server does not read .mp4 files; convert it to WAV, FLAC or MP3."
    )
    expect(visited.row("empty.wav")).to_contain_text("The file is empty.")
    expect(visited.row("letter.mp3")).to_contain_text("is not audio that can be read; convert it")
    assert "pip" not in page.locator("body").inner_text()
    uploads = [url for url in visited.requests if url.endswith("/api/jobs")]
    assert len(uploads) == 2  # the others were known before
    expect(visited.row("letter.mp3").get_by_role("button")).to_have_count(2)  # no other try
    reload(page)
    settled(visited, 4)
    expect(visited.row("empty.wav")).to_contain_text("The file is empty.")


def test_a_wrong_name_can_be_sent_all_the_same(visited: Visit) -> None:
    visited.drop(song__txt=CALM, song__wav=CALM)
    row = visited.row("song.txt")
    row.get_by_role("button", name="Send it all the same: song.txt").click()
    expect(row.locator(".leading")).to_contain_text("calmness")


def test_a_dropped_folder_is_walked(visited: Visit, tmp_path: Path) -> None:
    album = tmp_path / "album"
    (album / "disc 2").mkdir(parents=True)
    for name in ("10 last.wav", "9 first.wav", "disc 2/one.wav"):
        (album / name).write_bytes(CALM)
    (album / "cover.jpg").write_bytes(b"a picture")
    (album / ".hidden.wav").write_bytes(CALM)
    (tmp_path / "single.wav").write_bytes(TENSE)
    folder_dropped(visited.page, album, tmp_path / "single.wav")
    settled(visited, 4)
    titles = [str(row.get_attribute("title")) for row in visited.page.locator(".opens").all()]
    assert titles == [
        "album/9 first.wav",
        "album/10 last.wav",
        "album/disc 2/one.wav",
        "single.wav",
    ]
    expect(visited.page.locator("#notice")).to_have_text(
        "1 file is nothing that this server reads, and left out: cover.jpg."
    )


@pytest.mark.parametrize(
    ("beyond", "said"),
    [
        (1, "1 more file is left out; drop it after these."),
        (2, "2 more files are left out; drop them after these."),
    ],
)
def test_what_is_too_much_is_counted(visited: Visit, beyond: int, said: str) -> None:
    counted = """async (beyond) => {
      const { remainder } = await import(new URL("static/js/intake.js", location));
      return remainder({ files: [1], leftOut: [], beyond, unreadable: [] });
    }"""
    assert visited.page.evaluate(counted, beyond) == said


def test_a_folder_without_music_says_so(visited: Visit, tmp_path: Path) -> None:
    (tmp_path / "album").mkdir()
    folder_dropped(visited.page, tmp_path / "album")
    expect(visited.page.locator("#notice")).to_have_text("There is no file in it.")
    assert visited.page.locator(".track").count() == 0


def test_after_a_reload_sound_and_reasons_ask_for_the_file(visited: Visit, tmp_path: Path) -> None:
    page = visited.page
    song = tmp_path / "song.wav"
    song.write_bytes(MIXED)
    choose(page, song)
    visited.outcome("song.wav")
    reload(page)
    card = visited.outcome("song.wav")
    expect(card.locator(".river path.area")).to_have_count(9)
    expect(card.locator(".wave canvas").first).to_be_attached()
    with page.expect_file_chooser() as asked:
        card.locator(".play").click()
    expect(page.locator("#status")).to_have_text(re.compile("^choose song.wav again"))
    other = tmp_path / "other.wav"
    other.write_bytes(CALM)
    asked.value.set_files(str(other))
    expect(card.get_by_role("alert")).to_contain_text("That was other.wav; choose song.wav.")
    with page.expect_file_chooser() as asked:
        card.locator(".play").click()
    asked.value.set_files(str(song))
    expect(card.locator(".play")).to_have_accessible_name("Pause")
    expect(card.get_by_role("alert")).to_be_hidden()
    reload(page)
    with page.expect_file_chooser() as asked:
        card.get_by_role("button", name="Why?").click()
    asked.value.set_files(str(song))
    expect(card.locator(".why canvas")).to_be_visible()


def test_another_state_of_the_file_is_heard_anew(visited: Visit, tmp_path: Path) -> None:
    page = visited.page
    song = tmp_path / "song.wav"
    song.write_bytes(CALM)
    choose(page, song)
    card = visited.outcome("song.wav")
    reload(page)
    song.write_bytes(TENSE)  # as many bytes
    os.utime(song, (1, 1))
    with page.expect_file_chooser() as asked:
        card.locator(".play").click()
    asked.value.set_files(str(song))
    expect(card.get_by_role("alert")).to_contain_text("The file has changed since it was heard")
    expect(card.locator(".top-emotion")).to_contain_text("calmness")
    card.get_by_role("button", name="Try again").click()
    expect(card.locator(".top-emotion")).to_contain_text("tension")


def test_dropping_files_again_gives_results_their_sound(visited: Visit, tmp_path: Path) -> None:
    paths = [tmp_path / "calm.wav", tmp_path / "tense.wav"]
    for path, sound in zip(paths, (CALM, TENSE), strict=True):
        path.write_bytes(sound)
    choose(visited.page, *paths)
    settled(visited, 2)
    reload(visited.page)
    folder_dropped(visited.page, *paths)
    card = visited.outcome("tense.wav")
    card.locator(".play").click()
    expect(card.locator(".play")).to_have_accessible_name("Pause")
    expect(rows(visited.page)).to_have_count(2)


def test_a_file_that_changed_on_disk_is_told_from_a_server_that_is_gone(
    visited: Visit, tmp_path: Path
) -> None:
    page = visited.page
    song = tmp_path / "song.wav"
    song.write_bytes(CALM)
    choose(page, song)
    card = visited.outcome("song.wav")
    song.write_bytes(TENSE + b"\0\0")
    os.utime(song, (1, 1))
    card.get_by_role("button", name="Why?").click()
    expect(card.get_by_role("alert")).to_contain_text(
        "The file was changed, moved or deleted since it was chosen; choose it again."
    )
    with page.expect_file_chooser() as asked:
        card.get_by_role("button", name="Choose the file again").click()
    asked.value.set_files(str(song))
    expect(card.locator(".top-emotion")).to_contain_text("tension")


def test_a_server_that_stopped(browser: Browser, model_folders: tuple[str, ...]) -> None:
    settings = ServerSettings(port=0, models=model_folders[:1], workers=1)
    with running(settings) as server:
        context = browser.new_context()
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.goto(server.address)
        page.locator("body.started").wait_for()
    seen = Visit(page)
    seen.drop(one__wav=CALM, two__wav=CALM)
    settled(seen, 2)
    for name in ("one.wav", "two.wav"):
        expect(seen.row(name)).to_contain_text("The server does not answer; is it still running?")
        expect(seen.row(name).get_by_role("button", name="Try again")).to_be_visible()
    expect(page.get_by_role("button", name="Try all again")).to_be_visible()
    context.close()


def test_a_server_that_stops_while_it_listens(
    browser: Browser, model_folders: tuple[str, ...]
) -> None:
    settings = ServerSettings(port=0, models=model_folders[2:], workers=1, drain_seconds=0.5)
    with running(settings) as server:
        context = browser.new_context()
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.goto(server.address)
        page.locator("body.started").wait_for()
        seen = Visit(page)
        seen.drop(song__wav=CALM)
        expect(seen.track("song.wav").locator(".stage-text")).to_contain_text("0:03")
    problem = seen.track("song.wav").get_by_role("alert")
    expect(problem).to_contain_text(re.compile("The server (went away|is being stopped)"))
    expect(problem.get_by_role("button", name="Try again")).to_be_visible()
    context.close()


def test_an_answer_that_did_not_come_is_asked_for_after_a_reload(
    visited: Visit, tmp_path: Path
) -> None:
    page = visited.page
    song = tmp_path / "song.wav"
    song.write_bytes(CALM)
    page.get_by_label("Model", exact=True).select_option("endless")
    choose(page, song)
    expect(visited.track("song.wav").locator(".stage-text")).to_contain_text("0:03")
    reload(page)
    card = visited.track("song.wav")
    expect(card.get_by_role("alert")).to_contain_text("The page was left before the answer came")
    with page.expect_file_chooser() as asked:
        card.get_by_role("button", name="Choose the file again").click()
    asked.value.set_files(str(song))
    expect(card.locator(".top-emotion")).to_contain_text("calmness")


def test_another_model_is_offered_for_all(four: Visit) -> None:
    page = four.page
    page.get_by_label("Model", exact=True).select_option("second")
    expect(page.locator("#offer-text")).to_have_text("4 results are of another model.")
    page.get_by_role("button", name="Leave them").click()
    expect(page.locator("#offer")).to_be_hidden()
    page.get_by_label("Model", exact=True).select_option("tones")
    expect(page.locator("#offer")).to_be_hidden()
    page.get_by_label("Model", exact=True).select_option("second")
    page.get_by_role("button", name="Ask second").click()
    heard = four.page.locator("#list-table td.model")
    expect(heard.filter(has_text="tones 1")).to_have_count(0)
    expect(heard.filter(has_text="second 2")).to_have_count(4)
    expect(page.locator("#list")).to_be_focused()


def test_all_can_be_forgotten(four: Visit) -> None:
    page = four.page
    page.get_by_role("button", name="forget them all").click()
    page.get_by_role("button", name="Keep them").click()
    expect(rows(page)).to_have_count(5)
    page.get_by_role("button", name="forget them all").click()
    page.get_by_role("button", name="Forget all").click()
    expect(page.locator("#list")).to_be_hidden()
    expect(page.locator(".track")).to_have_count(0)
    expect(page.locator("#choose")).to_be_focused()
    reload(page)
    expect(page.locator(".track")).to_have_count(0)


def test_without_storage_the_page_works(browser: Browser, live: Live) -> None:
    context = browser.new_context()
    context.add_init_script(
        """for (const name of ["indexedDB", "localStorage"])
          Object.defineProperty(window, name, { get() { throw new DOMException("no"); } });"""
    )
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    page.goto(live.address)
    page.locator("body.started").wait_for()
    seen = Visit(page)
    seen.drop(one__wav=CALM, two__wav=TENSE)
    settled(seen, 2)
    expect(page.locator("#kept")).to_have_text(re.compile("^This browser keeps no results"))
    reload(page)
    expect(page.locator(".track")).to_have_count(0)
    context.close()


def test_all_nine_side_by_side_and_as_csv(
    visited: Visit,
    model_folders: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    page = visited.page
    visited.drop(calm__wav=CALM, tense__wav=TENSE)
    settled(visited, 2)
    page.get_by_role("switch", name="All nine emotions").check()
    expect(rows(page).nth(1).locator("strong")).to_have_text("100 %")
    # Equal shares are equally long, whatever the width of their columns.
    longest = [rows(page).nth(n).locator("td:has(strong) .cell-bar") for n in (0, 1)]
    assert {round(bar.bounding_box()["width"]) for bar in longest} == {72}
    with page.expect_download() as download:
        page.get_by_role("button", name="All as CSV").click()
    assert download.value.suggested_filename == "emotions.csv"
    (tmp_path / "calm.wav").write_bytes(CALM)
    (tmp_path / "tense.wav").write_bytes(TENSE)
    monkeypatch.chdir(tmp_path)
    options = ("-m", model_folders[0], "-f", "csv")
    written = rows_of(run("predict", "calm.wav", "tense.wav", *options).stdout)
    assert rows_of(Path(download.value.path()).read_text()) == written
    assert [row["top"] for row in written] == ["calmness", "tension"]


def test_a_phone_shows_the_list(browser: Browser, live: Live) -> None:
    phone: dict[str, Any] = {
        "viewport": {"width": 360, "height": 740},
        "has_touch": True,
        "is_mobile": True,
    }
    with visit(browser, live.address, **phone) as seen:
        page = seen.page
        seen.drop(**{"a long name of a song that goes on__wav": CALM, "two__txt": b"no"})
        settled(seen, 2)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        table = page.locator(".list .scroller")
        assert table.evaluate("(part) => part.scrollWidth <= part.clientWidth")
        expect(seen.row("two.txt")).to_contain_text("This server does not read .txt files")
        for part in page.locator("#list button:visible, #list select, #list input:visible").all():
            box = part.bounding_box()
            assert box["height"] >= 18
            assert box["x"] + box["width"] <= 360


def test_everything_in_the_list_has_a_name_and_a_role(four: Visit) -> None:
    nameless = four.page.evaluate(
        """() => [...document.querySelectorAll("button, select, input, a, [role], th, svg[role]")]
        .filter((part) => part.checkVisibility() && part.id !== "status" &&
          !(part.ariaLabel || part.innerText || part.labels?.length ||
            part.getAttribute("aria-labelledby")))
        .map((part) => part.outerHTML)"""
    )
    assert nameless == []
    doubled = four.page.evaluate(
        """() => [...document.querySelectorAll("[id]")].map(({ id }) => id)
        .filter((id, at, all) => all.indexOf(id) !== at)"""
    )
    assert doubled == []
    four.page.locator("#theme").click()
    colours = four.page.evaluate(
        """() => [...document.querySelectorAll("#list .opens, #list td.state, #list label")]
        .map((part) => getComputedStyle(part).color)"""
    )
    assert set(colours) <= {
        "rgb(185, 162, 255)",
        "rgb(179, 173, 191)",
        "rgb(255, 176, 183)",
        "rgb(241, 238, 246)",
    }
