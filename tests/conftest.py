"""Shared fixtures: the real data where it is, a small synthesised corpus where it is not."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# Idle OpenMP threads that spin starve the others on a busy machine; must be set before torch loads.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# Processes that compile librosa's functions at once overwrite each other's cache, and a function
# that is loaded from a mixture of two crashes. Each process keeps its own.
os.environ["NUMBA_CACHE_DIR"] = str(
    Path(__file__).parents[1]
    / ".pytest_cache"
    / "numba"
    / os.environ.get("PYTEST_XDIST_WORKER", "main")
)

import pytest

# A shell starts what runs in the background deaf to Ctrl-C, and the commands that tests start would
# inherit that; a handler is not inherited, so they hear it again.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def nothing_of_the_users(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep tests from the catalogue and the settings of whoever runs them, and these from tests."""
    own = str(tmp_path_factory.mktemp("own"))
    with pytest.MonkeyPatch.context() as patch:
        for variable in ("XDG_DATA_HOME", "XDG_CONFIG_HOME"):
            patch.setenv(variable, own)
        for variable in ("MUSIC_EMOTION_CATALOGUE", "MUSIC_EMOTION_TAGS"):
            patch.delenv(variable, raising=False)
        yield


@pytest.fixture(scope="session")
def emotify_root() -> Path:
    """Folder of the real EMOTIFY data; the test is skipped by name where there is none."""
    root = os.environ.get("EMOTIFY_ROOT")
    if not root or not (Path(root) / "data.csv").is_file():
        pytest.skip("EMOTIFY_ROOT does not point at the real data")
    return Path(root)


@pytest.fixture(scope="session")
def ray_here() -> Iterator[Any]:
    """A Ray cluster of two worker processes; what needs it is skipped by name without Ray."""
    pytest.importorskip("ray", reason="Ray is missing: pip install 'music-emotion[distributed]'")
    from music_emotion.cluster import ray_cluster

    with ray_cluster(cpus=2) as ray:
        yield ray


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Headless Chromium; who asks for it skips by name where there is none."""
    from playwright.sync_api import sync_playwright

    from helpers.browser import launched

    with sync_playwright() as playwright:
        opened = launched(playwright)
        yield opened
        opened.close()
