import numpy as np
import pytest
import torch
from torch import nn

from music_emotion.errors import ModelError
from music_emotion.training.config import TrainingConfig
from music_emotion.training.device import select_device
from music_emotion.training.fit import (
    TrainingData,
    emotion_loss,
    first_candidate,
    fit_network,
    intensity_loss,
    learning_rate,
    patience,
    predict_logits,
)

CPU = torch.device("cpu")


class Linear(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.emotions, self.intensities = nn.Linear(9, 9), nn.Linear(9, 9)

    def forward(self, inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.emotions(inputs), self.intensities(inputs)


def data(n: int, *, seed: int = 0, shuffled: bool = False) -> TrainingData:
    generator = np.random.default_rng(seed)
    label = np.arange(n) % 9
    array = np.eye(9, dtype=np.float32)[label] + 0.1 * generator.normal(size=(n, 9))
    if shuffled:
        label = generator.permutation(label)
    emotions = np.eye(9, dtype=np.float32)[label]
    return TrainingData(
        array=array.astype(np.float32),
        rows=np.arange(n),
        emotions=emotions,
        weight=np.ones(n, dtype=np.float32),
        intensities=0.2 + 0.5 * emotions,
        intensity_weight=np.ones(n, dtype=np.float32),
        track_index=np.arange(n) // 9,
    )


def test_losses_equal_hand_computed_ones() -> None:
    logits = torch.log(torch.tensor([[0.5, 0.25, 0.25]]))
    soft = torch.tensor([[0.5, 0.5, 0.0]])
    expected = -(0.5 * np.log(0.5) + 0.5 * np.log(0.25))
    assert emotion_loss(logits, soft, 0.0).item() == pytest.approx(expected, rel=1e-6)
    probability = torch.tensor([[0.2, 0.6]])
    fractions = torch.tensor([[0.1, 1.0]])
    expected = -(0.1 * np.log(0.2) + 0.9 * np.log(0.8) + np.log(0.6)) / 2
    assert intensity_loss(torch.logit(probability), fractions).item() == pytest.approx(
        expected, rel=1e-5
    )


def test_learning_rate_rises_then_falls_to_zero() -> None:
    config = TrainingConfig(learning_rate=0.01, warm_up=0.2)
    assert learning_rate(config, 0.1) == pytest.approx(0.005)
    assert learning_rate(config, 0.2) == pytest.approx(0.01)
    assert learning_rate(config, 0.6) == pytest.approx(0.005)
    assert learning_rate(config, 1.0) == pytest.approx(0.0, abs=1e-12)


def test_a_learnable_task_is_learnt_and_reported() -> None:
    config = TrainingConfig(
        splice=False, mixup=0.0, max_epochs=12, learning_rate=0.05, patience=12, batch_size=8
    )
    network = Linear()
    result = fit_network(network, data(180), data(45, seed=1), config, device=CPU, seed=0)
    assert result.history["validation_accuracy"][result.best_epoch] == 1.0
    assert {len(values) for values in result.history.values()} == {12}
    assert result.history["train_loss"][-1] < result.history["train_loss"][0]


def test_training_stops_early_and_keeps_the_best_weights() -> None:
    config = TrainingConfig(
        splice=False, mixup=0.0, max_epochs=40, learning_rate=0.05, patience=2, batch_size=8
    )
    network, validation = Linear(), data(45, seed=1, shuffled=True)
    calls: list[tuple[int, int]] = []
    result = fit_network(
        network,
        data(180),
        validation,
        config,
        device=CPU,
        seed=0,
        progress=lambda done, total: calls.append((done, total)),
    )
    losses = result.history["validation_loss"]
    assert len(losses) == result.best_epoch + 3 < 40
    first = first_candidate(config)
    assert result.best_epoch == first + int(np.argmin(losses[first:]))
    logits, _ = predict_logits(network, validation.array, validation.rows, CPU)
    again = emotion_loss(torch.from_numpy(logits), torch.from_numpy(validation.emotions), 0.0)
    assert again.mean().item() == pytest.approx(losses[result.best_epoch], rel=1e-5)
    assert calls[-1] == (len(losses) * 22, len(losses) * 22)


def test_no_validation_part_trains_to_the_end() -> None:
    empty = data(9)
    empty = TrainingData(
        empty.array,
        *(
            np.asarray(value)[:0]
            for value in (
                empty.rows,
                empty.emotions,
                empty.weight,
                empty.intensities,
                empty.intensity_weight,
                empty.track_index,
            )
        ),
    )
    config = TrainingConfig(splice=False, mixup=0.0, max_epochs=5, patience=1, batch_size=8)
    result = fit_network(Linear(), data(90), empty, config, device=CPU, seed=0)
    assert result.best_epoch == 4
    assert "validation_loss" not in result.history


def test_fitting_leaves_the_global_random_state_alone() -> None:
    torch.manual_seed(7)
    before = torch.random.get_rng_state()
    fit_network(
        linear_without_seeding(),
        data(45),
        data(9),
        TrainingConfig(max_epochs=1, splice=False),
        device=CPU,
        seed=3,
    )
    assert torch.equal(before, torch.random.get_rng_state())


def linear_without_seeding() -> nn.Module:
    with torch.random.fork_rng():
        return Linear()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_missing_device_is_named() -> None:
    assert select_device("auto").type == "cpu"
    with pytest.raises(ModelError, match="use --device cpu"):
        select_device("cuda")


def test_an_unknown_device_is_named() -> None:
    with pytest.raises(ModelError, match="unknown device 'tpu'"):
        select_device("tpu")  # type: ignore[arg-type]


def test_no_epoch_of_the_warm_up_is_kept_or_ends_the_training() -> None:
    config = TrainingConfig(
        splice=False, mixup=0.0, max_epochs=20, warm_up=0.5, patience=2, batch_size=8
    )
    # Labels that have nothing to do with the inputs: the less is learnt, the better.
    validation = data(45, seed=1, shuffled=True)
    result = fit_network(Linear(), data(180), validation, config, device=CPU, seed=0)
    losses = result.history["validation_loss"]
    assert int(np.argmin(losses)) < first_candidate(config) == 9
    assert result.best_epoch == 9 and len(losses) == 12
    assert first_candidate(TrainingConfig(max_epochs=1)) == 0


def test_patience_grows_with_the_training_up_to_the_configured_one() -> None:
    config = TrainingConfig(patience=8)
    assert [patience(config, epoch) for epoch in (0, 8, 14, 23, 59)] == [3, 3, 5, 8, 8]
    assert patience(TrainingConfig(patience=1), 0) == 1
