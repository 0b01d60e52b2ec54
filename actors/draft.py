"""A group of changes on its way to the disk: what they would make of the registry.

Changes are tried on a draft, in order, each on top of those before it. The draft is written as
one transaction; only then does the next snapshot show it. If the disk refuses, the draft is
dropped, and nobody has ever seen it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping

from ..errors import (
    CredentialDamagedError,
    SessionBusyError,
    UnknownOperationError,
    UnknownSessionError,
)
from ..storage import AuditRow, SessionRecord, Store
from ..telegram import Health, Phase
from .entries import Operation, RegistryLimits, SessionEntry, Standing
from .registry_facts import RegistryEvent
from .registry_snapshot import RegistrySnapshot

__all__ = ["DELETED_KEPT", "Draft"]

DELETED_KEPT = 100  # deleted sessions that are still shown


class Draft:
    """What a group of changes makes of ``base``.

    Args:
        base: the registry as everybody sees it.
        now: epoch seconds, the same for the whole group.
        last_id: the highest operation number given so far.
        busy: sessions that must not be changed now, and what is being done to them.
        pairs: the ids of each session's pairs.
        following: which operation of the warden's own is under way, by session and kind.
    """

    def __init__(
        self,
        base: RegistrySnapshot,
        *,
        now: float,
        last_id: int,
        busy: Mapping[str, str],
        pairs: Mapping[str, tuple[int, ...]],
        following: Mapping[tuple[str, str], int],
    ) -> None:
        self.base, self.now, self.last_id = base, now, last_id
        self.busy, self.pairs, self.following = busy, pairs, dict(following)
        self.limits: RegistryLimits = base.limits
        self.audit: list[AuditRow] = []
        self.events: list[RegistryEvent] = []
        self.registered: list[str] = []
        self.moves: dict[int, str] = {}
        self.session_count, self.operation_count = len(base.sessions), len(base.operations)
        self._records: dict[str, SessionRecord | None] = {}
        self._operations: dict[int, Operation | None] = {}
        self._entries: dict[str, SessionEntry] = {}

    # Sessions

    def find(self, name: str) -> SessionRecord | None:
        """The session's record as it would be, if there is one."""
        if name in self._records:
            return self._records[name]
        entry = self.base.sessions.get(name)
        return None if entry is None else entry.record

    def record(self, name: str) -> SessionRecord:
        """The session's record, for a change.

        Raises:
            UnknownSessionError, SessionBusyError
        """
        record = self.find(name)
        if record is None:
            raise UnknownSessionError(name, tuple(sorted(self.base.sessions)))
        if name in self.busy:
            raise SessionBusyError(name, self.busy[name])
        return record

    def put(self, record: SessionRecord) -> None:
        """Add or change a session."""
        if self.find(record.name) is None:
            self.session_count += 1
        self._records[record.name] = record

    def drop(self, name: str) -> None:
        """Take a session out."""
        if self.find(name) is not None:
            self.session_count -= 1
        self._records[name] = None

    def changed_records(self) -> tuple[tuple[str, SessionRecord | None], ...]:
        """The sessions that are new or changed, and, as ``None``, those that are gone."""
        return tuple(self._records.items())

    def entry(self, record: SessionRecord) -> SessionEntry:
        """The session as it would be seen."""
        known = self.base.sessions.get(record.name)
        standing = Standing(since=self.now) if known is None else known.standing
        entry = SessionEntry(record=record, standing=standing, pairs=self.pair_count(record.name))
        self._entries[record.name] = entry
        return entry

    def pair_count(self, name: str) -> int:
        """How many pairs a session has."""
        return len(self.pairs.get(name, ()))

    # Operations

    def find_operation(self, id_: int) -> Operation | None:
        """The operation as it would be, if there is one."""
        if id_ in self._operations:
            return self._operations[id_]
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
        self._operations[operation.id] = operation

    def drop_operation(self, id_: int) -> None:
        """Take an operation out."""
        self._operations[id_] = None
        self.operation_count -= 1

    def operations(self) -> Iterator[Operation]:
        """All operations as they would be."""
        for id_, operation in self.base.operations.items():
            if id_ not in self._operations:
                yield operation
        for changed in tuple(self._operations.values()):
            if changed is not None:
                yield changed

    # What was done

    def note(
        self,
        who: str,
        what: str,
        subject: str,
        before: object = None,
        after: object = None,
        outcome: str = "done",
    ) -> None:
        """Add a row to the audit trail."""
        self.audit.append(
            AuditRow(
                who=who,
                what=what,
                subject=subject,
                before=before,
                after=after,
                outcome=outcome,
                at=self.now,
            )
        )

    def write(self, store: Store) -> None:
        """Write it down; runs in the journal's thread, inside one transaction."""
        for target in sorted(set(self.moves.values())):
            moved = [pair for pair, where in self.moves.items() if where == target]
            store.move_pairs([pair for pair in moved if store.pair(pair) is not None], target)
        put = [record for record in self._records.values() if record is not None]
        if put:
            store.declare_sessions(put)
        gone = [name for name, record in self._records.items() if record is None]
        for name in gone:
            if store.session(name) is not None:
                with contextlib.suppress(CredentialDamagedError):  # then there is nothing to keep
                    store.add_backup(name, "before delete", self.now)
                self._rehome(store, name)
                store.delete_session(name)
        if gone:
            store.delete_registrations(gone)
        if self.registered:
            store.put_registrations(name for name in self.registered if name not in gone)
        self._write_operations(store)
        if self.audit:
            store.audit_many(self.audit)

    def _rehome(self, store: Store, name: str) -> None:
        """Rows of pairs that nobody plans any more stay what they are, under another session."""
        left = [pair.id for pair in store.pairs(name)] if self.moves else []
        if left:
            store.move_pairs(left, min(self.moves.values()))

    def _write_operations(self, store: Store) -> None:
        changed = [one.as_record() for one in self._operations.values() if one is not None]
        if changed:
            store.put_operations(changed)
        gone = [id_ for id_, one in self._operations.items() if one is None]
        if gone:
            store.delete_operations(gone)

    def applied_to(self, now: RegistrySnapshot) -> RegistrySnapshot:
        """The next snapshot: ``now``, which may know newer standings than ``base``, and this."""
        deleted = now.deleted
        entries: dict[str, SessionEntry | None] = {}
        for name, record in self._records.items():
            known = now.sessions.get(name)
            if record is None:
                entries[name] = None
                deleted = (*deleted, _gone(known, self.now)) if known is not None else deleted
                continue
            entries[name] = self._seen(record, known)
        if self.registered and deleted:
            deleted = tuple(entry for entry in deleted if entry.name not in self.registered)
        return RegistrySnapshot(
            revision=now.revision + 1,
            sessions=now.sessions.with_changes(entries),
            operations=now.operations.with_changes(self._operations),
            deleted=deleted[-DELETED_KEPT:],
            limits=self.limits,
        )

    def _seen(self, record: SessionRecord, known: SessionEntry | None) -> SessionEntry:
        """The entry to show; the one that was answered, unless the session reported meanwhile."""
        entry = self._entries.get(record.name)
        if entry is None or entry.record is not record:
            entry = self.entry(record)
        if known is None or known.standing is entry.standing:
            return entry
        return SessionEntry(record=record, standing=known.standing, pairs=entry.pairs)


def _gone(entry: SessionEntry, at: float) -> SessionEntry:
    standing = Standing(health=Health.DELETED, phase=Phase.DELETED, reason="deleted", since=at)
    return SessionEntry(record=entry.record, standing=standing)
