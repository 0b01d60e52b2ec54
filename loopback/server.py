"""``LoopbackTelegram``: the data centre as tests, demos and examples use it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from . import srp
from .clock import Clock
from .connection import Connection
from .delivery import Draft
from .engine import Engine
from .faults import FaultRules
from .handles import ChatHandle, author_of
from .keeper import StateKeeper
from .minting import mint, string_of
from .records import Account, Authorization, Chat, ChatKind, Member, Message
from .stats import Stats
from .threads import LoopGate, in_loop
from .world import Entropy, Limits, World, digits

__all__ = ["LoopbackTelegram"]


class LoopbackTelegram:
    """A Telegram of one's own on 127.0.0.1, for an unmodified Telethon client::

        async with LoopbackTelegram() as tg:
            alice = tg.add_account("alice", phone="+9996620001")
            client = TelegramClient(StringSession(tg.mint(alice)), 1, "hash")

    Everything can be set up before it runs. Its methods may be called from any
    thread. It protects nothing: its key is known to everybody.

    Args:
        host: the address to listen on.
        port: the port; 0 for any free one, ``port`` tells which.
        dc_id: the number of the data centre. ``other_dcs`` are played beside it, each on
            a port of its own, so that accounts can live elsewhere (``add_account(dc_id=)``).
        code: the login code that everybody is sent; None for a fresh one each time.
        state: a file that keeps accounts, keys, chats, messages and random ids.
        clock: dates, codes and waits go by it; the wall's by default.
        limits: where lines are drawn (lengths, differences, lifetimes).
        void_duplicates: whether a key that two connections use dies, as at Telegram.
        entropy: random bytes; give a seeded source for the same ids in every run.
        wall: the clock of the wire itself, to play a server whose clock is off.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        dc_id: int = 2,
        other_dcs: Iterable[int] = (),
        code: str | None = "22222",
        state: Path | None = None,
        clock: Clock | None = None,
        limits: Limits | None = None,
        void_duplicates: bool = True,
        entropy: Entropy = os.urandom,
        wall: Clock = time.time,
    ) -> None:
        world = World(
            clock=clock or time.time, dc_id=dc_id, limits=limits or Limits(), entropy=entropy
        )
        self._keeper = StateKeeper(world, state) if state is not None else None
        if self._keeper is not None:
            self._keeper.load()
        self._engine = Engine(
            world, host=host, port=port, dc_ids=(dc_id, *other_dcs), code=code, wall=wall
        )
        self._engine.void_duplicates = void_duplicates
        self.gate = LoopGate()

    # Running

    async def start(self) -> Self:
        """Listen; raises ``ListenError`` when the port is taken."""
        await self._engine.open()
        self.gate.enter()
        if self._keeper is not None:
            self._keeper.start()
        return self

    async def stop(self) -> None:
        """Close everything and write the state file."""
        await self._engine.close()
        self.gate.leave()
        if self._keeper is not None:
            await self._keeper.stop()

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    @classmethod
    @contextlib.contextmanager
    def in_thread(cls, *args: Any, **kwargs: Any) -> Iterator[Self]:
        """Run one in a thread of its own, for plain code; takes what the constructor takes."""
        server = cls(*args, **kwargs)
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever, name="loopback-telegram", daemon=True)
        thread.start()
        try:
            asyncio.run_coroutine_threadsafe(server.start(), loop).result()
            try:
                yield server
            finally:
                asyncio.run_coroutine_threadsafe(server.stop(), loop).result()
        finally:
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()

    # Where it is

    @property
    def host(self) -> str:
        """The address it listens on."""
        return self._engine.host

    @property
    def port(self) -> int:
        """The home data centre's port; 0 before it runs, when any was asked."""
        return self._engine.ports[self.dc_id]

    @property
    def ports(self) -> dict[int, int]:
        """Each data centre's port by its number."""
        return dict(self._engine.ports)

    @property
    def dc_id(self) -> int:
        """The home data centre's number."""
        return self._engine.world.dc_id

    @property
    def address(self) -> tuple[int, str, int]:
        """Number, host and port, as ``session.set_dc`` takes them."""
        return self.dc_id, self.host, self.port

    @property
    def pem(self) -> str:
        """The public key, which a client must trust before it exchanges keys."""
        return self._engine.rsa.pem

    def trust(self) -> None:
        """Make the Telethon of this process trust the key. Minted sessions need it not."""
        self._engine.rsa.trust()

    # People and chats

    @in_loop
    def add_account(
        self,
        name: str,
        *,
        phone: str | None = None,
        password: str | None = None,
        username: str | None = None,
        last_name: str = "",
        dc_id: int | None = None,
        bot: bool = False,
        hint: str = "",
    ) -> Account:
        """Make an account; with ``password`` it has two-step verification on."""
        world = self._engine.world
        number = world.next_user_id
        phone = "" if bot else phone or f"+99966{number % 100_000:05}"
        if phone and world.account_by_phone(phone) is not None:
            raise ValueError(f"the phone number of {name} is taken; give another")
        if username and world.by_username(username) is not None:
            raise ValueError(f"username {username!r} is taken; give another")
        account = Account(
            id=number,
            phone=phone,
            first_name=name,
            last_name=last_name,
            username=username,
            dc_id=dc_id or world.dc_id,
            bot_token=f"{number}:{world.entropy(16).hex()}" if bot else None,
        )
        if password is not None:
            account.password = srp.new_password(password, world.entropy, hint)
        return world.add_account(account)

    @in_loop
    def add_channel(
        self,
        title: str,
        *,
        owner: Account,
        members: Iterable[Account] = (),
        megagroup: bool = False,
        forum: bool = False,
        noforwards: bool = False,
        username: str | None = None,
    ) -> ChatHandle:
        """Make a channel, or with ``megagroup`` or ``forum`` a supergroup."""
        kind = ChatKind.MEGAGROUP if megagroup or forum else ChatKind.BROADCAST
        chat = self._new_chat(kind, title, owner)
        chat.forum, chat.noforwards, chat.username = forum, noforwards, username
        return self._with_members(chat, owner, members)

    @in_loop
    def add_group(
        self, title: str, *, owner: Account, members: Iterable[Account] = ()
    ) -> ChatHandle:
        """Make a basic group."""
        return self._with_members(self._new_chat(ChatKind.GROUP, title, owner), owner, members)

    @property
    def accounts(self) -> list[Account]:
        """All accounts."""
        return list(self._engine.world.accounts.values())

    @property
    def chats(self) -> list[ChatHandle]:
        """All groups and channels."""
        return [self._handle(chat) for chat in self._engine.world.chats.values()]

    def account(self, phone: str) -> Account | None:
        """The account with a phone number."""
        return self._engine.world.account_by_phone(phone)

    def chat(self, peer_id: int) -> ChatHandle | None:
        """The group or channel with a marked id."""
        return next((chat for chat in self.chats if chat.peer_id == peer_id), None)

    # Messages

    @in_loop
    def post(
        self,
        chat: ChatHandle | Account,
        text: str,
        *,
        author: Account | None = None,
        reply_to: Message | None = None,
        topic_id: int | None = None,
        silent: bool = False,
        media: Any = None,
        entities: Iterable[Any] = (),
    ) -> Message:
        """Write a message from the server's side; members hear of it by updates.

        ``chat`` may be an account: then ``author`` writes to it. In a channel or group
        the owner writes when no author is named. ``media`` and ``entities`` are TL objects.
        """
        target = self._conversation(chat, author)
        writer = author or author_of(target, self._engine)
        draft = Draft(
            text=text,
            entities=list(entities),
            media=media,
            reply_to=reply_to,
            topic_id=topic_id,
            silent=silent,
        )
        self._engine.delivery.post(target, writer, [draft])
        return target.messages[-1]

    @in_loop
    def history(
        self, chat: ChatHandle | Account, *, author: Account | None = None
    ) -> list[Message]:
        """The messages of a chat, or of the private one between two accounts."""
        return list(self._conversation(chat, author).messages)

    # Sessions

    @in_loop
    def mint(self, account: Account) -> str:
        """A session string that is signed in already: no code, no key exchange."""
        return string_of(self._engine, mint(self._engine, account))

    @in_loop
    def sent_code(self, phone: str) -> str | None:
        """The login code that was last sent to a number: what its owner would read."""
        return self._engine.world.logins.codes_sent.get(digits(phone))

    @in_loop
    def authorizations(self, account: Account) -> list[Authorization]:
        """The account's live authorizations, oldest first."""
        return self._engine.world.authorizations(account)

    @in_loop
    def revoke(
        self, account: Account, *, text: str = "SESSION_REVOKED", notify: bool = True
    ) -> int:
        """End every login of an account, as its owner does elsewhere; how many there were.

        With ``notify`` connected clients are nudged (updatesTooLong); without it only
        their next request tells.
        """
        doomed = self._engine.world.authorizations(account)
        for authorization in doomed:
            self._engine.end_authorization(authorization, text, notify=notify)
        return len(doomed)

    @in_loop
    def void_key(self, account: Account, text: str = "AUTH_KEY_UNREGISTERED") -> int:
        """Let the account's keys die without telling; how many there were."""
        return self.revoke(account, text=text, notify=False)

    @in_loop
    def forget_keys(self, account: Account) -> int:
        """Forget the account's keys altogether: they are answered -404; how many there were."""
        doomed = [a for a in self._engine.world.keys.values() if a.account is account]
        for authorization in doomed:
            self._engine.forget_key(authorization)
        return len(doomed)

    @in_loop
    def ban(self, account: Account, text: str = "USER_DEACTIVATED_BAN") -> None:
        """Ban an account: its requests are answered with ``text``, its number gets no code."""
        account.ban = text
        self._engine.world.touch()

    @in_loop
    def unban(self, account: Account) -> None:
        """Take a ban back."""
        account.ban = None
        self._engine.world.touch()

    # Connections and faults

    @property
    def faults(self) -> FaultRules:
        """The rules for what goes wrong: ``add``, ``remove``, ``clear``."""
        return self._engine.faults

    @property
    def stats(self) -> Stats:
        """What has been counted."""
        return self._engine.stats

    @property
    def void_duplicates(self) -> bool:
        """Whether a key that two connections use dies."""
        return self._engine.void_duplicates

    @void_duplicates.setter
    def void_duplicates(self, wanted: bool) -> None:
        self._engine.void_duplicates = wanted

    @in_loop
    def connections(self, account: Account | None = None) -> list[Connection]:
        """The open connections, of everybody or of one account."""
        if account is None:
            return list(self._engine.hub.connections)
        return self._engine.hub.of_account(account)

    @in_loop
    def cut(self, account: Account | None = None) -> int:
        """Reset the connections of an account, or all; how many there were."""
        doomed = self.connections(account)
        for connection in doomed:
            connection.abort()
        return len(doomed)

    @in_loop
    def forget_updates(self, account: Account) -> None:
        """Forget an account's past events: its difference is too long from now on."""
        account.feed.forget()

    @in_loop
    def expire_file_references(self) -> None:
        """Let every file reference that clients hold be out of date."""
        self._engine.world.files.expire_references()

    def allow_api_ids(self, *api_ids: int) -> None:
        """Refuse logins by other application ids; with none named, all are allowed again."""
        self._engine.api_ids = frozenset(api_ids) or None

    # Helpers

    def _new_chat(self, kind: ChatKind, title: str, owner: Account) -> Chat:
        world = self._engine.world
        take = world.take_group_id if kind is ChatKind.GROUP else world.take_channel_id
        chat = Chat(id=take(), kind=kind, title=title, date=world.now())
        chat.members[owner.id] = Member(
            account_id=owner.id, date=chat.date, inviter_id=owner.id, creator=True
        )
        return world.add_chat(chat)

    def _with_members(self, chat: Chat, owner: Account, members: Iterable[Account]) -> ChatHandle:
        self._engine.delivery.chat_changed(chat, [owner])
        handle = self._handle(chat)
        handle.join(*members)
        return handle

    def _handle(self, chat: Chat) -> ChatHandle:
        return ChatHandle(self._engine, self.gate, chat)

    def _conversation(self, chat: ChatHandle | Account, author: Account | None) -> Chat:
        if isinstance(chat, ChatHandle):
            return chat.record
        return self._engine.world.private(author or chat, chat)
