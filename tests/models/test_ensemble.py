import numpy as np

from helpers.planted import planted_examples
from music_emotion.models.base import Prediction
from music_emotion.models.ensemble import Ensemble, mean_prediction
from music_emotion.models.registry import ENSEMBLE_MEMBERS, create


def test_the_mean_is_unweighted() -> None:
    one = Prediction(np.full((1, 9), 0.1, np.float32), np.full((1, 9), 0.2, np.float32))
    two = Prediction(np.full((1, 9), 0.3, np.float32), np.full((1, 9), 0.6, np.float32))
    mean = mean_prediction([one, two])
    np.testing.assert_allclose(mean.emotions, 0.2, rtol=1e-6)
    np.testing.assert_allclose(mean.intensities, 0.4, rtol=1e-6)


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
