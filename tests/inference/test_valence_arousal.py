import numpy as np
import pytest

from music_emotion.emotions import EMOTIONS
from music_emotion.inference.valence_arousal import (
    AROUSAL,
    VALENCE,
    Dimension,
    is_term,
    middle_of,
    term_columns,
)


def felt(**intensities: float) -> np.ndarray:
    return np.array([[intensities.get(name, 0.0) for name in EMOTIONS]], np.float32)


def of(dimension: Dimension, **intensities: float) -> float:
    return float(dimension.values(felt(**intensities), {}, [np.arange(1)])[0])


def test_terms_are_summed_and_bent_into_minus_one_to_one() -> None:
    dimension = Dimension({"power": 2.0, "sadness": -1.0, "level": 0.1}, offset=0.25)
    level = np.array([-3.0, 5.0, 100.0])
    intensities = np.concatenate([felt(power=0.5), felt(sadness=0.4)])
    found = dimension.values(intensities, {"level": level}, [np.array([0, 1]), np.array([1])])
    expected = np.tanh([0.25 + 2.0 * 0.5 + 0.1 * 1.0, 0.25 - 0.4 + 0.1 * 5.0])
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_silence_has_neither() -> None:
    nothing = np.zeros(0, np.int64)
    assert Dimension({"level": 1.0}, 3.0).values(felt(), {"level": np.zeros(1)}, [nothing]) == [0.0]


@pytest.mark.parametrize(
    ("count", "seconds", "expected"),
    [
        (9, 9.0, [3, 4, 5]),
        (9, 27.0, list(range(9))),
        (5, 9.0, [1, 2, 3]),
        (6, 9.0, [1, 2, 3]),
        (2, 9.0, [0, 1]),
        (7, 0.0, list(range(7))),
    ],
)
def test_features_count_in_the_middle(count: int, seconds: float, expected: list[int]) -> None:
    assert middle_of(np.arange(count), seconds).tolist() == expected


def test_only_the_middle_of_a_span_is_read() -> None:
    rising = {"level": np.arange(9.0)}
    whole, middle = (
        Dimension({"level": 0.01}, seconds=seconds).values(
            felt(), rising, [np.array([0, 1, 2, 6, 8])]
        )
        for seconds in (0.0, 3.0)
    )
    assert whole[0] == pytest.approx(np.tanh(0.034))
    assert middle[0] == pytest.approx(np.tanh(0.02))


def test_columns_are_those_of_their_names() -> None:
    tags = np.random.default_rng(0).normal(size=(4, 50)).astype(np.float32)
    level = np.arange(4.0)
    found = term_columns(["power", "tags.happy", "tags.rock", "level"], {"tags": tags}, level)
    assert list(found) == ["level", "tags.happy", "tags.rock"]
    np.testing.assert_array_equal(found["tags.happy"], tags[:, 49].astype(np.float64))
    np.testing.assert_array_equal(found["tags.rock"], tags[:, 0].astype(np.float64))
    assert Dimension({"tags.happy": 1.0, "summary.flux_4": 1.0}).features == ("tags", "summary")


def test_terms_that_there_are() -> None:
    known = ("power", "level", "tags.sad", "summary.harmony_18", "summary.flux_7")
    assert all(map(is_term, known))
    assert not any(map(is_term, ("joy", "tags.sorry", "tags", "musicnn.0", "loudness", "")))


def test_what_people_call_pleasant_and_stirring_is_so() -> None:
    assert of(AROUSAL, power=0.6, tension=0.4) > 0.4
    assert of(AROUSAL, calmness=0.6, tenderness=0.4) < -0.2
    assert of(VALENCE, joyful_activation=0.7, calmness=0.3) > 0.2
    assert of(VALENCE, sadness=0.6, tension=0.3) < -0.7
    # The votes of the average track of EMOTIFY lie in the middle of both.
    weights = np.array([VALENCE.terms.get(name, 0.0) for name in EMOTIONS])
    assert VALENCE.offset == pytest.approx(-0.639 * weights.max())


@pytest.mark.parametrize(
    ("dimension", "mean", "deviation"), [(VALENCE, 0.639, 0.488), (AROUSAL, -0.288, 0.995)]
)
def test_two_deviations_of_the_votes_above_their_mean_are_one_before_the_tangent(
    dimension: Dimension, mean: float, deviation: float
) -> None:
    riser = next(name for name, weight in dimension.terms.items() if weight > 0)
    for deviations in (-1.0, 0.0, 2.0):
        total = mean + deviations * deviation
        assert of(dimension, **{riser: total}) == pytest.approx(np.tanh(deviations / 2), abs=1e-6)
