"""The handlers' common type, and message lookup."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .._tl import types
from ..call import Call
from ..rpc import RpcError
from ..world.records import Chat, Message

Handler = Callable[["Call", Any], Any]
"""Answers one kind of request: a TL object, a bool or a list; raises ``RpcError``."""

Handlers = Mapping[type, Handler]
"""The requests a family answers."""


def find_message(call: Call, chat: Chat, message_id: int) -> Message | None:
    """The message that whoever asks calls ``message_id``, if it is in that chat."""
    if chat.is_channel:
        return chat.by_id.get(message_id)
    message = call.me.box.get(message_id)
    return message if message is not None and message.chat is chat else None


def reply_target(call: Call, chat: Chat, reply_to: Any) -> tuple[Message | None, int | None]:
    """What a new message answers, and the topic it belongs to.

    Raises MESSAGE_ID_INVALID for a message that is not there, TOPIC_CLOSED and
    TOPIC_DELETED for a topic in which ``me`` cannot write.
    """
    if not isinstance(reply_to, types.InputReplyToMessage):
        return None, None
    wanted, top = reply_to.reply_to_msg_id, reply_to.top_msg_id
    if chat.forum and wanted in chat.topics and top in (None, wanted):
        return None, _open_topic(call, chat, wanted)
    message = find_message(call, chat, wanted) if wanted else None
    if wanted and message is None:
        raise RpcError("REPLY_MESSAGE_ID_INVALID")
    if not chat.forum:
        return message, None
    topic_id = top or (message.topic_id if message is not None else None)
    return message, _open_topic(call, chat, topic_id) if topic_id else None


def _open_topic(call: Call, chat: Chat, topic_id: int) -> int:
    topic = chat.topics.get(topic_id)
    if topic is None or topic.deleted:
        raise RpcError("TOPIC_DELETED")
    member = chat.members.get(call.me.id)
    if topic.closed and not (member is not None and member.admin):
        raise RpcError("TOPIC_CLOSED")
    return topic_id


def units(text: str) -> int:
    """The length of a text as Telegram counts it."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def check_caption(call: Call, caption: str) -> None:
    """Raises MEDIA_CAPTION_TOO_LONG for more than this account may write below a picture."""
    limits = call.world.limits
    if units(caption) > (limits.premium_caption if call.me.premium else limits.caption):
        raise RpcError("MEDIA_CAPTION_TOO_LONG")


def entities_of(call: Call, given: Any, text: str) -> list[Any]:
    """Entities as they are told; raises ENTITY_BOUNDS_INVALID for one outside of its text.

    A mention of a user is handed in in another form than it is told; in the latter it says nothing.
    """
    found = []
    for one in given or ():
        if one.offset < 0 or one.length <= 0 or one.offset + one.length > units(text):
            raise RpcError("ENTITY_BOUNDS_INVALID")
        if isinstance(one, types.InputMessageEntityMentionName):
            user = call.peers.user(one.user_id)
            found.append(types.MessageEntityMentionName(one.offset, one.length, user.id))
        elif not isinstance(one, types.MessageEntityMentionName):
            found.append(one)
    return found


def quote_of(answered: Message | None, reply_to: Any) -> Any:
    """The words that a new message quotes; raises QUOTE_TEXT_INVALID if they are not there."""
    words = getattr(reply_to, "quote_text", None)
    if answered is None or not words:
        return None
    if words not in answered.text:
        raise RpcError("QUOTE_TEXT_INVALID")
    return types.InputReplyToMessage(
        reply_to_msg_id=0,
        quote_text=words,
        quote_entities=reply_to.quote_entities,
        quote_offset=reply_to.quote_offset,
    )


def yes(_call: Call, _request: Any) -> bool:
    """Say yes and do nothing: for what leaves no trace here."""
    return True
