"""Put a server together: its parts, its life, its page, and how its mistakes are told."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from importlib.resources import files

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from music_emotion import __version__
from music_emotion.errors import ServerError
from music_emotion.web import responses as refusals
from music_emotion.web.answers import RefusalResponse
from music_emotion.web.api import Service, router
from music_emotion.web.description import described
from music_emotion.web.jobs import Jobs
from music_emotion.web.limits import Admission
from music_emotion.web.middleware import NONCE, Guard
from music_emotion.web.responses import Kind, RefusedError
from music_emotion.web.served import find_models
from music_emotion.web.settings import ServerSettings
from music_emotion.web.workers import Workers, Workplace

STATIC = files("music_emotion.web") / "static"
NONCE_MARK = "{{nonce}}"
CLIENT_GONE = 499  # never seen by anyone; for logs

ABOUT = """Upload music and learn what people feel in it: nine emotions of the Geneva Emotional
Music Scale, over time, with a confidence. Files are held in memory or in a file without a name
while they are analysed, and are gone afterwards. Errors are objects with a `code` and a `message`.
"""


def create_app(settings: ServerSettings) -> FastAPI:
    """Return the application of a server.

    Parameters
    ----------
    settings
        Its limits and models.

    Raises
    ------
    ServerError
        A setting makes no sense.
    ModelError
        A model does not exist or is damaged, or there is none.
    """
    serving = assemble(settings.checked())
    app = FastAPI(
        title="music-emotion",
        version=__version__,
        description=ABOUT,
        lifespan=_life,
        openapi_url="/api/openapi.json",
        docs_url=None,  # its page loads scripts from elsewhere
        redoc_url=None,
    )
    app.state.service = serving
    app.state.failure = None
    app.include_router(router)
    app.openapi = partial(described, app, settings)  # type: ignore[method-assign]
    app.add_api_route("/", _page, methods=["GET", "HEAD"], include_in_schema=False)
    app.mount("/static", StaticFiles(directory=str(STATIC)), name="static")
    app.add_middleware(Guard, token=settings.token)
    app.add_exception_handler(RefusedError, _refused)
    app.add_exception_handler(HTTPException, _failed)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(ClientDisconnect, _gone)
    app.add_exception_handler(Exception, _mistaken)
    return app


def assemble(settings: ServerSettings) -> Service:
    """Return the parts of a server, not yet started."""
    models = find_models(settings.models)
    folders = {model.name: str(model.folder) for model in models}
    workplace = Workplace(folders, settings.audio_seconds, settings.worker_bytes)
    workers = Workers(settings.workers, workplace)
    admission = Admission(settings.slots, settings.share, settings.workers)
    return Service(settings, models, workers, admission, Jobs(settings, workers, admission))


@asynccontextmanager
async def _life(app: FastAPI) -> AsyncIterator[None]:
    """Start the workers, look after the jobs, stop both at the end."""
    serving: Service = app.state.service
    try:
        await serving.workers.start()
    except ServerError as error:
        # Told by whoever runs the server, in one line.
        app.state.failure = error
    sweeping = asyncio.create_task(serving.jobs.sweep())
    try:
        yield
    finally:
        sweeping.cancel()
        with suppress(asyncio.CancelledError):
            await sweeping
        await serving.jobs.close()
        await serving.workers.close()


async def _page(request: Request) -> HTMLResponse:
    """Answer with the page, which may use the styles this view's nonce allows."""
    page = (STATIC / "index.html").read_text(encoding="utf-8")
    page = page.replace(NONCE_MARK, request.scope[NONCE])
    return HTMLResponse(page, headers={"Cache-Control": "no-store"})


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, RefusedError)
    return RefusalResponse(error)


async def _failed(request: Request, error: Exception) -> Response:
    """Answer to an address or a method that does not exist."""
    assert isinstance(error, HTTPException)
    known = {kind.status: kind for kind in (refusals.NOT_FOUND, refusals.NOT_ALLOWED)}
    kind = known.get(error.status_code, Kind(error.status_code, "http_error", ""))
    told = {
        refusals.NOT_FOUND: "there is no such address; /api/openapi.json lists those of the API",
        refusals.NOT_ALLOWED: f"this address does not take the method {request.method}",
    }
    response = RefusalResponse(RefusedError(kind, told.get(kind, str(error.detail))))
    response.headers.update(error.headers or {})
    return response


async def _invalid(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return RefusalResponse(RefusedError(refusals.INVALID, f"{where}: {first['msg']}"))


async def _gone(_: Request, __: Exception) -> Response:
    return Response(status_code=CLIENT_GONE)


async def _mistaken(_: Request, error: Exception) -> Response:
    logging.getLogger(__name__).error("a request failed", exc_info=error)
    told = "the server made a mistake; nothing was kept of the request"
    return RefusalResponse(RefusedError(refusals.INTERNAL, told))
