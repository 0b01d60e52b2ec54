"""A message's file: what it is, where it lies, and the requests that fetch it piece by piece."""

from __future__ import annotations

import mimetypes
from dataclasses import dataclass, field
from typing import Any, Final

from telethon import utils
from telethon.tl import functions, types

from .events import Incoming

PIECE: Final = 512 * 1024  # bytes of one answer; Telegram allows it, at multiples of itself


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteFile:
    """A file at Telegram; ``size`` in bytes, 0 where Telegram does not say."""

    name: str = field(repr=False)
    mime: str
    size: int
    dc_id: int
    location: Any = field(repr=False)
    piece_size: int = PIECE
    """Bytes of one answer; the last one has fewer."""

    def piece(self, offset: int) -> Any:
        """The request for the piece that begins at ``offset`` bytes."""
        return functions.upload.GetFileRequest(location=self.location, offset=offset, limit=PIECE)


def remote_file(message: Incoming) -> RemoteFile | None:
    """The photo or document that a message brings; ``None`` for any other medium."""
    match getattr(message.raw, "media", None):
        case types.MessageMediaPhoto(photo=types.Photo() as photo):
            dc_id, location = utils.get_input_location(photo)
            return RemoteFile(
                name="photo.jpg",
                mime="image/jpeg",
                size=max(map(_bytes_of, photo.sizes), default=0),
                dc_id=dc_id,
                location=location,
            )
        case types.MessageMediaDocument(document=types.Document() as document):
            dc_id, location = utils.get_input_location(document)
            return RemoteFile(
                name=_name(document, message.kind),
                mime=document.mime_type,
                size=document.size,
                dc_id=dc_id,
                location=location,
            )
    return None


def _bytes_of(size: Any) -> int:
    match size:
        case types.PhotoSize():
            return int(size.size)
        case types.PhotoSizeProgressive():
            return int(size.sizes[-1])
    return 0


def _name(document: Any, kind: str) -> str:
    for one in document.attributes:
        if isinstance(one, types.DocumentAttributeFilename) and one.file_name:
            return str(one.file_name)
    return f"{kind}{mimetypes.guess_extension(document.mime_type) or ''}"
