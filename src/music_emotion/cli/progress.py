"""Progress bars on the error stream; none where that is not a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Update = Callable[[int, int], None]
"""Called with (done, in all); a total of 0 means unknown."""


@contextmanager
def progress_bar(
    description: str, *, in_bytes: bool = False, transient: bool = False
) -> Iterator[Update]:
    """Show a bar with the time left while the block runs.

    Parameters
    ----------
    description
        What is being done.
    in_bytes
        Show amounts as bytes and their rate, not as a count.
    transient
        Leave nothing behind at the end.
    """
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    amount = (DownloadColumn(), TransferSpeedColumn()) if in_bytes else (MofNCompleteColumn(),)
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), *amount, TimeRemainingColumn())
    with Progress(
        *columns,
        console=console,
        disable=not console.is_terminal,
        transient=transient,
        redirect_stdout=sys.stdout.isatty(),  # a pipe or a file is not the bar's business
    ) as bar:
        task = bar.add_task(description, total=None)

        def update(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total or None)

        yield update
