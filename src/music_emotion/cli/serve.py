"""``music-emotion serve``: the page to drop music on, and its HTTP API."""

from __future__ import annotations

import math
import os
import sys
from enum import StrEnum
from typing import Annotated, Any

import typer
from typer import Option

from music_emotion.cli.options import choice

WITHOUT_TOKEN = "other machines can use this server without a token; see --token"


class LogLevel(StrEnum):
    """From where up the server's log is written."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogFormat(StrEnum):
    """Who reads the log: people or programs."""

    TEXT = "text"
    JSON = "json"


def _positive(value: float) -> float:
    if not 0 < value < math.inf:
        raise typer.BadParameter(f"{value:g} is no number above 0")
    return value


def _limit(metavar: str, help: str) -> Any:
    return Option(callback=_positive, metavar=metavar, help=help)


def _amount(value: float) -> float:
    if not 0 <= value < math.inf:
        raise typer.BadParameter(f"{value:g} is no number from 0 up")
    return value


def serve(
    host: Annotated[str, Option(metavar="ADDRESS", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, Option(min=0, max=65_535, metavar="N", help="Port; 0: a free one.")
    ] = 8000,
    model: Annotated[
        list[str] | None,
        Option(
            "--model",
            "-m",
            metavar="MODEL",
            help="A model's name or folder; the first is the default.",
        ),
    ] = None,
    root_path: Annotated[
        str,
        Option(metavar="PATH", help="Path that a proxy serves everything below, such as /music."),
    ] = "",
    allow_host: Annotated[
        list[str] | None,
        Option(metavar="NAME", help="A name the server is asked by; may be repeated."),
    ] = None,
    forwarded_allow_ips: Annotated[
        str,
        Option(
            metavar="ADDRESSES",
            help="Addresses of proxies that are believed, with commas between; *: all.",
        ),
    ] = "127.0.0.1,::1",
    token: Annotated[
        str,
        Option(
            metavar="TEXT", help="Ask clients for it. Better: the variable MUSIC_EMOTION_TOKEN."
        ),
    ] = "",
    workers: Annotated[int, Option(min=0, metavar="N", help="Processes; 0: one per core.")] = 0,
    queue: Annotated[int, Option(min=0, metavar="N", help="Files that may wait.")] = 16,
    share: Annotated[int, Option(min=1, metavar="N", help="Files of one client at once.")] = 8,
    max_mb: Annotated[float, _limit("MB", "Largest upload in MB.")] = 200.0,
    max_minutes: Annotated[float, _limit("MINUTES", "Longest sound in minutes.")] = 60.0,
    max_samples: Annotated[
        float, _limit("MILLIONS", "Most samples in all channels, in millions.")
    ] = 1_200.0,
    max_seconds: Annotated[float, _limit("SECONDS", "Longest analysis in seconds.")] = 300.0,
    max_wait: Annotated[float, _limit("SECONDS", "Longest wait for a worker, seconds.")] = 120.0,
    max_upload_seconds: Annotated[float, _limit("SECONDS", "Longest upload in seconds.")] = 600.0,
    max_idle: Annotated[float, _limit("SECONDS", "Longest pause of a sender, seconds.")] = 10.0,
    min_rate: Annotated[
        int, Option(min=0, metavar="N", help="Slowest upload in bytes per second.")
    ] = 16_000,
    drain: Annotated[
        float,
        Option(
            callback=_amount,
            metavar="SECONDS",
            help="Time to finish files when told to stop, seconds.",
        ),
    ] = 30.0,
    log_level: Annotated[
        str, choice(LogLevel, "--log-level", help="info has a line for each request.")
    ] = LogLevel.INFO.value,
    log_format: Annotated[
        str, choice(LogFormat, "--log-format", help="For people or for programs.")
    ] = LogFormat.TEXT.value,
    metrics: Annotated[bool, Option(help="Numbers for Prometheus under /metrics.")] = True,
    worker_memory: Annotated[
        float,
        Option(
            callback=_amount, metavar="GB", help="Address space of a process in GB; 0: no limit."
        ),
    ] = 8.0,
) -> None:
    """Serve the web page and the HTTP API.

    Other machines reach it where --host says so.
    """
    from music_emotion.errors import MissingExtraError
    from music_emotion.interruption import sigterm_interrupts

    try:
        from music_emotion.web.app import create_app
        from music_emotion.web.logs import LOGGER, logging_to
        from music_emotion.web.server import run
        from music_emotion.web.settings import MEGABYTE, TOKEN_VARIABLE, ServerSettings
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("music_emotion"):
            raise
        raise MissingExtraError("the web page", "web") from None

    settings = ServerSettings(
        host=host,
        port=port,
        models=tuple(model or ()),
        allow_hosts=tuple(allow_host or ()),
        forwarded_allow_ips=tuple(filter(None, map(str.strip, forwarded_allow_ips.split(",")))),
        metrics=metrics,
        root_path=root_path.rstrip("/"),
        token=token or os.environ.get(TOKEN_VARIABLE, ""),
        **({"workers": workers} if workers else {}),
        queue=queue,
        share=share,
        upload_bytes=max(1, round(max_mb * MEGABYTE)),
        audio_seconds=60.0 * max_minutes,
        audio_samples=1e6 * max_samples,
        analysis_seconds=max_seconds,
        wait_seconds=max_wait,
        upload_seconds=max_upload_seconds,
        idle_seconds=max_idle,
        upload_rate=min_rate,
        drain_seconds=drain,
        worker_bytes=round(1_000 * worker_memory * MEGABYTE),
    )
    with logging_to(sys.stderr, log_level, log_format):
        try:
            with sigterm_interrupts():
                application = create_app(settings)
                if not settings.is_loopback and not settings.token:
                    LOGGER.warning(WITHOUT_TOKEN)
                run(application, settings, _announce)
        except KeyboardInterrupt:  # before it served; then the server is told
            pass
        LOGGER.info("stopped")


def _announce(address: str) -> None:
    typer.echo(f"open {address} (Ctrl-C stops)")


COMMANDS = {"serve": serve}
