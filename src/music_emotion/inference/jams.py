"""JAMS, the field's JSON for annotations of music, written without the ``jams`` package.

Humphrey, Salamon, Nieto, Forsyth, Bittner and Bello, *JAMS: a JSON annotated music specification
for reproducible MIR research*, ISMIR 2014. Three annotations in the namespace ``tag_open``, whose
values are emotions: probabilities of the whole track, intensities of the whole track, and the
probabilities over time. Which is which is in each annotation's sandbox.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from music_emotion.emotions import EMOTIONS
from music_emotion.inference.output import writable

if TYPE_CHECKING:
    from music_emotion.inference.prediction import Array, TrackPrediction

JAMS_VERSION = "0.3.4"
NAMESPACE = "tag_open"


def jams_document(prediction: TrackPrediction) -> dict[str, Any]:
    """Return the JAMS document of a prediction: plain dicts, lists, texts and numbers."""
    duration = round(prediction.duration, 3)
    timeline = prediction.timeline
    whole = (0.0, duration)
    spans = [
        (max(0.0, middle - timeline.window / 2), min(duration, middle + timeline.window / 2))
        for middle in timeline.time.tolist()
    ]
    return {
        "annotations": [
            _annotation(prediction, "emotions", [(whole, prediction.emotions)]),
            _annotation(prediction, "intensities", [(whole, prediction.intensities)]),
            _annotation(prediction, "timeline", zip(spans, timeline.emotions, strict=True)),
        ],
        "file_metadata": {
            "title": "",
            "artist": "",
            "release": "",
            "duration": duration,
            "identifiers": {},
            "jams_version": JAMS_VERSION,
        },
        "sandbox": {
            "path": writable(prediction.path),
            "confidence": round(prediction.confidence, 6),
            "warnings": list(prediction.warnings),
        },
    }


def _annotation(
    prediction: TrackPrediction,
    quantity: str,
    spans: Iterable[tuple[tuple[float, float], Array]],
) -> dict[str, Any]:
    return {
        "namespace": NAMESPACE,
        "time": 0.0,
        "duration": round(prediction.duration, 3),
        "data": [
            {
                "time": round(start, 3),
                "duration": round(end - start, 3),
                "value": name,
                "confidence": round(float(value), 6),
            }
            for (start, end), values in spans
            for name, value in zip(EMOTIONS, values, strict=True)
        ],
        "annotation_metadata": {
            "curator": {"name": "", "email": ""},
            "annotator": {},
            "version": prediction.version,
            "corpus": "",
            "annotation_tools": f"music-emotion, model {prediction.model}",
            "annotation_rules": "",
            "validation": "",
            "data_source": "program",
        },
        "sandbox": {"quantity": quantity},
    }
