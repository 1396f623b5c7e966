"""How object storage is reached: endpoint and credentials, from a file or the environment.

Workers on other machines know neither; they are handed what this process knows.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from music_emotion.errors import MusicEmotionError, choose_from, printable

VARIABLES = ("AWS_", "GOOGLE_", "AZURE_", "FSSPEC_", "S3_", "GCS_")
"""Beginnings of the variables of the environment that storage is reached by."""

KEYS = ("endpoint", "key", "secret", "token", "region", "anonymous")
"""What may be said of Amazon's S3, and of whatever speaks its language."""

# Their names in s3fs, and in Arrow's file system.
_S3FS = {"endpoint": "endpoint_url", "anonymous": "anon"}
_ARROW = {
    "endpoint": "endpoint_override",
    "key": "access_key",
    "secret": "secret_key",
    "token": "session_token",
}


@dataclass(frozen=True, slots=True)
class StorageSettings:
    """How storage is reached.

    Attributes
    ----------
    schemes
        Settings by the scheme of URLs. Of ``s3``, those of :data:`KEYS`; of others, whatever their
        file system of fsspec takes.
    environment
        Variables that workers get.
    """

    schemes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def read(cls, path: Path | None = None) -> Self:
        """Return what a TOML file says, a table for each scheme, and what the environment does.

        Raises
        ------
        MusicEmotionError
            The file cannot be read, or says of S3 what there is not.
        """
        schemes: dict[str, Any] = {}
        if path is not None:
            shown = printable(path)
            try:
                schemes = tomllib.loads(path.read_text("utf-8"))
            except OSError as error:
                raise MusicEmotionError(f"'{shown}' cannot be read ({error.strerror})") from None
            except ValueError as error:
                raise MusicEmotionError(f"'{shown}' is no TOML ({printable(error)})") from None
            for scheme, settings in schemes.items():
                if not isinstance(settings, dict):
                    raise MusicEmotionError(
                        f"'{shown}' says '{printable(scheme)}' of no storage; put it into a table "
                        "such as [s3]"
                    )
            for name in schemes.get("s3", {}):
                if name not in KEYS:
                    raise MusicEmotionError(
                        f"'{shown}' says '{printable(name)}' of s3; {choose_from(name, KEYS)}"
                    )
        known = {name: text for name, text in os.environ.items() if name.startswith(VARIABLES)}
        return cls(schemes, known)

    def apply(self) -> None:
        """Set the variables in this process, but for those that it has."""
        for name, text in self.environment.items():
            os.environ.setdefault(name, text)

    def for_fsspec(self, url: str) -> dict[str, dict[str, Any]]:
        """Return the settings of the schemes in a URL as fsspec takes them."""
        found = {}
        for part in url.split("::"):
            scheme = part.partition("://")[0]
            if scheme in self.schemes:
                found[scheme] = dict(self.schemes[scheme])
        if "s3" in found:
            settings = {_S3FS.get(name, name): value for name, value in found["s3"].items()}
            if region := settings.pop("region", None):
                settings["client_kwargs"] = {"region_name": region}
            found["s3"] = settings
        return found

    def for_arrow(self) -> dict[str, Any]:
        """Return the settings of S3, if there are some, as Arrow's file system takes them."""
        settings = {_ARROW.get(n, n): value for n, value in self.schemes.get("s3", {}).items()}
        if endpoint := settings.get("endpoint_override"):
            scheme, found, rest = str(endpoint).partition("://")
            if found:
                settings |= {"scheme": scheme, "endpoint_override": rest.rstrip("/")}
        return settings


NO_SETTINGS = StorageSettings()
