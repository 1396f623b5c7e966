"""Predict thousands of damaged files and record what happened in docs/robustness.md.

Files of every base format are made from real music (EMOTIFY_ROOT) or, without it, from synthesised
sound; each is damaged in one of five ways, drawn from a seed, and predicted in a worker process
that is watched from outside. A crash, a hang or a worker that needs too much memory is a failure
of the package; a refusal in one line or a prediction is not.

    python tools/fuzz_audio.py --count 10000 --write docs/robustness.md
"""

from __future__ import annotations

import argparse
import io
import os
import platform
import random
import resource
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from datetime import date
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import soundfile

from music_emotion.audio import Sound, decode, resample
from music_emotion.inference.batch import predict_file, silence_native_libraries
from music_emotion.inference.model import load_model
from music_emotion.parallel import Worker
from music_emotion.report.tables import markdown_table

SECONDS = 6.0  # of music in each file
FORMATS = {
    "mp3": ("MP3", "MPEG_LAYER_III", 44_100),
    "wav": ("WAV", "PCM_16", 44_100),
    "wav (float)": ("WAV", "FLOAT", 44_100),
    "flac": ("FLAC", "PCM_16", 44_100),
    "ogg": ("OGG", "VORBIS", 44_100),
    "opus": ("OGG", "OPUS", 48_000),
    "aiff": ("AIFF", "PCM_16", 44_100),
}
LONGEST_SECONDS = 10.0  # of the processor for one file; more is a hang
LONGEST_WAIT = 300.0  # seconds; on a busy machine a process may wait for the processor
LOOK_EVERY = 1.0  # seconds
MOST_MEMORY = 1_000.0  # MB of a worker
HEADER_BYTES = 256
NUMBERS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
DAMAGES = ("byte flips", "truncation", "number in the header", "block removed", "block repeated")


@dataclass(frozen=True)
class Result:
    """What became of one damaged file."""

    format: str
    damage: str
    outcome: str
    seconds: float
    memory: float
    number: int


def largest_memory() -> float:
    """Return the largest memory this process has had, in MB.

    Linux's ``ru_maxrss`` is not it: a process inherits that from the one that started it.
    """
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


def music() -> Sound:
    """Return a few seconds of real music, or of chords and noise."""
    root = os.environ.get("EMOTIFY_ROOT")
    if root:
        return decode(Path(root, "emotifymusic", "rock", "3.mp3"), duration=SECONDS)
    rng = np.random.default_rng(0)
    clock = np.arange(int(SECONDS * 44_100)) / 44_100
    chord = sum(np.sin(2 * np.pi * hertz * clock) for hertz in (220.0, 277.2, 329.6))
    noise = rng.standard_normal(len(clock)) * (clock % 0.5 < 0.05)
    return Sound((0.15 * chord + 0.1 * noise).astype(np.float32), 44_100)


def originals() -> dict[str, bytes]:
    """Return a whole file of every base format."""
    sound = music()
    files = {}
    for name, (container, codec, rate) in FORMATS.items():
        stereo = np.stack([resample(sound.samples, sound.sample_rate, rate)] * 2, axis=1)
        buffer = io.BytesIO()
        soundfile.write(buffer, stereo, rate, format=container, subtype=codec)
        files[name] = buffer.getvalue()
    return files


def damaged(data: bytes, rng: random.Random) -> tuple[str, bytes]:
    """Damage a file in one of :data:`DAMAGES` ways; return which, and the file."""
    damage = rng.choice(DAMAGES)
    result = bytearray(data)
    if damage == "byte flips":
        end = len(result) if rng.random() < 0.5 else min(len(result), HEADER_BYTES)
        for _ in range(rng.choice((1, 3, 10, 100))):
            result[rng.randrange(end)] ^= rng.randrange(1, 256)
    elif damage == "truncation":
        del result[rng.randrange(len(result)) if rng.random() < 0.7 else rng.randrange(200) :]
    elif damage == "number in the header":
        for _ in range(rng.choice((1, 2))):
            size = rng.choice((1, 2, 4, 8))
            value = (rng.choice(NUMBERS) + rng.randrange(-1, 2)) % (1 << 8 * size)
            at = rng.randrange(HEADER_BYTES)
            result[at : at + size] = value.to_bytes(size, rng.choice(("little", "big")))
    else:
        start = rng.randrange(len(result))
        block = result[start : start + rng.choice((1, 64, 4_096, 65_536))]
        if damage == "block removed":
            del result[start : start + len(block)]
        else:
            result[start:start] = block * rng.choice((1, 3))
    return damage, bytes(result)


def work(connection: Connection, model_name: str, folder: str) -> None:
    """Predict the files whose bytes arrive, until the connection closes."""
    silence_native_libraries()
    model = load_model(model_name)
    path = Path(folder, f"{os.getpid()}.bin")
    connection.send("ready")
    while (data := connection.recv()) is not None:
        path.write_bytes(data)
        started = time.process_time()
        outcome = predict_file(str(path), model)
        if outcome.prediction is None:
            answer = "refused"
        else:
            answer = "predicted with a warning" if outcome.prediction.warnings else "predicted"
        memory = largest_memory()
        connection.send((answer, time.process_time() - started, memory))


def processor_seconds(process: int | None) -> float:
    """Return the seconds of the processor that a process has used."""
    fields = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Watched:
    """A process that predicts one file at a time, and is replaced when it dies or hangs."""

    def __init__(self, model: str, folder: str) -> None:
        self._arguments = (model, folder)
        self.start()

    def start(self) -> None:
        """Start the process and wait until it has its model."""
        self.process = Worker(work, *self._arguments)
        self.process.connection.recv()

    def predict(self, data: bytes) -> tuple[str, float, float]:
        """Return what became of a file, seconds of the processor, the largest memory in MB."""
        try:
            self.process.connection.send(data)
            if self._answered():
                answer, seconds, memory = self.process.connection.recv()
                if memory <= MOST_MEMORY and seconds <= LONGEST_SECONDS:
                    return answer, seconds, memory
                self.replace()
                return "HANG" if seconds > LONGEST_SECONDS else "TOO MUCH MEMORY", seconds, memory
        except (EOFError, OSError):
            self.replace()
            return "CRASH", 0.0, 0.0
        self.replace()
        return "HANG", LONGEST_SECONDS, 0.0

    def _answered(self) -> bool:
        """Wait for an answer until the process has used the seconds of one file."""
        end = time.monotonic() + LONGEST_WAIT
        before = processor_seconds(self.process.process.pid)
        while time.monotonic() < end:
            if self.process.connection.poll(LOOK_EVERY):
                return True
            if processor_seconds(self.process.process.pid) - before > LONGEST_SECONDS:
                return False
        return False

    def replace(self) -> None:
        """Kill the process and start another."""
        self.process.kill()
        self.process.close()
        self.start()

    def stop(self) -> None:
        """Let the process end."""
        self.process.connection.send(None)
        self.process.close()


def run(count: int, seed: int, model: str, keep: Path | None) -> list[Result]:
    files = originals()
    names = list(files)
    results = []
    with tempfile.TemporaryDirectory() as folder:
        worker = Watched(model, folder)
        for number in range(count):
            name = names[number % len(names)]
            damage, data = damaged(files[name], random.Random(f"{seed} {number}"))
            outcome, seconds, memory = worker.predict(data)
            results.append(Result(name, damage, outcome, seconds, memory, number))
            if outcome.isupper():
                print(f"{number} {name} {damage}: {outcome}", file=sys.stderr)
                if keep is not None:
                    keep.mkdir(parents=True, exist_ok=True)
                    (keep / f"{number}.bin").write_bytes(data)
            if number % 500 == 499:
                print(f"{number + 1} of {count}", file=sys.stderr)
        worker.stop()
    return results


def report(results: list[Result], arguments: argparse.Namespace) -> str:
    """Return the page."""
    outcomes = ["predicted", "predicted with a warning", "refused", "CRASH", "HANG",
                "TOO MUCH MEMORY"]  # fmt: skip
    failures = sum(result.outcome.isupper() for result in results)
    model = load_model(arguments.model).card
    lines = [
        "# Robustness: damaged files",
        "",
        f"{len(results):,} damaged files, {failures} failures. A file may be predicted, or refused "
        "in one line; a failure is a crash, more than 10 s of the processor, or more than 1 GB.",
        "",
        f"- command: `python tools/fuzz_audio.py --count {arguments.count} --seed "
        f"{arguments.seed} --model {model.name}`",
        f"- made on {date.today()}, Python {platform.python_version()}, libsndfile "
        f"{soundfile.__libsndfile_version__}, model {model.name} {model.version}",
        f"- longest file: {max(result.seconds for result in results):.2f} s; largest memory of the "
        f"process: {max(result.memory for result in results):.0f} MB",
        f"- the music: {SECONDS:.0f} s "
        + ("of EMOTIFY" if os.environ.get("EMOTIFY_ROOT") else "synthesised")
        + ", stereo, in every base format",
        "",
    ]
    for key in ("format", "damage"):
        counts = Counter((getattr(result, key), result.outcome) for result in results)
        body = [
            [group, *(f"{counts[group, outcome]:,}" for outcome in outcomes)]
            for group in sorted({getattr(result, key) for result in results})
        ]
        lines += [markdown_table([key, *map(str.lower, outcomes)], body), ""]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--model", default="default")
    parser.add_argument("--keep", type=Path, help="folder for the files that fail")
    parser.add_argument("--write", type=Path, help="the page; by default it is printed")
    arguments = parser.parse_args()
    results = run(arguments.count, arguments.seed, arguments.model, arguments.keep)
    page = report(results, arguments)
    if arguments.write is None:
        print(page)
    else:
        arguments.write.write_text(page, encoding="utf-8")
    sys.exit(any(result.outcome.isupper() for result in results))


if __name__ == "__main__":
    main()
