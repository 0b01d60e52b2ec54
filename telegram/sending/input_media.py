"""Input media, preview, quote and mentions of a copy, made from the received message.

Everything goes by reference, nothing is downloaded. What cannot be handed in whole is refused: half
a message is no copy.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Any, Final

from ...errors import MessageNotCopyableError, PeerUnknownError
from .._tl import types, utils
from ..client import Client
from ..events import Incoming
from ..richtext import RichText

QUESTION: Final = 255  # UTF-16 units of a poll's question; Telegram's config says 300
OPTION: Final = 100  # of one of its options
TITLE: Final = 32  # of a checklist's title (todo_title_length_max)
TASK: Final = 64  # of one of its tasks (todo_item_length_max)
NONE: Final[Mapping[str, str]] = {}
NOT_COPIED: Final[Mapping[str, str]] = {
    "game": "it is a game, which only its bot can send",
    "gift": "it is a gift, which is its receiver's alone",
    "giveaway": "it is a giveaway, which only its channel can begin",
    "invoice": "it is an invoice, which only its bot can send",
    "paid": "it is paid media, which only who has paid sees",
    "story": "it is a story, which is its author's and ends by itself",
    "video_stream": "it is a video stream, which is its author's and ends by itself",
}
"""Kinds that nobody can send again under another name, and why."""


def input_media_of(message: Incoming, parts: Mapping[str, str] = NONE) -> Any:
    """Return the medium, or the preview if the author has chosen it; ``None`` for a plain text.

    ``parts`` tells which of its words and addresses are replaced by which.

    Raises:
        MessageNotCopyableError: it cannot be sent again whole, and why.
    """
    media: Any = getattr(message.raw, "media", None)
    if (why := NOT_COPIED.get(message.kind)) is not None:
        raise MessageNotCopyableError(message.chat, message.id, why)
    if not message.has_media:
        return _preview(media, parts) if message.chosen_preview else None
    if getattr(media, "ttl_seconds", None):
        raise MessageNotCopyableError(message.chat, message.id, "it is to be seen once only")
    try:
        again = _again(media)
    except (TypeError, AttributeError, ValueError) as exc:
        raise MessageNotCopyableError(message.chat, message.id) from exc
    return _worded(again, parts) if parts else again


def _again(media: Any) -> Any:
    if isinstance(media, types.MessageMediaToDo):
        return types.InputMediaTodo(media.todo)  # what others have ticked off stays behind
    if isinstance(media, types.MessageMediaPoll):
        _refuse_unlike(media)
    again = utils.get_input_media(media)
    match media:
        case types.MessageMediaEmpty() | types.MessageMediaUnsupported():
            raise TypeError("nothing that Telethon knows")
        case types.MessageMediaContact():
            again.vcard = media.vcard  # Telethon leaves both out
        case types.MessageMediaVenue():
            again.venue_type = media.venue_type
        case types.MessageMediaDocument():
            again.video_timestamp = media.video_timestamp
            if isinstance(media.video_cover, types.Photo):
                again.video_cover = utils.get_input_photo(media.video_cover)
    return again


def _refuse_unlike(media: Any) -> None:
    """A quiz's answer is only its author's, and pictures in a poll are not handed in again."""
    pictured = any(getattr(one, "media", None) is not None for one in media.poll.answers)
    if media.poll.quiz or pictured or getattr(media, "attached_media", None) is not None:
        raise TypeError("a poll that would not be the same")


def _preview(media: Any, parts: Mapping[str, str]) -> Any:
    url = getattr(media.webpage, "url", None)
    if not url:
        return None
    return types.InputMediaWebPage(
        url=parts.get(url, url),
        force_large_media=media.force_large_media,
        force_small_media=media.force_small_media,
        optional=True,
    )


def _worded(again: Any, parts: Mapping[str, str]) -> Any:
    """The same with other words, where it holds words that are handed in."""
    if isinstance(again, types.InputMediaPoll):
        again = copy.copy(again)
        again.poll = copy.copy(again.poll)
        again.poll.question = _text(again.poll.question, parts, QUESTION)
        again.poll.answers = [_answer(one, parts) for one in again.poll.answers]
        if again.solution in parts:
            again.solution, again.solution_entities = parts[again.solution], []
        return again
    if isinstance(again, types.InputMediaTodo):
        again.todo = copy.copy(again.todo)
        again.todo.title = _text(again.todo.title, parts, TITLE)
        again.todo.list = [_task(one, parts) for one in again.todo.list]
        return again
    for name in ("title", "address", "phone_number", "first_name", "last_name", "vcard"):
        if getattr(again, name, None) in parts:
            setattr(again, name, parts[getattr(again, name)])
    return again


def _answer(answer: Any, parts: Mapping[str, str]) -> Any:
    changed = copy.copy(answer)
    changed.text = _text(answer.text, parts, OPTION)
    return changed


def _task(task: Any, parts: Mapping[str, str]) -> Any:
    changed = copy.copy(task)
    changed.title = _text(task.title, parts, TASK)
    return changed


def _text(told: Any, parts: Mapping[str, str], limit: int) -> Any:
    words = told.text
    if words not in parts:
        return told
    return types.TextWithEntities(RichText(parts[words]).cut(limit).text, [])


def quote_of(message: Incoming, parts: Mapping[str, str] = NONE) -> dict[str, Any]:
    """Return the words of the answered message that are quoted, as fields of an answer."""
    reply: Any = getattr(message.raw, "reply_to", None)
    words = getattr(reply, "quote_text", None)
    if not words or not reply.quote:
        return {}
    if words in parts:  # as they stand in the copy, whose marks may be others
        return {"quote_text": parts[words]}
    return {
        "quote_text": words,
        "quote_entities": reply.quote_entities or None,
        "quote_offset": reply.quote_offset,
    }


def marks_of(client: Client, marks: Iterable[Any]) -> list[Any]:
    """Return marks as they are handed in; a mention of somebody who is not known goes."""
    found = (_mention(client, one) for one in marks)
    return [one for one in found if one is not None]


def _mention(client: Client, mark: Any) -> Any:
    if not isinstance(mark, types.MessageEntityMentionName):
        return mark
    try:
        user = utils.get_input_user(client.peer(mark.user_id))
    except (PeerUnknownError, TypeError):
        return None
    return types.InputMessageEntityMentionName(mark.offset, mark.length, user)
