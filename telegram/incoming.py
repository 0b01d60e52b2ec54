"""Conversion of Telethon's updates and messages to the values of ``events``."""

from __future__ import annotations

import base64
import json
from dataclasses import fields
from datetime import datetime
from typing import Any, Final

from . import events
from ._tl import read_object, types
from .contents import besides
from .notices import key_drop_name, shown
from .session import CHANNEL_MARK, marked_id

_NEW = (types.UpdateNewMessage, types.UpdateNewChannelMessage)
_EDIT = (types.UpdateEditMessage, types.UpdateEditChannelMessage)
_TIMES: Final = ("date", "edited")


def event_of(update: Any, self_id: int | None) -> events.ClientEvent | None:
    """Return what ``update`` tells, or None when it concerns no message."""
    if isinstance(update, _NEW) and _is_notice(update.message):
        return _notice(update.message)
    if isinstance(update, _NEW):
        message = incoming_of(update.message, self_id, getattr(update, "_entities", None))
        return None if message is None else events.Arrived(message)
    if isinstance(update, _EDIT):
        message = incoming_of(update.message, self_id, getattr(update, "_entities", None))
        return None if message is None else events.Edited(message)
    if isinstance(update, types.UpdateShortMessage | types.UpdateShortChatMessage):
        message = incoming_of(_long(update, self_id), self_id, None)
        return None if message is None else events.Arrived(message)
    if isinstance(update, types.UpdateDeleteChannelMessages):
        return events.Deleted(-(CHANNEL_MARK + update.channel_id), tuple(update.messages))
    if isinstance(update, types.UpdateDeleteMessages) and update.messages:
        return events.Deleted(None, tuple(update.messages))
    if isinstance(update, types.UpdateBotCallbackQuery):
        return events.Pressed(
            query=update.query_id,
            chat=marked_id(update.peer),
            sender=update.user_id,
            message=update.msg_id,
            data=(update.data or b"").decode("utf-8", "replace"),
        )
    return None


def protection_of(update: Any) -> tuple[int, bool] | None:
    """Return which private chat is protected from now on, or may be no longer."""
    message: Any = getattr(update, "message", None)
    if not isinstance(message, types.MessageService):
        return None
    if not isinstance(message.action, types.MessageActionNoForwardsToggle):
        return None
    return marked_id(message.peer_id), bool(message.action.new_value)


def notice_of(update: Any, key_id: int | None) -> events.Notice | None:
    """Return what ``update`` tells of the account itself, or None when it does not.

    What is no popup and ends no key may be a login code, and is left alone.
    """
    if isinstance(update, types.UpdateServiceNotification):
        if (name := key_drop_name(update.type)) is not None:
            return events.KeyDropped(name, key_id)
        return events.Popup(text=shown(update.message)) if update.popup else None
    if isinstance(update, types.UpdateNewAuthorization):
        confirmed = not update.unconfirmed
        return events.NewAuthorization(hash=update.hash, confirmed=confirmed, **_whence(update))
    if isinstance(update, types.UpdateNewBotConnection):
        confirmed = bool(update.confirmed)
        return events.NewBotConnection(bot_id=update.bot_id, confirmed=confirmed, **_whence(update))
    return None


def _whence(update: Any) -> dict[str, Any]:
    return {
        "date": update.date.timestamp() if update.date else None,
        "device": shown(update.device or ""),
        "place": shown(update.location or ""),
    }


def _notice(notice: Any) -> events.ClientEvent | None:
    if not isinstance(notice.action, types.MessageActionChatMigrateTo):
        return None
    channel = -(CHANNEL_MARK + notice.action.channel_id)
    return events.Upgraded(marked_id(notice.peer_id), channel)


def incoming_of(
    message: Any, self_id: int | None, entities: dict[int, Any] | None
) -> events.Incoming | None:
    """Return ``message`` as ours; None for empty ones, and service messages but gifts.

    ``entities`` are the chats and users that came with it, by marked id: they tell whether
    the whole chat is protected.
    """
    if not isinstance(message, types.Message) and not _is_gift(message):
        return None
    chat = marked_id(message.peer_id)
    home = (entities or {}).get(chat)
    reply = _reply_of(message, chat)
    return events.Incoming(
        chat=chat,
        id=message.id,
        date=message.date,
        text=message.message or _words_with(message),
        sender=_sender(message, self_id),
        outgoing=bool(message.out),
        grouped_id=message.grouped_id,
        reply_to=_answered(reply),
        topic=_topic(reply),
        has_media=_has_media(message),
        kind=kind_of(message),
        forwarded=message.fwd_from is not None,
        noforwards=bool(message.noforwards or getattr(home, "noforwards", False)),
        protected_home=bool(getattr(home, "noforwards", False)),
        edited=message.edit_date,
        silent=bool(message.silent),
        chosen_preview=_chosen_preview(message.media),
        monoforum=_in_monoforum(message, home),
        partial=bool(getattr(message.rich_message, "part", False)),
        besides=besides(message, entities or {}),
        raw=message,
    )


def to_bytes(message: events.Incoming) -> bytes:
    """Return a message as bytes for ``from_bytes``, without ``raw`` if Telethon cannot write it."""
    told = {one.name: getattr(message, one.name) for one in fields(message)}
    told |= {one: told[one].isoformat() for one in _TIMES if told[one] is not None}
    told["raw"] = base64.b64encode(_written(message.raw)).decode()
    return json.dumps(told).encode()


def from_bytes(data: bytes) -> events.Incoming:
    """Return the message that ``to_bytes`` was given."""
    told = json.loads(data)
    told |= {one: datetime.fromisoformat(told[one]) for one in _TIMES if told[one] is not None}
    raw = base64.b64decode(told["raw"])
    told["raw"] = read_object(raw) if raw else None
    told["besides"] = tuple(told["besides"])
    return events.Incoming(**told)


def _written(raw: Any) -> bytes:
    try:
        return bytes(raw)
    except (AssertionError, TypeError):  # fields that go together, and one is missing
        return b""


def _has_media(message: Any) -> bool:
    return message.media is not None and not isinstance(message.media, types.MessageMediaWebPage)


def _chosen_preview(media: Any) -> bool:
    if not isinstance(media, types.MessageMediaWebPage):
        return False
    chosen = media.manual or media.force_large_media or media.force_small_media
    return bool(chosen and getattr(media.webpage, "url", None))


def _is_gift(message: Any) -> bool:
    return isinstance(message, types.MessageService) and isinstance(message.action, _GIFTS)


def _is_notice(message: Any) -> bool:
    return isinstance(message, types.MessageService) and not _is_gift(message)


def _words_with(message: Any) -> str:
    """What its giver has written to a gift."""
    return getattr(getattr(message.action, "message", None), "text", "")


def _in_monoforum(message: Any, home: Any) -> bool:
    """Whether it stands in a channel's direct messages."""
    apart = message.saved_peer_id is not None and isinstance(message.peer_id, types.PeerChannel)
    return apart or bool(getattr(home, "monoforum", False))


def kind_of(message: Any) -> str:
    """Return what a message mainly is: ``text``, or its medium's kind."""
    media = message.media
    if _is_gift(message):
        return "gift"
    if message.rich_message is not None:
        return "rich"
    if not _has_media(message):
        return "text"
    if isinstance(media, types.MessageMediaDocument):
        return _document_kind(media)
    return _KINDS.get(type(media), "other")


def _document_kind(media: Any) -> str:
    kinds = {type(one): one for one in getattr(media.document, "attributes", None) or ()}
    if types.DocumentAttributeSticker in kinds:
        return "sticker"
    if types.DocumentAttributeAnimated in kinds:
        return "animation"
    audio = kinds.get(types.DocumentAttributeAudio)
    if audio is not None:
        return "voice" if audio.voice else "audio"
    video = kinds.get(types.DocumentAttributeVideo)
    if video is not None:
        return "video_note" if video.round_message else "video"
    return "document"


_KINDS = {
    types.MessageMediaPhoto: "photo",
    types.MessageMediaPoll: "poll",
    types.MessageMediaContact: "contact",
    types.MessageMediaGeo: "location",
    types.MessageMediaGeoLive: "location",
    types.MessageMediaVenue: "location",
    types.MessageMediaDice: "dice",
    types.MessageMediaToDo: "todo",
    types.MessageMediaPaidMedia: "paid",
    types.MessageMediaStory: "story",
    types.MessageMediaGiveaway: "giveaway",
    types.MessageMediaGiveawayResults: "giveaway",
    types.MessageMediaInvoice: "invoice",
    types.MessageMediaGame: "game",
    types.MessageMediaVideoStream: "video_stream",
}
_GIFTS: Final = (
    types.MessageActionGiftCode,
    types.MessageActionGiftPremium,
    types.MessageActionGiftStars,
    types.MessageActionGiftTon,
    types.MessageActionStarGift,
    types.MessageActionStarGiftUnique,
)
"""Service messages that are content of their own."""


def _reply_of(message: Any, chat: int) -> Any:
    """What is said of the message answered, if that stands in the same chat."""
    reply = message.reply_to
    if not isinstance(reply, types.MessageReplyHeader):
        return None
    other = reply.reply_to_peer_id
    return reply if other is None or marked_id(other) == chat else None


def _answered(reply: Any) -> int | None:
    """The message answered; one that merely stands in a topic names the topic there."""
    if reply is None or (reply.forum_topic and not reply.reply_to_top_id):
        return None
    return None if reply.reply_to_msg_id is None else int(reply.reply_to_msg_id)


def _topic(reply: Any) -> int | None:
    if reply is None or not reply.forum_topic:
        return None
    return int(reply.reply_to_top_id or reply.reply_to_msg_id)


def _sender(message: Any, self_id: int | None) -> int | None:
    if message.from_id is not None:
        return marked_id(message.from_id)
    if message.out and not message.post:
        return self_id
    return message.peer_id.user_id if isinstance(message.peer_id, types.PeerUser) else None


def _long(update: Any, self_id: int | None) -> Any:
    """The full message that a short update stands for."""
    private = isinstance(update, types.UpdateShortMessage)
    other = types.PeerUser(update.user_id if private else update.from_id)
    me = types.PeerUser(self_id) if self_id else None
    return types.Message(
        id=update.id,
        peer_id=other if private else types.PeerChat(update.chat_id),
        from_id=me if update.out else other,
        date=update.date,
        message=update.message,
        out=update.out,
        reply_to=update.reply_to,
        entities=update.entities,
        fwd_from=update.fwd_from,
        via_bot_id=update.via_bot_id,
        mentioned=update.mentioned,
        media_unread=update.media_unread,
        silent=update.silent,
        ttl_period=update.ttl_period,
    )
