"""A whole warden on a loopback data centre: real TCP, real SQLite, stock wire."""

from __future__ import annotations

import asyncio
import contextlib
import copy
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import generate_latest

from telewarden import Warden
from telewarden.actors import HandlerFactory
from telewarden.actors.forwarding.pair.state import PairState
from telewarden.actors.messages import History
from telewarden.config import Config, SessionConfig, parse_config
from telewarden.loopback import Account, ChatHandle, LoopbackTelegram
from telewarden.service.loopback_server import StandIn, populate, sign_in
from telewarden.storage import MasterKey, Store
from telewarden.supervision import Event
from telewarden.telegram import PairReport, Phase, ServerAddress

NOBODY: Any = None  # nobody is answered

LOOK_EVERY = 0.005  # seconds; without a pause a look would take the journal's thread its turns
SOON = 30.0  # seconds in which anything that is going to happen has happened

ALICE, BOB, PRESS = "+9996620001", "+9996620002", "+9996620009"

TABLES: dict[str, Any] = {
    "telegram": {"api_id": 1},
    "storage": {
        "folder": "store",
        "master_key": {"file": "master.key", "create": True},
        "backup_every": 0.0,  # a copy of the database is one more place where a login is found
    },
    "pacing": {"per_account": 1000.0, "per_chat": 1000.0, "burst": 1000},
    "recovery": {"backoff_initial": 0.05, "backoff_max": 0.2, "late_within": 0.5},
    "console": {"port": 0, "socket": "unused"},
    "sessions": [
        {"name": "alice", "phone": ALICE},
        {"name": "bob", "phone": BOB},
    ],
    "pairs": [
        {"id": 1, "session": "alice", "source": "@news_in", "target": "@news_out"},
        {
            "id": 2,
            "session": "bob",
            "source": "@market_in",
            "target": "@market_out",
            "mode": "copy",
        },
    ],
    "loopback": {
        "accounts": [
            {"name": "alice", "phone": ALICE},
            {"name": "bob", "phone": BOB, "password": "correct horse"},
            {"name": "press", "phone": PRESS},
        ],
        "chats": [
            {"username": "news_in", "title": "News", "owner": "press", "members": ["alice"]},
            {"username": "market_in", "title": "Markets", "owner": "press", "members": ["bob"]},
            {"username": "news_out", "title": "News, forwarded", "owner": "alice"},
            {"username": "market_out", "title": "Markets, copied", "owner": "bob"},
        ],
    },
}


def question(purpose: str = "missed") -> History:
    """A question for history that nobody answers."""
    return History(pair=1, chat=-1001, purpose=purpose, reply_to=NOBODY)


def go_live(state: PairState) -> None:
    """Let a pair find its chats and read its source to the end."""
    state.found()
    state.ask(question())
    state.answered()
    state.caught_up()


class Newsroom:
    """A data centre with chats, and a warden that can be started, stopped and watched."""

    def __init__(self, telegram: LoopbackTelegram, folder: Path, tables: dict[str, Any]) -> None:
        self.telegram, self.folder = telegram, folder
        self.config: Config = parse_config(tables, base=folder).model_copy(update={"console": None})
        assert self.config.loopback is not None
        self.chats: dict[str, ChatHandle] = populate(telegram, self.config.loopback)
        self.handlers: dict[str, HandlerFactory] = {}
        self.heard: list[Event] = []
        self._news = asyncio.Condition()
        self.warden = self._new_warden()

    @property
    def server(self) -> ServerAddress:
        dc_id, host, port = self.telegram.address
        return ServerAddress(dc_id=dc_id, host=host, port=port, pem=self.telegram.pem)

    def reconfigure(self, tables: dict[str, Any]) -> None:
        """Use another configuration from the next start on."""
        self.config = parse_config(tables, base=self.folder).model_copy(update={"console": None})
        self.warden = self._new_warden()

    def account(self, phone: str) -> Account:
        account = self.telegram.account(phone)
        assert account is not None
        return account

    async def start(self, *, signed_in: bool = True, by_code: bool = False) -> Warden:
        """Start the warden, see that everybody has a login and wait until every pair is ready.

        Logins are imported unless a test asks for codes, which cost two key exchanges each time.
        """
        await self.warden.start()
        if by_code:
            await sign_in(self.warden, StandIn(server=self.server, telegram=self.telegram))
        elif signed_in:
            await asyncio.gather(*map(self._has_login, self.config.sessions))
        if signed_in:
            await self.pairs_ready()
        return self.warden

    async def _has_login(self, session: SessionConfig) -> None:
        if await self.settled(session.name) is Phase.NEEDS_LOGIN:
            string = self.telegram.mint(self.account(session.phone))
            await self.warden.session(session.name).import_string(string)

    async def stop(self) -> None:
        """Stop the warden; a new one on the same folder takes its place, not started yet."""
        await self.warden.stop()
        self.warden = self._new_warden()

    def _new_warden(self) -> Warden:
        warden = Warden(self.config, server=self.server, handlers=self.handlers)
        loop = asyncio.get_running_loop()
        warden.events.subscribe(lambda event: loop.call_soon_threadsafe(self._hear, event))
        return warden

    def _hear(self, event: Event) -> None:
        self.heard.append(event)
        task = loop_task(self._tell())
        task.add_done_callback(lambda task: task.result())

    async def _tell(self) -> None:
        async with self._news:
            self._news.notify_all()

    def mark(self) -> int:
        """Where the story stands, to wait for what comes after."""
        return len(self.heard)

    async def hears(self, kind: type[Any], /, *, since: int = 0, **fields: object) -> Any:
        """Wait for an event with these fields."""

        def found() -> Any:
            return next(
                (
                    one
                    for one in self.heard[since:]
                    if isinstance(one, kind)
                    and all(getattr(one, name) == value for name, value in fields.items())
                ),
                None,
            )

        async with asyncio.timeout(SOON), self._news:
            await self._news.wait_for(lambda: found() is not None)
        return found()

    async def settled(self, session: str) -> Phase:
        """Wait until a session has looked for its copies, and tell where it stands."""
        handle = self.warden.session(session)
        async with asyncio.timeout(SOON):
            while (phase := (await handle.report()).phase) in {Phase.REGISTERED, Phase.RECOVERING}:
                await asyncio.sleep(LOOK_EVERY)
        return phase

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for something that the data centre shows and no event tells."""
        async with asyncio.timeout(SOON):
            while not condition():
                await asyncio.sleep(LOOK_EVERY)

    async def pairs(self) -> dict[int, PairReport]:
        overview = await self.warden.overview()
        return {pair.id: pair for group in overview.groups for pair in group.pairs}

    async def waits(self, pair: int, what: str) -> None:
        """Until a pair says that it waits for something with ``what`` in it."""
        async with asyncio.timeout(SOON):
            while not any(what in one.what for one in (await self.pairs())[pair].waits):
                await asyncio.sleep(LOOK_EVERY)

    async def pairs_ready(self) -> None:
        wanted = len(self.config.pairs)
        async with asyncio.timeout(SOON):
            while True:
                pairs = (await self.pairs()).values()
                if sum(pair.ready or pair.paused is not None for pair in pairs) >= wanted:
                    return
                await asyncio.sleep(LOOK_EVERY)

    def say(self, chat: str, *texts: str) -> None:
        for text in texts:
            self.telegram.post(self.chats[chat], text)

    def add_slow_group(self, seconds: int) -> ChatHandle:
        """A group with slow mode, ``@slow_group``, in which alice is no administrator."""
        group = self.telegram.add_channel(
            "Group",
            owner=self.account(PRESS),
            members=[self.account(ALICE)],
            megagroup=True,
            username="slow_group",
        )
        group.set_slowmode(seconds)
        return group

    def texts(self, chat: str) -> list[str]:
        return [message.text for message in self.chats[chat].messages]

    async def arrives(self, chat: str, *texts: str) -> None:
        """Wait until ``chat`` holds exactly these messages, in this order."""
        with contextlib.suppress(TimeoutError):
            await self.until(lambda: len(self.texts(chat)) >= len(texts))
        assert self.texts(chat) == list(texts)

    @contextlib.contextmanager
    def store(self) -> Any:
        """The database of a stopped warden."""
        with Store.open(
            self.config.folder / "telewarden.db", MasterKey.from_file(self.folder / "master.key")
        ) as store:
            yield store

    def lose_answers(self, which: str = "true", *, version: str = "version") -> None:
        """Leave a stopped warden's database as a kill between the sends and the ticks would."""
        with self.store() as store, store.transaction():
            store.db.execute(
                f"update outbox set state = 'pending', target_id = null, version = {version}"  # noqa: S608 - a test's own
                f" where {which}"
            )
            store.db.execute("delete from last_targets")
            store.db.execute(
                "insert into last_targets select pair_id, max(target_id) from outbox"
                " where target_id is not null group by pair_id"
            )


def loop_task(work: Any) -> asyncio.Task[Any]:
    return asyncio.get_running_loop().create_task(work)


@pytest.fixture
def tables() -> dict[str, Any]:
    """A configuration to be changed by a test before it starts."""
    return copy.deepcopy(TABLES)


@pytest.fixture
async def newsroom(
    tmp_path: Path, leaks: Any, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Newsroom]:
    """A newsroom; give other ``Limits`` of its data centre as an indirect parameter.

    A message that fails is tried again after a tenth of a second there, not after two.
    """
    monkeypatch.setattr("telewarden.actors.forwarding.delivery.RETRY_AFTER", 0.1)
    leaks.keep("a password", "correct horse")
    leaks.keep("a login code", "22222")
    async with LoopbackTelegram(limits=getattr(request, "param", None)) as telegram:
        room = Newsroom(telegram, tmp_path, TABLES)
        yield room
        await room.warden.stop()
        for event in room.heard:
            leaks.see(type(event).__name__, repr(event))
        leaks.see("metrics", generate_latest(room.warden.exporter.registry).decode())
        leaks.see("the warden", repr(room.warden.exporter) + repr(room.warden.keys))
        leaks.see_files(tmp_path)
