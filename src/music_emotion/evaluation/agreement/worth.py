"""What a model is worth in listeners: the panel that predicts other people as well as it does.

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
from music_emotion.evaluation.agreement.panels import (
    DRAWS,
    HELD_OUT,
    LARGEST_PANEL,
    PanelCurve,
    PanelDraws,
    dominance,
    draw_panels,
    panel_seeds,
)
from music_emotion.evaluation.bootstrap import CONFIDENCE, resample_groups
from music_emotion.evaluation.metrics import mean_over_emotions, pearson_over_tracks

RESAMPLES = 1000
"""Resamples of the groups behind an interval."""
RESAMPLED_DRAWS = 40
"""Draws of panels that each resample averages r over."""
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
        Interval over groups.
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
    accuracy
        Accuracy of the panels in each resample, shape (resamples, sizes).
    mean_r
        Mean r of the panels in each resample, shape (resamples, sizes).
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

        Returns
        -------
        Worth
            Sizes of panels with 95 % percentile intervals.

        Raises
        ------
        EvaluationError
            If the predictions do not fit the table, or the listeners' votes never differ.
        """
        emotions = self._checked(predicted_emotions, "emotions")
        intensities = self._checked(predicted_intensities, "intensities")
        held_out = self.draws.held_out
        named = np.einsum("te,dte->t", dominance(emotions), dominance(held_out)) / len(held_out)
        target = held_out.swapaxes(0, 1)
        mean_r = float(mean_over_emotions(pearson_over_tracks(intensities[:, None], target)).mean())
        resampled_r = [
            mean_over_emotions(
                pearson_over_tracks(intensities[:, None], target[:, :RESAMPLED_DRAWS], weights)
            ).mean(axis=1)
            for weights in _in_parts(self.weights)
        ]
        accuracy = float(named.mean())
        return Worth(
            by_accuracy=_panel_size(
                accuracy,
                self.curve.accuracy,
                _weighted_mean(self.weights, named[:, None])[:, 0],
                self.accuracy,
                CHANCE_ACCURACY,
            ),
            by_r=_panel_size(
                mean_r, self.curve.mean_r, np.concatenate(resampled_r), self.mean_r, 0.0
            ),
            accuracy=accuracy,
            mean_r=mean_r,
            tracks=self.curve.tracks,
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
    table: VoteTable,
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
    table
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
    if len(groups) != len(table.ids):
        raise EvaluationError(f"{len(groups)} groups for {len(table.ids)} tracks: give one each")
    random_panels, random_groups = panel_seeds(seed)
    drawn = draw_panels(
        table,
        np.random.default_rng(random_panels),
        held_out=held_out,
        largest=largest,
        draws=draws,
        kept=RESAMPLED_DRAWS,
    )
    names, group = np.unique(np.asarray(groups)[drawn.tracks], return_inverse=True)
    weights = resample_groups(
        len(names), n_resamples=resamples, seed=int(random_groups.generate_state(1)[0])
    )[:, group]
    target = drawn.held_out[: len(drawn.panels)].swapaxes(0, 1)[:, :, None]
    panels = drawn.panels.swapaxes(0, 1)
    mean_r = [
        mean_over_emotions(pearson_over_tracks(panels, target, part)).mean(axis=1)
        for part in _in_parts(weights)
    ]
    return Yardstick(
        draws=drawn,
        weights=weights,
        accuracy=_weighted_mean(weights, drawn.agreement),
        mean_r=np.concatenate(mean_r),
        corpus_size=len(table.ids),
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
        panel_that_reaches(resampled_scores[b], resampled_curves[b], chance)
        for b in np.flatnonzero(defined)
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
    """Return the smallest panel that scores at least ``score``.

    Parameters
    ----------
    score
        What the model scores.
    curve
        What panels of 1, 2, … score, shape (sizes,); noise that makes it fall is ironed out by
        isotonic regression.
    chance
        What a panel of nobody scores.

    Returns
    -------
    tuple of float and bool
        The size, interpolated linearly from 0, and whether no panel reaches the score (the size is
        then that of the largest).
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
    total: NDArray[np.float64] = weights @ values
    total /= weights.sum(axis=1, keepdims=True)
    return total


def _in_parts(weights: NDArray[np.float64]) -> Iterator[NDArray[np.float64]]:
    for start in range(0, len(weights), RESAMPLES_AT_ONCE):
        yield weights[start : start + RESAMPLES_AT_ONCE]
