"""Session strings as other programs write them, for whoever leaves with a login."""

from __future__ import annotations

import base64
import ipaddress
import json
from collections.abc import Callable, Mapping
from typing import Final

from ...errors import LoginFormatError
from ..session_files.session_file import StoredSession
from ..session_files.session_string import format_string
from .data_centres import TEST_HOSTS
from .formats import TITLES, LoginFormat
from .strings import DC_IPV6, DC_TEST, MTCUTE_SELF, MTCUTE_VERSION, PYROGRAM, TL_FALSE

NEWEST_PYROGRAM: Final = PYROGRAM[max(PYROGRAM)]
ADDRESS_VERSION: Final = 2  # of mtcute's data centre options


def write_text(stored: StoredSession, how: LoginFormat) -> str:
    """Return a login as the text that a program of ``how`` takes: a secret.

    Raises:
        LoginFormatError: that format is not written, or needs what is not known of this login.
    """
    write = WRITERS.get(how)
    if write is None:
        known = ", ".join(WRITERS)
        raise LoginFormatError("this login", f"is not written as {TITLES[how]}", f"take {known}")
    return write(stored)


def _telethon(stored: StoredSession) -> str:
    return format_string(stored.parts)


def _gramjs(stored: StoredSession) -> str:
    parts = stored.parts
    host = parts.host.encode("ascii")
    head = (
        bytes([parts.dc_id]) + len(host).to_bytes(2, "big") + host + parts.port.to_bytes(2, "big")
    )
    return "1" + base64.b64encode(head + parts.key).decode("ascii")


def _pyrogram(stored: StoredSession) -> str:
    parts, user_id, api_id = stored.parts, stored.user_id, stored.api_id
    if user_id is None or api_id is None:
        way_out = "let the session come online once, so that its account is known"
        raise LoginFormatError("this login", "has no account yet, which Pyrogram needs", way_out)
    packed = NEWEST_PYROGRAM.pack(
        parts.dc_id, api_id, parts.host in TEST_HOSTS, parts.key, user_id, False
    )
    return base64.urlsafe_b64encode(packed).decode("ascii").rstrip("=")


def _mtcute(stored: StoredSession) -> str:
    parts, user_id = stored.parts, stored.user_id
    flags = MTCUTE_SELF if user_id is not None else 0
    of_dc = DC_IPV6 * (ipaddress.ip_address(parts.host).version == 6)
    of_dc |= DC_TEST * (parts.host in TEST_HOSTS)
    address = bytes([ADDRESS_VERSION, parts.dc_id, of_dc]) + _tl_bytes(parts.host.encode("ascii"))
    packed = bytes([MTCUTE_VERSION]) + flags.to_bytes(4, "little")
    packed += _tl_bytes(address + parts.port.to_bytes(4, "little"))
    if user_id is not None:
        packed += user_id.to_bytes(8, "little") + TL_FALSE.to_bytes(4, "little")
    return base64.urlsafe_b64encode(packed + _tl_bytes(parts.key)).decode("ascii").rstrip("=")


def _tl_bytes(data: bytes) -> bytes:
    """TL's ``bytes``: a length of one or four bytes, padded to four."""
    short = len(data) < 254
    head = bytes([len(data)]) if short else b"\xfe" + len(data).to_bytes(3, "little")
    return head + data + bytes(-(len(head) + len(data)) % 4)


def _gotd(stored: StoredSession) -> str:
    parts = stored.parts
    host = f"[{parts.host}]" if ":" in parts.host else parts.host
    data = {
        "DC": parts.dc_id,
        "Addr": f"{host}:{parts.port}",
        "AuthKey": base64.b64encode(parts.key).decode("ascii"),
        "AuthKeyID": base64.b64encode(parts.key_id.to_bytes(8, "little")).decode("ascii"),
        "Salt": 0,
    }
    return json.dumps({"Version": 1, "Data": data})


WRITERS: Final[Mapping[LoginFormat, Callable[[StoredSession], str]]] = {
    LoginFormat.TELETHON_STRING: _telethon,
    LoginFormat.PYROGRAM_STRING: _pyrogram,
    LoginFormat.GRAMJS_STRING: _gramjs,
    LoginFormat.MTCUTE_STRING: _mtcute,
    LoginFormat.GOTD_JSON: _gotd,
}
"""What is harmless to write: texts, whose layout is known to the last byte."""
