"""What a message says, as a number: so that a real edit is told from a new reaction or view."""

from __future__ import annotations

import hashlib
from typing import Any

from ._tl import types
from .events import Incoming
from .richtext import RichText

__all__ = ["version_of"]


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
