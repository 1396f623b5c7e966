"""How far work is, as whoever asked for it is told: a bar, a line, nothing."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[int, int], None]
"""Called with (done, in all); the total is 0 while unknown, and may shrink when work ends early."""
