"""Many threads, one registry, no lock of theirs: nothing lost, nothing torn; told as a verdict.

Each thread reads what everybody changes, changes sessions of its own (which it has under way while
it goes on), advances an operation and looks at whole snapshots. It notes everything that should not
be: an answer that is not its own, an entry half old and half new, a step back in time, a snapshot
that changes. Afterwards what is shown, what is on disk, the audit trail and the events are counted.

usage: registry_threads.py [--threads 16] [--calls 50000]
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import threading
import time
from collections import deque
from pathlib import Path
from typing import Any

from telewarden.actors import RegisterSession, RegistrySnapshot, SessionChanged, SessionEntry
from telewarden.storage import MasterKey, Store
from telewarden.testing import RegistryKit

OWN = 10  # sessions that one thread changes; all of them are read by everybody
WRITE_EVERY, OPERATE_EVERY, LOOK_EVERY = 25, 250, 100
WINDOW = 100


class Caller:
    """One thread's calls, and what it can tell afterwards."""

    def __init__(self, number: int, kit: RegistryKit, *, threads: int, calls: int) -> None:
        self.calls = calls
        self.sessions, self.operations = kit.blocking.sessions, kit.blocking.operations
        self.registry = kit.blocking
        self.chance = random.Random(number)
        self.own = [f"s{number}_{at}" for at in range(OWN)]
        self.everybody = [f"s{one}_{at}" for one in range(threads) for at in range(OWN)]
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
        self.id = self.operations.begin("backfill", steps=self.calls).id
        for call in range(1, self.calls + 1):
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
        self._expect(counted == len(before) == len(self.everybody), "torn snapshot")

    def _expect(self, holds: bool, what: str) -> None:
        if not holds:
            self.problems.append(what)


def written_down(folder: Path) -> tuple[dict[str, object], int]:
    master = MasterKey.from_file(folder / "master.key")
    with Store.open_reader(folder / "telewarden.db", master) as store:
        counts = {record.name: record.metadata["n"] for record in store.sessions()}
        changes = store.audit_trail(what="change", limit=1_000_000)
    return counts, len(changes)


def problems_of(folder: Path, *, threads: int, calls: int) -> list[str]:
    """Everything that went wrong while so many threads made so many calls each."""
    with RegistryKit(folder) as kit:
        kit.log.close()
        told: list[SessionChanged] = []
        kit.events.subscribe(told.append, (SessionChanged,))
        callers = [Caller(number, kit, threads=threads, calls=calls) for number in range(threads)]
        register(kit, callers[0].everybody)
        runners = [threading.Thread(target=caller.run) for caller in callers]
        for runner in runners:
            runner.start()
        for runner in runners:
            runner.join()
        shown = {entry.name: entry.metadata["n"] for entry in kit.blocking.sessions.list()}
        steps = [kit.blocking.operations.get(caller.id).step for caller in callers]

    expected = {name: count for caller in callers for name, count in caller.written.items()}
    total = threads * (calls // WRITE_EVERY - calls // OPERATE_EVERY)
    checks = {
        "changes were not made": sum(expected.values()) == total,
        "what is shown is not what was written": shown == expected,
        "what is on disk is not what was written": written_down(folder) == (expected, total),
        "events are missing or doubled": len(told) == total,
        "steps are missing": steps == [calls // OPERATE_EVERY] * threads,
    }
    found = [problem for caller in callers for problem in caller.problems]
    return found + [what for what, holds in checks.items() if not holds]


def register(kit: RegistryKit, names: list[str]) -> None:
    """Register the sessions that are read and changed."""
    fields = {"priority": 1, "metadata": {"n": 0, "twice": 0}}
    ref = kit.tree.ref("registry")
    asked = [ref.ask(RegisterSession(name=name, fields=fields), block=False) for name in names]
    for future in asked:
        future.get(timeout=10.0)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=16)
    parser.add_argument("--calls", type=int, default=50_000, help="of each thread")
    args = parser.parse_args()
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        found = problems_of(Path(folder), threads=args.threads, calls=args.calls)
    seconds = time.perf_counter() - began
    print(f"{args.threads} threads x {args.calls} calls in {seconds:.1f} s: {len(found)} problems")
    for problem in sorted(set(found)):
        print(f"  {found.count(problem)} x {problem}")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
