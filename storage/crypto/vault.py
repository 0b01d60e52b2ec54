"""The vault: authenticated encryption of values, each bound to its row.

Owns the data keys and the format of a sealed value: AES-256-GCM under a random data key, bound to
the row it stands in, so that a value moved to another row does not open. The data key itself is
kept wrapped by the master key in a ``KeySlot``; where slots and values are stored is the
business of the store and of the session files. Changing the master key rewrites slots only.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ...errors import SealDamagedError, WrongMasterKeyError
from .master_key import MasterKey

FORMAT: Final = b"\x01"
DATA_KEY_SIZE: Final = 32
KEY_NAME_SIZE: Final = 8
NONCE_SIZE: Final = 12
TAG_SIZE: Final = 16
HEAD_SIZE: Final = len(FORMAT) + KEY_NAME_SIZE + NONCE_SIZE
OVERHEAD: Final = HEAD_SIZE + TAG_SIZE
SALT_SIZE: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySlot:
    """One data key, wrapped by a master key; safe to store beside what it opens."""

    key_name: bytes  # 8 bytes, in the head of every value that the data key sealed
    kdf: str  # how the master key was stretched: "hkdf" or "scrypt"
    salt: bytes = field(repr=False)
    check: bytes = field(repr=False)  # tells a wrong master key from a damaged slot
    wrapped: bytes = field(repr=False)


class Vault:
    """Seals and opens values under data keys that one master key unwraps.

    Without ``slots`` a new data key is made. With them every slot is unwrapped; the last one
    seals from now on.

    Raises:
        WrongMasterKeyError: a slot was wrapped by another master key.
        SealDamagedError: a slot of this master key is damaged.
    """

    def __init__(self, master: MasterKey, slots: Iterable[KeySlot] = ()) -> None:
        self._master = master
        self._ciphers: dict[bytes, AESGCM] = {}
        self._slots: dict[bytes, KeySlot] = {}
        for slot in slots:
            self.adopt(slot)
        if not self._slots:
            self._make_data_key()

    def __repr__(self) -> str:
        return f"<Vault with {len(self._slots)} data keys, {self._master!r}>"

    @property
    def slots(self) -> tuple[KeySlot, ...]:
        """Every data key, wrapped; the last one is in use for sealing."""
        return tuple(self._slots.values())

    @property
    def slot(self) -> KeySlot:
        """The slot of the data key that seals."""
        return next(reversed(self._slots.values()))

    def seal(self, row: str, plaintext: bytes) -> bytes:
        """Return ``plaintext`` sealed for ``row``; it opens nowhere else.

        The result is 37 bytes longer. ``row`` names table and key: ``user_sessions/alice``.
        """
        name = self.slot.key_name
        nonce = secrets.token_bytes(NONCE_SIZE)
        sealed = self._ciphers[name].encrypt(nonce, plaintext, _bound(row, name))
        return FORMAT + name + nonce + sealed

    def open(self, row: str, blob: bytes) -> bytes:
        """Return what was sealed for ``row``; raises ``SealDamagedError`` for anything else."""
        plaintext = self.try_open(row, blob)
        if plaintext is None:
            raise SealDamagedError(row, self._damage(blob))
        return plaintext

    def try_open(self, row: str, blob: bytes) -> bytes | None:
        """Return what was sealed for ``row``; ``None`` for anything else, without saying why."""
        if len(blob) < OVERHEAD or blob[:1] != FORMAT:
            return None
        name, nonce = blob[1 : 1 + KEY_NAME_SIZE], blob[1 + KEY_NAME_SIZE : HEAD_SIZE]
        cipher = self._ciphers.get(name)
        if cipher is None:
            return None
        try:
            return cipher.decrypt(nonce, blob[HEAD_SIZE:], _bound(row, name))
        except InvalidTag:
            return None

    def _damage(self, blob: bytes) -> str:
        if len(blob) < OVERHEAD:
            return f"{len(blob)} bytes are too few"
        if blob[:1] != FORMAT:
            return f"format {blob[0]} is not known"
        name = blob[1 : 1 + KEY_NAME_SIZE]
        if name not in self._ciphers:
            return f"its data key {name.hex()} is not in this vault"
        return "it was altered or belongs to another row"

    def adopt(self, slot: KeySlot) -> None:
        """Take in a data key that this vault's master key wrapped; a known one is left alone."""
        if slot.key_name in self._slots:
            return
        data_key = self._unwrap(slot)
        self._slots[slot.key_name] = slot
        self._ciphers[slot.key_name] = AESGCM(data_key)

    def adopt_for_opening(self, slot: KeySlot) -> None:
        """Take in a data key for opening only: what is sealed from now on keeps its key."""
        current = self.slot
        self.adopt(slot)
        self._slots[current.key_name] = self._slots.pop(current.key_name)

    def with_slots(self, slots: Iterable[KeySlot]) -> Vault:
        """Return the vault of another database that the same master key opens."""
        return Vault(self._master, slots)

    def rewrapped(self, master: MasterKey) -> Vault:
        """Return a vault with the same data keys under another master key; nothing is stored."""
        salt = secrets.token_bytes(SALT_SIZE)
        return Vault(
            master,
            [_wrap(master, slot.key_name, self._unwrap(slot), salt) for slot in self.slots],
        )

    def with_new_data_key(self) -> Vault:
        """Return a vault that opens all that this one opens and seals under a new data key."""
        fresh = Vault(self._master, self.slots)
        fresh._make_data_key()
        return fresh

    def with_newest_only(self) -> Vault:
        """Return a vault with the data key that seals and no other."""
        return Vault(self._master, [self.slot])

    def copy(self) -> Vault:
        """Return a vault with the same keys; no key is stretched again."""
        return Vault(self._master, self.slots)

    def replace_keys(self, other: Vault) -> None:
        """Take over the keys of ``other``, for everybody who holds this vault."""
        self._master, self._slots, self._ciphers = other._master, other._slots, other._ciphers

    def _make_data_key(self) -> None:
        name = secrets.token_bytes(KEY_NAME_SIZE)
        salt = self.slot.salt if self._slots else secrets.token_bytes(SALT_SIZE)
        self.adopt(_wrap(self._master, name, secrets.token_bytes(DATA_KEY_SIZE), salt))

    def _unwrap(self, slot: KeySlot) -> bytes:
        place = f"data key {slot.key_name.hex()}"
        if slot.kdf != self._master.kdf:
            raise WrongMasterKeyError(self._master.origin, what=place)
        wrapping, check = self._master.derive(slot.salt)
        if check != slot.check:
            raise WrongMasterKeyError(self._master.origin, what=place)
        nonce, sealed = slot.wrapped[:NONCE_SIZE], slot.wrapped[NONCE_SIZE:]
        try:
            return AESGCM(wrapping).decrypt(nonce, sealed, _slot_bound(slot.key_name, slot.kdf))
        except (InvalidTag, ValueError):
            raise SealDamagedError(place, "its slot was altered") from None


def _wrap(master: MasterKey, name: bytes, data_key: bytes, salt: bytes) -> KeySlot:
    wrapping, check = master.derive(salt)
    nonce = secrets.token_bytes(NONCE_SIZE)
    sealed = AESGCM(wrapping).encrypt(nonce, data_key, _slot_bound(name, master.kdf))
    return KeySlot(key_name=name, kdf=master.kdf, salt=salt, check=check, wrapped=nonce + sealed)


def _bound(row: str, name: bytes) -> bytes:
    return b"telewarden value v1|" + name + row.encode("utf-8")


def _slot_bound(name: bytes, kdf: str) -> bytes:
    return b"telewarden slot v1|" + name + kdf.encode("ascii")
