"""The outbox, the marks and the flood ledger against a plain model, under any order of calls."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from telewarden.storage import Mark, MasterKey, OutboxRow, Store

from ..postgres_server import PostgresServer

pytestmark = pytest.mark.storage

MASTER = MasterKey.from_text(MasterKey.generate())
PAIRS = st.integers(1, 3)
MESSAGES = st.integers(1, 6)
PAYLOADS = st.none() | st.binary(max_size=8)


class StoreMachine(RuleBasedStateMachine):
    """Calls in any order, with transactions undone and the file opened again in between."""

    @initialize()
    def begin(self) -> None:
        self.folder, self.place = self.made()
        self.store = Store.open(self.place, MASTER)
        self.rows: dict[tuple[int, int], tuple[str, bytes | None, int, int | None]] = {}
        self.marks: dict[tuple[int, int], int] = {}
        self.floods: dict[tuple[str, int | None], float] = {}

    def made(self) -> tuple[Path, Path | str]:
        """A folder that is this run's own, and where its store is to be."""
        folder = Path(tempfile.mkdtemp())
        return folder, folder / "warden.db"

    @rule(pair=PAIRS, message=MESSAGES, payload=PAYLOADS)
    def enqueue(self, pair: int, message: int, payload: bytes | None) -> None:
        row = OutboxRow(
            pair_id=pair,
            source_chat=-pair,
            source_id=message,
            random_id=message,
            enqueued_at=1.0,
            payload=payload,
        )
        added = self.store.enqueue([row, row])
        assert added == int((pair, message) not in self.rows)
        self.rows.setdefault((pair, message), ("pending", payload, 0, None))

    @rule(pair=PAIRS, message=MESSAGES, sent_as=st.none() | st.integers(1, 9))
    def complete(self, pair: int, message: int, sent_as: int | None) -> None:
        known = self.rows.get((pair, message))
        counts = known is not None and known[0] != "done"
        assert self.store.complete(pair, message, sent_as, 2.0) == counts
        if known is not None and counts:
            self.rows[pair, message] = ("done", None, known[2], sent_as)

    @rule(pair=PAIRS, message=MESSAGES, dead=st.booleans())
    def fail(self, pair: int, message: int, dead: bool) -> None:
        known = self.rows.get((pair, message))
        counts = known is not None and known[0] != "done"
        assert self.store.fail(pair, message, "why", 3.0, dead=dead) == counts
        if known is not None and counts:
            state = "dead" if dead else known[0]
            self.rows[pair, message] = (state, known[1], known[2] + 1, known[3])

    @rule(pair=PAIRS, message=MESSAGES)
    def retry(self, pair: int, message: int) -> None:
        known = self.rows.get((pair, message))
        counts = known is not None and known[0] == "dead"
        assert self.store.retry(pair, message) == counts
        if known is not None and counts:
            self.rows[pair, message] = ("pending", known[1], 0, known[3])

    @rule(pair=PAIRS, message=MESSAGES)
    def drop(self, pair: int, message: int) -> None:
        known = self.rows.get((pair, message))
        counts = known is not None and known[0] == "dead"
        assert self.store.drop(pair, message) == counts
        if counts:
            del self.rows[pair, message]

    @rule()
    def prune(self) -> None:
        done = [key for key, row in self.rows.items() if row[0] == "done"]
        assert self.store.prune_outbox(before=2.5).removed == len(done)
        for key in done:
            del self.rows[key]

    @rule(pair=PAIRS, message=MESSAGES)
    def advance(self, pair: int, message: int) -> None:
        self.store.advance_mark(pair, -pair, message)
        key = (pair, -pair)
        self.marks[key] = max(message, self.marks.get(key, 0))

    @rule(method=st.sampled_from("ab"), chat=st.sampled_from([None, -5]), until=st.floats(1, 9))
    def flood(self, method: str, chat: int | None, until: float) -> None:
        self.store.put_flood("alice", method, chat, until, 1.0)
        self.floods[method, chat] = max(until, self.floods.get((method, chat), 0.0))

    @rule(now=st.floats(1, 9))
    def clear(self, now: float) -> None:
        gone = [key for key, until in self.floods.items() if until <= now]
        assert self.store.clear_expired(now) == len(gone)
        for key in gone:
            del self.floods[key]

    @rule(pair=PAIRS, message=MESSAGES)
    def undone(self, pair: int, message: int) -> None:
        with pytest.raises(ZeroDivisionError), self.store.transaction():  # noqa: PT012 - what is undone
            self.store.complete(pair, message, 1, 2.0)
            self.store.advance_mark(pair, -pair, 99)
            self.store.put_flood("alice", "a", None, 99.0, 1.0)
            raise ZeroDivisionError

    @rule()
    def open_again(self) -> None:
        self.store.close()
        self.store = Store.open(self.place, MASTER)

    @invariant()
    def the_store_says_what_the_model_says(self) -> None:
        if not hasattr(self, "store"):
            return
        pending = [
            (row.pair_id, row.source_id, row.payload, row.attempts)
            for row in self.store.pending([3, 1, 2, 1])
        ]
        assert pending == [
            (*key, row[1], row[2]) for key, row in sorted(self.rows.items()) if row[0] == "pending"
        ]
        counts = self.store.outbox_counts()
        states = [row[0] for row in self.rows.values()]
        assert (counts.pending, counts.done, counts.dead) == tuple(
            states.count(state) for state in ("pending", "done", "dead")
        )
        assert self.store.marks([1, 2, 3]) == [
            Mark(pair_id=pair, chat=chat, message_id=message)
            for (pair, chat), message in sorted(self.marks.items())
        ]
        assert {
            (row.method, row.chat): row.until for row in self.store.floods("alice")
        } == self.floods

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.store.close()
            shutil.rmtree(self.folder)


StoreMachine.TestCase.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)


class TestStoreUnderAnyOrderOfCalls(StoreMachine.TestCase):  # type: ignore[name-defined,misc] # made by hypothesis
    """Collected by pytest."""


class PostgresMachine(StoreMachine):
    """The same on a server."""

    server: PostgresServer

    def made(self) -> tuple[Path, Path | str]:
        return Path(tempfile.mkdtemp()), self.server.fresh()


PostgresMachine.TestCase.settings = settings(max_examples=10, stateful_step_count=25, deadline=None)


class TestStoreInPostgresUnderAnyOrderOfCalls(PostgresMachine.TestCase):  # type: ignore[name-defined,misc] # made by hypothesis
    """Collected by pytest."""

    @pytest.fixture(autouse=True)
    def _server(self, postgres: PostgresServer) -> None:
        PostgresMachine.server = postgres
