"""Blocking handles for threads: pairs and a session's calls."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Coroutine
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

from ..supervision import run_in_loop
from .pairs import Pairs
from .registry import BlockingRegistry
from .registry_client import RegistryClient
from .session import SessionHandle

T = TypeVar("T")
H = TypeVar("H")
P = ParamSpec("P")

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


class _Handle(Generic[H]):
    """An async handle whose methods are called from plain code."""

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


def _blocking(
    method: Callable[Concatenate[H, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[_Handle[H], P], T]:
    """The same method, signature and explanation, that waits for its result."""

    @functools.wraps(method)
    def wrapper(self: _Handle[H], /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self._run(method(self._handle, *args, **kwargs))

    return wrapper


class BlockingSession(_Handle[SessionHandle]):
    """One session, for plain code in any thread; each method is explained in ``SessionHandle``."""

    _what, _way = "the session", "await the same method of `warden.session(name)`"

    def __repr__(self) -> str:
        return f"<BlockingSession {self._handle.name}>"

    wait_online = _blocking(SessionHandle.wait_online)
    call = _blocking(SessionHandle.call)
    report = _blocking(SessionHandle.report)
    recover = _blocking(SessionHandle.recover)


class BlockingPairs(_Handle[Pairs]):
    """Pairs, for plain code in any thread; each method is explained in ``Pairs``."""

    _what, _way = "the pairs", "await the same method of `warden.pairs`"

    list = _blocking(Pairs.list)
    get = _blocking(Pairs.get)
    add = _blocking(Pairs.add)
    change = _blocking(Pairs.change)
    remove = _blocking(Pairs.remove)
    pause = _blocking(Pairs.pause)
    resume = _blocking(Pairs.resume)
    confirm = _blocking(Pairs.confirm)
    backfill = _blocking(Pairs.backfill)
    dead = _blocking(Pairs.dead)
    retry = _blocking(Pairs.retry)
    drop = _blocking(Pairs.drop)
    reassign = _blocking(Pairs.reassign)
