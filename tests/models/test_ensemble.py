import numpy as np

from helpers.planted import planted_examples
from music_emotion.models.base import FitReport, Prediction
from music_emotion.models.ensemble import ENSEMBLE_MEMBERS, Ensemble, mean_prediction
from music_emotion.models.registry import create


def test_the_mean_is_unweighted() -> None:
    numbers = np.arange(18, dtype=np.float32).reshape(2, 9) / 100
    one, two = Prediction(numbers, 2 * numbers), Prediction(3 * numbers, 4 * numbers)
    mean = mean_prediction([one, two])
    np.testing.assert_allclose(mean.emotions, 2 * numbers, rtol=1e-6)
    np.testing.assert_allclose(mean.intensities, 3 * numbers, rtol=1e-6)


def test_the_mean_of_ratings_is_of_ratings() -> None:
    ratings = np.array([[1.0, 3.0]])
    mean = mean_prediction([Prediction.of_ratings(ratings), Prediction.of_ratings(3 * ratings)])
    assert mean.ratings.tolist() == [[2.0, 6.0]]
    assert mean.emotions.shape == (1, 0)


def test_members_are_exactly_the_two_and_fitted_as_if_alone() -> None:
    examples = planted_examples(tracks=12)
    settings = {"max_epochs": 1, "batch_size": 16}
    ensemble = create("ensemble", **settings)
    assert isinstance(ensemble, Ensemble)
    assert [member.name for member in ensemble.members] == ["bilstm_cnn", "cnn2d_specaugment"]
    assert ensemble.feature_names == ("advanced", "log_mel")
    calls: list[float] = []
    report = ensemble.fit(examples, seed=3, progress=lambda done, total: calls.append(done / total))
    alone = []
    for name in ENSEMBLE_MEMBERS:
        model = create(name, **settings)
        model.fit(examples, seed=3)
        alone.append(model.predict(examples))
    expected = mean_prediction(alone)
    prediction = ensemble.predict(examples)
    np.testing.assert_array_equal(prediction.emotions, expected.emotions)
    np.testing.assert_array_equal(prediction.intensities, expected.intensities)
    assert "bilstm_cnn/train_loss" in report.history
    assert calls == sorted(calls)
    assert calls[-1] == 1.0


class Stub:
    """A model that reports its steps and predicts one number."""

    feature_names = ("basic",)

    def __init__(self, name: str, parameters: int) -> None:
        self.name, self.parameters = name, parameters

    def fit(self, examples, *, target="label", seed=0, progress=None) -> FitReport:
        self.learnt = (target, seed)
        if progress:
            progress(1, 4)
            progress(0, 0)
        return FitReport({"loss": [1.0]}, 3, ("a note",), self.parameters)


def test_reports_of_the_members_are_put_together() -> None:
    ensemble = Ensemble("both", [Stub("one", 5), Stub("two", 7)])  # type: ignore[list-item]
    calls: list[tuple[int, int]] = []
    report = ensemble.fit(
        planted_examples(tracks=3), target="votes", seed=9, progress=lambda *c: calls.append(c)
    )
    assert calls == [(250, 2000), (0, 2000), (1250, 2000), (1000, 2000)]
    assert report.history == {"one/loss": [1.0], "two/loss": [1.0]}
    assert (report.best_epoch, report.parameters) == (-1, 12)
    assert report.notes == ("one: a note", "two: a note")
    assert [member.learnt for member in ensemble.members] == [("votes", 9)] * 2  # type: ignore[attr-defined]
