"""Reading of messages: a page of history, or single messages by id."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .client import Client
from .events import Incoming
from .sending.message_pages import fetch, history, history_page


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Messages, oldest first; ``more`` says that newer ones follow."""

    messages: tuple[Incoming, ...]
    more: bool = False


async def read_history(
    client: Client, chat: int, *, after: int | None, deadline: float = 30.0
) -> Page:
    """Read a page of what was said in ``chat`` after message ``after``; with None the last one."""
    if after is None:
        return Page(messages=tuple(await history(client, chat, None, deadline=deadline)))
    found, more = await history_page(client, chat, after, deadline=deadline)
    return Page(messages=tuple(found), more=more)


async def read_messages(
    client: Client, chat: int, ids: Sequence[int], *, deadline: float = 30.0
) -> Page:
    """Read just these messages; the deleted ones are missing."""
    found = await fetch(client, chat, ids, deadline=deadline)
    return Page(messages=tuple(sorted(found, key=lambda one: one.id)))
