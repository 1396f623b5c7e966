"""What a pretrained music tagger hears: MSD_musicnn, run in onnxruntime.

The network (Pons and Serra, *musicnn: Pre-trained convolutional neural networks for music audio
tagging*, 2019; ISC licence) was trained on the Million Song Dataset for 50 tags. Its weights lie
beside this file, converted from the published wheel by ``tools/convert_musicnn.py``; licence and
attribution are in ``weights/msd_musicnn.LICENSE.md``.

Segments are waveforms of 3 s at 16 kHz, shape (n, 48000), float32, full scale ±1, brought to one
level first, so that a quieter copy of a recording gives the same numbers. Each is one patch of 187
frames and 96 bands, and depends on no other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from music_emotion.features.filterbanks import mel
from music_emotion.features.segments import SEGMENT_SECONDS, segment_length
from music_emotion.features.spectrum import stacked, stft

if TYPE_CHECKING:
    import onnxruntime

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

LOG_GAIN = 10_000.0  # log10(LOG_GAIN * power + 1)
PEAK = 0.9  # largest absolute sample every segment is brought to
QUIETEST_PEAK = 1e-3  # below this (-60 dBFS) a segment counts as silence and is raised no further

SEGMENTS_AT_ONCE = 20  # whose spectra are held: 4 MB
BATCH = 2  # patches per run: more costs memory and gains no speed

WEIGHTS = Path(__file__).with_name("weights") / "msd_musicnn.onnx"

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
    return pooled_maps(log_mel(normalise_level(segments)), threads=threads)


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
    (probability,) = _run(("tags",), log_mel(normalise_level(segments)), threads)
    return probability


OUTPUT_SIZES = {"pooled": POOLED_SIZE, "tags": len(TAGS)}


def _run(outputs: tuple[str, ...], patches: Array, threads: int = 1) -> list[Array]:
    """Return outputs of the network, each (n, size)."""
    session = _session(threads)
    batches = [
        session.run(outputs, {"log_mel": patches[start : start + BATCH]})
        for start in range(0, len(patches), BATCH)
    ]
    return [
        stacked([batch[at] for batch in batches], (OUTPUT_SIZES[output],))
        for at, output in enumerate(outputs)
    ]


@dataclass(frozen=True)
class LevelledSegments:
    """A few segments, brought to one level, and their `power_spectra`.

    What the network hears in them is computed where it is asked for, and once.
    """

    waveform: Array
    power: Array

    def __len__(self) -> int:
        return len(self.waveform)

    @cached_property
    def _heard(self) -> list[Array]:
        return _run(("pooled", "tags"), log_power(self.power))

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
    """Yield a minute of segments (n, 48000) at a time, with what the features share.

    Examples
    --------
    >>> [few.waveform.shape for few in levelled_segments(np.zeros((21, 48_000), np.float32))]
    [(20, 48000), (1, 48000)]
    """
    for start in range(0, len(segments), SEGMENTS_AT_ONCE):
        levelled = normalise_level(segments[start : start + SEGMENTS_AT_ONCE])
        yield LevelledSegments(levelled, power_spectra(levelled))


def normalise_level(segments: Array) -> Array:
    """Bring each segment to a peak of `PEAK`; silence is raised by 59 dB at most.

    The peak, not the power: music that is mastered loud stays louder than music that is not.

    Examples
    --------
    >>> normalise_level(np.array([[0.0, 0.45], [0.0, 0.0]], np.float32)).round(3).tolist()
    [[0.0, 0.8999999761581421], [0.0, 0.0]]
    """
    segments = np.asarray(segments, dtype=np.float32)
    peak = np.maximum(segments.max(axis=1, initial=0.0), -segments.min(axis=1, initial=0.0))
    gain = np.float32(PEAK) / np.maximum(peak, np.float32(QUIETEST_PEAK))
    levelled: Array = segments * gain[:, None]
    return levelled


def log_mel(segments: Array) -> Array:
    """Return the network's input, ``log10(10000 mel + 1)``, (n, 187, 96).

    Of segments as `power_spectra` takes them. The mel spectrogram is equal to
    ``librosa.feature.melspectrogram`` of the same settings.

    Examples
    --------
    >>> log_mel(np.zeros((1, 48_000), np.float32)).shape
    (1, 187, 96)
    """
    return log_power(power_spectra(segments))


def log_power(power: Array) -> Array:
    """Return ``log10(10000 mel + 1)``, shape (n, 187, 96), of power spectra (n, 187, 257).

    Examples
    --------
    >>> log_power(np.zeros((1, 187, 257), np.float32)).any()
    np.False_
    """
    bands = mel_power(power)
    bands *= np.float32(LOG_GAIN)
    bands += np.float32(1.0)
    return np.log10(bands, out=bands)


def power_spectra(segments: Array) -> Array:
    """Return the power of centred, zero-padded frames under a Hann window, (n, 187, 257).

    Bins of 31.25 Hz from 0 to 8 kHz; a frame every 16 ms.

    Raises
    ------
    ValueError
        If the segments are not (n, 48000).

    Examples
    --------
    >>> power_spectra(np.zeros((1, 48_000), np.float32)).shape
    (1, 187, 257)
    """
    segments = np.asarray(segments, dtype=np.float32)
    if segments.ndim != 2 or segments.shape[1] != SEGMENT_LENGTH:
        raise ValueError(
            f"segments must have shape (n, {SEGMENT_LENGTH}), {SEGMENT_SECONDS:g} s at 16 kHz; "
            f"got {segments.shape}"
        )
    spectrum = stft(segments, n_fft=N_FFT, hop_length=HOP_LENGTH, single=True)[:, :PATCH_FRAMES]
    power: Array = np.square(spectrum.real)
    power += np.square(spectrum.imag)
    return power


def mel_power(power: Array) -> Array:
    """Return power spectra (n, 187, 257) in 96 Slaney bands of unit area, 0–8 kHz, (n, 187, 96).

    Examples
    --------
    >>> mel_power(np.zeros((1, 187, 257), np.float32)).shape
    (1, 187, 96)
    """
    bands: Array = power @ mel(sr=SAMPLE_RATE, n_fft=N_FFT, n_mels=N_MELS)
    return bands


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


@lru_cache(maxsize=4)
def _session(threads: int) -> onnxruntime.InferenceSession:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(
        str(WEIGHTS), sess_options=options, providers=["CPUExecutionProvider"]
    )
