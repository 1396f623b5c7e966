import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from music_emotion import cluster


@pytest.fixture
def shared(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.mark.skipif(not Path("/proc/self/ns").is_dir(), reason="needs Linux")
def test_only_folders_of_ended_processes_of_this_system_are_swept(shared):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    here = cluster._processes()
    dead, live, another = (
        shared / name
        for name in (f"{here}{ended.pid}-x", f"{here}{os.getpid()}-x", f"me-ray-0-{ended.pid}-x")
    )
    for folder in (dead, live, another):
        (folder / "session").mkdir(parents=True)
    cluster._sweep()
    assert not dead.exists()
    assert live.exists() and another.exists()
