"""Fields read one after the other from bytes, as TL, Qt and plain structs write them."""

from __future__ import annotations

import base64
import binascii


class TruncatedError(ValueError):
    """The bytes end before the field does, or a field is none."""


class Fields:
    """A cursor over bytes.

    Raises:
        TruncatedError: by each method, where the bytes do not hold what is asked for.
    """

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    @property
    def left(self) -> int:
        """Bytes that have not been read."""
        return len(self._data) - self._at

    def take(self, size: int) -> bytes:
        """The next bytes."""
        if not 0 <= size <= self.left:
            raise TruncatedError(f"{self.left} bytes are left where {size} are expected")
        found = self._data[self._at : self._at + size]
        self._at += size
        return found

    def little(self, size: int, *, signed: bool = False) -> int:
        """A number, the lowest byte first, as TL has it."""
        return int.from_bytes(self.take(size), "little", signed=signed)

    def big(self, size: int, *, signed: bool = False) -> int:
        """A number, the highest byte first, as Qt and networks have it."""
        return int.from_bytes(self.take(size), "big", signed=signed)

    def tl_bytes(self) -> bytes:
        """TL's ``bytes``: a length of one or four bytes, padded to four."""
        size, head = self.little(1), 1
        if size == 254:
            size, head = self.little(3), 4
        elif size == 255:
            raise TruncatedError("a length that TL does not have")
        found = self.take(size)
        self.take(-(head + size) % 4)
        return found

    def qt_bytes(self) -> bytes:
        """Qt's ``QByteArray``: a length of four bytes; all ones for none."""
        size = self.big(4)
        return b"" if size == 0xFFFFFFFF else self.take(size)


def from_base64(text: str, *, url_safe: bool | None = None) -> bytes | None:
    """Decode base64 written as programs write it: one alphabet, padded or not, nothing left over.

    Args:
        text: what was written.
        url_safe: which alphabet it must be in; ``None`` for either.
    """
    if not text.isascii() or (set("-_") & set(text) and set("+/") & set(text)):
        return None
    if url_safe is not None and set("+/" if url_safe else "-_") & set(text):
        return None
    bare = text.rstrip("=").replace("-", "+").replace("_", "/")
    padded = bare + "=" * (-len(bare) % 4)
    try:
        data = binascii.a2b_base64(padded, strict_mode=True)
    except binascii.Error:
        return None
    return data if base64.b64encode(data).decode("ascii") == padded else None
