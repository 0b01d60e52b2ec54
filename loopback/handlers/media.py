"""Files: parts uploaded, photos and documents made of them, bytes downloaded."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from typing import Any, Final

from .._tl import functions, read_object, types
from ..call import Call
from ..rpc import RpcError
from ..world.file_store import StoredFile
from .base import Handlers

_MOST: Final = 1024 * 1024  # bytes in one answer to upload.getFile, as Telegram allows


def save_part(call: Call, request: Any) -> bool:
    """Keep one part."""
    call.world.files.save_part(call.me.id, request.file_id, request.file_part, request.bytes)
    return True


def upload_media(call: Call, request: Any) -> Any:
    """Make media without sending it: what albums do first."""
    return make(call, request.media)


def make(call: Call, given: Any, *, uploaded: bool = True) -> Any:
    """The MessageMedia for an InputMedia; an album takes none that is just being uploaded."""
    maker = _MAKERS.get(type(given))
    if maker is None or (not uploaded and isinstance(given, _UPLOADED)):
        raise RpcError("MEDIA_INVALID")
    return maker(call, given)


def rich_of(call: Call, given: Any) -> Any:
    """A rich message as it is told; it is for accounts with Premium to send one."""
    if given is None:
        return None
    if not isinstance(given, types.InputRichMessage):
        raise RpcError("RICH_MESSAGE_UNSUPPORTED")
    if not call.me.premium:
        raise RpcError("PREMIUM_ACCOUNT_REQUIRED", 403)
    photos = [make(call, types.InputMediaPhoto(one)).photo for one in given.photos or ()]
    documents = [
        make(call, types.InputMediaDocument(one)).document for one in given.documents or ()
    ]
    return types.RichMessage(given.blocks, photos, documents, rtl=given.rtl)


def preview(call: Call, text: str) -> Any | None:
    """What Telegram shows of the first link in a text, if there is one."""
    link = next((word for word in text.split() if word.startswith(("http://", "https://"))), None)
    if link is None:
        return None
    return types.MessageMediaWebPage(_page(call, link))


def _page(call: Call, link: str) -> Any:
    return types.WebPage(id=call.world.random_long(), url=link, display_url=link, hash=0)


def get_file(call: Call, request: Any) -> Any:
    """Bytes of a photo or document."""
    _ = call.me
    location = request.location
    if not isinstance(location, (types.InputPhotoFileLocation, types.InputDocumentFileLocation)):
        raise RpcError("LOCATION_INVALID")
    stored = call.world.files.find(
        location.id,
        location.access_hash,
        location.file_reference,
        photo=isinstance(location, types.InputPhotoFileLocation),
    )
    if request.limit <= 0 or request.limit > _MOST:
        raise RpcError("LIMIT_INVALID")
    kind = types.storage.FileJpeg() if stored.photo else types.storage.FilePartial()
    data = stored.data[request.offset : request.offset + request.limit]
    return types.upload.File(kind, call.world.now(), data)


def _joined(call: Call, file: Any) -> bytes:
    if not isinstance(file, (types.InputFile, types.InputFileBig)):
        raise RpcError("MEDIA_INVALID")
    return call.world.files.finish(call.me.id, file.id, file.parts)


def _named(call: Call, given: Any, *, photo: bool) -> StoredFile:
    return call.world.files.find(given.id, given.access_hash, given.file_reference, photo=photo)


def _new_document(call: Call, given: Any) -> Any:
    name = next((a.file_name for a in given.attributes if hasattr(a, "file_name")), given.file.name)
    stored = call.world.files.store(
        _joined(call, given.file),
        photo=False,
        name=name,
        mime_type=given.mime_type,
        attributes=tuple(bytes(one) for one in given.attributes),
    )
    return types.MessageMediaDocument(
        document=_document(call, stored), spoiler=given.spoiler, ttl_seconds=given.ttl_seconds
    )


def _uploaded_photo(call: Call, given: Any) -> Any:
    data = _joined(call, given.file)
    stored = call.world.files.store(data, photo=True, name=given.file.name, mime_type="image/jpeg")
    return types.MessageMediaPhoto(
        photo=_photo(call, stored), spoiler=given.spoiler, ttl_seconds=given.ttl_seconds
    )


def _known_photo(call: Call, given: Any) -> Any:
    return types.MessageMediaPhoto(
        photo=_photo(call, _named(call, given.id, photo=True)),
        spoiler=given.spoiler,
        ttl_seconds=given.ttl_seconds,
    )


def _known_document(call: Call, given: Any) -> Any:
    cover = given.video_cover
    return types.MessageMediaDocument(
        document=_document(call, _named(call, given.id, photo=False)),
        spoiler=given.spoiler,
        ttl_seconds=given.ttl_seconds,
        video_timestamp=given.video_timestamp,
        video_cover=_photo(call, _named(call, cover, photo=True)) if cover else None,
    )


def _web_page(call: Call, given: Any) -> Any:
    return types.MessageMediaWebPage(
        _page(call, given.url),
        force_large_media=given.force_large_media,
        force_small_media=given.force_small_media,
        manual=True,
    )


def _venue(_: Call, given: Any) -> Any:
    return types.MessageMediaVenue(
        _geo(given),
        given.title,
        given.address,
        given.provider,
        given.venue_id,
        given.venue_type,
    )


def _dice(call: Call, given: Any) -> Any:
    return types.MessageMediaDice(1 + call.world.entropy(1)[0] % 6, given.emoticon)


def _contact(_: Call, given: Any) -> Any:
    return types.MessageMediaContact(
        given.phone_number, given.first_name, given.last_name, given.vcard, 0
    )


def _to_do(call: Call, given: Any) -> Any:
    if not call.me.premium:
        raise RpcError("PREMIUM_ACCOUNT_REQUIRED", 403)
    if not given.todo.list:
        raise RpcError("TODO_ITEMS_EMPTY")
    return types.MessageMediaToDo(given.todo)


def _empty(_: Call, __: Any) -> Any:
    raise RpcError("MEDIA_EMPTY")


_UPLOADED: Final = (types.InputMediaUploadedPhoto, types.InputMediaUploadedDocument)
_MAKERS: Final[Mapping[type, Callable[[Call, Any], Any]]] = {
    types.InputMediaUploadedPhoto: _uploaded_photo,
    types.InputMediaUploadedDocument: _new_document,
    types.InputMediaPhoto: _known_photo,
    types.InputMediaDocument: _known_document,
    types.InputMediaWebPage: _web_page,
    types.InputMediaGeoPoint: lambda _, given: types.MessageMediaGeo(_geo(given)),
    types.InputMediaGeoLive: lambda _, given: types.MessageMediaGeoLive(
        _geo(given), given.period or 60, given.heading
    ),
    types.InputMediaVenue: _venue,
    types.InputMediaDice: _dice,
    types.InputMediaPoll: lambda _, given: types.MessageMediaPoll(given.poll, types.PollResults()),
    types.InputMediaContact: _contact,
    types.InputMediaTodo: _to_do,
    types.InputMediaEmpty: _empty,
}
"""What a message bears, by what it was sent with."""


def _geo(given: Any) -> Any:
    point = given.geo_point
    return types.GeoPoint(long=point.long, lat=point.lat, access_hash=0)


def _photo(call: Call, stored: StoredFile) -> Any:
    width, height = _size_of(stored.data)
    return types.Photo(
        id=stored.id,
        access_hash=stored.access_hash,
        file_reference=stored.reference,
        date=call.world.now(),
        sizes=[types.PhotoSize("x", width, height, len(stored.data))],
        dc_id=call.world.dc_id,
    )


def _document(call: Call, stored: StoredFile) -> Any:
    attributes = [read_object(one) for one in stored.attributes]
    return types.Document(
        id=stored.id,
        access_hash=stored.access_hash,
        file_reference=stored.reference,
        date=call.world.now(),
        mime_type=stored.mime_type,
        size=len(stored.data),
        dc_id=call.world.dc_id,
        attributes=attributes or [types.DocumentAttributeFilename(stored.name)],
    )


def _size_of(data: bytes) -> tuple[int, int]:
    """A PNG's width and height; 320 x 240 for anything else."""
    if data[:8] == b"\x89PNG\r\n\x1a\n" and len(data) >= 24:
        width, height = struct.unpack(">ii", data[16:24])
        return int(width), int(height)
    return 320, 240


HANDLERS: Final[Handlers] = {
    functions.upload.SaveFilePartRequest: save_part,
    functions.upload.SaveBigFilePartRequest: save_part,
    functions.messages.UploadMediaRequest: upload_media,
    functions.upload.GetFileRequest: get_file,
}
