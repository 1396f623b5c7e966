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
from music_emotion.web import responses, schemas
from music_emotion.web.examples import EXAMPLES, example_flac
from music_emotion.web.jobs import Job, Jobs
from music_emotion.web.limits import Limiter
from music_emotion.web.metrics import CONTENT_TYPE, Metrics
from music_emotion.web.responses import APIError
from music_emotion.web.schemas import error_responses
from music_emotion.web.settings import ServedModel, ServerSettings
from music_emotion.web.stopping import Stopping
from music_emotion.web.uploads import Upload, receive_upload
from music_emotion.web.worker import AnalysisRequest
from music_emotion.web.workers import Workers

METRICS_ROUTE: dict[str, Any] = {
    "responses": {
        **error_responses(responses.UNAUTHORISED, *responses.OF_ALL),
        200: schemas.METRICS,
    },
    "response_class": Response,
    "summary": "Watch over the server",
    "tags": ["state"],
}
HEARTBEAT_SECONDS = 5.0
NO_STORE = {"Cache-Control": "no-store"}
JobId = Annotated[str, Path(description="As POST /api/jobs gave it.")]


@dataclass(frozen=True, slots=True)
class Service:
    """Everything a server consists of."""

    settings: ServerSettings
    models: tuple[ServedModel, ...]
    workers: Workers
    limiter: Limiter
    jobs: Jobs
    stopping: Stopping
    metrics: Metrics | None  # None: nothing is counted

    @property
    def empty(self) -> bool:
        """Whether no file is inside, and no result waits to be fetched."""
        return not self.limiter.inside and not self.jobs.awaited

    async def refuse_rest(self) -> None:
        """Answer all that is inside that the server is being stopped."""
        self.stopping.finish()
        self.workers.retire()
        await self.jobs.refuse(self.stopping.refusal())


router = APIRouter(prefix="/api", responses=error_responses(*responses.OF_ALL))


def get_service(request: Request) -> Service:
    """Return what the server of a request consists of."""
    service: Service = request.app.state.service
    return service


ServiceDependency = Annotated[Service, Depends(get_service)]


@router.post(
    "/predict",
    response_model=schemas.PredictionOut,
    responses=error_responses(*responses.OF_ANALYSES, *responses.OF_UPLOADS),
    openapi_extra=schemas.FORM,
    summary="Say what people feel in a piece of music",
    tags=["analysis"],
)
async def predict(request: Request, service: ServiceDependency) -> Response:
    """Answer with the object that `music-emotion predict -f json` writes, once it is done.

    A client that leaves ends the analysis.
    """
    job, task = await _begin(request, service)
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
    responses={**error_responses(*responses.OF_UPLOADS), 202: schemas.BEGUN},
    openapi_extra=schemas.FORM,
    summary="Begin an analysis",
    tags=["jobs"],
)
async def begin_job(
    request: Request, response: Response, service: ServiceDependency
) -> schemas.JobOut:
    """Take a file and answer at once; watch the job's events, then fetch its result.

    A job nobody asks for is cancelled after a while, and so is what it holds freed.
    """
    job, _ = await _begin(request, service)
    response.headers["Location"] = f"{service.settings.root_path}/api/jobs/{job.id}"
    return _job_out(job, service)


@router.get(
    "/jobs/{job_id}",
    responses=error_responses(*responses.OF_JOBS),
    summary="Say where a job is",
    tags=["jobs"],
)
async def show_job(job_id: JobId, service: ServiceDependency) -> schemas.JobOut:
    """Answer with its state and progress."""
    return _job_out(service.jobs.find(job_id), service)


@router.get(
    "/jobs/{job_id}/events",
    response_class=StreamingResponse,
    responses={**error_responses(*responses.OF_JOBS), 200: schemas.EVENTS},
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
    response_model=schemas.ResultOut,
    responses=error_responses(*responses.OF_JOBS, responses.NOT_FINISHED, *responses.OF_ANALYSES),
    summary="Fetch what came of a job",
    tags=["jobs"],
)
async def fetch_result(job_id: JobId, service: ServiceDependency) -> Response:
    """Answer with the prediction, or with why there is none; kept for some minutes."""
    job = service.jobs.find(job_id)
    analysis = job.result()
    job.collected = True
    content = {"prediction": analysis.result, "peaks": analysis.peaks}
    return JSONResponse(content, headers=NO_STORE)


@router.delete(
    "/jobs/{job_id}",
    status_code=204,
    responses=error_responses(*responses.OF_JOBS, responses.FORBIDDEN),
    summary="Cancel and forget a job",
    tags=["jobs"],
)
async def cancel_job(job_id: JobId, service: ServiceDependency) -> None:
    """End the analysis at once where it still runs, and forget its result."""
    await service.jobs.drop(service.jobs.find(job_id))


@router.get(
    "/models",
    responses=error_responses(responses.UNAUTHORISED),
    summary="List the models",
    tags=["models"],
)
async def list_models(service: ServiceDependency) -> schemas.ModelsOut:
    """List the models with what they are worth, the nine emotions, and the server's limits."""
    return schemas.ModelsOut(
        default=service.models[0].name,
        models=[schemas.ModelOut.of(model) for model in service.models],
        emotions=[schemas.EmotionOut.model_validate(emotion) for emotion in GEMS],
        limits=schemas.LimitsOut.model_validate(service.settings),
    )


@router.get(
    "/examples",
    responses=error_responses(responses.UNAUTHORISED),
    summary="List the synthesised examples",
    tags=["examples"],
)
async def list_examples() -> list[schemas.ExampleOut]:
    """List pieces made by a program, to try the server with."""
    return list(EXAMPLES)


@router.get(
    "/examples/{name}",
    response_class=Response,
    responses={
        **error_responses(responses.UNAUTHORISED, responses.NOT_FOUND),
        200: schemas.FLAC_FILE,
    },
    summary="Fetch a synthesised example",
    tags=["examples"],
)
async def fetch_example(name: str) -> Response:
    """Answer with the sound."""
    if name not in {example.name for example in EXAMPLES}:
        raise APIError(responses.NOT_FOUND, "there is no such example; see /api/examples")
    sound = await asyncio.to_thread(example_flac, name)
    return Response(sound, media_type="audio/flac", headers={"Cache-Control": "max-age=3600"})


@router.head("/health", include_in_schema=False)
@router.get("/health", summary="Say that the server runs", tags=["state"])
async def health() -> schemas.HealthOut:
    """Answer as long as the server runs; needs no token."""
    return schemas.HealthOut(status="ok", version=__version__)


@router.head("/ready", include_in_schema=False)
@router.get(
    "/ready",
    responses=error_responses(responses.BUSY, responses.STOPPING),
    summary="Say whether the server takes files",
    tags=["state"],
)
async def ready(service: ServiceDependency) -> schemas.ReadyOut:
    """Answer 200 where a file would be analysed now or soon; needs no token."""
    service.stopping.check()
    workers, inside = service.workers.ready, service.limiter.inside
    if not workers:
        raise APIError(responses.BUSY, "no worker is ready yet; try again soon", retry_after=1)
    if inside >= service.settings.slots:
        raise APIError(responses.BUSY, "the server is full; try again soon", retry_after=1)
    return schemas.ReadyOut(status="ready", workers=workers, inside=inside)


async def show_metrics(service: ServiceDependency) -> Response:
    """Answer with numbers about the server, as Prometheus reads them."""
    assert service.metrics is not None  # else there is no such address
    return Response(service.metrics.text(), media_type=CONTENT_TYPE, headers=NO_STORE)


async def _begin(request: Request, service: Service) -> tuple[Job, asyncio.Task[None]]:
    """Receive a file and what is wanted of it, and start its job."""
    service.stopping.check()
    with ExitStack() as held:
        held.enter_context(service.limiter.slot(request.client.host if request.client else ""))
        async with service.stopping.cutting_off():
            upload = await receive_upload(request, service.settings)
            held.callback(upload.file.close)
        job = Job(_analysis_request(upload, [model.name for model in service.models]))
        return job, service.jobs.begin(job, upload.file, held.pop_all().close)


def _analysis_request(upload: Upload, models: list[str]) -> AnalysisRequest:
    """Read the form's fields; an empty one is as good as none."""
    for name in upload.fields:
        if name not in schemas.FIELDS:
            known = ", ".join(schemas.FIELDS)
            message = f"there is no field '{printable(name)[:80]}'; choose from {known}"
            raise APIError(responses.INVALID, message)
    model = upload.fields.get("model") or models[0]
    if model not in models:
        message = f"there is no model '{printable(model)[:80]}'; choose from {', '.join(models)}"
        raise APIError(responses.INVALID, message)
    explained = upload.fields.get("explain") or "false"
    if explained not in ("true", "false"):
        raise APIError(responses.INVALID, "explain must be true or false")
    emotion = upload.fields.get("emotion") or None
    if emotion is not None and emotion not in EMOTIONS:
        message = f"there is no such emotion; choose from {', '.join(EMOTIONS)}"
        raise APIError(responses.INVALID, message)
    return AnalysisRequest(upload.name, model, explained == "true", emotion)


async def _left(request: Request) -> None:
    """Return when the client is gone."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _job_out(job: Job, service: Service) -> schemas.JobOut:
    where = {"id": job.id, "state": job.state, "ahead": service.jobs.ahead(job)}
    return schemas.JobOut.model_validate({**where, "progress": job.progress, "problem": job.error})


async def _events(job: Job, service: Service) -> AsyncIterator[str]:
    async for changed in job.changes(HEARTBEAT_SECONDS):
        if changed:
            data = json.dumps(_job_out(job, service).model_dump(mode="json"))
            yield f"event: {job.state}\ndata: {data}\n\n"
        else:
            yield ": still there\n\n"
