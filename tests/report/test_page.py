"""The page of a comparison: valid, whole in itself, and with the planted answers in it."""

from __future__ import annotations

import base64
import io
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import html5lib
import pytest
import soundfile

from helpers.accessibility import THEMES, needs_axe, serious_problems_of_file
from music_emotion.datasets.corpus import Corpus
from music_emotion.evaluation.cells import read_ground_truth
from music_emotion.evaluation.error_analysis import worst_tracks
from music_emotion.evaluation.results_file import read_document
from music_emotion.report.page import STRONG_SHARE, TEMPLATES, write_page

HTML = "{http://www.w3.org/1999/xhtml}"
SVG = "{http://www.w3.org/2000/svg}"
ADDRESS = re.compile(r"""(?:https?:)?//[\w.-]+\.\w|@import|url\((?!#)""")


def written(folder: Path, path: Path, corpus: Corpus | None = None, *, audio: bool = False) -> str:
    mistakes = worst_tracks(folder, read_ground_truth(folder), 3)
    write_page(path, read_document(folder), mistakes=mistakes, corpus=corpus, embed_audio=audio)
    return path.read_text(encoding="utf-8")


def parsed(page: str) -> ET.Element:
    """Parse strictly: what is not valid HTML raises."""
    return html5lib.HTMLParser(strict=True).parse(page)


@pytest.fixture(scope="module")
def page(planted, tmp_path_factory) -> str:
    return written(planted.folder, tmp_path_factory.mktemp("page") / "page.html", planted.corpus)


def table(root: ET.Element, name: str) -> list[list[str]]:
    [figure] = root.iterfind(f".//{HTML}figure[@id='table-{name}']")
    return [
        [" ".join("".join(cell.itertext()).split()) for cell in row]
        for row in figure.iterfind(f".//{HTML}tr")
    ]


def test_it_is_valid_and_every_identifier_is_there_once(page: str) -> None:
    root = parsed(page)
    names = [one.get("id") for one in root.iter() if one.get("id")]
    assert len(names) == len(set(names)) > 50
    linked = {one.get("href")[1:] for one in root.iter() if (one.get("href") or "")[:1] == "#"}
    assert linked <= set(names)


def test_it_asks_no_server_for_anything(page: str) -> None:
    assert not ADDRESS.search(page)
    root = parsed(page)
    for one in root.iter():
        for attribute in ("src", "href", "action", "poster", "data"):
            assert (one.get(attribute) or "#")[:1] == "#" or one.get(attribute).startswith("data:")
    [policy] = [
        one.get("content")
        for one in root.iter(f"{HTML}meta")
        if one.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy.startswith("default-src 'none';")


def test_the_best_honest_model_leads_and_its_figures_are_the_planted_ones(page: str) -> None:
    rows = table(parsed(page), "accuracy")
    assert rows[0] == ["model", "artist", "track"]
    assert rows[1] == ["right", "100.0 100.0–100.0", "100.0 100.0–100.0"]
    assert rows[2][0] == "half"
    assert rows[2][1].startswith("44.4 ")  # 8 of 18
    assert rows[3][0].startswith("ceiling")


def test_the_sorted_column_says_so_and_its_values_fall(page: str) -> None:
    root = parsed(page)
    sorted_columns = 0
    for one in root.iter(f"{HTML}table"):
        heads = list(one.iterfind(f"{HTML}thead/{HTML}tr/{HTML}th"))
        for column, head in enumerate(heads):
            if head.get("aria-sort") is None:
                continue
            rows = one.iterfind(f"{HTML}tbody/{HTML}tr")
            values = [float(list(row)[column].get("data-order")) for row in rows]
            assert head.get("aria-sort") == "descending"
            assert values == sorted(values, reverse=True)
            sorted_columns += 1
    assert sorted_columns >= 3


def test_the_worst_track_is_the_planted_one_and_names_are_text(page: str) -> None:
    root = parsed(page)
    [first, *_] = [one for one in root.iter(f"{HTML}table") if one.get("class") == "wrong"]
    row = [" ".join("".join(cell.itertext()).split()) for cell in first.findall(f".//{HTML}tr")[1]]
    assert row[0].startswith("8 A <b>bold</b> Band – No. 8")  # track 7 counted from 0
    assert row[1:4] == ["tension", "sadness 86 %", "0.1 %"]
    assert "--models half,&lt;right&gt;" in page  # the command, as text


def test_pictures_say_what_they_show_and_take_the_colours_of_the_page(page: str) -> None:
    pictures = list(parsed(page).iter(f"{SVG}svg"))
    assert len(pictures) >= 8
    assert all(one.get("role") == "img" and one.get("aria-label") for one in pictures)
    assert "#000000" not in page and "DejaVu" not in page


def test_audio_goes_in_only_when_asked_for_and_each_clip_once(page: str, planted, tmp_path) -> None:
    assert "<audio" not in page and "data:audio" not in page
    with_sound = written(planted.folder, tmp_path / "p.html", planted.corpus, audio=True)
    root = parsed(with_sound)
    # `right`, the best model, is never wrong: nothing of it is to be heard
    assert list(root.iter(f"{HTML}audio")) == []


def test_a_clip_is_a_short_mono_mp3(planted) -> None:
    from music_emotion.report.page import CLIP_RATE, clip_data_uri

    uri = clip_data_uri(planted.corpus.tracks[0].path, seconds=1.0)
    kind, _, data = uri.partition(",")
    assert kind == "data:audio/mpeg;base64"
    samples, rate = soundfile.read(io.BytesIO(base64.b64decode(data)))
    assert rate == CLIP_RATE and samples.ndim == 1
    assert 0.9 <= len(samples) / rate <= 1.2
    assert 0.4 < abs(samples).max() < 0.6  # the tone's own level


def test_files_that_cannot_be_read_are_told_and_the_page_is_written(planted, tmp_path) -> None:
    document = read_document(planted.folder)
    document = replace(document, rows=tuple(r for r in document.rows if r.model == "half"))
    mistakes = worst_tracks(planted.folder, read_ground_truth(planted.folder), 2)
    good, bad = (one.track_index for one in mistakes["artist", "label", "half"])
    tracks = list(planted.corpus.tracks)
    tracks[bad] = replace(tracks[bad], path=tmp_path / "gone.mp3")
    corpus = replace(planted.corpus, tracks=tuple(tracks))
    path = tmp_path / "page.html"
    [remark] = write_page(path, document, mistakes=mistakes, corpus=corpus, embed_audio=True)
    assert remark.startswith(f"no audio of track {tracks[bad].id}: ")
    root = parsed(path.read_text())
    [clip] = root.iter(f"{HTML}audio")
    assert clip.get("id") == f"clip-{good}"
    buttons = [one for one in root.iter(f"{HTML}button") if one.get("class") == "play"]
    assert {one.get("data-clip") for one in buttons} == {str(good)}
    assert all(one.get("aria-label") for one in buttons)


def test_without_votes_predictions_or_data_it_says_what_is_missing(planted, tmp_path) -> None:
    document = read_document(planted.folder)
    rows = tuple(
        replace(
            row,
            worth=None,
            headline={"accuracy": row.headline["accuracy"], "log_loss": row.headline["log_loss"]},
            per_emotion={},
            per_genre={},
        )
        for row in document.rows
        if row.protocol == "track" and row.model == "right"
    )
    bare = replace(document, rows=rows, agreement=None, paired=(), commands=(), hypotheses=())
    write_page(tmp_path / "bare.html", bare)
    page = (tmp_path / "bare.html").read_text()
    root = parsed(page)
    assert "The predictions are not in the folder of the results" in page
    assert "No listeners' votes are known" in " ".join(page.split())
    assert "None of these models is trained in epochs" in page
    assert 'href="#listeners"' not in page and 'href="#findings"' not in page
    assert [row[0] for row in table(root, "accuracy")] == ["model", "right"]


def luminance(colour: tuple[float, ...]) -> float:
    """Relative luminance as WCAG 2.2 defines it, of channels from 0 to 255."""
    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
        for c in (channel / 255 for channel in colour)
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_digits_can_be_read_on_every_shade_of_a_confusion_matrix() -> None:
    css = (TEMPLATES / "report.css").read_text(encoding="utf-8")
    themes = re.findall(r":root \{(.*?)\}", css, re.DOTALL)
    assert len(themes) == 3  # light, dark, paper
    for theme in themes:
        known = {
            name: tuple(
                int(2 * digit if len(value) == 3 else digit, 16)
                for digit in re.findall(".." if len(value) == 6 else ".", value)
            )
            for name, value in re.findall(r"--(\w+): #([0-9a-f]+)", theme)
        }
        [heat] = re.findall(r"--heat: (\d+), (\d+), (\d+)", theme)
        for per_cent in range(101):
            share = per_cent / 100
            shade = tuple(
                share * int(full) + (1 - share) * bare
                for full, bare in zip(heat, known["paper"], strict=True)
            )
            ink = known["strong" if share > STRONG_SHARE else "digits"]
            dark, bright = sorted((luminance(shade), luminance(ink)))
            assert (bright + 0.05) / (dark + 0.05) >= 4.5, (per_cent, theme)


@needs_axe
@pytest.mark.parametrize("theme", THEMES)
def test_nothing_keeps_people_from_using_it(theme: str, planted, tmp_path: Path) -> None:
    written(planted.folder, tmp_path / "page.html", planted.corpus, audio=True)
    assert serious_problems_of_file(tmp_path / "page.html", theme) == []
