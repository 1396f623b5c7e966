"""The API's OpenAPI document: what the routes say of themselves, and what holds for all of them."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from music_emotion.web.middleware import WITHOUT_TOKEN
from music_emotion.web.settings import ServerSettings

SCHEME = "token"
UNUSED = ("HTTPValidationError", "ValidationError")
"""FastAPI's own answers to wrong parameters; none of the addresses gives them."""


def described(app: FastAPI, settings: ServerSettings) -> dict[str, Any]:
    """Return the document, made when it is first asked for."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes
        )
        _leave_out_unused(document)
        _tell_token(document, asked=bool(settings.token))
        app.openapi_schema = document
    return app.openapi_schema


def _leave_out_unused(document: dict[str, Any]) -> None:
    addresses = {f"#/components/schemas/{name}" for name in UNUSED}
    for methods in document["paths"].values():
        for operation in methods.values():
            content = operation["responses"].get("422", {}).get("content", {})
            schema = content.get("application/json", {}).get("schema", {})
            if schema.get("$ref") in addresses:
                del operation["responses"]["422"]
    for name in UNUSED:
        document["components"]["schemas"].pop(name, None)


def _tell_token(document: dict[str, Any], *, asked: bool) -> None:
    """Say where the token goes; a server without one takes requests without, too."""
    document["components"]["securitySchemes"] = {
        SCHEME: {
            "type": "http",
            "scheme": "bearer",
            "description": "The server's token, where it has one.",
        }
    }
    needed: list[dict[str, list[str]]] = [{SCHEME: []}]
    for path, methods in document["paths"].items():
        for operation in methods.values():
            if path not in WITHOUT_TOKEN:
                operation["security"] = needed if asked else [{}, *needed]
