"""Data access for the sealed session strings.

Owns the sealed columns of ``user_sessions`` and how a credential is sealed anywhere. Key id, data
centre and digest stand inside the seal as well as beside it, so that a row put together from two
others is noticed.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator
from typing import Final

from ...errors import CredentialDamagedError, SealDamagedError, UnknownRecordError
from ..crypto.bit_repair import decrypt_with_bit_repair
from ..records import Credential
from .connection import TableAccess, signed, unsigned

HEAD: Final = struct.Struct(">QH32s")  # key id, data centre, digest; then the session string


class CredentialRows(TableAccess):
    """What a session needs to come back without a login."""

    def put_credential(
        self, name: str, session_string: str, key_id: int, dc_id: int, *, at: float | None = None
    ) -> None:
        """Seal and store a session's string; raises ``UnknownRecordError`` without such a session.

        ``at`` becomes the session's ``updated`` time. Commits survive a kill; to have it survive a
        power cut too, call ``checkpoint`` after it.
        """
        digest = digest_of(session_string)
        sealed = self._seal_credential(f"user_sessions/{name}", session_string, key_id, dc_id)
        done = self._run(
            "update user_sessions set sealed = ?, digest = ?, key_id = ?, dc_id = ?,"
            " updated = coalesce(?, updated) where name = ?",
            (sealed, digest, signed(key_id), dc_id, at, name),
        )
        if not done.rowcount:
            raise UnknownRecordError("session", name)

    def credential(self, name: str) -> Credential | None:
        """Return a session's credential, or ``None`` if it has none (yet).

        Raises:
            CredentialDamagedError: it does not open, or is not the one that the row describes.
        """
        row = self._one(
            "select sealed, digest, key_id, dc_id from user_sessions where name = ?", (name,)
        )
        if row is None or row[0] is None:
            return None
        return self._open_credential(f"user_sessions/{name}", name, *row)

    def credentials(self) -> Iterator[Credential | CredentialDamagedError]:
        """Yield every session's credential by name; a damaged one as its error, not raised."""
        for name, *row in self._all(
            "select name, sealed, digest, key_id, dc_id from user_sessions"
            " where sealed is not null order by name"
        ):
            try:
                yield self._open_credential(f"user_sessions/{name}", name, *row)
            except CredentialDamagedError as exc:
                yield exc

    def salvaged_credential(self, name: str) -> Credential | None:
        """Return what a session's row still holds, though a bit or what stands beside it is wrong.

        The seal is authentic, so that the credential is one that this session once had.
        """
        row = self._one("select sealed from user_sessions where name = ?", (name,))
        sealed = None if row is None else row[0]
        return self._salvaged(f"user_sessions/{name}", name, sealed)

    def _salvaged(self, row: str, name: str, sealed: object) -> Credential | None:
        plain = (
            decrypt_with_bit_repair(self.vault, row, sealed) if isinstance(sealed, bytes) else None
        )
        if plain is None or len(plain) < HEAD.size:
            return None
        key_id, dc_id, digest = HEAD.unpack_from(plain)
        text = plain[HEAD.size :]
        if hashlib.sha256(text).digest() != digest:
            return None
        return Credential(
            name=name, session_string=text.decode("utf-8"), key_id=key_id, dc_id=dc_id
        )

    def clear_credential(self, name: str) -> None:
        """Forget a session's string (after a logout); backups of it stay."""
        self._run(
            "update user_sessions set sealed = null, digest = null, key_id = null, dc_id = null"
            " where name = ?",
            (name,),
        )

    def _seal_credential(self, row: str, session_string: str, key_id: int, dc_id: int) -> bytes:
        text = session_string.encode("utf-8")
        head = HEAD.pack(key_id, dc_id, hashlib.sha256(text).digest())
        return self.vault.seal(row, head + text)

    def _open_credential(
        self, row: str, name: str, sealed: bytes, digest: str, key_id: int | None, dc_id: int
    ) -> Credential:
        try:
            plain = self.vault.open(row, sealed)
        except SealDamagedError as exc:
            raise CredentialDamagedError(name, exc.what) from None
        inner_key, inner_dc, inner_digest = HEAD.unpack_from(plain)
        text = plain[HEAD.size :]
        if inner_digest.hex() != digest or hashlib.sha256(text).digest() != inner_digest:
            raise CredentialDamagedError(name, "its digest does not match")
        if key_id is None or unsigned(key_id) != inner_key:
            raise CredentialDamagedError(name, "it belongs to another key")
        if dc_id != inner_dc:
            raise CredentialDamagedError(name, "it belongs to another data centre")
        return Credential(
            name=name, session_string=text.decode("utf-8"), key_id=inner_key, dc_id=inner_dc
        )


def digest_of(session_string: str) -> str:
    """Return the digest by which copies of a session string are compared."""
    return hashlib.sha256(session_string.encode("utf-8")).hexdigest()
