"""Make whatever a file holds usable: mix to mono, repair samples, and say what was wrong."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FULL_SCALE = 1.0
CREDIBLE_PEAK = 8.0  # 18 dB over full scale; float files beyond it hold integers
INTEGER_SCALES = (2.0**15, 2.0**23, 2.0**31)
DC_LIMIT = 0.2  # of full scale; a block whose mean is beyond it is centred (music stays within .17)
CLIPPED_SHARE = 0.02  # of the samples; beyond it a recording sounds distorted
SILENCE_PEAK = 1e-4  # -80 dB
CANCELLED_RATIO = 1e-3  # power of the mix / power of the channels, -30 dB


class Conditioner:
    """Turns blocks of channels into clean mono blocks and remembers what it met."""

    def __init__(self) -> None:
        self._samples = 0
        self._repaired = 0
        self._clipped = 0
        self._scale = FULL_SCALE
        self._peak = 0.0
        self._offset = 0.0
        self._mix_power = 0.0
        self._channel_power = 0.0

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
        offset = float(mix.mean()) if len(mix) else 0.0
        if abs(offset) > DC_LIMIT:
            self._offset = max(self._offset, abs(offset))
            mix = mix - np.float32(offset)
        self._peak = max(self._peak, float(np.ptp(mix)) / 2 if len(mix) else 0.0)
        return np.ascontiguousarray(mix, dtype=np.float32)

    def _repair(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        """Replace what is not a number by silence; bring integers in a float file to scale."""
        finite = np.isfinite(block)
        if not finite.all():
            self._repaired += int(block.size - np.count_nonzero(finite))
            block = np.where(finite, block, np.float32(0.0))
        peak = float(np.abs(block).max(initial=0.0))
        if peak > CREDIBLE_PEAK and self._scale == FULL_SCALE:
            self._scale = next((scale for scale in INTEGER_SCALES if scale >= peak), peak)
        if self._scale != FULL_SCALE:
            block = block / np.float32(self._scale)
        if peak / self._scale > CREDIBLE_PEAK:
            block = np.clip(block, -CREDIBLE_PEAK, CREDIBLE_PEAK)
        return block

    @property
    def silent(self) -> bool:
        """Whether nothing above -80 dB was met."""
        return self._peak < SILENCE_PEAK

    def warnings(self) -> tuple[str, ...]:
        """Say in one line each what was met."""
        found = []
        if self._repaired:
            found.append(f"{self._repaired:,} samples were not finite numbers; taken as silence")
        if self._scale != FULL_SCALE:
            found.append(f"samples far beyond full scale; divided by {self._scale:,.0f}")
        if self._offset:
            found.append(f"a constant offset of {self._offset:.2f} was removed")
        if self._samples and self._clipped / self._samples > CLIPPED_SHARE:
            share = self._clipped / self._samples
            found.append(f"{share:.0%} of the samples are clipped; the recording is distorted")
        if self._mix_power < CANCELLED_RATIO * self._channel_power:
            found.append("the channels cancel each other in mono; little of the music was heard")
        if self.silent:
            found.append("silent: there is nothing to hear")
        return tuple(found)
