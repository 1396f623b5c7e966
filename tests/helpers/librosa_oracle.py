"""What librosa says of one segment, laid out as our features are."""

from __future__ import annotations

import warnings

import librosa
import numpy as np


def advanced(
    y: np.ndarray, sr: int = 22_050, n_fft: int = 2048, hop_length: int = 512, n_mels: int = 128
) -> np.ndarray:
    """45 descriptors, (frames, 45), each by librosa's defaults but for the sizes."""
    frames = {"n_fft": n_fft, "hop_length": hop_length}
    cut = {"frame_length": n_fft, "hop_length": hop_length}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # silence has no tuning
        magnitude = np.abs(librosa.stft(y, **frames))
        harmonic, percussive = librosa.decompose.hpss(magnitude)
        chroma = librosa.feature.chroma_stft(y=y, sr=sr, **frames)
        rows = [
            librosa.feature.mfcc(y=y, sr=sr, n_mfcc=13, n_mels=n_mels, **frames),
            librosa.feature.spectral_centroid(y=y, sr=sr, **frames),
            chroma,
            librosa.feature.zero_crossing_rate(y, **cut),
            librosa.feature.tonnetz(chroma=chroma),
            librosa.feature.spectral_contrast(y=y, sr=sr, **frames),
            librosa.power_to_db(np.sum(harmonic**2, axis=0, keepdims=True)),
            librosa.power_to_db(np.sum(percussive**2, axis=0, keepdims=True)),
            librosa.feature.spectral_rolloff(y=y, sr=sr, **frames),
            librosa.feature.spectral_bandwidth(y=y, sr=sr, **frames),
            librosa.feature.rms(y=y, **cut),
        ]
    return np.concatenate(rows).T


def log_mel(
    y: np.ndarray,
    sr: int = 22_050,
    n_fft: int = 2048,
    hop_length: int = 512,
    n_mels: int = 128,
    fmax: float = 8_000.0,
) -> np.ndarray:
    """Decibels of mel bands relative to the segment's maximum, (bands, frames)."""
    power = librosa.feature.melspectrogram(
        y=y, sr=sr, n_fft=n_fft, hop_length=hop_length, n_mels=n_mels, fmax=fmax
    )
    return librosa.power_to_db(power, ref=np.max, top_db=80)
