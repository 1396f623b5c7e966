"""The addresses of the API: each receives, asks another module, and answers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.requests import ClientDisconnect

from music_emotion import __version__
from music_emotion.emotions import EMOTIONS, GEMS
from music_emotion.errors import printable
from music_emotion.web import examples, responses
from music_emotion.web.jobs import Job, Jobs
from music_emotion.web.limits import Limiter
from music_emotion.web.responses import APIError
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
    error_responses,
)
from music_emotion.web.settings import ServedModel, ServerSettings
from music_emotion.web.uploads import Upload, receive_upload
from music_emotion.web.worker import AnalysisRequest, Progress
from music_emotion.web.workers import Workers

HEARTBEAT_SECONDS = 5.0
SECOND_DIGITS = 1  # of how far an analysis is
NO_STORE = {"Cache-Control": "no-store"}
UPLOAD_ERRORS = (
    responses.BAD_REQUEST,
    responses.UNAUTHORISED,
    responses.FORBIDDEN,
    responses.TOO_SLOW,
    responses.TOO_LARGE,
    responses.INVALID,
    responses.SHARE_USED,
    responses.BUSY,
)
ANALYSIS_ERRORS = (
    responses.CANCELLED,
    responses.TOO_LARGE,
    responses.TOO_LONG,
    responses.UNSUPPORTED,
    responses.UNREADABLE,
    responses.INTERNAL,
    responses.BUSY,
    responses.TIMED_OUT,
)
JOB_ERRORS = (responses.UNAUTHORISED, responses.NOT_FOUND)
BEGUN = {
    "description": "The job has begun.",
    "headers": {
        "Location": {
            "description": "The job's address, /api/jobs/{job_id}.",
            "schema": {"type": "string"},
        }
    },
}
JobId = Annotated[str, Path(description="As POST /api/jobs gave it.")]


@dataclass(frozen=True, slots=True)
class Service:
    """Everything a server consists of."""

    settings: ServerSettings
    models: tuple[ServedModel, ...]
    workers: Workers
    limiter: Limiter
    jobs: Jobs


router = APIRouter(prefix="/api")


def get_service(request: Request) -> Service:
    """Return what the server of a request consists of."""
    service: Service = request.app.state.service
    return service


ServiceDependency = Annotated[Service, Depends(get_service)]


@router.post(
    "/predict",
    response_model=PredictionOut,
    responses=error_responses(*ANALYSIS_ERRORS, *UPLOAD_ERRORS),
    openapi_extra=FORM,
    summary="Say what people feel in a piece of music",
    tags=["analysis"],
)
async def predict(request: Request, service: ServiceDependency) -> Response:
    """Answer with the object that `music-emotion predict -f json` writes, once it is done.

    A client that leaves ends the analysis.
    """
    with ExitStack() as held:
        held.enter_context(service.limiter.slot(_client(request)))
        upload, job = await _receive(request, service)
        task = service.jobs.begin(job, upload, held.pop_all().close)
    gone = asyncio.create_task(_left(request))
    try:
        with job.watched():
            await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ClientDisconnect
        return JSONResponse(job.result().result, headers=NO_STORE)
    finally:
        gone.cancel()
        await service.jobs.drop(job)


@router.post(
    "/jobs",
    status_code=202,
    response_model=JobOut,
    responses={**error_responses(*UPLOAD_ERRORS), 202: BEGUN},
    openapi_extra=FORM,
    summary="Begin an analysis",
    tags=["jobs"],
)
async def begin_job(request: Request, response: Response, service: ServiceDependency) -> JobOut:
    """Take a file and answer at once; watch the job's events, then fetch its result.

    A job nobody asks for is cancelled after a while, and so is what it holds freed.
    """
    with ExitStack() as held:
        held.enter_context(service.limiter.slot(_client(request)))
        upload, job = await _receive(request, service)
        service.jobs.begin(job, upload, held.pop_all().close)
    response.headers["Location"] = f"/api/jobs/{job.id}"
    return _job_out(job, service)


@router.get(
    "/jobs/{job_id}",
    response_model=JobOut,
    responses=error_responses(*JOB_ERRORS),
    summary="Say where a job is",
    tags=["jobs"],
)
async def show_job(job_id: JobId, service: ServiceDependency) -> JobOut:
    """Answer with its state and progress."""
    return _job_out(service.jobs.find(job_id), service)


@router.get(
    "/jobs/{job_id}/events",
    response_class=StreamingResponse,
    responses={
        **error_responses(*JOB_ERRORS),
        200: {
            "description": "Server-sent events, named as the job's state, each with the object "
            "of GET /api/jobs/{job_id}; the last is `done`, `failed` or `cancelled`.",
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        },
    },
    summary="Watch a job",
    tags=["jobs"],
)
async def watch_job(job_id: JobId, service: ServiceDependency) -> StreamingResponse:
    """Stream its progress as server-sent events until it ends."""
    job = service.jobs.find(job_id)
    headers = {**NO_STORE, "X-Accel-Buffering": "no"}
    return StreamingResponse(_events(job, service), 200, headers, "text/event-stream")


@router.get(
    "/jobs/{job_id}/result",
    response_model=ResultOut,
    responses=error_responses(*JOB_ERRORS, responses.NOT_FINISHED, *ANALYSIS_ERRORS),
    summary="Fetch what came of a job",
    tags=["jobs"],
)
async def fetch_result(job_id: JobId, service: ServiceDependency) -> Response:
    """Answer with the prediction, or with why there is none; kept for some minutes."""
    analysis = service.jobs.find(job_id).result()
    content = {"prediction": analysis.result, "peaks": analysis.peaks}
    return JSONResponse(content, headers=NO_STORE)


@router.delete(
    "/jobs/{job_id}",
    status_code=204,
    responses=error_responses(*JOB_ERRORS, responses.FORBIDDEN),
    summary="Cancel and forget a job",
    tags=["jobs"],
)
async def cancel_job(job_id: JobId, service: ServiceDependency) -> None:
    """End the analysis at once where it still runs, and forget its result."""
    await service.jobs.drop(service.jobs.find(job_id))


@router.get(
    "/models",
    response_model=ModelsOut,
    responses=error_responses(responses.UNAUTHORISED),
    summary="List the models",
    tags=["models"],
)
async def list_models(service: ServiceDependency) -> ModelsOut:
    """List the models with what they are worth, the nine emotions, and the server's limits."""
    return ModelsOut(
        default=service.models[0].name,
        models=[_model_out(model) for model in service.models],
        emotions=[EmotionOut.model_validate(emotion) for emotion in GEMS],
        limits=LimitsOut.model_validate(service.settings),
    )


@router.get(
    "/examples",
    response_model=list[ExampleOut],
    responses=error_responses(responses.UNAUTHORISED),
    summary="List the synthesised examples",
    tags=["examples"],
)
async def list_examples() -> list[ExampleOut]:
    """List pieces made by a program, to try the server with."""
    return examples.examples()


@router.get(
    "/examples/{name}",
    response_class=Response,
    responses={
        **error_responses(responses.UNAUTHORISED, responses.NOT_FOUND),
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
        raise APIError(responses.NOT_FOUND, "there is no such example; see /api/examples")
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
    responses=error_responses(responses.BUSY),
    summary="Say whether the server takes files",
    tags=["state"],
)
async def ready(service: ServiceDependency) -> ReadyOut:
    """Answer 200 where a file would be analysed now or soon; needs no token."""
    if not service.workers.ready:
        raise APIError(responses.BUSY, "no worker is ready yet; try again soon", retry_after=1)
    if service.limiter.inside >= service.settings.slots:
        raise APIError(responses.BUSY, "the server is full; try again soon", retry_after=1)
    return ReadyOut(status="ready", workers=service.workers.ready, inside=service.limiter.inside)


async def _receive(request: Request, service: Service) -> tuple[Upload, Job]:
    """Receive a file and what is wanted of it."""
    upload = await receive_upload(request, service.settings)
    try:
        return upload, Job(_analysis_request(upload, service.models))
    except BaseException:
        upload.close()
        raise


def _analysis_request(upload: Upload, models: tuple[ServedModel, ...]) -> AnalysisRequest:
    """Read the form's fields; an empty one is as good as none."""
    for name in upload.fields:
        if name not in FIELDS:
            message = f"there is no field '{printable(name)[:80]}'; choose from {', '.join(FIELDS)}"
            raise APIError(responses.INVALID, message)
    names = [model.name for model in models]
    model = upload.fields.get("model") or names[0]
    if model not in names:
        message = f"there is no model '{printable(model)[:80]}'; choose from {', '.join(names)}"
        raise APIError(responses.INVALID, message)
    explained = upload.fields.get("explain") or "false"
    if explained not in ("true", "false"):
        raise APIError(responses.INVALID, "explain must be true or false")
    emotion = upload.fields.get("emotion") or None
    if emotion is not None and emotion not in EMOTIONS:
        message = f"there is no such emotion; choose from {', '.join(EMOTIONS)}"
        raise APIError(responses.INVALID, message)
    return AnalysisRequest(upload.name, model, explained == "true", emotion)


def _client(request: Request) -> str:
    return request.client.host if request.client else ""


async def _left(request: Request) -> None:
    """Return when the client is gone."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _job_out(job: Job, service: Service) -> JobOut:
    error = job.error
    return JobOut(
        id=job.id,
        state=job.state,
        ahead=service.jobs.ahead(job),
        progress=None if job.progress is None else _progress_out(job.progress),
        problem=None if error is None else Problem(code=error.problem.code, message=error.message),
    )


def _progress_out(progress: Progress) -> JobProgress:
    total = None if progress.total is None else round(progress.total, SECOND_DIGITS)
    return JobProgress(
        stage=progress.stage, heard=round(progress.heard, SECOND_DIGITS), total=total
    )


async def _events(job: Job, service: Service) -> AsyncIterator[str]:
    async for changed in job.changes(HEARTBEAT_SECONDS):
        if changed:
            data: dict[str, Any] = _job_out(job, service).model_dump(mode="json")
            yield f"event: {job.state}\ndata: {json.dumps(data)}\n\n"
        else:
            yield ": still there\n\n"


def _model_out(model: ServedModel) -> ModelOut:
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
