"""An actor whose process dies over one file; worker processes import this module by name."""

from __future__ import annotations

import os

from music_emotion.inference import batch
from music_emotion.inference.batch import Outcome
from music_emotion.library.distributed.scan import ShardScanner

KILLER = "killer.wav"


class DeadlyScanner(ShardScanner):
    """Reads as the real one does, but for the killer."""

    def _predict(self, path: str) -> Outcome:
        _die_of(path)
        return super()._predict(path)

    def _predict_apart(self, path: str) -> Outcome:
        batch._run = run
        return super()._predict_apart(path)


def run(path: str) -> Outcome:
    _die_of(path)
    return batch.predict_file(path, batch._Worker.model)


def _die_of(path: str) -> None:
    if path.endswith(KILLER):
        os._exit(1)
