"""Content hash of a message: tells an edit from a new reaction or view.

A copy is known by what it says. A forward says what its source said when Telegram got to it, which
may be what nobody was told of; so it is known by where it comes from, which it bears, too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Container
from typing import Any

from .._tl import types, utils
from ..events import Incoming
from ..richtext import RichText

LATER_THAN_MOMENTS = 1 << 40  # seconds; so that no post's number is a moment's


def version_of(message: Incoming, text: RichText | None = None) -> int:
    """Return a number of 63 bits for text, marks and medium of ``message``: never 0.

    ``text`` stands in for the message's own. Equal numbers mean that nothing a reader sees differs.
    """
    marks = getattr(message.raw, "entities", None) or () if text is None else text.marks
    digest = hashlib.blake2b(digest_size=8, person=b"tw-version")
    digest.update((message.text if text is None else text.text).encode())
    for mark in marks:
        digest.update(_mark(mark))
    digest.update(str(_medium(message)).encode())
    return int.from_bytes(digest.digest(), "little") >> 1 or 1


def origin_of(message: Incoming) -> int:
    """Return where a forward of a message says that it comes from, below 0, as no version is.

    For a forward of a channel's post that is the post. Otherwise it is the moment when it was
    first said, as a person may hide behind a name.
    """
    header: Any = getattr(message.raw, "fwd_from", None)
    post, home = getattr(header, "channel_post", None), getattr(header, "from_id", None)
    if post and home:
        digest = hashlib.blake2b(b"%d %d" % (utils.get_peer_id(home), post), digest_size=8)
        return -LATER_THAN_MOMENTS - (int.from_bytes(digest.digest(), "little") >> 2)
    date = message.date if header is None or header.date is None else header.date
    return -int(date.timestamp())


def alikeness(
    found: Incoming,
    *,
    of: tuple[int, int],
    says: Container[int],
    others: Container[int] = (),
    forward: bool,
) -> int:
    """Tell how well a message fits that may be the one which another became; 0 if it does not.

    Args:
        found: a message of the target.
        of: chat and number of the source.
        says: versions that it may have, and the source's origin.
        others: the same for messages that may have arrived as well.
        forward: whether it was forwarded, not copied.
    """
    if found.forwarded is not forward:
        return 0
    version = version_of(found)
    if not forward:
        return int(version in says)
    header: Any = getattr(found.raw, "fwd_from", None)
    home = getattr(header, "from_id", None)
    if getattr(header, "channel_post", None) and home:
        itself = (utils.get_peer_id(home), header.channel_post) == of
        return 3 if itself or origin_of(found) in says else 0
    if origin_of(found) in says:
        return 2 if version in says else int(version not in others)
    return 0


def _mark(mark: Any) -> bytes:
    try:
        return bytes(mark)
    except TypeError:
        return repr((type(mark).__name__, mark.offset, mark.length)).encode()


def _medium(message: Incoming) -> object:
    if not message.has_media:
        return None
    media: Any = getattr(message.raw, "media", None)
    if isinstance(media, types.MessageMediaPhoto):
        return getattr(media.photo, "id", 0)
    if isinstance(media, types.MessageMediaDocument):
        return getattr(media.document, "id", 0)
    return type(media).__name__
