"""Time prediction against VibeNet and musicnn: ``python benchmarks/predict.py [FILE …]``.

Every subject runs warm in a process of its own, on one core and one thread, and the files go round
by turns, so that a busy moment hits all alike. Printed: median seconds of the core per file,
decoding included, and with the waiting where others use the core as well; the ratio to each peer
(median over files and repeats, of the former); the largest memory of each process. Without files,
one-minute tracks are taken from EMOTIFY_ROOT.

``--batch`` times a whole folder in two processes, ``--long`` a 3-hour WAV. ``--write PAGE`` appends
what is printed to a page. Start and installation: ``benchmarks/install.py``. Peers: see
``requirements-inference.txt``; one that is not installed is left out.

- VibeNet 0.1.0 (GPL; seven attributes, an EfficientNet): ``load_model().predict(path)``.
- musicnn 0.1.0 (ISC; MSD_musicnn, 50 tags, TensorFlow): its own graph and patches, loaded once; the
  spectrogram stays float32, because float16 overflows on loud tracks.
"""
# ruff: noqa: E402 - the number of threads must be set before numpy loads

from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[_name] = "1"  # read when numpy loads
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")  # tf.compat.v1.layers, which Keras 3 dropped

import argparse
import contextlib
import multiprocessing
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib import metadata
from multiprocessing.connection import Connection
from pathlib import Path

GENRES = ("classical", "rock", "electronic", "pop")
PEERS = ("vibenet", "musicnn")
LONG_SECONDS = 3 * 3600
Predict = Callable[[str], object]


def ours(name: str) -> Predict:
    import music_emotion

    return music_emotion.load_model(name).predict


def vibenet(_: str) -> Predict:
    import vibenet as peer

    return peer.load_model().predict


def musicnn(_: str) -> Predict:
    import tensorflow as tf

    tf.compat.v1.disable_eager_execution()
    import librosa
    import numpy as np
    from musicnn import configuration as config
    from musicnn import models

    frames = 187  # 3 s
    graph = tf.compat.v1.placeholder(tf.float32, [None, frames, config.N_MELS])
    training = tf.compat.v1.placeholder(tf.bool)
    with tf.name_scope("model"):
        tags = tf.nn.sigmoid(models.define_model(graph, training, "MSD_musicnn", 50)[0])
    options = tf.compat.v1.ConfigProto(
        intra_op_parallelism_threads=1, inter_op_parallelism_threads=1
    )
    session = tf.compat.v1.Session(config=options)
    session.run(tf.compat.v1.global_variables_initializer())
    weights = Path(models.__file__).with_name("MSD_musicnn")
    tf.compat.v1.train.Saver().restore(session, f"{weights}/")

    def predict(path: str) -> object:
        audio, rate = librosa.load(path, sr=config.SR)
        mel = librosa.feature.melspectrogram(
            y=audio, sr=rate, hop_length=config.FFT_HOP, n_fft=config.FFT_SIZE, n_mels=config.N_MELS
        ).T
        log_mel = np.log10(10_000 * mel + 1)
        patches = [log_mel[at : at + frames] for at in range(0, len(mel) - frames + 1, frames)]
        return [session.run(tags, {graph: patch[None], training: False}) for patch in patches]

    return predict


def work(connection: Connection, subject: str, core: int) -> None:
    """Predict the files whose names arrive; answer with seconds, the core's, memory in MB."""
    os.sched_setaffinity(0, {core})
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123  # the peers and decoders print
        os.dup2(nowhere.fileno(), 2)
    try:
        predict = {"vibenet": vibenet, "musicnn": musicnn}.get(subject, ours)(subject)
    except ImportError as error:
        connection.send(str(error))
        return
    connection.send("")
    while (path := connection.recv()) is not None:
        started, worked = time.perf_counter(), time.process_time()
        try:
            with contextlib.redirect_stdout(None):
                predict(path)
        except Exception as error:
            connection.send((f"{subject} failed: {error!r}", 0.0, 0.0))
            return
        seconds = (time.perf_counter() - started, time.process_time() - worked)
        connection.send((*seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))


def processor() -> str:
    names = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        if line.startswith("model name")
    ]
    return names[0] if names else platform.processor()


def version(subject: str) -> str:
    if subject not in PEERS:
        from music_emotion.inference.package import find_package, read_cards

        return read_cards([find_package(subject)])[0][0].version
    name = subject
    with contextlib.suppress(metadata.PackageNotFoundError):
        return metadata.version(name)
    return "?"


def compare(models: list[str], files: list[str], repeats: int) -> Iterator[str]:
    context = multiprocessing.get_context("spawn")
    core = min(os.sched_getaffinity(0))
    lines: dict[str, Connection] = {}
    for subject in (*models, *PEERS):
        here, there = context.Pipe()
        context.Process(target=work, args=(there, subject, core), daemon=True).start()
        there.close()  # so that a dead process ends the conversation
        if problem := here.recv():
            yield f"left out: {subject} ({problem})"
            continue
        lines[subject] = here
    seconds: dict[str, list[float]] = {subject: [] for subject in lines}
    worked: dict[str, list[float]] = {subject: [] for subject in lines}
    memory = dict.fromkeys(lines, 0.0)
    for turn in range(repeats + 1):
        for path in files:
            for subject, line in lines.items():
                line.send(path)
                taken, core_taken, memory[subject] = line.recv()
                if isinstance(taken, str):
                    sys.exit(taken)
                if turn:  # the first round warms up
                    seconds[subject].append(taken)
                    worked[subject].append(core_taken)
    yield f"{len(files)} files × {repeats}, warm, one core, one thread; {processor()}"
    for subject in lines:
        row = f"{subject:<12} {version(subject):<14} {statistics.median(worked[subject]):6.3f} s"
        row += f" (waiting included {statistics.median(seconds[subject]):6.3f} s)"
        row += f"  {memory[subject]:5.0f} MB"
        if subject in models:
            for peer in (name for name in PEERS if name in lines):
                pairs = zip(worked[subject], worked[peer], strict=True)
                row += f"   {statistics.median(a / b for a, b in pairs):.2f} × {peer}"
        yield row


def batch(model: str, folder: str, jobs: int) -> str:
    from music_emotion.audio.discover import find_files

    files = find_files([folder], recursive=True)
    with tempfile.NamedTemporaryFile(suffix=".jsonl") as out:
        command = [sys.executable, "-m", "music_emotion", "predict", "-r", folder]
        options = ["-m", model, "-j", str(jobs), "-o", out.name]
        started, before = time.perf_counter(), os.times()
        subprocess.run([*command, *options], check=False)
        seconds, after = time.perf_counter() - started, os.times()
    worked = after.children_user + after.children_system
    worked -= before.children_user + before.children_system
    return (
        f"{model}: {len(files)} files, {jobs} processes: {len(files) / seconds:.1f} tracks/s, "
        f"{worked:.0f} s of the processor in all: {jobs * len(files) / worked:.1f} tracks/s where "
        "nothing else runs"
    )


def long(model: str) -> str:
    import numpy as np
    import soundfile

    rng = np.random.default_rng(0)
    minute = (0.1 * rng.standard_normal((60 * 44_100, 2))).astype(np.float32)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "long.wav")
        with soundfile.SoundFile(path, "w", 44_100, 2, "PCM_16") as file:
            for _ in range(LONG_SECONDS // 60):
                file.write(minute)
        code = (
            "import resource, sys, time, music_emotion\n"
            "started = time.perf_counter()\n"
            "prediction = music_emotion.predict(sys.argv[1], model=sys.argv[2])\n"
            "memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024\n"
            "print(f'{prediction.duration / 3600:.1f} h: {time.perf_counter() - started:.0f} s, '\n"
            "      f'{memory:.0f} MB')\n"
        )
        command = [sys.executable, "-c", code, str(path), model]
        printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        return f"{model}, a WAV of {printed.rstrip()}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*")
    parser.add_argument("--models", nargs="+", default=["default"])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--batch", metavar="FOLDER", help="time a folder in --jobs processes")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--long", action="store_true", help="predict a 3-hour WAV (2 GB on disk)")
    parser.add_argument("--write", type=Path, help="append what is printed to this page")
    options = parser.parse_args()
    if options.batch:
        lines = (batch(model, options.batch, options.jobs) for model in options.models)
    elif options.long:
        lines = (long(model) for model in options.models)
    else:
        root = os.environ.get("EMOTIFY_ROOT")
        if not options.files and not root:
            parser.error("name files, or set EMOTIFY_ROOT")
        files = options.files or [
            f"{root}/emotifymusic/{g}/{n}.mp3" for g in GENRES for n in (3, 7)
        ]
        lines = compare(options.models, files, options.repeats)
    kept = []
    for line in lines:
        print(line, flush=True)
        kept.append(line)
    if options.write is not None:
        with options.write.open("a", encoding="utf-8") as page:
            page.write("\n".join(["", "```text", *kept, "```", ""]))


if __name__ == "__main__":
    main()
