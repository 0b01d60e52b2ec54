"""A warden that is killed in the middle of a login: each code is counted, and the next works."""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from telewarden import Warden
from telewarden.loopback import Fault, LoopbackTelegram, Silence
from telewarden.storage import MasterKey, Store
from telewarden.telegram import Phase, ServerAddress

pytestmark = pytest.mark.session

PHONE, MAIL = "+9996620001", "ann@example.org"
SOON = 30.0  # seconds in which anything that is going to happen has happened
LOOK_EVERY = 0.005  # seconds
RUN = """
import asyncio, json, sys
from telewarden import Warden
from telewarden.supervision import EventStream
from telewarden.telegram import Phase, PhaseChanged, ServerAddress
from telewarden.testing import EventLog
tables, server, address = json.loads(sys.argv[1])
async def main():
    events = EventStream()
    log = EventLog(events)
    async with Warden(tables, server=ServerAddress(**server), events=events) as warden:
        alice = warden.session("alice")
        await log.hears(PhaseChanged, after=Phase.NEEDS_LOGIN)
        phase = await alice.login("start")
        print(phase, flush=True)
        if phase is Phase.AWAITING_EMAIL:
            await alice.login("email", address)
            print("sent", flush=True)
        code = await asyncio.to_thread(sys.stdin.readline)
        await alice.login("code", code.strip())
asyncio.run(main())
"""
WAYS = [
    *("app", "sms", "call", "flash_call", "missed_call", "email", "setup_email", "fragment"),
    *("firebase", "word", "phrase"),
]


class Victim:
    """A session without a login, the process that logs it in, and what is on its disk."""

    def __init__(self, telegram: LoopbackTelegram, folder: Path) -> None:
        self.telegram, self._folder = telegram, folder
        self.account = telegram.add_account("alice", phone=PHONE)
        MasterKey.make_file(folder / "master.key")
        self.tables: dict[str, Any] = {
            "telegram": {"api_id": 1},
            "storage": {
                "folder": str(folder),
                "master_key": {"file": str(folder / "master.key")},
            },
            "console": {"port": 0, "socket": str(folder / "unused")},
            "sessions": [{"name": "alice", "phone": PHONE}],
            "loopback": {},
        }
        dc_id, host, port = telegram.address
        self.server = {"dc_id": dc_id, "host": host, "port": port, "pem": telegram.pem}
        self._running: asyncio.subprocess.Process | None = None

    async def login_until(self, method: str) -> None:
        """Log in in a process, and kill it when Telegram has been asked that."""
        self._running = process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            RUN,
            json.dumps([self.tables, self.server, MAIL]),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdout is not None
        assert process.stdin is not None
        async with asyncio.timeout(SOON):
            phase = (await process.stdout.readline()).decode().strip()
            if phase == Phase.AWAITING_EMAIL:
                await process.stdout.readline()
            process.stdin.write(f"{self.telegram.sent_code(PHONE)}\n".encode())
            while not self.telegram.stats.calls[method]:
                await asyncio.sleep(LOOK_EVERY)
        await self.kill()

    async def kill(self) -> None:
        if self._running is not None and self._running.returncode is None:
            self._running.kill()
            await self._running.communicate()

    def counted(self) -> int:
        """How many codes are on record."""
        key = MasterKey.from_file(self._folder / "master.key")
        with Store.open(self._folder / "telewarden.db", key) as store:
            return len(store.login_codes(PHONE, 0.0))


@pytest.fixture
async def victim(tmp_path: Path) -> AsyncIterator[Victim]:
    async with LoopbackTelegram() as telegram:
        victim = Victim(telegram, tmp_path)
        yield victim
        await victim.kill()


@pytest.mark.parametrize(
    ("way", "executed"), [*zip(WAYS, itertools.cycle([False, True]), strict=False)]
)
async def test_a_kill_in_the_middle_of_a_login_costs_its_code_and_no_other(
    victim: Victim, way: str, executed: bool
) -> None:
    method = "account.verifyEmail" if way == "setup_email" else "auth.signIn"
    ways = (way, "email") if way == "setup_email" else (way,)
    victim.telegram.send_codes_by(victim.account, *ways, email=MAIL)
    silence = Fault(method=method, action=Silence(executed=executed), times=1)
    victim.telegram.faults.add(silence)
    calls = victim.telegram.stats.calls

    await victim.login_until(method)

    assert victim.counted() == calls["auth.sendCode"] == 1
    victim.telegram.send_codes_by(victim.account, "app")
    async with Warden(victim.tables, server=ServerAddress(**victim.server)) as warden:
        alice = warden.session("alice")
        async with asyncio.timeout(SOON):
            while (await alice.report()).phase is not Phase.NEEDS_LOGIN:
                await asyncio.sleep(LOOK_EVERY)
        await alice.login("start")
        await alice.login("code", victim.telegram.sent_code(PHONE))
        report = await alice.wait_online()
    assert report.phase is Phase.ONLINE
    assert victim.counted() == calls["auth.sendCode"] == 2
    assert victim.telegram.stats.duplicate_keys == 0
