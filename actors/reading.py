"""What a session reads for its groups: history, single messages, where chats are."""

from __future__ import annotations

from collections.abc import Sequence

from ..telegram import Client, classify, locate, newest_id, read_history, read_messages
from .messages import History, HistoryRead, Located

__all__ = ["look_up", "read", "unread"]


async def read(client: Client, message: History, deadline: float) -> HistoryRead:
    if message.newest_only:
        newest = await newest_id(client, message.chat, deadline=deadline)
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
