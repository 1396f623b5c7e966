"""What librosa says of one segment, laid out as our features are."""

from __future__ import annotations

import warnings

import librosa
import numpy as np

RATE = 22_050


def advanced(y: np.ndarray) -> np.ndarray:
    """45 descriptors, (130, 45), each by librosa's defaults."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # silence has no tuning
        magnitude = np.abs(librosa.stft(y))
        harmonic, percussive = librosa.decompose.hpss(magnitude)
        chroma = librosa.feature.chroma_stft(y=y, sr=RATE)
        rows = [
            librosa.feature.mfcc(y=y, sr=RATE, n_mfcc=13),
            librosa.feature.spectral_centroid(y=y, sr=RATE),
            chroma,
            librosa.feature.zero_crossing_rate(y),
            librosa.feature.tonnetz(chroma=chroma),
            librosa.feature.spectral_contrast(y=y, sr=RATE),
            librosa.power_to_db(np.sum(harmonic**2, axis=0, keepdims=True)),
            librosa.power_to_db(np.sum(percussive**2, axis=0, keepdims=True)),
            librosa.feature.spectral_rolloff(y=y, sr=RATE),
            librosa.feature.spectral_bandwidth(y=y, sr=RATE),
            librosa.feature.rms(y=y),
        ]
    return np.concatenate(rows).T


def log_mel(y: np.ndarray) -> np.ndarray:
    """Decibels of 128 bands relative to the segment's maximum, (128, 130)."""
    power = librosa.feature.melspectrogram(
        y=y, sr=RATE, n_fft=2048, hop_length=512, n_mels=128, fmax=8000
    )
    return librosa.power_to_db(power, ref=np.max, top_db=80)
