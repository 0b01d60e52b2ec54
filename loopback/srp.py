"""SRP for the two-step password, the server's side. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

from telethon.password import compute_digest as _compute_digest

from ._tl import types
from .rsakey import DH_PRIME, G
from .world.pending_logins import SrpRound
from .world.records import PasswordRecord

_digest: Final[Any] = _compute_digest
_PRIME: Final = DH_PRIME.to_bytes(256, "big")
_G: Final = G.to_bytes(256, "big")


def algorithm(salt1: bytes, salt2: bytes) -> Any:
    """The one algorithm there is, with these salts."""
    name = "PasswordKdfAlgoSHA256SHA256PBKDF2HMACSHA512iter100000SHA256ModPow"
    return getattr(types, name)(salt1=salt1, salt2=salt2, g=G, p=_PRIME)


def new_password(password: str, hint: str = "") -> PasswordRecord:
    """What the server keeps of a password."""
    salt1, salt2, verifier = _verifier(password)
    return PasswordRecord(salt1=salt1, salt2=salt2, verifier=verifier, hint=hint)


@lru_cache(maxsize=128)
def _verifier(password: str) -> tuple[bytes, bytes, int]:
    """Salts and verifier; the salts are the password's own, as nothing is protected.

    The digest's 100,000 rounds are half of what it costs to set up a test's data centre, so that a
    process takes them once for each password.
    """
    secret = password.encode("utf-8")
    salt1, salt2 = _sha(b"salt1", secret)[:16], _sha(b"salt2", secret)[:16]
    return salt1, salt2, int.from_bytes(_digest(algorithm(salt1, salt2), password), "big")


def new_round(record: PasswordRecord, entropy: Callable[[int], bytes]) -> SrpRound:
    """Begin a check: the number to offer, and what must be kept for the end."""
    b = int.from_bytes(entropy(32), "big")  # short, so that it costs little: nothing is protected
    public = (_k() * record.verifier + pow(G, b, DH_PRIME)) % DH_PRIME
    return SrpRound(id=int.from_bytes(entropy(7), "big") or 1, b=b, public=public)


def proves(record: PasswordRecord, started: SrpRound, public: bytes, proof: bytes) -> bool:
    """Whether a client's numbers (A and M1) show that it knows the password."""
    a = int.from_bytes(public, "big")
    if not 0 < a < DH_PRIME:
        return False
    a_bytes, b_bytes = _wide(a), _wide(started.public)
    u = int.from_bytes(_sha(a_bytes, b_bytes), "big")
    shared = pow(a * pow(record.verifier, u, DH_PRIME), started.b, DH_PRIME)
    mixed = bytes(x ^ y for x, y in zip(_sha(_PRIME), _sha(_G), strict=True))
    expected = _sha(
        mixed,
        _sha(record.salt1),
        _sha(record.salt2),
        a_bytes,
        b_bytes,
        _sha(_wide(shared)),
    )
    return expected == proof


def _k() -> int:
    return int.from_bytes(_sha(_PRIME, _G), "big")


def _sha(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def _wide(number: int) -> bytes:
    return number.to_bytes(256, "big")
