"""Reads of messages: getHistory, getMessages, search, replies, read marks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from .._tl import functions, types
from ..call import Call
from ..rpc import RpcError
from ..world.records import Chat, Message
from ..world.rendering import View
from .base import Handlers, find_message


def get_history(call: Call, request: Any) -> Any:
    """A slice of a chat, newest first."""
    chat = call.peers.chat(request.peer)
    return _slice(call, chat, _visible(call, chat), request)


def get_replies(call: Call, request: Any) -> Any:
    """A slice of a topic, or of the answers to a message."""
    chat = call.peers.chat(request.peer)
    top = request.msg_id
    matching = [
        m
        for m in _visible(call, chat)
        if m.topic_id == top or (m.reply_to is not None and m.reply_to.id_for(call.me.id) == top)
    ]
    return _slice(call, chat, matching, request)


def search(call: Call, request: Any) -> Any:
    """A slice of what contains a text, is of a kind, or by somebody."""
    chat = call.peers.chat(request.peer)
    wanted = _FILTERS.get(type(request.filter))
    author = call.peers.user(request.from_id) if request.from_id is not None else None
    matching = [
        m
        for m in _visible(call, chat)
        if request.q.lower() in m.text.lower()
        and (wanted is None or wanted(m))
        and (author is None or m.author is author)
        and (not request.top_msg_id or m.topic_id == request.top_msg_id)
    ]
    return _slice(call, chat, matching, request)


def get_messages(call: Call, request: Any) -> Any:
    """Messages of private chats and basic groups by id."""
    return _by_id(call, None, [call.me.box.get(_id(i)) for i in request.id], request.id)


def get_channel_messages(call: Call, request: Any) -> Any:
    """Messages of a channel by id."""
    chat = call.peers.channel(request.channel)
    return _by_id(call, chat, [chat.by_id.get(_id(i)) for i in request.id], request.id)


def get_rich_message(call: Call, request: Any) -> Any:
    """One message with all of its rich text."""
    chat = call.peers.chat(request.peer)
    message = find_message(call, chat, request.id)
    if message is None or "rich_message" not in message.further:
        raise RpcError("MESSAGE_ID_INVALID")
    view = View(call.world, call.me)
    return bundle([view.message(message, whole=True)], view, None, 1)


def read_history(call: Call, request: Any) -> Any:
    """Note how far ``me`` has read."""
    _mark_read(call, call.peers.chat(request.peer), request.max_id)
    return types.messages.AffectedMessages(call.me.feed.pts, 0)


def read_channel_history(call: Call, request: Any) -> bool:
    """Note how far ``me`` has read a channel."""
    _mark_read(call, call.peers.channel(request.channel), request.max_id)
    return True


def bundle(messages: Sequence[Any], view: View, chat: Chat | None, count: int) -> Any:
    """Rendered messages in the constructor that fits: all, a part of them, or a channel's."""
    if chat is not None and chat.is_channel:
        return types.messages.ChannelMessages(
            chat.feed.pts, count, list(messages), [], view.chats, view.users
        )
    if count > len(messages):
        return types.messages.MessagesSlice(count, list(messages), [], view.chats, view.users)
    return types.messages.Messages(list(messages), [], view.chats, view.users)


def _visible(call: Call, chat: Chat) -> list[Message]:
    if chat.is_channel:
        return chat.messages
    return [message for message in chat.messages if call.me.id in message.ids]


def _slice(call: Call, chat: Chat, messages: Sequence[Message], request: Any) -> Any:
    me = call.me.id
    limit = max(0, min(request.limit or call.world.limits.history, call.world.limits.history))
    newest_first = [
        m
        for m in reversed(messages)
        if (not request.max_id or m.id_for(me) < request.max_id)
        and (not request.min_id or m.id_for(me) > request.min_id)
    ]
    # offset_id is where the slice begins, add_offset moves it: negative ones towards the newer.
    start = _start(newest_first, request, me) + request.add_offset
    view = View(call.world, call.me)
    view.mention(chat)
    chosen = newest_first[max(0, start) : max(0, start + limit)]
    return bundle([view.message(m) for m in chosen], view, chat, len(messages))


def _start(newest_first: Sequence[Message], request: Any, me: int) -> int:
    offset_id = request.offset_id
    offset_date = seconds_of(getattr(request, "offset_date", None))
    for index, message in enumerate(newest_first):
        if offset_id and message.id_for(me) >= offset_id:
            continue
        if not offset_id and offset_date and message.date >= offset_date:
            continue
        return index
    return len(newest_first)


def seconds_of(date: Any) -> int:
    """A date of a request in seconds; 0 for none, which Telethon reads as 1970."""
    return int(date.timestamp()) if date is not None else 0


def _by_id(
    call: Call, chat: Chat | None, found: Sequence[Message | None], asked: Sequence[Any]
) -> Any:
    view = View(call.world, call.me)
    view.mention(chat)
    rendered = [
        view.message(message) if message is not None else _missing(wanted)
        for message, wanted in zip(found, asked, strict=True)
    ]
    return bundle(rendered, view, chat, len(rendered))


def _missing(wanted: Any) -> Any:
    return types.MessageEmpty(id=_id(wanted), peer_id=None)


def _id(given: Any) -> int:
    if isinstance(given, int):
        return given
    if isinstance(given, types.InputMessageID):
        return int(given.id)
    raise RpcError("MESSAGE_ID_INVALID")


def _mark_read(call: Call, chat: Chat, max_id: int) -> None:
    member = chat.members.get(call.me.id)
    if member is not None:
        newest = max((m.id_for(call.me.id) for m in chat.messages[-1:]), default=0)
        member.read_up_to = max(member.read_up_to, min(max_id or newest, newest))


def _has(kind: Any) -> Callable[[Message], bool]:
    return lambda message: isinstance(message.media, kind)


_FILTERS: Final[dict[type, Callable[[Message], bool]]] = {
    types.InputMessagesFilterPhotos: _has(types.MessageMediaPhoto),
    types.InputMessagesFilterDocument: _has(types.MessageMediaDocument),
    types.InputMessagesFilterPhotoVideo: _has(types.MessageMediaPhoto),
    types.InputMessagesFilterPinned: lambda message: message.chat.pinned_id == message.id,
}

HANDLERS: Final[Handlers] = {
    functions.messages.GetHistoryRequest: get_history,
    functions.messages.GetRepliesRequest: get_replies,
    functions.messages.SearchRequest: search,
    functions.messages.GetMessagesRequest: get_messages,
    functions.messages.GetRichMessageRequest: get_rich_message,
    functions.channels.GetMessagesRequest: get_channel_messages,
    functions.messages.ReadHistoryRequest: read_history,
    functions.channels.ReadHistoryRequest: read_channel_history,
}
