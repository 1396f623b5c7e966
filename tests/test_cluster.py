import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from helpers.processes import is_running, needs_proc
from music_emotion import cluster
from music_emotion.errors import MusicEmotionError


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


class Busy:
    """Stands in for Ray on a busy machine, with a clock of its own."""

    def __init__(self, failures, seconds):
        self.failures, self.seconds, self.now, self.attempts = failures, seconds, 0.0, 0

    def monotonic(self):
        return self.now

    def init(self, **_):
        self.attempts += 1
        self.now += self.seconds
        if self.attempts <= self.failures:
            raise Exception("The current node timed out during startup.")

    def shutdown(self):
        pass


def start(busy, monkeypatch):
    monkeypatch.setattr(cluster.time, "monotonic", busy.monotonic)
    cluster._connect(busy, None, {})


def test_a_busy_machine_is_waited_for(monkeypatch):
    busy = Busy(failures=8, seconds=57.0)
    start(busy, monkeypatch)
    assert busy.attempts == 9


@pytest.mark.parametrize(
    ("seconds", "limit", "attempts"), [(57.0, "", 11), (57.0, "100", 2), (0.1, "", 3)]
)
def test_a_start_that_keeps_failing_is_given_up(monkeypatch, seconds, limit, attempts):
    monkeypatch.setenv(cluster.START_VARIABLE, limit)
    busy = Busy(failures=1_000, seconds=seconds)
    with pytest.raises(MusicEmotionError, match=r"timed out .* is the machine busy\? MUSIC"):
        start(busy, monkeypatch)
    assert busy.attempts == attempts


@pytest.mark.parametrize("value", ["soon", "-1", "0", "nan", "inf"])
def test_a_time_that_is_none_is_refused(monkeypatch, value):
    monkeypatch.setenv(cluster.START_VARIABLE, value)
    with pytest.raises(MusicEmotionError, match="no number of seconds; unset it for 600"):
        cluster._start_seconds()


@pytest.mark.skipif(not Path("/proc/self/ns").is_dir(), reason="needs Linux")
def test_a_start_that_failed_leaves_no_process(monkeypatch, tmp_path):
    folder, started = str(tmp_path), list[subprocess.Popen[bytes]]()

    class Failing(Busy):
        def init(self, **options):
            log = Path(options["_temp_dir"], "agent.log")
            code = "import time; time.sleep(600)"
            command = [sys.executable, "-c", code]
            with log.open("w") as file:  # as Ray's agents do, whose names tell nothing
                started.append(subprocess.Popen(command, stdout=file))
            started.append(subprocess.Popen([*command, options["_temp_dir"]]))
            super().init(**options)

    busy = Failing(failures=9, seconds=0.1)
    monkeypatch.setattr(cluster.time, "monotonic", busy.monotonic)
    with pytest.raises(MusicEmotionError, match="cannot be started"):
        cluster._connect(busy, None, {"_temp_dir": folder})
    assert len(started) == 6
    assert not any(Path("/proc", str(process.pid)).exists() for process in started)
    for process in started:
        process.wait()


@needs_proc
def test_who_is_killed_leaves_no_process_and_no_folder(tmp_path):
    folder = tmp_path / "me-ray-x"
    folder.mkdir()
    code = f"""
import subprocess, sys, time
from music_emotion.cluster import _watched
with _watched({str(folder)!r}):
    command = [sys.executable, "-c", "import time; time.sleep(600)"]
    agent = subprocess.Popen([*command, {str(folder)!r}])
    print(agent.pid, flush=True)
    time.sleep(600)
"""
    killed = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert killed.stdout is not None
    agent = int(killed.stdout.readline())
    killed.kill()
    killed.communicate()
    until = time.monotonic() + 60
    while time.monotonic() < until and (folder.exists() or is_running(agent)):
        time.sleep(0.05)
    assert not folder.exists()
    assert not is_running(agent)
