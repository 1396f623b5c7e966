"""What a pretrained music tagger hears: MSD_musicnn, run in onnxruntime.

The network (Pons and Serra, *musicnn: Pre-trained convolutional neural networks for music audio
tagging*, 2019; ISC licence) was trained on the Million Song Dataset for 50 tags. Its weights lie
beside this file, converted from the published wheel by ``tools/convert_musicnn.py``; licence and
attribution are in ``weights/msd_musicnn.LICENSE.md``.

Conventions: 16 kHz mono; one 3-s segment is one patch of 187 frames and 96 bands, and depends on
no other segment. Segments are brought to one level first, so that a quieter copy of a recording
gives the same numbers.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import onnxruntime

SAMPLE_RATE = 16_000  # Hz
SEGMENT_SECONDS = 3.0
SEGMENT_LENGTH = 48_000  # samples
N_FFT = 512  # samples
HOP_LENGTH = 256  # samples
MEL_BANDS = 96
PATCH_FRAMES = 187
POOLED_SIZE = 1_506  # 753 channels, for each its maximum and its mean over time

LOG_GAIN = 10_000.0  # log10(LOG_GAIN * power + 1)
PEAK = 0.9  # largest absolute sample every segment is brought to
QUIETEST_PEAK = 1e-3  # below this (-60 dBFS) a segment counts as silence and is raised no further

BATCH = 2  # patches per run: more costs memory and gains no speed

WEIGHTS = Path(__file__).with_name("weights") / "msd_musicnn.onnx"

Array = NDArray[np.float32]


def musicnn(segments: Array, *, threads: int = 1) -> Array:
    """Return the pooled maps of MSD_musicnn.

    Parameters
    ----------
    segments
        Waveforms at 16 kHz, shape (n, 48000), float32, full scale 1.
    threads
        Threads of onnxruntime; 1 gives the same bits on every machine load.

    Returns
    -------
    ndarray of shape (n, 1506), float32
        For each of the 753 channels its maximum and its mean over the 3 s, alternating.

    Raises
    ------
    ValueError
        If the segments are not (n, 48000).
    """
    return pooled_maps(log_mel(normalise_level(segments)), threads=threads)


def pooled_maps(patches: Array, *, threads: int = 1) -> Array:
    """Return the pooled maps, shape (n, 1506), of log-mel patches (n, 187, 96)."""
    session = _session(threads)
    pooled = np.empty((len(patches), POOLED_SIZE), dtype=np.float32)
    for start in range(0, len(patches), BATCH):
        batch = slice(start, start + BATCH)
        pooled[batch] = session.run(["pooled"], {"log_mel": patches[batch]})[0]
    return pooled


def tags(segments: Array, *, threads: int = 1) -> Array:
    """Return the probabilities of the 50 tags, shape (n, 50), for segments as in `musicnn`."""
    patches = log_mel(normalise_level(segments))
    session = _session(threads)
    runs = [
        session.run(["tags"], {"log_mel": patches[start : start + BATCH]})[0]
        for start in range(0, len(patches), BATCH)
    ]
    return np.concatenate(runs) if runs else np.empty((0, 50), dtype=np.float32)


def normalise_level(segments: Array) -> Array:
    """Bring each segment to a peak of `PEAK`; silence is raised by 59 dB at most.

    The peak, not the power: music that is mastered loud stays louder than music that is not.

    Parameters
    ----------
    segments
        Waveforms, shape (n, samples).
    """
    segments = np.asarray(segments, dtype=np.float32)
    peak = np.maximum(segments.max(axis=1, initial=0.0), -segments.min(axis=1, initial=0.0))
    gain = np.float32(PEAK) / np.maximum(peak, np.float32(QUIETEST_PEAK))
    levelled: Array = segments * gain[:, None]
    return levelled


def log_mel(segments: Array) -> Array:
    """Return the network's input, ``log10(10000 mel + 1)``.

    Power mel spectrogram of centred, zero-padded frames under a Hann window, 96 Slaney bands from
    0 to 8 kHz of unit area; equal to ``librosa.feature.melspectrogram`` of the same settings.

    Parameters
    ----------
    segments
        Waveforms at 16 kHz, shape (n, 48000).

    Returns
    -------
    ndarray of shape (n, 187, 96), float32

    Raises
    ------
    ValueError
        If the segments are not (n, 48000).
    """
    return log_power(power_spectra(segments))


def log_power(power: Array) -> Array:
    """Return ``log10(10000 mel + 1)``, shape (n, 187, 96), of power spectra (n, 187, 257)."""
    mel: Array = power @ mel_bank()
    mel *= np.float32(LOG_GAIN)
    mel += np.float32(1.0)
    return np.log10(mel, out=mel)


def power_spectra(segments: Array) -> Array:
    """Return the power of centred, zero-padded frames under a Hann window.

    Parameters
    ----------
    segments
        Waveforms at 16 kHz, shape (n, 48000).

    Returns
    -------
    ndarray of shape (n, 187, 257), float32
        Bins of 31.25 Hz from 0 to 8 kHz; a frame every 16 ms.

    Raises
    ------
    ValueError
        If the segments are not (n, 48000).
    """
    from scipy.fft import rfft

    segments = np.asarray(segments, dtype=np.float32)
    if segments.ndim != 2 or segments.shape[1] != SEGMENT_LENGTH:
        raise ValueError(
            f"segments must have shape (n, {SEGMENT_LENGTH}), 3 s at 16 kHz; got {segments.shape}"
        )
    window = _window()
    padded = np.pad(segments, ((0, 0), (N_FFT // 2, N_FFT // 2)))
    frames = np.lib.stride_tricks.sliding_window_view(padded, N_FFT, axis=1)[:, ::HOP_LENGTH]
    power = np.empty((len(segments), PATCH_FRAMES, N_FFT // 2 + 1), dtype=np.float32)
    for target, segment in zip(power, frames, strict=True):
        spectrum = rfft(segment[:PATCH_FRAMES] * window, axis=1)
        np.square(spectrum.real, out=target)
        target += np.square(spectrum.imag)
    return power


@lru_cache(maxsize=1)
def _window() -> Array:
    """Return the periodic Hann window."""
    phase = 2.0 * np.pi * np.arange(N_FFT) / N_FFT
    return (0.5 - 0.5 * np.cos(phase)).astype(np.float32)


@lru_cache(maxsize=1)
def mel_bank() -> Array:
    """Return triangular filters of unit area on Slaney's mel scale, shape (257, 96).

    Slaney, *Auditory Toolbox*, technical report 1998-010, Interval Research: linear below 1 kHz
    (200/3 Hz per mel), logarithmic above (27 mels per factor of 6.4).
    """
    nyquist_mel = 15.0 + np.log(SAMPLE_RATE / 2 / 1000.0) / (np.log(6.4) / 27.0)
    mels = np.linspace(0.0, nyquist_mel, MEL_BANDS + 2)
    logarithmic = 1000.0 * np.exp((np.log(6.4) / 27.0) * (mels - 15.0))
    edges = np.where(mels < 15.0, mels * 200.0 / 3.0, logarithmic)  # Hz
    bins = np.arange(N_FFT // 2 + 1) * SAMPLE_RATE / N_FFT
    ramps = edges[None, :] - bins[:, None]
    widths = np.diff(edges)
    rising = -ramps[:, :-2] / widths[:-1]
    falling = ramps[:, 2:] / widths[1:]
    bank = np.maximum(0.0, np.minimum(rising, falling)) * (2.0 / (edges[2:] - edges[:-2]))
    return bank.astype(np.float32)


def channel_groups() -> NDArray[np.int64]:
    """Return for each column of `musicnn` what it belongs to, shape (1506,).

    Six parts of the network (two timbral and the temporal branches, three mid-end layers), the
    maxima of each (even numbers) and the means (odd) apart.
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
