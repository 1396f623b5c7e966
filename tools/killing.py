"""What the tools share that kill a command at a random moment of its work."""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import NoReturn

POLL_SECONDS = 0.002
PATIENCE_SECONDS = 600.0


def command(*arguments: object) -> list[str]:
    """Return a call of ``music-emotion``."""
    return [sys.executable, "-m", "music_emotion", *map(str, arguments)]


def start(
    call: list[str], at_work: Callable[[], bool], poll: float = POLL_SECONDS
) -> subprocess.Popen[bytes]:
    """Start a command in a session of its own; return it when it is at work or has ended."""
    process = subprocess.Popen(
        call, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    deadline = time.monotonic() + PATIENCE_SECONDS
    while process.poll() is None and not at_work():
        if time.monotonic() > deadline:
            process.kill()
            raise SystemExit(f"{' '.join(call[2:])} does nothing; is the machine too busy?")
        time.sleep(poll)
    return process


def kill(process: subprocess.Popen[bytes], seconds: float) -> bool:
    """Kill a command after some seconds; return whether it was still at work."""
    time.sleep(seconds)
    working = process.poll() is None
    process.kill()
    process.wait()
    return working


def options(doc: str, *, files: int) -> argparse.ArgumentParser:
    """Return the options that the tools have in common."""
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--files", type=int, default=files)
    parser.add_argument("--seed", type=int, default=0)
    return parser


def end(wrong: Sequence[str], *, kills: int, files: int) -> NoReturn:
    """Say what was wrong after so many kills, and exit, with code 1 if anything was."""
    for line in wrong:
        print(f"wrong: {line}")
    print(f"{kills} kills, {files} files: {'FAILED' if wrong else 'all is well'}")
    sys.exit(bool(wrong))
