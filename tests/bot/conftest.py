"""A warden with an admin bot on a loopback data centre, and people with stock clients."""

from __future__ import annotations

import asyncio
import contextlib
import copy
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import generate_latest
from telethon import TelegramClient, events
from telethon.sessions import StringSession

from telewarden import Warden
from telewarden.config import parse_config
from telewarden.console.bot import actor, live_message
from telewarden.loopback import Account, LoopbackTelegram
from telewarden.service.loopback_server import populate
from telewarden.storage import AuditRow
from telewarden.telegram import Phase, ServerAddress

SOON = 30.0  # seconds in which anything that is going to happen has happened
LOOK_EVERY = 0.005  # seconds
TOKEN = "7000000001:loopback_loopback_loopback_loopback"
ALICE, BOB = "+9996620001", "+9996620002"
OLGA, RAY, STAN = 5_000_000_101, 5_000_000_102, 5_000_000_103

TABLES: dict[str, Any] = {
    "telegram": {"api_id": 1},
    "storage": {
        "folder": "store",
        "master_key": {"file": "master.key", "create": True},
        "backup_every": 0.0,
    },
    "recovery": {"backoff_initial": 0.05, "backoff_max": 0.2},
    "sessions": [{"name": "alice", "phone": ALICE}, {"name": "bob", "phone": BOB}],
    "pairs": [{"id": 1, "session": "alice", "source": "@news_in", "target": "@news_out"}],
    "bot": {
        "allow": [
            {"id": OLGA, "role": "operator"},
            {"id": RAY, "role": "read-only", "alerts": True},
        ]
    },
    "loopback": {
        "accounts": [{"name": "alice", "phone": ALICE}, {"name": "bob", "phone": BOB}],
        "chats": [
            {"username": "news_in", "title": "News", "owner": "bob", "members": ["alice"]},
            {
                "username": "news_out",
                "title": "Copies",
                "kind": "supergroup",
                "owner": "alice",
                "members": ["bob"],
            },
        ],
        "bots": [{"name": "Ops", "username": "ops_bot"}],
    },
}


class Person:
    """Somebody with a stock client, in the private chat with the bot."""

    def __init__(self, account: Account, client: Any) -> None:
        self.account, self.client = account, client
        self._answers: asyncio.Queue[Any] = asyncio.Queue()
        self._edits: asyncio.Queue[Any] = asyncio.Queue()
        client.add_event_handler(
            lambda event: self._put(self._answers, event), events.NewMessage(incoming=True)
        )
        client.add_event_handler(
            lambda event: self._put(self._edits, event), events.MessageEdited(incoming=True)
        )

    @staticmethod
    async def _put(queue: asyncio.Queue[Any], event: Any) -> None:
        queue.put_nowait(event.message)

    async def says(self, text: str) -> None:
        await self.client.send_message("ops_bot", text)

    async def hears(self, until: str = "") -> Any:
        """The bot's next message, or the next that holds ``until``."""
        async with asyncio.timeout(SOON):
            while until not in (message := await self._answers.get()).raw_text:
                pass
            return message

    async def asks(self, text: str) -> Any:
        """Say something and return the bot's next message."""
        await self.says(text)
        return await self.hears()

    def forgets(self) -> None:
        """Hear nothing of what the bot has said until now."""
        while not self._answers.empty():
            self._answers.get_nowait()

    async def sees_edited(self, until: str) -> list[str]:
        """The texts of the bot's edits, up to one that holds ``until``."""
        texts: list[str] = []
        async with asyncio.timeout(SOON):
            while not texts or until not in texts[-1]:
                texts.append((await self._edits.get()).raw_text)
        return texts

    async def chat(self) -> list[str]:
        """All that is in the chat, newest first."""
        return [one.raw_text for one in await self.client.get_messages("ops_bot", limit=50)]


class Office:
    """The data centre, the warden and those who come in."""

    def __init__(self, telegram: LoopbackTelegram, folder: Path, tables: dict[str, Any]) -> None:
        self.telegram, self.folder = telegram, folder
        self.configure(tables)
        assert self.config.loopback is not None
        populate(telegram, self.config.loopback)
        self._clients: list[Any] = []

    def configure(self, tables: dict[str, Any]) -> None:
        """Use this configuration from the next start on."""
        self.config = parse_config(tables, base=self.folder).model_copy(update={"console": None})
        self.warden = self._new_warden()

    def _new_warden(self) -> Warden:
        dc_id, host, port = self.telegram.address
        server = ServerAddress(dc_id=dc_id, host=host, port=port, pem=self.telegram.pem)
        return Warden(self.config, server=server)

    @property
    def bot(self) -> Account:
        return next(one for one in self.telegram.accounts if one.username == "ops_bot")

    def account(self, phone: str) -> Account:
        account = self.telegram.account(phone)
        assert account is not None
        return account

    async def start(self, *signed_in: str) -> Warden:
        """Start the warden; these sessions are given a login, and are online when this returns."""
        await self.warden.start()
        await self.until(self.bot_is_online)
        for name in signed_in:
            phone = {"alice": ALICE, "bob": BOB}[name]
            await self.settles(name)
            if await self.phase(name) is Phase.NEEDS_LOGIN:
                string = self.telegram.mint(self.account(phone))
                await self.warden.session(name).import_string(string)
            await self.until(lambda name=name: self._is_online(name))
        return self.warden

    async def restart(self) -> None:
        """Stop the warden and start another one on the same folder."""
        await self.warden.stop()
        self.warden = self._new_warden()
        await self.start()

    async def phase(self, session: str) -> Phase:
        return (await self.warden.session(session).report()).phase

    async def _is_online(self, session: str) -> bool:
        return await self.phase(session) is Phase.ONLINE

    async def settles(self, session: str) -> None:
        busy = {Phase.REGISTERED, Phase.RECOVERING, Phase.CONNECTING}

        async def settled() -> bool:
            return await self.phase(session) not in busy

        await self.until(settled)

    async def until(self, condition: Callable[[], Awaitable[bool]]) -> None:
        """Wait for something that no event tells."""
        async with asyncio.timeout(SOON):
            while not await condition():
                await asyncio.sleep(LOOK_EVERY)

    async def bot_is_online(self) -> bool:
        """Whether the bot has signed in and is connected by its own key."""
        kept = (self.config.folder / "bot" / "bot.twsession").exists()
        return kept and len(self.telegram.connections(self.bot)) == 1

    async def audit(self, who: int) -> list[AuditRow]:
        """What is noted of somebody, newest first."""
        return list(await self.warden.registry.audit(who=f"bot:{who}"))

    async def comes_in(self, name: str, number: int) -> Person:
        """Somebody of that number gets a client."""
        world = self.telegram._engine.world
        account = world.accounts.get(number)
        if account is None:
            account = world.add_account(Account(id=number, phone=f"+{number}", first_name=name))
        client = TelegramClient(StringSession(self.telegram.mint(account)), 1, "any")
        self._clients.append(client)
        await client.connect()
        return Person(account, client)

    async def close(self) -> None:
        for client in self._clients:
            await client.disconnect()
        await self.warden.stop()


@pytest.fixture
def tables() -> dict[str, Any]:
    """A configuration to be changed by a test before it starts."""
    return copy.deepcopy(TABLES)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Edits come as fast as they may; a line that fails is tried again at once."""
    monkeypatch.setattr(live_message, "EDIT_EVERY", 0.01)
    monkeypatch.setattr(actor, "LINE_PAUSE", (0.01, 0.1))


@pytest.fixture
async def office(tmp_path: Path, leaks: Any) -> AsyncIterator[Office]:
    leaks.keep("the bot's token", TOKEN)
    async with LoopbackTelegram() as telegram:
        room = Office(telegram, tmp_path, TABLES)
        with contextlib.ExitStack() as seen:
            seen.callback(
                lambda: leaks.see(
                    "metrics", generate_latest(room.warden.exporter.registry).decode()
                )
            )
            yield room
        await room.close()
        leaks.see_files(tmp_path)


@pytest.fixture
async def olga(office: Office) -> Person:
    """An operator."""
    return await office.comes_in("Olga", OLGA)


@pytest.fixture
async def ray(office: Office) -> Person:
    """Somebody who may only look, and gets alerts."""
    return await office.comes_in("Ray", RAY)


@pytest.fixture
async def stan(office: Office) -> Person:
    """A stranger."""
    return await office.comes_in("Stan", STAN)
