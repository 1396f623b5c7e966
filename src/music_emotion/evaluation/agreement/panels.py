"""Panels of listeners: how well they predict others, and what a model is worth in listeners.

On the tracks with listeners enough, some are held out at random. The model and a panel of k of the
others both predict the dominant emotion of those held out (accuracy, ties at random) and their vote
fractions (mean over the emotions of the Pearson r over tracks, as in :class:`.PanelCurve`; a
constant prediction counts r = 0). Both are averaged over many draws. The curve over k is made
non-decreasing by isotonic regression and extended to k = 0, a panel of nobody that guesses
(accuracy 1/9, r = 0); the model's worth is the smallest k, interpolated linearly between whole
numbers, at which the curve reaches the model's score. Where it never does, the worth is censored:
more than the largest panel.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

from music_emotion.datasets.votes import VoteTable
from music_emotion.emotions import EMOTIONS
from music_emotion.errors import EvaluationError
from music_emotion.evaluation.bootstrap import CONFIDENCE, resample_groups
from music_emotion.evaluation.metrics import mean_over_emotions, pearson_over_tracks

CHUNK = 25
"""Draws held in memory at once."""
DRAWS = 400
"""Random draws behind each figure: of halves, of resamples, of held-out listeners and panels."""


def dominance(scores: NDArray[np.generic]) -> NDArray[np.float64]:
    """Probability of each emotion to be named dominant, ties broken at random.

    ``scores`` are votes or probabilities, shape (…, 9). Rows of the result, of the same shape, sum
    to 1: 1 for a single highest score, 1/m for each of m that tie.
    """
    highest = scores == scores.max(axis=-1, keepdims=True)
    return np.asarray(highest / highest.sum(axis=-1, keepdims=True), dtype=np.float64)


def halves(
    vote_table: VoteTable, draws: int, rng: np.random.Generator
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]]:
    """Split each track's listeners into two random halves of equal size, many times.

    Yields the votes of the first halves, of the second halves, and of the one listener who is left
    over where a track's listeners are odd in number (zeros elsewhere), each of shape
    (≤ CHUNK, tracks, 9).
    """
    listeners = vote_table.listeners
    size = listeners // 2
    first = np.cumsum(listeners) - listeners
    bounds = first[:, None] + np.stack([0 * size, size, 2 * size, listeners], axis=1)
    for shuffled in _shuffled_ticks(vote_table, draws, rng):
        total = np.cumsum(shuffled, axis=1, dtype=np.int64)
        total = np.pad(total, ((0, 0), (1, 0), (0, 0)))
        one, other, rest = np.moveaxis(np.diff(total[:, bounds], axis=2), 2, 0)
        yield one, other, rest


def panels(
    vote_table: VoteTable, held_out: int, largest: int, draws: int, rng: np.random.Generator
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Hold listeners out at random and let panels of the others grow one by one, many times.

    Every track needs ``held_out + largest`` listeners. Yields the vote fractions of the held-out
    listeners, shape (≤ CHUNK, tracks, 9), and of the panels of 1 … ``largest`` of the others, shape
    (≤ CHUNK, tracks, largest, 9).
    """
    listeners = vote_table.listeners
    first = np.cumsum(listeners) - listeners
    rows = first[:, None] + np.arange(held_out + largest)
    for shuffled in _shuffled_ticks(vote_table, draws, rng):
        drawn = shuffled[:, rows]
        votes = np.cumsum(drawn[:, :, held_out:], axis=2, dtype=np.float64)
        yield drawn[:, :, :held_out].mean(axis=2), votes / np.arange(1, largest + 1)[:, None]


def _shuffled_ticks(
    vote_table: VoteTable, draws: int, rng: np.random.Generator
) -> Iterator[NDArray[np.int8]]:
    """Yield the ticks, shape (≤ CHUNK, rows, 9), listeners in random order within their track."""
    for done in range(0, draws, CHUNK):
        key = vote_table.track_index + rng.random((min(CHUNK, draws - done), len(vote_table)))
        yield vote_table.ticks[np.argsort(key, axis=1)]


# --- How well panels predict ----------------------------------------------------------------------

HELD_OUT = 16
"""Listeners per track whose answer is predicted."""
LARGEST_PANEL = 24
"""Listeners in the largest panel."""
KEPT_DRAWS = 40
"""First draws whose panels are kept: each resample of the groups averages r over them."""


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
    tracks, held_out
        Number of tracks with enough listeners, and of listeners held out on each.
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
        Vote fractions of the panels in the first draws, shape (≤ KEPT_DRAWS, t, sizes, 9).
    curve
        What follows from all draws.
    """

    tracks: NDArray[np.int64]
    held_out: NDArray[np.float64]
    agreement: NDArray[np.float64]
    panels: NDArray[np.float64]
    curve: PanelCurve


def panel_curve(
    vote_table: VoteTable,
    *,
    seed: int = 0,
    held_out: int = HELD_OUT,
    largest: int = LARGEST_PANEL,
    draws: int = DRAWS,
) -> PanelCurve:
    """Measure how well panels of 1 … ``largest`` listeners predict ``held_out`` others.

    Parameters
    ----------
    vote_table
        Votes; only tracks with at least ``held_out + largest`` listeners are used.
    seed
        Stands for the same panels here and in :func:`build_yardstick`.
    held_out, largest, draws
        Listeners held out at random in each draw, size of the largest panel, draws to average over.

    Raises
    ------
    EvaluationError
        If fewer than three tracks have enough listeners.
    """
    random_panels, _ = np.random.SeedSequence(seed).spawn(2)
    return _draw_panels(vote_table, random_panels, held_out, largest, draws).curve


def _draw_panels(
    vote_table: VoteTable,
    seed: np.random.SeedSequence,
    held_out: int,
    largest: int,
    draws: int,
) -> PanelDraws:
    tracks = np.flatnonzero(vote_table.listeners >= held_out + largest)
    if len(tracks) < 3:
        raise EvaluationError(
            f"worth in listeners needs three tracks with {held_out + largest} listeners or more; "
            f"here are {len(tracks)}"
        )
    drawn = panels(vote_table.take(tracks), held_out, largest, draws, np.random.default_rng(seed))
    all_others, kept, agreements, correlations = [], [], [], []
    for done, (others, panel) in zip(range(0, draws, CHUNK), drawn, strict=True):
        all_others.append(others)
        kept.append(panel[: max(KEPT_DRAWS - done, 0)])
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
    return PanelDraws(tracks, np.concatenate(all_others), agreement, np.concatenate(kept), curve)


# --- What a model is worth ------------------------------------------------------------------------

RESAMPLES = 1000
"""Resamples of the groups behind an interval."""
CHANCE_ACCURACY = 1 / len(EMOTIONS)
"""Accuracy of a panel of nobody, which guesses."""
RESAMPLES_AT_ONCE = 25
"""Resamples held in memory at once."""


@dataclass(frozen=True, slots=True)
class PanelSize:
    """Number of listeners, possibly beyond the largest panel there is.

    Attributes
    ----------
    value
        Listeners, 0 to the largest panel's size, interpolated between whole numbers.
    low, high
        95 % percentile interval over groups.
    censored
        Whether the model does better than the largest panel, so that ``value`` is only a bound.
    high_censored
        Whether the interval reaches beyond the largest panel.
    """

    value: float
    low: float
    high: float
    censored: bool
    high_censored: bool

    def __str__(self) -> str:
        value = f"> {self.value:.0f}" if self.censored else f"{self.value:.1f}"
        high = f"> {self.high:.0f}" if self.high_censored else f"{self.high:.1f}"
        return f"{value} ({self.low:.1f} to {high})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Worth:
    """What a model is worth in listeners.

    Attributes
    ----------
    seed
        Fold seed of the predictions that were measured; ``None`` where they are of none.
    tracks
        Number of tracks with enough listeners; all figures are about these tracks.
    by_accuracy
        Size of the panel that names the dominant emotion of other listeners as often.
    by_r
        Size of the panel whose vote fractions correlate as highly with those of others.
    accuracy
        How often the model names the dominant emotion of the held-out listeners, 0–1.
    mean_r
        The model's mean r against the vote fractions of the held-out listeners.
    """

    seed: int | None = None
    tracks: int
    by_accuracy: PanelSize
    by_r: PanelSize
    accuracy: float
    mean_r: float


@dataclass(frozen=True, slots=True)
class Yardstick:
    """Panels drawn once, to measure many models against; made by :func:`build_yardstick`.

    Attributes
    ----------
    draws
        The panels and the listeners held out.
    weights
        How often each resample of the groups takes each track, shape (resamples, t).
    accuracy, mean_r
        Those of the panels in each resample, shape (resamples, sizes).
    corpus_size
        Number of tracks a model has to predict, those without enough listeners included.
    """

    draws: PanelDraws
    weights: NDArray[np.float64]
    accuracy: NDArray[np.float64]
    mean_r: NDArray[np.float64]
    corpus_size: int

    @property
    def curve(self) -> PanelCurve:
        """How well the panels do on all tracks with enough listeners."""
        return self.draws.curve

    def measure(
        self,
        predicted_emotions: NDArray[np.floating],
        predicted_intensities: NDArray[np.floating],
    ) -> Worth:
        """Return what a model's predictions are worth.

        Parameters
        ----------
        predicted_emotions
            The model's probability of each emotion to be dominant, shape (tracks, 9), in the
            table's order of tracks; predicted by a model that has not seen the track.
        predicted_intensities
            The model's vote fractions, shape (tracks, 9).

        Raises
        ------
        EvaluationError
            If the predictions do not fit the table, or the listeners' votes never differ.
        """
        emotions = self._checked(predicted_emotions, "emotions")
        intensities = self._checked(predicted_intensities, "intensities")[:, None]
        held_out = self.draws.held_out
        named = np.einsum("te,dte->t", dominance(emotions), dominance(held_out)) / len(held_out)
        accuracy = float(named.mean())
        resampled_accuracy = _weighted_mean(self.weights, named[:, None])[:, 0]
        target = held_out.swapaxes(0, 1)
        mean_r = float(mean_over_emotions(pearson_over_tracks(intensities, target)).mean())
        resampled_r = _resampled_r(intensities, target[:, :KEPT_DRAWS], self.weights)
        curve = self.curve
        return Worth(
            by_accuracy=_panel_size(
                accuracy, curve.accuracy, resampled_accuracy, self.accuracy, CHANCE_ACCURACY
            ),
            by_r=_panel_size(mean_r, curve.mean_r, resampled_r, self.mean_r, chance=0.0),
            accuracy=accuracy,
            mean_r=mean_r,
            tracks=curve.tracks,
        )

    def _checked(self, predicted: NDArray[np.floating], what: str) -> NDArray[np.float64]:
        if predicted.shape != (self.corpus_size, len(EMOTIONS)):
            raise EvaluationError(
                f"predicted {what} of shape {predicted.shape} for {self.corpus_size} tracks: give "
                f"one row of {len(EMOTIONS)} per track"
            )
        if not np.isfinite(predicted).all():
            raise EvaluationError(f"predicted {what} are not finite on some track")
        return predicted[self.draws.tracks].astype(np.float64)


def build_yardstick(
    vote_table: VoteTable,
    groups: NDArray[np.integer],
    *,
    seed: int = 0,
    held_out: int = HELD_OUT,
    largest: int = LARGEST_PANEL,
    draws: int = DRAWS,
    resamples: int = RESAMPLES,
) -> Yardstick:
    """Draw the panels once, to measure any number of models with.

    Parameters
    ----------
    vote_table
        Votes; only tracks with at least ``held_out + largest`` listeners are used.
    groups
        Artist group per track, shape (tracks,); intervals resample whole groups.
    seed
        The same seed gives the same result.
    held_out, largest, draws, resamples
        Listeners held out, size of the largest panel, draws of panels, resamples of groups.

    Raises
    ------
    EvaluationError
        If too few tracks have enough listeners, or the groups are not one per track.
    """
    if len(groups) != len(vote_table.ids):
        raise EvaluationError(
            f"{len(groups)} groups for {len(vote_table.ids)} tracks: give one each"
        )
    random_panels, random_groups = np.random.SeedSequence(seed).spawn(2)
    drawn = _draw_panels(vote_table, random_panels, held_out, largest, draws)
    names, group = np.unique(np.asarray(groups)[drawn.tracks], return_inverse=True)
    weights = resample_groups(
        len(names), n_resamples=resamples, seed=int(random_groups.generate_state(1)[0])
    )[:, group]
    target = drawn.held_out[:KEPT_DRAWS].swapaxes(0, 1)[:, :, None]
    return Yardstick(
        draws=drawn,
        weights=weights,
        accuracy=_weighted_mean(weights, drawn.agreement),
        mean_r=_resampled_r(drawn.panels.swapaxes(0, 1), target, weights),
        corpus_size=len(vote_table.ids),
    )


def _panel_size(
    score: float,
    curve: NDArray[np.float64],
    resampled_scores: NDArray[np.float64],
    resampled_curves: NDArray[np.float64],
    chance: float,
) -> PanelSize:
    """Return the panel that scores as the model does, with its interval over the resamples."""
    if not (np.isfinite(score) and np.isfinite(curve).all()):
        raise EvaluationError("worth in listeners is undefined: the listeners' votes never differ")
    value, censored = panel_that_reaches(score, curve, chance)
    defined = np.isfinite(resampled_scores) & np.isfinite(resampled_curves).all(axis=1)
    sizes = [
        panel_that_reaches(resampled, resampled_curve, chance)
        for resampled, resampled_curve in zip(
            resampled_scores[defined], resampled_curves[defined], strict=True
        )
    ]
    beyond = len(curve) + 1.0  # so that a censored resample sorts after every uncensored one
    ordered = np.sort([beyond if is_censored else size for size, is_censored in sizes])
    tail = (1 - CONFIDENCE) / 2
    # An actual resample rather than a value between two: "censored" cannot be averaged.
    low = np.quantile(ordered, tail, method="lower")
    high = np.quantile(ordered, 1 - tail, method="higher")
    return PanelSize(
        value=value,
        low=float(min(low, len(curve))),
        high=float(min(high, len(curve))),
        censored=censored,
        high_censored=bool(high > len(curve)),
    )


def panel_that_reaches(
    score: float, curve: NDArray[np.float64], chance: float
) -> tuple[float, bool]:
    """Return the smallest panel that scores at least ``score``, and whether none does.

    ``curve`` is what panels of 1, 2, … score, shape (sizes,); noise that makes it fall is ironed
    out by isotonic regression. ``chance`` is what a panel of nobody scores. The size is
    interpolated linearly from 0; where no panel reaches the score it is that of the largest.
    """
    rising = np.maximum(isotonic_regression(curve).x, chance)
    heights = np.concatenate([[chance], rising])
    reached = np.flatnonzero(heights >= score)
    if len(reached) == 0:
        return float(len(curve)), True
    above = int(reached[0])
    if above == 0:
        return 0.0, False
    below = heights[above - 1]
    return above - 1 + float((score - below) / (heights[above] - below)), False


def _weighted_mean(
    weights: NDArray[np.float64], values: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Mean of (t, k) values over the tracks in each resample, shape (resamples, k)."""
    return np.asarray(weights @ values / weights.sum(axis=1, keepdims=True))


def _resampled_r(
    predicted: NDArray[np.float64], target: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Mean r over emotions and draws in each resample, of fractions of shapes (t, draws, …, 9)."""
    means = []
    for start in range(0, len(weights), RESAMPLES_AT_ONCE):
        part = weights[start : start + RESAMPLES_AT_ONCE]
        means.append(mean_over_emotions(pearson_over_tracks(predicted, target, part)).mean(axis=1))
    return np.concatenate(means)
