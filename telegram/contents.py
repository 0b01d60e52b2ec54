"""All text and addresses of a message that a reader sees or can open.

Found by walking through Telethon's object and taking every string that is not known to be
technical, so that a kind of content that comes with a later layer is not passed over.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from ._tl import types, utils

_HOLDERS: Final = (
    "entities",
    "media",
    "reply_markup",
    "reply_to",
    "fwd_from",
    "factcheck",
    "rich_message",
    "post_author",
    "action",
)
"""What of a message may hold more for a reader."""

_TECHNICAL: Final = frozenset(
    {
        "currency",
        "countries_iso2",
        "embed_type",
        "embed_url",
        "hash",
        "language",
        "mime_type",
        "platform",
        "provider",
        "slug",
        "type",
        "venue_id",
        "venue_type",
    }
)
"""Strings that no reader sees."""

_INSIDE: Final = frozenset(
    {
        "cached_page",  # the page behind an address that is judged; megabytes
        "stickerset",
        "thumbs",
        "video_sizes",
        "video_thumbs",
    }
)
"""What holds nothing for a reader, or more than the message."""

_PEOPLE: Final = (types.MessageEntityMentionName, types.InlineButtonTypeUserProfile)
"""What opens somebody."""

_DEPTH: Final = 12  # what is deeper inside is no message of Telegram's


def besides(message: Any, entities: Mapping[int, Any]) -> tuple[str, ...]:
    """Return the words and addresses beside the text of ``message``, each once, in order.

    ``entities`` are the chats and users that came with it, by marked id: where it is forwarded
    from, and through which bot it was sent, are named by them.
    """
    found: dict[str, None] = {}
    for name in _HOLDERS:
        held = getattr(message, name, None)
        if held is not None:
            found.update(dict.fromkeys(_words(held, _DEPTH)))
    found.update(dict.fromkeys(_named(message, entities)))
    return tuple(found)


def _words(held: Any, depth: int) -> Iterator[str]:
    if isinstance(held, str):
        if held.strip():
            yield held
    elif isinstance(held, list | tuple):
        for one in held:
            yield from _words(one, depth - 1)
    elif isinstance(held, _PEOPLE):
        yield f"tg://user?id={held.user_id}"
    elif depth > 0 and hasattr(held, "CONSTRUCTOR_ID"):
        for name, value in vars(held).items():
            if value is None or isinstance(value, int):  # most fields of most things are not set
                continue
            if name not in (_TECHNICAL if isinstance(value, str) else _INSIDE):
                yield from _words(value, depth - 1)


def _named(message: Any, entities: Mapping[int, Any]) -> Iterator[str]:
    """Whom the message names by number: where it is from, the bot that made it."""
    forward = message.fwd_from
    peers = () if forward is None else (forward.from_id, forward.saved_from_peer)
    marked = [utils.get_peer_id(one) for one in peers if one is not None]
    if message.via_bot_id:
        marked.append(message.via_bot_id)
    for one in marked:
        known = entities.get(one)
        for name in ("title", "first_name", "last_name", "username"):
            value = getattr(known, name, None)
            if value:
                yield f"@{value}" if name == "username" else str(value)
