"""Errors of the master key, encryption and leases."""

from __future__ import annotations

from .storage import StorageError


class MasterKeyError(StorageError):
    """The master key cannot be used; no stored data has been touched."""


class MasterKeyMissingError(MasterKeyError):
    """There is no master key at the place named; no stored data has been touched."""

    def __init__(self, place: str, why: str) -> None:
        super().__init__(
            f"the master key is missing: {place} {why};"
            " bring it back, as nothing stored opens without it; before a first start make one with"
            " telewarden keygen and keep a copy of it"
        )
        self.place, self.why = place, why


class MasterKeyMalformedError(MasterKeyError):
    """A text is no master key; no stored data has been touched."""

    def __init__(self, place: str, why: str) -> None:
        super().__init__(f"the master key from {place} {why}; copy it again, whole")
        self.place, self.why = place, why


class WrongMasterKeyError(MasterKeyError):
    """The master key is not the one that this data was sealed with; nothing has been touched."""

    def __init__(self, place: str, *, what: str = "this data") -> None:
        super().__init__(
            f"the master key from {place} does not open {what}, which was sealed with another;"
            " give that key or name another place"
        )
        self.place, self.what = place, what


class SealDamagedError(StorageError):
    """A sealed value does not open: damaged, moved from another row, or sealed elsewhere."""

    def __init__(self, row: str, what: str) -> None:
        super().__init__(f"the sealed value of {row} does not open: {what}; restore it from a copy")
        self.row, self.what = row, what


class CredentialDamagedError(StorageError):
    """A stored session string is damaged; it was left as it is, other copies are not concerned."""

    def __init__(self, name: str, what: str) -> None:
        super().__init__(
            f"the stored credential of {name} is damaged: {what};"
            " recover it from the session file or a backup"
        )
        self.name, self.what = name, what


class SessionFileDamagedError(StorageError):
    """A sealed session file is damaged or missing; it was left as it is.

    Args:
        path: the file.
        what: what is wrong with it.
        offset: the byte at which it was noticed.
    """

    def __init__(self, path: object, what: str, *, offset: int = 0) -> None:
        super().__init__(
            f"session file {path} is damaged at byte {offset}: {what};"
            " recover the session from the database or a backup"
        )
        self.path, self.what, self.offset = path, what, offset


class KeyLatchedError(StorageError):
    """Telegram declared this key dead, so no copy of it may be used; nothing has been changed."""

    def __init__(self, key_id: int, reason: str) -> None:
        super().__init__(f"key {key_id:016x} is latched as dead ({reason}); log in again")
        self.key_id, self.reason = key_id, reason


class LeaseHeldError(StorageError):
    """Somebody else owns the session's key; nothing has been sent and nothing changed.

    Args:
        key_id: the auth key's id.
        holder: a sentence part that says who holds it.
        waited: seconds spent waiting.
    """

    def __init__(self, key_id: int, holder: str, *, waited: float) -> None:
        super().__init__(
            f"key {key_id:016x} is in use by {holder}; waited {waited:.1f} s:"
            " stop that process, or try again when it is done"
        )
        self.key_id, self.holder, self.waited = key_id, holder, waited
