"""Why: which seconds and which frequencies made the emotion, by leaving them out.

Occlusion (Zeiler and Fergus, *Visualizing and understanding convolutional networks*, ECCV 2014):
what the probability of an emotion loses without a segment, without a band of the spectrum, and
without that band in that segment. The probability is the track's, the mean over the spans around
its segments; each span that holds the segment is asked again. Most bands are octaves; the lowest
and the highest are what is left. It holds for any model, and asks it only what it can answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from music_emotion.audio import AudioSource, Sound, decode
from music_emotion.emotions import EMOTIONS
from music_emotion.errors import ModelError, choose_from, printable
from music_emotion.features.segments import SEGMENT_SECONDS
from music_emotion.inference import segmenter
from music_emotion.inference.model import EmotionModel, SegmentLevel, as_sound, is_file, joined
from music_emotion.inference.prediction import (
    DIGITS,
    TrackPrediction,
    new_seconds,
    point_spans,
    rounded_values,
    weighted_mean,
)

LONGEST_SECONDS = 300.0  # of a track that are explained; the rest is left aside
BAND_EDGES = (0.0, 100.0, 200.0, 400.0, 800.0, 1_600.0, 3_200.0, 6_400.0, 11_025.0)  # Hz


Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Explanation:
    """What made one emotion.

    All influences are how much the emotion's probability falls when a part is left out: above 0
    the part speaks for the emotion, below 0 against it. They do not add up, neither to the
    probability nor a row of ``map`` to ``frequencies``: a band that is missing in one segment only
    is a change that is heard itself, and what one part says others may say as well.

    Attributes
    ----------
    emotion: its name
    probability: of the whole, in the part of the track that was explained
    time: beginning of each 3-s segment in seconds, shape (n,)
    seconds: influence of each segment, shape (n,)
    bands: (lowest, highest) frequency of each band in Hz
    frequencies: influence of each band throughout the track, shape (bands,)
    map: influence of each band in each segment, shape (bands, n)
    """

    emotion: str
    probability: float
    time: NDArray[np.float64]
    seconds: Array
    bands: tuple[tuple[float, float], ...]
    frequencies: Array
    map: Array

    def to_dict(self) -> dict[str, Any]:
        """Return plain numbers, texts and lists."""
        return {
            "emotion": self.emotion,
            "probability": round(self.probability, DIGITS),
            "time": [round(float(time), 3) for time in self.time],
            "seconds": rounded_values(self.seconds),
            "bands": [list(band) for band in self.bands],
            "frequencies": rounded_values(self.frequencies),
            "map": [rounded_values(row) for row in self.map],
        }


def explain(
    model: EmotionModel,
    source: AudioSource | Sound | NDArray[Any],
    sample_rate: int | None = None,
    *,
    emotion: str | None = None,
) -> Explanation:
    """Say which seconds and which frequencies of a track made an emotion.

    Parameters
    ----------
    model
        The model whose answer is explained.
    source, sample_rate
        As in :meth:`EmotionModel.predict`; the first five minutes are explained.
    emotion
        Its name; by default the most probable one.

    Raises
    ------
    AudioError
        The sound cannot be read, or is shorter than half a second.
    ModelError
        There is no emotion of that name.

    Examples
    --------
    >>> from music_emotion import load_model
    >>> noise = np.random.default_rng(0).standard_normal(66_150)
    >>> explain(load_model("lstm_cnn"), noise, 22_050).map.shape
    (8, 1)
    """
    if emotion is not None and emotion not in EMOTIONS:
        hint = choose_from(emotion, EMOTIONS)
        raise ModelError(f"there is no emotion '{printable(emotion)}'; {hint}")
    segments, duration = _segments(model, source, sample_rate)
    count, bands = len(segments), tuple(pairwise(BAND_EDGES))
    # One version at a time: together they would be nine times the sound.
    versions = chain([segments], (_without_band(segments, *band) for band in bands))
    segment_level = joined([model.analyse(version) for version in versions])

    weight = np.where(segmenter.audible_segments(segments), new_seconds(count, duration), 0.0)
    audible = weight > 0
    # Where sections end is part of the answer that is explained, and stays.
    own = {key: values[:count] for key, values in segment_level.items()}
    spans = model.spans(model.sections(own, audible), audible)
    whole, (by_segment, by_band, by_both) = _left_out(
        model, segment_level, spans, weight, bands=len(bands)
    )
    chosen = int(whole.argmax()) if emotion is None else EMOTIONS.index(emotion)
    return Explanation(
        emotion=EMOTIONS[chosen],
        probability=float(whole[chosen]),
        time=point_spans(np.zeros(count, np.int64), SEGMENT_SECONDS, duration)[0],
        seconds=whole[chosen] - by_segment[:, chosen],
        bands=bands,
        frequencies=whole[chosen] - by_band[:, chosen],
        map=whole[chosen] - by_both[:, chosen].reshape(len(bands), count),
    )


def _left_out(
    model: EmotionModel,
    segment_level: SegmentLevel,
    spans: Sequence[NDArray[np.int64]],
    weight: NDArray[np.float64],
    *,
    bands: int,
) -> tuple[Array, list[Array]]:
    """Return the emotions of the whole, shape (9,), and what they are without parts of it.

    Parameters
    ----------
    segment_level
        Of the n segments, then of the same without the first band, without the second, ….
    spans
        The audible segments that the point of each is heard from.
    weight
        What each segment counts in the mean, shape (n,); 0 where it is silent.

    Returns
    -------
    whole
        The weighted mean of what is said of the span around each segment.
    without
        Without each segment (n, 9), each band (bands, 9), each band in each segment
        (bands · n, 9).
    """
    count = len(weight)
    holding = [[at for at, span in enumerate(spans) if number in span] for number in range(count)]
    everywhere = [span + count * band for band in range(bands + 1) for span in spans]
    without_segment = [
        spans[at][spans[at] != number] for number in range(count) for at in holding[number]
    ]
    without_both = [
        np.where(spans[at] == number, number + count * (band + 1), spans[at])
        for band in range(bands)
        for number in range(count)
        for at in holding[number]
    ]
    spans_asked = [*everywhere, *without_segment, *without_both]
    said = model.aggregate(segment_level, spans_asked).emotions
    whole, *by_band = said[: len(everywhere)].reshape(bands + 1, count, len(EMOTIONS))
    changed = iter(said[len(everywhere) :])

    def replaced(number: int) -> Array:
        emotions = whole.copy()
        for at in holding[number]:
            emotions[at] = next(changed)
        return emotions

    others = np.where(np.eye(count, dtype=bool), 0.0, weight)
    by_segment = [weighted_mean(replaced(number), others[number]) for number in range(count)]
    by_both = [
        weighted_mean(replaced(number), weight) for _ in range(bands) for number in range(count)
    ]
    without = [by_segment, [weighted_mean(emotions, weight) for emotions in by_band], by_both]
    return weighted_mean(whole, weight), [np.stack(each) for each in without]


def explain_prediction(
    model: EmotionModel,
    source: AudioSource,
    prediction: TrackPrediction,
    *,
    emotion: str | None = None,
) -> tuple[TrackPrediction, Explanation | None]:
    """Explain what a model predicted of a source; see :func:`explain`.

    By default this is about the most probable emotion of the whole track.

    Returns
    -------
    prediction
        With a further line where only a part of the track is explained.
    explanation
        ``None`` for silence: there is nothing to explain.

    Raises
    ------
    AudioError
        The sound cannot be read again.
    ModelError
        There is no emotion of that name.

    Examples
    --------
    >>> import io, soundfile
    >>> from music_emotion import load_model
    >>> model, stream = load_model("lstm_cnn"), io.BytesIO()
    >>> soundfile.write(stream, np.zeros(66_150), 22_050, format="WAV")
    >>> explain_prediction(model, stream, model.predict(stream))[1] is None
    True
    """
    if prediction.top is None:
        return prediction, None
    why = explain(model, source, emotion=emotion or prediction.top)
    if prediction.duration > LONGEST_SECONDS:
        note = f"the explanation is of the first {LONGEST_SECONDS / 60:g} minutes"
        prediction = replace(prediction, warnings=(*prediction.warnings, note))
    return prediction, why


def _segments(
    model: EmotionModel, source: AudioSource | Sound | NDArray[Any], sample_rate: int | None
) -> tuple[segmenter.Segments, float]:
    """Return the segments of the part that is explained, and its seconds."""
    if is_file(source):
        sound = decode(source, duration=LONGEST_SECONDS)
    else:
        sound = as_sound(source, sample_rate)
    samples = sound.samples[: round(LONGEST_SECONDS * sound.sample_rate)]
    blocks, _ = segmenter.fill_segment([samples], sound.sample_rate, "the sound")
    parts = segmenter.segment_blocks(blocks, sound.sample_rate, rates=model.sample_rates)
    segments = segmenter.Segments(joined([part.waveforms for part in parts]))
    return segments, len(samples) / sound.sample_rate


def _without_band(whole: segmenter.Segments, lowest: float, highest: float) -> segmenter.Segments:
    """Return the segments without the frequencies from ``lowest`` to ``highest`` Hz."""
    waveforms = whole.waveforms.items()
    return segmenter.Segments(
        {rate: _band_stop(waveform, rate, lowest, highest) for rate, waveform in waveforms}
    )


def _band_stop(waveform: Array, sample_rate: int, lowest: float, highest: float) -> Array:
    from scipy.fft import irfft, next_fast_len, rfft

    length = next_fast_len(waveform.shape[1], real=True)
    spectrum = rfft(waveform, length, axis=1)
    frequency = np.arange(spectrum.shape[1]) * (sample_rate / length)
    spectrum[:, (frequency >= lowest) & (frequency < highest)] = 0.0
    result: Array = irfft(spectrum, length, axis=1)[:, : waveform.shape[1]]
    return result.astype(np.float32, copy=False)
