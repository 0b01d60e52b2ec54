"""The typed handle on the registry: sessions, operations, statistics, limits, audit trail.

Reads look at one immutable snapshot and wait for nobody; changes are messages to one actor and
return when they are on disk. ``Registry`` is for coroutines, ``BlockingRegistry`` for plain code
in any thread but the registry's own loop.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from ..actors import (
    AuditAsked,
    Limited,
    ReconfigureRegistry,
    RegistryEvent,
    RegistrySnapshot,
    RegistryStatistics,
    statistics,
)
from ..storage import AuditRow
from .blocking_methods import BlockingHandle, blocking
from .listener import Listener
from .operations import BlockingOperations, Operations
from .registry_client import ANSWER_WITHIN, RegistryClient
from .sessions import BlockingSessions, Sessions

ROWS_A_SECOND: Final = 10_000

E = TypeVar("E", bound=RegistryEvent)


class _Reads:
    def __init__(self, client: RegistryClient) -> None:
        self._client = client

    @property
    def snapshot(self) -> RegistrySnapshot:
        """Everything as it is at one moment: immutable, and whole."""
        return self._client.board.current

    def statistics(self) -> RegistryStatistics:
        """The registry in numbers, and its overall health.

        Example::

            statistics = warden.registry.statistics()
            print(statistics.sessions, statistics.overall, statistics.reasons)
        """
        return statistics(self._client.board.current, self._client.wall())

    def subscribe(self, callback: Callable[[E], object], kinds: Sequence[type[E]] = ()) -> Listener:
        """Call ``callback`` with the registry's events of ``kinds``, in a thread of its own.

        Nobody waits for it, however long it takes. If it raises it is detached and reported.
        ``close()`` of what is returned ends it.

        Raises:
            InvalidSpecError: ``callback`` is a coroutine function, which nobody would await, or
                ``kinds`` are no classes of events.
        """
        return Listener(self._client.events, callback, kinds or (RegistryEvent,))


class Registry(_Reads):
    """One registry, for coroutines."""

    def __init__(self, client: RegistryClient) -> None:
        super().__init__(client)
        self.sessions, self.operations = Sessions(client), Operations(client)

    async def reconfigure(self, /, *, who: str = "app", **limits: Any) -> Limited:
        """Change limits while running; see ``RegistryLimits``. Returns what followed.

        A lower maximum of operations removes the ones that are over, oldest first; shorter times
        remove what has expired by them. Nothing that is in use goes. It lasts until the next
        start, which reads the configuration again.

        Raises:
            UnknownFieldError, InvalidSpecError: nothing has changed.
        """
        return await self._client.ask(ReconfigureRegistry(fields=limits, who=who))

    async def audit(
        self,
        *,
        who: str | None = None,
        what: str | None = None,
        subject: str | None = None,
        since: float = 0.0,
        before: float | None = None,
        limit: int = 100,
    ) -> tuple[AuditRow, ...]:
        """Who changed what, newest first; ``None`` matches everything.

        Args:
            what: ``register``, ``change``, ``delete``, ``begin``, ``end``, ``clean``,
                ``reconfigure``; of pairs ``add pair``, ``change pair``, ``remove pair``,
                ``reassign``, ``pause pair``, ``resume pair``, ``confirm pair``,
                ``backfill pair``, ``retry dead``, ``drop dead``; of logins ``login``, ``renew``,
                ``logout``, ``import``, ``export``, ``restore``, ``recover``.
            subject: a session's name, ``pair 3``, ``operation 17``, ``registry``.
            since: epoch seconds.
            before: epoch seconds; of the oldest row of a page it asks for the next page.
            limit: how many rows at most, 1 to 1,000,000.

        Raises:
            InvalidRecordError: the question makes no sense.

        Example::

            for row in await warden.registry.audit(subject="alice", limit=10):
                print(row.at, row.who, row.what, row.outcome)
        """
        asked = AuditAsked(
            who=who, what=what, subject=subject, since=since, before=before, limit=limit
        )
        return await self._client.ask(asked, timeout=_patience(limit))


class BlockingRegistry(_Reads, BlockingHandle[Registry]):
    """One registry, for plain code in any thread; each method is explained in ``Registry``."""

    def __init__(self, client: RegistryClient) -> None:
        super().__init__(client)
        self._handle = Registry(client.for_threads())
        self.sessions, self.operations = BlockingSessions(client), BlockingOperations(client)

    reconfigure = blocking(Registry.reconfigure)
    audit = blocking(Registry.audit)


def _patience(limit: int) -> float:
    """Seconds to wait for so many rows: they are read in turns with what others write."""
    return ANSWER_WITHIN + limit / ROWS_A_SECOND
