"""The registry's snapshot: immutable, published by one assignment, read by anybody.

The registry's actor is the only one who makes the next snapshot; it puts it on the board with one
assignment, so that a reader sees one state or the next and never half of each.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import FrozenInstanceError
from types import MappingProxyType
from typing import Final

from ...storage import Operation, OperationState
from ...telegram import Health, HealthVerdict
from ..messages import PairPlan
from ..pair_graph import PairGraph
from .model import RegistryLimits, SessionEntry
from .persistent_map import PersistentMap
from .session_specs import SessionPlan

NO_SESSIONS: Final[PersistentMap[str, SessionEntry]] = PersistentMap()
NO_VERDICTS: Final[PersistentMap[tuple[str, str], HealthVerdict]] = PersistentMap()
NO_OPERATIONS: Final[PersistentMap[int, Operation]] = PersistentMap()


class RegistrySnapshot:
    """Sessions and operations at one revision; the revision rises with every change.

    ``deleted`` holds the last sessions that were deleted since the warden started.
    """

    __slots__ = (
        "_by_health",
        "_by_state",
        "deleted",
        "limits",
        "operations",
        "revision",
        "sessions",
    )

    revision: int
    sessions: PersistentMap[str, SessionEntry]
    operations: PersistentMap[int, Operation]
    deleted: tuple[SessionEntry, ...]
    limits: RegistryLimits
    _by_health: Mapping[Health, tuple[SessionEntry, ...]] | None
    _by_state: Mapping[OperationState, tuple[Operation, ...]] | None

    def __init__(
        self,
        *,
        revision: int = 0,
        sessions: PersistentMap[str, SessionEntry] = NO_SESSIONS,
        operations: PersistentMap[int, Operation] = NO_OPERATIONS,
        deleted: tuple[SessionEntry, ...] = (),
        limits: RegistryLimits | None = None,
    ) -> None:
        put = object.__setattr__
        put(self, "revision", revision)
        put(self, "sessions", sessions)
        put(self, "operations", operations)
        put(self, "deleted", deleted)
        put(self, "limits", limits or RegistryLimits())
        # Worked out when first asked for; two threads that ask at once find the same.
        put(self, "_by_health", None)
        put(self, "_by_state", None)

    def __setattr__(self, name: str, value: object) -> None:
        raise FrozenInstanceError(f"cannot assign to {name!r} of a snapshot; it stays as it is")

    def __delattr__(self, name: str) -> None:
        raise FrozenInstanceError(f"cannot delete {name!r} of a snapshot; it stays as it is")

    def __repr__(self) -> str:
        return (
            f"<RegistrySnapshot {self.revision}: {len(self.sessions)} sessions,"
            f" {len(self.operations)} operations>"
        )

    @property
    def by_health(self) -> Mapping[Health, tuple[SessionEntry, ...]]:
        """The sessions under each of the six words, by name."""
        if self._by_health is None:
            found: dict[Health, list[SessionEntry]] = {health: [] for health in Health}
            for entry in sorted(self.sessions.values(), key=lambda one: one.record.name):
                found[entry.status.health].append(entry)
            found[Health.DELETED] += self.deleted
            by_health = {health: tuple(entries) for health, entries in found.items()}
            object.__setattr__(self, "_by_health", MappingProxyType(by_health))
        return self._by_health  # type: ignore[return-value]  # set just now

    @property
    def by_state(self) -> Mapping[OperationState, tuple[Operation, ...]]:
        """The operations in each state, oldest first."""
        if self._by_state is None:
            found: dict[OperationState, list[Operation]] = {state: [] for state in OperationState}
            for operation in sorted(self.operations.values(), key=lambda one: one.id):
                found[operation.state].append(operation)
            by_state = {state: tuple(entries) for state, entries in found.items()}
            object.__setattr__(self, "_by_state", MappingProxyType(by_state))
        return self._by_state  # type: ignore[return-value]  # set just now


class Board:
    """Where the newest snapshot hangs; one for each start of a registry, kept through crashes.

    ``plans``, ``declared`` and ``stuck`` are the registry's own: what its next incarnation goes on
    from.
    ``located`` are the pairs whose chats have been found, of all sessions, whoever starts again.
    ``verdicts`` are the health monitor's, by session and group.
    ``waits_for`` says what keeps a change from being written, if anything does.
    """

    __slots__ = ("current", "declared", "located", "plans", "stuck", "verdicts", "waits_for")

    def __init__(self) -> None:
        self.current = RegistrySnapshot()
        self.located = PairGraph()
        self.plans: Mapping[str, SessionPlan] | None = None
        self.declared: Mapping[int, PairPlan] = {}
        self.stuck: frozenset[int] = frozenset()
        self.verdicts = NO_VERDICTS
        self.waits_for = ""

    @property
    def verdicts_by_subject(self) -> tuple[HealthVerdict, ...]:
        """The health monitor's verdicts, by session and group."""
        return tuple(sorted(self.verdicts.values(), key=lambda one: one.key))

    def put(self, entry: SessionEntry) -> None:
        """Show a session as it is by now; the registry's actor only."""
        now = self.current
        self.current = RegistrySnapshot(
            revision=now.revision + 1,
            sessions=now.sessions.with_changes({entry.name: entry}),
            operations=now.operations,
            deleted=now.deleted,
            limits=now.limits,
        )
