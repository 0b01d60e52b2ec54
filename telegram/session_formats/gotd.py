"""gotd's sessions: JSON with the key in base64, and the key's own id beside it."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import json
from typing import Any, Final

from ...errors import LoginFormatError
from ..session_files.session_file import StoredSession
from ..session_files.session_string import KEY_BYTES, SessionString
from .data_centres import TEST_HOSTS
from .formats import ForeignLogin, LoginFormat

VERSION: Final = 1
COPY: Final = "copy it again, whole"


def read_gotd(text: str, name: object) -> ForeignLogin:
    """Read what gotd keeps of a session.

    Args:
        text: the JSON.
        name: what it is called in an error.

    Raises:
        LoginFormatError: it is other JSON, or damaged.
    """
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise LoginFormatError(name, "is no JSON that can be read", COPY) from None
    data = found.get("Data") if isinstance(found, dict) else None
    if not isinstance(data, dict) or "AuthKey" not in data:
        raise LoginFormatError(name, "is JSON of another program", "give a file that holds a login")
    if found.get("Version") != VERSION:
        raise LoginFormatError(name, "is gotd's, of another version than 1", "log in anew")
    parts = _parts(data, name)
    if _bytes_of(data.get("AuthKeyID")) != parts.key_id.to_bytes(8, "little"):
        raise LoginFormatError(name, "holds a key that is not the one it names", COPY)
    return ForeignLogin(
        format=LoginFormat.GOTD_JSON,
        stored=StoredSession(version=0, parts=parts),
        test=_config(data).get("TestMode") is True or parts.host in TEST_HOSTS,
    )


def _parts(data: dict[str, Any], name: object) -> SessionString:
    key = _bytes_of(data.get("AuthKey"))
    host, _, port = str(data.get("Addr")).rpartition(":")
    dc_id = data.get("DC") or _config(data).get("ThisDC")
    try:
        literal = ipaddress.ip_address(host.strip("[]")).compressed
    except ValueError:
        raise LoginFormatError(name, "is gotd's, and its address is none", COPY) from None
    if len(key) != KEY_BYTES or not any(key):
        raise LoginFormatError(name, "is gotd's, and its key is not 256 bytes", COPY)
    if not isinstance(dc_id, int) or not 0 < dc_id < 256 or not _is_port(port):
        raise LoginFormatError(name, "is gotd's, and names no data centre", COPY)
    return SessionString(dc_id=dc_id, host=literal, port=int(port), key=key)


def _config(data: dict[str, Any]) -> dict[str, Any]:
    config = data.get("Config")
    return config if isinstance(config, dict) else {}


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 5 and 0 < int(text) < 65_536


def _bytes_of(value: object) -> bytes:
    """Go writes bytes as padded base64."""
    try:
        return base64.b64decode(value, validate=True) if isinstance(value, str) else b""
    except (binascii.Error, ValueError):
        return b""
