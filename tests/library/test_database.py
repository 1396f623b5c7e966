from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from music_emotion.errors import CatalogueError
from music_emotion.library.database import scan_lock

HOLD = """
import sys, time
from pathlib import Path
from music_emotion.library.database import scan_lock
with scan_lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


def test_a_second_scan_is_told_who_holds_it(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    with scan_lock(path), pytest.raises(CatalogueError) as raised, scan_lock(path):
        pass
    assert f"process {os.getpid()} on " in str(raised.value)
    assert "wait for it with --wait" in str(raised.value)
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
    path, holders = tmp_path / "c.sqlite", list[str]()
    waits, got = threading.Event(), threading.Event()

    def wait() -> None:
        def waiting(holder: str) -> None:
            holders.append(holder)
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
    assert len(holders) == 1


def test_a_link_leads_to_the_same_lock(tmp_path: Path) -> None:
    path, link = tmp_path / "c.sqlite", tmp_path / "link.sqlite"
    path.touch()
    link.symlink_to(path)
    with scan_lock(path), pytest.raises(CatalogueError, match="wait for it"), scan_lock(link):
        pass


def test_a_folder_gets_no_lock_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CatalogueError, match="is a folder"), scan_lock(Path()):
        pass
    assert list(tmp_path.iterdir()) == []
    assert not (tmp_path.parent / f"{tmp_path.name}.lock").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="there is no flock")
def test_a_disk_that_is_full_or_has_no_locks_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl

    def refuse(*_: object) -> None:
        raise OSError(37, "No locks available")

    with monkeypatch.context() as patched:
        patched.setattr(fcntl, "flock", refuse)
        raised = pytest.raises(CatalogueError, match=r"cannot be locked .*No locks available")
        with raised, scan_lock(tmp_path / "c.sqlite"):
            pass
    with monkeypatch.context() as patched:
        patched.setattr(os, "ftruncate", refuse)
        with pytest.raises(CatalogueError, match="cannot be locked"), scan_lock(tmp_path / "c"):
            pass


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CatalogueError, match="cannot make"), scan_lock(tmp_path / "file" / "c"):
        pass
