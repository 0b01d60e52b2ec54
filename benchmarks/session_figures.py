"""The figures that sessions are to hold, measured on one machine against the loopback.

Run all of them, or some by name::

    python benchmarks/session_figures.py
    python benchmarks/session_figures.py vault lease recovery kills --rounds 20

Each prints what was measured, the aim, and whether it was met; the exit code is 1 if one was not.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import fcntl
import gc
import json
import logging
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import psutil
from telethon import TelegramClient
from telethon.sessions import StringSession

from telewarden import Warden
from telewarden.loopback import LoopbackTelegram
from telewarden.storage import Lease, LeaseHolder, MasterKey, SessionRecord, Store
from telewarden.telegram import (
    ServerAddress,
    SessionRecovered,
    SessionString,
    format_string,
    parse_string,
)

Verdicts = list[tuple[str, str, str, bool]]


def shown(name: str, found: str, aim: str, met: bool) -> tuple[str, str, str, bool]:
    print(f"{'ok  ' if met else 'MISS'} {name}: {found} (aim: {aim})", flush=True)
    return name, found, aim, met


# A data centre in a process of its own, so that its memory and its work are not counted as ours.

SERVER = """
import asyncio, json, sys
from telewarden.loopback import LoopbackTelegram
async def main(count):
    async with LoopbackTelegram() as telegram:
        accounts = [telegram.add_account(f"s{n}", phone=f"+99966{n:05d}") for n in range(count)]
        strings = [telegram.mint(account) for account in accounts]
        for name in ("source", "target"):
            telegram.add_channel(
                name, owner=accounts[0], members=accounts[1:], megagroup=True, username=name
            )
        print(json.dumps({"address": telegram.address, "strings": strings}), flush=True)
        await asyncio.to_thread(sys.stdin.read)
asyncio.run(main(int(sys.argv[1])))
"""


@contextlib.asynccontextmanager
async def data_centre(count: int) -> AsyncIterator[tuple[ServerAddress, list[str]]]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        SERVER,
        str(count),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        limit=64 << 20,
    )
    assert process.stdout is not None
    assert process.stdin is not None
    told = json.loads(await process.stdout.readline())
    dc_id, host, port = told["address"]
    try:
        yield ServerAddress(dc_id=dc_id, host=host, port=port), told["strings"]
    finally:
        process.stdin.close()
        await process.wait()


def tables(folder: Path, count: int, *, pairs: bool = False) -> dict[str, Any]:
    """A configuration without the limits that stagger a start; with one pair each, or none."""
    chats = {"source": "@source", "target": "@target"}
    return {
        "telegram": {"api_id": 1, "connects_per_second": 100_000.0, "connect_burst": 10_000},
        "storage": {
            "folder": str(folder / "store"),
            "master_key": {"file": str(folder / "master.key"), "create": True},
            "backup_every": 0.0,
        },
        "recovery": {"backoff_initial": 0.05, "backoff_max": 1.0, "restarts": 1_000},
        "console": {"port": 0, "socket": str(folder / "s")},
        "sessions": [{"name": f"s{n}", "phone": f"+99966{n:05d}"} for n in range(count)],
        "pairs": [  # told apart by a sender that nobody is
            {"id": n + 1, "session": f"s{n}", "deny": {"senders": [-n - 1]}, **chats}
            for n in range(count * pairs)
        ],
        "loopback": {},
    }


def store_logins(folder: Path, strings: list[str]) -> None:
    """What an installation with these sessions has on disk."""
    MasterKey.make_file(folder / "master.key")
    database = folder / "store" / "telewarden.db"
    with Store.open(database, MasterKey.from_file(folder / "master.key")) as store:
        from telewarden.storage import SessionFiles

        files = SessionFiles(folder / "store" / "sessions", store.vault)
        with store.transaction():
            for n, string in enumerate(strings):
                parts = parse_string(string)
                store.put_session(SessionRecord(name=f"s{n}", phone=f"+99966{n:05d}"))
                store.put_credential(f"s{n}", string, parts.key_id, parts.dc_id)
                store.add_backup(f"s{n}", "benchmark", 1.0)
                files.write(f"s{n}", string, key_id=parts.key_id, dc_id=parts.dc_id)


class Back:
    """Who is back, by the warden's own events."""

    def __init__(self, warden: Warden) -> None:
        self.times: list[float] = []
        self._news = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        warden.events.subscribe(self._hear)

    def _hear(self, event: object) -> None:
        if isinstance(event, SessionRecovered):
            self._loop.call_soon_threadsafe(self._note, event.seconds)

    def _note(self, seconds: float) -> None:
        self.times.append(seconds)
        self._news.set()

    async def until(self, count: int, *, within: float) -> None:
        async with asyncio.timeout(within):
            while len(self.times) < count:
                self._news.clear()
                await self._news.wait()


def rss() -> float:
    gc.collect()
    return psutil.Process().memory_info().rss / 1024.0


async def bare(strings: list[str]) -> tuple[float, float]:
    """Seconds and KiB for plain Telethon clients to be connected and to have asked who they are."""
    before, began = rss(), time.perf_counter()
    clients = [TelegramClient(StringSession(one), 1, "hash") for one in strings]
    for at in range(0, len(clients), 100):
        await asyncio.gather(*(client.connect() for client in clients[at : at + 100]))
    took, grown = time.perf_counter() - began, rss() - before
    await asyncio.gather(*(client.disconnect() for client in clients))
    return took, grown / len(strings)


async def restored(
    folder: Path, server: ServerAddress, count: int, *, pairs: bool = False
) -> tuple[float, float]:
    """Seconds for a warden to have as many sessions online, each proven by a call; KiB for each.

    With ``pairs`` each has a worker group, which is waited for before the memory is looked at.
    """
    before = rss()
    warden = Warden(tables(folder, count, pairs=pairs), server=server)
    back, began = Back(warden), time.perf_counter()
    await warden.start()
    try:
        await back.until(count, within=300.0)
        took = time.perf_counter() - began
        while pairs and not await all_ready(warden, count):
            await asyncio.sleep(0.2)
        grown = rss() - before
    finally:
        await warden.stop()
    return took, grown / count


async def all_ready(warden: Warden, count: int) -> bool:
    groups = (await warden.overview()).groups
    return sum(pair.ready for group in groups for pair in group.pairs) == count


CHILD = """
import asyncio, json, sys
sys.path.insert(0, sys.argv[1])
import session_figures as figures
from pathlib import Path
from telewarden.telegram import ServerAddress
what, folder, dc, host, port, strings = sys.argv[2:]
server = ServerAddress(dc_id=int(dc), host=host, port=int(port))
strings = json.loads(Path(strings).read_text())
if what == "bare":
    print(json.dumps(asyncio.run(figures.bare(strings))))
else:
    work = figures.restored(Path(folder), server, len(strings), pairs=what == "groups")
    print(json.dumps(asyncio.run(work)))
"""


class Installation:
    """Logins on disk, and a data centre that has them; each measurement in a fresh process."""

    def __init__(self, folder: Path, server: ServerAddress, strings: list[str]) -> None:
        self._folder, self._server, self._strings = folder, server, folder / "strings.json"
        self._strings.write_text(json.dumps(strings))
        store_logins(folder, strings)

    async def measure(self, what: str) -> tuple[float, float]:
        """Seconds and KiB each of ``bare`` clients, ``sessions`` or sessions with ``groups``."""
        took, each = await asyncio.to_thread(self._apart, what)
        return took, each

    def _apart(self, what: str) -> list[float]:
        server = self._server
        done = subprocess.run(
            [
                sys.executable, "-c", CHILD, str(Path(__file__).parent), what, str(self._folder),
                str(server.dc_id), server.host, str(server.port), str(self._strings),
            ],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        told: list[float] = json.loads(done.stdout.splitlines()[-1])
        return told


async def restore(options: argparse.Namespace) -> Verdicts:
    """Sessions restored at start against bare clients connected, one after the other, in turns."""
    count, times = options.sessions, []
    async with data_centre(count) as (server, strings):
        with tempfile.TemporaryDirectory() as name:
            place = Installation(Path(name), server, strings)
            # The first start learns whose the logins are, which every later one knows.
            await place.measure("sessions")
            for _ in range(options.restore_rounds):
                plain, ours = await place.measure("bare"), await place.measure("sessions")
                times.append((plain[0], ours[0]))
    ratio = statistics.median(ours / plain for plain, ours in times)
    plain, ours = (statistics.median(one) for one in zip(*times, strict=True))
    return [
        shown(
            f"{count} sessions restored at start, {len(times)} times, no limit on connects",
            f"{ours:.2f} s against {plain:.2f} s bare, {ratio:.2f}x",
            "<= 1.5x",
            ratio <= 1.5,
        )
    ]


async def memory(options: argparse.Namespace) -> Verdicts:
    """Resident memory of a session with a worker group against a bare client's."""
    count = options.sessions
    async with data_centre(count) as (server, strings):
        with tempfile.TemporaryDirectory() as name:
            place = Installation(Path(name), server, strings)
            await place.measure("groups")
            _, plain = await place.measure("bare")
            _, ours = await place.measure("groups")
    return [
        shown(
            f"memory of each of {count} connected sessions with a worker group of one pair",
            f"{ours:.1f} KiB against {plain:.1f} KiB bare, {ours / plain:.2f}x",
            "<= 1.4x",
            ours / plain <= 1.4,
        )
    ]


async def recovery(options: argparse.Namespace) -> Verdicts:
    rounds = options.crashes
    async with data_centre(1) as (server, strings):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            store_logins(folder, strings)
            settings = tables(folder, 1)
            # Crashes in a row are slowed down on purpose; here each is to stand for itself.
            settings["recovery"].update(
                restarts=10 * rounds, backoff_initial=0.0005, backoff_max=0.001
            )
            warden = Warden(settings, server=server)
            back = Back(warden)
            await warden.start()
            try:
                await back.until(1, within=20.0)
                times = []
                for at in range(rounds):
                    began = time.perf_counter()
                    await warden.drill("sessions/session:s0/session")
                    await back.until(at + 2, within=20.0)
                    times.append(time.perf_counter() - began)
                    await asyncio.sleep(0.02)
            finally:
                await warden.stop()
    times.sort()
    p50, p99 = statistics.median(times), times[int(len(times) * 0.99)]
    return [
        shown(
            f"recovery after a crash, {rounds} times",
            f"p50 {p50 * 1000:.1f} ms, p99 {p99 * 1000:.1f} ms",
            "p50 <= 100 ms, p99 <= 500 ms",
            p50 <= 0.1 and p99 <= 0.5,
        )
    ]


HOLDER = """
import sys
from telewarden.storage import Lease, LeaseHolder
lease, me = Lease(sys.argv[1]), LeaseHolder.current("benchmark")
grants = [lease.acquire(key, owner=me) for key in range(int(sys.argv[2]))]
print("held", flush=True)
sys.stdin.read()
"""


async def taken_over(keys: int, *, bare: bool = False) -> float:
    """Seconds from a holder's SIGKILL until all its keys are another's who waited for them.

    With ``bare`` a thread that is blocked in the kernel's own lock waits: nothing can be faster.
    """
    with tempfile.TemporaryDirectory() as folder:
        holder = await asyncio.create_subprocess_exec(
            sys.executable, "-c", HOLDER, folder, str(keys),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert holder.stdout is not None
        await holder.stdout.readline()
        lease, me = Lease(folder), LeaseHolder.current("waiter")
        with contextlib.ExitStack() as held:
            if bare:
                file = held.enter_context((Path(folder) / f"{0:016x}.lease").open("rb"))
                taking = asyncio.to_thread(fcntl.flock, file, fcntl.LOCK_EX)
                waiting: list[asyncio.Future[Any]] = [asyncio.ensure_future(taking)]
            else:
                waiting = [
                    asyncio.ensure_future(lease.acquire_async(key, owner=me)) for key in range(keys)
                ]
            await asyncio.sleep(0.05)
            began = time.perf_counter()
            holder.send_signal(signal.SIGKILL)
            grants = await asyncio.gather(*waiting)
            took = time.perf_counter() - began
            for grant in () if bare else grants:
                grant.release()
        await holder.communicate()
        return took


async def lease(options: argparse.Namespace) -> Verdicts:
    turns = [
        (await taken_over(1), await taken_over(1, bare=True)) for _ in range(options.lease_rounds)
    ]
    ours, bare = (sorted(one) for one in zip(*turns, strict=True))
    many = statistics.median([await taken_over(1_000) for _ in range(3)])
    p50, worst = statistics.median(ours), ours[-1]
    return [
        shown(
            f"the lease is a waiter's after the holder's SIGKILL, {len(ours)} times",
            f"p50 {p50 * 1000:.2f} ms, worst {worst * 1000:.2f} ms (a thread blocked in flock:"
            f" {statistics.median(bare) * 1000:.2f}, {bare[-1] * 1000:.2f});"
            f" a thousand of one holder, all of them: {many * 1000:.0f} ms",
            "p50 <= 5 ms",
            p50 <= 0.005,
        )
    ]


def vault(options: argparse.Namespace) -> Verdicts:
    count = options.vault_sessions
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "telewarden.db"
        text = MasterKey.generate()
        with Store.open(path, MasterKey.from_text(text)) as store, store.transaction():
            for n in range(count):
                key = random.Random(n).randbytes(256)
                parts = SessionString(dc_id=2, host="149.154.167.51", port=443, key=key)
                store.put_session(SessionRecord(name=f"s{n}"))
                store.put_credential(f"s{n}", format_string(parts), parts.key_id, 2)
        with Store.open(path, MasterKey.from_text(text)) as store:
            runs = []
            for _ in range(5):
                gc.collect()
                began = time.perf_counter()
                parsed = [
                    parse_string(one.session_string)  # type: ignore[union-attr]  # none is damaged
                    for one in store.credentials()
                ]
                runs.append(time.perf_counter() - began)
                assert len(parsed) == count
    best = min(runs)
    return [
        shown(
            f"{count} sessions loaded, decrypted and parsed",
            f"{best * 1000:.0f} ms (median {statistics.median(runs) * 1000:.0f} ms)",
            "<= 150 ms",
            best <= 0.15,
        )
    ]


RUNNER = """
import asyncio, json, sys
from telewarden import Warden
from telewarden.telegram import ServerAddress, SessionRecovered
given = json.loads(sys.argv[1])
async def main():
    print("begun", flush=True)
    warden = Warden(given["tables"], server=ServerAddress(**given["server"]))
    def hear(event):
        if isinstance(event, SessionRecovered):
            print("back", event.session, flush=True)
    warden.events.subscribe(hear)
    async with warden:
        print("started", flush=True)
        await asyncio.Event().wait()
asyncio.run(main())
"""


async def kills(options: argparse.Namespace) -> Verdicts:
    count, chance = 20, random.Random(7)
    lost = 0
    struck: list[int] = []
    telegram = LoopbackTelegram()
    async with telegram:
        strings = [
            telegram.mint(telegram.add_account(f"s{n}", phone=f"+99966{n:05d}"))
            for n in range(count)
        ]
        dc_id, host, port = telegram.address
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            store_logins(folder, strings)
            given = json.dumps(
                {
                    "tables": tables(folder, count),
                    "server": {"dc_id": dc_id, "host": host, "port": port},
                }
            )
            for at in range(options.rounds + 1):
                process = await asyncio.create_subprocess_exec(
                    sys.executable, "-c", RUNNER, given,
                    stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                )  # fmt: skip
                if at == options.rounds or at % 10 == 9:  # every tenth is watched to the end
                    lost += count - len(await back_in(process, count, within=30.0))
                else:
                    within = chance.uniform(0.0, 0.6)  # of its imports' end
                    struck.append(len(await back_in(process, count, within=within)))
                process.kill()
                await process.communicate()
    voided, codes = telegram.stats.duplicate_keys, telegram.stats.calls["auth.sendCode"]
    early, late = struck.count(0), struck.count(count)
    return [
        shown(
            f"{options.rounds} rounds of kill -9 with {count} sessions"
            f" ({early} struck before the first was back, {late} after the last)",
            f"{lost} sessions missing, {voided} keys voided, {codes} logins",
            "none of each",
            not lost and not voided and not codes,
        )
    ]


async def back_in(process: asyncio.subprocess.Process, count: int, *, within: float) -> set[str]:
    """Who is back ``within`` seconds of the process's first word, in which all may be."""
    assert process.stdout is not None
    await process.stdout.readline()
    seen: set[str] = set()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(within):
            while len(seen) < count or within < 1.0:
                line = (await process.stdout.readline()).decode().split()
                if not line:
                    break
                if line[0] == "back":
                    seen.add(line[1])
    return seen


FIGURES: dict[str, Callable[[argparse.Namespace], Verdicts | Coroutine[Any, Any, Verdicts]]] = {
    "vault": vault,
    "lease": lease,
    "recovery": recovery,
    "restore": restore,
    "memory": memory,
    "kills": kills,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("figures", nargs="*", help="all by default")
    parser.add_argument("--sessions", type=int, default=1_000)
    parser.add_argument("--restore-rounds", type=int, default=3)
    parser.add_argument("--crashes", type=int, default=300)
    parser.add_argument("--lease-rounds", type=int, default=50)
    parser.add_argument("--vault-sessions", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=200)
    options = parser.parse_args()
    logging.disable(logging.ERROR)  # a traceback for each crash on request would be the story
    print(f"python {sys.version.split()[0]}, {os.cpu_count()} cores", flush=True)
    verdicts: Verdicts = []
    for name in options.figures or FIGURES:
        done = FIGURES[name](options)
        verdicts += asyncio.run(done) if asyncio.iscoroutine(done) else done  # type: ignore[operator]  # one or the other
    return 0 if all(met for *_, met in verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
