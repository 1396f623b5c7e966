"""Calibration, tests and confusions, drawn from a whole comparison of cheap models."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from helpers.corpora import corpus_of, points, segments
from helpers.stub_models import BAD, GOOD
from music_emotion.datasets.votes import VoteTable
from music_emotion.evaluation.analysis import PAIRS, Conclusions, conclude, pair_shares
from music_emotion.evaluation.compare import compare
from music_emotion.evaluation.metrics import expected_calibration_error
from music_emotion.evaluation.plan import Comparison
from music_emotion.evaluation.results import Results, collect

LABELS = [label for label in range(9) for _ in range(8)]


class Silent:
    """A reporter that keeps quiet."""

    def __getattr__(self, name: str):
        return lambda *_: None


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    corpus = corpus_of(LABELS)
    track = segments(corpus, 2)
    # Twelve listeners of each track: eight tick its label, four the next emotion.
    ticked = np.concatenate([[label] * 8 + [(label + 1) % 9] * 4 for label in LABELS])
    table = VoteTable(
        np.repeat(np.arange(len(LABELS)), 12),
        np.eye(9, dtype=np.int8)[ticked],
        tuple(one.id for one in corpus.tracks),
    )
    corpus = replace(corpus, vote_table=table)
    out = tmp_path_factory.mktemp("comparison")
    comparison = Comparison(
        models=(GOOD, BAD),
        protocols=("segment", "artist"),
        targets=("label",),
        seeds=(1, 2),
    )
    truth, failures = compare(
        comparison,
        corpus,
        track,
        {"points": points(corpus, track)},
        feature_versions={"points": "1"},
        out=out,
        jobs=0,
        reporter=Silent(),
    )
    assert not failures
    return collect(out, truth, (GOOD, BAD))


@pytest.fixture(scope="module")
def conclusions(results: Results) -> Conclusions:
    return conclude(results)


def test_calibration_of_every_model_over_its_seeds(
    results: Results, conclusions: Conclusions
) -> None:
    assert [(one.protocol, one.model) for one in conclusions.calibration] == [
        ("segment", GOOD),
        ("segment", BAD),
        ("artist", GOOD),
        ("artist", BAD),
    ]
    for result, one in zip(results.models, conclusions.calibration, strict=True):
        errors = [
            expected_calibration_error(repeat.scored.label, repeat.scored.emotions)
            for repeat in result.repeats
        ]
        assert abs(one.error - np.mean(errors)) < 1e-12
        assert abs(one.error - result.headline["ece"].value) < 1e-9  # as in summary.csv
        assert 0 < one.band_low < one.band_high
        assert one.inside == (one.error <= one.band_high)
        assert abs(one.constant.log_loss - np.log(9)) < 0.2


def test_every_protocol_has_its_tests(conclusions: Conclusions) -> None:
    assert [(one.protocol, one.seeds) for one in conclusions.paired] == [
        ("segment", (1, 2)),
        ("artist", (1, 2)),
    ]
    for tests in conclusions.paired:
        by_metric = {test.metric: test for test in tests.tests}
        assert set(by_metric) == {"accuracy", "log_loss", "mean_pearson_r"}
        assert by_metric["accuracy"].difference > 0
        assert by_metric["accuracy"].p_adjusted < 0.01


def test_models_of_both_targets_are_tested_against_each_other(results: Results) -> None:
    votes = tuple(
        replace(one, target="votes") for one in results.models if one.protocol == "artist"
    )
    label = tuple(one for one in results.models if one.protocol == "artist")
    (tests,) = conclude(replace(results, models=(*label, *votes))).paired
    pairs = {(test.first, test.second) for test in tests.tests}
    assert (GOOD, f"{BAD} on votes") in pairs
    assert len(pairs) == 6


def test_models_without_the_seed_of_the_others_are_left_out(results: Results) -> None:
    good, bad = (one for one in results.models if one.protocol == "artist")
    alone = replace(good, model="alone", seeds=(9,), repeats=(replace(good.repeats[0], seed=9),))
    (tests,) = conclude(replace(results, models=(good, bad, alone))).paired
    assert {(test.first, test.second) for test in tests.tests} == {(GOOD, BAD)}


def test_people_confuse_neighbours_and_the_model_is_likened_to_them(
    conclusions: Conclusions,
) -> None:
    assert conclusions.confusions.people is not None
    neighbours = np.array([(j - i) in (1, 8) for i, j in PAIRS])
    assert conclusions.confusions.people[neighbours].sum() > 0.999
    assert abs(conclusions.confusions.people.sum() - 1) < 1e-9
    for one in conclusions.confusions.models:
        assert -1 <= one.likeness <= 1
        assert abs(one.shares.sum() - 1) < 1e-9


def test_pair_shares_by_hand() -> None:
    confusion = np.zeros((9, 9), dtype=np.int64)
    confusion[0, 1], confusion[1, 0], confusion[4, 2], confusion[3, 3] = 1, 2, 3, 100
    shares = pair_shares(confusion)
    assert shares[PAIRS.index((0, 1))] == 0.5
    assert shares[PAIRS.index((2, 4))] == 0.5
    assert shares.sum() == 1.0
    assert pair_shares(np.eye(9)).sum() == 0.0
