"""How fast the loopback data centre is with stock Telethon, client and server in one loop.

Prints calls a second (one after another, and 50 in flight), messages from one account to
another, connects of minted sessions a second, key exchanges a second, and what a thousand
clients at once cost. Ends by itself within about a minute.

usage: python benchmarks/loopback_speed.py [--clients 1000] [--seconds 2] [--json]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import time
from collections.abc import Awaitable, Callable

from telethon import TelegramClient, events, functions
from telethon.sessions import StringSession

from telewarden.loopback import Account, LoopbackTelegram

AIMS = {"calls_per_second": 5000, "minted_connects_per_second": 800, "clients_at_once": 1000}
AT_ONCE = 50  # connects and requests in flight


def client_of(telegram: LoopbackTelegram, account: Account) -> TelegramClient:
    """A client that is signed in and not connected yet."""
    return TelegramClient(StringSession(telegram.mint(account)), 1, "loopback")


async def rate(seconds: float, deed: Callable[[], Awaitable[object]], each: int = 1) -> float:
    """How often a second ``deed`` can be done, one after another."""
    done, began = 0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        await deed()
        done += each
    return done / (time.perf_counter() - began)


async def calls(telegram: LoopbackTelegram, seconds: float) -> dict[str, float]:
    """Calls of one client: one after another, and many in flight."""
    client = client_of(telegram, telegram.add_account("caller"))
    await client.connect()
    state = functions.updates.GetStateRequest()
    single = await rate(seconds, lambda: client(state))
    many = await rate(
        seconds, lambda: asyncio.gather(*(client(state) for _ in range(AT_ONCE))), AT_ONCE
    )
    await client.disconnect()
    return {"calls_per_second": single, "calls_per_second_50_in_flight": many}


async def messages(telegram: LoopbackTelegram, seconds: float) -> dict[str, float]:
    """Messages from one account to another, each waited for at the other end."""
    alice = telegram.add_account("sender")
    bob = telegram.add_account("reader", username="the_reader")
    sender, reader = client_of(telegram, alice), client_of(telegram, bob)
    heard: asyncio.Queue[object] = asyncio.Queue()
    reader.add_event_handler(heard.put, events.NewMessage())
    await sender.connect()
    await reader.connect()
    target = await sender.get_input_entity("the_reader")

    async def one() -> None:
        await sender.send_message(target, "hello")
        await heard.get()

    result = await rate(seconds, one)
    await sender.disconnect()
    await reader.disconnect()
    return {"messages_per_second": result}


async def exchanges(telegram: LoopbackTelegram, seconds: float) -> dict[str, float]:
    """Connects of clients without a key: what minting saves."""
    telegram.trust()

    async def one() -> None:
        session = StringSession()
        session.set_dc(*telegram.address)
        client = TelegramClient(session, 1, "loopback")
        await client.connect()
        await client.disconnect()

    return {"key_exchanges_per_second": await rate(seconds, one)}


async def crowd(telegram: LoopbackTelegram, count: int) -> dict[str, float]:
    """Many minted clients connected at once, and one channel post that reaches them all."""
    accounts = [
        telegram.add_account(f"c{number}", phone=f"+1555{number:07}") for number in range(count)
    ]
    news = telegram.add_channel("News", owner=accounts[0], members=accounts[1:])
    clients = [client_of(telegram, account) for account in accounts]
    gate = asyncio.Semaphore(AT_ONCE)
    before = memory()

    async def connected(client: TelegramClient) -> None:
        async with gate:
            await client.connect()

    began = time.perf_counter()
    await asyncio.gather(*map(connected, clients))
    took = time.perf_counter() - began
    reached = asyncio.Semaphore(0)
    for client in clients:
        client.add_event_handler(lambda _event: _released(reached), events.NewMessage())
    busy, began = time.process_time(), time.perf_counter()
    await asyncio.sleep(1)
    idle = (time.process_time() - busy) / (time.perf_counter() - began)
    began = time.perf_counter()
    telegram.post(news, "to everybody", author=accounts[0])
    for _ in range(count - 1):
        await reached.acquire()
    spread = time.perf_counter() - began
    figures = {
        "minted_connects_per_second": count / took,
        "clients_at_once": float(len(telegram.connections())),
        "kib_per_client_with_server": (memory() - before) / count,
        "idle_cpu_percent": idle * 100,
        "one_post_to_all_seconds": spread,
    }
    await asyncio.gather(*(client.disconnect() for client in clients))
    return figures


async def _released(semaphore: asyncio.Semaphore) -> None:
    semaphore.release()


def memory() -> int:
    """The process's resident memory in KiB."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


async def measure(clients: int, seconds: float) -> dict[str, float]:
    """Everything, each on a data centre of its own."""
    figures: dict[str, float] = {}
    for part in (calls, messages, exchanges):
        async with LoopbackTelegram() as telegram:
            figures |= await part(telegram, seconds)
    async with LoopbackTelegram() as telegram:
        figures |= await crowd(telegram, clients)
    return figures


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * options.clients + 100  # both ends of each connection are ours
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(soft, wanted), hard), hard))
    figures = asyncio.run(measure(options.clients, options.seconds))
    if options.json:
        print(json.dumps({name: round(value, 2) for name, value in figures.items()}))
        return
    for name, value in figures.items():
        aim = f"   (aim {AIMS[name]:,})" if name in AIMS else ""
        print(f"{name.replace('_', ' '):<34}{value:>12,.1f}{aim}")


if __name__ == "__main__":
    main()
