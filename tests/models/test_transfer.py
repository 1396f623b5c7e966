import numpy as np
import pytest

from helpers.examples import examples
from music_emotion.models.kernel_ridge import mean_correlation
from music_emotion.models.registry import create


def test_transfer_hears_with_the_pretrained_network_only() -> None:
    model = create("transfer")
    assert model.feature_names == ("musicnn",)
    given = examples()
    training = given.group < 15
    report = model.fit(given.take(training), target="votes", seed=0)
    assert sum("regression (" in note for note in report.notes) == 1
    assert sum("classifier (" in note for note in report.notes) == 1
    test = given.take(~training)
    assert mean_correlation(model.predict(test).intensities, test.vote_fractions) > 0.6


def test_light_needs_no_network() -> None:
    assert create("light").feature_names == ("summary",)


@pytest.mark.parametrize("name", ["transfer", "light"])
def test_the_same_data_give_the_same_model(name: str) -> None:
    given = examples()
    first, second = create(name), create(name)
    first.fit(given, target="votes", seed=0)
    second.fit(given, target="votes", seed=0)
    np.testing.assert_array_equal(first.predict(given).emotions, second.predict(given).emotions)
