"""The owner is a process of its own, and is killed while programs are at work."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from telethon import events

from telewarden import shared_client
from telewarden.errors import OutcomeUnknownError

from ..front.conftest import short_socket
from .conftest import ALICE, SOON, Heard, House

pytestmark = [pytest.mark.session, pytest.mark.timeout(120)]

CONFIG = """\
[telegram]
api_id = 1

[storage]
folder = "store"
master_key = {{ file = "master.key" }}
backup_every = 0.0

[pacing]
per_account = 1000.0
per_chat = 1000.0
burst = 1000

[recovery]
backoff_initial = 0.05

[console]
port = 0
socket = "{console}"

[[sessions]]
name = "alice"
phone = "{phone}"

[share]
socket = "{share}"

[[share.programs]]
name = "bot"
sessions = ["alice"]
read_only = false

[loopback]
embedded = false
port = {port}
pubkey = "pub.pem"
"""


class Owner:
    """``telewarden run`` in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "telewarden", "run", "telewarden.toml"],
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait(10)


@pytest.fixture
def owner(tmp_path: Path) -> Iterator[Owner]:
    it = Owner(tmp_path)
    yield it
    it.kill()
    for name in (f"{short_socket(tmp_path)}", f"{short_socket(tmp_path)}2"):
        (tmp_path / name).unlink(missing_ok=True)  # of who was killed


async def _handed_over(house: House, owner: Owner) -> Path:
    """Stop the warden in this process and describe the same to one of its own."""
    await house.warden.stop()
    share = f"{short_socket(owner.folder)}2"
    text = CONFIG.format(
        console=short_socket(owner.folder), share=share, phone=ALICE, port=house.telegram.port
    )
    (owner.folder / "telewarden.toml").write_text(text, encoding="utf-8")
    (owner.folder / "pub.pem").write_text(str(house.telegram.pem), encoding="utf-8")
    owner.start()
    return owner.folder / "telewarden.toml"


class Writer:
    """Sends numbered texts, one after the other, and keeps what it is told of each."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.told: dict[str, str] = {}

    async def write(self, count: int) -> None:
        peer = await self._client.get_input_entity("@news_out")
        for number in range(count):
            text = f"text {number}"
            try:
                await self._client.send_message(peer, text)
            except OutcomeUnknownError as error:
                self.told[text] = "done" if error.done else "not known"
            else:
                self.told[text] = "sent"


async def test_a_killed_owner_is_a_pause_for_those_who_read_and_nothing_is_done_twice(
    house: House, owner: Owner
) -> None:
    config = await asyncio.to_thread(lambda: owner.folder / "telewarden.toml")
    await _handed_over(house, owner)

    async with shared_client("alice", program="bot", config=config) as client:
        heard = Heard(client, events.NewMessage(chats="@news_in"))
        house.say("news_in", "first")
        await heard.until(lambda found: bool(found))
        writer = Writer(client)
        writing = asyncio.ensure_future(writer.write(60))
        reading = asyncio.ensure_future(_read(client, 60))

        for kill in range(2):
            await house.until(lambda at=20 * (kill + 1): len(writer.told) >= at)  # type: ignore[misc]
            await asyncio.to_thread(owner.kill)
            house.say("news_in", *(f"{kill} while it is dead {one}" for one in range(3)))
            owner.start()
        async with asyncio.timeout(SOON):
            await writing
            assert await reading == 60
        house.say("news_in", "last")
        await heard.until(lambda found: found[-1].raw_text == "last")

    wanted = [f"{kill} while it is dead {one}" for kill in range(2) for one in range(3)]
    assert heard.texts == ["first", *wanted, "last"]
    there = house.texts("news_out")
    assert len(there) == len(set(there))
    for text, told in writer.told.items():
        assert told in {"sent", "done"}, (text, told)
        assert text in there


async def _read(client: Any, count: int) -> int:
    read = 0
    for _ in range(count):
        read += bool(await client.get_me())
    return read


async def test_twenty_programs_in_their_own_processes_use_one_account(
    house: House, owner: Owner
) -> None:
    await _handed_over(house, owner)
    pipes: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), asyncio.subprocess.PIPE)
    environment = {**os.environ, "TELEWARDEN_PROGRAM": "bot"}
    processes = [
        await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", PROGRAM, str(number)),
            cwd=owner.folder,
            env=environment,
            **pipes,
        )
        for number in range(2)
    ]
    try:
        async with asyncio.timeout(60):
            for one in processes:
                assert one.stdout is not None
                assert await one.stdout.readline() == b"connected\n"
            ended = await asyncio.gather(*(one.communicate(b"go\n") for one in processes))
    finally:
        for one in processes:
            if one.returncode is None:
                one.kill()

    assert [said for _, said in ended] == [b""] * len(processes)
    assert sorted(house.texts("news_out")) == sorted(
        f"{number}.{client} says {line}"
        for number in range(2)
        for client in range(10)
        for line in range(3)
    )
    assert len(house.telegram.authorizations(house.account(ALICE))) == 1
    assert house.telegram.stats.duplicate_keys == 0


PROGRAM = """
import asyncio, sys
from telethon import events
from telewarden import shared_client

ALL = 60

async def one(client, name):
    heard, done = [], asyncio.Event()

    @client.on(events.NewMessage(chats="@news_out"))
    async def hear(event):
        heard.append(event.raw_text)
        if len(heard) == ALL - 3:  # all but its own
            done.set()

    await client.get_input_entity("@news_out")
    yield
    for line in range(3):
        await client.send_message("@news_out", f"{name} says {line}")
    await done.wait()
    messages = await client.get_messages("@news_out", limit=2 * ALL)
    own = [one.raw_text for one in messages if one.raw_text.startswith(f"{name} ")]
    assert len(messages) == ALL and len(heard) == len(set(heard))
    assert set(heard) | set(own) == {one.raw_text for one in messages}

async def main():
    clients = [shared_client("alice") for _ in range(10)]
    for client in clients:
        await client.start()
    works = [one(client, f"{sys.argv[1]}.{at}") for at, client in enumerate(clients)]
    for work in works:
        await anext(work)
    print("connected", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    await asyncio.gather(*(anext(work, None) for work in works))
    for client in clients:
        await client.disconnect()

asyncio.run(main())
"""
