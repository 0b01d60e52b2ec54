"""What is past its time goes on time, a piece at a time, and what still counts stays."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from telewarden import Warden
from telewarden.config import Config, parse_config
from telewarden.errors import ConfigError, StorageFullError
from telewarden.service.retention import Retention
from telewarden.storage import Entity, MasterKey, OutboxRow, RowsPruned, Store

pytestmark = pytest.mark.storage

T = TypeVar("T")

DAY = 86_400.0
NOW = 1_000 * DAY


def config(**storage: float) -> Config:
    places = {"folder": "store", "master_key": {"env": "TELEWARDEN_TEST_KEY"}}
    return parse_config(
        {"telegram": {"api_id": 1}, "storage": {**places, **storage}, "loopback": {}}
    )


class Hall:
    """A retention on a store of its own, by clocks that a test turns."""

    def __init__(self, store: Store, asked: Config) -> None:
        self.store, self.now, self.work_takes = store, NOW, 0.0
        self.rests: list[float] = []
        self.changed: list[int] = []  # rows that each write removed
        self.told: list[RowsPruned] = []
        self.full = False
        operations = Warden(asked).operations
        self.retention = Retention(
            asked,
            operations,
            self.do,
            self.told.append,
            wall=lambda: self.now,
            steady=lambda: self.now,
            sleep=self.sleep,
        )

    async def do(self, work: Callable[[Store], T], /) -> T:
        if self.full:
            raise StorageFullError(self.store.path)
        before = self.store.db.conn.total_changes
        done = work(self.store)
        self.changed.append(self.store.db.conn.total_changes - before)
        self.now += self.work_takes
        return done

    async def sleep(self, seconds: float) -> None:
        self.rests.append(seconds)
        self.now += seconds
        if sum(self.rests) > 3 * 3_600.0:
            raise asyncio.CancelledError


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "warden.db", MasterKey.from_text(MasterKey.generate())) as opened:
        yield opened


def message(source_id: int) -> OutboxRow:
    return OutboxRow(
        pair_id=1, source_chat=-1001, source_id=source_id, random_id=source_id, enqueued_at=1.0
    )


def fill(store: Store) -> None:
    """A delivery, an audit row, a crash, a code and a flood of each age in days."""
    for days in (1, 3, 8, 29, 31, 89, 91, 400):
        at = NOW - days * DAY
        store.enqueue([message(days)])
        store.complete(1, days, 900 + days, at)
        store.audit("ann", "pause", f"{days}", at=at)
        store.record_crash(f"{days}", "why", at)
        store.record_login_code("+1", at)
        store.put_flood("alice", f"{days}", None, at, 1.0)
    store.put_flood("alice", "ahead", None, NOW + 1.0, 1.0)
    store.enqueue([message(1_000), message(1_001)])
    store.fail(1, 1_001, "too long", 1.0, dead=True)
    store.advance_mark(1, -1001, 1_001)


def left(store: Store) -> dict[str, list[int]]:
    kept = store.db.execute("select source_id from outbox where state = 'done' order by 1")
    return {
        "outbox": [number for (number,) in kept],
        "audit": sorted(int(row.subject) for row in store.audit_rows()),
        "crashes": sorted(int(row.path) for row in store.crashes()),
        "login_codes": sorted(int((NOW - at) / DAY) for at in store.login_codes("+1", 0.0)),
        "floods": sorted(int(row.method) for row in store.floods() if row.method != "ahead"),
    }


async def test_each_kind_of_row_stays_for_its_time(store: Store) -> None:
    fill(store)
    hall = Hall(store, config())

    done = await hall.retention.prune()

    assert left(store) == {
        "outbox": [1, 3, 8, 29],
        "audit": [1, 3, 8, 29, 31, 89],
        "crashes": [1, 3],
        "login_codes": [1],
        "floods": [1],
    }
    assert done.rows == {
        "outbox": 4,
        "audit": 2,
        "crashes": 6,
        "floods": 7,
        "login_codes": 7,
        "entities": 0,
    }
    assert hall.told == [done]


async def test_what_waits_is_dead_or_still_ahead_stays_whatever_its_age(store: Store) -> None:
    fill(store)

    await Hall(store, config(keep_delivered=1.0, keep_audit=1.0)).retention.prune()

    assert left(store)["outbox"] == left(store)["audit"] == []
    assert [row.source_id for row in (*store.pending([1]), *store.dead())] == [1_000, 1_001]
    assert [mark.message_id for mark in store.marks([1])] == [1_001]
    assert "ahead" in [row.method for row in store.floods()]


async def test_zero_keeps_for_ever(store: Store) -> None:
    fill(store)
    before = left(store)

    done = await Hall(store, config(keep_delivered=0.0, keep_audit=0.0)).retention.prune()

    assert (done.outbox, done.audit) == (0, 0)
    assert (left(store)["outbox"], left(store)["audit"]) == (before["outbox"], before["audit"])


async def test_many_rows_go_in_pieces_with_as_much_rest_as_work(store: Store) -> None:
    with store.transaction():
        for number in range(2_500):
            store.enqueue([message(number)])
            store.complete(1, number, number, 1.0)
    hall = Hall(store, config())
    hall.work_takes = 0.5

    assert (await hall.retention.prune()).outbox == 2_500

    assert [rows for rows in hall.changed if rows > 1] == [1_001, 1_001, 501]  # and of `pruned`
    assert hall.rests == [0.5, 0.5]


async def test_the_entities_of_every_session_come_down_to_what_is_read_again(store: Store) -> None:
    for name, count in (("alice", 7_100), ("bob", 10), ("carol", 5_001)):
        store.put_entities(name, [Entity(id=n, access_hash=n, seen=n) for n in range(count)])
    hall = Hall(store, config())

    assert (await hall.retention.prune()).entities == 2_101

    assert [len(store.entities(name, 9_999)) for name in ("alice", "bob", "carol")] == [
        5_000,
        10,
        5_000,
    ]
    assert max(hall.changed) == 1_000


async def test_it_is_done_a_little_after_the_start_and_every_hour(store: Store) -> None:
    hall = Hall(store, config())

    with pytest.raises(asyncio.CancelledError):
        await hall.retention.keep_pruning()

    assert hall.rests == [60.0, 3_600.0, 3_600.0, 3_600.0]
    assert len(hall.told) == 3


@pytest.mark.crashes(logged="database not pruned")
async def test_a_disk_that_refuses_is_said_and_tried_again_an_hour_later(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    hall = Hall(store, config())
    hall.full = True

    with pytest.raises(StorageFullError):
        await hall.retention.prune()
    with pytest.raises(asyncio.CancelledError):
        await hall.retention.keep_pruning()

    assert caplog.text.count("database not pruned") == 3
    assert hall.told == []


async def test_two_that_ask_at_once_are_served_one_after_the_other(store: Store) -> None:
    fill(store)
    hall = Hall(store, config())

    first, second = await asyncio.gather(hall.retention.prune(), hall.retention.prune())

    assert (first.outbox, second.outbox) == (4, 0)


def test_a_config_says_seconds_and_none_below_zero() -> None:
    plain: dict[str, Any] = config().storage.model_dump()

    assert (plain["keep_delivered"], plain["keep_audit"]) == (30 * DAY, 90 * DAY)
    with pytest.raises(ConfigError, match="keep_audit"):
        config(keep_audit=-1.0)
