"""Deadlines outlive the process, the clock's being set, and the machine's boot."""

from __future__ import annotations

from pathlib import Path

import pytest

from telewarden.storage import AlertRow, Epoch, MasterKey, PlanRow, Store, VerdictRow

from .backends import BACKENDS  # noqa: F401 - conftest reads BACKENDS

pytestmark = pytest.mark.storage

METHOD = "messages.getHistory"
HOUR, DAY = 3_600.0, 86_400.0
NOON = 1_700_000_000.0  # epoch seconds


class Machine:
    """A machine's two clocks: one that is set by hand, one that goes on from the boot."""

    def __init__(self, wall: float = NOON, since_boot: float = 500.0) -> None:
        self.wall, self.since_boot, self.boot = wall, since_boot, "first"

    def passes(self, seconds: float) -> None:
        self.wall += seconds
        self.since_boot += seconds

    def boots(self, wall: float) -> None:
        self.wall, self.since_boot, self.boot = wall, 1.0, f"after {self.boot}"

    def epoch(self) -> Epoch:
        """What a process that starts now counts by."""
        return Epoch(wall=lambda: self.wall, steady=lambda: self.since_boot)


class Database:
    def __init__(self, place: Path | str, machine: Machine) -> None:
        self.place, self.machine, self.master = place, machine, MasterKey.from_text(KEY)

    def start(self) -> Epoch:
        """Begin a process that writes."""
        epoch = self.machine.epoch()
        with Store.open(self.place, self.master) as store:
            store.continue_time_base(epoch, boot=self.machine.boot)
        return epoch

    def waits(self, epoch: Epoch) -> float:
        """How many seconds the flood lasts."""
        with Store.open_reader(self.place, self.master) as store:
            (row,) = store.floods("alice")
        return row.until - epoch.now()

    def flood(self, epoch: Epoch, seconds: float) -> None:
        with Store.open_short_writer(self.place) as store:
            store.put_flood("alice", METHOD, None, epoch.now() + seconds, seconds)


KEY = MasterKey.generate()


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.fixture
def clocked(place: Path | str, machine: Machine) -> Database:
    return Database(place, machine)


@pytest.mark.parametrize("step", [-3 * DAY, -HOUR, -2.0, 0.0, 2.0, HOUR, 3 * DAY])
def test_a_clock_that_is_set_while_a_process_works_moves_no_deadline(
    clocked: Database, machine: Machine, step: float
) -> None:
    epoch = clocked.start()
    clocked.flood(epoch, 12.0)

    machine.wall += step
    machine.passes(5.0)

    assert clocked.waits(epoch) == pytest.approx(7.0)


@pytest.mark.parametrize("step", [-3 * DAY, -HOUR, 0.5, HOUR, 3 * DAY])
def test_a_clock_that_is_set_between_two_processes_moves_no_deadline(
    clocked: Database, machine: Machine, step: float
) -> None:
    clocked.flood(clocked.start(), 600.0)

    machine.wall += step
    machine.passes(100.0)
    epoch = clocked.start()

    assert clocked.waits(epoch) == pytest.approx(500.0)
    assert epoch.shown(epoch.now()) == pytest.approx(machine.wall, abs=1.0)
    with Store.open_reader(clocked.place, clocked.master) as store:
        (row,) = store.floods("alice")
    assert row.until == pytest.approx(machine.wall + 500.0, abs=1.0)


@pytest.mark.parametrize("step", [-3 * DAY, -20.0, HOUR])
def test_all_that_is_measured_from_a_moment_keeps_its_distance_when_the_clock_is_set(
    clocked: Database, machine: Machine, step: float
) -> None:
    now = clocked.start().now()
    verdict = VerdictRow(
        session="alice",
        worker_group="",
        health="expired",
        reason="login_ended",
        why=[],
        since=now - 60.0,
        steps=[["disable", 1, now - 30.0, ""]],
    )
    with Store.open(clocked.place, clocked.master) as store:
        store.put_plans([PlanRow(id=9, plan={"added_at": now - 1.0}), PlanRow(id=8, plan={})])
        store.silence("*", now + 600.0)
        store.keep_alerts([AlertRow(name="SessionDown", subject="alice", since=now, fired=now)])
        store.keep_verdicts([verdict], [])

    machine.wall += step
    machine.passes(100.0)
    later = clocked.start().now()

    with Store.open_reader(clocked.place, clocked.master) as store:
        plans = {row.id: row.plan for row in store.plans()}
        (alert,), (kept,) = store.alerts(), store.verdicts()
        silence = store.silences()["*"]
    assert plans[8] == {}
    assert plans[9]["added_at"] == pytest.approx(later - 101.0)
    assert silence == pytest.approx(later + 500.0)
    assert (alert.since, alert.fired) == pytest.approx((later - 100.0, later - 100.0))
    assert alert.owed is None
    assert kept.since == pytest.approx(later - 160.0)
    assert kept.steps[0][2] == pytest.approx(later - 130.0)


def test_a_script_beside_counts_as_the_writer_does(clocked: Database, machine: Machine) -> None:
    clocked.flood(clocked.start(), 600.0)
    machine.wall += HOUR
    beside = machine.epoch()

    with Store.open_reader(clocked.place, clocked.master) as store:
        store.adopt_time_base(beside, boot=machine.boot)

    assert clocked.waits(beside) == pytest.approx(600.0)


def test_after_another_boot_a_deadline_goes_on_by_the_wall(
    clocked: Database, machine: Machine
) -> None:
    clocked.flood(clocked.start(), 600.0)

    machine.boots(wall=NOON + 200.0)

    assert clocked.waits(clocked.start()) == pytest.approx(400.0)


def test_after_another_boot_with_a_clock_set_back_it_lasts_no_longer_than_telegram_said(
    clocked: Database, machine: Machine
) -> None:
    clocked.flood(clocked.start(), 600.0)

    machine.boots(wall=0.0)  # as on a board without a battery

    assert clocked.waits(clocked.start()) == pytest.approx(600.0)


@pytest.mark.parametrize("wrong", [-400 * DAY, -HOUR, HOUR, 3 * DAY])
def test_a_deadline_made_under_a_wrong_clock_is_put_right_by_telegrams_time(
    clocked: Database, machine: Machine, wrong: float
) -> None:
    machine.wall = NOON + wrong
    epoch = clocked.start()
    clocked.flood(epoch, 600.0)
    with Store.open_short_writer(clocked.place) as store:
        store.record_server_time(NOON - epoch.now())

    machine.boots(wall=NOON + 200.0)  # right by now

    assert clocked.waits(clocked.start()) == pytest.approx(400.0)


def test_a_login_code_spent_under_a_clock_ahead_counts_for_a_day_and_no_longer(
    clocked: Database, machine: Machine
) -> None:
    machine.wall = NOON + 3 * DAY
    epoch = clocked.start()
    with Store.open_short_writer(clocked.place) as store:
        store.record_login_code("+1", epoch.now())

    machine.wall = NOON
    epoch = clocked.start()
    with Store.open_reader(clocked.place, clocked.master) as store:
        today = store.login_codes("+1", epoch.now() - DAY)
        machine.passes(DAY + 1.0)
        tomorrow = store.login_codes("+1", epoch.now() - DAY)

    assert (len(today), len(tomorrow)) == (1, 0)
