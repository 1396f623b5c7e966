import io

import pytest
from rich.console import Console

from music_emotion.cli import progress as module
from music_emotion.cli.progress import CellProgress
from music_emotion.evaluation.cells import CellName, Run
from music_emotion.evaluation.schedule import Schedule

CELLS = [CellName(Run("track", "label", "net", 42), fold) for fold in range(5)]


@pytest.fixture
def clock(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    return now


def test_the_time_left_is_told_once_before_the_first_cell_is_done(clock):
    said = io.StringIO()
    progress = CellProgress(Console(file=said, width=200), jobs=1)
    progress.planned(CELLS, 0, Schedule({"net": ("log_mel",)}))
    progress.started(CELLS[0])
    clock[0] = 10.0
    progress.progressed(CELLS[0], 10, 100)
    assert said.getvalue().splitlines() == ["training 5 cells in 1 process"]
    for done in (30, 31):
        clock[0] = float(done)
        progress.progressed(CELLS[0], done, 100)
    # A hundredth a second, of which 40 is usual: 9 s of this cell, 40 s of each other.
    assert said.getvalue().splitlines()[1:] == ["about 3 min left"]


def test_what_is_known_at_the_start_is_told_at_the_start(clock):
    said = io.StringIO()
    schedule = Schedule({"net": ("log_mel",)})
    schedule.measured(CELLS[0], 60.0)
    progress = CellProgress(Console(file=said, width=200), jobs=2)
    progress.planned(CELLS[1:], 1, schedule)
    clock[0] = module.FIRST_ESTIMATE_SECONDS + 1
    progress.started(CELLS[1])
    progress.progressed(CELLS[1], 50, 100)
    assert said.getvalue().splitlines() == [
        "training 4 cells in 2 processes, 1 are there already, about 2 min"
    ]
