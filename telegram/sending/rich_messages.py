"""Rich messages: the rest of one that came in part, and what is handed in to send one again.

Pictures and files in it go by reference. Leaves plain texts to ``requests``, media to
``input_media``.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any, Final

from ...errors import MessageNotCopyableError, PeerUnknownError
from .._tl import functions, types, utils
from ..client import Client
from ..errors.classification import classify
from ..errors.verdict import ErrorClass
from ..events import Incoming
from ..incoming import incoming_of

DEPTH: Final = 64  # blocks inside blocks; what is deeper is no message of Telegram's


async def whole(client: Client, message: Any, peer: Any, *, deadline: float) -> Any:
    """Return a message of Telethon's with all of its rich text.

    One whose rest Telegram does not give stays as it is.
    """
    if not getattr(getattr(message, "rich_message", None), "part", False):
        return message
    request = functions.messages.GetRichMessageRequest(peer, message.id)
    try:
        answer = await client.call(request, deadline=deadline)
    except Exception as error:
        if classify(error).kind not in {ErrorClass.MESSAGE, ErrorClass.BUG}:
            raise
        return message
    found = (one for one in answer.messages if one.id == message.id)
    return next((one for one in found if isinstance(one, types.Message)), message)


async def completed(client: Client, message: Incoming, *, deadline: float) -> Incoming:
    """The same message with all of its rich text, as far as Telegram gives it."""
    if not message.partial:
        return message
    raw = await whole(client, message.raw, client.peer(message.chat), deadline=deadline)
    return incoming_of(raw, client.user_id, None) or message


def input_rich_of(client: Client, message: Incoming, parts: Mapping[str, str]) -> Any:
    """Return a message's rich text as it is handed in; ``None`` for one that has none.

    ``parts`` tells which of its words and addresses are replaced by which.

    Raises:
        MessageNotCopyableError: not all of it is known.
    """
    rich: Any = getattr(message.raw, "rich_message", None)
    if rich is None:
        return None
    if rich.part:
        why = "it is a rich message whose rest Telegram does not give"
        raise MessageNotCopyableError(message.chat, message.id, why)
    photos = [utils.get_input_photo(one) for one in rich.photos]
    documents = [utils.get_input_document(one) for one in rich.documents]
    return types.InputRichMessage(
        blocks=reworded(rich.blocks, parts) if parts else rich.blocks,
        rtl=rich.rtl,
        photos=photos or None,
        documents=documents or None,
        users=list(_users(client, rich)) or None,
    )


def reworded(held: Any, parts: Mapping[str, str], depth: int = DEPTH) -> Any:
    """The same words and blocks, of which those in ``parts`` are replaced."""
    if isinstance(held, str):
        return parts.get(held, held)
    if isinstance(held, list):
        return [reworded(one, parts, depth) for one in held]
    if depth == 0 or not hasattr(held, "CONSTRUCTOR_ID"):
        return held
    changed = copy.copy(held)
    for name, value in vars(held).items():
        if isinstance(value, str | list) or hasattr(value, "CONSTRUCTOR_ID"):
            setattr(changed, name, reworded(value, parts, depth - 1))
    return changed


def _users(client: Client, rich: Any) -> Iterator[Any]:
    """Whom it mentions, as far as this account knows them."""
    for user in dict.fromkeys(_mentioned(rich.blocks, DEPTH)):
        try:
            yield utils.get_input_user(client.peer(user))
        except (PeerUnknownError, TypeError):
            continue


def _mentioned(held: Any, depth: int) -> Iterator[int]:
    if isinstance(held, list):
        for one in held:
            yield from _mentioned(one, depth)
    elif isinstance(held, types.TextMentionName):
        yield held.user_id
    elif depth and hasattr(held, "CONSTRUCTOR_ID"):
        for value in vars(held).values():
            if isinstance(value, list) or hasattr(value, "CONSTRUCTOR_ID"):
                yield from _mentioned(value, depth - 1)
