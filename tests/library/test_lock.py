from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from music_emotion.errors import CatalogueError
from music_emotion.library.lock import scan_lock

HOLD = """
import sys, time
from pathlib import Path
from music_emotion.library.lock import scan_lock
with scan_lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


def test_a_second_scan_is_told_who_holds_it(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    with scan_lock(path), pytest.raises(CatalogueError) as told, scan_lock(path):
        pass
    assert f"process {os.getpid()} on " in str(told.value)
    assert "wait for it with --wait" in str(told.value)
    with scan_lock(path):
        pass


def test_the_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE)
    assert holder.stdout is not None and holder.stdout.readline() == b"held\n"
    with pytest.raises(CatalogueError, match=f"process {holder.pid}"), scan_lock(path):
        pass
    holder.kill()
    holder.wait()
    holder.stdout.close()
    with scan_lock(path):
        pass


def test_waiting_ends_when_the_other_does(tmp_path: Path) -> None:
    path, told = tmp_path / "c.sqlite", list[str]()
    waits, got = threading.Event(), threading.Event()

    def wait() -> None:
        def waiting(holder: str) -> None:
            told.append(holder)
            waits.set()

        with scan_lock(path, wait=True, waiting=waiting):
            got.set()

    with scan_lock(path):
        thread = threading.Thread(target=wait)
        thread.start()
        assert waits.wait(60)
        assert not got.is_set()
    assert got.wait(60)
    thread.join()
    assert len(told) == 1


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CatalogueError, match="cannot make"), scan_lock(tmp_path / "file" / "c"):
        pass
