"""What the API takes and gives, as its OpenAPI document describes it."""

from __future__ import annotations

from typing import Annotated, Any, Self

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, create_model

from music_emotion.emotions import EMOTIONS, GEMS
from music_emotion.web.jobs import State
from music_emotion.web.middleware import WITHOUT_TOKEN
from music_emotion.web.responses import ProblemType
from music_emotion.web.settings import ServedModel, ServerSettings

SCHEME = "token"
Tenths = Annotated[float, AfterValidator(lambda seconds: round(seconds, 1))]
UNUSED = ("HTTPValidationError", "ValidationError")
"""FastAPI's own answers to wrong parameters; none of the addresses gives them."""

_NUMBERS: dict[str, Any] = {
    emotion.name: (float, Field(ge=0, le=1, description=emotion.meaning)) for emotion in GEMS
}
_KNOWN: dict[str, Any] = dict.fromkeys(EMOTIONS, (float | None, Field(ge=0, le=1)))
_SERIES: dict[str, Any] = dict.fromkeys(EMOTIONS, (list[float], ...))

NineNumbers: Any = create_model(
    "NineNumbers", __doc__="One number from 0 to 1 per emotion.", **_NUMBERS
)
NineKnown: Any = create_model(
    "NineKnown", __doc__="One number from 0 to 1 per emotion, null where it is not known.", **_KNOWN
)
NineSeries: Any = create_model(
    "NineSeries", __doc__="One number from 0 to 1 per emotion for each point in time.", **_SERIES
)
Signed = Annotated[float, Field(ge=-1, le=1)]


class Strict(BaseModel):
    """An object without other fields; may be made from one with attributes of these names."""

    model_config = ConfigDict(extra="forbid", from_attributes=True)


class Problem(Strict):
    """Why a request is not granted."""

    code: str = Field(description="For programs; does not change.")
    message: str = Field(description="A sentence for people.")


class TimelineOut(Strict):
    """The same over time: each point was heard from a span of the track, and spans overlap.

    Emotions, intensities, valence and arousal of the whole are the means of the points'.
    """

    time: list[float] = Field(description="Middle of each point's span, in seconds.")
    start: list[float] = Field(description="Where the span begins.")
    end: list[float] = Field(description="Where it ends.")
    weight: list[float] = Field(
        description="Audible seconds of the point's own segment, which it counts by in the whole."
    )
    section: list[int] = Field(
        description="Section of the track that the point is in, from 0; its span ends with it."
    )
    window: float = Field(description="Seconds of a span that no end of a section cuts.")
    emotions: NineSeries
    intensities: NineSeries
    valence: list[Signed]
    arousal: list[Signed]


class ExplanationOut(Strict):
    """How much the emotion's probability falls when a part is left out."""

    emotion: str
    probability: float
    time: list[float] = Field(description="Beginning of each segment, in seconds.")
    seconds: list[float] = Field(description="Influence of each segment.")
    bands: list[tuple[float, float]] = Field(description="Lowest and highest frequency, in Hz.")
    frequencies: list[float] = Field(description="Influence of each band.")
    map: list[list[float]] = Field(description="Influence of each band in each segment.")


class PredictionOut(Strict):
    """What ``music-emotion predict -f json`` writes of a file."""

    path: str = Field(description="The file as its sender called it, without folders.")
    duration: float = Field(description="Seconds of sound that were heard.")
    model: str
    version: str
    emotions: NineNumbers = Field(description="Probability to be the dominant one; sums to 1.")
    intensities: NineNumbers = Field(description="Expected share of listeners who feel it.")
    standing: NineKnown = Field(
        description="Share of the reference tracks in which fewer listeners feel it."
    )
    confidence: float = Field(description="Probability that the top emotion is right, 0-1.")
    valence: Signed = Field(description="From unpleasant, -1, to pleasant, 1.")
    arousal: Signed = Field(description="From calm, -1, to stirring, 1.")
    familiarity: float | None = Field(
        ge=0, le=1, description="How like the music behind the model it is; null if not known."
    )
    unfamiliar: bool = Field(
        description="Whether it is so far from that music that the answer means little."
    )
    heard_in_training: bool = Field(
        description="Whether the model learned from this very recording."
    )
    timeline: TimelineOut
    warnings: list[str]
    explanation: ExplanationOut | None = Field(default=None, description="Where asked for.")


class JobProgress(Strict):
    """How far an analysis is."""

    stage: str = Field(description="listening or explaining")
    heard: Tenths = Field(description="Seconds of sound heard.")
    total: Tenths | None = Field(description="Seconds in all, where the file says so.")


class JobOut(Strict):
    """Where a job is."""

    id: str
    state: State
    ahead: int = Field(description="Jobs that wait in front of it.")
    progress: JobProgress | None
    problem: Problem | None = Field(description="Why it failed.")


class ResultOut(Strict):
    """What came of a job."""

    prediction: PredictionOut
    peaks: list[float] = Field(description="The waveform's outline: equal parts' largest sample.")


class ModelOut(Strict):
    """A model that may be chosen."""

    name: str
    version: str
    summary: str
    use_when: str
    protocol: str = Field(description="How its figures were measured.")
    figures: dict[str, float]
    limits: list[str]
    licences: list[str]
    window_seconds: float
    size_bytes: int

    @classmethod
    def of(cls, model: ServedModel) -> Self:
        """Describe a served model: under the name it is served as, all else from its card."""
        own = {"name": model.name, "size_bytes": model.size_bytes}
        card = {name: getattr(model.card, name) for name in cls.model_fields if name not in own}
        return cls.model_validate({**own, **card})


class EmotionOut(Strict):
    """One of the nine emotions."""

    name: str
    label: str
    meaning: str
    colour: str


class LimitsOut(Strict):
    """What the server takes."""

    upload_bytes: int
    audio_seconds: float
    audio_samples: float = Field(description="In all channels together.")


class ModelsOut(Strict):
    """The models and the emotions they speak of."""

    default: str
    models: list[ModelOut]
    emotions: list[EmotionOut]
    limits: LimitsOut


class ExampleOut(Strict):
    """A synthesised piece to try the server with."""

    name: str
    label: str
    description: str
    seconds: float


class HealthOut(Strict):
    """The server runs."""

    status: str
    version: str


class ReadyOut(Strict):
    """The server takes files."""

    status: str
    workers: int = Field(description="Processes that can analyse.")
    inside: int = Field(description="Files in the server.")


FIELDS = ("model", "explain", "emotion")
"""Fields an upload's form may have beside its file."""

FORM: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "additionalProperties": False,
                    "properties": {
                        "file": {"type": "string", "format": "binary", "description": "Music."},
                        "model": {"type": "string", "description": "A name of /api/models."},
                        "explain": {
                            "type": "string",
                            "enum": ["true", "false"],
                            "description": "Whether seconds and frequencies are explained, too.",
                        },
                        "emotion": {
                            "type": "string",
                            "enum": list(EMOTIONS),
                            "description": "Which is explained; by default the most probable.",
                        },
                    },
                }
            }
        },
    }
}
"""The form of an upload; it is parsed by hand, so that its limits hold while it arrives."""

BEGUN: dict[str, Any] = {
    "description": "The job has begun.",
    "headers": {
        "Location": {
            "description": "The job's address, /api/jobs/{job_id}.",
            "schema": {"type": "string"},
        }
    },
}
EVENTS: dict[str, Any] = {
    "description": "Server-sent events, named as the job's state, each with the object "
    "of GET /api/jobs/{job_id}; the last is `done`, `failed` or `cancelled`.",
    "content": {"text/event-stream": {"schema": {"type": "string"}}},
}
METRICS: dict[str, Any] = {
    "description": "Numbers in the form that Prometheus reads.",
    "content": {"text/plain": {"schema": {"type": "string"}}},
}
FLAC_FILE: dict[str, Any] = {
    "description": "A FLAC file.",
    "content": {"audio/flac": {"schema": {"type": "string", "format": "binary"}}},
}


def error_responses(*problems: ProblemType) -> dict[int | str, dict[str, Any]]:
    """Return the documentation of problems: one response per status, naming its codes."""
    found: dict[int, dict[str, Any]] = {}
    for problem in dict.fromkeys(problems):
        line = f"`{problem.code}`: {problem.meaning}"
        response = found.setdefault(problem.status, {"model": Problem, "description": ""})
        response["description"] = f"{response['description']} {line}".strip()
        if problem.status in (429, 503):
            response["headers"] = {
                "Retry-After": {
                    "description": "Seconds after which another attempt is worth it.",
                    "schema": {"type": "integer", "minimum": 1},
                }
            }
    return {status: found[status] for status in sorted(found)}


def openapi_document(app: FastAPI, settings: ServerSettings) -> dict[str, Any]:
    """Return the document, made when it is first asked for.

    It says where the token goes; a server without one takes requests without, too.
    """
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            routes=app.routes,
            servers=[{"url": settings.root_path}] if settings.root_path else None,
        )
        parts = document["components"]
        parts["schemas"] = {k: v for k, v in parts["schemas"].items() if k not in UNUSED}
        about = {"description": "The server's token, where it has one."}
        parts["securitySchemes"] = {SCHEME: {"type": "http", "scheme": "bearer", **about}}
        needed: list[dict[str, list[str]]] = [{SCHEME: []}]
        for path, methods in document["paths"].items():
            for operation in methods.values():
                if "HTTPValidationError" in str(operation["responses"].get("422")):
                    del operation["responses"]["422"]
                operation["responses"] = dict(sorted(operation["responses"].items()))
                if path not in WITHOUT_TOKEN:
                    operation["security"] = needed if settings.token else [{}, *needed]
        app.openapi_schema = document
    return app.openapi_schema
