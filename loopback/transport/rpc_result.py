"""Answers as they go over the wire, the long ones packed."""

from __future__ import annotations

import gzip
import struct
from typing import Any, Final

from .._tl import types

_RESULT: Final = struct.Struct("<Iq")
_RESULT_ID: Final = 0xF35C6D01
_VECTOR: Final = struct.pack("<I", 0x1CB5C415)
_TRUE: Final = struct.pack("<I", 0x997275B5)
_FALSE: Final = struct.pack("<I", 0xBC799737)
_GZIP: Final = struct.pack("<I", 0x3072CFA1)
_WORTH_PACKING: Final = 4096  # below it, gzip costs more than the loopback saves


def pack_result(msg_id: int, result: Any) -> bytes:
    """An rpc_result as it goes over the wire."""
    head = _RESULT.pack(_RESULT_ID, msg_id)
    body = _result_body(result)
    if len(body) >= _WORTH_PACKING and not isinstance(result, types.upload.File):
        return head + _GZIP + _tl_bytes(gzip.compress(body, compresslevel=1))
    return head + body


def _result_body(result: Any) -> bytes:
    if result is True:
        return _TRUE
    if result is False:
        return _FALSE
    if isinstance(result, list):
        return _VECTOR + struct.pack("<i", len(result)) + b"".join(map(bytes, result))
    return bytes(result)


def _tl_bytes(data: bytes) -> bytes:
    head = bytes([len(data)]) if len(data) < 254 else b"\xfe" + len(data).to_bytes(3, "little")
    return head + data + bytes(-(len(head) + len(data)) % 4)
