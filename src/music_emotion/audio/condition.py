"""Make whatever a file holds usable: mix to mono, repair samples, and say what was wrong."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from music_emotion.audio.scale import DC_LIMIT, FULL_SCALE, Scale

DC_SECONDS = 0.5  # of sound that tell an offset from half a wave of a bass
CLIPPED = 0.999  # of full scale; from there on samples are clipped
NEARLY_CLIPPED = 0.99  # waves that are whole, a pure tone even, have more from there to CLIPPED
CLIPPED_SHARE = 0.02  # of the samples; beyond it a recording sounds distorted
CANCELLED_RATIO = 1e-3  # power of the mix / power of the channels, -30 dB


class Conditioner:
    """Turns blocks of channels, at a rate in Hz, into clean mono and remembers what it met.

    ``scale`` is that of the whole sound.
    """

    def __init__(self, sample_rate: int, scale: Scale = FULL_SCALE) -> None:
        self._scale = scale
        self._enough = DC_SECONDS * sample_rate
        self._samples = self._repaired = self._wild = self._clipped = self._nearly = 0
        self._last_offset = self._largest_offset = 0.0
        self._mix_power = self._channel_power = 0.0

    def mono(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        """Mix a block of shape (frames, channels) to mono, shape (frames,)."""
        block = self._repair(block)
        self._samples += block.size
        if _peak(block) >= NEARLY_CLIPPED:
            size = np.abs(block)
            self._clipped += int(np.count_nonzero(size >= CLIPPED))
            self._nearly += int(np.count_nonzero((size >= NEARLY_CLIPPED) & (size < CLIPPED)))
        mix = _mean_of_channels(block)
        if block.shape[1] > 1:
            self._mix_power += float(np.dot(mix, mix)) / len(mix)
            samples = block.ravel()
            self._channel_power += float(np.dot(samples, samples)) / len(samples)
        if len(mix) >= self._enough:
            self._last_offset = float(mix.mean())
        # The end of a file may be too short to tell: it has the offset of what came before.
        if abs(self._last_offset) > DC_LIMIT:
            self._largest_offset = max(self._largest_offset, abs(self._last_offset))
            mix = mix - np.float32(self._last_offset)
        return np.ascontiguousarray(mix, dtype=np.float32)

    def _repair(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        """Bring samples to full scale; silence what is no number or beyond all sense."""
        silence = np.float32(self._scale.offset)
        if not _peak(block) <= self._scale.limit:  # NaN is not
            finite = np.isfinite(block)
            self._repaired += int(block.size - np.count_nonzero(finite))
            block = np.where(finite, block, silence)
            wild = np.abs(block) > self._scale.limit
            self._wild += int(np.count_nonzero(wild))
            block = np.where(wild, silence, block)
        if self._scale == FULL_SCALE:
            return block
        return (block - silence) / np.float32(self._scale.divisor)

    def warnings(self) -> tuple[str, ...]:
        """Say in one line each what was met."""
        found = []
        if self._repaired:
            one = self._repaired == 1
            what = (
                "1 sample was no finite number"
                if one
                else (f"{self._repaired:,} samples were not finite numbers")
            )
            found.append(f"{what}; taken as silence")
        if self._wild:
            what = "1 sample was" if self._wild == 1 else f"{self._wild:,} samples were"
            found.append(f"{what} far beyond full scale; taken as silence")
        if self._largest_offset:
            found.append(f"a constant offset of {self._largest_offset:.2f} was removed")
        share = self._clipped / max(1, self._samples)
        if share > CLIPPED_SHARE and self._clipped > self._nearly:
            found.append(f"{share:.0%} of the samples are clipped; the recording is distorted")
        if self._mix_power < CANCELLED_RATIO * self._channel_power:
            found.append("the channels cancel each other in mono; little of the music was heard")
        return tuple(found)


def _peak(block: NDArray[np.float32]) -> float:
    """Return the largest size of a sample, NaN where one is NaN; 0 of no samples."""
    return float(np.maximum(block.max(initial=0.0), -block.min(initial=0.0)))


def _mean_of_channels(block: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the mean over axis 1, shape (frames,); numpy's own takes ten times as long."""
    channels = block.shape[1]
    if channels == 1:
        return block[:, 0]
    total = block[:, 0] + block[:, 1]
    for channel in range(2, channels):
        total += block[:, channel]
    total /= np.float32(channels)
    return total
