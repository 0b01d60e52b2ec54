"""A process that is killed between owing and sending: what it owed arrives by the next one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from telewarden.storage import Store

from .conftest import SOON, Post, Receiver, write_secret

pytestmark = [pytest.mark.session, pytest.mark.timeout(120)]
KEY = "a key of at least four and twenty bytes"

PROGRAM = """
import asyncio, pathlib, sys, tomllib
from telewarden import Warden, parse_config
from telewarden.supervision import CausePaused

async def main():
    folder = pathlib.Path(sys.argv[1])
    config = parse_config(tomllib.loads((folder / "telewarden.toml").read_text()), base=folder)
    async with Warden(config) as warden:
        print("runs", flush=True)
        warden.events.publish(CausePaused(at=0.0, child="", cause="dc 2", seconds=1.0))
        await asyncio.sleep(600)

asyncio.run(main())
"""
TOML = """
[telegram]
api_id = 1
[storage]
folder = "store"
backup_every = 0.0
master_key = { file = "master.key", create = true }
[console]
port = 0
[[sessions]]
name = "carol"
phone = "+9996620007"
[notify]
gather = 0.0
settle = 0.0
[notify.channels.phone]
url = { file = "phone.url" }
every = 0.0
[notify.alerts.SessionNeedsLogin]
after = 0.0
[notify.webhooks.app]
url = { file = "hook.url" }
secret = { file = "hook.key" }
events = ["CausePaused"]
[loopback]
[[loopback.accounts]]
name = "alice"
phone = "+9996620001"
"""


@pytest.fixture
def office(folder: Path, receiver: Receiver) -> Path:
    """A folder whose warden has an alert for a channel, and an event for a webhook."""
    send_to(folder, receiver.port)
    write_secret(folder / "hook.key", KEY)
    (folder / "telewarden.toml").write_text(TOML, encoding="utf-8")
    return folder


def send_to(folder: Path, port: int) -> None:
    write_secret(folder / "phone.url", f"json://127.0.0.1:{port}/")
    write_secret(folder / "hook.url", f"http://127.0.0.1:{port}/hook")


def kill_once(folder: Path, ready: Callable[[], object]) -> None:
    """Run the program, and kill it when ``ready`` returns."""
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(folder)], stdout=subprocess.PIPE, text=True
    ) as program:
        try:
            assert program.stdout is not None
            assert program.stdout.readline() == "runs\n"
            ready()
        finally:
            os.kill(program.pid, signal.SIGKILL)
            program.wait(SOON)


def owed(folder: Path) -> tuple[set[str], set[str]]:
    """The ids of the messages and of the events that are owed on the disk."""
    with Store.open_reader(folder / "store" / "telewarden.db") as store:
        batches = {row.batch or "" for row in store.news()}
        return batches, {row.id for row in store.webhook_events(dead=False)}


def sorted_out(posts: list[Post]) -> tuple[list[Post], list[Post]]:
    """What the channel was sent, and what the webhook was."""
    hooks = [post for post in posts if post.path == "/hook"]
    return [post for post in posts if post.path != "/hook"], hooks


def test_what_was_owed_and_not_sent_when_it_was_killed_is_sent_once(
    office: Path, receiver: Receiver
) -> None:
    nowhere = Receiver()
    nowhere.close()
    send_to(office, nowhere.port)

    def is_owed() -> None:
        deadline = time.monotonic() + SOON
        while not all(map(len, owed(office))):
            assert time.monotonic() < deadline
            time.sleep(0.05)

    kill_once(office, is_owed)
    before = owed(office)
    send_to(office, receiver.port)
    seen: list[Post] = []
    kill_once(office, lambda: take_until(receiver, seen, channel=1, hooks=2))

    told, hooks = sorted_out(seen)
    assert told[0].data["title"] == "[CRITICAL] SessionNeedsLogin: carol"
    assert {hooks[0].headers["webhook-id"]} == before[1]


def test_what_was_being_sent_when_it_was_killed_is_sent_again_and_a_webhook_knows_it_by_its_id(
    office: Path, receiver: Receiver
) -> None:
    receiver.hold.clear()
    first: list[Post] = []
    kill_once(office, lambda: take_until(receiver, first, channel=1, hooks=1))
    before = owed(office)
    receiver.hold.set()
    receiver.rest()
    again: list[Post] = []
    kill_once(office, lambda: take_until(receiver, again, channel=1, hooks=2))

    told, hooks = sorted_out(again)
    (first_told,), (first_hook,) = sorted_out(first)
    assert told[0].data["title"] == first_told.data["title"]
    assert hooks[0].headers["webhook-id"] == first_hook.headers["webhook-id"]
    assert before == ({next(iter(before[0]))}, {first_hook.headers["webhook-id"]})


def take_until(receiver: Receiver, seen: list[Post], *, channel: int, hooks: int) -> None:
    """Take what comes until so much of each has come."""
    while len(sorted_out(seen)[0]) < channel or len(sorted_out(seen)[1]) < hooks:
        seen.append(receiver.taken())
