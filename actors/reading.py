"""What a session reads for its groups: history, single messages, where chats are, rights."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from ..telegram import (
    Access,
    Client,
    accesses,
    classify,
    locate,
    newest_id,
    read_history,
    read_messages,
)
from .messages import AccessChecked, History, HistoryRead, Located

__all__ = ["known_rights", "look_up", "read", "rights_in", "unread"]


async def read(client: Client, message: History, deadline: float) -> HistoryRead:
    if message.newest_only:
        before = None
        if message.before is not None:
            before = datetime.fromtimestamp(message.before, tz=UTC)
        newest = await newest_id(client, message.chat, before=before, deadline=deadline)
        return HistoryRead(pair=message.pair, request=message, messages=(), newest=newest)
    if message.ids:
        page = await read_messages(client, message.chat, message.ids, deadline=deadline)
    else:
        page = await read_history(client, message.chat, after=message.after, deadline=deadline)
    return HistoryRead(pair=message.pair, request=message, messages=page.messages, more=page.more)


def unread(message: History, error: BaseException) -> HistoryRead:
    return HistoryRead(pair=message.pair, request=message, messages=(), verdict=classify(error))


async def look_up(client: Client, chats: Sequence[int | str], deadline: float) -> Located:
    found = await locate(client, chats, deadline=deadline)
    return Located(
        ids={chat: place for chat, place in found.items() if isinstance(place, int)},
        problems={
            chat: classify(place) for chat, place in found.items() if isinstance(place, Exception)
        },
    )


async def known_rights(client: Client, chats: Sequence[int], deadline: float) -> dict[int, Access]:
    """What the account may do in chats that it may have to look for among its dialogs first."""
    found = await locate(client, chats, deadline=deadline)
    there = [place for place in found.values() if isinstance(place, int)]
    return await accesses(client, there, deadline=deadline)


async def rights_in(client: Client, chats: Sequence[int], deadline: float) -> AccessChecked:
    return AccessChecked(rights=await accesses(client, chats, deadline=deadline))
