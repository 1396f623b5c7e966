"""An empty figure, and its bytes: what every picture begins and ends with."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from music_emotion.errors import MissingExtraError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DOTS_PER_INCH = 120


def empty_figure(width: float, height: float, *, dpi: float = DOTS_PER_INCH) -> Figure:
    """Return a figure of this size in inches that is drawn on no screen.

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    """
    check_drawing()
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=dpi, layout="constrained")


def check_drawing() -> None:
    """Raise :class:`MissingExtraError` where matplotlib is not installed."""
    try:
        import matplotlib  # noqa: F401  # only asked whether it is there
    except ImportError as error:
        raise MissingExtraError("drawing pictures", "plot") from error


def png_bytes(figure: Figure) -> bytes:
    """Return a picture as a PNG file without a date: the same figure is the same file."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()
