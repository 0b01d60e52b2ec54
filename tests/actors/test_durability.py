"""A process that is killed leaves what its sessions had learnt, and misses no message."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterable

import pytest
from telethon import functions

from telewarden.storage import UpdateState
from telewarden.telegram import SessionRecovered

from .conftest import SOON, TABLES, Newsroom

pytestmark = [pytest.mark.actors, pytest.mark.session]

# Durable within a second; the rest is for a busy machine to give the child its turn.
DURABLE = 1.0 + 1.0

CHILD = """
import asyncio, json, sys
from pathlib import Path
from telewarden import Warden
from telewarden.config import parse_config
from telewarden.telegram import ServerAddress, SessionRecovered

async def main():
    given = json.loads(sys.argv[1])
    config = parse_config(given["tables"], base=Path(given["folder"]))
    config = config.model_copy(update={"console": None})
    warden = Warden(config, server=ServerAddress(**given["server"]))
    online = asyncio.Event()
    loop = asyncio.get_running_loop()
    def hear(event):
        if isinstance(event, SessionRecovered) and event.session == "alice":
            loop.call_soon_threadsafe(online.set)
    warden.events.subscribe(hear)
    await warden.start()
    await online.wait()
    print("online", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


@contextlib.asynccontextmanager
async def a_warden_to_kill(newsroom: Newsroom) -> AsyncIterator[asyncio.subprocess.Process]:
    """The newsroom's warden in a process of its own, with alice online; killed at the end."""
    server = newsroom.server
    given = {
        "tables": TABLES,
        "folder": str(newsroom.folder),
        "server": {
            "dc_id": server.dc_id,
            "host": server.host,
            "port": server.port,
            "pem": server.pem,
        },
    }
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CHILD, json.dumps(given), stdout=asyncio.subprocess.PIPE
    )
    try:
        assert child.stdout is not None
        async with asyncio.timeout(2 * SOON):
            assert await child.stdout.readline() == b"online\n"
        yield child
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child.pid, signal.SIGKILL)
        await child.wait()


def states_of(newsroom: Newsroom) -> dict[int, UpdateState]:
    with newsroom.store() as store:
        return {one.entity_id: one for one in store.update_states("alice")}


async def test_what_an_update_moved_is_on_disk_a_second_later_also_after_a_kill(
    newsroom: Newsroom,
) -> None:
    await newsroom.start()
    await newsroom.stop()
    before = states_of(newsroom)
    async with a_warden_to_kill(newsroom):
        newsroom.say("news_in", "one", "two", "three")
        await newsroom.arrives("news_out", "one", "two", "three")
        told = time.monotonic()
        await newsroom.until(lambda: time.monotonic() - told > DURABLE)

    after = {at: state.pts for at, state in states_of(newsroom).items()}
    assert after != {at: state.pts for at, state in before.items()}
    assert after == await what_telegram_says(newsroom, after)


async def what_telegram_says(newsroom: Newsroom, places: Iterable[int]) -> dict[int, int]:
    """How far alice's account and channels have come at Telegram."""
    since = newsroom.mark()
    warden = await newsroom.start(signed_in=False)
    await newsroom.hears(SessionRecovered, since=since, session="alice")
    alice = warden.session("alice")
    said = {0: (await alice.call(functions.updates.GetStateRequest())).pts}
    for place in set(places) - {0}:
        request = functions.channels.GetFullChannelRequest(place)
        said[place] = (await alice.call(request)).full_chat.pts
    return said


async def test_messages_sent_while_the_process_was_dead_arrive_after_the_restart(
    newsroom: Newsroom,
) -> None:
    await newsroom.start()
    await newsroom.stop()
    async with a_warden_to_kill(newsroom):
        newsroom.say("news_in", "while it ran")
        await newsroom.arrives("news_out", "while it ran")

    newsroom.say("news_in", "while it was dead", "and once more")
    asked = newsroom.telegram.stats.calls["updates.getState"]
    since = newsroom.mark()
    await newsroom.start(signed_in=False)
    back = await newsroom.hears(SessionRecovered, since=since, session="alice")

    await newsroom.arrives("news_out", "while it ran", "while it was dead", "and once more")
    assert back.seconds < SOON
    assert newsroom.telegram.stats.calls["updates.getState"] > asked


async def test_a_clean_stop_leaves_all_that_was_heard(newsroom: Newsroom) -> None:
    await newsroom.start()
    newsroom.say("news_in", "at the last moment")
    await newsroom.arrives("news_out", "at the last moment")
    await newsroom.stop()
    learnt = states_of(newsroom)
    with newsroom.store() as store:
        key = store.credential("alice")
        entities = {one.id for one in store.entities("alice")}

    assert key is not None
    assert entities
    states = {at: state.pts for at, state in learnt.items()}
    assert await what_telegram_says(newsroom, states) == states


async def test_what_a_killed_process_had_begun_to_write_is_cleared_away(newsroom: Newsroom) -> None:
    await newsroom.start()
    await newsroom.stop()
    store, long_ago = newsroom.config.folder, time.time() - 7_200.0
    (store / "backups").mkdir()
    left = [
        store / ".telewarden.db.new-abc",
        store / "sessions" / ".alice.twsession.abc.tmp",
        store / "backups" / ".snapshot-abc.tmp",
        store / "backups" / ".snapshot-abc.tmp-journal",
        newsroom.folder / ".master.key.new.abc.tmp",
    ]
    others = [newsroom.folder / ".notes.tmp", store / "sessions" / ".alice.twsession.now.tmp"]
    for path in (*left, *others):
        path.write_bytes(b"begun")
        os.utime(path, (long_ago, long_ago))
    os.utime(others[1])  # another process is at it

    await newsroom.start(signed_in=False)

    assert [path.name for path in left if path.exists()] == []
    assert all(path.exists() for path in others)
