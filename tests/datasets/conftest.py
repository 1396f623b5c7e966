from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from helpers import fake_emotify
from helpers.file_server import FileServer, serving


@pytest.fixture(scope="session")
def fake_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fake_emotify.write(tmp_path_factory.mktemp("template") / "emotify")


@pytest.fixture
def fake_root(fake_template: Path, tmp_path: Path) -> Path:
    """A copy of the stand-in that a test may damage."""
    return Path(shutil.copytree(fake_template, tmp_path / "emotify"))


@pytest.fixture
def server() -> Iterator[FileServer]:
    with serving(FileServer()) as running:
        yield running


@pytest.fixture
def user_table(tmp_path: Path) -> Callable[..., tuple[Path, Path]]:
    """Write a folder of short WAV files and a table; returns (folder, table)."""
    import numpy as np
    import soundfile

    def write(content: str | bytes, *files: str) -> tuple[Path, Path]:
        folder = tmp_path / "music"
        folder.mkdir(exist_ok=True)
        for number, name in enumerate(files):
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            noise = np.random.default_rng(number).uniform(-0.5, 0.5, 400)
            soundfile.write(path, noise, 8000, format="WAV")
        table = tmp_path / "tracks.csv"
        table.write_bytes(content if isinstance(content, bytes) else content.encode())
        return folder, table

    return write
