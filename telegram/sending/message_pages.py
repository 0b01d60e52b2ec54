"""Pages of messages: history and single messages, read around what Telethon has no class for.

An answer that holds one unreadable message cannot be read at all. So it is asked for in halves
until the message stands alone; it is told by its number, as ``UNREADABLE``, and everything beside
it as it is. Rich messages that came in part are completed. Leaves requests that write to
``requests``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from telethon.errors import TypeNotFoundError

from .._tl import functions, types, utils
from ..client import Client
from ..events import UNREADABLE, Incoming
from ..incoming import incoming_of
from .rich_messages import whole

HISTORY_PAGE: Final = 100  # messages; what Telegram gives at most
UNREADABLE_AT_ONCE: Final = 10  # of one question; each costs some fifteen calls
IDS_AT_ONCE: Final = 100  # messages asked for by number; what Telegram gives at most
BLOCKS: Final = 10  # of so many numbers, in which one that is unreadable is looked for
NO_DATE: Final = datetime.fromtimestamp(0, UTC)  # of what cannot be read


@dataclass(frozen=True, slots=True)
class _Unread:
    """A message that cannot be read; its number is all that is known of it."""

    id: int


async def history(
    client: Client,
    chat: int,
    min_id: int | None = 0,
    limit: int = 100,
    *,
    deadline: float = 30.0,
) -> list[Incoming]:
    """Read up to ``limit`` messages of ``chat`` after ``min_id``, oldest first.

    With ``None`` the newest ones, a hundred at most. Each hundred is one call. Service messages
    are passed over.
    """
    pages = _Pages(client, chat, deadline)
    if min_id is None:
        return pages.told(await pages.newest(min(limit, HISTORY_PAGE)))
    found: list[Incoming] = []
    more, at = True, min_id
    while more and len(found) < limit:
        size = min(HISTORY_PAGE, limit - len(found))
        raw, more = await pages.after(at, size)
        found.extend(pages.told(raw))
        at = raw[-1].id if raw else at
    return found[:limit]


async def history_page(
    client: Client, chat: int, after: int, *, deadline: float = 30.0
) -> tuple[list[Incoming], bool]:
    """Read the next hundred messages, and tell whether newer ones follow.

    Where many cannot be read the page ends behind the tenth of them.
    """
    pages = _Pages(client, chat, deadline)
    found: list[Incoming] = []
    more = True
    while more and len(found) < HISTORY_PAGE and not pages.full:
        raw, more = await pages.after(after, HISTORY_PAGE - len(found))
        found.extend(pages.told(raw))
        after = raw[-1].id if raw else after
    return found, more


async def fetch(
    client: Client, chat: int, ids: Sequence[int], *, deadline: float = 30.0
) -> list[Incoming]:
    """Read messages anew, as when a file reference has expired; what is gone is left out."""
    pages = _Pages(client, chat, deadline)
    return pages.told(await pages.by_id(ids))


async def newest_id(
    client: Client, chat: int, *, before: datetime | None = None, deadline: float = 30.0
) -> int:
    """Return the id of the newest message of ``chat``, or of the newest before a time; else 0."""
    pages = _Pages(client, chat, deadline)
    readable = await pages.newest_readable(before)
    if not pages.met or before is not None:
        return readable
    raw, _ = await pages.after(readable, HISTORY_PAGE)  # what stands behind it is no news either
    return raw[-1].id if raw else readable


class _Pages:
    """What one question reads of one chat, and who was named with it."""

    def __init__(self, client: Client, chat: int, deadline: float) -> None:
        self._client, self._chat, self._deadline = client, chat, deadline
        self._peer = client.peer(chat)
        self._homes: dict[int, Any] = {}
        self.met = 0  # unreadable ones

    @property
    def full(self) -> bool:
        """Whether so many could not be read that the rest is left to the next question."""
        return self.met >= UNREADABLE_AT_ONCE

    def told(self, raw: Sequence[Any]) -> list[Incoming]:
        """Messages as ours; service messages and gone ones are left out."""
        return [one for one in map(self._told, raw) if one is not None]

    def _told(self, raw: Any) -> Incoming | None:
        if isinstance(raw, _Unread):
            return Incoming(chat=self._chat, id=raw.id, date=NO_DATE, kind=UNREADABLE)
        return incoming_of(raw, self._client.user_id, self._homes)

    async def after(self, at: int, size: int) -> tuple[list[Any], bool]:
        """The next messages behind ``at``, oldest first, and whether there may be more."""
        try:
            page = await self._ask(_page(self._peer, at, size))
        except TypeNotFoundError:
            return await self._around(at, size)
        fresh = sorted((one for one in page.messages if one.id > at), key=lambda one: one.id)
        return fresh, len(fresh) >= size

    async def _around(self, at: int, size: int) -> tuple[list[Any], bool]:
        if size == 1:
            self.met += 1
            return [_Unread(await self._first_unreadable(at))], True
        half = size // 2
        first, more = await self.after(at, half)
        if not more or self.full:
            return first, more
        rest, more = await self.after(first[-1].id, size - half)
        return first + rest, more

    async def _first_unreadable(self, at: int) -> int:
        """The number of the message behind ``at``, which cannot be read."""
        if not await self._readable([at + 1]):
            return at + 1
        for block in range(BLOCKS):
            low = at + 2 + block * IDS_AT_ONCE
            ids = list(range(low, low + IDS_AT_ONCE))
            if await self._readable(ids):
                continue
            while len(ids) > 1:
                half = ids[: len(ids) // 2]
                ids = ids[len(half) :] if await self._readable(half) else half
            return ids[0]
        return at + 1  # it is passed by one number at a time

    async def _readable(self, ids: Sequence[int]) -> bool:
        try:
            await self._ask(_by_id(self._peer, ids))
        except TypeNotFoundError:
            return False
        return True

    async def by_id(self, ids: Sequence[int]) -> list[Any]:
        """Just these messages."""
        try:
            return list((await self._ask(_by_id(self._peer, ids))).messages)
        except TypeNotFoundError:
            if len(ids) == 1:
                return [_Unread(ids[0])]
            half = len(ids) // 2
            return [*await self.by_id(ids[:half]), *await self.by_id(ids[half:])]

    async def newest(self, size: int, skip: int = 0) -> list[Any]:
        """The newest messages that can be read, oldest first."""
        try:
            page = await self._ask(_newest(self._peer, size, skip=skip))
        except TypeNotFoundError:
            self.met += 1
            if size == 1:
                return []
            newer = await self.newest(size // 2, skip)
            older = await self.newest(size - size // 2, skip + size // 2)
            both = {one.id: one for one in (*older, *newer)}
            return [both[one] for one in sorted(both)]
        return sorted(page.messages, key=lambda one: one.id)

    async def newest_readable(self, before: datetime | None) -> int:
        """The number of the newest message that can be read; 0 if there is none."""
        for skip in range(UNREADABLE_AT_ONCE):
            try:
                page = await self._ask(_newest(self._peer, 1, before, skip=skip))
            except TypeNotFoundError:
                self.met += 1
            else:
                return max((one.id for one in page.messages), default=0)
        return max((one.id for one in await self.newest(HISTORY_PAGE)), default=0)

    async def _ask(self, request: Any) -> Any:
        page = await self._client.call(request, deadline=self._deadline)
        self._homes |= {utils.get_peer_id(home): home for home in (*page.users, *page.chats)}
        page.messages = [
            await whole(self._client, one, self._peer, deadline=self._deadline)
            for one in page.messages
        ]
        return page


def _by_id(peer: Any, ids: Sequence[int]) -> Any:
    wanted = [types.InputMessageID(one) for one in ids]
    if isinstance(peer, types.InputPeerChannel):
        return functions.channels.GetMessagesRequest(channel=peer, id=wanted)
    return functions.messages.GetMessagesRequest(id=wanted)


def _newest(peer: Any, limit: int, before: datetime | None = None, *, skip: int = 0) -> Any:
    return functions.messages.GetHistoryRequest(
        peer=peer,
        offset_id=0,
        offset_date=before,
        add_offset=skip,
        limit=limit,
        max_id=0,
        min_id=0,
        hash=0,
    )


def _page(peer: Any, after: int, size: int) -> Any:
    # Telegram counts back from offset_id; a negative add_offset looks forward from it.
    return functions.messages.GetHistoryRequest(
        peer=peer,
        offset_id=after + 1,
        offset_date=None,
        add_offset=-size,
        limit=size,
        max_id=0,
        min_id=after,
        hash=0,
    )
