"""The credential copies of a session, for the rungs of the recovery ladder.

Owns finding them, damaged ones too, and making all of them whole after a recovery. All but
``look_beside`` runs in the journal's thread. A damaged file is set aside, never deleted; a copy
whose key is latched is never handed out.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass

from ...errors import (
    CredentialDamagedError,
    KeyLatchedError,
    SessionFileDamagedError,
    SessionStringDamagedError,
    TelewardenError,
    WrongMasterKeyError,
)
from ...storage import BackupFolder, KnownString, Store, file_users, salvage_session_file
from ...telegram import (
    CopyRepaired,
    SessionString,
    StoredSession,
    format_string,
    parse_string,
    rescue_file,
)
from ..context import Services
from .maintenance import BEFORE_DELETE, LOGGED_OUT, entities_of, states_of

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """One copy of a session; ``origin`` says where it was found."""

    parts: SessionString
    origin: str

    @property
    def string(self) -> str:
        """It as a session string."""
        return format_string(self.parts)

    @property
    def key_id(self) -> int:
        """The id of its key."""
        return self.parts.key_id


class Copies:
    """The copies of one session."""

    def __init__(self, name: str, services: Services) -> None:
        self._name, self._services = name, services
        self._beside: tuple[StoredSession, bool] | None = None
        self.passed_over = ""
        """Why a file that lies beside the sealed ones is not looked into; empty if it is."""

    def look_beside(self, known: frozenset[int]) -> None:
        """Look for a ``NAME.session`` of Telethon's that its owner has put beside the sealed files.

        Runs in a thread of its own: in a damaged one a key is looked for, at the worst for seconds.
        One that a process has open is passed over: its key has two users otherwise.
        """
        path = self._services.session_folder / f"{self._name}.session"
        found, self._beside, self.passed_over = file_users(path), None, ""
        if found.users:
            self.passed_over = f"{path.name} is in use by {found}"
            logger.warning(
                "Telethon file passed over session=%s why=%s", self._name, self.passed_over
            )
            return
        with contextlib.suppress(TelewardenError):
            stored, damage = rescue_file(path, key_ids=known)
            self._beside = stored, damage is not None

    def of_rung(self, store: Store, rung: str) -> list[Copy]:
        """The copies that belong to a rung, the best first.

        Raises:
            CredentialDamagedError, SessionFileDamagedError: it is there and damaged.
            WrongMasterKeyError: the file was sealed with another master key.
            KeyLatchedError: there are some, and all hold a key that is dead.
        """
        match rung:
            case "string":
                found = self._in_database(store)
            case "file":
                found = self._in_file(store)
            case _:
                found = list(self._salvaged(store))
        alive = [copy for copy in found if store.latched(copy.key_id) is None]
        if found and not alive:
            latch = store.latched(found[0].key_id)
            raise KeyLatchedError(found[0].key_id, latch.reason if latch else "")
        return alive

    def mend(self, store: Store, good: Copy, rung: str) -> list[CopyRepaired]:
        """Make every copy hold what works, found on ``rung``; returns what had to be repaired."""
        repairs = []
        problem = "" if rung == "string" else self._string_problem(store, good)
        if problem:
            store.put_credential(
                self._name, good.string, good.key_id, good.parts.dc_id, at=self._services.stamp()
            )
            repairs.append(self._repaired("string", problem, ""))
        problem = self._file_problem(store, good)
        if problem:
            files, kept = self._services.files(store), ""
            if files.exists(self._name):
                kept = files.quarantine(self._name, "damaged").name
            files.write(self._name, good.string, key_id=good.key_id, dc_id=good.parts.dc_id)
            repairs.append(self._repaired("file", problem, kept))
        if repairs:
            store.add_backup(self._name, "after recovery", self._services.stamp())
        return repairs

    def known_keys(self, store: Store) -> frozenset[int]:
        """The ids of the keys that this session is known to have had."""
        return frozenset(key_id for key_id, _, _ in self._known(store))

    def _known(self, store: Store) -> list[tuple[int, int, str]]:
        return store.known_strings(self._name, after=self._earlier(store))

    def _earlier(self, store: Store) -> int:
        """The last backup of a session of that name that was deleted: it may be another's."""
        deleted = (one.id for one in store.backups(self._name) if one.reason == BEFORE_DELETE)
        return max(deleted, default=0)

    def _logged_out(self, store: Store) -> bool:
        """Whether a person has ended the login, and nobody has brought another since."""
        newest = next(iter(store.backups(self._name)), None)
        latch = None if newest is None else store.latched(newest.key_id)
        return latch is not None and latch.reason == LOGGED_OUT

    def _in_database(self, store: Store) -> list[Copy]:
        found = store.credential(self._name)
        if found is None:
            return []
        return [_copy(found.session_string, "database")]

    def _in_file(self, store: Store) -> list[Copy]:
        files = self._services.files(store)
        return [_copy(files.read(self._name), "file")] if files.exists(self._name) else []

    def _salvaged(self, store: Store) -> Iterator[Copy]:
        """What damaged copies and backups still hold, each string once.

        Nothing where a person has logged out: then only a person brings a login back.
        """
        if store.key_id_of(self._name) is None and self._logged_out(store):
            return
        seen: set[str] = set()
        for string, origin in self._remains(store):
            try:
                copy = _copy(string, origin)
            except SessionStringDamagedError:
                continue
            if string not in seen and not self._taken(store, copy):
                seen.add(string)
                yield copy

    def _taken(self, store: Store, copy: Copy) -> bool:
        """Whether another session has that login by now: a backup may be of long ago."""
        return any(name != self._name for name in store.sessions_with_key(copy.key_id))

    def _remains(self, store: Store) -> Iterator[tuple[str, str]]:
        held = store.salvaged_credential(self._name)
        if held is not None:
            yield held.session_string, "damaged row"
        known = [
            KnownString(key_id=key_id, dc_id=dc_id, digest=digest)
            for key_id, dc_id, digest in self._known(store)
        ]
        for string in salvage_session_file(self._services.files(store), self._name, known=known):
            yield string, "damaged file"
        earlier = self._earlier(store)
        for backup, held in store.usable_backups(self._name):
            if backup.id > earlier:
                yield held.session_string, f"backup {backup.id}"
        yield from self._telethon_file(store)
        if self._services.backup_folder is not None:
            record = store.session(self._name)
            phone = None if record is None else record.phone
            backups = BackupFolder(self._services.backup_folder)
            old = store.old_masters()
            for held in backups.credentials(self._name, store.vault, phone=phone, old=old):
                yield held.session_string, "database backup"

    def _telethon_file(self, store: Store) -> Iterator[tuple[str, str]]:
        """What ``look_beside`` has found."""
        if self._beside is None:
            return
        stored, damaged = self._beside
        if not store.entities(self._name, 1):  # with a lost database went what it had learnt
            store.put_entities(self._name, entities_of(stored, self._services.stamp()))
            store.put_update_states(self._name, states_of(stored))
        yield format_string(stored.parts), "damaged Telethon file" if damaged else "Telethon file"

    def _string_problem(self, store: Store, good: Copy) -> str:
        try:
            found = store.credential(self._name)
        except CredentialDamagedError as exc:
            return str(exc)
        if found is None:
            return "missing"
        return "" if found.key_id == good.key_id else "holds another key"

    def _file_problem(self, store: Store, good: Copy) -> str:
        files = self._services.files(store)
        try:
            files.read(self._name, key_id=good.key_id)
        except (SessionFileDamagedError, WrongMasterKeyError) as exc:
            return str(exc) if files.exists(self._name) else "missing"
        return ""

    def _repaired(self, copy: str, problem: str, kept: str) -> CopyRepaired:
        return CopyRepaired(
            session=self._name, at=self._services.stamp(), copy=copy, problem=problem, kept=kept
        )


def _copy(string: str, origin: str) -> Copy:
    return Copy(parts=parse_string(string), origin=origin)
