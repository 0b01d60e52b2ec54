"""What the bot sends: in order for each chat, paced, flood waits respected, nothing doubled.

A message keeps its random id through every try, so that Telegram refuses the second of two.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final, Protocol

from ...errors import PeerUnknownError
from ...supervision import TokenBucket
from ...telegram import (
    Action,
    Client,
    ErrorClass,
    Keyboard,
    bot_edit_request,
    bot_message_request,
    classify,
    meet_again,
    menu_request,
    message_id_of,
    press_answer_request,
    unsend_request,
)
from .chat_text import parts_of

logger = logging.getLogger(__name__)

CHAT_RATE: Final = 1.0  # messages a second into one chat; https://core.telegram.org/bots/faq
ALL_RATE: Final = 25.0  # a second, over all chats; the same page says 30
BURST: Final = 5  # messages into one chat before its rate counts
TRIES: Final = 5  # of one request over a line that fails
PATIENCE: Final = 900.0  # seconds that an answer may wait for a flood; later nobody looks for it
AGAIN: Final = 1.0  # seconds between two tries over a line that fails
PARKED: Final = frozenset({Action.PARK_METHOD, Action.PARK_CHAT})
LINE_TROUBLE: Final = frozenset({ErrorClass.NET, ErrorClass.SRV})


class OnLine(Protocol):
    """The bot's line, as far as sending goes."""

    async def client(self) -> Client:
        """The connected client; waits for it."""
        ...

    def doubt(self) -> None:
        """A call was told that the key is dead."""
        ...


class Outgoing:
    """Sends for one bot.

    Args:
        line: where the connected client is.
        now: monotonic seconds.
        sleep: how to wait.
        rng: where random ids are drawn.
    """

    def __init__(
        self,
        line: OnLine,
        *,
        now: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
        rng: random.Random,
    ) -> None:
        self._line, self._now, self._sleep, self._rng = line, now, sleep, rng
        self._all = TokenBucket(rate=ALL_RATE, burst=int(ALL_RATE))
        self._chats: dict[int, tuple[asyncio.Lock, TokenBucket]] = {}

    async def say(
        self, chat: int, text: str, keyboard: Keyboard = (), *, key: str | None = None
    ) -> int | None:
        """Send a text, in parts if it is long, buttons below the last; returns that one's number.

        Telegram shows what has the ``key`` of an earlier text once, also after a restart.

        Raises:
            Exception: Telegram refuses it.
        """
        parts, sent = parts_of(text), None
        async with self._turn(chat):
            for number, part in enumerate(parts, start=1):
                buttons = keyboard if number == len(parts) else ()
                random_id = self._rng.getrandbits(62) if key is None else _number(key, number)
                sent = message_id_of(await self._send(chat, part, buttons, random_id))
        return sent

    async def change(self, chat: int, message: int, text: str, keyboard: Keyboard = ()) -> None:
        """Change a message; what it says already is no error. Only one message of it is shown."""
        part = parts_of(text)[0]
        async with self._turn(chat):
            await self._carry(
                chat,
                lambda client: bot_edit_request(client, chat, message, part, keyboard=keyboard),
            )

    async def answer_press(self, query: int, text: str = "") -> None:
        """Let whoever pressed a button go on; ``text`` pops up there."""
        await self._carry(None, lambda _: press_answer_request(query, text))

    async def take_out(self, chat: int, message: int) -> None:
        """Take a message out of a chat, for both sides."""
        async with self._turn(chat):
            await self._carry(chat, lambda _: unsend_request(message))

    async def show_menu(self, chat: int, commands: list[tuple[str, str]]) -> None:
        """Show one person these commands."""
        await self._carry(None, lambda client: menu_request(client, chat, commands))

    async def _send(self, chat: int, text: str, keyboard: Keyboard, random_id: int) -> Any:
        return await self._carry(
            chat,
            lambda client: bot_message_request(
                client, chat, text, random_id=random_id, keyboard=keyboard
            ),
        )

    @asynccontextmanager
    async def _turn(self, chat: int) -> AsyncIterator[None]:
        """One after the other in one chat, in the order in which they were asked for."""
        lock, _ = self._chats.setdefault(
            chat, (asyncio.Lock(), TokenBucket(rate=CHAT_RATE, burst=BURST))
        )
        async with lock:
            yield

    async def _carry(self, chat: int | None, make: Callable[[Client], Any]) -> Any:
        """Have one request carried out: paced, and again after a flood or over another line."""
        given_up = self._now() + PATIENCE
        left = TRIES
        while True:
            await self._pace(chat)
            try:
                client = await self._line.client()
                if chat is not None:
                    await self._know(client, chat)
                return await client.call(make(client))
            except Exception as error:
                verdict = classify(error)
                left -= 1
                if verdict.action is Action.ACCEPT or verdict.name == "MESSAGE_NOT_MODIFIED":
                    return None
                pause = AGAIN if verdict.kind in LINE_TROUBLE and left else None
                if verdict.latches_key and left:
                    self._line.doubt()
                    pause = 0.0
                if verdict.action in PARKED and verdict.wait is not None:
                    pause = verdict.wait
                if pause is None or self._now() + pause > given_up:
                    raise
                logger.info("bot waits why=%s seconds=%.0f", verdict.name, pause)
                await self._sleep(pause)

    async def _know(self, client: Client, chat: int) -> None:
        """Have a person's address, if that person has ever written to the bot.

        Raises:
            PeerUnknownError: nobody of that number has.
        """
        try:
            client.peer(chat)
        except PeerUnknownError:
            if not await meet_again(client, chat):
                raise

    async def _pace(self, chat: int | None) -> None:
        now = self._now()
        wait = self._all.reserve(now)
        if chat is not None and chat in self._chats:
            wait = max(wait, self._chats[chat][1].reserve(now))
        if wait > 0:
            await self._sleep(wait)


def _number(key: str, part: int) -> int:
    """The random id of one part of a message, the same for the same key."""
    digest = hashlib.blake2b(f"{key}/{part}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) >> 2
