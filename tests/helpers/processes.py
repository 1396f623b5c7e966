"""Which processes there are, as Linux tells it in /proc."""

from __future__ import annotations

from pathlib import Path

import pytest

needs_proc = pytest.mark.skipif(
    not Path("/proc/self/stat").exists(), reason="looks at processes in /proc"
)


def is_running(pid: int) -> bool:
    """Whether a process is there and has not ended."""
    fields = _status(pid)
    return bool(fields) and fields[0] != "Z"


def children_of(pid: int) -> set[int]:
    """Return the numbers of the processes that a process has started."""
    numbers = {int(folder.name) for folder in Path("/proc").glob("[0-9]*")}
    return {number for number in numbers if _status(number)[1:2] == [str(pid)]}


def descendants_of(pid: int) -> set[int]:
    """Return the numbers of the processes that a process has started, and they in turn."""
    found = children_of(pid)
    return found.union(*map(descendants_of, found))


def _status(pid: int) -> list[str]:
    """Return state, parent and so on; nothing where there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return []
