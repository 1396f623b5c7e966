"""A Ray cluster: one that is there, or one started on this machine for as long as it is needed.

Ray is quiet here: it reports nothing to its makers, starts no dashboard, prints nothing of its own
on the terminal, and its logs go when it does.
"""

from __future__ import annotations

import math
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

from music_emotion.errors import MissingExtraError, MusicEmotionError, printable
from music_emotion.parallel import environment_set

OBJECT_STORE_BYTES = 200 * 10**6
"""Memory for what tasks hand over on a cluster started here; Ray would take a third of all."""

START_VARIABLE = "MUSIC_EMOTION_RAY_SECONDS"
"""Environment variable: the seconds in which a cluster must have started here."""

START_SECONDS = 600.0
PATIENCE_SECONDS = 10.0  # an attempt that ends sooner did not wait in vain for a busy machine
QUICK_FAILURES = 3  # after so many attempts that ended sooner there is no use in another
PREFIX = "me-ray-"  # of a cluster's folder; short, because names of sockets may not be long
CLIENT_SCHEME = "ray://"
QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_USAGE_STATS_PROMPT_ENABLED": "0",
    "RAY_SCHEDULER_EVENTS": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_prestart_worker_first_driver": "0",  # they would lack the environment that work is done in
    "RAY_gcs_server_port_wait_time_s": "120",  # a busy machine needs more than its 30 s
}
"""Environment variables that Ray reads when it is imported or started; those that are set stay."""


@contextmanager
def ray_cluster(
    address: str | None = None, *, cpus: int, store_bytes: int = OBJECT_STORE_BYTES
) -> Iterator[Any]:
    """Connect to a Ray cluster, or start one here; give the module ``ray``.

    A connection that this process has already is used and left as it is.

    Parameters
    ----------
    address
        ``host:port`` of a cluster's head, or ``auto`` for the one this machine belongs to; ``None``
        starts one on this machine that ends with the block, and with this process however it ends.
    cpus, store_bytes
        Processors of a cluster started here, one worker process each; size of its object store.

    Raises
    ------
    MissingExtraError
        Ray is not installed.
    MusicEmotionError
        No cluster answers, or none can be started in the seconds of :data:`START_VARIABLE`.
    """
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    try:
        import ray
    except ImportError:
        raise MissingExtraError("the engine ray", "distributed") from None
    if ray.is_initialized():
        yield ray
        return
    _sweep()
    folder = None if address else tempfile.mkdtemp(prefix=f"{_processes()}{os.getpid()}-")
    started_here: Mapping[str, Any] = {
        "num_cpus": cpus,
        "num_gpus": 0,
        "include_dashboard": False,
        "object_store_memory": max(store_bytes, OBJECT_STORE_BYTES),
        "_temp_dir": folder,
    }
    with nullcontext() if folder is None else _watched(folder):
        try:
            _connect(ray, address, started_here)
            yield ray
        finally:
            ray.shutdown()
            if folder is not None:
                _clear(folder)


@contextmanager
def _watched(folder: str) -> Iterator[None]:
    """Have a process clear up after a cluster if this process is killed within the block."""
    modules = os.pathsep.join(path for path in sys.path if path)
    watcher = subprocess.Popen(
        [sys.executable, "-c", f"from {__name__} import watch; watch()"],
        env={**os.environ, "PYTHONPATH": modules},
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # what ends this process may spare that
    )
    assert watcher.stdin is not None
    with watcher.stdin:
        watcher.stdin.write(os.fsencode(folder) + b"\n")
        watcher.stdin.flush()
        try:
            yield
        finally:
            watcher.kill()
            watcher.wait()


def watch() -> None:
    """Wait for the end of standard input, whose first line is a cluster's folder, and clear up."""
    folder = os.fsdecode(sys.stdin.buffer.readline().removesuffix(b"\n"))
    sys.stdin.buffer.read()
    if folder:
        _clear(folder)


def _clear(folder: str) -> None:
    """End what is left of a cluster that was started here, and remove its folder."""
    _end_processes(folder)
    shutil.rmtree(folder, ignore_errors=True)


def _end_processes(folder: str) -> None:
    """Kill what is left of a cluster that was started here.

    Ray forgets the processes of a start that failed, and some of those of a process that was killed
    go on for a minute.
    """
    if not Path("/proc").is_dir():
        return
    for place in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended meanwhile, or is another user's
            if int(place.name) != os.getpid() and _belongs(place, folder):
                os.kill(int(place.name), signal.SIGKILL)
                os.waitpid(int(place.name), 0)  # if it is a child of this process


def _belongs(process: Path, folder: str) -> bool:
    """Whether a process was started with a cluster's folder, or has files of that open."""
    if os.fsencode(folder) in (process / "cmdline").read_bytes():
        return True
    for file in (process / "fd").iterdir():
        with suppress(OSError):  # it was closed meanwhile
            if str(file.readlink()).startswith(folder + os.sep):
                return True
    return False


def _sweep() -> None:
    """Remove the folders, and the last processes, of clusters whose own process was killed."""
    if not Path("/proc").is_dir():
        return
    prefix = _processes()
    for folder in Path(tempfile.gettempdir()).glob(f"{prefix}[0-9]*-*"):
        owner = folder.name.removeprefix(prefix).partition("-")[0]
        if not Path("/proc", owner).exists():
            _clear(str(folder))


def _processes() -> str:
    """Return the start of a folder's name: containers that share /tmp number processes apart."""
    try:
        space = Path("/proc/self/ns/pid").stat().st_ino & 0xFFFFF
    except OSError:
        return PREFIX
    return f"{PREFIX}{space:x}-"


def alive_nodes(ray: Any) -> list[dict[str, Any]]:
    """Return the machines that are there, as Ray describes them."""
    return [node for node in ray.nodes() if node["Alive"]]


def largest_node(ray: Any) -> int:
    """Return the processors of the node that has most."""
    resources = (node["Resources"] for node in alive_nodes(ray))
    return max((int(has.get("CPU", 0)) for has in resources), default=0)


def cluster_cpus(ray: Any) -> int:
    """Return the processors of all nodes."""
    return max(1, int(ray.cluster_resources().get("CPU", 1)))


def _connect(ray: Any, address: str | None, started_here: Mapping[str, Any]) -> None:
    shown = printable(address)
    if address is not None and address.startswith(CLIENT_SCHEME):
        raise MusicEmotionError(
            f"'{shown}' is a Ray client address; give the cluster's own (host:6379) on one of its "
            "nodes, or submit the command as a Ray job"
        )
    options = {"address": "local", **started_here} if address is None else {"address": address}
    _silence_reports(ray)
    modules = {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    limit, begun, quick = _start_seconds(), time.monotonic(), 0
    while True:
        tried = time.monotonic()
        try:
            with environment_set(modules):  # so that its processes can import what this one can
                ray.init(log_to_driver=False, logging_level="CRITICAL", **options)
            return
        except Exception as error:  # Ray's own share no base with those of its connections
            ray.shutdown()
            if folder := started_here.get("_temp_dir"):
                _end_processes(folder)
            line = printable((str(error).splitlines() or [type(error).__name__])[0][:200])
        if address is not None:
            raise MusicEmotionError(
                f"no Ray cluster answers at '{shown}' ({line}); start one with ray start --head, "
                "set RAY_AUTH_MODE=token if it asks for a token, or leave --address out"
            )
        # Ray gives its agent 15 s to start and offers no way to give it more: it is tried again.
        now = time.monotonic()
        quick += now - tried < PATIENCE_SECONDS
        if quick == QUICK_FAILURES or now - begun >= limit:
            raise MusicEmotionError(
                f"Ray cannot be started here ({line}); is the machine busy? {START_VARIABLE} gives "
                f"it more than {limit:g} seconds"
            )


def _start_seconds() -> float:
    """Return the seconds in which a cluster must have started here."""
    value = os.environ.get(START_VARIABLE, "")
    try:
        seconds = float(value or START_SECONDS)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise MusicEmotionError(
            f"{START_VARIABLE}='{printable(value)}' is no number of seconds; unset it for "
            f"{START_SECONDS:g}"
        )
    return seconds


def _silence_reports(ray: Any) -> None:
    """Keep Ray from printing the death of a worker, which its caller tells in one line."""
    with suppress(AttributeError):
        worker = ray._private.worker
        if worker.print_to_stdstream:  # a newer Ray may have none
            worker.print_to_stdstream = lambda *_, **__: None
