"""Changes of messages: edited, deleted, pinned."""

from __future__ import annotations

from typing import Any, Final

from .._tl import functions, types
from ..call import Call
from ..rpc import RpcError
from ..world.records import Chat, ChatKind, Message
from ..world.rights import require_admin, require_delete, require_edit
from . import media
from .base import Handlers, check_caption, entities_of, find_message, units
from .bots import keyboards


def edit_message(call: Call, request: Any) -> Any:
    """New text, entities or media for a message of one's own, or of one's channel."""
    chat = call.peers.chat(request.peer)
    message = _found(call, chat, request.id)
    require_edit(call.world, chat, call.me, message.author, message.date)
    new_media = media.make(call, request.media) if request.media is not None else None
    text = message.text if request.message is None else request.message
    entities = message.entities
    if request.message is not None or request.entities is not None:
        entities = entities_of(call, request.entities, text)
    above = bool(request.invert_media)
    further = keyboards.with_markup(call, message.further, request.reply_markup)
    rich = media.rich_of(call, request.rich_message)
    if rich is not None:
        further = further | {"rich_message": rich}
    same = (text, above) == (message.text, message.invert_media)
    same = same and bytes_of(entities) == bytes_of(message.entities)
    same = same and keyboards.alike(further, message.further)
    same = same and (rich is None or bytes(rich) == bytes(message.further["rich_message"]))
    if same and new_media is None:
        raise RpcError("MESSAGE_NOT_MODIFIED")
    if not text and message.media is None and new_media is None and rich is None:
        raise RpcError("MESSAGE_EMPTY")
    shown = new_media or message.media
    if shown is not None and not isinstance(shown, types.MessageMediaWebPage):
        check_caption(call, text)
    elif units(text) > call.world.limits.text:
        raise RpcError("MESSAGE_TOO_LONG")
    message.text, message.entities, message.invert_media = text, entities, above
    message.media, message.further = new_media or message.media, further
    return call.delivery.answer(call.me, [call.delivery.edit(message, call.conversation)])


def delete_messages(call: Call, request: Any) -> Any:
    """Messages out of private chats and basic groups: for oneself, or with revoke for all."""
    me = call.me
    doomed = [m for i in request.id if (m := me.box.get(i)) is not None]
    concerned = [me]
    if request.revoke:
        everybody = {account_id for message in doomed for account_id in message.ids}
        concerned = [call.world.accounts[account_id] for account_id in sorted(everybody)]
    events = call.delivery.delete_for(concerned, doomed)
    call.delivery.push_deletions(events, call.conversation)
    mine = events.get(me.id)
    return types.messages.AffectedMessages(me.feed.pts, mine.count if mine is not None else 0)


def delete_channel_messages(call: Call, request: Any) -> Any:
    """Messages out of a channel, for everybody."""
    chat = call.peers.channel(request.channel)
    doomed = [m for i in request.id if (m := chat.by_id.get(i)) is not None]
    for message in doomed:
        require_delete(chat, call.me, message.author)
    event = call.delivery.delete_from_channel(chat, doomed, call.conversation)
    return types.messages.AffectedMessages(chat.feed.pts, event.count if event is not None else 0)


def delete_history(call: Call, request: Any) -> Any:
    """A whole private chat or basic group out of one's own box, or with revoke out of all."""
    chat = call.peers.chat(request.peer)
    if chat.is_channel:
        raise RpcError("PEER_ID_INVALID")
    me = call.me
    newest = request.max_id or me.next_message_id
    doomed = [m for m in chat.messages if 0 < m.id_for(me.id) <= newest]
    concerned = [call.world.accounts[i] for i in chat.members] if request.revoke else [me]
    events = call.delivery.delete_for(concerned, doomed)
    call.delivery.push_deletions(events, call.conversation)
    mine = events.get(me.id)
    return types.messages.AffectedHistory(me.feed.pts, mine.count if mine is not None else 0, 0)


def pin_message(call: Call, request: Any) -> Any:
    """Pin a message, or with unpin let it go."""
    chat = call.peers.chat(request.peer)
    if chat.kind is not ChatKind.PRIVATE:
        require_admin(chat, call.me, "pin_messages")
    message = _found(call, chat, request.id)
    chat.pinned_id = 0 if request.unpin else message.id
    call.world.touch()
    return call.delivery.changed(call.me, chat)


def _found(call: Call, chat: Chat, message_id: int) -> Message:
    message = find_message(call, chat, message_id)
    if message is None or message.action is not None:
        raise RpcError("MESSAGE_ID_INVALID")
    return message


def bytes_of(entities: list[Any]) -> list[bytes]:
    """Entities in a form that can be compared."""
    return [bytes(entity) for entity in entities]


HANDLERS: Final[Handlers] = {
    functions.messages.EditMessageRequest: edit_message,
    functions.messages.DeleteMessagesRequest: delete_messages,
    functions.messages.DeleteHistoryRequest: delete_history,
    functions.channels.DeleteMessagesRequest: delete_channel_messages,
    functions.messages.UpdatePinnedMessageRequest: pin_message,
}
