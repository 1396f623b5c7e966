"""How much sound may be read of a file: small files may hold hours of silence in many channels."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from music_emotion.audio.decoders import AudioFile
from music_emotion.errors import AudioError

GUESS = 2.0  # a length that is only a guess may be as many times the true one


class TooMuchError(AudioError):
    """A file that claims or holds more sound than is to be read.

    Attributes
    ----------
    seconds, samples
        How much there is at least: of time, and in all channels together.
    """

    def __init__(self, name: str, seconds: float, samples: int) -> None:
        much = f"{seconds:,.0f} s, {samples:,} samples in all channels"
        super().__init__(f"{name} holds more sound than is to be read ({much}); cut it")
        self.seconds, self.samples = seconds, samples


@dataclass(frozen=True, slots=True)
class ReadingLimit:
    """How much sound is read of a file at most.

    Attributes
    ----------
    seconds, samples
        Of time, and in all channels together.
    """

    seconds: float = math.inf
    samples: float = math.inf

    def check(self, audio: AudioFile, name: str, frames: int = 0) -> None:
        """Judge a file by what it claims, and what was read of it: ``frames`` samples per channel.

        Raises
        ------
        TooMuchError
            It is more than that.
        """
        claimed = (audio.frames or 0) / (GUESS if audio.estimated else 1)
        most = max(frames, math.ceil(claimed))
        seconds = most / audio.sample_rate
        samples = max(audio.decoded, most * audio.channels)
        if seconds > self.seconds or samples > self.samples:
            raise TooMuchError(name, seconds, samples)

    def watched(
        self, audio: AudioFile, name: str, most: int | None = None
    ) -> Iterator[NDArray[np.float32]]:
        """Yield the blocks of a file, ``most`` frames in all at most, as long as it keeps within.

        Raises
        ------
        TooMuchError
            It does not.
        """
        frames = 0
        for block in audio.blocks(most):
            frames += len(block)
            self.check(audio, name, frames)
            yield block


NO_LIMIT = ReadingLimit()
