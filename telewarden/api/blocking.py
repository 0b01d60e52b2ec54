"""Blocking handles for threads: pairs and a session's calls."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from datetime import datetime
from typing import Any, TypeVar

from ..actors import PairPlan
from ..supervision import run_in_loop
from ..telegram import PairReport, SessionReport
from .pairs import DeadLetter, Pairs
from .reassign import Move
from .registry import BlockingRegistry
from .registry_client import RegistryClient
from .session import SessionHandle

T = TypeVar("T")

Loop = Callable[[], asyncio.AbstractEventLoop]


class Blocking(BlockingRegistry):
    """What a warden offers to plain code: sessions, pairs, operations, the audit trail."""

    def __init__(
        self,
        desk: RegistryClient,
        pairs: Pairs,
        loop: Loop,
        session: Callable[[str], SessionHandle],
    ) -> None:
        super().__init__(desk)
        self.pairs = BlockingPairs(pairs, loop)
        self._loop, self._session = loop, session

    def session(self, name: str) -> BlockingSession:
        """One session to call Telegram with.

        Raises:
            UnknownSessionError: there is none of that name.
        """
        return BlockingSession(self._session(name), self._loop)


class BlockingSession:
    """One session, for plain code in any thread; each method is explained in ``SessionHandle``."""

    def __init__(self, handle: SessionHandle, loop: Loop) -> None:
        self._handle, self._loop = handle, loop

    def __repr__(self) -> str:
        return f"<BlockingSession {self._handle.name}>"

    def wait_online(self, timeout: float | None = None) -> SessionReport:
        """Wait until it is online, and return how it is."""
        return self._run(self._handle.wait_online(timeout))

    def call(
        self, request: Any, *, deadline: float | None = None, patience: float | None = None
    ) -> Any:
        """Make one Telegram request and return its answer."""
        return self._run(self._handle.call(request, deadline=deadline, patience=patience))

    def report(self) -> SessionReport:
        """How the session is."""
        return self._run(self._handle.report())

    def recover(self, *, who: str = "app") -> None:
        """Let it climb the recovery ladder now."""
        self._run(self._handle.recover(who=who))

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        way = "await the same method of `warden.session(name)`"
        return _done_in(self._loop, work, "the session", way)


class BlockingPairs:
    """Pairs, for plain code in any thread; each method is explained in ``Pairs``."""

    def __init__(self, pairs: Pairs, loop: Loop) -> None:
        self._pairs, self._loop = pairs, loop

    def list(self, session: str | None = None) -> tuple[PairPlan, ...]:
        """All pairs by number, or a session's."""
        return self._run(self._pairs.list(session))

    def get(self, pair: int) -> PairPlan:
        """One pair as it is planned."""
        return self._run(self._pairs.get(pair))

    def add(
        self,
        pair: int | None = None,
        *,
        session: str | None = None,
        who: str = "app",
        **fields: Any,
    ) -> PairPlan:
        """Let there be one more pair; every later start has it, too."""
        return self._run(self._pairs.add(pair, session=session, who=who, **fields))

    def change(self, pair: int, /, *, who: str = "app", **fields: Any) -> PairPlan:
        """Change how a pair goes on from now, in place."""
        return self._run(self._pairs.change(pair, who=who, **fields))

    def remove(self, pair: int, *, accept_doubt: bool = False, who: str = "app") -> PairPlan:
        """Let a pair go."""
        return self._run(self._pairs.remove(pair, accept_doubt=accept_doubt, who=who))

    def pause(self, pair: int, reason: str = "", *, who: str = "app") -> PairReport:
        """Stop forwarding until ``resume``."""
        return self._run(self._pairs.pause(pair, reason, who=who))

    def resume(self, pair: int, *, who: str = "app") -> PairReport:
        """Go on now, whatever the pair was paused for."""
        return self._run(self._pairs.resume(pair, who=who))

    def confirm(self, pair: int, *, take: bool = False, who: str = "app") -> PairPlan:
        """Say which chats a pair means whose name means another chat by now."""
        return self._run(self._pairs.confirm(pair, take=take, who=who))

    def backfill(
        self, pair: int, *, after: int = 0, since: datetime | None = None, who: str = "app"
    ) -> PairReport:
        """Forward the past, too."""
        return self._run(self._pairs.backfill(pair, after=after, since=since, who=who))

    def dead(self, pair: int | None = None) -> tuple[DeadLetter, ...]:
        """The messages that could not be delivered, of one pair or of all."""
        return self._run(self._pairs.dead(pair))

    def retry(self, pair: int, source_ids: Sequence[int] = (), *, who: str = "app") -> int:
        """Send dead letters again; returns how many."""
        return self._run(self._pairs.retry(pair, source_ids, who=who))

    def drop(self, pair: int, source_ids: Sequence[int] = (), *, who: str = "app") -> int:
        """Forget dead letters; returns how many."""
        return self._run(self._pairs.drop(pair, source_ids, who=who))

    def reassign(
        self,
        selection: str,
        to: str,
        *,
        dry_run: bool = False,
        accept_doubt: bool = False,
        who: str = "app",
    ) -> Move:
        """Move pairs to another session: all of them or none."""
        move = self._pairs.reassign(
            selection, to, dry_run=dry_run, accept_doubt=accept_doubt, who=who
        )
        return self._run(move)

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        way = "await the same method of `warden.pairs`"
        return _done_in(self._loop, work, "the pairs", way)


def _done_in(find: Loop, work: Coroutine[Any, Any, T], what: str, way: str) -> T:
    try:
        loop = find()
    except BaseException:  # whatever it is, the coroutine never runs and would complain
        work.close()
        raise
    return run_in_loop(loop, work, what, way=way)
