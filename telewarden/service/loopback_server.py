"""The loopback data centre that a configuration's ``[loopback]`` table asks for.

Owns starting it, or finding the one that another process runs for the same folder; filling it
with the accounts and chats that the table names, signing the sessions in as their owners would,
and a little chatter. None of it is there when the table is not.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import itertools
import json
import logging
import os
from collections.abc import AsyncIterator, Collection, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

import pykka

from ..config import Config, LoopbackConfig
from ..errors import ConfigError, LoopbackStateError, TelewardenError
from ..storage import make_private_folder
from ..telegram import Phase, ServerAddress

if TYPE_CHECKING:
    from ..api.session import SessionHandle
    from ..loopback import ChatHandle, LoopbackTelegram

logger = logging.getLogger(__name__)

LOOK_EVERY: Final = 0.05  # seconds between two looks at what another is about to do
TOLD_WITHIN: Final = 10.0  # seconds that another process gets to say where its data centre is


class SigningIn(Protocol):
    """A running warden, as far as logging its sessions in goes."""

    config: Config

    def session(self, name: str) -> SessionHandle:
        """A handle on one session."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class StandIn:
    """Where the data centre is; ``telegram`` is ``None`` when it runs elsewhere."""

    server: ServerAddress
    telegram: LoopbackTelegram | None = None


@contextlib.asynccontextmanager
async def standin(config: Config) -> AsyncIterator[StandIn | None]:
    """Run, or find, the data centre that ``config`` names; ``None`` for the real Telegram.

    One process runs it for a folder; whoever comes later, as a script beside the warden, is given
    that one.

    Raises:
        ConfigError: the key file of a data centre that runs elsewhere cannot be read.
        ListenError: its port is taken.
        LoopbackStateError: another process began to start it and does not come to an end.
    """
    wanted = config.loopback
    if wanted is None:
        yield None
    elif not wanted.embedded:
        yield StandIn(server=_elsewhere(wanted, config.base))
    else:
        make_private_folder(config.folder)
        place = _place(config)
        handle = os.open(place, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        with contextlib.closing(os.fdopen(handle, "r+b", buffering=0)):
            if (other := await _of_another(handle, place)) is not None:
                yield StandIn(server=other)
                return
            async with _own(config, wanted) as here:
                with _told(handle, here.server):
                    yield here


@contextlib.asynccontextmanager
async def _own(config: Config, wanted: LoopbackConfig) -> AsyncIterator[StandIn]:
    from ..loopback import LoopbackTelegram

    telegram = LoopbackTelegram(
        port=wanted.port,
        dc_id=wanted.dc_id,
        code=wanted.code,
        state=config.folder / "loopback.state",
    )
    async with telegram:
        populate(telegram, wanted)
        async with _chatter(telegram, wanted):
            server = ServerAddress(
                dc_id=telegram.dc_id, host=telegram.host, port=telegram.port, pem=telegram.pem
            )
            yield StandIn(server=server, telegram=telegram)


def standin_address(config: Config) -> ServerAddress | None:
    """Where the data centre of ``[loopback]`` is, or was last; nothing is started.

    ``None`` if it has not run, or ``config`` names none.

    Raises:
        ConfigError: the key file of a data centre that runs elsewhere cannot be read.
    """
    wanted = config.loopback
    if wanted is None:
        return None
    return _read(_place(config)) if wanted.embedded else _elsewhere(wanted, config.base)


def _place(config: Config) -> Path:
    """The file that says where the data centre is; locked for as long as it runs."""
    return config.folder / "loopback.here"


async def _of_another(handle: int, place: Path) -> ServerAddress | None:
    """The data centre that another process runs; ``None`` when it is ours to run."""
    for _ in range(int(TOLD_WITHIN / LOOK_EVERY)):
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if (server := _read(place)) is not None:
                return server
        else:
            os.ftruncate(handle, 0)  # of one that was killed
            return None
        await asyncio.sleep(LOOK_EVERY)
    raise LoopbackStateError(place, "another process is starting the data centre, and stays at it")


@contextlib.contextmanager
def _told(handle: int, server: ServerAddress) -> Iterator[None]:
    """Say where the data centre is, for as long as it is there."""
    os.pwrite(handle, json.dumps(asdict(server)).encode(), 0)
    try:
        yield
    finally:
        os.ftruncate(handle, 0)


def _read(place: Path) -> ServerAddress | None:
    try:
        return ServerAddress(**json.loads(place.read_text(encoding="ascii")))
    except (OSError, ValueError, TypeError):  # not there, or half written
        return None


def populate(telegram: LoopbackTelegram, wanted: LoopbackConfig) -> dict[str, ChatHandle]:
    """Make the accounts, bots and chats that are not there yet; returns the chats by username."""
    accounts = {}
    for account in wanted.accounts:
        known = telegram.account(account.phone.removeprefix("+")) or telegram.account(account.phone)
        accounts[account.name] = known or telegram.add_account(
            account.name, phone=account.phone, password=account.password
        )
    known_names = {account.username for account in telegram.accounts}
    for bot in wanted.bots:
        if bot.username not in known_names:
            telegram.add_bot(bot.name, bot.username, bot.token)
    chats = {name: chat for chat in telegram.chats if (name := chat.username)}
    for chat in wanted.chats:
        if chat.username not in chats:
            chats[chat.username] = telegram.add_channel(
                chat.title,
                owner=accounts[chat.owner],
                members=[accounts[name] for name in chat.members],
                megagroup=chat.kind == "supergroup",
                username=chat.username,
            )
    return chats


class DataCentre:
    """The data centre that a warden goes to: the one it was given, its own, or Telegram's.

    Args:
        server: used instead of Telegram's, and of the one in ``[loopback]``.
    """

    def __init__(self, server: ServerAddress | None) -> None:
        self._given = server is not None
        self.standin = None if server is None else StandIn(server=server)
        """Once started; ``None`` for the real Telegram."""

    @property
    def address(self) -> ServerAddress | None:
        """Where it is; ``None`` for the real Telegram."""
        return None if self.standin is None else self.standin.server

    @contextlib.asynccontextmanager
    async def run(self, config: Config) -> AsyncIterator[None]:
        """Run the one that ``config`` names, unless one was given."""
        if self._given:
            yield
            return
        async with standin(config) as self.standin:
            yield

    async def sign_in(self, warden: SigningIn, *, only: Collection[str] | None = None) -> None:
        """Log the sessions in on a data centre of our own, as their owners would."""
        if self._given or self.standin is None or self.standin.telegram is None:
            return
        try:
            await sign_in(warden, self.standin, only=only)
        except (TelewardenError, pykka.ActorDeadError):  # a person can log the accounts in
            logger.exception("sign-in on the loopback data centre failed")


async def sign_in(
    warden: SigningIn, standin: StandIn, *, only: Collection[str] | None = None
) -> None:
    """Log every session in, or only some, that wants it and has an account there."""
    wanted = warden.config.loopback
    assert wanted is not None  # noqa: S101 - without the table there is no stand-in
    passwords = {account.phone: account.password for account in wanted.accounts}
    for session in warden.config.sessions:
        if only is not None and session.name not in only:
            continue
        handle = warden.session(session.name)
        if session.phone not in passwords or await _settled(handle) is not Phase.NEEDS_LOGIN:
            continue
        await handle.login("start")
        telegram = standin.telegram
        code = wanted.code if telegram is None else telegram.sent_code(session.phone)
        if await handle.login("code", code) is Phase.AWAITING_PASSWORD:
            await handle.login("password", passwords.get(session.phone) or "")


async def _settled(handle: SessionHandle) -> Phase:
    """The phase a session has come to after it looked for its copies."""
    undecided = {Phase.REGISTERED, Phase.RECOVERING}
    while (phase := (await handle.report()).phase) in undecided:
        await asyncio.sleep(LOOK_EVERY)
    return phase


def _elsewhere(wanted: LoopbackConfig, base: Path) -> ServerAddress:
    assert wanted.pubkey is not None  # noqa: S101 - the configuration was checked
    path = base / wanted.pubkey.expanduser()
    try:
        pem = path.read_text(encoding="ascii")
    except OSError as exc:
        problem = f"loopback.pubkey is {path}, which cannot be read: {exc.strerror or exc}"
        raise ConfigError("config", (problem,)) from exc
    return ServerAddress(dc_id=wanted.dc_id, host="127.0.0.1", port=wanted.port, pem=pem)


@contextlib.asynccontextmanager
async def _chatter(telegram: LoopbackTelegram, wanted: LoopbackConfig) -> AsyncIterator[None]:
    """Let the owners of the channels say something now and then."""
    talking = [chat for chat in telegram.chats if chat.username and "_in" in chat.username]
    if not wanted.chatter or not talking:
        yield
        return
    task = asyncio.create_task(_talk(telegram, talking, every=wanted.chatter))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _talk(telegram: LoopbackTelegram, chats: list[ChatHandle], *, every: float) -> None:
    for number, chat in zip(itertools.count(1), itertools.cycle(chats)):
        await asyncio.sleep(every)
        telegram.post(chat, f"news item {number}")
