"""How far work is, as whoever asked for it is told: a bar, a line, nothing."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[int, int], None]
"""Called with (done, in all); the total is 0 while unknown, and may shrink when work ends early."""


def part_of(progress: Progress | None, position: int, parts: int) -> Progress | None:
    """Show the progress of one of several equal parts, from 0, as a share of the whole.

    Examples
    --------
    >>> second = part_of(lambda done, total: print(done, "of", total), 1, 2)
    >>> second(5, 10)
    1500 of 2000
    """
    if progress is None:
        return None

    def report(done: int, total: int) -> None:
        progress(1000 * position + 1000 * done // max(total, 1), 1000 * parts)

    return report
