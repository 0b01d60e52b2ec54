"""Loading of the registry from the database, and its first snapshot."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import Final

from ...storage import AuditRow, Operation, PlanRow, SessionRecord, Store, VerdictRow
from ...telegram import HealthVerdict
from ..journal import Journal
from .changes.sessions import changed_event, difference
from .events import RegistryEvent, SessionDeleted, SessionRegistered
from .messages import AuditAsked
from .model import RegistryLimits, SessionEntry, SessionStatus
from .persistent_map import PersistentMap
from .snapshot import RegistrySnapshot
from .verdict_rows import verdict_of

REGISTRY: Final = "registry"  # who tells what another incarnation has done
NOBODY: Final[Mapping[int, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Loaded:
    """What the database holds; ``last_id`` is the highest operation number ever given."""

    records: tuple[SessionRecord, ...]
    operations: tuple[Operation, ...]
    last_id: int
    plans: tuple[PlanRow, ...]
    verdicts: tuple[VerdictRow, ...] = ()


def load(store: Store, planned: Collection[str]) -> Loaded:
    """Read the planned sessions and those registered at run time; in the journal's thread.

    A session that a configuration declared once, and no longer does, is left where it is.
    """
    wanted = store.registrations().union(planned)
    records = tuple(
        replace(record, metadata=MappingProxyType(dict(record.metadata)))
        for record in store.sessions()
        if record.name in wanted
    )
    operations = tuple(store.operations())
    return Loaded(
        records,
        operations,
        store.last_operation_id(),
        tuple(store.plans()),
        tuple(store.verdicts()),
    )


def first_snapshot(
    loaded: Loaded,
    before: RegistrySnapshot,
    *,
    pairs: Mapping[str, tuple[int, ...]],
    limits: RegistryLimits,
    now: float,
) -> RegistrySnapshot:
    """What was loaded; how the sessions are is taken from ``before``, an earlier incarnation's."""
    entries = {}
    for record in loaded.records:
        known = before.sessions.get(record.name)
        status = SessionStatus(since=now) if known is None else known.status
        entries[record.name] = SessionEntry(
            record=record, status=status, pairs=len(pairs.get(record.name, ()))
        )
    return RegistrySnapshot(
        revision=before.revision + 1,
        sessions=PersistentMap(entries),
        operations=PersistentMap({one.id: one for one in loaded.operations}),
        deleted=before.deleted,
        limits=limits,
    )


def stored_verdicts(
    loaded: Loaded, known: Collection[str]
) -> PersistentMap[tuple[str, str], HealthVerdict]:
    """The verdicts that were kept, on sessions that there are; what cannot be read is left out."""
    found = (verdict_of(row) for row in loaded.verdicts if row.session in known)
    return PersistentMap({one.key: one for one in found if one is not None})


def untold(
    before: RegistrySnapshot, now: RegistrySnapshot, *, at: float
) -> Iterator[RegistryEvent]:
    """What an incarnation wrote down and did not live to tell; by whom says the audit trail."""
    for name in sorted({*before.sessions, *now.sessions}):
        old, new = before.sessions.get(name), now.sessions.get(name)
        if old is None:
            yield SessionRegistered(at=at, session=name, who=REGISTRY)
        elif new is None:
            yield SessionDeleted(at=at, session=name, who=REGISTRY, moved=NOBODY)
        elif note := difference(old.record, new.record, who=REGISTRY, at=at):
            yield changed_event(note)


async def audit_rows(asked: AuditAsked, journal: Journal) -> tuple[AuditRow, ...]:
    """Answer a question about the audit trail, page by page: whoever writes has turns between."""
    found: list[AuditRow] = []
    below = await journal.do(lambda store: store.audit_end())
    while below and len(found) < asked.limit:
        page, below = await journal.do(partial(_audit_page, asked, below, asked.limit - len(found)))
        found += page
    return tuple(found)


def _audit_page(
    asked: AuditAsked, below: int, limit: int, store: Store
) -> tuple[list[AuditRow], int]:
    return store.audit_page(
        below,
        who=asked.who,
        what=asked.what,
        subject=asked.subject,
        since=asked.since,
        before=asked.before,
        limit=limit,
    )
