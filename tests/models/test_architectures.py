from dataclasses import replace

import pytest
import torch
from torch import nn

from music_emotion.models.cnn2d import Cnn2d, SpecAugment
from music_emotion.models.lstm_cnn import LstmCnn
from music_emotion.models.neural import Standardise, StandardisedNetwork
from music_emotion.models.registry import create
from music_emotion.training.config import TrainingConfig


def bilstm_cnn(shared: bool) -> LstmCnn:
    return LstmCnn(45, dropout=0.3, shared=shared, bidirectional=True)


CNN2D = {
    "max_epochs": 28,
    "patience": 6,
    "batch_size": 32,
    "learning_rate": 2e-3,
    "dropout": 0.1,
    "mixup": 0.2,
}
NETWORKS = {
    "lstm_cnn": (lambda shared: LstmCnn(27, dropout=0.3, shared=shared), (2, 130, 27)),
    "bilstm_cnn": (lambda shared: bilstm_cnn(shared), (2, 130, 45)),
    "cnn2d": (lambda shared: Cnn2d(dropout=0.3, shared=shared), (2, 128, 130)),
    "cnn2d_specaugment": (
        lambda shared: Cnn2d(dropout=0.3, shared=shared, masking=True),
        (2, 128, 130),
    ),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_two_sets_of_nine_logits(name: str) -> None:
    build, shape = NETWORKS[name]
    logits, intensity_logits = build(False)(torch.randn(*shape))
    assert logits.shape == intensity_logits.shape == (2, 9)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("shared", [False, True])
def test_intensities_shape_the_hidden_layers_only_where_shared(name: str, shared: bool) -> None:
    build, shape = NETWORKS[name]
    network = build(shared)
    network(torch.randn(*shape))[1].sum().backward()
    touched = {
        parameter.split(".")[0]
        for parameter, value in network.named_parameters()
        if value.grad is not None and parameter.split(".")[0] != "heads"
    }
    assert bool(touched) == shared


@pytest.mark.parametrize("name", NETWORKS)
def test_inference_is_deterministic_and_independent_of_the_batch(name: str) -> None:
    build, shape = NETWORKS[name]
    network = build(False).eval()
    inputs = torch.randn(*shape)
    with torch.no_grad():
        together = network(inputs)[0]
        alone = torch.cat([network(row[None])[0] for row in inputs])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)


def convolutions(network: nn.Module) -> list[nn.Conv2d]:
    return [layer for layer in network.modules() if isinstance(layer, nn.Conv2d)]


def test_layer_sizes_are_the_reference_studys() -> None:
    sequence = bilstm_cnn(shared=False)
    assert [layer.out_channels for layer in convolutions(sequence)] == [256, 128]
    assert sequence.lstm.hidden_size == 128
    assert sequence.lstm.bidirectional
    assert (sequence.dense.in_features, sequence.dense.out_features) == (256, 128)
    assert not LstmCnn(27, dropout=0.3, shared=False).lstm.bidirectional
    picture = Cnn2d(dropout=0.3, shared=False)
    assert [layer.out_channels for layer in convolutions(picture)] == [32, 64, 128]
    assert picture.dense.out_features == 256


def test_time_runs_along_the_frames() -> None:
    """Swapping two distant frames changes the answer, so the sequence is read in time."""
    torch.manual_seed(0)
    network = LstmCnn(27, dropout=0.0, shared=False).eval()
    frames = torch.randn(1, 130, 27)
    swapped = frames.flip(1)
    with torch.no_grad():
        assert not torch.allclose(network(frames)[0], network(swapped)[0], atol=1e-4)


@pytest.mark.parametrize(("axis", "shape"), [(-1, (5, 7, 3)), (1, (5, 3, 7))])
def test_standardise_works_per_feature(axis: int, shape: tuple[int, int, int]) -> None:
    inputs = torch.randn(*shape) * 4 + 2
    moved = inputs.movedim(axis, -1).reshape(-1, 3)
    layer = Standardise(moved.mean(0), moved.std(0, correction=0), axis=axis)
    scaled = layer(inputs).movedim(axis, -1).reshape(-1, 3)
    torch.testing.assert_close(scaled.mean(0), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(scaled.std(0, correction=0), torch.ones(3))


def test_the_scaling_is_part_of_the_saved_network() -> None:
    layer = Standardise(torch.tensor([1.0]), torch.tensor([2.0]), axis=-1)
    saved = StandardisedNetwork(layer, nn.Identity()).state_dict()
    assert saved["standardise.mean"].tolist() == [1.0]
    assert saved["standardise.scale"].tolist() == [0.5]


@pytest.mark.parametrize(("bidirectional", "directions"), [(False, 1), (True, 2)])
def test_parameters_of_the_sequence_networks_by_hand(bidirectional: bool, directions: int) -> None:
    network = LstmCnn(27, dropout=0.3, shared=False, bidirectional=bidirectional)
    first, second = 256 * 27 * 3 + 256 + 2 * 256, 128 * 256 * 3 + 128 + 2 * 128
    lstm = directions * 4 * (128 * 128 + 128 * 128 + 2 * 128)
    dense, heads = 128 * (directions * 128 + 1), 2 * 9 * 129
    expected = first + second + lstm + dense + heads
    assert sum(value.numel() for value in network.parameters()) == expected
    steps: list[torch.Size] = []
    network.lstm.register_forward_hook(lambda _, __, output: steps.append(output[0].shape))
    network(torch.zeros(2, 130, 27))
    assert steps == [(2, 16, 128 * directions)]


def test_parameters_of_the_spectrogram_network_by_hand() -> None:
    convolutions = [32 * 9 + 32 + 64, 64 * 32 * 9 + 64 + 128, 128 * 64 * 9 + 128 + 256]
    dense, heads = 256 * (128 * 8 + 1), 2 * 9 * 257
    network = Cnn2d(dropout=0.3, shared=False)
    expected = sum(convolutions) + dense + heads
    assert sum(value.numel() for value in network.parameters()) == expected
    pools = [layer.kernel_size for layer in network.modules() if isinstance(layer, nn.MaxPool2d)]
    assert pools == [(4, 4), (2, 4), (2, 8)]


def test_settings_are_those_of_the_published_figures() -> None:
    masks = SpecAugment()
    assert (masks.frequency_masks, masks.max_bands) == (2, 20)
    assert (masks.time_masks, masks.max_frames) == (2, 25)
    assert replace(TrainingConfig(), **CNN2D) == create("cnn2d").config  # type: ignore[attr-defined]
    assert create("lstm_cnn").config == TrainingConfig()  # type: ignore[attr-defined]
    without = create("bilstm_cnn_without_smote", dropout=0.5).config  # type: ignore[attr-defined]
    assert without == TrainingConfig(oversample=False, dropout=0.5)
    networks = {name: create(name) for name in ("lstm_cnn_advanced", "bilstm_cnn", "cnn2d")}
    built = {name: model.architecture(model.config, 45, True) for name, model in networks.items()}  # type: ignore[attr-defined]
    assert not built["lstm_cnn_advanced"].lstm.bidirectional
    assert built["bilstm_cnn"].lstm.bidirectional
    assert (built["cnn2d"].dropout.p, built["bilstm_cnn"].dropout.p) == (0.1, 0.3)
    assert all(network.heads.shared for network in built.values())
