"""The data centre's RSA key, made without generating one and without a secret.

The modulus is the 2048-bit prime that Telegram's own password check uses: with a
prime modulus anybody can compute the private exponent. That is the point: the
loopback protects nothing, and must not look as if it did.
"""

from __future__ import annotations

import functools
import struct
from dataclasses import dataclass
from hashlib import sha1
from typing import Any, Final

import rsa as _rsa
from telethon.crypto import rsa as _telethon_rsa

_keys: Final[Any] = _rsa
_telethon: Final[Any] = _telethon_rsa

DH_PRIME: Final = int(
    # The prime that Telethon knows to be safe, so that it does not test it anew.
    "c71caeb9c6b1c9048e6c522f70f13f73980d40238e3e21c14934d037563d930f"
    "48198a0aa7c14058229493d22530f4dbfa336f6e0ac925139543aed44cce7c37"
    "20fd51f69458705ac68cd4fe6b6b13abdc9746512969328454f18faf8c595f64"
    "2477fe96bb2a941d5bcd1d4ac8cc49880708fa9b378e3c4f3a9060bee67cf9a4"
    "a4a695811051907e162753b56b0f6b410dba74d8a84b2a14b3144e0ef1284754"
    "fd17ed950d5965b4b9dd46582db1178d169c6bc465b0d6ff9ca3928fef5b9ae4"
    "e418fc15e83ebea0f87fa9ff5eed70050ded2849f47bf959d956850ce929851f"
    "0d8115f635b105ee2e4e15d04b2454bf6f4fadf034b10403119cd8e3b92fcc5b",
    16,
)
G: Final = 3


@dataclass(frozen=True, slots=True)
class RsaKey:
    """A public key, and the exponent that undoes it."""

    n: int = DH_PRIME
    e: int = 65537

    @property
    def pem(self) -> str:
        """The public key as PKCS#1 PEM, the one form that Telethon reads."""
        text: bytes = _keys.PublicKey(self.n, self.e).save_pkcs1()
        return text.decode()

    @property
    def fingerprint(self) -> int:
        """By what number Telegram's protocol names the key."""
        digest = sha1(_tl_bytes(self.n) + _tl_bytes(self.e), usedforsecurity=False).digest()
        value: int = struct.unpack("<q", digest[-8:])[0]
        return value

    def decrypt(self, cipher: bytes) -> bytes:
        """The 255 bytes that were encrypted. Leading zeros stay: a hash may begin with one."""
        plain = pow(int.from_bytes(cipher, "big"), _private_exponent(self.n, self.e), self.n)
        return plain.to_bytes(256, "big")[1:]

    def trust(self) -> None:
        """Make the Telethon of this process accept the key."""
        _telethon.add_key(self.pem, old=False)


@functools.cache
def _private_exponent(n: int, e: int) -> int:
    return pow(e, -1, n - 1)  # n is prime


def _tl_bytes(number: int) -> bytes:
    data = number.to_bytes((number.bit_length() + 7) // 8, "big")
    head = bytes([len(data)]) if len(data) < 254 else b"\xfe" + len(data).to_bytes(3, "little")
    return head + data + bytes(-(len(head) + len(data)) % 4)


@functools.cache
def dh_public(exponent: int) -> int:
    """G to the ``exponent``, modulo the prime."""
    return pow(G, exponent, DH_PRIME)
