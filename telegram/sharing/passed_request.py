"""A request that another program has written: carried out byte for byte, and looked into.

The bytes go to Telegram as they came, and the answer goes back as Telegram gave it; the owner reads
both, for its ledger of floods, its updates and what it learns of chats.
"""

from __future__ import annotations

import struct
from typing import Any, Final

from telethon.errors import RPCError, rpc_errors_dict, rpc_errors_re, rpc_message_to_error
from telethon.extensions import BinaryReader
from telethon.tl.alltlobjects import LAYER
from telethon.tl.tlobject import TLRequest

from .._tl import functions, types
from ..methods import POSTS, chat_of, method_name

__all__ = [
    "LAYER",
    "NotARequestError",
    "PassedRequest",
    "parse_request",
    "rpc_error",
    "rpc_error_of",
    "written",
]

TAKEOUT: Final = (
    functions.InvokeWithTakeoutRequest,
    functions.InvokeWithMessagesRangeRequest,
)
"""What a request may be invoked with: an export of one's own data, and nothing of a connection."""

NAMES: Final = {kind: name for name, kind in reversed(rpc_errors_dict.items())}
PATTERNS: Final = {kind: pattern for pattern, kind in rpc_errors_re}


class NotARequestError(ValueError):
    """What a program has written is no request that can be passed on."""


class PassedRequest(TLRequest):  # type: ignore[misc]  # Telethon ships no types
    """A program's request.

    Args:
        query: the request as it was read.
        data: the same as it was written.
        origin: whose it is; updates that its answer tells are not told to them once more.
    """

    CONSTRUCTOR_ID = SUBCLASS_OF_ID = None

    def __init__(self, query: Any, data: bytes, origin: object) -> None:
        self.query, self.origin, self._data = query, origin, data
        self.method = method_name(query)
        """Its name, as ``messages.sendMessage``; read several times on each one's way."""
        self.answer = b""
        """What Telegram has answered, in TL; empty as long as it has not."""

    def __bytes__(self) -> bytes:
        return self._data

    def _bytes(self) -> bytes:
        return self._data

    def __repr__(self) -> str:
        return f"<PassedRequest {self.method}>"

    @property
    def chat(self) -> int | None:
        """The marked id of the chat that it posts into; ``None`` if it posts nowhere.

        0 is the account's own, which it names without a number.
        """
        return (chat_of(self.query) or 0) if self.method in POSTS else None

    @property
    def cost(self) -> int:
        """How many messages it posts."""
        inner = self.query
        while _is_wrapped(inner):
            inner = inner.query
        several = getattr(inner, "multi_media", None)
        if several is None and self.method == "messages.forwardMessages":
            several = inner.id
        return max(1, len(several)) if isinstance(several, list) else 1

    def read_result(self, reader: Any) -> Any:
        """Keep an answer as it came, and read it."""
        place = reader.tell_position()
        self.answer = bytes(reader.read())
        reader.set_position(place)
        return self.query.read_result(reader)


def parse_request(data: bytes, origin: object) -> PassedRequest:
    """Read what a program has written.

    Raises:
        NotARequestError: it is no request of this layer, more than one, or one that concerns the
            connection, which is the owner's.
    """
    reader: Any = BinaryReader(data)
    try:
        query = reader.tgread_object()
    except Exception as exc:  # whatever Telethon's reader makes of it
        raise NotARequestError(f"it cannot be read: {type(exc).__name__}") from exc
    if not isinstance(query, TLRequest):
        raise NotARequestError(f"{type(query).__name__} is no request")
    if reader.tell_position() != len(data):
        raise NotARequestError("something stands behind it")
    inner: Any = query
    while _is_wrapped(inner):
        if not isinstance(inner, TAKEOUT):
            raise NotARequestError(f"{type(inner).__name__} concerns the connection")
        inner = inner.query
    if not isinstance(inner, TLRequest):
        raise NotARequestError(f"{type(inner).__name__} concerns the connection")
    request = PassedRequest(query, data, origin)
    if "." not in request.method:
        raise NotARequestError(f"{type(inner).__name__} concerns the connection")
    return request


def _is_wrapped(request: Any) -> bool:
    """Whether it only says how another is invoked; a search has a text that is called so, too."""
    return hasattr(getattr(request, "query", None), "CONSTRUCTOR_ID")


def rpc_error_of(error: BaseException) -> tuple[int, str] | None:
    """Telegram's code and message of an error that Telethon has raised; ``None`` for others.

    Telethon makes the same error of them again.
    """
    if not isinstance(error, RPCError):
        return None
    kind, code = type(error), error.code or 400
    if kind in NAMES:
        return int(code), NAMES[kind]
    if kind in PATTERNS:
        given = error.__reduce__()[1][1:]
        number = str(given[0]) if given else "0"
        return int(code), PATTERNS[kind].replace(r"(\d+)", number)
    return int(code), str(error.message)


def rpc_error(code: int, message: str, request: Any) -> Exception:
    """The error that Telethon raises for such a code and message."""
    made: Exception = rpc_message_to_error(types.RpcError(code, message), request)
    return made


def written(request: Any) -> bytes:
    """A request in TL.

    Raises:
        TypeError: something in it cannot be written.
    """
    try:
        return bytes(request)
    except struct.error as exc:
        raise TypeError(f"{type(request).__name__} cannot be written: {exc}") from exc
