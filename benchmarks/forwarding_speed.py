"""Forwarding with every guarantee on, beside bare Telethon scripts that do the same without.

All forward (or copy) the same messages over the same kind of loopback data centre, each in a
process of its own; the data centre is in another. Measured: messages a second through one pair, the
latency from "posted" to "arrived" of single messages, and CPU time per message of the forwarder,
until it has come to rest.

The bare scripts are what people write: a handler on ``NewMessage`` that awaits ``forward_messages``
(or ``send_message``), no outbox, no marks, nothing after a crash. One takes updates in order
(``sequential_updates=True``), the other as Telethon does unless told otherwise: a task for each, so
that all are under way at once and nothing keeps their order.

usage: python benchmarks/forwarding_speed.py [--messages 2000] [--repeats 3] [--mode copy] [--json]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import resource
import statistics
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

from telethon import TelegramClient, events
from telethon.sessions import StringSession

from telewarden import Warden, parse_config
from telewarden.loopback import ChatHandle, LoopbackTelegram
from telewarden.service.loopback_server import StandIn, populate, sign_in
from telewarden.telegram import ServerAddress

AIMS = "throughput 0.8 or more, added latency p50 10 ms or less, CPU per message 1.5 or less"
KINDS = ("guarded", "in order", "at once")
ALICE, PRESS = "+9996620001", "+9996620009"
SINGLES = 200  # messages of which each waits for the one before
WITHIN = 60.0  # seconds that a run may take
AT_REST = 0.001  # seconds of CPU time within LOOK_EVERY: less is no work on messages any more
LOOK_EVERY = 0.1


def tables(mode: str) -> dict[str, Any]:
    return {
        "telegram": {"api_id": 1},
        "storage": {"folder": "store", "master_key": {"file": "master.key", "create": True}},
        "pacing": {"per_account": 1e6, "per_chat": 1e6, "burst": 1_000_000},
        "console": {"port": 0},
        "sessions": [{"name": "alice", "phone": ALICE}],
        "pairs": [
            {"id": 1, "session": "alice", "source": "@news_in", "target": "@news_out", "mode": mode}
        ],
        "loopback": {
            "accounts": [{"name": "alice", "phone": ALICE}, {"name": "press", "phone": PRESS}],
            "chats": [
                {"username": "news_in", "title": "In", "owner": "press", "members": ["alice"]},
                {"username": "news_out", "title": "Out", "owner": "alice"},
            ],
        },
    }


# The two forwarders, each in a process of its own. They say "ready", and their CPU time when told.


async def guarded(folder: Path, port: int, mode: str) -> None:
    config = parse_config(tables(mode), base=folder).model_copy(update={"console": None})
    pem = (folder / "pem").read_text(encoding="ascii")
    server = ServerAddress(dc_id=2, host="127.0.0.1", port=port, pem=pem)
    async with Warden(config, server=server) as warden:
        await sign_in(warden, StandIn(server=server))
        while not all(
            pair.ready for group in (await warden.overview()).groups for pair in group.pairs
        ):
            await asyncio.sleep(0.02)
        await _serve()


async def bare(folder: Path, mode: str, *, in_order: bool) -> None:
    session = StringSession((folder / "session").read_text(encoding="ascii"))
    client: Any = TelegramClient(session, 1, "any", sequential_updates=in_order)
    await client.connect()
    await client.get_dialogs()
    source = await client.get_input_entity("news_in")
    target = await client.get_input_entity("news_out")

    async def forward(event: Any) -> None:
        if mode == "forward":
            await client.forward_messages(target, event.message)
        else:
            await client.send_message(target, event.message)

    client.add_event_handler(forward, events.NewMessage(chats=[source]))
    await _serve()
    await client.disconnect()


async def _serve() -> None:
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    print("ready", flush=True)
    while await reader.readline():
        usage = resource.getrusage(resource.RUSAGE_SELF)
        print(usage.ru_utime + usage.ru_stime, flush=True)


# The measuring side


class Course:
    """A data centre with one forwarder on it."""

    def __init__(self, telegram: LoopbackTelegram, folder: Path, mode: str) -> None:
        self._telegram, self._folder, self._mode = telegram, folder, mode
        config = parse_config(tables(mode), base=folder)
        assert config.loopback is not None
        chats = populate(telegram, config.loopback)
        self._source: ChatHandle = chats["news_in"]
        self._target: ChatHandle = chats["news_out"]

    async def run(self, kind: str, messages: int) -> dict[str, float]:
        """Let one forwarder run the course and return its figures."""
        (self._folder / "pem").write_text(str(self._telegram.pem), encoding="ascii")
        alice = self._telegram.account(ALICE)
        assert alice is not None
        if kind != "guarded":
            text = self._telegram.mint(alice)
            (self._folder / "session").write_text(text, encoding="ascii")
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            __file__,
            "--run",
            kind,
            str(self._folder),
            str(self._telegram.port),
            self._mode,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert child.stdin is not None
        assert child.stdout is not None
        if await child.stdout.readline() != b"ready\n":
            raise RuntimeError(f"{kind}: the forwarder did not start")
        latencies = [await self._single() for _ in range(SINGLES)]
        before = await _cpu(child)
        seconds = await self._burst(messages)
        cpu = await _cpu(child) - before
        child.stdin.close()
        await child.wait()
        return {
            "messages_per_second": messages / seconds,
            "latency_p50_ms": 1000 * statistics.median(latencies),
            "latency_p99_ms": 1000 * statistics.quantiles(latencies, n=100)[98],
            "cpu_ms_per_message": 1000 * cpu / messages,
            "out_of_order": float(self._out_of_order()),
        }

    def _out_of_order(self) -> int:
        numbers = [int(one.text.split()[1]) for one in self._target.messages if " " in one.text]
        return sum(1 for a, b in pairwise(numbers) if b < a)

    async def _single(self) -> float:
        wanted = len(self._target.record.messages) + 1
        began = time.perf_counter()
        self._telegram.post(self._source, "one")
        await self._until(wanted)
        return time.perf_counter() - began

    async def _burst(self, messages: int) -> float:
        wanted = len(self._target.record.messages) + messages
        began = time.perf_counter()
        for number in range(messages):
            self._telegram.post(self._source, f"news {number}")
            if number % 10 == 9:
                await asyncio.sleep(0)
        await self._until(wanted)
        return time.perf_counter() - began

    async def _until(self, count: int) -> None:
        async with asyncio.timeout(WITHIN):
            while len(self._target.record.messages) < count:
                await asyncio.sleep(0)


async def _cpu(child: asyncio.subprocess.Process) -> float:
    """The CPU time that it has taken when it has come to rest."""
    assert child.stdin is not None
    assert child.stdout is not None
    before = -1.0
    while True:
        child.stdin.write(b"cpu\n")
        now = float(await child.stdout.readline())
        if now - before < AT_REST:
            return now
        before = now
        await asyncio.sleep(LOOK_EVERY)


Runs = dict[str, list[dict[str, float]]]


async def measure(messages: int, mode: str, *, repeats: int = 1) -> dict[str, dict[str, float]]:
    """Let all run in turn, several times; returns the medians by kind, and ours beside theirs."""
    runs: Runs = {kind: [] for kind in KINDS}
    for _ in range(repeats):
        for kind in KINDS:
            with tempfile.TemporaryDirectory() as folder:
                async with LoopbackTelegram(code="22222") as telegram:
                    run = await Course(telegram, Path(folder), mode).run(kind, messages)
            runs[kind].append(run)
    figures = {kind: _medians(runs[kind]) for kind in KINDS}
    ours = figures["guarded"]
    for kind in KINDS[1:]:
        theirs = figures[kind]
        figures[f"beside {kind}"] = {
            "throughput_ratio": ours["messages_per_second"] / theirs["messages_per_second"],
            "added_latency_p50_ms": ours["latency_p50_ms"] - theirs["latency_p50_ms"],
            "cpu_ratio": ours["cpu_ms_per_message"] / theirs["cpu_ms_per_message"],
        }
    return figures


def _medians(runs: list[dict[str, float]]) -> dict[str, float]:
    return {name: statistics.median(run[name] for run in runs) for name in runs[0]}


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--messages", type=int, default=2000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--mode", choices=("forward", "copy"), help="only this; else both")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    modes = (given.mode,) if given.mode else ("forward", "copy")
    figures = {
        mode: asyncio.run(measure(given.messages, mode, repeats=given.repeats)) for mode in modes
    }
    if given.json:
        print(json.dumps(figures, indent=2))
        return 0
    print(f"aims: {AIMS}")
    for mode, groups in figures.items():
        for group, values in groups.items():
            print(f"{mode}, {group}")
            for name, value in values.items():
                print(f"  {name:24} {value:10.2f}")
    return 0


if __name__ == "__main__":
    logging.basicConfig(level=logging.ERROR)
    match sys.argv[1:]:
        case ["--run", "guarded", folder, port, mode]:
            asyncio.run(guarded(Path(folder), int(port), mode))
        case ["--run", kind, folder, _, mode]:
            asyncio.run(bare(Path(folder), mode, in_order=kind == "in order"))
        case _:
            sys.exit(main())
