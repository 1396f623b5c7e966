"""The log-mel spectrogram as a layer, so that an exported network takes the waveform itself."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from music_emotion.features.decibels import DYNAMIC_RANGE, SMALLEST_POWER
from music_emotion.features.filterbanks import mel_weights
from music_emotion.features.melspectrogram import HIGHEST_FREQUENCY
from music_emotion.features.spectrum import HOP_LENGTH, N_FFT


class LogMel(nn.Module):
    """Equal to :func:`music_emotion.features.melspectrogram.log_mel`, in operations ONNX has."""

    window: Tensor
    weights: Tensor

    def __init__(self) -> None:
        super().__init__()
        # float64: the transforms of torch and onnxruntime lose the quietest bands in float32.
        self.register_buffer("window", torch.hann_window(N_FFT, periodic=True, dtype=torch.float64))
        weights = torch.from_numpy(mel_weights(HIGHEST_FREQUENCY))
        bins = int(weights.any(dim=1).nonzero().max()) + 1
        self.register_buffer("weights", weights[:bins].T.contiguous())

    def forward(self, segments: Tensor) -> Tensor:
        """Map waveforms at 22,050 Hz, (n, 66150), to decibels, (n, 128, 130)."""
        padded = nn.functional.pad(segments.double(), (N_FFT // 2, N_FFT // 2))
        # Real and imaginary parts on a last axis of 2: ONNX has no complex numbers.
        parts = torch.stft(
            padded, N_FFT, HOP_LENGTH, window=self.window, center=False, return_complex=False
        )
        power = parts[:, : self.weights.shape[1]].square().sum(dim=-1)
        bands = self.weights @ power.float()
        decibels = 10.0 * torch.log10(bands.clamp(min=SMALLEST_POWER))
        decibels = decibels - decibels.amax(dim=(1, 2), keepdim=True)
        return decibels.clamp(min=-DYNAMIC_RANGE)
