import torch

from music_emotion.models.cnn2d import SpecAugment


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
