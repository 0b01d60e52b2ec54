"""What the process keeps of the last day for charts."""

from __future__ import annotations

import pytest

from telewarden.metrics import Exporter
from telewarden.metrics.day import SERIES, Day, Totals
from telewarden.supervision import EventStream
from telewarden.telegram import Forwarded
from telewarden.telegram.reports import Overview

pytestmark = pytest.mark.metrics


def test_a_minute_is_told_by_its_last_look_and_what_was_counted_in_it() -> None:
    day = Day()
    day.look(600.0, Totals(online=1, sessions=2, outbox=5, forwarded=10, lag=3.0, lags=2))
    day.look(655.0, Totals(online=2, sessions=2, outbox=4, forwarded=12, lag=4.0, lags=4))
    day.look(660.0, Totals(online=2, sessions=2, outbox=0, forwarded=13, lag=6.0, lags=5))

    assert day.newest() == {
        "at": 600,
        "online": 2.0,
        "sessions": 2.0,
        "outbox": 4.0,
        "restarts": 0.0,
        "forwarded": 3.0,
        "dead": 0.0,
        "lag": 1.0,
    }


def test_a_minute_without_a_copy_has_no_lag() -> None:
    day = Day()
    day.look(0.0, Totals())
    day.look(60.0, Totals())

    assert day.newest()["lag"] is None


def test_the_minutes_in_which_nobody_looked_are_not_known() -> None:
    day = Day()
    day.look(0.0, Totals(online=1))
    day.look(60.0, Totals(online=2))
    day.look(240.0, Totals(online=3))
    day.look(300.0, Totals(online=4))

    start, series = day.last(6)

    assert start == -60
    assert series["online"] == [None, 1.0, 2.0, None, None, 3.0]


def test_the_day_has_so_many_points_and_the_oldest_goes() -> None:
    day = Day(points=3)
    for minute in range(6):
        day.look(minute * 60.0, Totals(online=minute))

    assert day.last(1_440) == (2 * 60, day.last(3)[1])
    assert day.last(3)[1]["online"] == [2.0, 3.0, 4.0]
    assert {len(values) for values in day._series.values()} == {3}


def test_what_an_old_lap_left_is_forgotten_after_a_long_sleep() -> None:
    day = Day(points=3)
    for minute in (0, 1, 2, 3, 1_000):
        day.look(minute * 60.0, Totals(online=7))

    assert day.last(3)[1]["online"] == [None, None, None]


def test_a_clock_that_was_put_back_changes_no_minute_that_is_told() -> None:
    day = Day()
    day.look(600.0, Totals())
    day.look(660.0, Totals(online=1))
    before = day.newest()
    day.look(0.0, Totals(online=9))

    assert day.newest() == before


def test_nothing_is_told_before_the_first_minute_is_over() -> None:
    day = Day()
    day.look(600.0, Totals())

    assert (day.newest(), day.last(10)) == ({}, (0, {name: [] for name in SERIES}))


def test_the_exporter_fills_the_day_from_what_it_counts() -> None:
    now = [0.0]
    exporter, events = Exporter(wall=lambda: now[0]), EventStream()
    exporter.watch(events)
    nobody = Overview(sessions=(), groups=())
    exporter.observe(nobody)
    events.publish(
        Forwarded(
            child="",
            at=1.0,
            session="alice",
            pair=1,
            source_id=1,
            target_id=2,
            lag=0.5,
            repeated=False,
        )
    )
    now[0] = 60.0
    exporter.observe(nobody)
    exporter.close()

    told = exporter.day.newest()
    assert (told["forwarded"], told["lag"], told["restarts"]) == (1.0, 0.5, 0.0)
