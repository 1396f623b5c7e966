"""The published data sets with ratings that can be read as they come."""

from __future__ import annotations

from pathlib import Path

from music_emotion.datasets import deam, jamendo, pmemo, vgmidi
from music_emotion.datasets.loader import Loader

LOADERS: tuple[Loader, ...] = (vgmidi.LOADER, deam.LOADER, pmemo.LOADER, jamendo.LOADER)


def find_loader(root: Path) -> Loader | None:
    """Return the loader of the data set that a folder holds, ``None`` where it holds none."""
    return next((loader for loader in LOADERS if loader.is_there(root)), None)


def render_loaders() -> str:
    """Return what the data sets are, how they are laid out and how to cite them."""
    lines = []
    for loader in LOADERS:
        lines += [
            f"{loader.name}: {loader.about}",
            f"  files    {loader.layout}",
            f"  licence  {loader.licence}",
            *(f"  {line}" for line in loader.citation.splitlines()),
            "",
        ]
    return "\n".join(lines).rstrip()
