from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from torch import nn

from music_emotion.training.config import TrainingConfig
from music_emotion.training.data import TrainingData
from music_emotion.training.fit import (
    averaged,
    emotion_loss,
    first_candidate,
    fit_network,
    intensity_loss,
    learning_rate,
    patience,
    predict_logits,
    rating_loss,
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


def nobody(given: TrainingData) -> TrainingData:
    names = [each.name for each in fields(given) if each.name != "array"]
    return replace(given, **{name: getattr(given, name)[:0] for name in names})


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


def test_the_loss_of_ratings_is_in_standard_deviations_of_each_scale() -> None:
    said, rated = torch.tensor([[1.0, 5.0]]), torch.tensor([[0.0, 9.0]])
    assert rating_loss(said, rated, torch.tensor([0.5, 2.0])).tolist() == [4.0]


class Rater(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.ratings = nn.Linear(9, 2)

    def forward(self, inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        ratings = self.ratings(inputs)
        return ratings, ratings[:, :0]


@pytest.mark.parametrize("mixup", [0.0, 0.3])
def test_ratings_are_learned_and_the_epoch_of_the_lowest_loss_is_kept(mixup: float) -> None:
    def rated(given: TrainingData) -> TrainingData:
        number = given.emotions.argmax(1).astype(np.float32)
        nothing = np.zeros((len(given), 0), np.float32)
        ratings = np.column_stack([number, -0.1 * number])
        spread = ratings.std(axis=0)
        return replace(given, emotions=ratings, intensities=nothing, spread=spread)

    config = TrainingConfig(
        max_epochs=12, batch_size=16, learning_rate=0.2, mixup=mixup, splice=False, patience=12
    )
    network, validation = Rater(), rated(data(45, seed=1))
    result = fit_network(network, rated(data(180)), validation, config, device=CPU, seed=0)
    losses = result.history["validation_loss"]
    first = first_candidate(config)
    assert result.best_epoch == first + int(np.argmin(losses[first:]))
    said, _ = predict_logits(network, validation.array, validation.rows, CPU)
    known = torch.from_numpy(validation.emotions)
    again = rating_loss(torch.from_numpy(said), known, torch.from_numpy(validation.spread))
    assert float(again.mean()) == pytest.approx(losses[result.best_epoch], rel=1e-5)
    assert losses[result.best_epoch] < 0.3
    assert "train_accuracy" not in result.history


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
    empty = nobody(data(9))
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


def varied(n: int, seed: int) -> TrainingData:
    """Soft targets, and weights that differ from row to row; some intensities are unknown."""
    generator = np.random.default_rng(seed)
    return replace(
        data(n, seed=seed),
        emotions=generator.dirichlet(np.ones(9), size=n).astype(np.float32),
        weight=generator.uniform(0.2, 2, n).astype(np.float32),
        intensities=generator.uniform(size=(n, 9)).astype(np.float32),
        intensity_weight=(generator.uniform(0.2, 2, n) * (np.arange(n) % 3 > 0)).astype(np.float32),
    )


@pytest.mark.parametrize("mixup", [0.0, 0.4])
def test_training_is_what_it_is_written_out_to_be(
    mixup: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("music_emotion.training.fit.half_precision", lambda device: None)
    config = TrainingConfig(
        splice=False,
        mixup=mixup,
        max_epochs=3,
        learning_rate=0.02,
        warm_up=0.7,  # only the last epoch may be kept
        weight_decay=0.1,
        label_smoothing=0.2,
        batch_size=8,
        patience=9,
    )
    training, validation = varied(30, 1), varied(14, 2)
    network, calls = Linear(), []
    result = fit_network(
        network,
        training,
        validation,
        config,
        device=CPU,
        seed=5,
        epoch_size=20,
        progress=lambda *call: calls.append(call),
    )
    assert calls == [(done, 6) for done in (1, 2, 3, 4, 5, 6, 6)]  # 20 // 8 steps an epoch

    expected, generator = Linear(), np.random.default_rng(5)
    optimizer = torch.optim.AdamW(expected.parameters(), weight_decay=0.1)
    history: dict[str, list[float]] = {}
    for step in range(6):
        if step % 3 == 0:  # three batches of eight fit into a permutation of thirty
            order = generator.permutation(30)
        row = order[8 * (step % 3) :][:8]
        position = step / 6
        rising, falling = (
            max(position, 0.007) / 0.7,
            0.5 * (1 + np.cos(np.pi * (position - 0.7) / 0.3)),
        )
        rate = 0.02 * (rising if position < 0.7 else falling)
        optimizer.param_groups[0]["lr"] = rate
        share, other = 1.0, np.arange(8)
        if mixup:
            drawn = generator.beta(mixup, mixup)
            share, other = max(drawn, 1 - drawn), generator.permutation(8)

        def mixed(
            values: np.ndarray, row: np.ndarray = row, other: np.ndarray = other, s: float = share
        ) -> torch.Tensor:
            return torch.from_numpy(s * values[row] + (1 - s) * values[row][other]).float()

        emotions, intensities = expected(mixed(training.array))
        smooth = 0.8 * mixed(training.emotions) + 0.2 / 9
        losses = -(smooth * torch.log_softmax(emotions, 1)).sum(1)
        fractions = mixed(training.intensities)
        chance = torch.sigmoid(intensities)
        other_losses = -(
            fractions * torch.log(chance) + (1 - fractions) * torch.log(1 - chance)
        ).mean(1)
        known = training.intensity_weight[row]
        known = torch.from_numpy(np.minimum(known, known[other]))
        weight = mixed(training.weight)
        optimizer.zero_grad()
        ((losses * weight).mean() + (other_losses * known).mean()).backward()
        optimizer.step()
        losses = losses.detach()
        truth = torch.from_numpy(training.emotions[row]).argmax(1)
        for name, value in (
            ("loss", float((losses * weight).sum())),
            ("weight", float(weight.sum())),
            ("correct", float((emotions.argmax(1) == truth).sum())),
            ("rate", rate),
        ):
            history.setdefault(name, []).append(value)
    assert result.best_epoch == 2
    pairs = {name: np.reshape(values, (3, 2)) for name, values in history.items()}
    found = result.history
    np.testing.assert_allclose(found["learning_rate"], pairs["rate"][:, 1])
    np.testing.assert_allclose(found["train_accuracy"], pairs["correct"].sum(1) / 16)
    np.testing.assert_allclose(
        found["train_loss"], pairs["loss"].sum(1) / pairs["weight"].sum(1), rtol=1e-4
    )
    for mine, theirs in zip(network.parameters(), expected.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-3, atol=1e-5)
    logits, _ = predict_logits(expected, validation.array, validation.rows, CPU)
    losses = emotion_loss(torch.from_numpy(logits), torch.from_numpy(validation.emotions), 0.0)
    last = np.average(losses.numpy(), weights=validation.weight)
    assert found["validation_loss"][2] == pytest.approx(last, rel=1e-4)
    hit = logits.argmax(1) == validation.emotions.argmax(1)
    assert found["validation_accuracy"][2] == pytest.approx(hit.mean())


@pytest.mark.parametrize(
    ("watch", "best"),
    [("accuracy", 2), ("loss", 3)],
)
def test_the_watched_score_decides_and_the_other_settles_ties(
    watch: str, best: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = iter([(0.1, 9.0), (0.5, 2.0), (0.5, 1.5), (0.4, 1.0), (0.3, 1.0), (0.5, 1.5)])
    monkeypatch.setattr(
        "music_emotion.training.fit._Trainer._validate",
        lambda *_: dict(zip(("validation_accuracy", "validation_loss"), next(scores), strict=True)),
    )
    config = TrainingConfig(watch=watch, splice=False, max_epochs=6, warm_up=0.1, patience=9)  # type: ignore[arg-type] # parametrised
    result = fit_network(Linear(), data(18), data(9), config, device=CPU, seed=0)
    assert result.best_epoch == best


class Recorder(nn.Module):
    """Keeps the batches that it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(9))
        self.seen: list[torch.Tensor] = []

    def forward(self, inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        self.seen.append(inputs)
        return self.bias.expand(len(inputs), 9), self.bias.expand(len(inputs), 9)


@pytest.mark.parametrize("frame_axis", [1, 2])
def test_segments_are_continued_with_others_of_their_track(frame_axis: int) -> None:
    given = data(36)
    shape = (36, 10, 2) if frame_axis == 1 else (36, 2, 10)
    numbered = np.broadcast_to(np.arange(36)[:, None, None], shape).astype(np.float32)
    config = TrainingConfig(mixup=0.0, max_epochs=2, batch_size=12, splice=True)
    recorder = Recorder()
    empty = nobody(given)
    fit_network(
        recorder,
        replace(given, array=numbered),
        empty,
        config,
        device=CPU,
        seed=0,
        frame_axis=frame_axis,
    )
    rows = torch.cat(recorder.seen).movedim(frame_axis, 1)[:, :, 0].numpy().astype(int)
    assert rows.shape == (72, 10)
    assert ((rows // 9) == (rows[:, :1] // 9)).all()
    changes = (np.diff(rows, axis=1) != 0).sum(axis=1)
    assert changes.max() == 1 and changes.sum() > 30


def test_logits_of_many_batches_are_those_of_each_row() -> None:
    given, network = data(300), Linear()
    rows = np.arange(299, -1, -1)
    logits, intensities = predict_logits(network.train(), given.array, rows, CPU)
    assert not network.training
    with torch.no_grad():
        expected = network(torch.from_numpy(given.array[rows]))
    np.testing.assert_allclose(logits, expected[0].numpy(), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(intensities, expected[1].numpy(), rtol=1e-5, atol=1e-6)


def test_the_defaults_are_those_that_the_figures_were_made_with() -> None:
    config = TrainingConfig()
    assert (config.max_epochs, config.patience, config.batch_size) == (60, 8, 64)
    assert (config.learning_rate, config.warm_up, config.weight_decay) == (3e-3, 0.15, 1e-2)
    assert (config.dropout, config.label_smoothing, config.mixup) == (0.3, 0.0, 0.3)
    assert (config.validation_fraction, config.watch) == (0.1, "accuracy")
    assert config.splice and config.oversample


def test_freed_memory_is_kept_on_a_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[None] = []
    monkeypatch.setattr(
        "music_emotion.training.fit.keep_freed_memory", lambda: calls.append(None) or True
    )
    config = TrainingConfig(max_epochs=1, splice=False)
    fit_network(Linear(), data(9), nobody(data(9)), config, device=CPU, seed=0)
    assert calls == [None]


@pytest.mark.parametrize("dtype", [None, torch.bfloat16, torch.float16])
def test_losses_are_scaled_in_float16_alone(
    dtype: torch.dtype | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("music_emotion.training.fit.half_precision", lambda device: dtype)
    asked, scaler = [], torch.amp.GradScaler

    def record(device: str, *, enabled: bool) -> torch.amp.GradScaler:
        asked.append((device, enabled))
        return scaler(device, enabled=False)

    monkeypatch.setattr(torch.amp, "GradScaler", record)
    config = TrainingConfig(max_epochs=1, splice=False)
    fit_network(Linear(), data(9), nobody(data(9)), config, device=CPU, seed=0)
    assert asked == [("cpu", dtype == torch.float16)]


def test_predictions_are_made_128_at_a_time() -> None:
    recorder = Recorder()
    predict_logits(recorder, np.zeros((300, 9), dtype=np.float32), np.arange(300), CPU)
    assert [len(batch) for batch in recorder.seen] == [128, 128, 44]


def test_averaged_weights_are_a_fading_mean_that_forgets_its_beginning() -> None:
    network = nn.Linear(1, 1, bias=False)
    assert averaged(network, 0.0) is None
    average = averaged(network, 0.5)
    assert average is not None
    values = [4.0, 1.0, 3.0, 7.0]
    expected = values[0]
    for step, value in enumerate(values):
        nn.init.constant_(network.weight, value)
        average.update_parameters(network)
        if step:
            share = min(0.5, (1 + step) / (10 + step))
            expected = share * expected + (1 - share) * value
    assert average.module.weight.item() == pytest.approx(expected, rel=1e-6)
    assert network.weight.item() == 7.0


def test_the_average_is_what_is_kept() -> None:
    training, validation = data(90), data(45, seed=1)
    config = TrainingConfig(max_epochs=6, batch_size=9, patience=6, splice=False, mixup=0.0)
    kept = {}
    for share in (0.0, 0.9):
        network = Linear()
        fit_network(
            network, training, validation, replace(config, averaging=share), device=CPU, seed=1
        )
        kept[share] = network.emotions.weight.detach().clone()
    assert not torch.equal(kept[0.0], kept[0.9])


def test_a_training_can_be_told_when_to_stop() -> None:
    config = TrainingConfig(max_epochs=12, batch_size=9, stop_after=5, splice=False, mixup=0.0)
    training = data(90)
    result = fit_network(Linear(), training, nobody(training), config, device=CPU, seed=1)
    assert result.best_epoch == 4
    rates = result.history["learning_rate"]
    assert len(rates) == 5
    assert rates[-1] > 0.5 * config.learning_rate  # the schedule is that of twelve epochs
