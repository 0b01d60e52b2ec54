"""A shared session beside a client of one's own: what the way through its owner costs.

Data centre, owner and program are a process each, on 127.0.0.1. The program asks by Telethon's own
client, once with a login of its own and once through the owner: one request after the other, and
many at once. Repetitions are interleaved; printed are medians and how they stand to the aims.

    python benchmarks/shared_client.py --reps 5 --requests 1000
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

THROUGHPUT: Final = 0.5  # of a client of one's own, at least
ADDED: Final = 0.001  # seconds at the median, at most
AT_ONCE: Final = 32
PHONE: Final = "+9996620001"
HISTORY: Final = 100  # messages


async def data_centre(_: Path) -> None:
    """A Telegram with one account, two logins and a channel."""
    from telewarden.loopback import LoopbackTelegram

    async with LoopbackTelegram() as telegram:
        alice = telegram.add_account("alice", phone=PHONE)
        news = telegram.add_channel("News", owner=alice, username="news")
        for number in range(HISTORY):
            telegram.post(news, f"message {number} " + "x" * 200)
        dc_id, host, port = telegram.address
        told = {
            "server": {"dc_id": dc_id, "host": host, "port": port, "pem": str(telegram.pem)},
            "strings": [telegram.mint(alice), telegram.mint(alice)],
        }
        print(json.dumps(told), flush=True)
        await asyncio.to_thread(sys.stdin.read)


def configuration(folder: Path) -> dict[str, Any]:
    """What the owner goes by."""
    return {
        "telegram": {"api_id": 1},
        "storage": {
            "folder": str(folder / "store"),
            "master_key": {"file": str(folder / "master.key"), "create": True},
        },
        "console": {"port": 0},
        "sessions": [{"name": "alice", "phone": PHONE}],
        "share": {"programs": [{"name": "bench", "sessions": ["alice"]}]},
        "loopback": {"embedded": False, "port": 1, "pubkey": "none"},
    }


async def owner(folder: Path) -> None:
    """A warden that owns one of the logins."""
    from telewarden import Warden, parse_config
    from telewarden.telegram import ServerAddress

    told = json.loads(sys.stdin.readline())
    warden = Warden(parse_config(configuration(folder)), server=ServerAddress(**told["server"]))
    async with warden:
        await warden.session("alice").import_string(told["strings"][0])
        await warden.session("alice").wait_online()
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.read)


async def program(folder: Path) -> None:
    """Asks as often as it is told, and prints how long it took."""
    from telethon import TelegramClient
    from telethon.crypto import rsa
    from telethon.sessions import StringSession

    from telewarden import parse_config, shared_client

    told = json.loads(sys.stdin.readline())
    if told["shared"]:
        client = shared_client("alice", program="bench", config=parse_config(configuration(folder)))
    else:
        rsa.add_key(told["server"]["pem"], old=False)
        client = TelegramClient(StringSession(told["strings"][1]), 1, "hash")
    async with client:
        found = await figures(client, int(told["requests"]))
    print(json.dumps(found), flush=True)


async def figures(client: Any, requests: int) -> dict[str, float]:
    """Seconds of one request, and requests a second of many at once."""
    from telethon import functions

    small = functions.help.GetNearestDcRequest
    channel = await client.get_input_entity("news")

    def big() -> Any:
        return functions.messages.GetHistoryRequest(channel, 0, None, 0, HISTORY, 0, 0, 0)

    for _ in range(100):  # until everything is warm
        await client(small())
    taken = []
    for _ in range(requests):
        since = time.perf_counter()
        await client(small())
        taken.append(time.perf_counter() - since)
    return {
        "p50": statistics.median(taken),
        "p99": statistics.quantiles(taken, n=100)[98],
        "small": await rate(client, small, requests),
        "history": await rate(client, big, max(1, requests // 10)),
    }


async def rate(client: Any, make: Any, requests: int) -> float:
    """Requests a second, so many at once."""
    left = iter(range(requests))

    async def one() -> None:
        for _ in left:
            await client(make())

    since = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(AT_ONCE)))
    return requests / (time.perf_counter() - since)


ROLES: Final = {"data_centre": data_centre, "owner": owner, "program": program}


@contextlib.contextmanager
def process(role: str, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """One of the roles as a process; it ends when its input does."""
    command = [sys.executable, __file__, "--role", role, "--folder", str(folder)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as running:
        try:
            yield running
        finally:
            running.communicate(timeout=30)


def say(running: subprocess.Popen[str], told: object) -> str:
    """Tell a process something and return the line that it answers with."""
    assert running.stdin is not None
    assert running.stdout is not None
    running.stdin.write(json.dumps(told) + "\n")
    running.stdin.flush()
    return running.stdout.readline()


def measure(folder: Path, *, reps: int, requests: int) -> dict[bool, list[dict[str, float]]]:
    """The figures of both ways, by whether the session was shared."""
    found: dict[bool, list[dict[str, float]]] = {False: [], True: []}
    with process("data_centre", folder) as telegram:
        assert telegram.stdout is not None
        told = json.loads(telegram.stdout.readline())
        with process("owner", folder) as warden:
            if say(warden, told) != "ready\n":
                raise SystemExit("the owner did not start")
            for rep in range(reps):
                for shared in (False, True) if rep % 2 else (True, False):
                    with process("program", folder) as running:
                        answer = say(running, {**told, "shared": shared, "requests": requests})
                        found[shared].append(json.loads(answer))
    return found


def report(found: dict[bool, list[dict[str, float]]]) -> None:
    """Print the medians and how they stand to the aims."""
    own, shared = (
        {name: statistics.median(one[name] for one in found[which]) for name in found[which][0]}
        for which in (False, True)
    )
    for name, middle in (("own", own), ("shared", shared)):
        print(
            f"{name:7} p50 {middle['p50'] * 1000:.3f} ms, p99 {middle['p99'] * 1000:.3f} ms,"
            f" {middle['small']:.0f} small/s, {middle['history']:.0f} histories/s"
        )
    added = shared["p50"] - own["p50"]
    aims = [(added <= ADDED, f"added p50 {added * 1000:.3f} ms (aim <= {ADDED * 1000:g})")]
    for name in ("small", "history"):
        ratio = shared[name] / own[name]
        aims.append((ratio >= THROUGHPUT, f"{name} {ratio:.2f} x own (aim >= {THROUGHPUT:g})"))
    for met, line in aims:
        print("ok  " if met else "MISS", line)


def main() -> int:
    """Measure, or play one of the roles."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--reps", type=int, default=5)
    parser.add_argument("--requests", type=int, default=1000)
    parser.add_argument("--role", choices=sorted(ROLES), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.role is not None:
        asyncio.run(ROLES[given.role](given.folder))
        return 0
    with tempfile.TemporaryDirectory(prefix="tw-") as folder:
        found = measure(Path(folder), reps=given.reps, requests=given.requests)
    report(found)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
