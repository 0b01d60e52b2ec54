"""Sending: sendMessage, sendMedia, sendMultiMedia, forwardMessages."""

from __future__ import annotations

from typing import Any, Final

from .._tl import functions, types
from ..call import Call
from ..rpc import RpcError
from ..world.records import Chat, ChatKind, Forward, Message
from ..world.rights import pay, require_send, spend_slowmode
from ..world.update_events import Draft
from . import media
from .base import Handlers, check_caption, entities_of, find_message, quote_of, reply_target, units
from .bots import keyboards
from .channels import sender_of

_KINDS: Final = {types.MessageMediaPhoto: "photos", types.MessageMediaDocument: "docs"}


def send_message(call: Call, request: Any) -> Any:
    """Answered in short form in private chats and basic groups, in full elsewhere."""
    chat = call.peers.chat(request.peer)
    require_send(call.world, chat, call.me)
    if not request.message and request.rich_message is None:
        raise RpcError("MESSAGE_EMPTY")
    if units(request.message) > call.world.limits.text:
        raise RpcError("MESSAGE_TOO_LONG")
    _expire_codes(call, request.message)
    preview = None if request.no_webpage else media.preview(call, request.message)
    draft = _draft(
        call, chat, request, text=request.message, entities=request.entities, media=preview
    )
    happenings = _post(call, chat, [draft], request)
    event = happenings[0].event_for(call.me.id)
    if not chat.is_channel and event is not None and event.message is not None:
        return types.UpdateShortSentMessage(
            id=event.message.id_for(call.me.id),
            pts=event.pts,
            pts_count=event.count,
            date=event.message.date,
            out=True,
            entities=event.message.entities or None,
        )
    return call.delivery.answer(call.me, happenings)


def send_media(call: Call, request: Any) -> Any:
    """A photo, document or other media, with its caption."""
    chat = call.peers.chat(request.peer)
    made = media.make(call, request.media)
    require_send(call.world, chat, call.me, media=_KINDS.get(type(made)))
    if not isinstance(made, types.MessageMediaWebPage):
        check_caption(call, request.message)
    elif units(request.message) > call.world.limits.text:
        raise RpcError("MESSAGE_TOO_LONG")
    draft = _draft(call, chat, request, text=request.message, entities=request.entities, media=made)
    return call.delivery.answer(call.me, _post(call, chat, [draft], request))


def send_multi_media(call: Call, request: Any) -> Any:
    """An album: several media under one grouped_id, told in one go."""
    chat = call.peers.chat(request.peer)
    singles = request.multi_media
    if not singles:
        raise RpcError("MULTI_MEDIA_TOO_LONG" if singles is None else "MEDIA_EMPTY")
    if len(singles) > call.world.limits.album:
        raise RpcError("MULTI_MEDIA_TOO_LONG")
    made = [media.make(call, single.media, uploaded=False) for single in singles]
    for one, single in zip(made, singles, strict=True):
        require_send(call.world, chat, call.me, media=_KINDS.get(type(one)))
        check_caption(call, single.message)
    group = call.world.random_long() if len(made) > 1 else None
    drafts = [
        _draft(
            call,
            chat,
            request,
            text=single.message,
            entities=single.entities,
            media=one,
            grouped_id=group,
            random_id=single.random_id,
        )
        for one, single in zip(made, singles, strict=True)
    ]
    return call.delivery.answer(call.me, _post(call, chat, drafts, request))


def forward_messages(call: Call, request: Any) -> Any:
    """Messages from one chat to another, with their origin unless drop_author is asked."""
    source, target = call.peers.chat(request.from_peer), call.peers.chat(request.to_peer)
    if not request.id:
        raise RpcError("MESSAGE_IDS_EMPTY")
    if len(request.id) != len(request.random_id):
        raise RpcError("RANDOM_ID_INVALID")
    found = [(find_message(call, source, i), r) for i, r in zip(request.id, request.random_id)]  # noqa: B905 - the lengths were compared above
    originals = [(m, r) for m, r in found if m is not None and m.action is None]
    if not originals:
        raise RpcError("MESSAGE_ID_INVALID")
    if source.protected or any(message.noforwards for message, _ in originals):
        raise RpcError("CHAT_FORWARDS_RESTRICTED")
    for message, _ in originals:
        require_send(call.world, target, call.me, media=_KINDS.get(type(message.media)))
    reply, topic = _placed(call, target, request)
    sender = sender_of(call, target, request.send_as)
    groups: dict[int, int] = {}
    drafts = [
        Draft(
            text="" if message.media is not None and request.drop_media_captions else message.text,
            entities=message.entities,
            media=message.media,
            reply_to=reply,
            topic_id=topic,
            grouped_id=_regrouped(call, groups, message),
            forward=None if request.drop_author else _origin(message),
            silent=bool(request.silent),
            sent_as=sender,
            noforwards=bool(request.noforwards),
            invert_media=message.invert_media,
            further=_rich_text(message),
            random_id=random_id,
        )
        for message, random_id in originals
    ]
    return call.delivery.answer(call.me, _post(call, target, drafts, request))


def _placed(call: Call, chat: Chat, request: Any) -> tuple[Message | None, int | None]:
    if request.schedule_date is not None:
        raise RpcError("SCHEDULE_DATE_INVALID")  # not played; better refused than sent at once
    reply_to = request.reply_to
    top = getattr(request, "top_msg_id", None)
    if reply_to is None and top:
        reply_to = types.InputReplyToMessage(reply_to_msg_id=top)
    return reply_target(call, chat, reply_to)


def _draft(
    call: Call,
    chat: Chat,
    request: Any,
    *,
    text: str,
    entities: list[Any] | None,
    media: Any = None,
    grouped_id: int | None = None,
    random_id: int | None = None,
) -> Draft:
    reply, topic = _placed(call, chat, request)
    if request.effect and chat.kind is not ChatKind.PRIVATE:
        raise RpcError("EFFECT_ID_INVALID")
    return Draft(
        text=text,
        sent_as=sender_of(call, chat, request.send_as),
        entities=entities_of(call, entities, text),
        media=media,
        reply_to=reply,
        topic_id=topic,
        grouped_id=grouped_id,
        silent=bool(request.silent),
        noforwards=bool(request.noforwards),
        invert_media=bool(request.invert_media),
        quote=quote_of(reply, request.reply_to),
        further=_further(call, request),
        random_id=request.random_id if random_id is None else random_id,
    )


def _further(call: Call, request: Any) -> dict[str, Any]:
    markup = keyboards.markup_of(call, getattr(request, "reply_markup", None))
    rich = media.rich_of(call, getattr(request, "rich_message", None))
    given = {"effect": request.effect, "reply_markup": markup, "rich_message": rich}
    return {name: value for name, value in given.items() if value}


def _rich_text(message: Message) -> dict[str, Any]:
    rich = message.further.get("rich_message")
    return {} if rich is None else {"rich_message": rich}


def _post(call: Call, chat: Chat, drafts: list[Draft], request: Any) -> list[Any]:
    random_ids = [draft.random_id for draft in drafts if draft.random_id is not None]
    if len(set(random_ids)) != len(random_ids):
        raise RpcError("RANDOM_ID_DUPLICATE")
    call.world.refuse_repeats(call.me, random_ids)
    pay(call.world, chat, call.me, len(drafts), request.allow_paid_stars or 0)
    spend_slowmode(call.world, chat, call.me)
    return list(call.delivery.post(chat, call.me, drafts, call.conversation))


def _regrouped(call: Call, groups: dict[int, int], message: Message) -> int | None:
    if message.grouped_id is None:
        return None
    if message.grouped_id not in groups:
        groups[message.grouped_id] = call.world.random_long()
    return groups[message.grouped_id]


def _origin(message: Message) -> Forward:
    if message.forward is not None:
        return message.forward
    if message.post:
        return Forward(date=message.date, channel_id=message.chat.id, channel_post=message.id)
    return Forward(date=message.date, from_id=message.author.id if message.author else None)


def _expire_codes(call: Call, text: str) -> None:
    """Let a login code die that its owner types into a chat, as Telegram does."""
    desk = call.world.logins
    for phone, sent in list(desk.codes.items()):
        if sent.code in text and call.world.account_by_phone(phone) is call.me:
            sent.expires = 0.0


HANDLERS: Final[Handlers] = {
    functions.messages.SendMessageRequest: send_message,
    functions.messages.SendMediaRequest: send_media,
    functions.messages.SendMultiMediaRequest: send_multi_media,
    functions.messages.ForwardMessagesRequest: forward_messages,
}
