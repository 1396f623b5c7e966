"""What a scan did, as lines for people."""

from __future__ import annotations

from pathlib import Path

from music_emotion.errors import printable
from music_emotion.library.scan import ScanSummary


def summary_lines(summary: ScanSummary, catalogue: Path) -> list[str]:
    """Return what a scan did; the failures themselves are not named here."""
    parts = [
        f"{count:,} {what}"
        for count, what in (
            (summary.predicted, "predicted"),
            (summary.moved, "moved"),
            (summary.retagged, "retagged"),
            (summary.copied, "the same sound as another"),
            (summary.unchanged, "unchanged"),
            (summary.missing, "missing"),
            (summary.pruned, "forgotten"),
            (len(summary.failures), "failed"),
        )
        if count
    ]
    files = "1 file" if summary.files == 1 else f"{summary.files:,} files"
    told = f": {', '.join(parts)}" if parts else ""
    return [f"{files}{told}", f"catalogue: {printable(catalogue)}"]
