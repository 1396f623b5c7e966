"""How far listeners agree, and how well a perfect model could therefore do."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import betaln

from music_emotion.datasets.votes import VoteTable
from music_emotion.emotions import EMOTIONS
from music_emotion.errors import EvaluationError
from music_emotion.evaluation.agreement.panels import CHUNK, DRAWS, dominance, halves
from music_emotion.evaluation.metrics import pearson_over_tracks


@dataclass(frozen=True, slots=True)
class Ceilings:
    """How far listeners agree on a table of votes.

    Attributes
    ----------
    reliability
        Reliability of the vote fractions per emotion, shape (9,), 0–1, NaN where an emotion was
        never ticked: the correlation over tracks between two random halves of the listeners,
        averaged over many halvings and stepped up to the whole panel by the Spearman-Brown formula
        2r / (1 + r) (Spearman 1910, Brown 1910).
    r
        Highest Pearson r against the vote fractions that a perfect predictor can reach, per
        emotion, shape (9,): the square root of the reliability, since the published fractions are
        the true ones plus the noise of the panel (Spearman's correction for attenuation).
    half_agreement
        Share of tracks on which two random halves of the listeners, equal in size, name the same
        dominant emotion; ties to the earlier emotion as in the published label.
    label_stability
        Share of tracks on which the listeners, resampled with replacement, give the published
        label again; ties as in ``half_agreement``.
    oracle_accuracy
        Accuracy of an oracle that knows each track's true vote probabilities and names the most
        probable emotion, against the label of a fresh panel of the published size; ties in the
        fresh panel at random, since under that rule the oracle's answer is the best there is.
    """

    reliability: NDArray[np.float64]
    r: NDArray[np.float64]
    half_agreement: float
    label_stability: float
    oracle_accuracy: float

    @property
    def mean_r(self) -> float:
        """Mean of ``r`` over the emotions where it is defined."""
        return float(np.nanmean(self.r))


def ceilings(vote_table: VoteTable, *, seed: int = 0, draws: int = DRAWS) -> Ceilings:
    """Measure how far the listeners agree.

    Parameters
    ----------
    vote_table
        Votes; tracks with fewer than two listeners are left out.
    seed
        The same seed gives the same figures.
    draws
        Random halves, resamples and fresh panels.

    Raises
    ------
    EvaluationError
        If fewer than three tracks have two listeners.
    """
    vote_table = vote_table.take(np.flatnonzero(vote_table.listeners >= 2))
    if len(vote_table.ids) < 3:
        raise EvaluationError("agreement needs at least three tracks with two listeners or more")
    random_halves, random_labels, random_panels = (
        np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(3)
    )
    reliability, half_agreement = _split_half(vote_table, draws, random_halves)
    return Ceilings(
        reliability=reliability,
        r=np.sqrt(reliability),
        half_agreement=half_agreement,
        label_stability=_label_stability(vote_table, draws, random_labels),
        oracle_accuracy=_oracle_accuracy(vote_table, draws, random_panels),
    )


def _oracle_accuracy(vote_table: VoteTable, draws: int, rng: np.random.Generator) -> float:
    """Draw true vote probabilities and fresh panels; the share of labels that the oracle names.

    The published fractions also carry the noise of one panel; taking them for the truth would
    count that noise twice. Per emotion, the true probabilities over tracks follow a Beta
    distribution fitted to the votes by maximum likelihood (the beta-binomial model, Skellam 1948);
    given a track's votes, its probability follows the Beta posterior.
    """
    votes, panel = vote_table.votes, vote_table.listeners[:, None]
    alpha, beta = np.array([_fit_beta(column, vote_table.listeners) for column in votes.T]).T
    agreement = []
    for _ in range(draws):
        truth = rng.beta(alpha + votes, beta + panel - votes)
        fresh = dominance(rng.binomial(panel, truth))
        named = truth.argmax(axis=1)
        agreement.append(np.take_along_axis(fresh, named[:, None], axis=1).mean())
    return float(np.mean(agreement))


def _split_half(
    vote_table: VoteTable, draws: int, rng: np.random.Generator
) -> tuple[NDArray[np.float64], float]:
    """Reliability per emotion, shape (9,), and how often two halves name the same emotion."""
    size = vote_table.listeners[:, None] // 2
    correlations, agreements = [], []
    for first, second, rest in halves(vote_table, draws, rng):
        # The two together must be the whole panel, or the formula would step up to a smaller one.
        one, other = first / size, (second + rest) / (vote_table.listeners[:, None] - size)
        correlations.append(pearson_over_tracks(one.swapaxes(0, 1), other.swapaxes(0, 1)))
        agreements.append((first.argmax(axis=-1) == second.argmax(axis=-1)).mean(axis=1))
    r = np.concatenate(correlations)
    ever = vote_table.votes.sum(axis=0) > 0
    half = np.array([np.nanmean(r[:, e]) if ever[e] else np.nan for e in range(len(EMOTIONS))])
    return np.clip(2 * half / (1 + half), 0.0, 1.0), float(np.concatenate(agreements).mean())


def _label_stability(vote_table: VoteTable, draws: int, rng: np.random.Generator) -> float:
    """Share of tracks whose resampled listeners give the published label again."""
    listeners, track_index = vote_table.listeners, vote_table.track_index
    first = np.cumsum(listeners) - listeners
    published = vote_table.votes.argmax(axis=1)
    same = []
    for done in range(0, draws, CHUNK):
        position = rng.random((min(CHUNK, draws - done), len(vote_table)))
        rows = first[track_index] + (position * listeners[track_index]).astype(np.int64)
        votes = np.add.reduceat(vote_table.ticks[rows], first, axis=1, dtype=np.int64)
        same.append((votes.argmax(axis=-1) == published).mean(axis=1))
    return float(np.concatenate(same).mean())


def _fit_beta(
    votes: NDArray[np.int64], listeners: NDArray[np.int64]
) -> tuple[np.float64, np.float64]:
    """Parameters of the Beta distribution that makes the votes on one emotion most likely."""

    def cost(logarithms: NDArray[np.float64]) -> float:
        alpha, beta = np.exp(logarithms)
        return -float(np.sum(betaln(alpha + votes, beta + listeners - votes) - betaln(alpha, beta)))

    # exp(±7): from "always or never" to "the same on every track"; bounds for degenerate tables.
    fit = minimize(cost, np.zeros(2), method="L-BFGS-B", bounds=[(-7.0, 7.0)] * 2)
    alpha, beta = np.exp(fit.x)
    return alpha, beta


# --- What people confuse --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PeopleConfuse:
    """Where listeners of the same track differ.

    Attributes
    ----------
    halves
        Expected number of tracks by what one random half of the listeners names dominant (rows)
        and what the other half names (columns), shape (9, 9), symmetric, summing to the number of
        tracks; ties at random.
    together
        Share of the ticks on the row's emotion whose listener also ticked the column's, shape
        (9, 9), 0–1, diagonal 1; rows of NaN where nobody ticked the emotion.
    """

    halves: NDArray[np.float64]
    together: NDArray[np.float64]


def people_confuse(vote_table: VoteTable, *, seed: int = 0, draws: int = DRAWS) -> PeopleConfuse:
    """Measure which emotions listeners of the same track confuse.

    Parameters
    ----------
    vote_table
        Votes; tracks with fewer than two listeners are left out of ``halves``.
    seed
        The same seed gives the same figures.
    draws
        Random halvings to average over.
    """
    shared = vote_table.take(np.flatnonzero(vote_table.listeners >= 2))
    total = np.zeros((vote_table.ticks.shape[1],) * 2)
    for first, second, _ in halves(shared, draws, np.random.default_rng(seed)):
        total += np.einsum("dti,dtj->ij", dominance(first), dominance(second))
    both = vote_table.ticks.T.astype(np.int64) @ vote_table.ticks.astype(np.int64)
    alone = np.diag(both)[:, None]
    return PeopleConfuse(
        halves=(total + total.T) / (2 * draws),
        together=np.where(alone > 0, both / np.maximum(alone, 1), np.nan),
    )
