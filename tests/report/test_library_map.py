"""The map of a library: what is told to the page, and the page in a real browser."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import html5lib
import numpy as np
import pytest
import soundfile
from playwright.sync_api import Browser, Page, expect

from helpers.accessibility import THEMES, needs_axe, serious_problems
from helpers.browser import CHROMIUM, PATIENCE, Visit, visit
from helpers.firefox import needs_firefox, running_firefox
from helpers.sounds import RATE, tone
from helpers.tracks import track
from music_emotion.emotions import EMOTIONS, GEMS
from music_emotion.errors import CatalogueError
from music_emotion.library.catalogue import Catalogue
from music_emotion.library.playlist_files import Mapping, Naming
from music_emotion.library.search import Found
from music_emotion.library.track import CatalogueTrack, Tags
from music_emotion.library.writers import Listing, export
from music_emotion.report.library_map import AXES, STEPS, UNKNOWN, page_of, read_data, write_map

needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium (apt install chromium)")
expect.set_options(timeout=PATIENCE)


def felt(path: str, valence: float, arousal: float, tags: Tags, **fields: object) -> CatalogueTrack:
    """A track with a place on the plane; without a second emotion its leading one is named."""
    leading = next(name for name in fields if name in EMOTIONS)
    plain = track(path, **fields)
    told = replace(plain.prediction, valence=valence, arousal=arousal)
    assert told.top == leading
    return replace(plain, path=path, tags=tags, prediction=replace(told, path=path))


@pytest.fixture
def catalogue(tmp_path: Path) -> Iterator[Catalogue]:
    with Catalogue.open(tmp_path / "catalogue.sqlite", write=True) as opened:
        yield opened


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalogue]:
    """Six tracks that are shown, and three that are not: unreadable, silent, gone."""
    place = tmp_path_factory.mktemp("map") / "catalogue.sqlite"
    with Catalogue.open(place, write=True) as catalogue:
        fill(catalogue)
        yield catalogue


def fill(catalogue: Catalogue) -> None:
    catalogue.write_all(
        [
            felt("/music/a/calm.mp3", 0.5, -0.5, Tags("Ann", "One", "Calm", "Jazz; Soul", 1990),
                 calmness=0.8, tension=0.1),
            felt("/music/a/tense.mp3", -0.5, 0.5, Tags("Ann", "One", "Tense", "Rock", 2000),
                 tension=0.9),
            felt("/music/b/far.mp3", 1.0, 1.0, Tags("Bob <b>", "Two", "", "Jazz", None), power=0.7),
            felt("/music/b/Ärger #1.mp3", -0.6, 0.4, Tags("Björk", "", "Ärger", "Rock", 1995),
                 tension=0.6),
            felt("/music/talk.mp3", 0.0, 0.0, Tags("Cid", "", "Talk", "Podcast", 2020),
                 seconds=61.4, sadness=0.5),
            felt("/music/no/plane.mp3", math.nan, math.nan,
                 Tags("Dan", "", "Plain\nsong", "", 2021), sadness=0.6),
            track("letter.mp3", prediction=None, error="is no audio", model_sha256=""),
            track("silent.mp3", prediction=silence()),
            track("gone.mp3", power=0.8, missing_since=5),
        ]
    )  # fmt: skip


def silence():
    nothing = np.zeros(9, np.float32)
    plain = track("silent.mp3").prediction
    return replace(plain, emotions=nothing, intensities=nothing, confidence=0.0)


# What the page is told


def test_tracks_that_are_there_and_whole_are_told_of(filled: Catalogue) -> None:
    data = read_data(filled, Naming())
    assert data.lists["title"] == ["Calm", "Tense", "far", "Ärger", "Talk", "Plain song"]
    assert data.lists["file"][:2] == ["calm.mp3", "tense.mp3"]
    folders = [data.lists["folder"][place] for place in data.numbers["folder"]]
    assert folders == ["/music/a/"] * 2 + ["/music/b/"] * 2 + ["/music/", "/music/no/"]
    assert [data.lists["artist"][place] for place in data.numbers["artist"][:3]] == [
        *("Ann", "Ann", "Bob <b>"),
    ]
    assert data.numbers["year"].tolist() == [1990, 2000, 0, 1995, 2020, 2021]
    assert data.numbers["seconds"].tolist() == [180, 180, 180, 180, 61, 180]
    assert data.numbers["music"].tolist() == [1, 1, 1, 1, 0, 1]
    tops = [EMOTIONS[place] for place in data.numbers["top"]]
    assert tops == ["calmness", "tension", "power", "tension", "sadness", "sadness"]


def test_numbers_stand_on_their_axes(filled: Catalogue) -> None:
    data = read_data(filled, Naming())
    places = dict(zip((axis.name for axis in AXES), data.axes, strict=True))
    assert places["valence"].tolist() == pytest.approx(
        [0.75 * STEPS, 0.25 * STEPS, STEPS, 0.2 * STEPS, 0.5 * STEPS, UNKNOWN], abs=1
    )
    assert places["arousal"][:2].tolist() == pytest.approx([0.25 * STEPS, 0.75 * STEPS], abs=1)
    assert places["tension"][:2].tolist() == pytest.approx([0.1 * STEPS, 0.9 * STEPS], abs=1)
    assert [axis.name for axis in AXES] == ["valence", "arousal", *EMOTIONS]


def test_the_page_is_valid_and_asks_no_server_for_anything(filled: Catalogue) -> None:
    page = page_of(read_data(filled, Naming()))
    html5lib.HTMLParser(strict=True).parse(page)
    assert not re.search(r"""(?:https?:)?//[\w-]+\.\w|@import|url\(|src=|href="(?!#|data:)""", page)
    assert "<b>" not in page.split("</style>")[1]  # names are data
    assert not re.search(r"\{\{|^(?:import|export) ", page, re.M)


def test_the_same_catalogue_gives_the_same_page(filled: Catalogue) -> None:
    assert page_of(read_data(filled, Naming())) == page_of(read_data(filled, Naming()))


def test_an_empty_catalogue_is_refused_with_the_command_that_fills_it(
    catalogue: Catalogue, tmp_path: Path
) -> None:
    target = tmp_path / "map.html"
    with pytest.raises(CatalogueError, match="is empty; fill it: music-emotion scan FOLDER"):
        write_map(catalogue, target)
    catalogue.write(track("letter.mp3", prediction=None, error="is no audio", model_sha256=""))
    with pytest.raises(CatalogueError, match="1 is broken"):
        write_map(catalogue, target)
    assert not target.exists()


# The page


@pytest.fixture(scope="module")
def visited(browser: Browser, filled: Catalogue) -> Iterator[Visit]:
    target = filled.path.with_name("map.html")
    assert write_map(filled, target) == 6
    with visit(browser, target.as_uri()) as seen:
        yield seen


@pytest.fixture
def page(visited: Visit) -> Iterator[Page]:
    """The page as it was opened, with the whole plane on it."""
    visited.page.mouse.move(0, 0)
    visited.page.reload()
    visited.page.locator("body.started").wait_for()
    visited.page.get_by_role("button", name="Whole").click()
    yield visited.page
    assert visited.complaints == []


def at(page: Page, valence: float, arousal: float) -> tuple[float, float]:
    """Where a place of the whole plane is on the screen."""
    box = page.locator("#dots").bounding_box()
    return (
        box["x"] + (valence + 1) / 2 * box["width"],
        box["y"] + (1 - arousal) / 2 * box["height"],
    )


def lasso(page: Page, *places: tuple[float, float], key: str = "Shift") -> None:
    """Draw a line around places of the plane."""
    page.locator("#stage").scroll_into_view_if_needed()
    page.keyboard.down(key)
    page.mouse.move(*at(page, *places[0]))
    page.mouse.down()
    for place in (*places[1:], places[0]):
        page.mouse.move(*at(page, *place), steps=5)
    page.mouse.up()
    page.keyboard.up(key)


def names(page: Page) -> list[str]:
    return page.locator("#list button").all_inner_texts()


def pixel(page: Page, valence: float, arousal: float) -> list[int]:
    """The colour of the dots' canvas at a place of the plane."""
    return page.evaluate(
        """([x, y]) => {
          const canvas = document.getElementById("dots");
          const box = canvas.getBoundingClientRect();
          const ratio = canvas.width / box.width;
          return [...canvas.getContext("2d").getImageData(
            Math.floor((x - box.x) * ratio), Math.floor((y - box.y) * ratio), 1, 1).data];
        }""",
        list(at(page, valence, arousal)),
    )


UPPER_LEFT = ((-0.95, 0.2), (-0.95, 0.8), (-0.3, 0.8), (-0.3, 0.2))
ALL_NAMES = ["Ann - Calm", "Ann - Tense", "Bob <b> - far", "Björk - Ärger", "Cid - Talk"]


@needs_browser
def test_every_track_is_a_dot_in_the_colour_of_its_emotion(page: Page) -> None:
    expect(page.locator("#count")).to_have_text(
        "6 of 6 tracks shown; 1 without valence or arousal not on the map"
    )
    assert names(page) == [*ALL_NAMES, "Dan - Plain song"]
    colours = {emotion.name: emotion.colour for emotion in GEMS}
    for place, name in (((0.5, -0.5), "calmness"), ((-0.5, 0.5), "tension")):
        wanted = [int(colours[name][at : at + 2], 16) for at in (1, 3, 5)]
        assert pixel(page, *place)[:3] == pytest.approx(wanted, abs=0.11 * 255)
    assert pixel(page, 0.5, 0.5) == [255] * 4  # where nothing is


@needs_browser
@pytest.mark.parametrize(
    ("place", "title", "line"),
    [
        ((0.5, -0.5), "Calm", "calmness; valence +0.50, arousal −0.50"),
        ((-0.5, 0.5), "Tense", "tension; valence −0.50, arousal +0.50"),
        ((-0.6, 0.4), "Ärger", "tension; valence −0.60, arousal +0.40"),
    ],
)
def test_pointing_tells_which_track_it_is(
    page: Page, place: tuple[float, float], title: str, line: str
) -> None:
    x, y = at(page, *place)
    page.mouse.move(x + 3, y - 3)
    tip = page.locator("#tip")
    expect(tip).to_be_visible()
    lines = tip.inner_text().split("\n")
    assert (lines[0], lines[-1]) == (title, line)
    page.mouse.move(*at(page, 0.9, -0.9))
    expect(tip).to_be_hidden()


@needs_browser
def test_a_click_tells_all_that_is_known(page: Page) -> None:
    page.mouse.click(*at(page, 0.5, -0.5))
    assert page.locator("#track-title").inner_text() == "Calm"
    facts = dict(
        zip(
            page.locator("#facts dt").all_inner_texts(),
            page.locator("#facts dd").all_inner_texts(),
            strict=True,
        )
    )
    assert facts == {
        "Artist": "Ann",
        "Album": "One",
        "Year": "1990",
        "Genre": "Jazz; Soul",
        "Length": "3:00",
        "Leading": "calmness",
        "Mood": "valence +0.50, arousal −0.50",
        "File": "/music/a/calm.mp3",
    }
    shares = page.locator("#felt td:last-child").all_inner_texts()
    assert [shares[EMOTIONS.index(name)] for name in ("calmness", "tension", "power")] == [
        *("80 %", "10 %", "5 %"),
    ]
    page.mouse.click(*at(page, 0.9, -0.9))
    expect(page.locator("#track")).to_be_hidden()


@needs_browser
def test_a_lasso_selects_exactly_what_is_within_and_saves_it(
    page: Page, filled: Catalogue, tmp_path: Path
) -> None:
    lasso(page, *UPPER_LEFT)
    expect(page.locator("#selected")).to_have_text("2 tracks, 6:00")
    assert names(page) == ["Ann - Tense", "Björk - Ärger"]
    with page.expect_download() as download:
        page.get_by_role("button", name="Save as playlist").click()
    assert download.value.suggested_filename == "selection.m3u8"
    export(Listing(filled, Found(np.array([2, 4]))), "m3u8", tmp_path / "own.m3u8")
    saved = Path(download.value.path()).read_bytes()
    assert saved == (tmp_path / "own.m3u8").read_bytes()
    assert saved.decode().splitlines() == [
        "#EXTM3U",
        "#EXTINF:180,Ann - Tense",
        "/music/a/tense.mp3",
        "#EXTINF:180,Björk - Ärger",
        "/music/b/Ärger #1.mp3",
    ]


@needs_browser
def test_a_lasso_adds_and_takes_away(page: Page) -> None:
    page.get_by_role("button", name="Lasso").click()
    lasso(page, *UPPER_LEFT, key="Control")
    page.get_by_label("The lasso").select_option("adds")
    lasso(page, (0.4, -0.4), (0.6, -0.4), (0.6, -0.6), (0.4, -0.6), key="Control")
    assert names(page) == ["Ann - Calm", "Ann - Tense", "Björk - Ärger"]
    page.get_by_label("The lasso").select_option("takes away")
    lasso(page, (-0.55, 0.45), (-0.45, 0.45), (-0.45, 0.55), (-0.55, 0.55), key="Control")
    assert names(page) == ["Ann - Calm", "Björk - Ärger"]
    page.get_by_role("button", name="Clear").click()
    expect(page.locator("#selected")).to_have_text("Nothing is selected.")
    expect(page.get_by_role("button", name="Save as playlist")).to_be_disabled()


@needs_browser
def test_speech_stays_out_of_a_playlist_unless_it_is_asked_for(page: Page) -> None:
    page.get_by_role("button", name="Select all shown").click()
    expect(page.locator("#selected")).to_have_text("6 tracks, 16:01")
    box = page.get_by_label("Also 1 track of speech or longer than 30 minutes")
    expect(box).not_to_be_checked()

    def saved() -> str:
        with page.expect_download() as download:
            page.get_by_role("button", name="Save as playlist").click()
        return Path(download.value.path()).read_text(encoding="utf-8")

    assert "talk.mp3" not in saved() and saved().count("#EXTINF") == 5
    box.check()
    assert "/music/talk.mp3" in saved() and saved().count("#EXTINF") == 6


@needs_browser
@pytest.mark.parametrize(
    ("label", "value", "expected"),
    [
        ("Search", "ÄRG", ["Björk - Ärger"]),
        ("Search", "music/a one", ["Ann - Calm", "Ann - Tense"]),
        ("Search", "soul ann", ["Ann - Calm"]),
        ("Artist", "bjork", ["Björk - Ärger"]),
        ("Artist", "bo", ["Bob <b> - far"]),
        ("Year from", "2000", ["Ann - Tense", "Cid - Talk", "Dan - Plain song"]),
        ("to", "1995", ["Ann - Calm", "Björk - Ärger"]),
        ("Genre", "Jazz", ["Ann - Calm", "Bob <b> - far"]),
        ("Genre", "Soul", ["Ann - Calm"]),
    ],
)
def test_filters_show_what_they_say_and_count_it(
    page: Page, label: str, value: str, expected: list[str]
) -> None:
    field = page.get_by_label(label, exact=True)
    if label == "Genre":
        field.select_option(value)
    else:
        field.fill(value)
    expect(page.locator("#list button")).to_have_text(expected)
    expect(page.locator("#count")).to_contain_text(f"{len(expected)} of 6 tracks shown")
    page.get_by_role("button", name="Show all").click()
    expect(page.locator("#list button")).to_have_count(6)


@needs_browser
def test_emotions_filter_and_genres_are_counted(page: Page) -> None:
    options = page.locator("#genre option").all_inner_texts()
    assert options == ["any", "Jazz (2)", "Podcast (1)", "Rock (2)", "Soul (1)"]
    page.get_by_label("tension (2)").uncheck()
    expect(page.locator("#count")).to_contain_text("4 of 6 tracks shown")
    assert pixel(page, -0.5, 0.5) == [255] * 4
    lasso(page, *UPPER_LEFT)  # what is not shown is not selected
    expect(page.locator("#selected")).to_have_text("Nothing is selected.")


@needs_browser
def test_two_emotions_make_a_plane(page: Page) -> None:
    expect(page.locator("#across-title")).to_have_text("valence, from −1 to 1")
    assert page.locator(".across-low, .across-high").all_inner_texts() == ["unpleasant", "pleasant"]
    page.get_by_label("Across", exact=True).select_option("tension")
    page.get_by_label("Up", exact=True).select_option("calmness")
    page.get_by_role("button", name="Whole").click()
    expect(page.locator("#count")).to_have_text("6 of 6 tracks shown")
    expect(page.locator("#up-title")).to_have_text("calmness, share of listeners")
    page.mouse.move(*at(page, 2 * 0.9 - 1, 2 * 0.05 - 1))  # felt by 90 % and 5 %
    expect(page.locator("#tip")).to_contain_text("tension 90 %, calmness 5 %")
    expect(page.locator("#tip b")).to_have_text("Tense")


@needs_browser
def test_moving_and_zooming_keep_the_dots_under_the_pointer(page: Page) -> None:
    x, y = at(page, 0.5, -0.5)
    page.mouse.move(x, y)
    page.mouse.wheel(0, -600)
    page.mouse.move(x + 1, y)
    expect(page.locator("#tip b")).to_have_text("Calm")
    page.mouse.down()
    page.mouse.move(x - 150, y - 100, steps=5)
    page.mouse.up()
    page.mouse.move(x, y)
    expect(page.locator("#tip")).to_be_hidden()
    page.mouse.move(x - 150, y - 100)
    expect(page.locator("#tip b")).to_have_text("Calm")
    page.get_by_role("button", name="Select what is in view").click()
    assert names(page) == ["Ann - Calm"]


@needs_browser
def test_everything_can_be_done_by_keys(page: Page) -> None:
    stage = page.get_by_role("application")
    expect(stage).to_have_accessible_name(
        "Map of tracks: valence from left to right, arousal upwards"
    )
    stage.focus()
    page.keyboard.press("ArrowUp")  # the one nearest to the middle
    expect(page.locator("#status")).to_have_text(re.compile("^Cid - Talk: sadness, valence 0.00"))
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#status")).to_have_text(re.compile("^Björk - Ärger: tension"))
    page.keyboard.press(" ")
    expect(page.locator("#status")).to_have_text(re.compile("arousal \\+0.40, selected$"))
    page.keyboard.press("ArrowRight")
    expect(page.locator("#status")).to_have_text(re.compile("^Ann - Tense: tension"))
    page.keyboard.press("Enter")
    assert names(page) == ["Ann - Tense", "Björk - Ärger"]
    page.keyboard.press("Escape")
    expect(page.locator("#selected")).to_have_text("Nothing is selected.")
    for key in ("+", "+", "Shift+ArrowRight", "-", "0"):
        page.keyboard.press(key)
    page.mouse.move(*at(page, 0.5, -0.5))
    expect(page.locator("#tip b")).to_have_text("Calm")  # the whole plane is back
    nameless = page.evaluate(
        """() => [...document.querySelectorAll("button, select, input, a, [role], audio")]
        .filter((part) => part.checkVisibility() && part.id !== "status" &&
          !(part.ariaLabel || part.innerText || part.labels?.length))
        .map((part) => part.outerHTML)"""
    )
    assert nameless == []


@needs_browser
def test_the_list_leads_to_the_track(page: Page) -> None:
    page.locator("#list").get_by_role("button", name="Björk - Ärger").click()
    expect(page.locator("#track-title")).to_have_text("Ärger")
    expect(page.locator('#list [aria-current="true"]')).to_have_text("Björk - Ärger")


@needs_browser
def test_both_themes(browser: Browser, filled: Catalogue, tmp_path: Path) -> None:
    write_map(filled, tmp_path / "map.html")
    with visit(browser, (tmp_path / "map.html").as_uri(), color_scheme="dark") as seen:
        page = seen.page
        page.get_by_role("button", name="Whole").click()
        assert pixel(page, 0.5, 0.5) == [0x1C, 0x19, 0x23, 255]
        page.get_by_role("button", name="Dark").click()
        expect(page.get_by_role("button", name="Dark")).to_have_attribute("aria-pressed", "false")
        page.wait_for_timeout(100)
        assert pixel(page, 0.5, 0.5) == [255] * 4


@needs_axe
@pytest.mark.parametrize("theme", THEMES)
def test_nothing_keeps_people_from_using_it(
    theme: str, browser: Browser, filled: Catalogue, tmp_path: Path
) -> None:
    write_map(filled, tmp_path / "map.html")
    with visit(browser, (tmp_path / "map.html").as_uri(), color_scheme=theme) as seen:
        page = seen.page
        page.get_by_role("button", name="Select all shown").click()
        page.locator("#list").get_by_role("button", name="Björk - Ärger").click()
        page.get_by_role("button", name="Play", exact=True).click()
        expect(page.get_by_role("alert")).to_be_visible()
        assert serious_problems(page) == []


@pytest.fixture
def beside_a_song(catalogue: Catalogue, tmp_path: Path) -> Path:
    """A map of two tracks, the file of one of which is there."""
    song = tmp_path / "a song #1.wav"
    soundfile.write(song, tone(3.0), RATE)
    catalogue.write_all(
        [
            felt(str(song), 0.5, 0.5, Tags(title="here"), power=0.5),
            felt(str(tmp_path / "no.wav"), -0.5, -0.5, Tags(title="gone"), sadness=0.5),
        ]
    )
    write_map(catalogue, tmp_path / "map.html")
    return tmp_path / "map.html"


@needs_browser
def test_a_track_is_played_where_its_file_is(browser: Browser, beside_a_song: Path) -> None:
    with visit(browser, beside_a_song.as_uri()) as seen:
        page = seen.page
        page.get_by_role("button", name="Whole").click()
        page.mouse.click(*at(page, 0.5, 0.5))
        page.get_by_role("button", name="Play", exact=True).click()
        expect(page.get_by_role("button", name="Pause", exact=True)).to_be_visible()
        # A function to wait for would be evaluated inside the page, which forbids that.
        for _ in range(1_000):
            if page.evaluate("document.getElementById('audio').duration > 0"):
                break
            page.wait_for_timeout(20)
        seconds = page.evaluate("document.getElementById('audio').duration")
        assert seconds == pytest.approx(3, abs=0.1)
        page.get_by_role("button", name="Pause", exact=True).click()
        page.mouse.click(*at(page, -0.5, -0.5))
        page.get_by_role("button", name="Play", exact=True).click()
        expect(page.get_by_role("alert")).to_contain_text(
            "no.wav cannot be played: it is not there"
        )


@needs_browser
def test_paths_are_as_another_player_sees_them(
    browser: Browser, filled: Catalogue, tmp_path: Path
) -> None:
    naming = Naming((Mapping("/music", r"Z:\Music"),))
    write_map(filled, tmp_path / "map.html", naming)
    with visit(browser, (tmp_path / "map.html").as_uri()) as seen:
        page = seen.page
        page.locator("#list").get_by_role("button", name="Ann - Calm").click()
        expect(page.locator("#facts")).to_contain_text(r"Z:\Music\a\calm.mp3")
        page.get_by_role("button", name="Play", exact=True).click()
        address = page.evaluate("document.getElementById('audio').src")
        assert address == "file:///Z:/Music/a/calm.mp3"


@needs_browser
def test_a_phone_shows_the_map(browser: Browser, filled: Catalogue, tmp_path: Path) -> None:
    write_map(filled, tmp_path / "map.html")
    phone = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}
    with visit(browser, (tmp_path / "map.html").as_uri(), **phone) as seen:
        page = seen.page
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        page.get_by_role("button", name="Whole").click()
        page.locator("#stage").scroll_into_view_if_needed()
        page.touchscreen.tap(*at(page, 0.5, -0.5))
        expect(page.locator("#track-title")).to_have_text("Calm")


@needs_firefox
def test_firefox_points_filters_and_selects(filled: Catalogue, tmp_path: Path) -> None:
    write_map(filled, tmp_path / "map.html")
    with running_firefox(tmp_path / "firefox") as firefox:
        firefox.goto((tmp_path / "map.html").as_uri())
        firefox.until("document.body.classList.contains('started')")
        firefox.click("#whole")
        firefox.click("#lassoes")
        firefox.box("#stage")
        box = firefox.box("#dots")

        def at(valence: float, arousal: float) -> tuple[float, float]:
            return (
                box["x"] + (valence + 1) / 2 * box["width"],
                box["y"] + (1 - arousal) / 2 * box["height"],
            )

        firefox.pointer([at(0.5, -0.5)])
        assert firefox.text("#tip b") == "Calm"
        firefox.drag(*(at(*place) for place in UPPER_LEFT))
        assert firefox.text("#selected") == "2 tracks, 6:00"
        firefox.click("#save")
        assert firefox.saved("selection.m3u8").decode().splitlines()[1:3] == [
            "#EXTINF:180,Ann - Tense",
            "/music/a/tense.mp3",
        ]
        firefox.click("#artist")
        firefox.press(*"bjork")
        firefox.until("document.getElementById('count').innerText.startsWith('1 of 6')")
        assert firefox.complaints == []


@needs_firefox
def test_firefox_plays_a_track_where_its_file_is(beside_a_song: Path, tmp_path: Path) -> None:
    with running_firefox(tmp_path / "firefox") as firefox:
        firefox.goto(beside_a_song.as_uri())
        firefox.until("document.body.classList.contains('started')")
        firefox.click("#list li:first-child button")
        firefox.click("#play")
        firefox.until("document.getElementById('audio').currentTime > 0")
        assert firefox.text("#play") == "Pause"
        firefox.click("#list li:last-child button")
        firefox.click("#play")
        firefox.until("document.getElementById('unheard').checkVisibility()")
        assert "no.wav cannot be played: it is not there" in firefox.text("#unheard")
