"""Make whatever a file holds usable: mix to mono, repair samples, and say what was wrong."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FULL_SCALE = 1.0
CREDIBLE_PEAK = 8.0  # 18 dB over full scale; samples beyond it are damaged, or integers
DAMAGED_SHARE = 1e-3  # of the samples; where more are beyond CREDIBLE_PEAK, they are integers
BLOCK_SAMPLES = 1 << 18  # heard before, with which a short last block is judged
INTEGER_SCALES = (2.0**15, 2.0**23, 2.0**31)
DC_LIMIT = 0.2  # of full scale; a block whose mean is beyond it is centred (music stays within .17)
DC_SECONDS = 0.5  # of sound that tell an offset from half a wave of a bass
CLIPPED_SHARE = 0.02  # of the samples; beyond it a recording sounds distorted
CANCELLED_RATIO = 1e-3  # power of the mix / power of the channels, -30 dB


class Conditioner:
    """Turns blocks of channels, at a rate in Hz, into clean mono and remembers what it met.

    With ``is_coded``, the sound comes from a lossy decoder, whose full scale is known: what is far
    beyond it is damaged, however much it is.
    """

    def __init__(self, sample_rate: int, *, is_coded: bool = False) -> None:
        self._is_coded = is_coded
        self._enough = DC_SECONDS * sample_rate
        self._samples = self._repaired = self._wild = self._clipped = 0
        self._scale = FULL_SCALE
        self._last_offset = self._largest_offset = 0.0
        self._mix_power = self._channel_power = 0.0

    def mono(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        """Mix a block of shape (frames, channels) to mono, shape (frames,)."""
        block = self._repair(block)
        self._samples += block.size
        self._clipped += int(np.count_nonzero(np.abs(block) >= 0.999 * FULL_SCALE))
        if block.shape[1] == 1:
            mix = block[:, 0]
        else:
            mix = block.mean(axis=1, dtype=np.float32)
            self._mix_power += float(np.mean(np.square(mix)))
            self._channel_power += float(np.mean(np.square(block)))
        if len(mix) >= self._enough:
            self._last_offset = float(mix.mean())
        # The end of a file may be too short to tell: it has the offset of what came before.
        if abs(self._last_offset) > DC_LIMIT:
            self._largest_offset = max(self._largest_offset, abs(self._last_offset))
            mix = mix - np.float32(self._last_offset)
        return np.ascontiguousarray(mix, dtype=np.float32)

    def _repair(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        """Silence what is no number or beyond all sense; where that is much, it is integers."""
        finite = np.isfinite(block)
        if not finite.all():
            self._repaired += int(block.size - np.count_nonzero(finite))
            block = np.where(finite, block, np.float32(0.0))
        if self._scale != FULL_SCALE:
            block = block / np.float32(self._scale)
        size = np.abs(block)
        peak = float(size.max(initial=0.0))
        if peak <= CREDIBLE_PEAK:
            return block
        wild = size > CREDIBLE_PEAK
        count = int(np.count_nonzero(wild))
        if self._is_coded or count <= DAMAGED_SHARE * (
            block.size + min(self._samples, BLOCK_SAMPLES)
        ):
            self._wild += count
            return np.where(wild, np.float32(0.0), block)
        if self._scale == FULL_SCALE:
            self._scale = next((scale for scale in INTEGER_SCALES if scale >= peak), peak)
            block = block / np.float32(self._scale)
        return np.clip(block, -CREDIBLE_PEAK, CREDIBLE_PEAK)

    def warnings(self) -> tuple[str, ...]:
        """Say in one line each what was met."""
        found = []
        if self._repaired:
            found.append(f"{self._repaired:,} samples were not finite numbers; taken as silence")
        if self._wild:
            what = "1 sample was" if self._wild == 1 else f"{self._wild:,} samples were"
            found.append(f"{what} far beyond full scale; taken as silence")
        if self._scale != FULL_SCALE:
            found.append(f"samples far beyond full scale; divided by {self._scale:,.0f}")
        if self._largest_offset:
            found.append(f"a constant offset of {self._largest_offset:.2f} was removed")
        if self._samples and self._clipped / self._samples > CLIPPED_SHARE:
            share = self._clipped / self._samples
            found.append(f"{share:.0%} of the samples are clipped; the recording is distorted")
        if self._mix_power < CANCELLED_RATIO * self._channel_power:
            found.append("the channels cancel each other in mono; little of the music was heard")
        return tuple(found)
