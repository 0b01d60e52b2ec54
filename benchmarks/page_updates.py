"""What open pages cost a warden of a thousand sessions, with an update each second.

The tree is a real one of four children a session, served over HTTP on the loopback; pages read in a
process of their own. Of each ten sessions one has changed since the last second, and each third
pair has carried something. ``stream 1`` and ``stream 20`` are pages that follow the stream of
changes; ``whole 1`` and ``whole 20`` ask for the whole state each second, written for each of them.

Measured: milliseconds of CPU time of the warden's process a second above what it takes without
pages, bytes sent to each page a second, and ``first_ms``, in which a page has all of it.

usage: python benchmarks/page_updates.py [--reps 3] [--children 1000] [--only stream]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import json
import random
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Any

from side_by_side import Aim, Cases, Figures, main

from telewarden.actors import with_waits
from telewarden.console import ConsoleActor, bind_tcp
from telewarden.console.results.base import Result
from telewarden.metrics import Exporter
from telewarden.notify import Standing
from telewarden.supervision import (
    ChildSpec,
    LoopActor,
    Snapshot,
    Supervisor,
    SupervisorSpec,
    Tree,
)
from telewarden.telegram import Health, Phase
from telewarden.telegram.reports import GroupReport, Overview, PairReport, SessionReport

SECONDS = 12
READER = """
import http.client, json, socket, sys, threading, time
port, pages, way, seconds = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], float(sys.argv[4])
until, took, read = time.monotonic() + seconds, [], []
def follow():
    begun, count = time.monotonic(), 0
    line = socket.create_connection(("127.0.0.1", port))
    line.sendall(b"GET /events/stream HTTP/1.1\\r\\nhost: localhost\\r\\n\\r\\n")
    line.settimeout(0.2)
    tail, first = b"", None
    while time.monotonic() < until:
        try:
            data = line.recv(1 << 18)
        except TimeoutError:
            continue
        count += len(data)
        tail = (tail + data)[-8:]
        if first is None and b"\\n\\n" in tail and count > 10_000:
            first = time.monotonic() - begun
            count = 0
    took.append(first); read.append(count)
def ask():
    line, count, first = http.client.HTTPConnection("127.0.0.1", port), 0, None
    while time.monotonic() < until:
        begun = time.monotonic()
        line.request("GET", "/api/state", headers={"host": "localhost"})
        body = line.getresponse().read()
        if first is None:
            first = time.monotonic() - begun
        else:
            count += len(body)
        time.sleep(max(0.0, 1.0 - (time.monotonic() - begun)))
    took.append(first); read.append(count)
threads = [threading.Thread(target={"stream": follow, "whole": ask}[way]) for _ in range(pages)]
[one.start() for one in threads]
[one.join() for one in threads]
print(json.dumps({"first": max(took), "bytes": max(read) / seconds}))
"""


class Idle(LoopActor):
    """Does nothing."""


class Panel:
    """A warden's panel with so many sessions that report by themselves."""

    def __init__(self, count: int) -> None:
        self.exporter, self.tree = Exporter(per_session=False), None
        self._chance = random.Random(1)
        at = time.time()
        self.sessions = [
            SessionReport(
                session=f"session_{number}",
                phase=Phase.ONLINE,
                health=Health.HEALTHY,
                reason="by string",
                since=at,
                last_update=at,
                probe_seconds=0.1,
                user_id=number,
                groups=1,
            )
            for number in range(count)
        ]
        self.pairs = [
            PairReport(
                id=number + 1,
                source=-1000 - number,
                target=-9000 - number,
                mode="copy",
                waiting=0,
                delivered=0,
                repeated=0,
                dead=0,
                paused=None,
                ready=True,
            )
            for number in range(count)
        ]
        self.running: Tree | None = None

    def change(self) -> None:
        """A second goes by."""
        count = len(self.sessions)
        for number in self._chance.sample(range(count), count // 10):
            self.sessions[number] = replace(
                self.sessions[number], last_update=time.time(), probe_seconds=self._chance.random()
            )
        for number in self._chance.sample(range(count), count // 3):
            pair = self.pairs[number]
            self.pairs[number] = replace(pair, delivered=pair.delivered + 1)

    async def known(self) -> Overview:
        groups = tuple(
            GroupReport(session=one.session, group="group-1", online=True, pairs=(pair,))
            for one, pair in zip(self.sessions, self.pairs, strict=True)
        )
        found = Overview(sessions=tuple(self.sessions), groups=groups)
        return with_waits(found, self.tree, (), now=time.time())

    overview = known

    @property
    def alerts(self) -> Panel:
        return self

    async def standing(self) -> Standing:
        return Standing(firing=(), silences=(), channels=(), webhooks=())

    def snapshot(self) -> Snapshot:
        assert self.running is not None
        self.tree = self.running.snapshot()
        return self.tree

    def running_operations(self) -> tuple[Any, ...]:
        return ()

    def ready(self) -> tuple[bool, str]:
        return True, "all online"

    async def command(self, name: str, given: Mapping[str, Any], *, who: str) -> Result:
        raise NotImplementedError

    def noted(self, who: str, what: str, subject: str) -> None:
        raise NotImplementedError

    def refused(self, who: str, what: str, subject: str, *, why: str) -> None:
        raise NotImplementedError


def subtree(number: int) -> ChildSpec:
    parts = tuple(ChildSpec(id=one, actor=Idle) for one in ("groups", "session", "group-1"))
    return ChildSpec(
        id=f"session:session_{number}", actor=Supervisor, args=(SupervisorSpec(children=parts),)
    )


@contextlib.asynccontextmanager
async def console(panel: Panel, count: int) -> AsyncIterator[int]:
    with contextlib.closing(bind_tcp("127.0.0.1", 0)) as tcp:
        served = ChildSpec(id="console", actor=ConsoleActor, kwargs={"panel": panel, "tcp": tcp})
        spec = SupervisorSpec(children=(*map(subtree, range(count)), served))
        tree = panel.running = Tree(spec)
        async with tree:
            panel.snapshot()
            yield tcp.getsockname()[1]


async def changing(panel: Panel) -> None:
    while True:
        panel.change()
        await asyncio.sleep(1.0)


async def share_of_a_core(seconds: float) -> float:
    begun, since = time.process_time(), time.monotonic()
    await asyncio.sleep(seconds)
    return (time.process_time() - begun) / (time.monotonic() - since)


async def measured(count: int, pages: int, way: str) -> Figures:
    panel = Panel(count)
    async with console(panel, count) as port:
        gc.collect()
        gc.freeze()  # as a warden does after its start
        life = asyncio.create_task(changing(panel))
        alone = await share_of_a_core(SECONDS / 3)
        words = [sys.executable, "-c", READER, str(port), str(pages), way, str(SECONDS)]
        reader = await asyncio.create_subprocess_exec(*words, stdout=subprocess.PIPE)
        await asyncio.sleep(2.0)  # all of them have the first state
        busy = await share_of_a_core(SECONDS - 4)
        said, _ = await reader.communicate()
        life.cancel()
    told = json.loads(said)
    return {
        "ms_a_second": max(0.0, busy - alone) * 1e3,
        "kib_a_second": told["bytes"] / 1024,
        "first_ms": told["first"] * 1e3,
    }


def cases(arguments: argparse.Namespace) -> Cases:
    count = arguments.children
    return {
        f"{way} {pages}": lambda way=way, pages=pages: asyncio.run(measured(count, pages, way))
        for way in ("stream", "whole")
        for pages in (1, 20)
    }


AIMS = (
    Aim("stream 1", "ms_a_second", "<=", 30.0),  # 3 % of a core
    Aim("stream 20", "ms_a_second", "<=", 2.0, beside="stream 1"),
    Aim("stream 20", "ms_a_second", "<=", 0.1, beside="whole 20"),
    Aim("stream 1", "first_ms", "<=", 1000.0),
)

if __name__ == "__main__":
    main(__doc__, cases, AIMS, children=1_000)
