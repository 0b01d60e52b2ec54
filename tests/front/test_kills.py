"""A warden that is killed again and again while its sessions come online loses none of them."""

from __future__ import annotations

import asyncio
import json
import random
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from telewarden.loopback import LoopbackTelegram
from telewarden.storage import MasterKey, SessionRecord, Store
from telewarden.telegram import parse_string

pytestmark = pytest.mark.session

NAMES = tuple(f"s{number}" for number in range(5))
RUN = """
import asyncio, json, sys
from telewarden import Warden
from telewarden.telegram import ServerAddress, SessionRecovered
tables, dc_id, host, port = json.loads(sys.argv[1])
async def main():
    warden = Warden(tables, server=ServerAddress(dc_id=dc_id, host=host, port=port))
    def hear(event):
        if isinstance(event, SessionRecovered):
            print(event.session, flush=True)
    warden.events.subscribe(hear)
    print("begun", flush=True)
    async with warden:
        await asyncio.Event().wait()
asyncio.run(main())
"""


class Victim:
    """An installation whose logins are on disk, and the processes that run it."""

    def __init__(self, telegram: LoopbackTelegram, folder: Path) -> None:
        self.telegram, self._folder = telegram, folder
        self._running: asyncio.subprocess.Process | None = None
        MasterKey.make_file(folder / "master.key")
        with Store.open(folder / "telewarden.db", MasterKey.from_file(folder / "master.key")) as it:
            for number, name in enumerate(NAMES):
                account = telegram.add_account(name, phone=f"+9996620{number:03d}")
                string = telegram.mint(account)
                parts = parse_string(string)
                it.put_session(SessionRecord(name=name, phone=account.phone))
                it.put_credential(name, string, parts.key_id, parts.dc_id)

    def _tables(self) -> dict[str, Any]:
        return {
            "telegram": {"api_id": 1},
            "storage": {
                "folder": str(self._folder),
                "master_key": {"file": str(self._folder / "master.key")},
            },
            "recovery": {"backoff_initial": 0.05, "backoff_max": 0.2},
            "console": {"port": 0, "socket": str(self._folder / "unused")},
            "sessions": [
                {"name": name, "phone": f"+9996620{number:03d}"}
                for number, name in enumerate(NAMES)
            ],
            "loopback": {},
        }

    async def run_until(self, back: int) -> set[str]:
        """Run until so many sessions are back, then kill it; returns who was."""
        self._running = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            RUN,
            json.dumps([self._tables(), *self.telegram.address]),
            stdout=asyncio.subprocess.PIPE,
        )
        assert self._running.stdout is not None
        seen: set[str] = set()
        async with asyncio.timeout(30):
            assert await self._running.stdout.readline() == b"begun\n"
            while len(seen) < back:
                seen.add((await self._running.stdout.readline()).decode().strip())
        await self.kill()
        return seen

    async def kill(self) -> None:
        if self._running is not None and self._running.returncode is None:
            self._running.kill()
            await self._running.communicate()


@pytest.fixture
async def victim(tmp_path: Path) -> AsyncIterator[Victim]:
    async with LoopbackTelegram() as telegram:
        victim = Victim(telegram, tmp_path)
        yield victim
        await victim.kill()


async def test_every_session_comes_back_without_a_login_however_often_it_is_killed(
    victim: Victim,
) -> None:
    chance = random.Random(4)

    for _ in range(4):
        await victim.run_until(chance.randrange(len(NAMES)))
    back = await victim.run_until(len(NAMES))

    assert back == set(NAMES)
    assert victim.telegram.stats.duplicate_keys == 0
    assert victim.telegram.stats.calls["auth.sendCode"] == 0
