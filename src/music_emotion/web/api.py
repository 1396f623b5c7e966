"""The addresses of the API: each receives, asks another module, and answers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.requests import ClientDisconnect

from music_emotion import __version__
from music_emotion.emotions import EMOTIONS, GEMS
from music_emotion.errors import printable
from music_emotion.web import examples
from music_emotion.web import responses as refusals
from music_emotion.web.jobs import Job, Jobs
from music_emotion.web.limits import Admission
from music_emotion.web.orders import Order
from music_emotion.web.responses import RefusedError
from music_emotion.web.schemas import (
    FIELDS,
    FORM,
    EmotionOut,
    ExampleOut,
    HealthOut,
    JobOut,
    JobProgress,
    LimitsOut,
    ModelOut,
    ModelsOut,
    PredictionOut,
    Problem,
    ReadyOut,
    ResultOut,
    problems,
)
from music_emotion.web.served import ServedModel
from music_emotion.web.settings import ServerSettings
from music_emotion.web.uploads import Upload, receive_upload
from music_emotion.web.workers import Workers

HEARTBEAT_SECONDS = 5.0
SECOND_DIGITS = 1  # of how far an analysis is
NO_STORE = {"Cache-Control": "no-store"}
UPLOAD_PROBLEMS = problems(
    refusals.BAD_REQUEST,
    refusals.UNAUTHORISED,
    refusals.FORBIDDEN,
    refusals.TOO_SLOW,
    refusals.TOO_LARGE,
    refusals.INVALID,
    refusals.SHARE_USED,
    refusals.BUSY,
)
ANALYSIS_PROBLEMS = problems(
    refusals.BAD_REQUEST,
    refusals.UNAUTHORISED,
    refusals.FORBIDDEN,
    refusals.TOO_SLOW,
    refusals.CANCELLED,
    refusals.TOO_LARGE,
    refusals.TOO_LONG,
    refusals.UNSUPPORTED,
    refusals.UNREADABLE,
    refusals.INVALID,
    refusals.SHARE_USED,
    refusals.INTERNAL,
    refusals.BUSY,
    refusals.TIMED_OUT,
)
RESULT_PROBLEMS = problems(
    refusals.UNAUTHORISED,
    refusals.NOT_FOUND,
    refusals.NOT_FINISHED,
    refusals.CANCELLED,
    refusals.TOO_LARGE,
    refusals.TOO_LONG,
    refusals.UNSUPPORTED,
    refusals.UNREADABLE,
    refusals.INTERNAL,
    refusals.BUSY,
    refusals.TIMED_OUT,
)
BEGUN = {
    "description": "The job has begun.",
    "headers": {
        "Location": {
            "description": "The job's address, /api/jobs/{job_id}.",
            "schema": {"type": "string"},
        }
    },
}
JOB_PROBLEMS = problems(refusals.UNAUTHORISED, refusals.NOT_FOUND)
JobId = Annotated[str, Path(description="As POST /api/jobs gave it.")]


@dataclass(frozen=True, slots=True)
class Service:
    """Everything a server consists of."""

    settings: ServerSettings
    models: tuple[ServedModel, ...]
    workers: Workers
    admission: Admission
    jobs: Jobs


router = APIRouter(prefix="/api")


def service(request: Request) -> Service:
    """Return what the server of a request consists of."""
    found: Service = request.app.state.service
    return found


@router.post(
    "/predict",
    response_model=PredictionOut,
    responses=ANALYSIS_PROBLEMS,
    openapi_extra=FORM,
    summary="Say what people feel in a piece of music",
    tags=["analysis"],
)
async def predict(request: Request) -> Response:
    """Answer with the object that `music-emotion predict -f json` writes, once it is done.

    A client that leaves ends the analysis.
    """
    serving = service(request)
    with ExitStack() as held:
        held.enter_context(serving.admission.admitted(_client(request)))
        upload, job = await _received(request)
        task = serving.jobs.begin(job, upload, held.pop_all().close)
    gone = asyncio.create_task(_left(request))
    try:
        with job.watched():
            await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ClientDisconnect
        return JSONResponse(job.result().result, headers=NO_STORE)
    finally:
        gone.cancel()
        await serving.jobs.drop(job)


@router.post(
    "/jobs",
    status_code=202,
    response_model=JobOut,
    responses={**UPLOAD_PROBLEMS, 202: BEGUN},
    openapi_extra=FORM,
    summary="Begin an analysis",
    tags=["jobs"],
)
async def begin_job(request: Request, response: Response) -> JobOut:
    """Take a file and answer at once; watch the job's events, then fetch its result.

    A job nobody asks for is cancelled after a while, and so is what it holds freed.
    """
    serving = service(request)
    with ExitStack() as held:
        held.enter_context(serving.admission.admitted(_client(request)))
        upload, job = await _received(request)
        serving.jobs.begin(job, upload, held.pop_all().close)
    response.headers["Location"] = f"/api/jobs/{job.id}"
    return _job(serving, job)


@router.get(
    "/jobs/{job_id}",
    response_model=JobOut,
    responses=JOB_PROBLEMS,
    summary="Say where a job is",
    tags=["jobs"],
)
async def show_job(request: Request, job_id: JobId) -> JobOut:
    """Answer with its state and progress."""
    serving = service(request)
    return _job(serving, serving.jobs.find(job_id))


@router.get(
    "/jobs/{job_id}/events",
    response_class=StreamingResponse,
    responses={
        **JOB_PROBLEMS,
        200: {
            "description": "Server-sent events, named as the job's state, each with the object "
            "of GET /api/jobs/{job_id}; the last is `done`, `failed` or `cancelled`.",
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        },
    },
    summary="Watch a job",
    tags=["jobs"],
)
async def watch_job(request: Request, job_id: JobId) -> StreamingResponse:
    """Stream its progress as server-sent events until it ends."""
    serving = service(request)
    job = serving.jobs.find(job_id)
    headers = {**NO_STORE, "X-Accel-Buffering": "no"}
    return StreamingResponse(_events(serving, job), 200, headers, "text/event-stream")


@router.get(
    "/jobs/{job_id}/result",
    response_model=ResultOut,
    responses=RESULT_PROBLEMS,
    summary="Fetch what came of a job",
    tags=["jobs"],
)
async def fetch_result(request: Request, job_id: JobId) -> Response:
    """Answer with the prediction, or with why there is none; kept for some minutes."""
    analysis = service(request).jobs.find(job_id).result()
    content = {"prediction": analysis.result, "peaks": analysis.peaks}
    return JSONResponse(content, headers=NO_STORE)


@router.delete(
    "/jobs/{job_id}",
    status_code=204,
    responses={**JOB_PROBLEMS, **problems(refusals.FORBIDDEN)},
    summary="Cancel and forget a job",
    tags=["jobs"],
)
async def cancel_job(request: Request, job_id: JobId) -> None:
    """End the analysis at once where it still runs, and forget its result."""
    serving = service(request)
    await serving.jobs.drop(serving.jobs.find(job_id))


@router.get(
    "/models",
    response_model=ModelsOut,
    responses=problems(refusals.UNAUTHORISED),
    summary="List the models",
    tags=["models"],
)
async def list_models(request: Request) -> ModelsOut:
    """List the models with what they are worth, the nine emotions, and the server's limits."""
    serving = service(request)
    limits = LimitsOut(
        upload_bytes=serving.settings.upload_bytes, audio_seconds=serving.settings.audio_seconds
    )
    return ModelsOut(
        default=serving.models[0].name,
        models=[_model(model) for model in serving.models],
        emotions=[
            EmotionOut(name=e.name, label=e.label, meaning=e.meaning, colour=e.colour) for e in GEMS
        ],
        limits=limits,
    )


@router.get(
    "/examples",
    response_model=list[ExampleOut],
    responses=problems(refusals.UNAUTHORISED),
    summary="List the synthesised examples",
    tags=["examples"],
)
async def list_examples() -> list[ExampleOut]:
    """List pieces made by a program, to try the server with."""
    return [
        ExampleOut(name=e.name, label=e.label, description=e.description, seconds=e.seconds)
        for e in examples.examples()
    ]


@router.get(
    "/examples/{name}",
    response_class=Response,
    responses={
        **problems(refusals.UNAUTHORISED, refusals.NOT_FOUND),
        200: {
            "description": "A FLAC file.",
            "content": {"audio/flac": {"schema": {"type": "string", "format": "binary"}}},
        },
    },
    summary="Fetch a synthesised example",
    tags=["examples"],
)
async def fetch_example(name: str) -> Response:
    """Answer with the sound."""
    if name not in {example.name for example in examples.examples()}:
        raise RefusedError(refusals.NOT_FOUND, "there is no such example; see /api/examples")
    sound = await asyncio.to_thread(examples.example_flac, name)
    return Response(sound, media_type="audio/flac", headers={"Cache-Control": "max-age=3600"})


@router.head("/health", include_in_schema=False)
@router.get("/health", response_model=HealthOut, summary="Say that the server runs", tags=["state"])
async def health() -> HealthOut:
    """Answer as long as the server runs; needs no token."""
    return HealthOut(status="ok", version=__version__)


@router.head("/ready", include_in_schema=False)
@router.get(
    "/ready",
    response_model=ReadyOut,
    responses=problems(refusals.BUSY),
    summary="Say whether the server takes files",
    tags=["state"],
)
async def ready(request: Request) -> ReadyOut:
    """Answer 200 where a file would be analysed now or soon; needs no token."""
    serving = service(request)
    if not serving.workers.ready:
        raise RefusedError(refusals.BUSY, "no worker is ready yet; try again soon", retry_after=1)
    if serving.admission.inside >= serving.settings.slots:
        raise RefusedError(refusals.BUSY, "the server is full; try again soon", retry_after=1)
    return ReadyOut(status="ready", workers=serving.workers.ready, inside=serving.admission.inside)


async def _received(request: Request) -> tuple[Upload, Job]:
    """Receive a file and what is wanted of it."""
    serving = service(request)
    upload = await receive_upload(request, serving.settings)
    try:
        return upload, Job(_order(upload, serving.models))
    except BaseException:
        upload.close()
        raise


def _order(upload: Upload, models: tuple[ServedModel, ...]) -> Order:
    """Read the form's fields; an empty one is as good as none."""
    for name in upload.fields:
        if name not in FIELDS:
            told = f"there is no field '{printable(name)[:80]}'; choose from {', '.join(FIELDS)}"
            raise RefusedError(refusals.INVALID, told)
    names = [model.name for model in models]
    model = upload.fields.get("model") or names[0]
    if model not in names:
        told = f"there is no model '{printable(model)[:80]}'; choose from {', '.join(names)}"
        raise RefusedError(refusals.INVALID, told)
    explained = upload.fields.get("explain") or "false"
    if explained not in ("true", "false"):
        raise RefusedError(refusals.INVALID, "explain must be true or false")
    emotion = upload.fields.get("emotion") or None
    if emotion is not None and emotion not in EMOTIONS:
        told = f"there is no such emotion; choose from {', '.join(EMOTIONS)}"
        raise RefusedError(refusals.INVALID, told)
    return Order(upload.name, model, explained == "true", emotion)


def _client(request: Request) -> str:
    return request.client.host if request.client else ""


async def _left(request: Request) -> None:
    """Return when the client is gone."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _job(serving: Service, job: Job) -> JobOut:
    heard = job.progress
    refusal = job.refusal
    return JobOut(
        id=job.id,
        state=job.state,
        ahead=serving.jobs.ahead(job),
        progress=None
        if heard is None
        else JobProgress(
            stage=heard.stage,
            heard=round(heard.heard, SECOND_DIGITS),
            total=None if heard.total is None else round(heard.total, SECOND_DIGITS),
        ),
        problem=None
        if refusal is None
        else Problem(code=refusal.kind.code, message=refusal.message),
    )


async def _events(serving: Service, job: Job) -> AsyncIterator[str]:
    async for told in job.changes(HEARTBEAT_SECONDS):
        if told:
            data: dict[str, Any] = _job(serving, job).model_dump(mode="json")
            yield f"event: {job.state}\ndata: {json.dumps(data)}\n\n"
        else:
            yield ": still there\n\n"


def _model(model: ServedModel) -> ModelOut:
    card = model.card
    return ModelOut(
        name=model.name,
        version=card.version,
        summary=card.summary,
        use_when=card.use_when,
        protocol=card.protocol,
        figures=dict(card.figures),
        limits=list(card.limits),
        licences=list(card.licences),
        window_seconds=card.window_seconds,
        size_bytes=model.size_bytes,
    )
