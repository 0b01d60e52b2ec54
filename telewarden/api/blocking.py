"""Blocking handles for threads: pairs and a session's calls."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from ..supervision import run_in_loop
from .blocking_methods import BlockingHandle, blocking
from .pairs import Pairs
from .registry import BlockingRegistry
from .registry_client import RegistryClient
from .session import SessionHandle

T = TypeVar("T")
H = TypeVar("H")

Loop = Callable[[], asyncio.AbstractEventLoop]


class Blocking(BlockingRegistry):
    """What a warden offers to plain code: sessions, pairs, operations, the audit trail."""

    def __init__(
        self,
        client: RegistryClient,
        pairs: Pairs,
        loop: Loop,
        session: Callable[[str], SessionHandle],
    ) -> None:
        super().__init__(client)
        self.pairs = BlockingPairs(pairs, loop)
        self._loop, self._session = loop, session

    def session(self, name: str) -> BlockingSession:
        """One session to call Telegram with.

        Raises:
            UnknownSessionError: there is none of that name.
        """
        return BlockingSession(self._session(name), self._loop)


class _LoopHandle(BlockingHandle[H]):
    """An async handle whose methods run in the warden's loop."""

    _what: str
    _way: str

    def __init__(self, handle: H, loop: Loop) -> None:
        self._handle, self._loop = handle, loop

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        try:
            loop = self._loop()
        except BaseException:  # whatever it is, the coroutine never runs and would complain
            work.close()
            raise
        return run_in_loop(loop, work, self._what, way=self._way)


class BlockingSession(_LoopHandle[SessionHandle]):
    """One session, for plain code in any thread; each method is explained in ``SessionHandle``."""

    _what, _way = "the session", "await the same method of `warden.session(name)`"

    def __repr__(self) -> str:
        return f"<BlockingSession {self._handle.name}>"

    wait_online = blocking(SessionHandle.wait_online)
    call = blocking(SessionHandle.call)
    report = blocking(SessionHandle.report)
    recover = blocking(SessionHandle.recover)
    authorisations = blocking(SessionHandle.authorisations)
    end_authorisation = blocking(SessionHandle.end_authorisation)


class BlockingPairs(_LoopHandle[Pairs]):
    """Pairs, for plain code in any thread; each method is explained in ``Pairs``."""

    _what, _way = "the pairs", "await the same method of `warden.pairs`"

    list = blocking(Pairs.list)
    get = blocking(Pairs.get)
    add = blocking(Pairs.add)
    change = blocking(Pairs.change)
    remove = blocking(Pairs.remove)
    pause = blocking(Pairs.pause)
    resume = blocking(Pairs.resume)
    confirm = blocking(Pairs.confirm)
    backfill = blocking(Pairs.backfill)
    dead = blocking(Pairs.dead)
    retry = blocking(Pairs.retry)
    drop = blocking(Pairs.drop)
    reassign = blocking(Pairs.reassign)
