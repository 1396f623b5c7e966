import pytest
import torch

from helpers.networks import NETWORK_CHECKS, Build, convolutions
from music_emotion.models.lstm_cnn import LstmCnn
from music_emotion.models.registry import create
from music_emotion.training.config import TrainingConfig


def lstm_cnn(shared: bool) -> LstmCnn:
    return LstmCnn(27, dropout=0.3, shared=shared)


def bilstm_cnn(shared: bool) -> LstmCnn:
    return LstmCnn(45, dropout=0.3, shared=shared, bidirectional=True)


@pytest.mark.parametrize("check", NETWORK_CHECKS)
@pytest.mark.parametrize(("build", "features"), [(lstm_cnn, 27), (bilstm_cnn, 45)])
def test_what_holds_of_every_network(check, build: Build, features: int) -> None:
    check(build, (2, 130, features))


def test_layer_sizes_are_the_reference_studys() -> None:
    network = bilstm_cnn(shared=False)
    assert [layer.out_channels for layer in convolutions(network)] == [256, 128]
    assert network.lstm.hidden_size == 128
    assert network.lstm.bidirectional
    assert (network.dense.in_features, network.dense.out_features) == (256, 128)
    assert not lstm_cnn(shared=False).lstm.bidirectional


def test_time_runs_along_the_frames() -> None:
    """Swapping two distant frames changes the answer, so the sequence is read in time."""
    torch.manual_seed(0)
    network = LstmCnn(27, dropout=0.0, shared=False).eval()
    frames = torch.randn(1, 130, 27)
    swapped = frames.flip(1)
    with torch.no_grad():
        assert not torch.allclose(network(frames)[0], network(swapped)[0], atol=1e-4)


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


def test_settings_are_those_of_the_published_figures() -> None:
    assert create("lstm_cnn").config == TrainingConfig()  # type: ignore[attr-defined]
    without = create("bilstm_cnn_without_smote", dropout=0.5).config  # type: ignore[attr-defined]
    assert without == TrainingConfig(oversample=False, dropout=0.5)
    for name, bidirectional in (("lstm_cnn_advanced", False), ("bilstm_cnn", True)):
        model = create(name)
        built = model.architecture(model.config, 45, True)  # type: ignore[attr-defined]
        assert built.lstm.bidirectional == bidirectional
        assert built.dropout.p == 0.3
        assert built.heads.shared
