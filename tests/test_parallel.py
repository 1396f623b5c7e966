from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from helpers import tasks
from helpers.processes import is_running, needs_proc
from music_emotion.errors import AudioError
from music_emotion.parallel import AHEAD, ONE_THREAD, Death, run_tasks

MOST_SECONDS = 300.0  # for what takes a moment, on a machine however busy


def run(orders, workers=2, **options):
    return list(run_tasks(tasks.begin, orders, workers=workers, **options))


def test_results_come_in_the_order_of_the_tasks_where_that_is_asked_for(tmp_path):
    mark = str(tmp_path / "mark")
    orders = [("await", mark), ("touch", mark), ("nothing", 2)]
    assert run(orders, in_order=True) == [(order, order[1]) for order in orders]


def test_results_come_as_they_are_done(tmp_path):
    mark = tmp_path / "mark"
    orders = [("await", str(mark)), ("nothing", 1)]
    results = run_tasks(tasks.begin, orders, workers=2)
    assert next(results) == (("nothing", 1), 1)
    mark.touch()
    assert list(results) == [(orders[0], str(mark))]


@pytest.mark.parametrize("in_order", [True, False])
def test_tasks_are_asked_for_a_few_ahead_of_what_is_yielded(in_order):
    taken = itertools.count()
    orders = (("nothing", next(taken)) for _ in itertools.count())
    results = run_tasks(tasks.begin, orders, workers=2, in_order=in_order)
    for _ in range(5):
        next(results)
    results.close()
    assert next(taken) <= 5 + 2 * AHEAD


@pytest.mark.parametrize("queued", [0, 1, 2])
def test_a_worker_holds_the_task_it_is_at_and_those_that_may_wait(queued):
    taken = []

    def orders():
        for number in range(6):
            taken.append(number)
            yield "nothing", number

    results = run_tasks(tasks.begin, orders(), workers=1, queued=queued)
    for done in range(6):
        assert next(results) == (("nothing", done), done)
        assert taken == list(range(6))[: done + 1 + queued]
    assert list(results) == []


@pytest.mark.parametrize("retry", [True, False])
@pytest.mark.parametrize(
    ("order", "said"),
    [(("exit", 3), "exit code 3"), (("exit", 0), "exit code 0"), (("kill", 9), "signal 9")],
)
def test_a_task_that_kills_its_process_is_named_and_stops_no_other(order, said, retry):
    orders = [("nothing", 0), order, ("nothing", 2), order, order, ("nothing", 5), ("nothing", 6)]
    found = run(orders, in_order=True, retry=retry)
    assert [order for order, _ in found] == orders
    assert [str(result) for _, result in found] == ["0", said, "2", said, said, "5", "6"]
    assert isinstance(found[1][1], Death)


def test_a_task_whose_process_was_killed_by_chance_gets_another_try(tmp_path):
    orders = [("die once", str(tmp_path / "mark")), *(("nothing", number) for number in range(4))]
    assert run(orders, in_order=True) == [(order, order[1]) for order in orders]
    ((_, result),) = run([("die once", str(tmp_path / "other"))], retry=False)
    assert result == Death(-signal.SIGKILL)


def test_what_a_task_raises_is_raised_here_at_its_turn():
    results = run_tasks(
        tasks.begin, [("nothing", 0), ("raise", "no sound")], workers=2, in_order=True
    )
    assert next(results) == (("nothing", 0), 0)
    with pytest.raises(AudioError, match="no sound") as caught:
        next(results)
    assert str(caught.value) == "no sound"
    assert "in perform" in caught.value.__notes__[0]


@pytest.mark.parametrize(
    ("order", "result"),
    [
        (("raise what cannot travel", "the server"), "MissingExtraError: the server needs more"),
        (("unpicklable", 0), "pickle"),
    ],
)
def test_what_cannot_travel_is_an_error_all_the_same(order, result):
    with pytest.raises(Exception, match=result):
        run([order])


def test_a_worker_that_cannot_begin_ends_it():
    with pytest.raises(AudioError, match="there is no model"):
        list(run_tasks(tasks.begin_in_vain, [("nothing", 0)] * 3, workers=2))


def test_a_worker_begins_once_and_none_is_started_in_vain():
    ((_, (one, first)), (_, (other, second))) = run([("process", 0)] * 2, workers=1)
    assert one == other != os.getpid()
    assert (first, second) == (0, 1)
    found = run([("process", 0)] * 3, workers=20)
    assert [number for _, (_, number) in found] == [0, 0, 0]


def test_reports_are_told_while_a_task_is_performed():
    heard = []
    order = ("report", 3)
    run([order], reported=lambda *report: heard.append(report))
    run([order], workers=0, reported=lambda *report: heard.append(report))
    assert heard == [(order, 0), (order, 1), (order, 2)] * 2


def test_the_environment_is_that_of_the_workers_alone(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    before = dict(os.environ)
    ((_, found),) = run([("environment", tuple(ONE_THREAD))])
    assert found == ONE_THREAD
    ((_, found),) = run([("environment", ("A", "B"))], environment={"A": "1"})
    assert found == {"A": "1", "B": None}
    assert dict(os.environ) == before


def test_none_works_in_this_process():
    assert run([("process", 0)] * 2, workers=0) == [
        (("process", 0), (os.getpid(), number)) for number in range(2)
    ]


def test_the_end_of_the_generator_is_the_end_of_the_workers(tmp_path):
    pids = []
    never = ("await", str(tmp_path / "never"))
    results = run_tasks(
        tasks.begin,
        [never, ("nothing", 0)],
        workers=2,
        reported=lambda _, pid: pids.append(pid),
    )
    next(results)
    results.close()
    assert not any(map(is_running, pids))


SCRIPT = """
import sys
sys.path.insert(0, {tests!r})
from helpers import tasks
from helpers.processes import is_running, needs_proc
from music_emotion.parallel import run_tasks

if __name__ == "__main__":
    def reported(task, pid):
        print(pid, flush=True)
    try:
        list(run_tasks(tasks.begin, [("await", {never!r})] * 2, workers=2, reported=reported))
    except KeyboardInterrupt:
        print("interrupted", flush=True)
"""


@needs_proc
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_workers_end_with_their_parent_however_it_ends(tmp_path, number):
    script = tmp_path / "script.py"
    never = str(tmp_path / "never")
    script.write_text(SCRIPT.format(tests=str(Path(__file__).parent), never=never))
    with subprocess.Popen(
        [sys.executable, str(script)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        workers = [int(process.stdout.readline()) for _ in range(2)]
        if number == signal.SIGINT:  # as a terminal does it: all processes are told
            os.killpg(process.pid, number)
            assert process.stdout.readline() == "interrupted\n"
            assert process.stderr.read() == ""
        else:
            process.kill()
    deadline = time.monotonic() + MOST_SECONDS
    while any(map(is_running, workers)) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not any(map(is_running, workers))
