"""Client of the registry actor: reads from the published snapshot, writes to its mailbox."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any, Final, TypeVar, cast

import pykka

from ..actors import Board
from ..errors import (
    AskTimeoutError,
    BlockingAskError,
    ChildNotFoundError,
    ChildUnavailableError,
    NotRunningError,
    TelewardenError,
)
from ..supervision import Ask, EventStream, StableRef, ask_async

R = TypeVar("R")

GONE: Final = ("the registry", "its tree has stopped or given up, see the log; start it again")
MEANWHILE: Final = "it has started again, or gone, meanwhile; look how it is and try again"
ASYNC_HANDLES: Final = (
    "await the same method of `warden.sessions`, `warden.operations` or `warden.registry`"
)
ANSWER_WITHIN: Final = 10.0  # seconds; a change takes a millisecond unless something is wrong


class RegistryClient:
    """One registry as its handles see it.

    Args:
        ref: the registry's actor, looked up for each question, as it starts after the handles.
        board: where its snapshots are.
        events: where its facts are published.
        wall: tells the time in epoch seconds.
    """

    def __init__(
        self,
        ref: Callable[[], pykka.ActorRef[Any]],
        board: Board,
        events: EventStream,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._ref, self.board, self.events, self.wall = ref, board, events, wall

    def for_threads(self) -> RegistryClient:
        """The same registry for plain code."""
        return BlockingRegistryClient(self._ref, self.board, self.events, self.wall)

    @property
    def gone(self) -> bool:
        """Whether the registry has stopped and will not come back."""
        try:
            return self._found().actor_stopped.is_set()
        except TelewardenError:
            return True

    def refuse_to_block(self) -> None:
        """Refuse to wait where the registry could not go on meanwhile.

        Raises:
            BlockingAskError: called inside its loop.
        """
        ref = self._found()
        if isinstance(ref, StableRef):
            with _told_the_way():
                ref.refuse_to_block()

    async def ask(self, message: Ask[R], *, timeout: float = ANSWER_WITHIN) -> R:
        """Ask from a coroutine, in whichever loop it runs.

        Raises:
            AskTimeoutError: no answer in time, and why, as on a full disk.
            NotRunningError: the registry is gone for good.
        """
        try:
            return await ask_async(self._found(), message, timeout=timeout)
        except AskTimeoutError as exc:
            raise self._late(timeout) from exc
        except pykka.ActorDeadError as exc:
            raise NotRunningError(*GONE) from exc

    def _late(self, timeout: float) -> AskTimeoutError:
        return AskTimeoutError("the registry", timeout, why=self.board.waits_for)

    def send(self, message: Ask[R]) -> pykka.Future[R]:
        """Ask, and let the answer be fetched later: ``get()`` it, or ``await`` it."""
        return self._found().ask(message, block=False)

    def _found(self) -> pykka.ActorRef[Any]:
        try:
            return self._ref()
        except ChildNotFoundError:  # with its tree
            raise NotRunningError(*GONE) from None


class BlockingRegistryClient(RegistryClient):
    """The client for plain code, in any thread but the registry's loop: no ``ask`` suspends."""

    async def ask(self, message: Ask[R], *, timeout: float = ANSWER_WITHIN) -> R:
        """Ask, and hold the thread up until the answer is there.

        Raises:
            BlockingAskError: asked inside that loop, where it would never be answered.
            NotRunningError: the registry is gone for good.
        """
        ref = self._found()
        try:
            with _told_the_way():
                return cast("R", ref.ask(message, timeout=timeout))
        except pykka.Timeout:
            raise self._late(timeout) from None
        except pykka.ActorDeadError as exc:
            raise NotRunningError(*GONE) from exc


@contextlib.contextmanager
def going_on(session: str) -> Iterator[None]:
    """Name a session whose actor was replaced, or went, while it was being asked."""
    try:
        yield
    except pykka.ActorDeadError as exc:
        raise ChildUnavailableError(f"session {session}", MEANWHILE) from exc


@contextlib.contextmanager
def _told_the_way() -> Iterator[None]:
    """Name the handles, which whoever uses them knows, instead of the actor, whom he does not."""
    try:
        yield
    except BlockingAskError:
        raise BlockingAskError("the registry", way=ASYNC_HANDLES) from None
