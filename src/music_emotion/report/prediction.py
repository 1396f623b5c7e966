"""The picture of one prediction: waveform, emotions over time, bars, valence and arousal, why."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from music_emotion.emotions import EMOTIONS, GEMS
from music_emotion.errors import MusicEmotionError, printable
from music_emotion.features.segments import SEGMENT_SECONDS
from music_emotion.inference.output import FileNames, check_writable, replacing
from music_emotion.inference.segmenter import ENVELOPE_RATE
from music_emotion.inference.valence_arousal import ENDS
from music_emotion.inference.writers import clock

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from music_emotion.inference.batch import Outcome
    from music_emotion.inference.explain import Explanation
    from music_emotion.inference.prediction import TrackPrediction

PICTURE_SUFFIXES = (".png", ".svg", ".pdf", ".jpg")
WIDTH = 10.0  # inches
HEIGHTS = {"wave": 0.9, "time": 2.4, "bars": 2.4, "why": 2.2}  # inches
WAVE_POINTS = 2_000  # at most, so that a long file stays a small picture
DOTS_PER_INCH = 130
INNER_SHARE = 0.12  # of the height; a lower area has no room for its name
LEVEL = 0.05  # below the highest point, which still counts as high as it
MARGIN = 0.06  # of the width, that a name keeps from the ends
TICKS = 10  # at most, along the time
STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600)
"""Seconds between ticks; what is longer takes whole hours."""
GREY = "#888888"
SPEAKS_FOR, SPEAKS_AGAINST = "#d95f02", "#2b7bba"
"""Orange and blue, which colour-blind readers tell apart; the web page's, too."""

FAINTEST = 0.25  # opacity of a line where it starts
SILENCE = "silence: no emotion"
LABELS = {emotion.name: emotion.label for emotion in GEMS}

Array = NDArray[np.float32]


def save_picture(
    prediction: TrackPrediction,
    path: str | os.PathLike[str],
    *,
    explanation: Explanation | None = None,
) -> None:
    """Draw a prediction into a file that ends in one of :data:`PICTURE_SUFFIXES`.

    An explanation adds a map of seconds and frequencies.

    Raises
    ------
    MissingExtraError
        matplotlib is not installed.
    MusicEmotionError
        The name is not a picture's, or the file cannot be written.
    """
    from music_emotion.report.plots import empty_figure

    path = Path(path)
    _check_name(path)
    rows = ["wave", "time", "bars"] + (["why"] if explanation is not None else [])
    heights = [HEIGHTS[row] for row in rows]
    figure = empty_figure(WIDTH, sum(heights) + 1.2, dpi=DOTS_PER_INCH)
    beside = {"bars": "plane"} if prediction.top is not None else {}
    axes = figure.subplot_mosaic(
        [[row, beside.get(row, row)] for row in rows],
        height_ratios=heights,
        width_ratios=[WIDTH - heights[rows.index("bars")], heights[rows.index("bars")]],
    )
    title = printable(Path(prediction.path).name or "sound")
    # A $ in a title is no formula.
    figure.suptitle(title, fontsize=12, fontweight="bold", parse_math=False)
    _draw_wave(axes["wave"], prediction)
    _draw_timeline(axes["time"], prediction)
    _draw_bars(axes["bars"], prediction)
    if "plane" in axes:
        _draw_plane(axes["plane"], prediction)
    if explanation is not None:
        image = _draw_reasons(axes["why"], explanation)
        figure.colorbar(image, ax=axes["why"], label="percentage points")
    with replacing(path) as temporary, warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # a title in any script
        figure.savefig(temporary, format=path.suffix[1:].lower())


def picture_writer(path: Path | None, *, many: bool) -> Callable[[Outcome], None]:
    """Return what draws each outcome.

    ``path`` is a picture, with ``many`` a folder for one per track; ``None`` draws nothing.

    Raises
    ------
    MissingExtraError
        matplotlib is not installed.
    MusicEmotionError
        The name is not a picture's, or nothing can be written where it lies.
    """
    if path is None:
        return lambda outcome: None
    from music_emotion.report.plots import check_drawing  # and all that is drawn of comparisons

    check_drawing()
    if not many:
        _check_name(path)
        check_writable(path)
    names = FileNames(path, PICTURE_SUFFIXES[0]) if many else None

    def draw(outcome: Outcome) -> None:
        if outcome.prediction is not None:
            target = path if names is None else names.next(outcome.path)
            save_picture(outcome.prediction, target, explanation=outcome.explanation)

    return draw


def _check_name(path: Path) -> None:
    if path.suffix.lower() not in PICTURE_SUFFIXES:
        endings = ", ".join(PICTURE_SUFFIXES)
        raise MusicEmotionError(f"'{printable(path)}' is no picture; let it end in {endings}")


def _draw_wave(axes: Axes, prediction: TrackPrediction) -> None:
    envelope = prediction.envelope
    step = max(1, -(-len(envelope) // WAVE_POINTS))
    peaks = np.maximum.reduceat(envelope, np.arange(0, len(envelope), step))
    time = np.arange(len(peaks)) * step / ENVELOPE_RATE
    axes.fill_between(time, -peaks, peaks, color=GREY, linewidth=0)
    axes.set_xlim(0, prediction.duration)
    axes.set_yticks([])
    _mark_time(axes, prediction.duration)
    axes.tick_params(labelbottom=False)  # the timeline below has the same ticks
    _frame(axes, left=False)


def _draw_timeline(axes: Axes, prediction: TrackPrediction) -> None:
    timeline = prediction.timeline
    edges = np.concatenate([[0.0], timeline.time, [prediction.duration]])
    values = np.concatenate([timeline.emotions[:1], timeline.emotions, timeline.emotions[-1:]])
    colours = [emotion.colour for emotion in GEMS]
    names = [emotion.label for emotion in GEMS]
    axes.stackplot(edges, values.T, colors=colours, labels=names, linewidth=0)
    if prediction.top is None:
        box = {"facecolor": "white", "edgecolor": "none"}
        where = axes.transAxes
        axes.text(0.5, 0.5, SILENCE, transform=where, ha="center", va="center", bbox=box)
    else:
        _label_areas(axes, edges, values)
        # As the areas lie above each other.
        axes.legend(
            reverse=True, fontsize=7, loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False
        )
    axes.set_xlim(0, prediction.duration)
    _mark_time(axes, prediction.duration)
    _mark_shares(axes)
    _frame(axes)


def _label_areas(axes: Axes, edges: NDArray[np.float64], values: Array) -> None:
    """Name each area where it is highest, if there is room for its name."""
    tops = np.cumsum(values, axis=1)
    for index, emotion in enumerate(GEMS):
        height = values[:, index]
        first, last = _highest(height)
        if height[first] < INNER_SHARE:
            continue
        time = (edges[first] + edges[last]) / 2
        axes.text(
            float(np.clip(time, MARGIN * edges[-1], (1 - MARGIN) * edges[-1])),
            float(np.interp(time, edges, tops[:, index] - height / 2)),
            emotion.label, fontsize=7, ha="center", va="center",
            color=_readable_on(emotion.colour),
        )  # fmt: skip


def _highest(values: Array) -> tuple[int, int]:
    """Return the first point that is about as high as any, and the last that stays so high.

    Examples
    --------
    >>> _highest(np.array([0.1, 0.9, 0.9, 0.2, 0.9], np.float32))
    (1, 2)
    """
    high = values >= values.max() - LEVEL
    first = int(high.argmax())
    low = np.flatnonzero(~high[first:])
    return first, first + int(low[0]) - 1 if len(low) else len(values) - 1


def _readable_on(colour: str) -> str:
    """Return black or white, whichever stands out more against a colour (WCAG 2's luminance)."""
    from matplotlib.colors import to_rgb

    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in to_rgb(colour)
    ]
    luminance = float(np.dot((0.2126, 0.7152, 0.0722), linear))
    return "black" if (luminance + 0.05) / 0.05 >= 1.05 / (luminance + 0.05) else "white"


def _mark_time(axes: Axes, end: float) -> None:
    """Mark the time from 0 to ``end`` seconds as ``m:ss``, as everything else tells it."""
    hour = STEPS[-1]
    step = next((step for step in STEPS if end <= TICKS * step), hour * -(-end // (TICKS * hour)))
    ticks = np.arange(0.0, end + 1e-6, step)
    axes.set_xticks(ticks, [clock(float(tick)) for tick in ticks])


def _mark_shares(axes: Axes) -> None:
    """Let the height go from 0 to 100 %, whatever is drawn: pictures can be compared."""
    from matplotlib.ticker import PercentFormatter

    axes.set_ylim(0, 1)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.set_ylabel("probability")


def _draw_bars(axes: Axes, prediction: TrackPrediction) -> None:
    position = np.arange(len(EMOTIONS))
    axes.bar(position, prediction.emotions, width=0.6, color=[emotion.colour for emotion in GEMS])
    axes.plot(position, prediction.intensities, "o", color="black", markersize=4)
    names = [
        f"{share:.0%}\n{emotion.label}".replace(" ", "\n")
        for share, emotion in zip(prediction.emotions, GEMS, strict=True)
    ]
    axes.set_xticks(position, names, fontsize=6.5)
    axes.set_xlim(-0.6, len(EMOTIONS) - 0.4)
    _mark_shares(axes)
    sure = f"confidence {prediction.confidence:.0%}" if prediction.top is not None else SILENCE
    axes.set_title(
        "bars: probability to be the dominant emotion; dots: share of listeners who feel it\n"
        f"{sure}, model {prediction.model} {prediction.version}",
        fontsize=8,
    )
    _frame(axes)


def _draw_plane(axes: Axes, prediction: TrackPrediction) -> None:
    """Draw the way through valence and arousal, from faint to strong, and the whole as a dot."""
    from matplotlib.collections import LineCollection

    course = prediction.timeline
    points = np.stack([course.valence, course.arousal], axis=1)
    opacities = np.linspace(FAINTEST, 1.0, max(1, len(points) - 1))
    steps = np.stack([points[:-1], points[1:]], axis=1)
    axes.axhline(0, color=GREY, linewidth=0.6, linestyle=":")
    axes.axvline(0, color=GREY, linewidth=0.6, linestyle=":")
    axes.add_collection(LineCollection(list(steps), colors=[(0, 0, 0, each) for each in opacities]))
    for name, (valence, arousal) in (("start", points[0]), ("end", points[-1])):
        axes.plot(valence, arousal, "o", color="black", markerfacecolor="white", markersize=4)
        place = (float(valence), float(arousal))
        axes.annotate(name, place, xytext=(4, 3), textcoords="offset points", fontsize=7)
    axes.plot(prediction.valence, prediction.arousal, "o", color="black", markersize=7)
    axes.set_xlim(-1, 1)
    axes.set_ylim(-1, 1)
    axes.set_aspect("equal")
    axes.set_xticks([-1, 1], ENDS["valence"], fontsize=8)
    axes.set_yticks([-1, 1], ENDS["arousal"], fontsize=8, rotation=90)
    for labels, sides in (
        (axes.get_xticklabels(), ("left", "right")),
        (axes.get_yticklabels(), ("bottom", "top")),
    ):
        for label, side in zip(labels, sides, strict=True):
            label.set(**{"ha" if side in ("left", "right") else "va": side})
    axes.tick_params(length=0)
    axes.set_title("line: from start to end\nbig dot: the whole", fontsize=8)


def _draw_reasons(axes: Axes, explanation: Explanation) -> Any:
    from matplotlib.colors import LinearSegmentedColormap

    points = 100 * explanation.map
    limit = float(np.abs(points).max(initial=1e-4))
    end = float(explanation.time[-1]) + SEGMENT_SECONDS
    image = axes.imshow(
        points,
        aspect="auto",
        origin="lower",
        cmap=LinearSegmentedColormap.from_list(
            "speaks", [SPEAKS_AGAINST, "white", SPEAKS_FOR], 257
        ),
        vmin=-limit,
        vmax=limit,
        extent=(0.0, end, 0.0, len(explanation.bands)),
    )
    labels = [f"{high:,.0f}" for _, high in explanation.bands]
    axes.set_yticks(np.arange(len(labels)) + 1.0, labels, fontsize=7)
    axes.set_ylabel("Hz")
    _mark_time(axes, end)
    name = LABELS[explanation.emotion]
    axes.set_title(
        f"why {name}: orange speaks for it, blue against it\n"
        f"percentage points its probability loses without a band in {SEGMENT_SECONDS:g} s of sound",
        fontsize=8,
    )
    return image


def _frame(axes: Axes, *, left: bool = True) -> None:
    for side in ("top", "right") if left else ("top", "right", "left"):
        axes.spines[side].set_visible(False)
