"""The page in a real browser."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect

from helpers.browser import CHROMIUM, PATIENCE, Visit, visit
from helpers.command_line import run
from helpers.csv_rows import rows_of
from helpers.live import RATE, Live, calm_then_tense, music, running, until, wav
from helpers.sounds import tone
from music_emotion.emotions import EMOTIONS, GEMS
from music_emotion.web.settings import ServerSettings

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium (apt install chromium)")
expect.set_options(timeout=PATIENCE)

SECONDS = 12.0
SONG = calm_then_tense(SECONDS)


@pytest.fixture
def visited(browser: Browser, live: Live) -> Iterator[Visit]:
    with visit(browser, live.address) as seen:
        yield seen


@pytest.fixture(scope="module")
def page_with_song(browser: Browser, live: Live) -> Iterator[Visit]:
    with visit(browser, live.address) as seen:
        seen.drop(song__wav=SONG)
        seen.outcome("song.wav")
        yield seen


@pytest.fixture
def shown(page_with_song: Visit) -> Visit:
    """A page with a song, shared by tests that only look, point, seek and save."""
    page = page_with_song.page
    page.mouse.move(0, 0)
    page.locator(".stage").press("Home")
    page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
    assert page_with_song.complaints == []
    return page_with_song


@pytest.fixture
def song(shown: Visit) -> Locator:
    """The song on the shared page: calm in its first half, tense in its second."""
    return shown.outcome("song.wav")


@pytest.fixture
def own_song(visited: Visit) -> Locator:
    """The same on a page of its own."""
    visited.drop(song__wav=SONG)
    return visited.outcome("song.wav")


def shares(track: Locator, column: int) -> dict[str, str]:
    rows = track.locator(".bars tbody tr").all()
    return {
        str(row.get_attribute("data-emotion")): row.locator("td").nth(column).inner_text()
        for row in rows
    }


def place(track: Locator) -> float:
    return float(track.locator(".stage").get_attribute("aria-valuenow") or -1)


def saved(page: Page, button: Locator) -> tuple[str, bytes]:
    with page.expect_download() as download:
        button.click()
    return download.value.suggested_filename, Path(download.value.path()).read_bytes()


def test_the_empty_page_explains_itself(visited: Visit) -> None:
    page = visited.page
    expect(page.get_by_role("heading", level=2).first).to_contain_text("What do people feel")
    expect(page.get_by_role("button", name="Choose files")).to_be_visible()
    for emotion in GEMS:
        expect(page.locator("#meaning-list")).to_contain_text(emotion.meaning)
    expect(page.locator("#limits")).to_contain_text("200 MB and 60 minutes")
    expect(page.locator("#limits")).to_contain_text("MP3, WAV, FLAC, Ogg, Opus or AIFF")
    others = find_spec("av") is not None  # what this server reads besides
    assert ("M4A, WMA, videos" in page.locator("#limits").inner_text()) == others
    expect(page.locator("#examples")).to_contain_text("a model may hear something else")


def test_a_dropped_file_becomes_a_river_and_bars(shown: Visit, song: Locator) -> None:
    areas = song.locator(".river path.area")
    expect(areas).to_have_count(len(EMOTIONS))
    fills = [area.get_attribute("fill") for area in areas.all()]
    assert fills == [emotion.colour for emotion in GEMS]
    # Calm is as thick as the river at its left end and thin at its right.
    assert areas.nth(EMOTIONS.index("calmness")).bounding_box()["height"] > 100
    names = song.locator(".river text.area-name").all_text_contents()
    assert names == ["calmness", "tension"]
    whole = shares(song, 1)
    assert (whole["calmness"], whole["tension"], whole["power"]) == ("50 %", "50 %", "<1 %")
    felt = {name: int(share.split()[0].strip("<")) for name, share in shares(song, 3).items()}
    assert felt["calmness"] > felt["power"]
    expect(song.locator(".bars-pane .hint")).to_contain_text("the mean of the river’s points")
    expect(song.locator(".meta")).to_have_text("0:12 · model tones 1")
    expect(song.locator(".confidence")).to_contain_text("50 %")
    expect(song.locator(".wave canvas").first).to_be_attached()
    assert shown.complaints == []


def test_seeking_moves_playhead_bars_and_words(song: Locator) -> None:
    stage = song.locator(".stage")
    box = stage.bounding_box()
    for share, felt in ((0.1, "calmness"), (0.9, "tension")):
        for height in (0.2, 0.8):  # the waveform and the river
            stage.click(position={"x": share * box["width"], "y": height * box["height"]})
            assert place(song) == pytest.approx(share * SECONDS, abs=0.1)
            assert shares(song, 2)[felt] == "100 %"
            assert felt in str(stage.get_attribute("aria-valuetext"))
    expect(song.locator(".clock")).to_have_text("0:10 / 0:12")


def test_hovering_tells_the_numbers(shown: Visit, song: Locator) -> None:
    box = song.locator(".river").bounding_box()
    shown.page.mouse.move(box["x"] + 0.9 * box["width"], box["y"] + 20)
    tooltip = song.locator(".tooltip")
    expect(tooltip).to_be_visible()
    lines = tooltip.locator("li").all_inner_texts()
    assert len(lines) == len(EMOTIONS)
    assert lines[0].split("\n") == ["tension", "100.0 %"]
    expect(tooltip.locator(".span")).to_have_text("heard from 0:09 to 0:12")
    shown.page.mouse.move(0, 0)
    expect(tooltip).to_be_hidden()


def thickness(area: Locator, share: float) -> float:
    """How thick an area is at a share of the river's width, as a share of its height."""
    inside = """(path, share) => {
      const box = path.ownerSVGElement.viewBox.baseVal;
      const point = new DOMPoint(share * box.width, 0);
      let found = 0;
      for (point.y = 0.5; point.y < box.height; point.y += 1) found += path.isPointInFill(point);
      return found / box.height;
    }"""
    return area.evaluate(inside, share)


def test_the_river_shows_who_feels_an_emotion(song: Locator, live: Live) -> None:
    with live.client() as client:
        answer = client.post("/api/predict", files={"file": ("song.wav", SONG)}).json()
    intensities = answer["timeline"]["intensities"]
    sums = [sum(values) for values in zip(*intensities.values(), strict=True)]
    leading, felt = (song.get_by_role("button", name=name) for name in ("Leading", "Felt by"))
    expect(leading).to_have_attribute("aria-pressed", "true")
    expect(song.locator(".flow")).to_contain_text("the whole height is 100 %")
    calm = song.locator('.river path[data-emotion="calmness"]')
    assert thickness(calm, 0.05) == pytest.approx(1.0, abs=0.02)
    felt.click()
    expect(felt).to_have_attribute("aria-pressed", "true")
    expect(leading).to_have_attribute("aria-pressed", "false")
    expect(song.locator(".flow")).to_contain_text("the share of listeners who feel each emotion")
    share = intensities["calmness"][0] / max(sums)
    assert thickness(calm, 0.05) == pytest.approx(share, abs=0.02)
    whole = answer["intensities"]
    first = max(EMOTIONS, key=whole.__getitem__)
    expect(song.locator(".stage")).to_have_accessible_description(
        re.compile(f"^The share of listeners.* Over the whole: {first} {100 * whole[first]:.0f} %")
    )
    leading.click()
    assert thickness(calm, 0.05) == pytest.approx(1.0, abs=0.02)


def test_the_playhead_says_what_it_was_heard_from(song: Locator) -> None:
    expect(song.locator(".heard")).to_have_text("At the playhead: heard from 0:00 to 0:03.")
    for _ in range(4):
        song.locator(".stage").press("ArrowRight")
    expect(song.locator(".heard")).to_have_text("At the playhead: heard from 0:03 to 0:06.")


def numbers(shape: Locator, *names: str) -> list[float]:
    return [float(str(shape.get_attribute(name))) for name in names]


def test_the_plane_shows_the_way_and_the_whole(song: Locator, live: Live) -> None:
    with live.client() as client:
        answer = client.post("/api/predict", files={"file": ("song.wav", SONG)}).json()
    valence, arousal = answer["timeline"]["valence"], answer["timeline"]["arousal"]

    def on_plane(valence: float, arousal: float) -> Any:
        return pytest.approx([225 + 120 * valence, 148 - 120 * arousal], abs=0.1)

    plane = song.locator(".plane")
    assert numbers(plane.locator(".whole"), "cx", "cy") == on_plane(
        answer["valence"], answer["arousal"]
    )
    steps = plane.locator(".way")
    expect(steps).to_have_count(len(valence) - 1)
    for number, step in enumerate(steps.all()):
        assert numbers(step, "x1", "y1") == on_plane(valence[number], arousal[number])
        assert numbers(step, "x2", "y2") == on_plane(valence[number + 1], arousal[number + 1])
    words = plane.locator("text").all_text_contents()
    assert words == ["unpleasant", "pleasant", "calm", "stirring", "start", "end"]
    start, end = (f"valence {signed_share(valence[at])} (" for at in (0, -1))
    expect(plane).to_have_accessible_name(re.compile(f"At the start {re.escape(start)}"))
    expect(plane).to_have_accessible_name(re.compile(f"at the end {re.escape(end)}"))
    expect(song.locator(".mood-told")).to_contain_text(f"Valence {signed_share(answer['valence'])}")
    ring = plane.locator(".here")
    assert numbers(ring, "cx", "cy") == on_plane(valence[0], arousal[0])
    song.locator(".stage").press("End")
    assert numbers(ring, "cx", "cy") == on_plane(valence[-1], arousal[-1])
    for part in (".beside", ".familiarity"):  # this model knows no other music
        expect(song.locator(part)).to_be_hidden()


def signed_share(value: float) -> str:
    return f"{value:+.2f}".replace("-", "−")


def test_a_track_stands_beside_other_music(visited: Visit) -> None:
    def known(route: Route) -> None:
        answer = route.fetch()
        result = answer.json()
        standing = dict.fromkeys(EMOTIONS, 0.5) | {"power": 0.08, "calmness": 0.999, "tension": 0.8}
        result["prediction"] |= {"standing": standing, "familiarity": 0.75}
        route.fulfill(response=answer, json=result)

    visited.page.route("**/result", known)
    visited.drop(song__wav=SONG)
    song = visited.outcome("song.wav")
    expect(song.locator(".beside")).to_have_text(
        "Beside other music: more calmness than 99 %, less power than 92 %, "
        "more tension than 80 % of it."
    )
    expect(song.locator(".familiarity")).to_contain_text("Familiarity 75 %")


def test_playing_moves_the_playhead(song: Locator) -> None:
    button = song.locator(".play")
    expect(button).to_have_accessible_name("Play")
    button.click()
    expect(button).to_have_accessible_name("Pause")
    expect(song.locator(".clock .now")).not_to_have_text("0:00")
    button.click()
    expect(button).to_have_accessible_name("Play")
    assert place(song) > 0.5


def test_the_keyboard_is_enough(shown: Visit, song: Locator) -> None:
    page = shown.page
    page.locator("body").press("Tab")
    for _ in range(40):
        if page.evaluate("document.activeElement.getAttribute('role')") == "slider":
            break
        page.keyboard.press("Tab")
    expect(song.locator(".stage")).to_be_focused()
    for key, expected in (
        ("ArrowRight", 1.0),
        ("ArrowUp", 2.0),
        ("ArrowLeft", 1.0),
        ("PageUp", 11.0),
        ("PageDown", 1.0),
        ("End", SECONDS),
        ("ArrowRight", SECONDS),
        ("Home", 0.0),
        ("ArrowDown", 0.0),
    ):
        page.keyboard.press(key)
        assert place(song) == pytest.approx(expected, abs=0.05), key
    page.keyboard.press("Space")
    expect(song.locator(".play")).to_have_accessible_name("Pause")
    page.keyboard.press("Space")
    expect(song.locator(".play")).to_have_accessible_name("Play")
    # Elsewhere in the card, too, but a button keeps its own keys.
    song.locator(".verdict").click(position={"x": 2, "y": 2})
    page.keyboard.press("ArrowRight")
    moved = place(song)
    song.locator(".play").focus()
    page.keyboard.press("ArrowRight")
    assert place(song) == pytest.approx(moved + 1.0, abs=0.05)


def test_focus_goes_the_way_of_the_eye(shown: Visit, song: Locator) -> None:
    places = shown.page.evaluate(
        """() => [...document.querySelectorAll("main button, main [role=slider]")]
        .filter((part) => part.checkVisibility())
        .map((part) => part.closest("section").getBoundingClientRect().top)"""
    )
    assert places == sorted(places)
    expect(shown.page.locator("#skip")).to_have_attribute("href", re.compile("#tracks$"))


def test_silence_has_no_emotions(visited: Visit) -> None:
    half = np.concatenate([np.zeros(6 * RATE, np.float32), tone(6.0, RATE, 440.0)])
    visited.drop(silence__wav=wav(np.zeros(6 * RATE, np.float32)), half__wav=wav(half))
    silent = visited.outcome("silence.wav")
    expect(silent.locator(".top-emotion")).to_have_text("Silence")
    for part in (".river", ".flow", ".bars", ".mood", '[data-do="explain"]', '[data-do="png"]'):
        expect(silent.locator(part)).to_be_hidden()
    stage = visited.outcome("half.wav").locator(".stage")
    expect(stage).to_have_attribute("aria-valuetext", "0:00 of 0:12, silent")
    expect(visited.track("half.wav").locator(".felt")).to_have_text("silent")
    stage.press("End")
    expect(stage).to_have_attribute("aria-valuetext", "0:12 of 0:12, calmness 100 %")
    visited.page.get_by_role("switch", name="All nine emotions").check()
    row = visited.row("silence.wav")
    expect(row.locator(".leading")).to_have_text("silence")
    assert set(row.locator(".share").all_inner_texts()) == {"–"}


def test_everything_that_can_be_used_has_a_name(visited: Visit, own_song: Locator) -> None:
    nameless = visited.page.evaluate(
        """() => [...document.querySelectorAll("button, select, input, a, [role=slider], progress")]
        .filter((part) => part.checkVisibility() && !(part.ariaLabel || part.innerText ||
          part.labels?.length || part.getAttribute("aria-labelledby")))
        .map((part) => part.outerHTML)"""
    )
    assert nameless == []
    expect(own_song.locator(".stage")).to_have_accessible_name("Position in song.wav")
    expect(own_song.locator(".stage")).to_have_accessible_description(
        "How likely each emotion is to be the leading one, over time. "
        "Over the whole: calmness 50 %, tension 50 %, amazement <1 %."
    )
    expect(visited.page.locator("#status")).to_contain_text("song.wav: mostly")


def test_another_model_analyses_again(visited: Visit, own_song: Locator) -> None:
    visited.page.get_by_label("Model", exact=True).select_option("second")
    expect(visited.page.locator("#offer-text")).to_have_text("1 result is of another model.")
    expect(own_song.locator(".meta")).to_have_text("0:12 · model tones 1")
    visited.page.get_by_role("button", name="Ask second").click()
    expect(visited.page.locator("#offer")).to_be_hidden()
    expect(own_song.locator(".meta")).to_have_text("0:12 · model second 2")
    expect(own_song.locator(".river path.area")).to_have_count(len(EMOTIONS))
    visited.page.get_by_role("button", name="About the model").click()
    expect(visited.page.get_by_role("dialog")).to_contain_text("second 2")
    expect(visited.page.get_by_role("dialog")).to_contain_text(
        "The river has a point for every 3 s. Each is heard from 3 s of sound; the whole is "
        "their mean."
    )
    visited.page.keyboard.press("Escape")
    expect(visited.page.get_by_role("dialog")).to_be_hidden()


def test_downloads_are_what_the_server_answered(
    shown: Visit,
    song: Locator,
    live: Live,
    model_folders: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with live.client() as client:
        answer = client.post("/api/predict", files={"file": ("song.wav", SONG)}).json()
    page = shown.page
    name, data = saved(page, song.get_by_role("button", name="JSON"))
    assert name == "song-emotions.json"
    assert json.loads(data) == [answer]
    name, data = saved(page, song.get_by_role("button", name="CSV"))
    assert name == "song-emotions.csv"
    (tmp_path / "song.wav").write_bytes(SONG)
    monkeypatch.chdir(tmp_path)
    options = ("-m", model_folders[0], "-f", "csv", "--timeline")
    assert rows_of(data.decode()) == rows_of(run("predict", "song.wav", *options).stdout)
    name, data = saved(page, song.get_by_role("button", name="PNG"))
    assert name == "song-emotions.png"
    assert data.startswith(b"\x89PNG\r\n")
    width, height = struct.unpack(">II", data[16:24])
    assert width == 1600
    assert height > 600


def test_a_bad_file_says_what_is_wrong(visited: Visit) -> None:
    visited.drop(letter__mp3=b"dear listener")
    letter = visited.track("letter.mp3")
    expect(letter.get_by_role("alert")).to_contain_text(
        "'letter.mp3' is not audio that can be read; convert it to WAV"
    )
    expect(letter.get_by_role("alert")).not_to_contain_text("pip install")
    expect(letter.get_by_role("button", name="Try again")).to_be_hidden()
    expect(letter.locator(".outcome")).to_be_hidden()
    visited.page.get_by_role("button", name="Remove letter.mp3").click()
    expect(letter).to_have_count(0)


def test_a_name_cannot_become_part_of_the_page(visited: Visit) -> None:
    name = "<img src=x onerror=alert(1)>__wav"
    visited.drop(**{name: b"no music"})
    track = visited.page.locator(".track")
    expect(track.locator("h2")).to_have_text("<img src=x onerror=alert(1)>.wav")
    expect(track.get_by_role("alert")).to_contain_text("is not audio")
    expect(track.locator("img")).to_have_count(0)


def reasons(live: Live, emotion: str) -> dict[str, Any]:
    with live.client() as client:
        fields = {"explain": "true", "emotion": emotion}
        answer = client.post("/api/predict", files={"file": ("song.wav", SONG)}, data=fields)
    return answer.json()["explanation"]


def signed(points: float) -> str:
    return "0.0" if abs(points) < 0.05 else f"{points:+.1f}".replace("-", "−")


def colour_at(canvas: Locator, row: int, column: int) -> list[int]:
    look = "(canvas, [x, y]) => [...canvas.getContext('2d').getImageData(x, y, 1, 1).data]"
    return canvas.evaluate(look, [column, row])


def test_reasons_on_demand(visited: Visit, own_song: Locator, live: Live) -> None:
    own_song.get_by_role("button", name="Why?").click()
    expect(own_song.locator(".why-text")).to_contain_text("calmness")
    expect(own_song.locator(".why canvas")).to_be_visible()
    expect(own_song.locator(".why .bands tbody tr")).to_have_count(8)
    for words in ("Orange speaks for calmness, blue against it.", "Influences do not add up"):
        expect(own_song.locator(".why")).to_contain_text(words)
    assert own_song.locator(".why .hertz span").all_inner_texts()[0] == "100 Hz"
    assert own_song.locator(".why .axis span").all_inner_texts()[:2] == ["0:00", "0:02"]
    own_song.get_by_label("Emotion to explain").select_option("tension")
    expect(own_song.locator(".why-text")).to_contain_text("without 1.6–3.2 kHz it would lose")
    heat = own_song.locator(".why canvas")
    expect(heat).to_have_accessible_name(re.compile("each band adds to tension"))
    why = reasons(live, "tension")
    highest, *_ = own_song.locator(".why .bands tbody tr").all()
    assert highest.locator("td").all_inner_texts() == [
        signed(100 * sum(why["map"][-1])),
        signed(100 * why["frequencies"][-1]),
    ]
    # Orange where it speaks for tension: its tone, in the second half only.
    band = next(number for number, (low, _) in enumerate(why["bands"]) if low == 1_600.0)
    assert colour_at(heat, 7 - band, 3) == [217, 95, 2, 255]
    heat.hover(position={"x": 3.5 / 4 * heat.bounding_box()["width"], "y": (7.5 - band) * 24})
    expect(heat).to_have_attribute("title", re.compile(r"0:09–0:12, 1.6–3.2 kHz: \+[\d.]+ points"))
    pixels = "(canvas) => canvas.toDataURL()"
    before = heat.evaluate(pixels)
    visited.page.locator("#theme").click()
    assert heat.evaluate(pixels) != before
    assert visited.complaints == []


def test_an_analysis_can_be_cancelled(visited: Visit, live: Live) -> None:
    visited.page.get_by_label("Model", exact=True).select_option("endless")
    visited.drop(song__wav=SONG)
    waiting = visited.track("song.wav")
    expect(waiting.locator("progress")).to_be_visible()
    expect(waiting.locator(".stage-text")).to_contain_text("0:12")
    waiting.get_by_role("button", name="Cancel").click()
    expect(visited.track("song.wav")).to_have_count(0)
    until(lambda: live.inside == 0)


def test_warnings_are_shown(visited: Visit) -> None:
    visited.drop(short__wav=music(1.0))
    track = visited.outcome("short.wav")
    expect(track.locator(".warnings li")).to_contain_text("only 1.0 s of sound")


def test_an_example_is_one_click_away(visited: Visit) -> None:
    visited.page.get_by_role("button", name="calmness").click()
    track = visited.outcome("calmness.flac")
    expect(track.locator(".meta")).to_contain_text("0:15")


def test_a_phone_shows_all_of_it(browser: Browser, live: Live) -> None:
    phone: dict[str, Any] = {
        "viewport": {"width": 360, "height": 740},
        "has_touch": True,
        "is_mobile": True,
    }
    with visit(browser, live.address, **phone) as seen:
        page = seen.page
        fits = "document.documentElement.scrollWidth <= innerWidth"
        assert page.evaluate(fits)
        expect(page.locator("footer")).not_to_contain_text("Space plays", use_inner_text=True)
        expect(page.locator(".lead")).to_have_text(re.compile("^Choose"), use_inner_text=True)
        seen.drop(song__wav=SONG, second__wav=SONG)
        seen.outcome("second.wav")
        leads = page.locator("#list-table tbody .leading").first
        expect(leads).to_contain_text("calmness 50 %")
        box = leads.bounding_box()
        assert box["x"] + box["width"] <= 360
        song = seen.outcome("song.wav")
        assert page.evaluate(fits)
        river = song.locator(".river").bounding_box()
        bars = song.locator(".bars").bounding_box()
        assert river["width"] > 280
        assert bars["y"] > river["y"] + river["height"]
        plane = song.locator(".plane").bounding_box()
        assert plane["width"] > 280
        for name in song.locator(".plane text").all():
            box = name.bounding_box()
            assert plane["x"] <= box["x"] <= box["x"] + box["width"] <= plane["x"] + plane["width"]
        stage = song.locator(".stage")
        stage.scroll_into_view_if_needed()
        box = stage.bounding_box()
        page.touchscreen.tap(box["x"] + 0.75 * box["width"], box["y"] + 20)
        assert place(song) == pytest.approx(0.75 * SECONDS, abs=0.2)
        for button in song.locator("button:visible").all():
            assert button.bounding_box()["height"] >= 24  # WCAG 2.2 AA, 2.5.8
        song.get_by_role("button", name="Why?").click()
        song.locator(".why canvas").wait_for()
        assert page.evaluate(fits)


def test_dark_and_light(browser: Browser, live: Live) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    with visit(browser, live.address, color_scheme="dark") as seen:
        assert seen.page.evaluate(ground) == "rgb(18, 16, 22)"
        button = seen.page.get_by_role("button", name="Dark theme")
        expect(button).to_have_attribute("aria-pressed", "true")
        button.click()
        assert seen.page.evaluate(ground) == "rgb(245, 243, 239)"
        seen.page.reload()
        assert seen.page.evaluate(ground) == "rgb(245, 243, 239)"
    with visit(browser, live.address, color_scheme="light") as seen:
        assert seen.page.evaluate(ground) == "rgb(245, 243, 239)"


def test_no_request_to_any_other_host(visited: Visit, own_song: Locator, live: Live) -> None:
    own_song.get_by_role("button", name="Why?").click()
    own_song.locator(".why canvas").wait_for()
    own_song.locator(".play").click()
    saved(visited.page, own_song.get_by_role("button", name="PNG"))
    own = (f"{live.address}/", f"blob:{live.address}/", "data:")
    assert len(visited.requests) > 10
    assert [url for url in visited.requests if not url.startswith(own)] == []


def test_a_token_is_asked_for_once(browser: Browser, model_folders: tuple[str, ...]) -> None:
    settings = ServerSettings(port=0, models=model_folders[:1], workers=1, token="open sesame")
    with running(settings) as server:
        context = browser.new_context()
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.goto(server.address)
        page.get_by_role("textbox", name="Token").fill("wrong")
        problem = page.locator("#token-problem")
        expect(problem).to_be_hidden()
        page.get_by_role("button", name="Go on").click()
        expect(problem).to_have_text("The server does not know this token.")
        expect(page.get_by_role("textbox", name="Token")).to_have_value("")
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_be_hidden()
        expect(page.locator("#notice")).to_have_text(
            "This server asks for its token. Reload the page to try again."
        )
        page.reload()
        expect(problem).to_be_hidden()
        Visit(page).drop(early__wav=SONG)
        page.get_by_role("textbox", name="Token").fill("open sesame")
        page.get_by_role("button", name="Go on").click()
        page.locator("body.started").wait_for()
        Visit(page).outcome("early.wav")
        page.get_by_role("button", name="calmness").click()
        Visit(page).outcome("calmness.flac")
        context.close()
