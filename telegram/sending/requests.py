"""Idempotent send requests, and the reading of their answers.

Telegram remembers a message's random id: the same request sent twice arrives once. So the id
is a function of pair and source message, never drawn, and the requests are built here instead
of by Telethon's ``send_message`` and ``forward_messages``, which draw new ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from ...errors import MessageNotCopyableError, ProtectedContentError
from .._tl import functions, types
from ..client import Client
from ..events import Incoming
from ..richtext import RichText
from .input_media import NOT_COPIED, input_media_of, marks_of, quote_of
from .rich_messages import input_rich_of

GENERAL_TOPIC: Final = 1  # of every forum; Telegram wants it not named
ALBUM_LIMIT: Final = 10  # pictures in one album, Telegram's limit


def forward_request(
    client: Client,
    source: int,
    target: int,
    ids: Sequence[int],
    random_ids: Sequence[int],
    *,
    topic: int | None = None,
    drop_author: bool = False,
    silent: bool = False,
) -> Any:
    """Build the forwarding of messages ``ids`` from ``source`` to ``target`` (marked ids).

    Raises:
        PeerUnknownError: this account never saw one of the chats.
    """
    if len(ids) != len(random_ids):
        raise ValueError(f"{len(ids)} messages need as many random ids, not {len(random_ids)}")
    return functions.messages.ForwardMessagesRequest(
        from_peer=client.peer(source),
        to_peer=client.peer(target),
        id=list(ids),
        random_id=list(random_ids),
        top_msg_id=None if topic == GENERAL_TOPIC else topic,
        drop_author=drop_author or None,
        silent=silent or None,
    )


def copy_request(
    client: Client,
    target: int,
    messages: Sequence[Incoming],
    random_ids: Sequence[int],
    *,
    texts: Mapping[int, RichText] | None = None,
    reply_to: int | None = None,
    quoted: bool = True,
    topic: int | None = None,
) -> Any:
    """Build a copy of one message, or of an album, under this account's name.

    ``texts`` replace the messages' own, by message id, and other words in them. Media go by
    reference: nothing is downloaded. How the message is shown and told is carried: a caption
    above its picture, a preview as its author chose it, silence, an effect between two people, the
    words quoted from what it answers, unless they are not ``quoted``.

    Raises:
        ProtectedContentError: the source protects its content.
        MessageNotCopyableError: it cannot be sent whole, or its author protects it.
        PeerUnknownError: this account never saw the target.
    """
    if not messages or len(messages) != len(random_ids):
        raise ValueError(
            f"{len(messages)} messages, {len(random_ids)} random ids; give equally many"
        )
    refuse_protected(messages)
    first, texts = messages[0], texts or {}
    parts = {one.id: _parts(texts.get(one.id)) for one in messages}
    quote = quote_of(first, parts[first.id]) if quoted else {}
    common = {
        "peer": client.peer(target),
        "reply_to": _reply(reply_to, topic, quote),
        "silent": any(message.silent for message in messages) or None,
        "invert_media": any(_above(message) for message in messages) or None,
        # Telegram refuses an effect anywhere but between two people.
        "effect": getattr(first.raw, "effect", None) if target > 0 else None,
    }
    words = [_text_of(client, message, texts) for message in messages]
    media = [input_media_of(message, parts[message.id]) for message in messages]
    if len(messages) > 1:
        return _album(common, media, words, random_ids, messages)
    rich = input_rich_of(client, first, parts[first.id])
    return _single(common, media[0], words[0], random_ids[0], first, rich=rich)


def edit_request(
    client: Client,
    target: int,
    message_id: int,
    message: Incoming,
    *,
    text: RichText | None = None,
) -> Any:
    """Build the change of a sent message into ``message`` as it is now, or into ``text``.

    Raises:
        ProtectedContentError: the source protects its content by now.
        MessageNotCopyableError: it cannot be sent whole.
    """
    refuse_protected((message,))
    words, entities = _text_of(client, message, None if text is None else {message.id: text})
    return functions.messages.EditMessageRequest(
        peer=client.peer(target),
        id=message_id,
        message=words,
        media=input_media_of(message, _parts(text)),
        entities=entities or None,
        no_webpage=_without_preview(message),
        invert_media=_above(message) or None,
        rich_message=input_rich_of(client, message, _parts(text)),
    )


def delete_request(client: Client, target: int, ids: Sequence[int]) -> Any:
    """Build the deletion of sent messages, for everybody."""
    peer = client.peer(target)
    if isinstance(peer, types.InputPeerChannel):
        return functions.channels.DeleteMessagesRequest(channel=peer, id=list(ids))
    return functions.messages.DeleteMessagesRequest(id=list(ids), revoke=True)


def sent_ids(result: Any, random_ids: Sequence[int]) -> dict[int, int]:
    """Return which message each random id became, as far as the answer tells."""
    if isinstance(result, types.UpdateShortSentMessage):
        return {random_ids[0]: result.id} if random_ids else {}
    wanted = set(random_ids)
    return {
        update.random_id: update.id
        for update in getattr(result, "updates", ())
        if isinstance(update, types.UpdateMessageID) and update.random_id in wanted
    }


def refuse_protected(messages: Sequence[Incoming]) -> None:
    """Refuse what is not to be carried: nothing of a chat goes, or only this message does not.

    Raises:
        ProtectedContentError: the chat protects its content.
        MessageNotCopyableError: the message is protected by its author.
    """
    for message in messages:
        if message.protected_home:
            raise ProtectedContentError(message.chat)
        if message.noforwards:
            raise MessageNotCopyableError(message.chat, message.id, "its author protects it")


def refuse_gifts(messages: Sequence[Incoming]) -> None:
    """Refuse what is a service message at Telegram, which forwards none.

    Raises:
        MessageNotCopyableError: one of them is a gift.
    """
    for message in messages:
        if message.kind == "gift":
            raise MessageNotCopyableError(message.chat, message.id, NOT_COPIED["gift"])


def _reply(reply_to: int | None, topic: int | None, quote: Mapping[str, Any]) -> Any:
    thread = None if topic == GENERAL_TOPIC else topic
    if reply_to is None:
        return None if thread is None else _answer(thread, thread, {})
    return _answer(reply_to, thread, quote)


def _answer(reply_to: int, thread: int | None, quote: Mapping[str, Any]) -> Any:
    return types.InputReplyToMessage(reply_to_msg_id=reply_to, top_msg_id=thread, **quote)


def _text_of(
    client: Client, message: Incoming, texts: Mapping[int, RichText] | None
) -> tuple[str, list[Any]]:
    other = (texts or {}).get(message.id)
    if other is not None:
        return other.text, marks_of(client, other.marks)
    return message.text, marks_of(client, getattr(message.raw, "entities", None) or ())


def _parts(text: RichText | None) -> Mapping[str, str]:
    return {} if text is None else text.parts


def _above(message: Incoming) -> bool:
    """Whether the caption stands above its picture, or the preview above the text."""
    return bool(getattr(message.raw, "invert_media", False))


def _without_preview(message: Incoming) -> bool | None:
    """Whether links go without a preview: where the source shows none, the copy shows none."""
    shown = isinstance(getattr(message.raw, "media", None), types.MessageMediaWebPage)
    return None if shown else True


def _single(
    common: dict[str, Any],
    media: Any,
    text: tuple[str, list[Any]],
    random_id: int,
    message: Incoming,
    *,
    rich: Any,
) -> Any:
    words, entities = text
    rest = {"message": words, "entities": entities or None, "random_id": random_id, **common}
    if media is not None:
        return functions.messages.SendMediaRequest(media=media, **rest)
    if not words and rich is None:
        raise MessageNotCopyableError(message.chat, message.id)
    return functions.messages.SendMessageRequest(
        no_webpage=_without_preview(message), rich_message=rich, **rest
    )


def _album(
    common: dict[str, Any],
    media: Sequence[Any],
    texts: Sequence[tuple[str, list[Any]]],
    random_ids: Sequence[int],
    messages: Sequence[Incoming],
) -> Any:
    if len(messages) > ALBUM_LIMIT:
        raise ValueError(f"{len(messages)} messages in one album; at most {ALBUM_LIMIT}")
    for one, message in zip(media, messages, strict=True):
        if one is None:
            raise MessageNotCopyableError(message.chat, message.id)
    return functions.messages.SendMultiMediaRequest(
        multi_media=[
            types.InputSingleMedia(
                media=one, message=words, entities=entities or None, random_id=random_id
            )
            for one, (words, entities), random_id in zip(media, texts, random_ids, strict=True)
        ],
        **common,
    )
