"""Decryption of a sealed value in which one bit may have flipped.

A seal is authenticated: what opens is what was sealed, to the last bit. So a search among the
values nearby can find the right one, and can never find a wrong one.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Final

from .vault import OVERHEAD, Vault

LARGEST: Final = 2_048  # bytes; longer values are messages, which can be read from Telegram again


def decrypt_with_bit_repair(vault: Vault, row: str, blob: bytes) -> bytes | None:
    """Return what was sealed for ``row``, though one bit of it may be wrong; else ``None``.

    A session string that cannot be saved costs about 10 ms.
    """
    if not OVERHEAD <= len(blob) <= LARGEST:
        return None
    tried = (vault.try_open(row, one) for one in chain((blob,), one_bit_flips(blob)))
    return next((one for one in tried if one is not None), None)


def one_bit_flips(data: bytes) -> Iterator[bytes]:
    """Every value that differs from ``data`` in one bit."""
    draft = bytearray(data)
    for at in range(len(draft)):
        for bit in range(8):
            draft[at] ^= 1 << bit
            yield bytes(draft)
            draft[at] ^= 1 << bit
