"""How well panels of listeners predict other listeners."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from music_emotion.datasets.votes import VoteTable
from music_emotion.errors import EvaluationError
from music_emotion.evaluation.metrics import mean_over_emotions, pearson_over_tracks

CHUNK = 25
"""Draws held in memory at once."""


def dominance(scores: NDArray[np.generic]) -> NDArray[np.float64]:
    """Probability of each emotion to be named dominant, ties broken at random.

    Parameters
    ----------
    scores
        Votes or probabilities, shape (…, 9).

    Returns
    -------
    NDArray[np.float64]
        Shape (…, 9), rows sum to 1: 1 for a single highest score, 1/m for each of m that tie.
    """
    highest = scores == scores.max(axis=-1, keepdims=True)
    return np.asarray(highest / highest.sum(axis=-1, keepdims=True), dtype=np.float64)


def halves(
    table: VoteTable, draws: int, rng: np.random.Generator
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]]:
    """Split each track's listeners into two random halves of equal size, many times.

    Yields
    ------
    tuple of NDArray[np.int64]
        Votes of the first halves, of the second halves, and of the one listener who is left over
        where a track's listeners are odd in number (zeros elsewhere), each of shape
        (≤ CHUNK, tracks, 9).
    """
    listeners = table.listeners
    first = np.cumsum(listeners) - listeners
    size = listeners // 2
    for shuffled in _shuffled_ticks(table, draws, rng):
        total = np.cumsum(shuffled, axis=1, dtype=np.int32)
        total = np.concatenate([np.zeros_like(total[:, :1]), total], axis=1)
        start, middle, end = total[:, first], total[:, first + size], total[:, first + 2 * size]
        rest = total[:, first + listeners] - end
        yield (
            (middle - start).astype(np.int64),
            (end - middle).astype(np.int64),
            rest.astype(np.int64),
        )


def panels(
    table: VoteTable, held_out: int, largest: int, draws: int, rng: np.random.Generator
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Hold listeners out at random and let panels of the others grow one by one, many times.

    Parameters
    ----------
    table
        Every track has at least ``held_out + largest`` listeners.
    held_out
        Listeners held out per track.
    largest
        Size of the largest panel.
    draws
        How often.
    rng
        Source of randomness.

    Yields
    ------
    tuple of NDArray[np.float64]
        Vote fractions of the held-out listeners, shape (≤ CHUNK, tracks, 9), and of the panels of
        1 … ``largest`` of the others, shape (≤ CHUNK, tracks, largest, 9).
    """
    listeners = table.listeners
    first = np.cumsum(listeners) - listeners
    rows = first[:, None] + np.arange(held_out + largest)
    for shuffled in _shuffled_ticks(table, draws, rng):
        drawn = shuffled[:, rows]
        votes = np.cumsum(drawn[:, :, held_out:], axis=2, dtype=np.float64)
        yield drawn[:, :, :held_out].mean(axis=2), votes / np.arange(1, largest + 1)[:, None]


def _shuffled_ticks(
    table: VoteTable, draws: int, rng: np.random.Generator
) -> Iterator[NDArray[np.int8]]:
    """Yield the ticks, shape (≤ CHUNK, rows, 9), listeners in random order within their track."""
    for done in range(0, draws, CHUNK):
        key = table.track + rng.random((min(CHUNK, draws - done), len(table)))
        yield table.ticks[np.argsort(key, axis=1)]


HELD_OUT = 16
"""Listeners per track whose answer is predicted."""
LARGEST_PANEL = 24
"""Listeners in the largest panel."""
DRAWS = 400
"""Random draws of held-out listeners and panels."""


@dataclass(frozen=True, slots=True)
class PanelCurve:
    """How well a panel of k listeners predicts the held-out listeners of the same tracks.

    Attributes
    ----------
    sizes
        k, shape (sizes,): 1, 2, ….
    accuracy
        Share of tracks on which the panel and the held-out listeners name the same dominant
        emotion, ties at random, shape (sizes,), 0–1.
    mean_r
        Mean over the emotions of the Pearson correlation, over tracks, between the panel's and the
        held-out listeners' vote fractions, shape (sizes,). In a draw, an emotion that the panel
        ticked on no track (or on every track alike) counts r = 0, since it tells nothing; one that
        the held-out listeners ticked on no track is left out, since nobody could predict it.
    r
        The same per emotion, shape (sizes, 9); NaN where the held-out listeners never differ.
    tracks
        Number of tracks with enough listeners.
    held_out
        Listeners held out per track.
    """

    sizes: NDArray[np.int64]
    accuracy: NDArray[np.float64]
    mean_r: NDArray[np.float64]
    r: NDArray[np.float64]
    tracks: int
    held_out: int


@dataclass(frozen=True, slots=True)
class PanelDraws:
    """Random panels, kept so that a model meets the same held-out listeners as the panels did.

    Attributes
    ----------
    tracks
        Positions of the tracks with enough listeners, shape (t,).
    held_out
        Vote fractions of the held-out listeners, shape (draws, t, 9).
    agreement
        Probability that a panel names the same dominant emotion as the held-out listeners, mean
        over the draws, shape (t, sizes).
    panels
        Vote fractions of the panels in the first draws, shape (≤ draws, t, sizes, 9).
    curve
        What follows from all draws.
    """

    tracks: NDArray[np.int64]
    held_out: NDArray[np.float64]
    agreement: NDArray[np.float64]
    panels: NDArray[np.float64]
    curve: PanelCurve


def panel_curve(
    table: VoteTable,
    *,
    seed: int = 0,
    held_out: int = HELD_OUT,
    largest: int = LARGEST_PANEL,
    draws: int = DRAWS,
) -> PanelCurve:
    """Measure how well panels of 1 … ``largest`` listeners predict ``held_out`` others.

    Parameters
    ----------
    table
        Votes; only tracks with at least ``held_out + largest`` listeners are used.
    seed
        The same seed gives the same curve.
    held_out
        Listeners held out at random in each draw.
    largest
        Size of the largest panel.
    draws
        Random draws to average over.

    Returns
    -------
    PanelCurve
        Accuracy and r per size.

    Raises
    ------
    EvaluationError
        If fewer than three tracks have enough listeners.
    """
    rng = np.random.default_rng(panel_seeds(seed)[0])
    return draw_panels(table, rng, held_out=held_out, largest=largest, draws=draws, kept=0).curve


def panel_seeds(seed: int) -> tuple[np.random.SeedSequence, np.random.SeedSequence]:
    """Return the seeds of the panels and of the resamples of groups.

    All that draws panels takes the first, so that a seed stands for the same panels everywhere.
    """
    panels, groups = np.random.SeedSequence(seed).spawn(2)
    return panels, groups


def draw_panels(
    table: VoteTable,
    rng: np.random.Generator,
    *,
    held_out: int,
    largest: int,
    draws: int,
    kept: int,
) -> PanelDraws:
    """Draw panels as :func:`panel_curve` does and keep the held-out votes.

    The panels' own votes are kept for the first ``kept`` draws.
    """
    tracks = np.flatnonzero(table.listeners >= held_out + largest)
    if len(tracks) < 3:
        raise EvaluationError(
            f"worth in listeners needs three tracks with {held_out + largest} listeners or more; "
            f"here are {len(tracks)}"
        )
    held, agreements, correlations = [], [], []
    kept_panels: list[NDArray[np.float64]] = []
    for others, panel in panels(table.take(tracks), held_out, largest, draws, rng):
        missing = kept - sum(len(part) for part in kept_panels)
        held.append(others)
        kept_panels.append(panel[: max(missing, 0)])
        agreements.append(np.einsum("dtke,dte->dtk", dominance(panel), dominance(others)))
        target = others.swapaxes(0, 1)[:, :, None]
        correlations.append(pearson_over_tracks(panel.swapaxes(0, 1), target))
    agreement = np.concatenate(agreements).mean(axis=0)
    r = np.concatenate(correlations)
    curve = PanelCurve(
        sizes=np.arange(1, largest + 1),
        accuracy=agreement.mean(axis=0),
        mean_r=mean_over_emotions(r).mean(axis=0),
        r=mean_over_emotions(np.moveaxis(r, 0, -1)),
        tracks=len(tracks),
        held_out=held_out,
    )
    return PanelDraws(
        tracks=tracks,
        held_out=np.concatenate(held),
        agreement=agreement,
        panels=np.concatenate(kept_panels),
        curve=curve,
    )
