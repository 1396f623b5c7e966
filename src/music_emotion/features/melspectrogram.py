"""Log-mel spectrograms: what the two-dimensional networks see.

128 Slaney mel bands from 0 to 8 kHz of the power spectrum, in decibels relative to the segment's
own maximum, floored at -80 dB. Equal to ``librosa.power_to_db(librosa.feature.melspectrogram(y=…,
sr=22050, n_fft=2048, hop_length=512, n_mels=128, fmax=8000), ref=np.max)`` within 1e-4 dB.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from music_emotion.features.decibels import power_to_db
from music_emotion.features.filterbanks import MEL_BANDS, mel_filters
from music_emotion.features.segments import checked_segments
from music_emotion.features.spectrum import FRAMES, Spectrum, spectra

HIGHEST_FREQUENCY = 8_000.0  # Hz


def log_mel(segments: NDArray[Any]) -> NDArray[np.float32]:
    """Return the log-mel spectrogram of each segment.

    Parameters
    ----------
    segments
        Waveforms at 22,050 Hz, shape (n, 66150), full scale ±1.

    Returns
    -------
    ndarray of shape (n, 128, 130), float32
        Bands × frames in dB, -80 to 0; a silent segment is 0 throughout.
    """
    segments = checked_segments(segments)
    result = np.empty((len(segments), MEL_BANDS, FRAMES), dtype=np.float32)
    for place, spectrum in spectra(segments):
        result[place] = spectrum_log_mel(spectrum)
    return result


def spectrum_log_mel(spectrum: Spectrum) -> NDArray[np.float32]:
    """Return the log-mel spectrograms of segments whose spectrum is known, (n, 128, 130)."""
    bands = mel_filters(HIGHEST_FREQUENCY).apply(spectrum.power)
    return power_to_db(bands, relative=True).swapaxes(1, 2)
