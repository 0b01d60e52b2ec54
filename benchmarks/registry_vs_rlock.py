"""The registry beside the same store behind a ``threading.RLock``: reads, writes, subscribers.

Both hold the same frozen entries, check a change by the same rules, note it in an audit trail and
tell subscribers. The lock's store is in memory only and forgets everything with the process; the
registry's writes count when they are on disk. Rates are operations a second over all threads:
medians of the rounds, in which all ways take turns, with their ratio to the lock's.

A mix such as 90:10 is one write in ten calls, names and values at random. The registry's writes are
made in four ways: each waited for; 256 of a thread under way; 100 in one call, waited for; 1000 in
one call, with a second call under way (a name that comes twice before its call goes is changed
once, which is one in twenty at most).

usage: registry_vs_rlock.py [--entries 10000] [--seconds 0.3] [--rounds 3] [--mix writes]
                            [--threads 1 16] [--json]
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from telewarden.actors import RegisterSession, SessionChanged, SessionEntry
from telewarden.actors.registry.changes.sessions import _checked
from telewarden.api.registry import BlockingRegistry
from telewarden.service.gc_pause import set_aside
from telewarden.storage import AuditRow, SessionRecord
from telewarden.testing import RegistryKit

THREADS = (1, 2, 4, 8, 16)
MIXES = {"reads": 0.0, "99:1": 0.01, "90:10": 0.1, "50:50": 0.5, "writes": 1.0}
WINDOW = 256  # changes that a thread has under way when it does not wait for each
SLOW = 0.05  # seconds that the slow subscriber takes for each event

Work = Callable[[bool, str, int], object]


class LockedStore:
    """What one would write without actors: one dict, one lock, subscribers called under it."""

    def __init__(self, names: list[str]) -> None:
        self._lock = threading.RLock()
        self._entries = {name: SessionEntry(record=SessionRecord(name=name)) for name in names}
        self._audit: deque[AuditRow] = deque(maxlen=100_000)
        self.subscribers: list[Callable[[SessionChanged], object]] = []

    def get(self, name: str) -> SessionEntry:
        with self._lock:
            return self._entries[name]

    def change(self, name: str, **fields: Any) -> SessionEntry:
        with self._lock:
            entry, wanted = self._entries[name], _checked(fields)
            changed = {k: v for k, v in wanted.items() if getattr(entry.record, k) != v}
            if not changed:
                return entry
            now = time.time()
            before = {key: getattr(entry.record, key) for key in changed}
            record = replace(entry.record, updated=now, **changed)
            self._entries[name] = new = replace(entry, record=record)
            row = AuditRow(
                who="app", what="change", subject=name, before=before, after=changed, at=now
            )
            self._audit.append(row)
            event = SessionChanged(at=now, session=name, who="app", before=before, after=changed)
            for subscriber in self.subscribers:
                subscriber(event)
            return new


def rate(threads: int, share: float, seconds: float, make: Callable[[], Work], names: Any) -> float:
    """Operations a second, when ``share`` of them are writes; what is under way is waited for."""
    ready, done = threading.Barrier(threads + 1), [0] * threads

    def run(number: int) -> None:
        chance = random.Random(number)
        plan = [
            (chance.random() < share, chance.choice(names), chance.randint(1, 10))
            for _ in range(10_000)
        ]
        work, count = make(), 0
        ready.wait()
        until = time.perf_counter() + seconds
        while time.perf_counter() < until:
            for step in plan[count % 10_000 :][:50]:
                work(*step)
            count += 50
        finish = getattr(work, "finish", None)
        if finish is not None:
            finish()
        done[number] = count

    runners = [threading.Thread(target=run, args=(number,)) for number in range(threads)]
    for runner in runners:
        runner.start()
    ready.wait()
    began = time.perf_counter()
    for runner in runners:
        runner.join()
    return sum(done) / (time.perf_counter() - began)


def with_lock(store: LockedStore) -> Callable[[], Work]:
    """Reads and writes under the lock."""

    def work(write: bool, name: str, priority: int) -> object:
        return store.change(name, priority=priority) if write else store.get(name)

    return lambda: work


def one_by_one(registry: BlockingRegistry) -> Callable[[], Work]:
    """Reads from the snapshot; each write is waited for."""
    get, change = registry.sessions.get, registry.sessions.change

    def work(write: bool, name: str, priority: int) -> object:
        return change(name, priority=priority) if write else get(name)

    return lambda: work


class Pipelined:
    """Reads from the snapshot; up to ``WINDOW`` writes of a thread are under way at once."""

    def __init__(self, registry: BlockingRegistry) -> None:
        self._get, self._later = registry.sessions.get, registry.sessions.change_later
        self._open: deque[Any] = deque()

    def __call__(self, write: bool, name: str, priority: int) -> object:
        if not write:
            return self._get(name)
        if len(self._open) >= WINDOW:
            while len(self._open) > WINDOW // 2:
                self._open.popleft().get(timeout=30)
        self._open.append(self._later(name, priority=priority))
        return None

    def finish(self) -> None:
        while self._open:
            self._open.popleft().get(timeout=30)


class InBulk:
    """Reads from the snapshot; writes go ``many`` in one call, ``calls`` of them at once."""

    def __init__(self, registry: BlockingRegistry, many: int, calls: int) -> None:
        self._get, self._later = registry.sessions.get, registry.sessions.change_many_later
        self._many, self._calls = many, calls
        self._changes: dict[str, dict[str, int]] = {}
        self._open: deque[Any] = deque()

    def __call__(self, write: bool, name: str, priority: int) -> object:
        if not write:
            return self._get(name)
        self._changes[name] = {"priority": priority}
        if len(self._changes) >= self._many:
            self._send(self._calls - 1)
        return None

    def finish(self) -> None:
        self._send(0)

    def _send(self, left_open: int) -> None:
        changes, self._changes = self._changes, {}
        self._open.append(self._later(changes))
        while len(self._open) > left_open:
            self._open.popleft().get(timeout=30)


def slow_subscriber(store: LockedStore, registry: BlockingRegistry) -> dict[str, float]:
    """How long a write takes, at worst of ten, while a subscriber takes its time."""

    def sleepy(_: SessionChanged) -> None:
        time.sleep(SLOW)

    def worst(change: Callable[..., object]) -> float:
        took = []
        for priority in range(1, 11):
            began = time.perf_counter()
            change("s1", priority=priority)
            took.append(time.perf_counter() - began)
        return max(took)

    store.subscribers.append(sleepy)
    listener = registry.subscribe(sleepy, (SessionChanged,))
    found = {"lock": worst(store.change), "registry": worst(registry.sessions.change)}
    listener.close(timeout=0.0)
    store.subscribers.clear()
    return found


def main() -> None:
    args = arguments()
    names = [f"s{number}" for number in range(args.entries)]
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder, RegistryKit(Path(folder)) as kit:
        kit.log.close()  # it would keep every event
        register(kit, names)
        store = LockedStore(names)
        set_aside()  # as in ``telewarden run``; both ways have less to be looked through for it
        ways: dict[str, Callable[[], Work]] = {
            "lock": with_lock(store),
            "one by one": one_by_one(kit.blocking),
            "256 open": lambda: Pipelined(kit.blocking),
            "bulk 100": lambda: InBulk(kit.blocking, 100, 1),
            "bulk 1000": lambda: InBulk(kit.blocking, 1000, 2),
        }
        for mix, share in MIXES.items():
            if args.mix not in {None, mix}:
                continue
            for threads in args.threads:
                rates: dict[str, list[float]] = {}
                for _ in range(args.rounds):
                    for way, make in ways.items():
                        if share or way in {"lock", "one by one"}:
                            one = rate(threads, share, args.seconds, make, names)
                            rates.setdefault(way, []).append(one)
                row = {way: statistics.median(all_) for way, all_ in rates.items()}
                found[f"{mix}, {threads} threads"] = row
                if not args.json:
                    show(f"{mix:>6} {threads:>2} threads", row)
        found["slow subscriber"] = worst = slow_subscriber(store, kit.blocking)
    if args.json:
        print(json.dumps(found, indent=2))
    else:
        print("a write beside a subscriber that takes 50 ms, worst of ten:", end=" ")
        print(", ".join(f"{way} {seconds * 1000:.1f} ms" for way, seconds in worst.items()))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--entries", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=0.3, help="of each way in each round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--mix", choices=MIXES, help="only this one")
    parser.add_argument("--threads", type=int, nargs="+", default=THREADS)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def register(kit: RegistryKit, names: list[str]) -> None:
    """Register the entries, many at once."""
    ref = kit.tree.ref("registry")
    for future in [ref.ask(RegisterSession(name=name), block=False) for name in names]:
        future.get(timeout=30)


def show(title: str, row: dict[str, float]) -> None:
    lock = row["lock"]
    shown = [f"{way} {rate:>10,.0f}/s ({rate / lock:4.2f})" for way, rate in row.items()]
    print(f"{title}: {'  '.join(shown)}", flush=True)


if __name__ == "__main__":
    main()
