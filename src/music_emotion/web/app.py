"""Put a server together: its parts, its lifespan and its page."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from importlib.resources import files
from importlib.util import find_spec

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse
from fastapi.routing import APIRoute
from fastapi.staticfiles import StaticFiles
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from music_emotion import __version__
from music_emotion.audio.kinds import KINDS, suffixes
from music_emotion.errors import ServerError
from music_emotion.web.api import METRICS_ROUTE, NO_STORE, Service, router, show_metrics
from music_emotion.web.guide import guide
from music_emotion.web.hosts import HostMiddleware
from music_emotion.web.jobs import Jobs
from music_emotion.web.limits import Limiter
from music_emotion.web.metrics import Metrics
from music_emotion.web.middleware import NONCE, RootPathMiddleware, SecurityMiddleware
from music_emotion.web.observation import ObservationMiddleware
from music_emotion.web.responses import EXCEPTION_HANDLERS
from music_emotion.web.schemas import openapi_document
from music_emotion.web.settings import ServerSettings, find_models
from music_emotion.web.stopping import Stopping
from music_emotion.web.worker import WorkerSettings
from music_emotion.web.workers import Workers

STATIC = files("music_emotion.web") / "static"
NONCE_MARK, ACCEPT_MARK = "{{nonce}}", "{{accept}}"

ABOUT = """Upload music and learn what people feel in it: nine emotions of the Geneva Emotional
Music Scale, over time, with a confidence. Files are held in memory or in a file without a name
while they are analysed, and are gone afterwards. Errors are objects with a `code` and a `message`.
"""


def create_app(settings: ServerSettings) -> FastAPI:
    """Return the application of a server.

    Raises
    ------
    ServerError
        A setting makes no sense.
    ModelError
        A model does not exist or is damaged, or there is none.
    """
    service = assemble(settings.checked())
    app = FastAPI(
        title="music-emotion",
        version=__version__,
        description=ABOUT,
        lifespan=_lifespan,
        exception_handlers=EXCEPTION_HANDLERS,
        openapi_url="/api/openapi.json",
        docs_url=None,  # its page loads scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,  # to an address made of the Host that a proxy happens to send
    )
    app.state.service = service
    app.state.failure = None
    app.include_router(router)
    app.openapi = partial(openapi_document, app, settings)  # type: ignore[method-assign]
    app.add_api_route("/", _page, methods=["GET", "HEAD"], include_in_schema=False)
    app.add_api_route("/api/docs", _guide, methods=["GET", "HEAD"], include_in_schema=False)
    if settings.metrics:
        app.add_api_route("/metrics", show_metrics, **METRICS_ROUTE)
    app.mount("/static", StaticFiles(directory=str(STATIC)), name="static")
    app.add_middleware(SecurityMiddleware, token=settings.token)
    trusted = list(settings.forwarded_allow_ips)
    app.add_middleware(ProxyHeadersMiddleware, trusted_hosts=trusted)
    app.add_middleware(HostMiddleware, settings=settings)  # needs to see the proxy
    app.add_middleware(RootPathMiddleware, root_path=settings.root_path)
    routes = [
        *("/", "/metrics", "/api/docs", "/api/openapi.json"),
        *(route.path for route in router.routes if isinstance(route, APIRoute)),
    ]
    app.add_middleware(ObservationMiddleware, service=service, routes=routes)  # outermost
    return app


def assemble(settings: ServerSettings) -> Service:
    """Return the parts of a server, not yet started."""
    models = find_models(settings.models)
    folders = {model.name: str(model.folder) for model in models}
    worker_settings = WorkerSettings(
        folders, settings.audio_seconds, settings.audio_samples, settings.worker_bytes
    )
    workers = Workers(settings.workers, worker_settings)
    limiter = Limiter(settings.slots, settings.share, settings.workers)
    metrics = Metrics() if settings.metrics else None
    jobs = Jobs(settings, workers, limiter, metrics)
    stopping = Stopping(settings.drain_seconds)
    if metrics is not None:
        metrics.follow(
            files=lambda: limiter.inside,
            queue=lambda: jobs.waiting,
            busy=lambda: jobs.running,
            idle=lambda: max(0, workers.ready - jobs.running),
        )
    return Service(settings, models, workers, limiter, jobs, stopping, metrics)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Start the workers, look after the jobs, stop both at the end."""
    service: Service = app.state.service
    try:
        await service.workers.start()
    except ServerError as error:
        app.state.failure = error  # server.run raises it, in one line
    sweeping = asyncio.create_task(service.jobs.sweep())
    try:
        yield
    finally:
        sweeping.cancel()
        with suppress(asyncio.CancelledError):
            await sweeping
        await service.jobs.close()
        await service.workers.close()


async def _page(request: Request) -> HTMLResponse:
    """Answer with the page, which may use the styles this view's nonce allows."""
    page = (STATIC / "index.html").read_text(encoding="utf-8")
    page = page.replace(NONCE_MARK, request.scope[NONCE]).replace(ACCEPT_MARK, _accept())
    return HTMLResponse(page, headers=NO_STORE)


async def _guide(request: Request) -> HTMLResponse:
    """Answer with the page about the API, whose examples lead to where it was asked for."""
    app: FastAPI = request.app
    service: Service = app.state.service
    root = service.settings.root_path
    address = f"{request.url.scheme}://{request.headers['host']}{root}"
    return HTMLResponse(guide(app.openapi(), service.settings, address), headers=NO_STORE)


def _accept() -> str:
    """Return what the page offers to choose: all that this server reads."""
    reads_all = find_spec("av") is not None
    kinds = (kind for kind in KINDS if reads_all or not kind.needs_formats)
    return ",".join(["audio/*", *["video/*"] * reads_all, *suffixes(kinds)])
