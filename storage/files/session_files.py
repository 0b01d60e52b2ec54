"""The session file: an encrypted copy of a session string outside the database.

Owns the format. A file carries its own wrapped data key, so that the master key alone opens it
even when the database is lost; its header says which key it holds without opening anything.

    magic 8 | version 2 | header length 2 | auth key id 8 | data centre 2 | SHA-256 of string 32
    | data key: name 8, kdf 1, salt 16, check 8, wrapped 60 | CRC-32 of all before 4
    | sealed string, bound to name and header
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ...errors import SealDamagedError, SessionFileDamagedError, WrongMasterKeyError
from ..crypto.vault import OVERHEAD, KeySlot, Vault
from ..error_mapping import map_os_error
from ..private_files import make_private_folder, move_aside, write_private_file
from ..records import check_name

SUFFIX: Final = ".twsession"
QUARANTINE: Final = "quarantine"
DELETED: Final = "deleted"  # as what the file of a deleted session is set aside
REMAINS: Final = 3  # files in quarantine worth a search: each costs some 10 ms
MAGIC: Final = b"TWSESSN\n"
VERSION: Final = 1
HEADER: Final = struct.Struct(">8sHHQH32s8sB16s8s60s")
CHECKSUM: Final = struct.Struct(">I")
BODY: Final = HEADER.size + CHECKSUM.size  # where the sealed string begins
KEY_ID_AT: Final = 12
SIZE_LIMIT: Final = 64 << 10  # a string has 353 to 400 characters; nothing near this is ours
KDFS: Final = ("hkdf", "scrypt")


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionFileInfo:
    """What a file's header says; true only as far as the file is undamaged."""

    path: Path
    key_id: int  # 0 where the writer did not know it
    dc_id: int
    digest: str
    size: int


class SessionFiles:
    """The sealed session files in one folder, one for each session name."""

    def __init__(self, folder: Path | str, vault: Vault) -> None:
        self._folder = Path(folder)
        self._vault = vault

    def __repr__(self) -> str:
        return f"<SessionFiles {self._folder}>"

    @property
    def vault(self) -> Vault:
        """What seals the files."""
        return self._vault

    def path(self, name: str) -> Path:
        """Return where the file of the session ``name`` is or would be."""
        return self._folder / f"{check_name(name)}{SUFFIX}"

    def exists(self, name: str) -> bool:
        """Tell whether there is a file for ``name``, whatever its state."""
        return os.path.lexists(self.path(name))

    def names(self) -> list[str]:
        """Return the names that there are files for, sorted."""
        return sorted(path.stem for path in self._folder.glob(f"*{SUFFIX}"))

    def write(self, name: str, session_string: str, *, key_id: int = 0, dc_id: int = 0) -> Path:
        """Seal a session string into its file (0600), on the disk when this returns.

        After a crash at any moment there is the old file or the new one. Raises
        ``StorageNotWritableError`` or ``StorageFullError``, with the old file untouched.
        """
        path = self.path(name)
        make_private_folder(self._folder)
        text = session_string.encode("utf-8")
        digest = hashlib.sha256(text).digest()
        header = self.header(digest, self._vault.slot, key_id=key_id, dc_id=dc_id)
        return write_private_file(path, header + self._vault.seal(bound_row(name, header), text))

    def read(self, name: str, *, key_id: int | None = None) -> str:
        """Return the session string in the file of ``name``, opened and checked.

        With ``key_id``, a file that holds another key is refused as damaged.

        Raises:
            SessionFileDamagedError: it is missing, damaged, or another session's renamed.
            WrongMasterKeyError: it is whole, but sealed under another master key.
        """
        path, raw = self._read(name)
        info, slot = parse_header(raw, path)
        if len(raw) < BODY + OVERHEAD:
            raise SessionFileDamagedError(path, f"it ends after {len(raw)} bytes", offset=len(raw))
        if key_id is not None and info.key_id != key_id:
            what = f"it holds key {info.key_id:016x}, not {key_id:016x}"
            raise SessionFileDamagedError(path, what, offset=KEY_ID_AT)
        try:
            self._vault.adopt_for_opening(slot)
            text = self._vault.open(bound_row(name, raw[:BODY]), raw[BODY:])
        except SealDamagedError as exc:
            raise SessionFileDamagedError(path, exc.what, offset=BODY) from None
        except WrongMasterKeyError as exc:
            raise WrongMasterKeyError(exc.place, what=f"session file {path}") from None
        if hashlib.sha256(text).hexdigest() != info.digest:
            raise SessionFileDamagedError(path, "its digest does not match", offset=BODY)
        return text.decode("utf-8")

    def info(self, name: str) -> SessionFileInfo:
        """Return what the header says, without opening the seal; raises as ``read`` does."""
        path, raw = self._read(name)
        return parse_header(raw, path)[0]

    def reseal(self, names: Iterable[str] | None = None) -> list[str]:
        """Write files anew under the vault's present keys; return those that did not open.

        ``names`` are the sessions whose files are meant; by default all.
        """
        damaged = []
        for name in self.names() if names is None else filter(self.exists, names):
            try:
                info, text = self.info(name), self.read(name)
            except (SessionFileDamagedError, WrongMasterKeyError):
                damaged.append(name)
            else:
                self.write(name, text, key_id=info.key_id, dc_id=info.dc_id)
        return damaged

    def quarantine(self, name: str, reason: str) -> Path:
        """Move the file of ``name`` into ``quarantine/`` and return where it is now.

        Nothing is ever deleted or overwritten there; ``reason`` becomes part of the file's name.
        Raises ``SessionFileDamagedError`` if there is no file.
        """
        path = self.path(name)
        label = re.sub(r"[^A-Za-z0-9]+", "-", reason).strip("-")[:40] or "damaged"
        try:
            return move_aside(path, self._folder / QUARANTINE, label=label)
        except FileNotFoundError:
            raise SessionFileDamagedError(path, "there is no such file") from None

    def set_aside_deleted(self, name: str) -> None:
        """Keep the file of a deleted session, if there is one, where no other takes it for its."""
        if self.exists(name):
            self.quarantine(name, DELETED)

    def quarantined(self) -> list[Path]:
        """Return the files that were set aside, sorted by name."""
        return sorted((self._folder / QUARANTINE).glob(f"*{SUFFIX}"))

    def remains(self, name: str) -> Iterator[bytes]:
        """Yield the bytes of the file of ``name`` and of the last few set aside, newest first.

        Those of a deleted session are another's of that name.
        """
        aside = [
            path
            for path in self.quarantined()
            if path.stem.partition(".")[0] == name and not path.stem.endswith(f".{DELETED}")
        ]
        aside.sort(key=lambda path: path.lstat().st_mtime, reverse=True)
        for path in (self.path(name), *aside[:REMAINS]):
            with contextlib.suppress(SessionFileDamagedError):
                yield _bytes_of(path)

    @staticmethod
    def header(digest: bytes, slot: KeySlot, *, key_id: int, dc_id: int) -> bytes:
        """Return the header of a file for a string with that SHA-256, sealed under ``slot``."""
        header = HEADER.pack(
            MAGIC,
            VERSION,
            BODY,
            key_id,
            dc_id,
            digest,
            slot.key_name,
            KDFS.index(slot.kdf),
            slot.salt,
            slot.check,
            slot.wrapped,
        )
        return header + CHECKSUM.pack(zlib.crc32(header))

    def delete(self, name: str) -> bool:
        """Remove the file of a session that was logged out; tell whether there was one."""
        path = self.path(name)
        try:
            path.unlink()
        except FileNotFoundError:
            return False
        except OSError as exc:
            raise map_os_error(exc, path) from exc
        return True

    def _read(self, name: str) -> tuple[Path, bytes]:
        path = self.path(name)
        return path, _bytes_of(path)


def bound_row(name: str, header: bytes) -> str:
    """What the string in a file is sealed for: its session's name and the file's whole header."""
    return f"session_file/{name}/{hashlib.sha256(header).hexdigest()}"


def _bytes_of(path: Path) -> bytes:
    try:
        # Opened without waiting and without following a link: a pipe or a link in the place
        # of a file is damage, not something to hang on or to read somebody else's file by.
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise SessionFileDamagedError(path, "there is no such file") from None
    except OSError as exc:
        raise SessionFileDamagedError(path, (exc.strerror or "unreadable").lower()) from None
    with contextlib.ExitStack() as stack:
        stack.callback(os.close, handle)
        try:
            return os.read(handle, SIZE_LIMIT + 1)
        except OSError as exc:
            raise SessionFileDamagedError(path, (exc.strerror or "unreadable").lower()) from None


def parse_header(raw: bytes, path: Path = Path()) -> tuple[SessionFileInfo, KeySlot]:
    """Read a file's header (``raw`` may be all of it); raises ``SessionFileDamagedError``."""

    def refuse(what: str, offset: int) -> SessionFileDamagedError:
        return SessionFileDamagedError(path, what, offset=offset)

    if not raw:
        raise refuse("it is empty", 0)
    if raw[: len(MAGIC)] != MAGIC[: len(raw)]:
        raise refuse("it is no sealed session file", 0)
    if len(raw) < BODY:
        raise refuse(f"it ends after {len(raw)} bytes", len(raw))
    if len(raw) > SIZE_LIMIT:
        raise refuse("it is far too long", SIZE_LIMIT)
    (_, version, length, key_id, dc_id, digest, name, kdf, salt, check, wrapped) = HEADER.unpack(
        raw[: HEADER.size]
    )
    (checksum,) = CHECKSUM.unpack(raw[HEADER.size : BODY])
    if zlib.crc32(raw[: HEADER.size]) != checksum:
        raise refuse("its header was altered", len(MAGIC))
    if version != VERSION or length != BODY or kdf >= len(KDFS):
        raise refuse(f"its version {version} is not known", len(MAGIC))
    slot = KeySlot(key_name=name, kdf=KDFS[kdf], salt=salt, check=check, wrapped=wrapped)
    info = SessionFileInfo(
        path=path, key_id=key_id, dc_id=dc_id, digest=digest.hex(), size=len(raw)
    )
    return info, slot
