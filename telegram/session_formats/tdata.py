"""Telegram Desktop's ``tdata``: its local key, its accounts, and the key of one of them. Read only.

All is sealed by a key that the passcode opens, or an empty one. Each account has a file of its own.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ...errors import LoginFormatError
from ..session_files.session_file import StoredSession, bytes_in
from ..session_files.session_string import KEY_BYTES, SessionString
from .binary import Fields, TruncatedError
from .data_centres import address_of
from .formats import ForeignLogin, LoginFormat

MAGIC: Final = b"TDF$"
CHECKSUM: Final = 16  # bytes of MD5
SALT: Final = 32
ROUNDS: Final = 100_000  # with a passcode; one without
MOST_ACCOUNTS: Final = 6  # with Premium
AUTHORIZATION: Final = 75  # the block that holds an account's keys
WIDE: Final = b"\xff" * 8  # stands before account numbers that need 64 bits
COPY: Final = "close Telegram Desktop and copy the whole tdata folder again"


@dataclass(frozen=True, slots=True)
class _Sealed:
    key: bytes = field(repr=False)
    accounts: tuple[int, ...]
    active: int


def is_tdata(folder: Path) -> bool:
    """Whether a folder is Telegram Desktop's."""
    return any((folder / f"key_data{end}").is_file() for end in "s01")


def read_tdata(
    folder: Path, *, passcode: str | None = None, account: int | None = None
) -> ForeignLogin:
    """Read one account of a ``tdata`` folder.

    Args:
        folder: the folder, which is not changed.
        passcode: Telegram Desktop's local passcode, if it has one.
        account: which account, counted from 1 as Telegram Desktop lists them; needed where there
            are several.

    Raises:
        LoginFormatError: the passcode is missing or wrong, there are several accounts and none was
            chosen, or a file is damaged.
    """
    sealed = _open(folder, passcode or "")
    count = len(sealed.accounts)
    if account is None and count > 1:
        raise LoginFormatError(
            folder, f"holds {count} accounts", f"choose one of them: --account 1 to {count}"
        )
    chosen = 1 if account is None else account
    if not 1 <= chosen <= count:
        raise LoginFormatError(
            folder, f"has no account {chosen}", f"choose one of them: --account 1 to {count}"
        )
    parts, user_id = _account(folder, sealed, sealed.accounts[chosen - 1])
    return ForeignLogin(
        format=LoginFormat.TDATA,
        stored=StoredSession(version=0, parts=parts, user_id=user_id),
        account=(chosen, count),
    )


def _open(folder: Path, passcode: str) -> _Sealed:
    fields = Fields(_contents(folder, "key_data"))
    try:
        salt, key, info = fields.qt_bytes(), fields.qt_bytes(), fields.qt_bytes()
    except TruncatedError:
        raise LoginFormatError(folder, "is damaged: key_data is cut", COPY) from None
    local = _unsealed(key, _passcode_key(salt, passcode)) if len(salt) == SALT else None
    if local is None or len(local) != KEY_BYTES:
        if passcode:
            raise LoginFormatError(folder, "does not open by that passcode", "type it again")
        raise LoginFormatError(
            folder,
            "has a local passcode, or is damaged",
            "give it by --passcode, as you type it into Telegram Desktop",
        )
    return _accounts(folder, local, info)


def _accounts(folder: Path, local: bytes, info: bytes) -> _Sealed:
    fields = Fields(_unsealed(info, local) or b"")
    try:
        count = fields.big(4)
        order = [fields.big(4) for _ in range(min(count, MOST_ACCOUNTS + 1))]
        active = fields.big(4)
    except TruncatedError:
        raise LoginFormatError(folder, "is damaged: its accounts cannot be read", COPY) from None
    accounts = tuple(dict.fromkeys(one for one in order if one < MOST_ACCOUNTS))
    if not accounts or len(accounts) != count:
        raise LoginFormatError(folder, "is damaged: it counts its accounts wrongly", COPY)
    return _Sealed(local, accounts, active)


def _account(folder: Path, sealed: _Sealed, at: int) -> tuple[SessionString, int]:
    name = _file_of("data" if at == 0 else f"data#{at + 1}")
    fields = Fields(_contents(folder, name))
    try:
        plain = _unsealed(fields.qt_bytes(), sealed.key)
        fields = Fields(plain or b"")
        if plain is None or fields.big(4) != AUTHORIZATION:
            raise LoginFormatError(folder, f"is damaged: {name} does not open", COPY)
        return _authorization(folder, Fields(fields.qt_bytes()))
    except TruncatedError:
        raise LoginFormatError(folder, f"is damaged: {name} is cut", COPY) from None


def _authorization(folder: Path, fields: Fields) -> tuple[SessionString, int]:
    start = fields.take(8)
    wide = start == WIDE
    user_id = fields.big(8) if wide else int.from_bytes(start[:4], "big")
    dc_id = fields.big(4) if wide else int.from_bytes(start[4:], "big")
    keys = {fields.big(4): fields.take(KEY_BYTES) for _ in range(min(fields.big(4), 64))}
    address = address_of(dc_id)
    if not user_id or dc_id not in keys or address is None or not any(keys[dc_id]):
        raise LoginFormatError(folder, "is not logged in with this account", "choose another")
    return SessionString(dc_id=dc_id, host=address[0], port=address[1], key=keys[dc_id]), user_id


def _contents(folder: Path, name: str) -> bytes:
    """What a file holds, once its checksum is right; the older of two is for a crash in between."""
    found = [folder / f"{name}{end}" for end in "s01"]
    why = f"{name}s is not there"
    for path in (one for one in found if one.is_file()):
        try:
            data = bytes_in(path)
        except OSError as error:
            why = f"{path.name}: {error.strerror}"
            continue
        body, told = data[8:-CHECKSUM], data[-CHECKSUM:]
        sums = body + len(body).to_bytes(4, "little") + data[4:8] + MAGIC
        if data[:4] == MAGIC and hashlib.md5(sums, usedforsecurity=False).digest() == told:
            return body
        why = f"{path.name} is damaged"
    raise LoginFormatError(folder, f"cannot be read: {why}", COPY)


def _file_of(name: str) -> str:
    """The file's name: the first half of an MD5, each byte with its digits turned around."""
    digest = hashlib.md5(name.encode(), usedforsecurity=False).hexdigest()[:16].upper()
    return "".join(digest[at + 1] + digest[at] for at in range(0, 16, 2))


def _passcode_key(salt: bytes, passcode: str) -> bytes:
    secret = hashlib.sha512(salt + passcode.encode() + salt).digest()
    return hashlib.pbkdf2_hmac("sha512", secret, salt, ROUNDS if passcode else 1, KEY_BYTES)


def _unsealed(sealed: bytes, key: bytes) -> bytes | None:
    """Open what is sealed by MTProto 1.0's scheme; ``None`` if the key is another."""
    from telethon.crypto import AES

    mark, body = sealed[:16], sealed[16:]
    if len(mark) < 16 or not body or len(body) % 16:
        return None
    plain = bytes(AES.decrypt_ige(body, *_aes_of(key, mark)))
    if hashlib.sha1(plain, usedforsecurity=False).digest()[:16] != mark:
        return None
    size = int.from_bytes(plain[:4], "little")
    return plain[4:size] if 4 <= size <= len(plain) else None


def _aes_of(key: bytes, mark: bytes) -> tuple[bytes, bytes]:
    """AES key and vector, as MTProto 1.0's page has them, for what the server's side sends."""
    one = _sha1(mark + key[8:40])
    two = _sha1(key[40:56] + mark + key[56:72])
    three = _sha1(key[72:104] + mark)
    four = _sha1(mark + key[104:136])
    return one[:8] + two[8:20] + three[4:16], one[8:20] + two[:8] + three[16:20] + four[:8]


def _sha1(data: bytes) -> bytes:
    return hashlib.sha1(data, usedforsecurity=False).digest()
