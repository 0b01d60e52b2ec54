"""One message, delivered; one page of history, read; one name, looked up.

Each is a single step that a session's actor starts and whose result comes back to it as a
message. Which request a step makes is decided here, so that floods can be kept by method.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from telethon import functions, utils

from ..errors import PeerUnknownError
from .client import Client
from .events import Incoming
from .requests import HISTORY_PAGE, copy_request, fetch, forward_request, history, sent_ids

__all__ = [
    "Page",
    "deliver",
    "locate",
    "method_of",
    "newest_id",
    "read_history",
    "read_messages",
]

FORWARD: Final = "messages.forwardMessages"
SEND: Final = "messages.sendMessage"
SEND_MEDIA: Final = "messages.sendMedia"


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Messages, oldest first; ``more`` says that newer ones follow."""

    messages: tuple[Incoming, ...]
    more: bool = False


def method_of(mode: str, message: Incoming) -> str:
    """Return the TL name of the method that ``deliver`` calls; floods are kept by it."""
    if mode == "forward":
        return FORWARD
    return SEND_MEDIA if message.has_media else SEND


async def deliver(
    client: Client,
    *,
    mode: str,
    message: Incoming,
    target: int,
    random_id: int,
    deadline: float = 30.0,
) -> int | None:
    """Forward or copy one message to ``target`` (marked id); returns its id there, if told.

    Repeating it with the same ``random_id`` is safe: Telegram refuses the second as a duplicate.

    Raises:
        PeerUnknownError, ProtectedContentError, MessageNotCopyableError: before anything is sent.
        TimeoutError: no answer in time; it may or may not have arrived.
    """
    if mode == "forward":
        request = forward_request(client, message.chat, target, [message.id], [random_id])
    else:
        request = copy_request(client, target, [message], [random_id])
    result = await client.call(request, deadline=deadline)
    return sent_ids(result, [random_id]).get(random_id)


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


async def newest_id(client: Client, chat: int, *, deadline: float = 30.0) -> int:
    """Return the id of the newest message of ``chat``; 0 if it is empty."""
    request = functions.messages.GetHistoryRequest(
        peer=client.peer(chat),
        offset_id=0,
        offset_date=None,
        add_offset=0,
        limit=1,
        max_id=0,
        min_id=0,
        hash=0,
    )
    page = await client.call(request, deadline=deadline)
    return max((one.id for one in page.messages), default=0)


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
