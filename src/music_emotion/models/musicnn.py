"""MSD_musicnn as a PyTorch module, for training on top of it.

Architecture: Pons and Serra, *musicnn: Pre-trained convolutional neural networks for music audio
tagging*, 2019. Prediction runs the same weights in onnxruntime (`features.embedding`).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from music_emotion.features.musicnn import MEL_BANDS, POOLED_SIZE, WEIGHTS

STATE = WEIGHTS.with_suffix(".safetensors")

BATCH_NORM_EPSILON = 1e-3
DROPOUT = 0.5

TIMBRAL_FILTERS = 204
TIMBRAL_FRAMES = 7
TIMBRAL_BANDS = (38, 67)
TEMPORAL_FILTERS = 51
TEMPORAL_FRAMES = (128, 64, 32)
FRONT_CHANNELS = 2 * TIMBRAL_FILTERS + 3 * TEMPORAL_FILTERS
MID_CHANNELS = 64
MID_FRAMES = 7
DENSE_UNITS = 200
TAGS = 50


class FrontEnd(nn.Module):
    """Five parallel views of a spectrogram, each reduced to its maximum over frequency."""

    def __init__(self) -> None:
        super().__init__()
        self.shapes = [(f"timbral_{bands}", TIMBRAL_FRAMES, bands) for bands in TIMBRAL_BANDS]
        self.shapes += [(f"temporal_{frames}", frames, 1) for frames in TEMPORAL_FRAMES]
        for name, frames, bands in self.shapes:
            filters = TIMBRAL_FILTERS if bands > 1 else TEMPORAL_FILTERS
            self.add_module(name, nn.Conv2d(1, filters, (frames, bands)))
            self.add_module(f"{name}_norm", nn.BatchNorm2d(filters, eps=BATCH_NORM_EPSILON))

    def forward(self, image: Tensor) -> Tensor:
        """Map (n, 1, time, mel) to (n, 561, time)."""
        maps = []
        for name, frames, _ in self.shapes:
            padded = nn.functional.pad(image, (0, 0, (frames - 1) // 2, frames // 2))
            convolved = self.get_submodule(f"{name}_norm")(
                torch.relu(self.get_submodule(name)(padded))
            )
            maps.append(convolved.amax(dim=3))
        return torch.cat(maps, dim=1)


class MidEnd(nn.Module):
    """Three convolutions over time, the last two with a residual connection."""

    def __init__(self) -> None:
        super().__init__()
        for name, channels in (
            ("first", FRONT_CHANNELS),
            ("second", MID_CHANNELS),
            ("third", MID_CHANNELS),
        ):
            self.add_module(name, nn.Conv1d(channels, MID_CHANNELS, MID_FRAMES, padding="same"))
            self.add_module(f"{name}_norm", nn.BatchNorm1d(MID_CHANNELS, eps=BATCH_NORM_EPSILON))

    def forward(self, front: Tensor) -> list[Tensor]:
        """Map (n, 561, time) to three maps of shape (n, 64, time)."""
        first = self._layer("first", front)
        second = self._layer("second", first) + first
        third = self._layer("third", second) + second
        return [first, second, third]

    def _layer(self, name: str, maps: Tensor) -> Tensor:
        active = torch.relu(self.get_submodule(name)(maps))
        normalised: Tensor = self.get_submodule(f"{name}_norm")(active)
        return normalised


class MusicNN(nn.Module):
    """The whole network; `forward` gives the 50 tag probabilities."""

    def __init__(self) -> None:
        super().__init__()
        self.input_norm = nn.BatchNorm2d(1, eps=BATCH_NORM_EPSILON)
        self.front = FrontEnd()
        self.mid = MidEnd()
        self.pool_norm = nn.BatchNorm1d(POOLED_SIZE, eps=BATCH_NORM_EPSILON)
        self.dense = nn.Linear(POOLED_SIZE, DENSE_UNITS)
        self.dense_norm = nn.BatchNorm1d(DENSE_UNITS, eps=BATCH_NORM_EPSILON)
        self.tags = nn.Linear(DENSE_UNITS, TAGS)
        self.dropout = nn.Dropout(DROPOUT)

    def pooled(self, log_mel: Tensor) -> Tensor:
        """Map log-mel patches (n, time, 96) to (n, 1506): per channel maximum and mean."""
        if log_mel.shape[-1] != MEL_BANDS:
            raise ValueError(f"log-mel patches have {MEL_BANDS} bands, got {tuple(log_mel.shape)}")
        front = self.front(self.input_norm(log_mel.unsqueeze(1)))
        maps = torch.cat([front, *self.mid(front)], dim=1)
        return torch.stack([maps.amax(dim=2), maps.mean(dim=2)], dim=2).flatten(1)

    def penultimate(self, log_mel: Tensor) -> Tensor:
        """Map log-mel patches (n, time, 96) to the 200 units below the tags."""
        pooled = self.dropout(self.pool_norm(self.pooled(log_mel)))
        dense: Tensor = self.dense_norm(torch.relu(self.dense(pooled)))
        return dense

    def forward(self, log_mel: Tensor) -> Tensor:
        """Map log-mel patches (n, time, 96) to tag probabilities (n, 50)."""
        return torch.sigmoid(self.tags(self.dropout(self.penultimate(log_mel))))


def pretrained(path: Path = STATE) -> MusicNN:
    """Return MSD_musicnn with its published weights, in evaluation mode."""
    from safetensors.torch import load_file

    network = MusicNN()
    state: Mapping[str, Tensor] = load_file(path)
    missing, unexpected = network.load_state_dict(state, strict=False)
    counters = [name for name in missing if not name.endswith("num_batches_tracked")]
    if counters or unexpected:
        raise ValueError(f"{path.name} does not fit the network: {counters + unexpected}")
    return network.eval()
