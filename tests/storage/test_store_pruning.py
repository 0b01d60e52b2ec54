"""Pruning: what a piece costs, and random histories in which it loses and doubles nothing."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from telewarden.storage import Backfill, Entity, MasterKey, OutboxRow, Store

from ..postgres_server import PostgresServer

pytestmark = pytest.mark.storage

MASTER = MasterKey.from_text(MasterKey.generate())
PAIR, SOURCE = 1, -1001
OLD, KEPT = 50, 2_000  # rows whose time is over, and rows that stay


def outbox_row(source_id: int) -> OutboxRow:
    return OutboxRow(
        pair_id=PAIR,
        source_chat=SOURCE,
        source_id=source_id,
        random_id=source_id,
        enqueued_at=1.0,
        version=0,
    )


def fill(store: Store, *, kept: int) -> None:
    """TableAccess of 1 to ``OLD`` seconds, and ``kept`` of 1,000 seconds."""
    ages = [*map(float, range(1, OLD + 1)), *[1_000.0] * kept]
    with store.transaction():
        for number, at in enumerate(ages):
            store.enqueue([outbox_row(number)])
            store.complete(PAIR, number, number, at)
            store.audit("ann", "pause", "pair 1", at=at)
            store.record_crash("journal", "why", at)
            store.record_login_code("+1", at)
            store.put_flood("alice", "messages.sendMessage", -number - 1, at, 1.0)
        store.put_entities("alice", [Entity(id=n, access_hash=n) for n in range(kept)])


def steps_of(store: Store, work: Callable[[], object]) -> int:
    """How many instructions SQLite needs, in tens."""
    counted = Counter[str]()
    conn = store.db.conn
    conn.set_progress_handler(lambda: counted.update(["tens"]), 10)
    work()
    conn.set_progress_handler(None, 0)
    return counted["tens"]


@pytest.mark.parametrize(
    "piece",
    [
        lambda store: store.prune_outbox(500.0, limit=10),
        lambda store: store.prune_outbox(500.0),
        lambda store: store.prune_audit(500.0, limit=10),
        lambda store: store.prune_crashes(500.0, limit=10),
        lambda store: store.prune_login_codes(500.0, limit=10),
        lambda store: store.clear_expired(500.0, limit=10),
        lambda store: store.entity_owners(),
    ],
    ids=["outbox", "the last of it", "audit", "crashes", "codes", "floods", "owners"],
)
def test_a_piece_costs_the_same_however_much_is_kept(
    tmp_path: Path, piece: Callable[[Store], object]
) -> None:
    steps = []
    for kept in (KEPT // 10, KEPT):
        with Store.open(tmp_path / str(kept) / "warden.db", MASTER) as store:
            fill(store, kept=kept)
            steps.append(steps_of(store, lambda: piece(store)))

    assert steps[1] <= steps[0] * 1.2 + 5


def test_freed_pages_are_used_again(store: Store) -> None:
    fill(store, kept=500)
    (pages,) = store.db.execute("pragma page_count").fetchone()

    store.prune_outbox(2_000.0)
    (free,) = store.db.execute("pragma freelist_count").fetchone()
    with store.transaction():
        store.enqueue(outbox_row(number) for number in range(5_000, 5_400))

    assert free > 0
    assert store.db.execute("pragma page_count").fetchone() == (pages,)


class Pair:
    """One pair that goes by a worker group's rules, on a Telegram that remembers no random id.

    So whatever is sent twice is there twice, and a row that is gone must never be mistaken for a
    message that was not sent.
    """

    def __init__(self, database: Path | str, seed: int) -> None:
        self.database, self.chance = database, random.Random(seed)
        self.store = Store.open(database, MASTER)
        self.now = 0.0
        self.place: tuple[float, int] | None = None
        self.start = self.newest = self.chance.randint(0, 6)  # newest: also of what is deleted
        self.said = dict.fromkeys(range(1, self.start + 1), 0)  # at the source, what it says
        self.sent: list[int] = []  # each message as often as it was sent
        self.dropped: set[int] = set()
        self.owed: set[int] = set()
        self.noted: set[int] = set()  # changes on disk that are not made
        self.store.advance_mark(PAIR, SOURCE, self.start)

    def step(self) -> None:
        deeds = (self.say, self.send, self.send, self.put_aside, self.retry_or_drop, self.edit)
        more = (self.delete, self.make_changes, self.backfill, self.prune, self.prune, self.again)
        self.chance.choice(deeds + more)()

    def say(self) -> None:
        ids = range(self.newest + 1, self.newest + 1 + self.chance.randint(1, 4))
        wanted = [one for one in ids if self.chance.random() < 0.8]  # the filters let through
        with self.store.transaction():
            assert self.store.enqueue(map(outbox_row, wanted)) == len(wanted)
            self.store.advance_mark(PAIR, SOURCE, ids[-1])
        self.said |= dict.fromkeys(ids, 0)
        self.newest = ids[-1]
        self.owed.update(wanted)

    def send(self) -> None:
        for row in self.store.pending([PAIR])[: self.chance.choice([1, 9])]:
            self.now += 1.0
            self.sent.append(row.source_id)
            version = self.said.get(row.source_id, 0)
            self.store.complete(PAIR, row.source_id, len(self.sent), self.now, version)

    def put_aside(self) -> None:
        for row in self.store.pending([PAIR])[:1]:
            self.store.fail(PAIR, row.source_id, "why", self.now, dead=True)

    def retry_or_drop(self) -> None:
        for row in self.store.dead([PAIR])[:1]:
            if self.chance.random() < 0.7:
                self.store.retry(PAIR, row.source_id)
            else:
                self.store.drop(PAIR, row.source_id)
                self.dropped.add(row.source_id)
                self.noted.discard(row.source_id)

    def edit(self) -> None:
        one = self.chance.choice([*self.said, 0])
        if one:
            self.said[one] += 1
            if self.store.mark_edit_pending(PAIR, one, self.said[one]):
                self.noted.add(one)

    def delete(self) -> None:
        one = self.chance.choice([*self.said, 0])
        self.said.pop(one, None)
        if one in {row.source_id for row in self.store.pending([PAIR])}:
            self.store.fail(PAIR, one, "gone", self.now, dead=True)
        elif self.store.mark_removal_pending([PAIR], [one]):
            self.noted.add(one)

    def make_changes(self) -> None:
        for change in self.store.pending_changes([PAIR]):
            one = change.source_id
            if not self.store.targets(PAIR, [one]):
                continue  # not sent yet
            if change.change == "edit" and one in self.said:
                self.store.record_edit(PAIR, one, self.said[one])
            else:
                self.store.record_removal(PAIR, [one])
            self.noted.discard(one)

    def backfill(self) -> None:
        if not self.store.backfills([PAIR]):
            self.store.put_backfill(Backfill(PAIR, self.chance.randint(0, 4), self.newest))
        for _ in range(self.chance.randint(1, 4)):
            for row in self.store.backfills([PAIR]):
                self._read_a_page(row, self.chance.randint(1, 4))

    def _read_a_page(self, row: Backfill, size: int) -> None:
        there = [one for one in sorted(self.said) if row.after < one <= row.until]
        page, more = there[:size], there[size:]
        with self.store.transaction():
            known = self.store.handled(PAIR, page)
            self.store.enqueue(outbox_row(one) for one in page if one not in known)
            if more:
                self.store.put_backfill(Backfill(PAIR, page[-1], row.until))
            else:
                self.store.end_backfill(PAIR)
        self.owed.update(one for one in page if one <= self.start)

    def prune(self) -> None:
        before = self.now - self.chance.choice([0, 0, 1, 4]) + 0.5
        for _ in range(self.chance.choice([1, 99])):
            limit = self.chance.randint(1, 4)
            self.place = self.store.prune_outbox(before, limit=limit, after=self.place).reached
            if self.place is None:
                break

    def again(self) -> None:
        self.store.close()
        self.store = Store.open(self.database, MASTER)

    def check(self) -> None:
        """Nothing is lost or doubled, what was noted is to be made, marks and last target stand."""
        pending = {row.source_id for row in self.store.pending([PAIR])}
        dead = {row.source_id for row in self.store.dead([PAIR])}
        wanted = {change.source_id for change in self.store.pending_changes([PAIR])}

        assert [one for one, times in Counter(self.sent).items() if times > 1] == []
        assert self.owed <= pending | dead | set(self.sent) | self.dropped
        assert wanted == self.noted - dead
        assert [mark.message_id for mark in self.store.marks([PAIR])] == [self.newest]
        assert self.store.last_targets([PAIR]).get(PAIR, 0) == len(self.sent)


@pytest.mark.parametrize("seed", range(80))
def test_pruning_loses_and_doubles_nothing_in_any_history(database: Path, seed: int) -> None:
    goes_by(Pair(database, seed))


@pytest.mark.parametrize("seed", range(80, 92))
def test_nor_does_it_in_postgresql(postgres: PostgresServer, seed: int) -> None:
    goes_by(Pair(postgres.fresh(), seed))


def goes_by(pair: Pair) -> None:
    try:
        for _ in range(60):
            pair.step()
            pair.check()
    finally:
        pair.store.close()
