from dataclasses import replace

import pytest
import torch
from torch import nn

from helpers.networks import NETWORK_CHECKS, convolutions
from music_emotion.models.cnn2d import Cnn2d, SpecAugment
from music_emotion.models.registry import create
from music_emotion.training.config import TrainingConfig


@pytest.mark.parametrize("check", NETWORK_CHECKS)
@pytest.mark.parametrize("masking", [False, True])
def test_what_holds_of_every_network(check, masking: bool) -> None:
    check(lambda shared: Cnn2d(dropout=0.3, shared=shared, masking=masking), (2, 128, 130))


def test_layer_sizes_are_the_reference_studys() -> None:
    network = Cnn2d(dropout=0.3, shared=False)
    assert [layer.out_channels for layer in convolutions(network)] == [32, 64, 128]
    assert network.dense.out_features == 256


def test_parameters_of_the_spectrogram_network_by_hand() -> None:
    convolved = [32 * 9 + 32 + 64, 64 * 32 * 9 + 64 + 128, 128 * 64 * 9 + 128 + 256]
    dense, heads = 256 * (128 * 8 + 1), 2 * 9 * 257
    network = Cnn2d(dropout=0.3, shared=False)
    expected = sum(convolved) + dense + heads
    assert sum(value.numel() for value in network.parameters()) == expected
    pools = [layer.kernel_size for layer in network.modules() if isinstance(layer, nn.MaxPool2d)]
    assert pools == [(4, 4), (2, 4), (2, 8)]


def test_settings_are_those_of_the_published_figures() -> None:
    model = create("cnn2d")
    assert model.config == replace(  # type: ignore[attr-defined]
        TrainingConfig(),
        max_epochs=28,
        patience=6,
        batch_size=32,
        learning_rate=2e-3,
        dropout=0.1,
        mixup=0.2,
    )
    built = model.architecture(model.config, 45, True)  # type: ignore[attr-defined]
    assert (built.dropout.p, built.heads.shared) == (0.1, True)
    assert isinstance(built.masking, nn.Identity)
    masks = SpecAugment()
    assert (masks.frequency_masks, masks.max_bands) == (2, 20)
    assert (masks.time_masks, masks.max_frames) == (2, 25)


def test_nothing_happens_at_inference() -> None:
    spectrograms = torch.randn(3, 128, 130)
    layer = SpecAugment().eval()
    assert layer(spectrograms) is spectrograms


def masked_lines(spectrograms: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Which bands and which frames are 0 throughout, (batch, 128) and (batch, 130)."""
    zero = spectrograms == 0
    return zero.all(dim=2), zero.all(dim=1)


def test_only_whole_stripes_are_masked_and_never_more_than_allowed() -> None:
    torch.manual_seed(0)
    masked = SpecAugment()(torch.ones(400, 128, 130))
    bands, frames = masked_lines(masked)
    assert torch.equal(masked == 0, bands[:, :, None] | frames[:, None, :])
    assert int(bands.sum(1).max()) <= 40
    assert int(frames.sum(1).max()) <= 50
    for lines, limit in ((bands, 20), (frames, 25)):
        stripes = (lines.int().diff(dim=1, prepend=torch.zeros(400, 1)) == 1).sum(1)
        assert int(stripes.max()) == 2
        single = lines[stripes == 1].sum(1)
        assert int(single.max()) > limit / 2


def test_one_stripe_reaches_every_width_and_every_place() -> None:
    torch.manual_seed(0)
    layer = SpecAugment(frequency_masks=1, max_bands=4, time_masks=0)
    bands, _ = masked_lines(layer(torch.ones(4000, 16, 10)))
    widths = torch.bincount(bands.sum(1), minlength=5).float() / 4000
    assert torch.allclose(widths, torch.full((5,), 0.2), atol=0.03)
    assert bool(bands.any(0).all())


def test_each_spectrogram_gets_its_own_masks() -> None:
    torch.manual_seed(0)
    masked = SpecAugment()(torch.ones(8, 128, 130))
    assert len({tuple(row.flatten().tolist()) for row in masked}) == 8
