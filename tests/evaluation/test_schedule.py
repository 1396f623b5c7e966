from __future__ import annotations

import pytest

from music_emotion.evaluation.cells import CellName, Run
from music_emotion.evaluation.schedule import Schedule

FEATURES = {"net": ("log_mel",), "cheap": ("statistics",)}


def cell(model, fold=0, protocol="track"):
    return CellName(Run(protocol, "label", model, 42), fold)


def test_nothing_is_known_at_first():
    assert Schedule(FEATURES).seconds_left([cell("net")], jobs=2) is None


def test_the_time_left_is_that_of_cells_like_it_shared_among_jobs():
    schedule = Schedule(FEATURES)
    schedule.measured(cell("net", 0), 80.0)
    schedule.measured(cell("net", 1), 120.0)
    assert schedule.expected(cell("net", 2)) == 100
    assert schedule.seconds_left([cell("net", n) for n in (2, 3, 4)], jobs=2) == 150


def test_times_under_another_protocol_do_until_there_are_better_ones():
    schedule = Schedule(FEATURES)
    schedule.measured(cell("net", protocol="artist"), 100.0)
    assert schedule.expected(cell("net")) == 100
    schedule.measured(cell("net"), 40.0)
    assert schedule.expected(cell("net", 1)) == 40


def test_a_network_is_expected_to_cost_hundreds_of_times_what_statistics_do():
    schedule = Schedule(FEATURES)
    schedule.measured(cell("cheap"), 0.25)
    assert 60 < schedule.expected(cell("net")) < 400


def test_models_that_are_not_to_be_trained_say_nothing_about_the_others():
    schedule = Schedule(FEATURES)
    schedule.measured(cell("ensemble"), 300.0)
    assert schedule.expected(cell("net")) is None
    schedule.measured(cell("cheap"), 0.25)
    alone = Schedule(FEATURES)
    alone.measured(cell("cheap"), 0.25)
    assert schedule.expected(cell("net")) == alone.expected(cell("net"))


@pytest.fixture
def clock(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("music_emotion.evaluation.schedule.time.monotonic", lambda: now[0])
    return now


def test_a_cell_under_way_tells_by_its_pace_between_two_reports(clock):
    schedule = Schedule(FEATURES)
    schedule.started(cell("cheap"))
    # 20 s until the first batch is done, then a hundredth in each second.
    for now, fraction in ((20.0, 0.01), (22.0, 0.03)):
        clock[0] = now
        schedule.progressed(cell("cheap"), fraction)
        assert schedule.seconds_left([], jobs=1) is None
    clock[0] = 40.0
    schedule.progressed(cell("cheap"), 0.21)
    assert schedule.expected(cell("cheap")) == pytest.approx(19 + 100)
    assert schedule.seconds_left([], jobs=1) == pytest.approx(79)
    schedule.stopped(cell("cheap"))
    assert schedule.seconds_left([], jobs=1) == 0


def test_a_slow_start_is_no_estimate_of_days(clock):
    schedule = Schedule(FEATURES)
    schedule.started(cell("net"))
    clock[0] = 30.0
    schedule.progressed(cell("net"), 0.0005)
    assert schedule.seconds_left([cell("net", fold) for fold in range(1, 99)], jobs=2) is None


def test_a_network_is_expected_to_stop_early_until_it_has_not(clock):
    schedule = Schedule(FEATURES)
    schedule.started(cell("net"))
    schedule.progressed(cell("net"), 0.0)
    clock[0] = 10.0
    schedule.progressed(cell("net"), 0.1)
    assert schedule.expected(cell("net")) == pytest.approx(40)  # the usual share of 100
    assert schedule.expected(cell("net", 1)) == pytest.approx(40)
    clock[0] = 80.0
    schedule.progressed(cell("net"), 0.8)
    assert schedule.expected(cell("net")) == pytest.approx(90)


def test_long_cells_come_first_and_equal_ones_in_their_order():
    names = [cell("cheap"), cell("net", 1), cell("net", 0)]
    assert Schedule(FEATURES).longest_first(names) == [cell("net", 0), cell("net", 1), names[0]]
