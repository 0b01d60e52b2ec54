"""RPC errors as Telegram words them: a text and its code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from ._tl import error_class

_CODES: Final = (
    # What Telethon has no class for, by how the text begins.
    ("FLOOD", 420),
    ("AUTH_KEY_", 401),
    ("SESSION_", 401),
    ("USER_DEACTIVATED", 401),
    ("RPC_", 500),
    ("ALLOW_PAYMENT_REQUIRED", 403),
    ("PRIVACY_PREMIUM_REQUIRED", 406),
)


class RpcError(Exception):
    """An error answer to a request: what handlers raise, and what a fault may ask for.

    It never leaves the data centre as an exception; the client gets it as its own.

    Args:
        text: as Telegram writes it, such as ``FLOOD_WAIT_30`` or ``CHANNEL_PRIVATE``.
        code: the number beside it; left out, it follows from the text.
        executed: for a fault only: the request is carried out, and then refused.
    """

    def __init__(self, text: str, code: int | None = None, *, executed: bool = False) -> None:
        super().__init__(text)
        self.text = text
        self.code = _code_of(text) if code is None else code
        self.executed = executed

    def __repr__(self) -> str:
        return f"RpcError({self.text!r}, {self.code})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RpcError) and (self.text, self.code) == (other.text, other.code)

    def __hash__(self) -> int:
        return hash((self.text, self.code))


class LateAnswer:
    """The answer to a request that comes later: a TL object, or an ``RpcError``."""

    def __init__(self) -> None:
        self._answer: Any = None
        self._readers: list[Callable[[Any], None]] | None = []

    def settle(self, answer: Any) -> None:
        """Give the answer, once."""
        readers, self._readers, self._answer = self._readers or [], None, answer
        for read in readers:
            read(answer)

    def then(self, read: Callable[[Any], None]) -> None:
        """Have the answer read when it is there, or at once."""
        if self._readers is None:
            read(self._answer)
        else:
            self._readers.append(read)


def _code_of(text: str) -> int:
    known = error_class(text)
    if known is not None and isinstance(known.code, int):
        return known.code
    return next((code for start, code in _CODES if text.startswith(start)), 400)
