"""Typed handles on the registered sessions: reads that never wait, durable changes.

Reading looks at the newest snapshot, from any thread. A change returns when it is on disk.
``Sessions`` is for coroutines, ``BlockingSessions`` for plain code; they differ in nothing else.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

import pykka

from .. import actors
from ..errors import InvalidRecordError, UnknownSessionError
from ..telegram import Health
from .blocking_methods import BlockingHandle, blocking
from .registry_client import RegistryClient

DELETE_WITHIN: Final = 90.0  # seconds; the session finishes what is under way first

Fields = Mapping[str, Any]


class SessionReads:
    """What there is to read about sessions, without waiting for anybody."""

    def __init__(self, client: RegistryClient) -> None:
        self._client, self._board = client, client.board

    def get(self, name: str) -> actors.SessionEntry:
        """The session as it is now.

        Raises:
            UnknownSessionError: there is none of that name.
        """
        try:
            return self._board.current.sessions[name]
        except (KeyError, TypeError):
            raise UnknownSessionError(name, tuple(sorted(self._board.current.sessions))) from None

    def list(self) -> tuple[actors.SessionEntry, ...]:
        """All sessions, by name."""
        entries = self._board.current.sessions.values()
        return tuple(sorted(entries, key=lambda one: one.record.name))

    def by_health(self, health: Health | str) -> tuple[actors.SessionEntry, ...]:
        """The sessions under one of the six words, by name; all from the same snapshot.

        Under ``deleted`` are the last ones that were deleted since the warden started.

        Raises:
            InvalidRecordError: it is none of the six words.
        """
        try:
            return self._board.current.by_health[Health(health)]
        except ValueError:
            raise InvalidRecordError("health", health, ", ".join(Health)) from None

    def best(self, *, exclude: Collection[str] = (), only_healthy: bool = True) -> actors.Placement:
        """The session to give one more pair to, why, and how the others compare.

        Raises:
            NoSessionFitsError: none can take one, and why.

        Example::

            choice = warden.sessions.best()
            print(choice.name, choice.reason)
        """
        return actors.best_session(
            self._board.current.sessions.values(),
            now=self._client.wall(),
            exclude=exclude,
            only_healthy=only_healthy,
        )

    def __contains__(self, name: object) -> bool:
        return name in self._board.current.sessions

    def __len__(self) -> int:
        return len(self._board.current.sessions)


class Sessions(SessionReads):
    """Sessions, for coroutines."""

    async def register(
        self, name: str, /, *, who: str = "app", **fields: Any
    ) -> actors.SessionEntry:
        """Register a session that no configuration declares; every later start has it, too.

        Args:
            name: letters, digits and underscores.
            who: noted in the audit trail.
            fields: ``phone`` (E.164), ``priority`` (1 to 10, 5), ``max_pairs`` (1 to 50, 30) and
                ``metadata`` (names to text, numbers, truth values or ``None``).

        Raises:
            SessionExistsError, RegistryFullError, UnknownFieldError, InvalidRecordError

        Example::

            await warden.sessions.register("carol", phone="+12025550123", max_pairs=10)
        """
        message = actors.RegisterSession(name=name, fields=_own(fields), who=who)
        return await self._client.ask(message)

    async def change(self, name: str, /, *, who: str = "app", **fields: Any) -> actors.SessionEntry:
        """Change some fields of a session at once, all or none; see ``register``.

        Raises:
            UnknownSessionError, SessionBusyError, SessionFullError, UnknownFieldError,
            InvalidRecordError

        Example::

            await warden.sessions.change("alice", priority=1, metadata={"desk": "news"})
        """
        message = actors.ChangeSession(name=name, fields=_own(fields), who=who)
        return await self._client.ask(message)

    async def change_many(
        self, changes: Mapping[str, Fields], *, who: str = "app"
    ) -> tuple[actors.ItemOutcome, ...]:
        """Change many sessions, each all or none; returns how each went, in the same order."""
        message = actors.ChangeMany(changes=_each(changes), who=who)
        return await self._client.ask(message)

    async def delete(
        self,
        name: str,
        *,
        force: bool = False,
        within: float = 10.0,
        accept_doubt: bool = False,
        dry_run: bool = False,
        who: str = "app",
    ) -> actors.Deleted:
        """Stop a session and forget it; its backups are kept. Tells which pair went where.

        Args:
            force: give its pairs to other sessions first, all of them or none: each to the best
                one that may serve it.
            within: seconds that its pairs get to finish what is on its way.
            accept_doubt: give pairs away also where it cannot be known what has arrived; see
                ``Pairs.reassign``.
            dry_run: only look, and tell where the pairs would go.

        Raises:
            UnknownSessionError, SessionBusyError
            PairsAssignedError: it has pairs, and ``force`` was not given.
            NoSessionFitsError: the others have not room for all of its pairs.
            PairsNotMovedError: nobody with room may serve them all, and why; or a flood lasts.
            PairBusyError: a pair did not come to rest in time; the session goes on with all.
        """
        message = actors.DeleteSession(
            name=name,
            force=force,
            within=within,
            accept_doubt=accept_doubt,
            dry_run=dry_run,
            who=who,
        )
        return await self._client.ask(message, timeout=DELETE_WITHIN + within)


class BlockingSessions(SessionReads, BlockingHandle[Sessions]):
    """Sessions, for plain code in any thread; each method is explained in ``Sessions``."""

    def __init__(self, client: RegistryClient) -> None:
        super().__init__(client)
        self._handle = Sessions(client.for_threads())

    register = blocking(Sessions.register)
    change = blocking(Sessions.change)
    change_many = blocking(Sessions.change_many)
    delete = blocking(Sessions.delete)

    def change_later(
        self, name: str, /, *, who: str = "app", **fields: Any
    ) -> pykka.Future[actors.SessionEntry]:
        """Ask for a change and go on; ``get()`` of the future waits until it is on disk.

        A thread that has many changes to make is not held up by the disk for each of them.
        """
        return self._client.send(actors.ChangeSession(name=name, fields=_own(fields), who=who))

    def change_many_later(
        self, changes: Mapping[str, Fields], *, who: str = "app"
    ) -> pykka.Future[tuple[actors.ItemOutcome, ...]]:
        """Ask for many changes and go on: the next ones can be got ready meanwhile."""
        return self._client.send(actors.ChangeMany(changes=_each(changes), who=who))


def _each(changes: Mapping[str, Fields]) -> dict[str, Fields]:
    try:
        return {name: _own(fields) for name, fields in dict(changes).items()}
    except (TypeError, ValueError):
        kind = type(changes).__name__
        raise InvalidRecordError("changes", kind, "a mapping of names to fields") from None


def _own(fields: Fields) -> Fields:
    """The fields as they are now: the registry reads them later, when the giver's are others."""
    if not isinstance(fields, dict):
        return dict(fields) if isinstance(fields, Mapping) else fields  # type: ignore[redundant-expr]  # whatever is given
    own = fields.copy()
    metadata = own.get("metadata")
    if isinstance(metadata, Mapping):
        own["metadata"] = dict(metadata)
    return own
