"""A day of forwarding in a few minutes: does memory stay flat, and does every message arrive?

A whole warden and a loopback data centre share one loop whose clock is turned: whenever nothing
is under way, neither on a line nor on the disk, time jumps to the next timer. Every timer, date,
deadline and interval of both goes by that clock. Messages are said at a steady pace, some are
edited or deleted, pairs are added, moved and removed, and every hour something breaks. The data
centre forgets what is old, so that what grows is the warden's.

Prints, for each hour, resident memory, objects (after a collection), tasks and timers, and at the
end the slope of each over the second half, and what there is more of.

usage: python benchmarks/long_run.py [--hours 24] [--every 20] [--json]
"""

from __future__ import annotations

import time

REAL = time.perf_counter
_turned = 0.0
_wall, _monotonic = time.time(), time.monotonic()
# Before anything else is imported: much keeps these functions by reference.
time.time = lambda: _wall + _turned
time.monotonic = lambda: _monotonic + _turned

import argparse  # noqa: E402
import asyncio  # noqa: E402
import gc  # noqa: E402
import json  # noqa: E402
import random  # noqa: E402
import selectors  # noqa: E402
import sys  # noqa: E402
import tempfile  # noqa: E402
from collections import Counter  # noqa: E402
from collections.abc import Callable, Sequence  # noqa: E402
from dataclasses import asdict, dataclass  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

from telewarden import Warden, parse_config  # noqa: E402
from telewarden.actors import Journal, JournalStats  # noqa: E402
from telewarden.loopback import (  # noqa: E402
    Account,
    ChatHandle,
    Fault,
    FloodWait,
    LoopbackTelegram,
    Message,
    RpcError,
)
from telewarden.service.loopback_server import StandIn, populate, sign_in  # noqa: E402
from telewarden.telegram import ServerAddress  # noqa: E402

HOUR = 3600.0  # seconds
QUIET = 0.002  # real seconds without a byte, after which nothing is on any line
DISK_WITHIN = 0.2  # real seconds that the journal may take; past it a crash has taken the answer
KEPT = 300  # messages that the data centre keeps in each chat
SETTLE = 120.0  # turned seconds in which everything that was said has arrived
PEOPLE = {"alice": "+9996620001", "bob": "+9996620002", "carol": "+9996620003"}
PRESS = "+9996620009"


class Disk:
    """How much the journal was asked and has done, so that nobody turns time while it writes."""

    def __init__(self) -> None:
        self.asked = self.done = 0
        told = Journal._tell

        def tell(journal: Journal, message: Any) -> None:
            self.asked += 1
            told(journal, message)

        Journal._tell = tell  # type: ignore[method-assign]

    def watch(self, warden: Warden) -> None:
        """Hear of every group that has been written."""
        publish, before = warden.exporter.journal, [0]

        def hear(stats: JournalStats) -> None:
            self.done += stats.writes - (before[0] if stats.writes >= before[0] else 0)
            before[0] = stats.writes
            publish(stats)

        warden.exporter.journal = hear  # type: ignore[method-assign]

    @property
    def busy(self) -> bool:
        return self.done < self.asked

    def give_up(self) -> None:
        """A crash has taken what was asked along."""
        self.done = self.asked


class Turner(selectors.DefaultSelector):  # type: ignore[misc]  # its class depends on the system
    """Waits for bytes, and turns the clock where a loop would wait for a timer."""

    disk: Disk
    as_it_is = 0.0  # until when time goes as it does for everybody: threads start and end then

    def let_be(self, seconds: float) -> None:
        """Do not turn for that many real seconds."""
        self.as_it_is = REAL() + seconds

    def select(self, timeout: float | None = None) -> Any:
        global _turned
        if timeout is None or timeout <= 0:
            return super().select(timeout)
        began = REAL()
        if began < self.as_it_is:
            events = super().select(min(timeout, self.as_it_is - began))
            _turned += REAL() - began
            return events
        while True:
            events = super().select(QUIET)
            if events:
                return events
            if not self.disk.busy:
                break
            if REAL() - began > DISK_WITHIN:
                self.disk.give_up()
        _turned += timeout
        return []


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What there is after an hour."""

    hour: int
    rss_mib: float
    objects: int
    tasks: int
    timers: int
    said: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the run came to; slopes are over its second half."""

    hours: int
    said: int
    lost: int
    doubled: int
    edits_missed: int
    rss_mib: float
    rss_kib_per_hour: float
    objects: int
    objects_per_hour: float
    more_of: dict[str, int]

    @property
    def flat(self) -> bool:
        """Whether a month more would not double the objects, and every message is right."""
        right = not (self.lost or self.doubled or self.edits_missed)
        return right and self.objects_per_hour * 720 < self.objects


def tables() -> dict[str, Any]:
    names = list(PEOPLE)
    return {
        "telegram": {"api_id": 1},
        "storage": {"folder": "store", "master_key": {"file": "master.key", "create": True}},
        "pacing": {"per_account": 20.0, "per_chat": 20.0, "burst": 20},
        "health": {"recheck_initial": 60.0},
        "sessions": [{"name": name, "phone": phone} for name, phone in PEOPLE.items()],
        "pairs": [
            {
                "id": number,
                "session": name,
                "source": f"@{name}_in",
                "target": f"@{name}_out",
                "mode": "forward" if number == 1 else "copy",
            }
            for number, name in enumerate(names, start=1)
        ],
        "loopback": {
            "accounts": [
                {"name": name, "phone": phone} for name, phone in {**PEOPLE, "press": PRESS}.items()
            ],
            "chats": [
                {
                    "username": f"{name}_{way}",
                    "title": f"{name} {way}",
                    "owner": "press",
                    "members": names,
                }
                for name in names
                for way in ("in", "out")
            ],
        },
    }


class Day:
    """The newsroom: who speaks, what breaks, what is counted."""

    def __init__(self, telegram: LoopbackTelegram, folder: Path, turner: Turner) -> None:
        self._turner = turner
        self._telegram, self._chance = telegram, random.Random(5)
        self._config = parse_config(tables(), base=folder).model_copy(update={"console": None})
        assert self._config.loopback is not None
        self.chats: dict[str, ChatHandle] = populate(telegram, self._config.loopback)
        for name in PEOPLE:
            for person in PEOPLE.values():
                self.chats[f"{name}_out"].set_rights(self._account(person), admin=True)
        dc_id, host, port = telegram.address
        server = ServerAddress(dc_id=dc_id, host=host, port=port, pem=telegram.pem)
        self._standin = StandIn(server=server, telegram=telegram)
        self.warden = Warden(self._config, server=server)
        turner.disk.watch(self.warden)
        self._recent: dict[str, list[Message]] = {name: [] for name in PEOPLE}
        self._checked: dict[str, int] = dict.fromkeys(PEOPLE, 0)
        self.said = self.lost = self.doubled = self.edits_missed = 0
        self._extra: int | None = None

    def _account(self, phone: str) -> Account:
        account = self._telegram.account(phone)
        assert account is not None
        return account

    async def start(self) -> None:
        self._turner.let_be(30.0)
        await self.warden.start()
        await sign_in(self.warden, self._standin)
        await self._until(self._ready)
        self._turner.let_be(0.0)

    async def _ready(self) -> bool:
        groups = (await self.warden.overview()).groups
        return sum(pair.ready for group in groups for pair in group.pairs) >= len(PEOPLE)

    async def _until(self, done: Callable[[], Any]) -> None:
        async with asyncio.timeout(SETTLE):
            while not await done():
                await asyncio.sleep(0.5)

    async def hour(self, number: int, every: float) -> None:
        """Say, edit and delete for an hour; let something break in its middle."""
        trouble = self._chance.choice(TROUBLES)
        steps = int(HOUR / every)
        for step in range(steps):
            for name in PEOPLE:
                self._say(name)
            if step == steps // 3:
                await self._pairs(number)
            if step == steps // 2:
                await trouble(self)
            await asyncio.sleep(every)
        await self._settle()

    def _say(self, name: str) -> None:
        chat, recent = self.chats[f"{name}_in"], self._recent[name]
        if recent and name != "alice" and self._chance.random() < 0.05:
            message = self._chance.choice(recent[-20:])
            chat.edit_message(message, f"{message.text.partition(' ')[0]} v{self.said}")
        self.said += 1
        recent.append(self._telegram.post(chat, f"{name}{self.said}"))

    async def _pairs(self, number: int) -> None:
        """One more pair every other hour, gone an hour later; one that changes hands meanwhile."""
        if self._extra is None:
            plan = await self.warden.pairs.add(
                session="alice", source="@bob_in", target="@alice_in", enabled=False
            )
            self._extra = plan.id
        else:
            await self.warden.pairs.remove(self._extra)
            self._extra = None
        try:
            await self.warden.pairs.reassign("3", "bob" if number % 2 else "carol")
        except Exception as refused:  # noqa: BLE001 - a flood is in its way, say
            print("not moved:", refused, file=sys.stderr)

    async def _settle(self) -> None:
        """Wait until the targets say what the sources say; count, and forget what is old."""
        try:
            await self._until(self._all_there)
        except TimeoutError:
            for name in PEOPLE:
                self._count(name)
        for name in PEOPLE:
            self._recent[name].clear()
            for way in ("in", "out"):
                self._forget(self.chats[f"{name}_{way}"])
        self._telegram._engine.world.sent.clear()

    async def _all_there(self) -> bool:
        return all(self._wanted(name) == self._came(name) for name in PEOPLE)

    def _wanted(self, name: str) -> list[str]:
        return [message.text for message in self._recent[name]]

    def _came(self, name: str) -> list[str]:
        came = self.chats[f"{name}_out"].messages
        return [message.text for message in came if message.id > self._checked[name]]

    def _count(self, name: str) -> None:
        wanted, came = self._wanted(name), self._came(name)
        keys = Counter(text.partition(" ")[0] for text in came)
        meant = {text.partition(" ")[0] for text in wanted}
        self.lost += len(meant - keys.keys())
        self.doubled += sum(count - 1 for count in keys.values())
        self.edits_missed += len(set(wanted) - set(came)) - len(meant - keys.keys())
        print(name, "wanted", sorted(set(wanted) - set(came))[:5], file=sys.stderr)

    def _forget(self, chat: ChatHandle) -> None:
        record = chat.record
        if chat.username is not None and chat.username.endswith("_out") and record.messages:
            self._checked[chat.username.removesuffix("_out")] = record.messages[-1].id
        for message in record.messages[:-KEPT]:
            record.by_id.pop(message.id, None)
        del record.messages[:-KEPT]
        chat.forget_updates()

    # What breaks

    async def nothing(self) -> None:
        """An hour without trouble."""

    async def cut(self) -> None:
        for phone in PEOPLE.values():
            self._telegram.cut(self._account(phone))

    async def flood(self) -> None:
        self._telegram.faults.add(
            Fault(method="messages.sendMessage", times=1, action=FloodWait(60))
        )

    async def server_trouble(self) -> None:
        self._telegram.faults.add(
            Fault(method="messages.sendMessage", times=2, action=RpcError("RPC_CALL_FAIL", 500))
        )

    async def crash_session(self) -> None:
        await self.warden.drill("sessions/session:bob/session")

    async def crash_group(self) -> None:
        await self.warden.drill("sessions/session:bob/groups/group-1")

    async def crash_registry(self) -> None:
        await self.warden.drill("registry")

    async def crash_journal(self) -> None:
        self._turner.let_be(2.0)
        await self.warden.drill("journal")


TROUBLES: tuple[Callable[[Day], Any], ...] = (
    Day.nothing,
    Day.cut,
    Day.flood,
    Day.server_trouble,
    Day.crash_session,
    Day.crash_group,
    Day.crash_registry,
    Day.crash_journal,
)


def kinds() -> Counter[str]:
    """How many objects there are of each type that is not the data centre's."""
    found = Counter(f"{type(one).__module__}.{type(one).__qualname__}" for one in gc.get_objects())
    return Counter(
        {name: n for name, n in found.items() if not name.startswith("telewarden.loopb")}
    )


def rss_mib() -> float:
    with Path("/proc/self/statm").open() as file:
        return int(file.read().split()[1]) * 4096 / 2**20


def slope(values: Sequence[float]) -> float:
    """Least squares over equally spaced values, per step."""
    count = len(values)
    if count < 2:
        return 0.0
    middle, mean = (count - 1) / 2, sum(values) / count
    over = sum((at - middle) * (value - mean) for at, value in enumerate(values))
    return over / sum((at - middle) ** 2 for at in range(count))


async def measure(
    hours: int, *, every: float, turner: Turner, told: Callable[[Reading], object]
) -> Verdict:
    """Run ``hours`` hours and return what they came to."""
    began, readings = REAL(), []
    middle: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        async with LoopbackTelegram(code="22222") as telegram:
            day = Day(telegram, Path(folder), turner)
            await day.start()
            for hour in range(1, hours + 1):
                await day.hour(hour, every)
                gc.collect()
                now = kinds()
                middle = now if hour == (hours + 1) // 2 else middle
                reading = Reading(
                    hour=hour,
                    rss_mib=round(rss_mib(), 1),
                    objects=now.total(),
                    tasks=len(asyncio.all_tasks()),
                    timers=len(asyncio.get_running_loop()._scheduled),  # type: ignore[attr-defined]
                    said=day.said,
                    seconds=round(REAL() - began, 1),
                )
                readings.append(reading)
                told(reading)
            turner.let_be(30.0)
            await day.warden.stop()
    half = readings[hours // 2 :]
    return Verdict(
        hours=hours,
        said=day.said,
        lost=day.lost,
        doubled=day.doubled,
        edits_missed=day.edits_missed,
        rss_mib=readings[-1].rss_mib,
        rss_kib_per_hour=round(slope([one.rss_mib for one in half]) * 1024, 1),
        objects=readings[-1].objects,
        objects_per_hour=round(slope([one.objects for one in half]), 1),
        more_of=dict((now - middle).most_common(8)),
    )


def run(hours: int, *, every: float, told: Callable[[Reading], object]) -> Verdict:
    """Run it in a loop whose clock is turned."""
    selector = Turner()
    selector.disk = Disk()
    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selector)) as runner:
        return runner.run(measure(hours, every=every, turner=selector, told=told))


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--hours", type=int, default=24)
    parser.add_argument("--every", type=float, default=20.0, help="seconds between two messages")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()

    def told(reading: Reading) -> None:
        line = "  ".join(f"{name} {value}" for name, value in asdict(reading).items())
        print(line, file=sys.stderr if given.json else sys.stdout, flush=True)

    verdict = run(given.hours, every=given.every, told=told)
    if given.json:
        print(json.dumps(asdict(verdict), indent=2))
    else:
        for name, value in asdict(verdict).items():
            print(f"{name:18} {value}")
    return 0 if verdict.flat else 1


if __name__ == "__main__":
    sys.exit(main())
