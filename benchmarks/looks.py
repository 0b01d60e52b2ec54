"""What the looks at ten thousand sessions leave to others of the loop: asks beside them.

``observed`` is the look at what sessions and groups report, ``stored`` that at what the database
says of them, which keep the exporter's figures. ``fired`` is the notifier's look in which all
sessions turn out to be down, with one channel to be told; ``down`` are its looks of eight seconds
while they are. Measured: milliseconds of CPU time of the loop's thread for one look and the asks
beside it, and the p99 and the longest of those asks, as on a core of its own.

usage: python benchmarks/looks.py [--reps 3] [--children 10000] [--only fired]
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from metrics_scrape import Echo, filled
from side_by_side import Aim, Cases, Figures, main

from telewarden.actors import JournalActor, WaitLedger
from telewarden.metrics import Exporter, Storage
from telewarden.notify import (
    AlertFired,
    AlertsAsked,
    ChannelRules,
    CurrentNotify,
    EventInbox,
    EventKinds,
    NotifyActor,
    NotifySettings,
    RuleChange,
)
from telewarden.storage import Epoch, MasterKey, Store, StoredFigures
from telewarden.supervision import (
    ChildSpec,
    EventStream,
    Sibling,
    SupervisorSpec,
    Tree,
    ask_async,
)
from telewarden.telegram import GroupReport, Health, Overview, PairReport, Phase, SessionReport

cpu = time.thread_time  # the loop's; the journal has a thread, and a core, of its own
LOOKS = 5


async def beside(
    tree: Tree, look: Callable[[], Awaitable[object]], *, times: int = LOOKS
) -> Figures:
    """What asks take while a look is under way, and what the look takes by itself."""
    ref, took, looked = tree.ref("echo"), list[float](), list[float]()
    for _ in range(times):
        task, spent = asyncio.ensure_future(look()), 0.0
        while not task.done():
            begun = cpu()
            await ask_async(ref, 1, timeout=30.0)
            took.append((cpu() - begun) * 1e3)
            spent += took[-1]
        await task
        looked.append(spent)
    p99 = statistics.quantiles(took, n=100)[98] if len(took) > 1 else took[0]
    return {"look_ms": statistics.median(looked), "ask_p99_ms": p99, "ask_most_ms": max(took)}


def overview(count: int) -> Overview:
    now = time.time()
    pair = PairReport(
        id=1,
        source=1,
        target=2,
        mode="copy",
        waiting=3,
        delivered=0,
        repeated=0,
        dead=0,
        paused=None,
    )
    sessions = tuple(
        SessionReport(
            session=f"session_{number}",
            phase=Phase.ONLINE,
            health=Health.HEALTHY,
            reason="",
            since=now,
            last_update=now,
            probe_seconds=0.1,
        )
        for number in range(count)
    )
    groups = tuple(
        GroupReport(session=one.session, group="g1", online=True, pairs=(pair,)) for one in sessions
    )
    return Overview(sessions=sessions, groups=groups)


async def observed(count: int) -> Figures:
    exporter, found = Exporter(), overview(count)
    gc.freeze()
    async with Tree(SupervisorSpec(children=(ECHO,))) as tree:
        return await beside(tree, lambda: exporter.observe_async(found))


async def stored(count: int) -> Figures:
    exporter, now = filled(count), time.time()
    names = [one.name for one in exporter.look().sessions]
    found = iter(
        [[StoredFigures(name=one, backed_up=now + at) for one in names] for at in range(9)]
    )
    gc.freeze()

    async def look() -> None:
        await exporter.stored_async(next(found), {}, Storage(free=9, size=9), codes_a_day=3)

    async with Tree(SupervisorSpec(children=(ECHO,))) as tree:
        return await beside(tree, look)


async def notified(count: int, *, later: float) -> Figures:
    """All are down; what is measured begins ``later`` seconds after it is noticed."""
    exporter, events, epoch, fired = filled(count), EventStream(), Epoch(), asyncio.Event()
    alerts = iter(range(count, 0, -1))

    def count_alert(_: object) -> None:
        if next(alerts) == 1:
            fired.set()

    events.subscribe(count_alert, [AlertFired])
    channel = ChannelRules(name="mail", url=lambda: "json://127.0.0.1:9/", every=3600.0)
    settings = NotifySettings(
        channels={"mail": channel},
        changes={"SessionDown": RuleChange(after=0.0), "LeaseLost": RuleChange(enabled=False)},
        gather=3600.0,
    )
    with tempfile.TemporaryDirectory() as folder:
        master = MasterKey.from_text(MasterKey.generate())
        place = Path(folder) / "warden.db"
        journal = ChildSpec(
            id="journal",
            actor=JournalActor,
            args=(lambda: Store.open(place, master), None, WaitLedger()),
        )
        notify = ChildSpec(
            id="notify",
            actor=NotifyActor,
            kwargs={
                "current": CurrentNotify(settings),
                "facts": exporter.look,
                "counter": exporter,
                "words": lambda _: str,
                "events": events,
                "epoch": epoch,
                "inbox": EventInbox(events, epoch, EventKinds()),
                "journal": Sibling("journal"),
            },
        )
        async with Tree(SupervisorSpec(children=(ECHO, journal, notify))) as tree:
            await ask_async(tree.ref("notify"), AlertsAsked(), timeout=30.0)
            gc.freeze()
            for figures in exporter.look().sessions:
                figures.note(phase=Phase.WAITING, since=time.time())
            if not later:
                return await beside(tree, fired.wait, times=1)
            await fired.wait()
            return await beside(tree, lambda: asyncio.sleep(later), times=1)


ECHO = ChildSpec(id="echo", actor=Echo)


def cases(arguments: argparse.Namespace) -> Cases:
    count = arguments.children
    return {
        "observed": lambda: asyncio.run(observed(count)),
        "stored": lambda: asyncio.run(stored(count)),
        "fired": lambda: asyncio.run(notified(count, later=0.0)),
        "down": lambda: asyncio.run(notified(count, later=8.0)),
    }


AIMS = tuple(
    Aim(case, "ask_most_ms", "<=", 20.0) for case in ("observed", "stored", "fired", "down")
)

if __name__ == "__main__":
    main(__doc__, cases, AIMS)
