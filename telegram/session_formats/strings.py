"""Session strings of all programs, told apart by their layout; none has a name in it.

A length alone tells nothing: GramJS's strings are as long as Telethon's of an IPv6 address. Each
layout is tried on the decoded bytes, and all that can be wrong with it must be right.
"""

from __future__ import annotations

import ipaddress
import re
import struct
from collections.abc import Callable
from typing import Final

from ...errors import LoginFormatError, SessionStringDamagedError
from ..session_files.session_file import StoredSession
from ..session_files.session_string import KEY_BYTES, SessionString, parse_string
from .binary import Fields, TruncatedError, from_base64
from .data_centres import TEST_HOSTS, WEB, address_of
from .formats import ForeignLogin, LoginFormat
from .gotd import read_gotd

LONGEST: Final = 1 << 16  # characters; gotd's JSON has some 3,000
PYROGRAM: Final = {
    struct.calcsize(layout): struct.Struct(layout)
    for layout in (">B?256sI?", ">B?256sQ?", ">BI?256sQ?")  # to 1.4, big numbers, from 2.0
}
MTCUTE_VERSION: Final = 3
MTCUTE_SELF, MTCUTE_MEDIA = 1, 4  # flags of the whole
DC_IPV6, DC_TEST = 1, 4  # flags of an address
TL_FALSE, TL_TRUE = 0xBC799737, 0x997275B5
USER_IDS: Final = range(1, 1 << 52)  # Telegram promises that they fit
BOT_TOKEN: Final = re.compile(r"\d{6,12}:[\w-]{35}")
PHONE: Final = re.compile(r"\+?[\d ()-]{7,20}")


def read_text(text: str, name: object = "this text") -> ForeignLogin:
    """Read the text that some program gave out as a login.

    Args:
        text: what was given.
        name: what it is called in an error.

    Raises:
        LoginFormatError: it is none that is known, with what it looks like.
        SessionStringDamagedError: it is Telethon's, and damaged.
    """
    text = text.strip()
    if not text:
        raise LoginFormatError(name, "is empty", "copy the session string, whole")
    if len(text) > LONGEST:
        raise LoginFormatError(name, f"has {len(text)} characters", "give a session string")
    if text.startswith("{"):
        return read_gotd(text, name)
    for read in READERS:
        found = read(text)
        if found is not None:
            return found
    return _as_telethon(text, name)


def _as_telethon(text: str, name: object) -> ForeignLogin:
    """Read what is Telethon's, or say what it is instead."""
    if BOT_TOKEN.fullmatch(text):
        raise LoginFormatError(name, "is a bot's token", "put it under [bot] in the file")
    if PHONE.fullmatch(text):
        raise LoginFormatError(name, "is a phone number", "log in with telewarden auth")
    try:
        parts = parse_string(text)
    except SessionStringDamagedError as error:
        if text.startswith("1"):
            raise
        raise LoginFormatError(
            name,
            "is no session string that is known, or only a part of one",
            f"copy it again, whole; it has {len(text)} characters",
        ) from error
    test = parts.host in TEST_HOSTS
    stored = StoredSession(version=0, parts=parts)
    return ForeignLogin(format=LoginFormat.TELETHON_STRING, stored=stored, test=test)


def _gramjs(text: str) -> ForeignLogin | None:
    """GramJS: data centre, address as text with its length, port, key."""
    data = from_base64(text[1:]) if text.startswith("1") else None
    if data is None:
        return None
    try:
        fields = Fields(data)
        dc_id, host = fields.big(1), fields.take(fields.big(2))
        port, key = fields.big(2), fields.take(KEY_BYTES)
    except TruncatedError:
        return None
    parts = parts_of(dc_id, host.decode("latin-1"), port, key)
    if fields.left or parts is None:
        return None
    return ForeignLogin(
        format=LoginFormat.GRAMJS_STRING,
        stored=StoredSession(version=0, parts=parts),
        test=parts.host in TEST_HOSTS,
    )


def _pyrogram(text: str) -> ForeignLogin | None:
    """Pyrogram and what came of it: no address, but the account's number."""
    data = from_base64(text, url_safe=True)
    layout = None if data is None else PYROGRAM.get(len(data))
    if data is None or layout is None:
        return None
    dc_id, *app, test, key, user_id, _ = layout.unpack(data)
    if data[1 + 4 * len(app)] > 1 or data[-1] > 1:
        return None  # a truth value is 0 or 1
    address = address_of(dc_id, test=test)
    if address is None or user_id not in USER_IDS or not any(key):
        return None
    parts = SessionString(dc_id=dc_id, host=address[0], port=address[1], key=key)
    return ForeignLogin(
        format=LoginFormat.PYROGRAM_STRING,
        stored=StoredSession(
            version=0, parts=parts, user_id=user_id, api_id=app[0] if app else None
        ),
        test=test,
    )


def _mtcute(text: str) -> ForeignLogin | None:
    """mtcute: addresses with their flags, the account, the key; as TL."""
    data = from_base64(text, url_safe=True)
    if data is None or not data.startswith(bytes([MTCUTE_VERSION])):
        return None
    try:
        fields, user_id = Fields(data[1:]), None
        flags = fields.little(4)
        dc_id, host, port, test = _mtcute_address(fields.tl_bytes())
        if flags & MTCUTE_MEDIA:
            fields.tl_bytes()
        if flags & MTCUTE_SELF:
            user_id = fields.little(8)
            if fields.little(4) not in {TL_FALSE, TL_TRUE} or user_id not in USER_IDS:
                return None
        key = fields.tl_bytes()
    except (TruncatedError, UnicodeDecodeError):
        return None
    parts = parts_of(dc_id, host, port, key)
    if fields.left or parts is None:
        return None
    return ForeignLogin(
        format=LoginFormat.MTCUTE_STRING,
        stored=StoredSession(version=0, parts=parts, user_id=user_id),
        test=test or parts.host in TEST_HOSTS,
    )


def _mtcute_address(data: bytes) -> tuple[int, str, int, bool]:
    fields = Fields(data)
    fields.take(1)  # its version
    dc_id, flags = fields.little(1), fields.little(1)
    host, port = fields.tl_bytes().decode("ascii"), fields.little(4)
    return dc_id, host, port, bool(flags & DC_TEST)


def parts_of(dc_id: int, host: str, port: int, key: bytes) -> SessionString | None:
    """What a format holds, if it can be a login; a browser's address becomes the data centre's."""
    if host.endswith(WEB):
        host, port = address_of(dc_id) or (host, port)
    try:
        literal = ipaddress.ip_address(host).compressed
    except ValueError:
        return None
    if not 0 < dc_id < 256 or not 0 < port < 65_536 or len(key) != KEY_BYTES or not any(key):
        return None
    return SessionString(dc_id=dc_id, host=literal, port=port, key=key)


READERS: Final[tuple[Callable[[str], ForeignLogin | None], ...]] = (_gramjs, _pyrogram, _mtcute)
