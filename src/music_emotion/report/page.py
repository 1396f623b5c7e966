"""A comparison as one HTML file that needs nothing else: no network, no other file, no server."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from music_emotion import __version__
from music_emotion.atomic import write_output
from music_emotion.audio import read_audio
from music_emotion.datasets.corpus import Corpus
from music_emotion.emotions import GEMS
from music_emotion.errors import AudioError, MissingExtraError
from music_emotion.evaluation.analysis import ModelCalibration
from music_emotion.evaluation.error_analysis import Key, Mistake
from music_emotion.evaluation.results import ModelResult
from music_emotion.evaluation.results_file import Document
from music_emotion.report import plots, tables
from music_emotion.report.listeners import ListenerFigures
from music_emotion.report.ratings import MEANING, OVER_TIME, agreement_line, rating_tables

TEMPLATES = Path(__file__).parent / "templates"
STRONG_SHARE = 0.76
"""Share from which a cell of a confusion matrix is dark enough for light digits."""
CLIP_SECONDS = 15.0
CLIP_RATE = 22_050  # Hz
LEVEL = 0.9
"""Highest sample of a clip, of 1."""


@dataclass(frozen=True, slots=True)
class Matrix:
    """A confusion matrix: shares of each row, 0–1, shape (9, 9), and the items in each row."""

    title: str
    shares: list[list[float]]
    items: list[int]


@dataclass(frozen=True, slots=True)
class WrongTrack:
    """A mistake with what is known of the track where the data are at hand."""

    mistake: Mistake
    title: str
    votes: tuple[tuple[str, str, float], ...]
    """Label, colour and share of the ticks of the emotions, the largest first."""


def write_page(
    path: Path,
    document: Document,
    *,
    mistakes: Mapping[Key, Sequence[Mistake]] | None = None,
    listeners: ListenerFigures | None = None,
    corpus: Corpus | None = None,
    embed_audio: bool = False,
) -> list[str]:
    """Write a comparison as one HTML file.

    Parameters
    ----------
    path
        The file.
    document
        The figures.
    mistakes
        The tracks each model gets most wrong; ``None`` where there are no predictions.
    listeners
        What people confuse, ceilings and panels, for what the document lacks.
    corpus
        The data, for titles and votes of the tracks.
    embed_audio
        Whether the beginnings of the tracks shown for the best model go into the file.

    Returns
    -------
    list of str
        What could not be shown, one line each.

    Raises
    ------
    MissingExtraError
        If Jinja or matplotlib is not installed.
    WriteError
        If the file cannot be written.
    """
    template = template_environment().get_template("report.html")
    heard = _best_rows(document)
    wanted = [
        mistake
        for row in heard
        for mistake in (mistakes or {}).get((row.protocol, row.target, row.model), ())
    ]
    clips, remarks = _clips(wanted, corpus) if embed_audio else ({}, [])
    parts = [_part(document, rows, mistakes or {}, corpus) for _, _, rows in document.tables()]
    accuracy = plots.accuracy_intervals(document) if document.rows else None
    panels = plots.listener_panels(document)
    ratings = document.ratings
    page = template.render(
        document=document,
        version=__version__,
        overview=tables.overview(document),
        ratings=[] if ratings is None else list(rating_tables(ratings)),
        ratings_meaning=_rating_meaning(document),
        raters=[]
        if ratings is None
        else [agreement_line(one) for one in (*ratings.ceilings, *ratings.course_ceilings)],
        best=heard,
        protocol_titles=tables.PROTOCOL_TITLES,
        share=tables.share,
        accuracy_picture=accuracy
        and plots.inline_svg(
            accuracy,
            "accuracy",
            "Accuracy of every model with 95 % intervals, as in the table.",
        ),
        panels_picture=panels
        and plots.inline_svg(
            panels,
            "panels",
            "Accuracy and mean r of panels of listeners by size, with the best models "
            "beside the panel that each is worth; the same figures are in the table.",
        ),
        worth=tables.worth(document),
        parts=parts,
        people=listeners
        and _matrix(
            "people: one half of the listeners against the other", listeners.confusions.halves
        ),
        emotions=GEMS,
        clips=clips,
        clip_seconds=round(CLIP_SECONDS),
        has_predictions=mistakes is not None,
        shows_mistakes=(mistakes is None and bool(document.rows))
        or any(part["wrong"] for part in parts),
        has_corpus=corpus is not None,
        findings=_findings(document),
        duration=tables.duration,
        strong=STRONG_SHARE,
    )
    write_output(path, page.encode())
    return remarks


def _rating_meaning(document: Document) -> str:
    rows = () if document.ratings is None else document.ratings.rows
    kinds = {row.over_time for row in rows}
    return " ".join(
        [*([MEANING] if False in kinds else []), *([OVER_TIME] if True in kinds else [])]
    )


def _best_rows(document: Document) -> list[ModelResult]:
    """Return the most accurate model under each protocol, the most honest protocol first."""
    best: dict[str, ModelResult] = {}
    for protocol, _, rows in document.tables():
        best.setdefault(protocol, rows[0])
    return list(best.values())


def _part(
    document: Document,
    rows: Sequence[ModelResult],
    mistakes: Mapping[Key, Sequence[Mistake]],
    corpus: Corpus | None,
) -> dict[str, Any]:
    """Return what the template shows of the models of one protocol and target."""
    first = rows[0]
    name = f"{first.protocol}-{first.target}"
    folds = document.folds.get(first.protocol, 0)
    split = "One 80/20 split" if folds == 1 else f"{folds} folds"
    dots = plots.correlation_dots(rows, document)
    found = ((row.title, mistakes.get((row.protocol, row.target, row.model), ())) for row in rows)
    return {
        "title": f"{tables.PROTOCOL_TITLES[first.protocol]}, {tables.TARGET_TITLES[first.target]}",
        "meaning": f"{tables.PROTOCOL_MEANINGS[first.protocol]} {split}, fold "
        f"seed{'s' if len(first.seeds) > 1 else ''} {', '.join(map(str, first.seeds))}, "
        f"n = {first.n}.",
        "scores": tables.scores(rows, document),
        "correlations": tables.correlations(rows, document),
        "correlation_picture": dots
        and plots.inline_svg(
            dots,
            f"r-{name}",
            "Pearson's r of each model per emotion beside the ceiling; the same figures are "
            "in the table.",
        ),
        "f1": tables.f1(rows),
        "genres": tables.genres(rows),
        "tests": tables.tests(document, rows),
        "matrices": [
            _matrix(f"{row.title}: {100 * row.headline['accuracy'].value:.1f} %", row.confusion)
            for row in rows
        ],
        "reliability": [_reliability(row, document.calibration_of(row), name) for row in rows],
        "curves": [_curves(row, name) for row in rows if plots.is_trained_in_epochs(row)],
        "wrong": [
            (title, [_wrong(mistake, corpus) for mistake in tracks])
            for title, tracks in found
            if tracks
        ],
    }


def _reliability(row: ModelResult, calibration: ModelCalibration, part: str) -> str:
    said = (
        f"Reliability of {row.title}: share of right answers by confidence; "
        f"calibration error {100 * calibration.error:.1f} per cent."
    )
    figure = plots.reliability_diagrams([calibration])
    return plots.inline_svg(figure, f"reliability-{part}-{_slug(row)}", said)


def _curves(row: ModelResult, part: str) -> str:
    said = f"Training and validation loss of {row.title} over the epochs, a line per fold."
    return plots.inline_svg(plots.training_curves([row]), f"training-{part}-{_slug(row)}", said)


def _slug(row: ModelResult) -> str:
    return "".join(c if c.isalnum() or c == "_" else "-" for c in row.model)


def _matrix(title: str, counts: np.ndarray[Any, Any]) -> Matrix:
    items = [round(float(total)) for total in np.asarray(counts).sum(axis=1)]
    return Matrix(title, plots.row_shares(counts).tolist(), items)


def _wrong(mistake: Mistake, corpus: Corpus | None) -> WrongTrack:
    title, votes = "", list[tuple[str, str, float]]()
    if corpus is not None:
        track = corpus.tracks[mistake.track_index]
        title = " – ".join(part for part in (track.artist, track.title) if part)
        if track.votes is not None and any(track.votes):
            shares = np.asarray(track.votes) / sum(track.votes)
            order = np.argsort(-shares, kind="stable")
            votes = [
                (GEMS[i].label, GEMS[i].colour, float(shares[i])) for i in order if shares[i] > 0
            ]
    return WrongTrack(mistake, title, tuple(votes))


def _clips(mistakes: Sequence[Mistake], corpus: Corpus | None) -> tuple[dict[int, str], list[str]]:
    """Return the beginnings of the tracks as data, each once, and what could not be read."""
    clips: dict[int, str] = {}
    remarks = []
    if corpus is None:
        return clips, ["no audio: the data are not at hand"]
    for index in dict.fromkeys(mistake.track_index for mistake in mistakes):
        try:
            clips[index] = clip_data_uri(corpus.tracks[index].path)
        except AudioError as error:
            remarks.append(f"no audio of track {corpus.tracks[index].id}: {error}")
    return clips, remarks


def clip_data_uri(path: Path, *, seconds: float = CLIP_SECONDS) -> str:
    """Return the beginning of an audio file as a ``data:`` address of a mono MP3.

    Raises
    ------
    AudioError
        If the file cannot be read.
    """
    import soundfile

    samples = read_audio(path, CLIP_RATE, duration=seconds)
    samples = samples * (LEVEL / max(LEVEL, float(np.abs(samples).max(initial=0.0))))
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, CLIP_RATE, format="MP3", subtype="MPEG_LAYER_III")
    return "data:audio/mpeg;base64," + base64.b64encode(buffer.getvalue()).decode()


def _findings(document: Document) -> dict[str, list[tuple[str, str, str]]]:
    """Return protocol, verdict and line by finding, of those that could be tested."""
    found: dict[str, list[tuple[str, str, str]]] = {}
    for one in document.hypotheses:
        if one.verdict != "not tested":
            where = one.protocol + ("" if one.target == "label" else " on votes")
            line = one.line.partition(": ")[2] or one.line
            found.setdefault(one.text, []).append((where, one.verdict, line))
    return found


def template_environment() -> Any:
    """Return what pages are made from; :class:`MissingExtraError` where Jinja is not installed."""
    try:
        from jinja2 import Environment, FileSystemLoader, StrictUndefined
    except ImportError as error:
        raise MissingExtraError("writing a report", "report") from error
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for name, file in (("style", "report.css"), ("script", "report.js")):
        environment.globals[name] = (TEMPLATES / file).read_text(encoding="utf-8")
    return environment
