"""What a pretrained music tagger hears: MSD_musicnn, run in onnxruntime.

The network (Pons and Serra, *musicnn: Pre-trained convolutional neural networks for music audio
tagging*, 2019; ISC licence) was trained on the Million Song Dataset for 50 tags. Its weights lie
beside this file, converted from the published wheel by ``tools/convert_musicnn.py``; licence and
attribution are in ``weights/msd_musicnn.LICENSE.md``.

Segments are waveforms of 3 s at 16 kHz, shape (n, 48000), float32, full scale ±1, brought to one
level first, so that a quieter copy of a recording gives the same numbers: to a peak of 0.9, not to
a power, so that music that is mastered loud stays louder than music that is not. Each is one patch
of 187 frames and 96 bands, and depends on no other. The spectra are shared with the descriptors of
`features.lowlevel`, and are a graph as well (`features.graphs`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from music_emotion.features.graphs import MUSICNN, SPECTRA, run_graph
from music_emotion.features.segments import SEGMENT_SECONDS, segment_length
from music_emotion.features.spectrum import stacked

SAMPLE_RATE = 16_000  # Hz
SEGMENT_LENGTH = segment_length(SAMPLE_RATE)
N_FFT = 512  # samples
HOP_LENGTH = 256  # samples
N_MELS = 96
PATCH_FRAMES = 187
TAGS = (
    "rock", "pop", "alternative", "indie", "electronic", "female vocalists", "dance", "00s",
    "alternative rock", "jazz", "beautiful", "metal", "chillout", "male vocalists", "classic rock",
    "soul", "indie rock", "mellow", "electronica", "80s", "folk", "90s", "chill", "instrumental",
    "punk", "oldies", "blues", "hard rock", "ambient", "acoustic", "experimental",
    "female vocalist", "guitar", "hip-hop", "70s", "party", "country", "easy listening", "sexy",
    "catchy", "funk", "electro", "heavy metal", "progressive rock", "60s", "rnb", "indie pop",
    "sad", "house", "happy",
)  # fmt: skip
"""What the network was trained to tell, in the order of its output."""

LEAST_PROBABILITY = 1e-6  # of a tag, whose logarithm is taken
POOLED_SIZE = 1_506  # 753 channels, for each its maximum and its mean over time

SEGMENTS_AT_ONCE = 10  # whose spectra are held, 5 MB: fewer take longer, one by one twice as long
BATCH = 2  # patches per run of the network: more costs memory and gains no speed

SPECTRA_OUTPUTS = ("levelled", "power", "mel", "log_mel")

Array = NDArray[np.float32]


def musicnn(segments: Array, *, threads: int = 1) -> Array:
    """Return the pooled maps of MSD_musicnn, (n, 1506).

    For each of the 753 channels its maximum and its mean over the 3 s, alternating. One thread of
    onnxruntime gives the same bits on every machine load.

    Raises
    ------
    ValueError
        If the segments are not (n, 48000).

    Examples
    --------
    >>> musicnn(np.zeros((2, 48_000), np.float32)).shape
    (2, 1506)
    """
    return pooled_maps(log_mel(segments), threads=threads)


def pooled_maps(patches: Array, *, threads: int = 1) -> Array:
    """Return the pooled maps, shape (n, 1506), of log-mel patches (n, 187, 96).

    Examples
    --------
    >>> pooled_maps(np.zeros((1, 187, 96), np.float32)).shape
    (1, 1506)
    """
    (pooled,) = _run(("pooled",), patches, threads)
    return pooled


def tags(segments: Array, *, threads: int = 1) -> Array:
    """Return the probabilities of `TAGS`, shape (n, 50), for segments as in `musicnn`.

    Examples
    --------
    >>> tags(np.zeros((1, 48_000), np.float32)).shape
    (1, 50)
    """
    (probability,) = _run(("tags",), log_mel(segments), threads)
    return probability


def log_mel(segments: Array) -> Array:
    """Return the network's input, ``log10(10000 mel + 1)``, (n, 187, 96), for segments as there.

    The mel spectrogram is equal to ``librosa.feature.melspectrogram`` of the same settings.

    Examples
    --------
    >>> log_mel(np.zeros((1, 48_000), np.float32)).shape
    (1, 187, 96)
    """
    parts = [few.log_mel for few in levelled_segments(segments)]
    return stacked(parts, (PATCH_FRAMES, N_MELS))


OUTPUT_SIZES = {"pooled": POOLED_SIZE, "tags": len(TAGS)}


def _run(outputs: tuple[str, ...], patches: Array, threads: int = 1) -> list[Array]:
    """Return outputs of the network, each (n, size)."""
    batches = [
        run_graph(MUSICNN, outputs, {"log_mel": patches[start : start + BATCH]}, threads=threads)
        for start in range(0, len(patches), BATCH)
    ]
    return [
        stacked([batch[at] for batch in batches], (OUTPUT_SIZES[output],))
        for at, output in enumerate(outputs)
    ]


@dataclass(frozen=True)
class LevelledSegments:
    """A few segments, brought to one level, and their spectra.

    What the network hears in them is computed where it is asked for, and once.

    Attributes
    ----------
    waveform
        Shape (n, 48000), largest absolute sample 0.9; silence is raised by 59 dB at most.
    power
        Of centred, zero-padded frames under a Hann window, one every 16 ms, (n, 187, 257). Bins of
        31.25 Hz from 0 to 8 kHz, in the order of ``BINS`` in ``tools/build_ear.py``.
    mel
        The power in 96 Slaney bands of unit area, 0–8 kHz, (n, 187, 96).
    log_mel
        ``log10(10000 mel + 1)``.
    """

    waveform: Array
    power: Array
    mel: Array
    log_mel: Array

    def __len__(self) -> int:
        return len(self.waveform)

    @cached_property
    def _heard(self) -> list[Array]:
        return _run(("pooled", "tags"), self.log_mel)

    @property
    def pooled_maps(self) -> Array:
        """As `musicnn` gives them, shape (n, 1506)."""
        return self._heard[0]

    @property
    def tag_log_odds(self) -> Array:
        """``log(p / (1 - p))`` of the probability of each of `TAGS`, shape (n, 50)."""
        p = np.clip(self._heard[1], LEAST_PROBABILITY, 1.0 - LEAST_PROBABILITY)
        log_odds: Array = np.log(p / (1.0 - p))
        return log_odds


def levelled_segments(segments: Array) -> Iterator[LevelledSegments]:
    """Yield half a minute of segments (n, 48000) at a time, with what the features share.

    Raises
    ------
    ValueError
        If the segments are not (n, 48000).

    Examples
    --------
    >>> [few.waveform.shape for few in levelled_segments(np.zeros((11, 48_000), np.float32))]
    [(10, 48000), (1, 48000)]
    """
    segments = np.asarray(segments, dtype=np.float32)
    if segments.ndim != 2 or segments.shape[1] != SEGMENT_LENGTH:
        raise ValueError(
            f"segments must have shape (n, {SEGMENT_LENGTH}), {SEGMENT_SECONDS:g} s at 16 kHz; "
            f"got {segments.shape}"
        )
    for start in range(0, len(segments), SEGMENTS_AT_ONCE):
        few = segments[start : start + SEGMENTS_AT_ONCE]
        yield LevelledSegments(*run_graph(SPECTRA, SPECTRA_OUTPUTS, {"samples": few}))


def channel_groups() -> NDArray[np.int64]:
    """Return for each column of `musicnn` what it belongs to, shape (1506,).

    Six parts of the network (two timbral and the temporal branches, three mid-end layers), the
    maxima of each (even numbers) and the means (odd) apart.

    Examples
    --------
    >>> channel_groups()[:4].tolist()
    [0, 1, 0, 1]
    """
    sizes = (204, 204, 153, 64, 64, 64)
    part = np.repeat(np.arange(len(sizes)), sizes)
    return (2 * part[:, None] + np.arange(2)).ravel()
