"""A registry transaction: a group of changes on top of a snapshot, until it commits.

Changes are tried on it, in order, each on top of those before it; while one transaction is being
written, the next begins on top of it. It is one transaction of the database, too; only then does
the next snapshot show it. If the disk refuses, it is dropped, and nobody has ever seen it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, TypeAlias

from ....errors import (
    CredentialDamagedError,
    SessionBusyError,
    UnknownOperationError,
    UnknownSessionError,
)
from ....storage import Operation, SessionRecord, Store
from ....telegram import Health, Phase
from ...session.maintenance import BEFORE_DELETE
from ..events import RegistryEvent
from ..model import RegistryLimits, SessionEntry, SessionStatus
from ..snapshot import RegistrySnapshot
from .pair_transaction import PairTransaction

DELETED_KEPT = 100  # deleted sessions that are still shown

AuditNote: TypeAlias = tuple[
    str, str, str, Mapping[str, Any] | None, Mapping[str, Any] | list[int] | None, str, float
]
"""Who, what, subject, before, after, outcome, at."""


class Transaction:
    """What a group of changes makes of ``base``.

    Args:
        base: the registry as everybody sees it.
        before: the transaction that is being written; this one is only good if that one is kept.
        now: epoch seconds, the same for the whole group.
        last_id: the highest operation number given so far.
        busy: sessions that must not be changed now, and what is being done to them.
        pairs: what becomes of the pairs.
        following: which operation of the warden's own is under way, by session and kind.
    """

    def __init__(
        self,
        base: RegistrySnapshot,
        *,
        before: Transaction | None = None,
        now: float,
        last_id: int,
        busy: Mapping[str, str],
        pairs: PairTransaction,
        following: Mapping[tuple[str, str], int],
    ) -> None:
        self.base, self.before, self.now, self.last_id = base, before, now, last_id
        self.busy, self.pairs, self.following = busy, pairs, dict(following)
        self.limits: RegistryLimits = base.limits
        self.session_count, self.operation_count = len(base.sessions), len(base.operations)
        if before is not None:
            self.last_id, self.following = before.last_id, dict(before.following)
            self.limits, self.session_count = before.limits, before.session_count
            self.operation_count = before.operation_count
        self.audit: list[AuditNote] = []
        self.events: list[RegistryEvent | AuditNote] = []
        """What is to be told, in order; a session's change as its audit row, which says it all."""
        self.registered: list[str] = []
        self.deleted: dict[str, Mapping[int, str]] = {}
        self.forced: set[str] = set()
        self.left: set[str] = set()
        """The sessions that are not planned any more, and stay stored."""
        self.entries: dict[str, SessionEntry | None] = {}
        """The sessions that are new or changed, and, as ``None``, those that are gone."""
        self.added: set[str] = set()
        """Those of them that are new."""
        self.changed: dict[str, dict[str, Any]] = {}
        """The new values of each field, by session: what has to be written of the others."""
        self.changed_operations: dict[int, Operation | None] = {}
        """The operations, likewise."""
        self.short_lived: list[Operation] = []

    def rebase(self, base: RegistrySnapshot) -> None:
        """The transaction before this one is on disk, and ``base`` shows it."""
        self.base, self.before = base, None
        self.pairs.settle()

    # Sessions

    def find(self, name: str) -> SessionEntry | None:
        """The session as it would be, if there is one."""
        if name in self.entries:
            return self.entries[name]
        if self.before is not None and name in self.before.entries:
            return self.before.entries[name]
        return self.base.sessions.get(name)

    @cached_property
    def _names(self) -> tuple[str, ...]:
        return tuple(sorted(self.base.sessions))  # once, for however many names are wrong

    def session(self, name: str) -> SessionEntry:
        """The session as it would be, for a change.

        Raises:
            UnknownSessionError, SessionBusyError
        """
        entry = self.find(name)
        if entry is None:
            raise UnknownSessionError(name, self._names)
        if name in self.busy:
            raise SessionBusyError(name, self.busy[name])
        return entry

    def add(self, record: SessionRecord) -> SessionEntry:
        """Add a session; returns it as it would be seen."""
        self.session_count += 1
        entry = SessionEntry(
            record=record,
            status=SessionStatus(since=self.now),
            pairs=self.pair_count(record.name),
        )
        self.entries[record.name] = entry
        self.added.add(record.name)
        return entry

    def put(self, entry: SessionEntry, fields: Mapping[str, Any]) -> SessionEntry:
        """Change fields of a session; returns it as it would be seen."""
        record = entry.record.replace(updated=self.now, **fields)
        name = record.name
        for key, value in fields.items():
            if key in self.changed:
                self.changed[key][name] = value
            else:
                self.changed[key] = {name: value}
        entry = SessionEntry(record=record, status=entry.status, pairs=entry.pairs)
        self.entries[name] = entry
        return entry

    def drop(self, name: str, moves: Mapping[int, str], *, force: bool) -> None:
        """Take a session out, and give its pairs to others.

        With ``force``, rows of pairs that nobody plans any more do not keep it.
        """
        if self.find(name) is not None:
            self.session_count -= 1
        self.entries[name] = None
        self.deleted[name] = moves
        if force:
            self.forced.add(name)

    def leave(self, name: str) -> None:
        """Take a session out that is not planned any more; what is stored of it stays."""
        self.session_count -= 1
        self.entries[name] = None
        self.left.add(name)

    def sessions(self) -> Iterator[SessionEntry]:
        """All sessions as they would be."""
        for name in self.base.sessions:
            entry = self.find(name)
            if entry is not None:
                yield entry

    def pair_count(self, name: str) -> int:
        """How many pairs a session would have."""
        return self.pairs.count(name)

    # Operations

    def find_operation(self, id_: int) -> Operation | None:
        """The operation as it would be, if there is one."""
        if id_ in self.changed_operations:
            return self.changed_operations[id_]
        if self.before is not None and id_ in self.before.changed_operations:
            return self.before.changed_operations[id_]
        return self.base.operations.get(id_)

    def operation(self, id_: int) -> Operation:
        """The operation as it would be.

        Raises:
            UnknownOperationError
        """
        found = self.find_operation(id_)
        if found is None:
            raise UnknownOperationError(id_)
        return found

    def put_operation(self, operation: Operation) -> None:
        """Change an operation, or add it under a number that is new."""
        if operation.id > self.last_id:
            self.last_id = operation.id
            self.operation_count += 1
        self.changed_operations[operation.id] = operation

    def drop_operation(self, id_: int) -> None:
        """Take an operation out."""
        begun = self.changed_operations.get(id_)
        if begun is not None and id_ not in self.base.operations:
            self.short_lived.append(begun)
        self.changed_operations[id_] = None
        self.operation_count -= 1

    def operations(self) -> Iterator[Operation]:
        """All operations as they would be."""
        changed: dict[int, Operation | None] = {}
        if self.before is not None:
            changed.update(self.before.changed_operations)
        changed.update(self.changed_operations)
        for id_, operation in self.base.operations.items():
            if id_ not in changed:
                yield operation
        for one in changed.values():
            if one is not None:
                yield one

    # What was done

    def note(
        self,
        who: str,
        what: str,
        subject: str,
        before: Mapping[str, Any] | None = None,
        after: Mapping[str, Any] | list[int] | None = None,
        outcome: str = "done",
    ) -> AuditNote:
        """Add a row to the audit trail, and return it."""
        # A bare tuple: there is one for each change, and what the garbage collector has to follow
        # costs more than all the rest of it.
        row = (who, what, subject, before, after, outcome, self.now)
        self.audit.append(row)
        return row

    def write(self, store: Store) -> None:
        """Write it down; runs in the journal's thread, inside one transaction."""
        added = [entry.record for name in self.added if (entry := self.entries[name]) is not None]
        if added:
            store.declare_sessions(added)
        store.change_sessions(self.changed, updated=self.now)
        if self.registered:
            store.put_registrations(self.registered)
        self.pairs.write(store)
        for name, moves in self.deleted.items():
            _delete(store, name, moves, self.now, force=name in self.forced)
        # Those that have gone already, too: their numbers are not to be given again.
        changed = [one for one in self.changed_operations.values() if one is not None]
        if changed or self.short_lived:
            store.put_operations([*self.short_lived, *changed])
        gone = [id_ for id_, one in self.changed_operations.items() if one is None]
        if gone:
            store.delete_operations(gone)
        if self.audit:
            store.audit_many(self.audit)

    def applied_to(self, now: RegistrySnapshot) -> RegistrySnapshot:
        """The next snapshot: ``now``, which may know newer standings than ``base``, and this."""
        deleted = now.deleted
        sessions = now.sessions
        entries: dict[str, SessionEntry | None] = {}
        for name, entry in self.entries.items():
            known = sessions.get(name)
            if entry is None:
                if known is not None and name not in self.left:
                    deleted = (*deleted, _gone(known, self.now))
            elif known is not None:
                entry = _as_known(entry, known)
            entries[name] = entry
        if self.registered and deleted:
            deleted = tuple(entry for entry in deleted if entry.name not in self.registered)
        return RegistrySnapshot(
            revision=now.revision + 1,
            sessions=sessions.with_changes(entries),
            operations=now.operations.with_changes(self.changed_operations),
            deleted=deleted[-DELETED_KEPT:],
            limits=self.limits,
        )


def _as_known(entry: SessionEntry, known: SessionEntry) -> SessionEntry:
    """The entry that was answered, unless the session has reported or got pairs meanwhile."""
    if known.status is entry.status and known.pairs == entry.pairs:
        return entry
    return SessionEntry(record=entry.record, status=known.status, pairs=known.pairs)


def _gone(entry: SessionEntry, at: float) -> SessionEntry:
    status = SessionStatus(health=Health.DELETED, phase=Phase.DELETED, reason="deleted", since=at)
    return SessionEntry(record=entry.record, status=status)


def _delete(store: Store, name: str, moves: Mapping[int, str], at: float, *, force: bool) -> None:
    """Give a session's rows of pairs to others, keep its credential as a backup, forget it.

    Raises:
        PairsAssignedError: there are rows of pairs that nobody plans any more, and no ``force``.
    """
    for target in sorted(set(moves.values())):
        moved = [pair for pair, where in moves.items() if where == target]
        store.move_pairs([pair for pair in moved if store.pair(pair) is not None], target)
    if store.session(name) is not None:
        with contextlib.suppress(CredentialDamagedError):  # then there is nothing to keep
            store.add_backup(name, BEFORE_DELETE, at)
        if force:
            _leave_rows(store, name, moves)
        store.delete_session(name)
    store.delete_registrations([name])


def _leave_rows(store: Store, name: str, moves: Mapping[int, str]) -> None:
    """Rows of pairs that nobody plans any more stay what they are, under another session."""
    left = [pair.id for pair in store.pairs(name)]
    heirs = sorted(moves.values()) or [one.name for one in store.sessions() if one.name != name]
    if left and heirs:
        store.move_pairs(left, heirs[0])
    for pair in left if not heirs else ():
        store.delete_pair(pair)
