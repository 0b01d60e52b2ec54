"""The registry as it was at one moment: immutable, whole, read by anybody without asking.

The registry's actor is the only one who makes the next snapshot; it puts it on the board with one
assignment, so that a reader sees one state or the next and never half of each.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from ..telegram import Health
from .book import Book
from .entries import Operation, OperationState, RegistryLimits, SessionEntry
from .subtrees import SessionPlan

__all__ = ["Board", "RegistrySnapshot"]

NO_SESSIONS: Final[Book[str, SessionEntry]] = Book()
NO_OPERATIONS: Final[Book[int, Operation]] = Book()


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

    def __init__(
        self,
        *,
        revision: int = 0,
        sessions: Book[str, SessionEntry] = NO_SESSIONS,
        operations: Book[int, Operation] = NO_OPERATIONS,
        deleted: tuple[SessionEntry, ...] = (),
        limits: RegistryLimits | None = None,
    ) -> None:
        self.revision, self.sessions, self.operations = revision, sessions, operations
        self.deleted, self.limits = deleted, limits or RegistryLimits()
        # Worked out when first asked for; two threads that ask at once find the same.
        self._by_health: Mapping[Health, tuple[SessionEntry, ...]] | None = None
        self._by_state: Mapping[OperationState, tuple[Operation, ...]] | None = None

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
                found[entry.standing.health].append(entry)
            found[Health.DELETED] += self.deleted
            self._by_health = MappingProxyType(
                {health: tuple(entries) for health, entries in found.items()}
            )
        return self._by_health

    @property
    def by_state(self) -> Mapping[OperationState, tuple[Operation, ...]]:
        """The operations in each state, oldest first."""
        if self._by_state is None:
            found: dict[OperationState, list[Operation]] = {state: [] for state in OperationState}
            for operation in sorted(self.operations.values(), key=lambda one: one.id):
                found[operation.state].append(operation)
            self._by_state = MappingProxyType(
                {state: tuple(entries) for state, entries in found.items()}
            )
        return self._by_state


class Board:
    """Where the newest snapshot hangs; one for each start of a registry, kept through crashes.

    ``plans`` are the registry's own: what its next incarnation goes on from.
    """

    __slots__ = ("now", "plans")

    def __init__(self) -> None:
        self.now = RegistrySnapshot()
        self.plans: Mapping[str, SessionPlan] | None = None

    def put(self, entry: SessionEntry) -> None:
        """Show a session as it is by now; the registry's actor only."""
        now = self.now
        self.now = RegistrySnapshot(
            revision=now.revision + 1,
            sessions=now.sessions.with_changes({entry.name: entry}),
            operations=now.operations,
            deleted=now.deleted,
            limits=now.limits,
        )
