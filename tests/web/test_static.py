"""The files of the page: nothing from elsewhere, colours that can be read, nothing changed."""

from __future__ import annotations

import hashlib
import re
from itertools import product
from pathlib import Path

import pytest

import music_emotion.web
from music_emotion.emotions import EMOTIONS, GEMS
from music_emotion.report.prediction import SPEAKS_AGAINST, SPEAKS_FOR

STATIC = Path(music_emotion.web.__file__).with_name("static")
OURS = sorted(
    path
    for path in STATIC.rglob("*")
    if path.suffix in (".html", ".css", ".js", ".svg") and "vendor" not in path.parts
)
NAMESPACE = "http://www.w3.org/2000/svg"
TEXT, PART = 4.5, 3.0  # WCAG 2.2 AA, 1.4.3 and 1.4.11


def test_the_waveforms_library_is_the_published_file() -> None:
    folder = STATIC / "vendor" / "wavesurfer"
    noted = re.search(r"SHA-256 `([0-9a-f]{64})`", (folder / "README.md").read_text())
    assert noted is not None
    found = hashlib.sha256((folder / "wavesurfer.esm.js").read_bytes()).hexdigest()
    assert found == noted[1]
    assert "BSD 3-Clause License" in (folder / "LICENSE").read_text()


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.name)
def test_nothing_is_loaded_from_elsewhere(path: Path) -> None:
    text = path.read_text(encoding="utf-8").replace(NAMESPACE, "")
    assert not re.search(r"https?:|//[a-z]+\.|@import|url\(", text)


def test_no_script_or_style_stands_in_the_page() -> None:
    page = (STATIC / "index.html").read_text(encoding="utf-8")
    assert not re.search(r"<script(?![^>]* src=)|<style|\sstyle=|\son[a-z]+=", page)


def test_colours_and_names_of_the_emotions_come_from_the_server() -> None:
    for path in OURS:
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".js":
            assert not any(emotion.colour in text for emotion in GEMS)
            assert not any(f'"{name}"' in text for name in EMOTIONS)


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2.2 defines it."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    bright, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def test_contrast_has_its_known_values() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21.0)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


def palette(selector: str) -> dict[str, str]:
    css = (STATIC / "style.css").read_text(encoding="utf-8")
    block = css.split(selector + " {", 1)[1].split("}", 1)[0]
    return dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", block))


@pytest.mark.parametrize("theme", [":root", ':root[data-theme="dark"]'])
def test_contrast_of_both_themes(theme: str) -> None:
    colours = palette(theme)
    pairs = [
        *product(("ink", "muted", "accent"), ("ground", "surface", "raised"), (TEXT,)),
        ("ink", "track", TEXT),
        ("accent-ink", "accent", TEXT),
        *product(("bad",), ("bad-ground", "surface"), (TEXT,)),
        ("warn", "warn-ground", TEXT),
        *product(("control", "accent", "wave-played"), ("ground", "surface"), (PART,)),
        ("ink", "surface", PART),
        *product(("speaks-for", "speaks-against"), ("track",), (PART,)),
    ]
    for front, back, least in pairs:
        found = contrast(colours[front], colours[back])
        assert found >= least, f"{front} on {back}: {found:.2f}"


def seen_without_green(colour: str) -> list[float]:
    """Linear RGB as people without green cones see it (Viénot, Brettel and Mollon 1999)."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels
    )
    yellow = 0.29275 * red + 0.70725 * green
    return [yellow, yellow, -0.02234 * red + 0.02234 * green + blue]


@pytest.mark.parametrize("theme", [":root", ':root[data-theme="dark"]'])
def test_the_colours_of_reasons_differ_for_everybody(theme: str) -> None:
    colours = palette(theme)
    speaks_for, against = (
        seen_without_green(colours[name]) for name in ("speaks-for", "speaks-against")
    )
    assert speaks_for[0] > 3 * speaks_for[2]  # yellow
    assert against[2] > 1.5 * against[0]  # blue


def test_reasons_have_the_same_colours_on_the_page_and_in_a_picture() -> None:
    colours = palette(":root")
    assert (colours["speaks-for"], colours["speaks-against"]) == (SPEAKS_FOR, SPEAKS_AGAINST)


def test_a_name_can_be_read_on_each_emotions_colour() -> None:
    for emotion in GEMS:
        assert max(contrast(emotion.colour, ink) for ink in ("#000000", "#ffffff")) >= TEXT
