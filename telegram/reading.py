"""One page of history, read; single messages, read; one name, looked up; rights, asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import PeerUnknownError
from ._tl import functions, utils
from .client import Client
from .events import Incoming
from .requests import HISTORY_PAGE, fetch, history

__all__ = ["Page", "locate", "read_history", "read_messages"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Messages, oldest first; ``more`` says that newer ones follow."""

    messages: tuple[Incoming, ...]
    more: bool = False


async def read_history(client: Client, chat: int, *, after: int, deadline: float = 30.0) -> Page:
    """Read a page of what was said in ``chat`` after message ``after``."""
    found = await history(client, chat, after, HISTORY_PAGE, deadline=deadline)
    return Page(messages=tuple(found), more=len(found) == HISTORY_PAGE)


async def read_messages(
    client: Client, chat: int, ids: Sequence[int], *, deadline: float = 30.0
) -> Page:
    """Read just these messages; the deleted ones are missing."""
    found = await fetch(client, chat, ids, deadline=deadline)
    return Page(messages=tuple(sorted(found, key=lambda one: one.id)))


async def locate(
    client: Client, chats: Sequence[int | str], *, deadline: float = 30.0
) -> dict[int | str, int | Exception]:
    """Find where chats are, so that they can be addressed: marked ids, or why not.

    A chat is a ``@username`` or a marked id. What the session remembers is not asked for again;
    a name is asked for once, and for ids that are not known the dialogs are read once. Telegram
    limits both sharply.
    """
    found: dict[int | str, int | Exception] = {}
    learnt = False
    for chat in chats:
        try:
            if isinstance(chat, int) and not learnt and not _is_known(client, chat):
                learnt = True
                await client.learn_chats(deadline=deadline)
            found[chat] = await _locate_one(client, chat, deadline)
        except Exception as exc:  # noqa: BLE001 - each chat has its own answer
            found[chat] = exc
    return found


def _is_known(client: Client, chat: int) -> bool:
    try:
        client.peer(chat)
    except PeerUnknownError:
        return False
    return True


async def _locate_one(client: Client, chat: int | str, deadline: float) -> int:
    if isinstance(chat, int):
        client.peer(chat)
        return chat
    bare = chat.removeprefix("@")
    known = client.session.get_entity_rows_by_username(bare)
    if known is not None:
        return int(known[0])
    answer = await client.call(functions.contacts.ResolveUsernameRequest(bare), deadline=deadline)
    return int(utils.get_peer_id(answer.peer))
