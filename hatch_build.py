"""Completes the metadata of a build: links and the README for a package index, from one address."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

sys.path.append(str(Path(__file__).resolve().parent / "tools"))

from project_address import index_page, project_urls


class ProjectAddress(MetadataHookInterface):
    """Adds what ``pyproject.toml`` declares as dynamic."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Add the links and the README."""
        address = self.config["address"].rstrip("/")
        readme = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        metadata["urls"] = project_urls(address)
        metadata["readme"] = {
            "content-type": "text/markdown",
            "text": index_page(readme, address, metadata["version"]),
        }
