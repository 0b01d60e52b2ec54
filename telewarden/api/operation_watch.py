"""Observation of one operation to its end, also where events are missing.

A registry that crashes may have written a step and told nobody; one that has stopped tells nothing
any more. So what is heard of the registry itself counts, too: when it is back, its board is looked
at, and when it will not come back, whoever watches is told so. Waits for nothing itself.
"""

from __future__ import annotations

from typing import Final

from ..actors import (
    Operation,
    OperationEnded,
    OperationEvent,
    OperationProgressed,
    OperationRemoved,
)
from ..errors import NotRunningError, OperationDroppedError
from ..supervision import ChildFailed, ChildStarted, ChildStopped, Event
from .registry_client import RegistryClient

HEARD: Final[tuple[type[Event], ...]] = (
    OperationProgressed,
    OperationEnded,
    OperationRemoved,
    ChildFailed,
    ChildStopped,
    ChildStarted,
)
"""The kinds of events that ``Progress`` has to be given."""
LOOK_EVERY: Final = 0.1  # seconds; only while the registry is away, which is a moment or for good


class Progress:
    """How far an operation is.

    Args:
        operation: how it is now, looked up after its events were subscribed to.
    """

    def __init__(self, client: RegistryClient, operation: Operation) -> None:
        self._client, self._id, self.operation = client, operation.id, operation
        self._away = False

    @staticmethod
    def concerns(event: Event, id_: int) -> bool:
        """Whether an event says something about that operation, or about the registry."""
        if isinstance(event, OperationEvent):
            return event.operation.id == id_
        return event.child == "registry"

    @property
    def patience(self) -> float | None:
        """Seconds to wait for an event before ``look``; ``None`` for as long as it takes."""
        return LOOK_EVERY if self._away else None

    def heard(self, event: Event) -> bool:
        """Take in an event; returns whether the operation is another now.

        Raises:
            OperationDroppedError: it was removed before it ended.
        """
        before = self.operation
        if isinstance(event, OperationEvent):
            if isinstance(event, OperationRemoved) and event.operation.active:
                raise OperationDroppedError(self._id)
            self.operation = event.operation
            return True
        self._away = not isinstance(event, ChildStarted)
        if not self._away:
            found = self._client.board.current.operations.get(self._id)
            if found is None:
                raise OperationDroppedError(self._id)
            self.operation = found
        return self.operation != before

    def look(self) -> None:
        """See whether the registry can still come back.

        Raises:
            NotRunningError: it cannot.
        """
        if self._away and self._client.gone:
            raise NotRunningError(
                "the registry", f"operation {self._id} ended with it; start it and begin another"
            )
