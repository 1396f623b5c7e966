"""Model cards for people: a table of all, a page of one."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from music_emotion.inference.model_card import Card

MISSING = "–"
PER_CENT = "%"
"""How a share is written: as a percentage, as in the tables of a comparison."""
WIDTH = 98  # columns of a line below the table
EXPLAINED = (
    "s/min: seconds that a minute of music takes on one core",
    "accuracy: tracks of which the model names the emotion that most listeners name",
    "correlation: Pearson's r with the shares of listeners who felt an emotion, mean of the nine",
)
"""What the table's columns are."""
FIGURES = (
    ("accuracy", "accuracy of the dominant emotion", PER_CENT),
    ("macro_f1", "macro-F1", PER_CENT),
    ("mean_pearson_r", "mean Pearson r over the nine emotions", "{:.3f}"),
    ("log_loss", "log-loss", "{:.3f}"),
    ("brier", "Brier score", "{:.3f}"),
    ("ece", "calibration error of the probabilities", "{:.3f}"),
    ("worth_r", "worth in listeners, by r", "{:.1f}"),
    ("worth_accuracy", "worth in listeners, by accuracy", "{:.1f}"),
    ("seconds_per_minute", "seconds per minute of music, one core", "{:.2f}"),
)
"""Figures of a card in their order: key, what it is, how it is written."""


def card_table(cards: Sequence[tuple[Card, int]]) -> str:
    """Return one line per model: name, size, speed, honest accuracy and r, when to use it.

    Each card comes with the size of its graph in bytes.
    """
    if not cards:
        return "no model is installed; name a folder with --model"
    header = ("model", "size", "s/min", "accuracy", "correlation", "use it")
    rows = [
        (
            card.name,
            f"{size / 1e6:.1f} MB",
            _figure(card, "seconds_per_minute", "{:.2f}"),
            _figure(card, "accuracy", PER_CENT),
            _figure(card, "mean_pearson_r", "{:.3f}"),
            card.use_when or card.summary,
        )
        for card, size in cards
    ]
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    lines = [_aligned(row, widths) for row in (header, *rows)]
    notes = [*EXPLAINED, *_protocols([card for card, _ in cards if card.protocol])]
    lines += ["", *(textwrap.fill(note, WIDTH, subsequent_indent="  ") for note in notes)]
    lines += ["", "a whole card: music-emotion models NAME"]
    return "\n".join(lines)


def _protocols(cards: Sequence[Card]) -> list[str]:
    """Say under which protocol the figures were measured, and of which models where it differs."""
    models: dict[str, list[str]] = {}
    for card in cards:
        models.setdefault(card.protocol, []).append(card.name)
    if len(models) == 1:
        return [f"measured under: {protocol}" for protocol in models]
    return [f"{', '.join(names)} measured under: {protocol}" for protocol, names in models.items()]


def card_page(card: Card) -> str:
    """Return a model's page in Markdown."""
    parts = [f"# {card.name}", card.summary, f"Version {card.version}."]
    if card.use_when:
        parts.append(f"Use it {card.use_when}.")
    figures = [
        f"| {label}{_measured_on(card, key)} | {_figure(card, key, form)} |"
        for key, label, form in FIGURES
        if key in card.figures
    ]
    if figures:
        under = f"Measured under: {card.protocol}." if card.protocol else ""
        parts += ["## What it is worth", under, "\n".join(["| figure | |", "|---|---|", *figures])]
    parts.append(_certainty(card))
    if card.reference:
        parts += [
            "## Beside the emotions",
            "\n".join(_fact(*one) for one in card.reference.items()),
        ]
    if card.training:
        parts += ["## Training", "\n".join(_fact(*one) for one in card.training.items())]
    if card.intended_use:
        parts += ["## Intended use", card.intended_use]
    for title, lines in (("Limits", card.limits), ("Licences", card.licences)):
        if lines:
            parts += [f"## {title}", "\n".join(f"- {line}" for line in lines)]
    parts += ["## The graph", _graph(card)]
    return "\n\n".join(part for part in parts if part)


def _certainty(card: Card) -> str:
    if card.scales:
        rated = ", ".join(map(str, card.scales))
        course = ", as wholes and over time" if card.course_sha256 else ""
        return f"It rates {rated}{course}, and names no emotions."
    if card.confidence is None:
        return "The confidence is the probability itself, not calibrated."
    return (
        "The confidence of a prediction is calibrated out of fold; the calibration error that "
        f"remains is {card.confidence.ece:.3f}."
    )


def _fact(name: str, value: str) -> str:
    """Return a line on the training; a command as code, so that no page makes dashes of its --."""
    return f"- {name.replace('_', ' ')}: {f'`{value}`' if name == 'command' else value}"


def _graph(card: Card) -> str:
    pooled = "; ".join(f"{name}: {', '.join(how)}" for name, how in card.pooling.items())
    lines = [
        f"- inputs: {', '.join(card.features)}",
        f"- scope: {card.scope}" + (f", pooled over segments ({pooled})" if pooled else ""),
        f"- window of the timeline: {card.window_seconds:g} s",
        f"- SHA-256 of `model.onnx`: `{card.sha256}`",
    ]
    if card.reference_sha256:
        lines.append(f"- SHA-256 of `reference.npz`: `{card.reference_sha256}`")
    return "\n".join(lines)


def _figure(card: Card, key: str, form: str) -> str:
    if key not in card.figures:
        return MISSING
    if form == PER_CENT:
        return f"{100 * card.figures[key]:.1f} %"
    if card.figures.get(f"{key}_censored"):  # better than the largest panel there is
        return f"> {card.figures[key]:.0f}"
    return form.format(card.figures[key])


def _measured_on(card: Card, key: str) -> str:
    """Return on what a worth was measured: fewer tracks and seeds than the other figures."""
    if not key.startswith("worth_") or not {"worth_tracks", "worth_seed"} <= card.figures.keys():
        return ""
    tracks, seed = (int(card.figures[name]) for name in ("worth_tracks", "worth_seed"))
    return f", on {tracks} tracks, fold seed {seed}"


def _aligned(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = [row[0].ljust(widths[0])]
    cells += [cell.rjust(width) for cell, width in zip(row[1:-1], widths[1:-1], strict=True)]
    return "  ".join([*cells, row[-1]]).rstrip()
