from __future__ import annotations

import subprocess
import sys
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("matplotlib", reason="matplotlib is missing: pip install '.[plot]'")

from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Text

from helpers.tracks import course
from music_emotion.emotions import EMOTIONS, GEMS
from music_emotion.errors import MusicEmotionError
from music_emotion.inference.explain import Explanation
from music_emotion.inference.prediction import TrackPrediction
from music_emotion.report.prediction import (
    SPEAKS_AGAINST,
    SPEAKS_FOR,
    picture_writer,
    save_picture,
)


def predicted(tops: list[str | None], confidence: float = 0.5) -> TrackPrediction:
    """A prediction of 9 s in which one emotion after the other is certain."""
    emotions = np.full((len(tops), len(EMOTIONS)), 1 / 9, np.float32)
    for row, name in zip(emotions, tops, strict=True):
        if name is not None:
            row[:] = 0.0
            row[EMOTIONS.index(name)] = 1.0
    return TrackPrediction(
        path="song.mp3",
        duration=3.0 * len(tops),
        model="tones",
        version="1",
        emotions=emotions.mean(axis=0),
        intensities=np.zeros(9, np.float32),
        confidence=confidence,
        valence=0.0,
        arousal=0.0,
        timeline=course(emotions),
        envelope=np.ones(20 * 3 * len(tops), np.float32),
    )


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts of what is drawn."""
    texts: list[str] = []
    save = Figure.savefig

    def savefig(self: Figure, *arguments: object, **options: object) -> None:
        for axes in self.axes:
            texts.extend([axes.get_title(), *(text.get_text() for text in axes.texts)])
        save(self, *arguments, **options)

    monkeypatch.setattr(Figure, "savefig", savefig)
    return texts


def test_silence_is_called_so(drawn: list[str], tmp_path: Path) -> None:
    save_picture(predicted([None, None, None], confidence=0.0), tmp_path / "x.png")
    assert "silence: no emotion" in drawn
    assert not any("confidence" in text for text in drawn)
    assert "nostalgia" not in drawn


def test_what_is_gone_at_the_end_is_named_where_it_was(drawn: list[str], tmp_path: Path) -> None:
    save_picture(predicted(["calmness", "power", "power"]), tmp_path / "x.png")
    assert {"calmness", "power"} <= set(drawn)
    assert "sadness" not in drawn


def test_names_stand_in_the_middle_of_what_is_high_and_can_be_read_there(
    figures: list[Figure], tmp_path: Path
) -> None:
    save_picture(predicted(["tension", "tension", "amazement"]), tmp_path / "x.png")
    timeline = figures[0].axes[1]
    places = {text.get_text(): text for text in timeline.texts}
    assert set(places) == {"tension", "amazement"}
    # Points at 1.5, 4.5 and 7.5 s, and what they say goes on to both ends of the 9 s.
    assert places["tension"].get_position() == pytest.approx((2.25, 0.5))
    assert places["amazement"].get_position() == pytest.approx((8.25, 0.5))
    assert places["tension"].get_color() == "white"  # on dark blue
    assert places["amazement"].get_color() == "black"  # on yellow


def test_every_area_is_in_the_legend_as_they_lie(figures: list[Figure], tmp_path: Path) -> None:
    save_picture(predicted(["power"] * 3), tmp_path / "x.png")
    legend = figures[0].axes[1].get_legend()
    assert legend is not None
    names = [text.get_text() for text in legend.get_texts()]
    assert names == [emotion.label for emotion in reversed(GEMS)]


@pytest.mark.parametrize(
    ("points", "marks"),
    [
        (3, "0:00 0:01 0:02 0:03 0:04 0:05 0:06 0:07 0:08 0:09"),
        (100, "0:00 0:30 1:00 1:30 2:00 2:30 3:00 3:30 4:00 4:30 5:00"),
        (1_800, "0:00 10:00 20:00 30:00 40:00 50:00 1:00:00 1:10:00 1:20:00 1:30:00"),
        (18_000, "0:00 2:00:00 4:00:00 6:00:00 8:00:00 10:00:00 12:00:00 14:00:00"),
    ],
)
def test_time_is_told_in_minutes_and_seconds(
    points: int, marks: str, figures: list[Figure], tmp_path: Path
) -> None:
    save_picture(predicted(["power"] * points), tmp_path / "x.png")
    timeline = figures[0].axes[1]
    assert [text.get_text() for text in timeline.get_xticklabels()] == marks.split()
    assert timeline.get_xlim() == (0, 3 * points)


@pytest.mark.parametrize("top", ["power", None])
def test_shares_are_per_cent_on_one_scale(
    top: str | None, figures: list[Figure], tmp_path: Path
) -> None:
    save_picture(predicted([top, "sadness"]), tmp_path / "x.png")
    _, timeline, bars, *_ = figures[0].axes
    for axes in (timeline, bars):
        assert axes.get_ylim() == (0, 1)
        assert axes.yaxis.get_major_formatter()(0.4) == "40%"
    heights = [bar.get_height() for bar in bars.patches]
    named = [text.get_text().split("\n", 1)[0] for text in bars.get_xticklabels()]
    assert named == [f"{100 * height:.0f}%" for height in heights]


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """What would have been saved."""
    kept: list[Figure] = []
    monkeypatch.setattr(Figure, "savefig", lambda self, *_, **__: kept.append(self))
    monkeypatch.setattr("music_emotion.report.prediction.replacing", lambda path: nullcontext(path))
    return kept


def test_the_plane_shows_the_way_and_the_whole(figures: list[Figure], tmp_path: Path) -> None:
    whole = replace(predicted(["power"] * 3), valence=0.5, arousal=-0.25)
    save_picture(whole, tmp_path / "x.png")
    axes = next(axes for axes in figures[0].axes if "from start to end" in axes.get_title())
    names = [[label.get_text() for label in labels] for labels in ticks(axes)]
    assert names == [["unpleasant", "pleasant"], ["calm", "stirring"]]
    way = np.array(axes.collections[0].get_segments())
    # The helper's valence rises by tenths and its arousal falls.
    assert way == pytest.approx(np.array([[[0, 0], [0.1, -0.1]], [[0.1, -0.1], [0.2, -0.2]]]))
    *_, start, end, dot = axes.lines
    assert [float(line.get_xdata()[0]) for line in (start, end, dot)] == pytest.approx(
        [0, 0.2, 0.5]
    )
    assert [float(line.get_ydata()[0]) for line in (start, end, dot)] == pytest.approx(
        [0, -0.2, -0.25]
    )
    assert [text.get_text() for text in axes.texts] == ["start", "end"]


def ticks(axes: Axes) -> tuple[list[Text], list[Text]]:
    return axes.get_xticklabels(), axes.get_yticklabels()


def test_silence_has_no_place_on_the_plane(figures: list[Figure], tmp_path: Path) -> None:
    save_picture(predicted([None, None], confidence=0.0), tmp_path / "x.png")
    assert len(figures[0].axes) == 3


def test_reasons_are_orange_for_and_blue_against(figures: list[Figure], tmp_path: Path) -> None:
    bands = ((0.0, 100.0), (100.0, 200.0))
    influence = np.array([[0.02, 0.0, 0.0], [0.0, 0.0, -0.04]], np.float32)
    why = Explanation(
        emotion="joyful_activation",
        probability=0.5,
        time=np.arange(3) * 3.0,
        seconds=influence[0],
        bands=bands,
        frequencies=influence[:, 0],
        map=influence,
    )
    save_picture(predicted(["power"] * 3), tmp_path / "x.png", explanation=why)
    axes = next(axes for axes in figures[0].axes if axes.images)
    image = axes.images[0]
    colours = [to_hex(image.to_rgba(np.array([value]))[0]) for value in (-4.0, 0.0, 4.0)]
    assert colours == [SPEAKS_AGAINST, "#ffffff", SPEAKS_FOR]
    assert np.asarray(image.get_array()) == pytest.approx(100 * influence)  # percentage points
    assert image.get_extent() == [0.0, 9.0, 0.0, 2.0]
    assert "joyful activation: orange speaks for it, blue against it" in axes.get_title()
    assert axes.get_ylabel() == "Hz"
    assert [text.get_text() for text in axes.get_xticklabels()][-1] == "0:09"
    assert [label.get_text() for label in axes.get_yticklabels()] == ["100", "200"]
    assert axes.get_yticks().tolist() == [1.0, 2.0]


def test_a_picture_may_be_named_by_text_and_only_as_a_picture(tmp_path: Path) -> None:
    save_picture(predicted(["power"]), str(tmp_path / "x.svg"))
    assert (tmp_path / "x.svg").read_text().startswith("<?xml")
    for path in (tmp_path / "x.gif", tmp_path / "x"):
        with pytest.raises(MusicEmotionError, match="is no picture"):
            save_picture(predicted(["power"]), path)
        assert not path.exists()


def test_a_place_that_cannot_be_written_is_told_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(MusicEmotionError, match="cannot write in"):
        picture_writer(tmp_path / "no" / "x.png", many=False)
    (tmp_path / "file").touch()
    with pytest.raises(MusicEmotionError, match="cannot make the folder"):
        picture_writer(tmp_path / "file", many=True)


def test_without_a_picture_nothing_of_pictures_is_imported() -> None:
    code = (
        "import sys\n"
        "from music_emotion.report.prediction import picture_writer\n"
        "picture_writer(None, many=False)\n"
        "assert not {'music_emotion.evaluation', 'music_emotion.report.plots'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
