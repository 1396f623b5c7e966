"""A cluster that this project did not start, and music and results in a bucket."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import soundfile as sf

from helpers.graphs import package, tone_detector
from helpers.sounds import RATE, tone
from music_emotion.library.distributed.shards import ShardFolder

pytest.importorskip("ray", reason="Ray is missing: pip install 'music-emotion[distributed]'")
server = pytest.importorskip("moto.server", reason="moto is missing: pip install '.[dev]'")

DISC = "disc 1 50% mañana"  # a name that a URI would have to quote


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A bucket of an S3 server on this machine; what is started meanwhile finds it."""
    running = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    settings = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "somebody",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "eu-west-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "RAY_AUTH_MODE": "disabled",  # else it depends on whether this machine has a token
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    from pyarrow import fs

    storage, _ = fs.FileSystem.from_uri("s3://archive?allow_bucket_creation=true")
    storage.create_dir("archive")
    yield "archive"
    running.stop()


@pytest.fixture
def cluster(bucket: str, tmp_path: Path) -> Iterator[str]:
    """The address of a cluster of two processors, started as its owner would."""
    folder = tempfile.mkdtemp(prefix="me-")  # short, because names of sockets may not be long
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block"]
    options = {
        "node-ip-address": "127.0.0.1",
        "port": address.partition(":")[2],
        "num-cpus": "2",
        "include-dashboard": "false",
        "object-store-memory": str(10**8),
        "temp-dir": folder,
    }
    command += [f"--{name}={value}" for name, value in options.items()]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with (
        (tmp_path / "ray.log").open("w") as log,
        subprocess.Popen(command, env=environment, stdout=log, stderr=log) as process,
    ):
        yield address
        process.terminate()
    shutil.rmtree(folder, ignore_errors=True)


def test_a_bucket_is_scanned_on_a_cluster_that_is_there(bucket, cluster, tmp_path):
    from pyarrow import fs

    model = package(tmp_path / "model", tone_detector(), name="tones")
    storage, _ = fs.FileSystem.from_uri(f"s3://{bucket}")
    for name, hertz in (("calm", 440.0), ("tense", 3_000.0)):
        sf.write(tmp_path / f"{name}.wav", tone(3.0, hertz=hertz), RATE)
        with storage.open_output_stream(f"{bucket}/music/{DISC}/{name}.wav") as stream:
            stream.write((tmp_path / f"{name}.wav").read_bytes())
    out = f"s3://{bucket}/emotions"
    command = [sys.executable, "-m", "music_emotion", "scan", f"s3://{bucket}/music"]
    command += ["--engine", "ray", "--address", cluster, "-o", out, "-m", str(model)]
    for predicted in (2, 0):  # a second time there is nothing to do
        ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
        assert ended.returncode == 0, ended.stderr
        assert f": {predicted} predicted now, 0 of them failed" in ended.stdout
    rows = list(ShardFolder(out).read())
    assert [row.path for row in rows] == [
        f"s3://{bucket}/music/{DISC}/{name}.wav" for name in ("calm", "tense")
    ]
    assert [row.prediction and row.prediction.top for row in rows] == ["calmness", "tension"]
