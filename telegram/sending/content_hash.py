"""Content hash of a message: tells an edit from a new reaction or view.

A copy is known by what it says. A forward says what its source said when Telegram got to it, which
may be what nobody was told of; so it is known by where it comes from, which it bears, too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from typing import Any, Final

from .._tl import types, utils
from ..events import Incoming
from ..richtext import RichText
from .rich_messages import reworded

TEXT_BITS: Final = 31  # of an origin; the others are the second


def content_hash(message: Incoming, text: RichText | None = None) -> int:
    """Return a number of 63 bits for text, marks and medium of ``message``: never 0.

    ``text`` stands in for the message's own. Equal numbers mean that nothing a reader sees differs.
    """
    marks = getattr(message.raw, "entities", None) or () if text is None else text.marks
    digest = hashlib.blake2b(digest_size=8, person=b"tw-version")
    digest.update((message.text if text is None else text.text).encode())
    for mark in marks:
        digest.update(_mark(mark))
    digest.update(str(_medium(message)).encode())
    parts = {} if text is None else text.parts
    for worded in _worded(message):
        digest.update(bytes(reworded(worded, parts)))
    return int.from_bytes(digest.digest(), "little") >> 1 or 1


def origin_of(message: Incoming) -> int:
    """Return a number for where a forward of a message says that it comes from.

    For a channel's post, and a forward of it, that is the post; the number is below 0 then.
    Otherwise it is the second when it was first said, with what it says: a person may hide behind a
    name. As long as the source is not edited, that of its forward is the same.
    """
    header: Any = getattr(message.raw, "fwd_from", None)
    post, home = getattr(header, "channel_post", None), getattr(header, "from_id", None)
    if post and home:
        return _origin_at(utils.get_peer_id(home), post)
    if header is None and getattr(message.raw, "post", False):
        return _origin_at(message.chat, message.id)
    date = message.date if header is None or header.date is None else header.date
    return (int(date.timestamp()) & 0xFFFFFFFF) << TEXT_BITS | content_hash(
        message
    ) >> 63 - TEXT_BITS


def _origin_at(chat: int, post: int) -> int:
    digest = hashlib.blake2b(b"%d %d" % (chat, post), digest_size=8).digest()
    return -(int.from_bytes(digest, "little") >> 1) - 1


def similarity(
    found: Incoming,
    *,
    of: tuple[int, int],
    says: Collection[int],
    forward: bool,
) -> int:
    """Tell how well a message fits that may be the one which another became; 0 if it does not.

    1 for a forward of which only the second fits: it may be of anything that was said in it.

    Args:
        found: a message of the target.
        of: chat and number of the source.
        says: versions that it may have, or for a forward origins.
        forward: whether it was forwarded, not copied.
    """
    if found.forwarded is not forward:
        return 0
    if not forward:
        return int(content_hash(found) in says)
    header: Any = getattr(found.raw, "fwd_from", None)
    home = getattr(header, "from_id", None)
    if getattr(header, "channel_post", None) and home:
        itself = (utils.get_peer_id(home), header.channel_post) == of
        return 3 if itself or origin_of(found) in says else 0
    origin = origin_of(found)
    if origin in says:
        return 2
    return int(same_second(origin, says))


def same_second(origin: int, others: Iterable[int]) -> bool:
    """Tell whether one of these origins is of the same second."""
    return any(other >> TEXT_BITS == origin >> TEXT_BITS for other in others)


def _mark(mark: Any) -> bytes:
    try:
        return bytes(mark)
    except TypeError:
        return repr((type(mark).__name__, mark.offset, mark.length)).encode()


def _worded(message: Incoming) -> Iterable[Any]:
    """What says something in words of its own, which are edited."""
    media: Any = getattr(message.raw, "media", None)
    if isinstance(media, types.MessageMediaToDo):
        yield media.todo
    rich: Any = getattr(message.raw, "rich_message", None)
    if rich is not None:
        yield from rich.blocks


def _medium(message: Incoming) -> object:
    if not message.has_media:
        return None
    media: Any = getattr(message.raw, "media", None)
    if isinstance(media, types.MessageMediaPhoto):
        return getattr(media.photo, "id", 0)
    if isinstance(media, types.MessageMediaDocument):
        return getattr(media.document, "id", 0)
    return type(media).__name__
