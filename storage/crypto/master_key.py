"""The master key and its sources: environment, file, text or passphrase.

Owns reading a master key (environment, file, text, passphrase) and deriving a wrapping key from
it. What is sealed with that is the vault's business. The key is never in a repr, log or error.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import importlib
import logging
import os
import re
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Protocol

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ...errors import MasterKeyMalformedError, MasterKeyMissingError
from ...errors.redaction import path_shown, redacted, variable_shown
from ..private_files import check_owner, write_private_file

logger = logging.getLogger(__name__)

PREFIX: Final = "twk1_"
SECRET_SIZE: Final = 32
CHECK_SIZE: Final = 4  # of SHA-256, so that a mistyped key is told apart from a wrong one
TEXT_LENGTH: Final = len(PREFIX) + 48
PASSPHRASE_LEAST: Final = 12  # characters
SCRYPT_COST: Final = 1 << 15  # 32 MiB and about 70 ms, paid once per process


class SystemKeyring(Protocol):
    """What keeps secrets for the user who is logged in."""

    def get_password(self, service: str, name: str, /) -> str | None:
        """The secret, or None where there is none."""


class MasterKey:
    """A master key in memory, with the name of the place it came from.

    Make a new one with ``MasterKey.generate()``, keep its text in a secret store, and read it
    back with ``from_env``, ``from_file`` or ``from_text``. All of them raise
    ``MasterKeyMissingError`` where there is none and ``MasterKeyMalformedError`` where the text
    was cut or mistyped.
    """

    __slots__ = ("_derived", "_secret", "kdf", "origin")

    def __init__(self, secret: bytes, *, kdf: str, origin: str) -> None:
        self._secret = secret
        self._derived: dict[bytes, tuple[bytes, bytes]] = {}
        self.kdf = kdf
        self.origin = origin

    def __repr__(self) -> str:
        return f"<MasterKey from {self.origin}>"

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("a MasterKey does not leave its process; read it again over there")

    @staticmethod
    def generate() -> str:
        """Return the text of a new random master key; nothing is stored."""
        secret = secrets.token_bytes(SECRET_SIZE)
        return PREFIX + base64.urlsafe_b64encode(secret + _check(secret)).decode("ascii")

    @classmethod
    def from_text(cls, text: str, *, origin: str = "the text given") -> MasterKey:
        """Read a key as ``generate`` wrote it; blanks and newlines around it do not matter."""
        stripped = text.strip()
        if not stripped:
            raise MasterKeyMissingError(origin, "is empty")
        return cls(_decode(stripped, origin), kdf="hkdf", origin=origin)

    @classmethod
    def from_env(cls, name: str, *, environ: Mapping[str, str] | None = None) -> MasterKey:
        """Read a key from the environment variable ``name``."""
        origin = variable_shown(name)
        text = (os.environ if environ is None else environ).get(name)
        if text is None:
            raise MasterKeyMissingError(origin, "is not set")
        return cls.from_text(text, origin=origin)

    @classmethod
    def from_file(cls, path: Path | str) -> MasterKey:
        """Read a key from a file; a file that others can read is used, with a warning."""
        origin = path_shown(path)
        try:
            text = Path(path).read_text(encoding="utf-8-sig")
            mode = Path(path).stat().st_mode & 0o777
        except OSError as exc:
            why = (exc.strerror or "unreadable").lower()
            raise MasterKeyMissingError(origin, f"cannot be read ({why})") from None
        except UnicodeDecodeError:
            raise MasterKeyMalformedError(origin, "is not text") from None
        check_owner(Path(path))
        if mode & 0o077:
            # Not refused: container platforms mount secrets 0444 and offer nothing else.
            logger.warning("master key file is open to others path=%s mode=%04o", path, mode)
        return cls.from_text(text, origin=origin)

    @classmethod
    def from_keyring(
        cls, service: str, name: str, *, keyring: SystemKeyring | None = None
    ) -> MasterKey:
        """Read a key from the system's keyring (needs the package ``keyring``)."""
        text = keyring_text(service, name, keyring=keyring)
        return cls.from_text(text, origin=_entry(service, name))

    @classmethod
    def make_file(cls, path: Path | str) -> bool:
        """Put a fresh key at ``path`` (0600) unless something is there; tell whether it did.

        Raises ``StorageNotWritableError`` where it cannot be written.
        """
        place = Path(path)
        if os.path.lexists(place):
            return False
        write_private_file(place, f"{cls.generate()}\n".encode("ascii"))
        return True

    @classmethod
    def from_passphrase(cls, passphrase: str, *, origin: str = "the passphrase") -> MasterKey:
        """Use a passphrase of at least 12 characters, stretched by scrypt (32 MiB) when needed."""
        if not passphrase:
            raise MasterKeyMissingError(origin, "is empty")
        if len(passphrase) < PASSPHRASE_LEAST:
            raise MasterKeyMalformedError(origin, f"has under {PASSPHRASE_LEAST} characters")
        return cls(passphrase.encode("utf-8"), kdf="scrypt", origin=origin)

    def to_bytes(self) -> bytes:
        """The key as it is sealed under its successor; nothing else may see this."""
        return self.kdf.encode("ascii") + b"\0" + self._secret

    @classmethod
    def from_bytes(cls, kept: bytes, *, origin: str) -> MasterKey:
        """The key that ``to_bytes`` gave."""
        kdf, _, secret = kept.partition(b"\0")
        return cls(secret, kdf=kdf.decode("ascii"), origin=origin)

    def derive(self, salt: bytes) -> tuple[bytes, bytes]:
        """Return ``(wrapping key, key check)`` for ``salt``; the slow way is gone only once."""
        if salt not in self._derived:
            material = _stretch(self._secret, salt, kdf=self.kdf)
            check = hashlib.sha256(b"telewarden key check" + material[32:]).digest()[:8]
            self._derived[salt] = (material[:32], check)
        return self._derived[salt]


def keyring_text(service: str, name: str, *, keyring: SystemKeyring | None = None) -> str:
    """A secret from the system's keyring (needs the package ``keyring``).

    Raises:
        MasterKeyMissingError: it is not there, or cannot be read.
    """
    origin = _entry(service, name)
    try:
        text = (keyring or _system_keyring(origin)).get_password(service, name)
    except MasterKeyMissingError:
        raise
    except Exception as exc:  # noqa: BLE001 - a backend may raise anything
        why = f"cannot be read ({type(exc).__name__})"  # never the text: it may hold anything
        raise MasterKeyMissingError(origin, why) from None
    if text is None:
        raise MasterKeyMissingError(origin, "is not there")
    return text


def _entry(service: str, name: str) -> str:
    return redacted(f"keyring {service}/{name}")


def _system_keyring(origin: str) -> SystemKeyring:
    try:
        found: SystemKeyring = importlib.import_module("keyring")  # pyright: ignore[reportAssignmentType] - its functions are the protocol
    except ImportError:
        raise MasterKeyMissingError(
            origin, "cannot be read (the package keyring is not installed)"
        ) from None
    return found


def _decode(text: str, origin: str) -> bytes:
    if not text.startswith(PREFIX):
        raise MasterKeyMalformedError(origin, f"does not start with {PREFIX}")
    if len(text) != TEXT_LENGTH:
        raise MasterKeyMalformedError(origin, f"has {len(text)} characters, not {TEXT_LENGTH}")
    if not re.fullmatch(r"[A-Za-z0-9_-]+", text):
        raise MasterKeyMalformedError(origin, "holds characters that no key has")
    try:
        raw = base64.urlsafe_b64decode(text[len(PREFIX) :])
    except binascii.Error:
        raise MasterKeyMalformedError(origin, "is not base64") from None
    secret, check = raw[:SECRET_SIZE], raw[SECRET_SIZE:]
    if check != _check(secret):
        raise MasterKeyMalformedError(origin, "has a mistyped character")
    return secret


def _check(secret: bytes) -> bytes:
    return hashlib.sha256(b"telewarden master key" + secret).digest()[:CHECK_SIZE]


def _stretch(secret: bytes, salt: bytes, *, kdf: str) -> bytes:
    if kdf == "scrypt":
        return hashlib.scrypt(secret, salt=salt, n=SCRYPT_COST, r=8, p=1, maxmem=64 << 20, dklen=64)
    return HKDF(algorithm=SHA256(), length=64, salt=salt, info=b"telewarden wrapping v1").derive(
        secret
    )
