"""Sixteen threads, fifty thousand calls each, no lock of theirs: nothing lost, nothing torn."""

from __future__ import annotations

import random
import threading
from collections import deque
from pathlib import Path
from typing import Any

import pytest

from telewarden.actors import RegisterSession, RegistrySnapshot, SessionChanged, SessionEntry
from telewarden.storage import MasterKey, Store
from telewarden.testing import RegistryKit

pytestmark = pytest.mark.actors

THREADS, CALLS = 16, 50_000
OWN = 10  # sessions that one thread changes; all of them are read by everybody
WRITE_EVERY, OPERATE_EVERY, LOOK_EVERY = 25, 250, 100
WINDOW = 100


class Caller:
    """One thread's calls, and what it can tell afterwards."""

    def __init__(self, number: int, kit: RegistryKit) -> None:
        self.sessions, self.operations = kit.blocking.sessions, kit.blocking.operations
        self.registry = kit.blocking
        self.chance = random.Random(number)
        self.own = [f"s{number}_{at}" for at in range(OWN)]
        self.everybody = [f"s{one}_{at}" for one in range(THREADS) for at in range(OWN)]
        self.written = dict.fromkeys(self.own, 0)
        self.seen: dict[str, int] = {}
        self.revision = 0
        self.problems: list[str] = []
        self.steps = 0
        self.under_way: deque[tuple[Any, int]] = deque()

    def run(self) -> None:
        try:
            self._run()
        except BaseException as error:  # noqa: BLE001 - the test has to hear of it
            self.problems.append(repr(error))

    def _run(self) -> None:
        self.id = self.operations.begin("backfill", steps=CALLS).id
        for call in range(1, CALLS + 1):
            if call % OPERATE_EVERY == 0:
                self._operate()
            elif call % WRITE_EVERY == 0:
                self._write()
            elif call % LOOK_EVERY == 1:
                self._look(self.registry.snapshot)
            else:
                self._read(self.sessions.get(self.chance.choice(self.everybody)))
        while self.under_way:
            self._settle()

    def _write(self) -> None:
        name = self.chance.choice(self.own)
        self.written[name] = count = self.written[name] + 1
        fields = {"priority": count % 10 + 1, "metadata": {"n": count, "twice": 2 * count}}
        self.under_way.append((self.sessions.change_later(name, **fields), count))
        if len(self.under_way) >= WINDOW:
            self._settle()

    def _settle(self) -> None:
        future, count = self.under_way.popleft()
        entry: SessionEntry = future.get(timeout=50.0)
        self._expect(entry.metadata["n"] == count, "another answer")
        # Whoever has an answer sees at least that much.
        self._read(self.sessions.get(entry.name), at_least=count)

    def _operate(self) -> None:
        self.steps += 1
        self.operations.advance(self.id, step=self.steps)
        self._expect(self.operations.get(self.id).step == self.steps, "own step not seen")

    def _read(self, entry: SessionEntry, *, at_least: int = 0) -> None:
        count = entry.metadata["n"]
        assert isinstance(count, int)
        whole = entry.metadata["twice"] == 2 * count and entry.priority == count % 10 + 1
        self._expect(whole, "torn entry")
        self._expect(count >= max(at_least, self.seen.get(entry.name, 0)), "back in time")
        self.seen[entry.name] = count

    def _look(self, snapshot: RegistrySnapshot) -> None:
        self._expect(snapshot.revision >= self.revision, "older snapshot")
        self.revision = snapshot.revision
        before = {name: entry.metadata["n"] for name, entry in snapshot.sessions.items()}
        counted = sum(len(found) for found in snapshot.by_health.values())
        after = {name: entry.metadata["n"] for name, entry in snapshot.sessions.items()}
        self._expect(before == after, "snapshot changed")
        self._expect(counted == len(before) == THREADS * OWN, "torn snapshot")

    def _expect(self, holds: bool, what: str) -> None:
        if not holds:
            self.problems.append(what)


def written_down(folder: Path) -> tuple[dict[str, object], int]:
    master = MasterKey.from_file(folder / "master.key")
    with Store.open_reader(folder / "telewarden.db", master) as store:
        counts = {record.name: record.metadata["n"] for record in store.sessions()}
        changes = store.audit_trail(what="change", limit=1_000_000)
    return counts, len(changes)


def test_sixteen_threads_lose_nothing_and_see_nothing_torn(tmp_path: Path) -> None:
    with RegistryKit(tmp_path) as kit:
        kit.log.close()
        told: list[SessionChanged] = []
        kit.events.subscribe(told.append, (SessionChanged,))
        callers = [Caller(number, kit) for number in range(THREADS)]
        fields = {"priority": 1, "metadata": {"n": 0, "twice": 0}}
        ref = kit.tree.ref("registry")
        registered = [
            ref.ask(RegisterSession(name=name, fields=fields), block=False)
            for name in callers[0].everybody
        ]
        for future in registered:
            future.get(timeout=10.0)

        threads = [threading.Thread(target=caller.run) for caller in callers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        shown = {entry.name: entry.metadata["n"] for entry in kit.blocking.sessions.list()}
        steps = [kit.blocking.operations.get(caller.id).step for caller in callers]

    assert [caller.problems for caller in callers] == [[]] * THREADS
    expected = {name: count for caller in callers for name, count in caller.written.items()}
    total = sum(expected.values())
    assert total == THREADS * (CALLS // WRITE_EVERY - CALLS // OPERATE_EVERY)
    assert shown == expected
    assert written_down(tmp_path) == (expected, total)
    assert len(told) == total
    assert steps == [CALLS // OPERATE_EVERY] * THREADS
