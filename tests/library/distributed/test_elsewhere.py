"""A cluster that this project did not start, and music and results in a bucket."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import soundfile as sf

from helpers.graphs import package, tone_detector
from helpers.processes import descendants_of
from helpers.sounds import RATE, tone
from kill_ray import ray_head
from music_emotion.library.distributed.settings import StorageSettings
from music_emotion.library.distributed.shards import ShardFolder

pytest.importorskip("ray", reason="Ray is missing: pip install 'music-emotion[distributed]'")
server = pytest.importorskip("moto.server", reason="moto is missing: pip install '.[dev]'")

DISC = "disc 1 50% mañana"  # a name that a URI would have to quote
BUCKET = "archive"
TRACKS = 16


@pytest.fixture
def storage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """How to reach a bucket of an S3 server on this machine, which no environment says."""
    running = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")  # else a token of this machine would count
    path = tmp_path / "storage.toml"
    path.write_text(
        f"[s3]\nendpoint = 'http://{host}:{port}'\n"
        "key = 'somebody'\nsecret = 'secret'\nregion = 'eu-west-1'\n"
    )
    from pyarrow import fs

    settings = StorageSettings.read(path).for_arrow()
    fs.S3FileSystem(**settings, allow_bucket_creation=True).create_dir(BUCKET)
    yield path
    running.stop()


@pytest.fixture
def cluster(storage: Path) -> Iterator[tuple[str, int]]:
    """A cluster of two processors, started as its owner would: its address and process."""
    with ray_head(cpus=2) as (address, process):
        yield address, process


def content(path: Path) -> bytes:
    """What a file holds; nothing where it has gone meanwhile."""
    try:
        return path.read_bytes()
    except OSError:
        return b""


def until(holds: Callable[[], object], process: subprocess.Popen[str]) -> None:
    """Wait until something holds, or a process has ended."""
    while process.poll() is None and not holds():
        time.sleep(0.02)


def test_a_bucket_is_scanned_on_a_cluster_that_is_there_whatever_is_killed(
    storage: Path, cluster: tuple[str, int], tmp_path: Path
) -> None:
    from pyarrow import fs

    address, head = cluster
    settings = StorageSettings.read(storage)
    bucket = fs.S3FileSystem(**settings.for_arrow())
    model = package(tmp_path / "model", tone_detector(), name="tones")
    for name, hertz in (("calm", 440.0), ("tense", 3_000.0)):
        sf.write(tmp_path / f"{name}.flac", tone(10.0, hertz=hertz), RATE)
    music = [f"{BUCKET}/music/{DISC}/{number:02}.flac" for number in range(TRACKS)]
    for number, name in enumerate(music):
        with bucket.open_output_stream(name) as stream:
            stream.write((tmp_path / f"{'tense' if number % 2 else 'calm'}.flac").read_bytes())
    out = f"s3://{BUCKET}/emotions"
    command = [sys.executable, "-m", "music_emotion", "scan", f"s3://{BUCKET}/music"]
    command += ["--engine", "ray", "--address", address, "-o", out, "-m", str(model)]
    command += ["--storage", str(storage), "--cpus", "0.5", "--memory", "0.1", "--per-node", "2"]

    def start() -> subprocess.Popen[str]:
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def at_work() -> list[int]:
        names = {number: Path("/proc", str(number), "cmdline") for number in descendants_of(head)}
        return [number for number, name in names.items() if b"Scanner.scan" in content(name)]

    folder = ShardFolder(out, settings)
    driver = start()
    until(folder.files, driver)
    driver.send_signal(signal.SIGKILL)
    driver.communicate()
    worker = start()
    until(at_work, worker)
    if workers := at_work():
        os.kill(workers[0], signal.SIGKILL)
    said, errors = worker.communicate(timeout=300)
    assert worker.returncode == 0, errors
    assert said.startswith(f"{TRACKS} tracks in 2 shards: ")
    assert " predicted now, 0 failed" in said
    rows = list(folder.read())
    assert Counter(row.path for row in rows) == Counter(f"s3://{name}" for name in music)
    tops = [row.prediction and row.prediction.top for row in rows]
    assert tops == ["calmness", "tension"] * (TRACKS // 2)
