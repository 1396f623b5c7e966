"""The README's picture: what each model of the wheel is worth, beside the reference study's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from build_models import RECIPES
from music_emotion.evaluation.folds import Protocol
from music_emotion.evaluation.results import ModelResult
from music_emotion.models.registry import REFERENCE_NAMES
from music_emotion.report.plots import DEEP, GREY, INK, LINE_HEIGHT, MIDDLE, PALE, RED, empty_figure
from music_emotion.report.tables import REPORTED

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from doc_figures import Figures

GUESS = "commonest_class"
OWN_GAP, STUDY_GAP = 0.7, 1.5  # lines between the parts of the picture


def draw_shipped_models(figures: Figures) -> Figure | None:
    """Draw the accuracy of every model of the wheel, ``default`` first; the study's marked as such.

    Returns ``None`` where the models of the wheel were not measured.
    """
    from matplotlib.lines import Line2D

    honest = _by_name(figures, "artist")
    own = [recipe.name for recipe in RECIPES if recipe.name not in REFERENCE_NAMES]
    if not set(own) <= honest.keys():
        return None
    study = [name for name in REFERENCE_NAMES if name in honest]
    lines: dict[str, float] = {name: -float(place) for place, name in enumerate(own)}
    lines |= {name: -(len(own) + OWN_GAP + place) for place, name in enumerate(study)}
    if GUESS in honest:
        lines[GUESS] = min(lines.values()) - STUDY_GAP
    figure = empty_figure(9.0, 1.9 + LINE_HEIGHT * (len(lines) + OWN_GAP + STUDY_GAP), dpi=150)
    axes = figure.subplots()
    _draw_bars(axes, honest, lines, own)
    _draw_reported(axes, _by_name(figures, "segment"), lines, study)
    _draw_ceilings(axes, figures)
    labels = {GUESS: "always the commonest emotion"}
    axes.set_yticks(list(lines.values()), [labels.get(name, name) for name in lines], fontsize=9)
    axes.get_yticklabels()[0].set_fontweight("bold")
    axes.set_ylim(min(lines.values()) - 0.6, 0.6)
    axes.set_xlim(0, 100)
    axes.set_xlabel("accuracy, per cent of the tracks (lines: 95 % intervals)", fontsize=9)
    axes.tick_params(axis="y", length=0)
    axes.spines[["top", "right", "left"]].set_visible(False)
    # Bars first; matplotlib lists lines before them.
    handles, texts = axes.get_legend_handles_labels()
    order = sorted(range(len(texts)), key=lambda place: isinstance(handles[place], Line2D))
    figure.legend(
        [handles[place] for place in order],
        [texts[place] for place in order],
        fontsize=9, loc="outside lower center", ncols=1, frameon=False,
    )  # fmt: skip
    return figure


def _by_name(figures: Figures, protocol: Protocol) -> dict[str, ModelResult]:
    """Return the results under one protocol by the names of the wheel's models, and the guess."""
    found = {
        (row.model, row.target): row for row in figures.document.rows if row.protocol == protocol
    }
    wanted = {recipe.name: (recipe.model, recipe.target) for recipe in RECIPES}
    wanted[GUESS] = (GUESS, "label")
    return {name: found[key] for name, key in wanted.items() if key in found}


def _draw_bars(
    axes: Axes, honest: dict[str, ModelResult], lines: dict[str, float], own: list[str]
) -> None:
    for names, colour, text in (
        (own, DEEP, "models of this project: music by artists they never heard"),
        (
            [name for name in lines if name not in own and name != GUESS],
            MIDDLE,
            "the reference study's networks, made again: the same honest test",
        ),
        ([GUESS] if GUESS in lines else [], PALE, ""),
    ):
        estimates = [honest[name].headline["accuracy"] for name in names]
        places = [lines[name] for name in names]
        values = [100 * one.value for one in estimates]
        reach = [
            [100 * (one.value - one.low) for one in estimates],
            [100 * (one.high - one.value) for one in estimates],
        ]
        style = {"elinewidth": 1.0, "ecolor": INK}
        axes.barh(
            places, values, 0.62, xerr=reach, color=colour, error_kw=style, label=text or None
        )
        for place, value in zip(places, values, strict=True):
            axes.text(1, place, f"{value:.1f}", va="center", fontsize=8,
                      color=INK if colour == PALE else "white")  # fmt: skip


def _draw_reported(
    axes: Axes, segment: dict[str, ModelResult], lines: dict[str, float], study: list[str]
) -> None:
    """Mark what the study's own split gives, as measured here and as the study reports it."""
    again = [name for name in study if name in segment]
    values = [100 * segment[name].headline["accuracy"].value for name in again]
    places = [lines[name] for name in again]
    axes.plot(values, places, "s", markersize=6, markerfacecolor="white", markeredgecolor=GREY,
              label="the same networks by the study's own test: 3-second pieces of tracks that "
              "they know")  # fmt: skip
    reported = [100 * REPORTED[name] for name in study]
    axes.plot(reported, [lines[name] for name in study], "x", color=RED, markersize=7,
              label="what the study reports of them, by that test")  # fmt: skip


def _draw_ceilings(axes: Axes, figures: Figures) -> None:
    """Show what people reach."""
    if figures.known_listeners is None:
        return
    found = figures.known_listeners.ceilings
    for value, text in (
        (found.half_agreement, "two halves of the\nlisteners agree"),
        (found.oracle_accuracy, "who knew all\nprobabilities"),
    ):
        axes.axvline(100 * value, color=GREY, linewidth=0.9, linestyle="--", zorder=0)
        axes.text(
            100 * value, 0.75, f"{text}: {100 * value:.0f} %", ha="center", va="bottom", size=8
        )
