"""The one writer of the database, and the handle that loop-hosted actors write through.

SQLite blocks, so the journal has a thread of its own. What has queued up is committed as one
transaction: the queue's depth decides the group, so an idle journal answers at once and a busy
one pays for one commit instead of a hundred. Callers in the loop are woken once a group.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, TypeVar, runtime_checkable

import pykka

from ..errors import JournalUnavailableError
from ..storage import Store

__all__ = ["Journal", "JournalActor", "JournalStats", "Write"]

logger = logging.getLogger(__name__)

T = TypeVar("T")

GROUP_LIMIT: Final = 256  # past this the first caller waits longer than one more commit costs


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """Do ``work`` on the store inside the next commit. Answered through ``answer``, after it."""

    work: Callable[[Store], object] = field(repr=False)
    answer: Waiter | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiter:
    """A loop's future, so that a group resolves its callers with one wake-up a loop."""

    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalStats:
    """What the journal has done; ``latency`` is the last group's commit in seconds."""

    writes: int = 0
    groups: int = 0
    failures: int = 0
    latency: float = 0.0


@runtime_checkable
class _Drained(Protocol):
    """A supervised thread actor's mailbox."""

    def take_waiting(self) -> Sequence[Any]:
        """Take everything that waits, without waiting."""
        ...


class JournalActor(pykka.ThreadingActor):
    """Owns the database's one writing connection.

    Args:
        open_store: opens the store; called in this actor's thread, so that a start that fails
            names the cause.
        stats: told after each group; called in this actor's thread.
    """

    def __init__(
        self, open_store: Callable[[], Store], stats: Callable[[JournalStats], None] | None = None
    ) -> None:
        super().__init__()
        self._open_store = open_store
        self._publish = stats
        self._store: Store | None = None
        self._group: list[Write] = []
        self._stats = JournalStats()

    def on_start(self) -> None:
        self._store = self._open_store()

    def on_receive(self, message: object) -> object:
        match message:
            case Write():
                self._group.append(message)
                if len(self._group) >= GROUP_LIMIT or self.actor_inbox.empty():
                    self._commit()
                return None
            case _:
                return super().on_receive(message)

    def on_stop(self) -> None:
        """Commit what is still queued too: a stop overtakes it, and nobody would do it later."""
        waiting = self.actor_inbox.take_waiting() if isinstance(self.actor_inbox, _Drained) else ()
        self._group += [one.message for one in waiting if isinstance(one.message, Write)]
        self._commit()
        self._close()

    def on_failure(self, *_exc_info: object) -> None:
        """What was queued before the failure is no worse for it."""
        self._commit()
        self._close()

    def _close(self) -> None:
        if self._store is not None:
            self._store.close()
            self._store = None

    def _commit(self) -> None:
        group, self._group = self._group, []
        if not group or self._store is None:
            return
        began = time.perf_counter()
        try:
            outcomes = self._together(self._store, group)
        except Exception:  # noqa: BLE001 - one bad write must not cost the others theirs
            outcomes = [self._alone(self._store, write) for write in group]
        self._count(group, outcomes, time.perf_counter() - began)
        _settle(outcomes)

    def _together(self, store: Store, group: list[Write]) -> list[Outcome]:
        with store.transaction():
            return [(write.answer, write.work(store), None) for write in group]

    def _alone(self, store: Store, write: Write) -> Outcome:
        try:
            with store.transaction():
                return write.answer, write.work(store), None
        except Exception as exc:
            if write.answer is None:
                logger.exception("write failed and nobody waits for it")
            return write.answer, None, exc

    def _count(self, group: list[Write], outcomes: list[Outcome], seconds: float) -> None:
        failed = sum(1 for _, _, error in outcomes if error is not None)
        self._stats = JournalStats(
            writes=self._stats.writes + len(group),
            groups=self._stats.groups + 1,
            failures=self._stats.failures + failed,
            latency=seconds,
        )
        if self._publish is not None:
            self._publish(self._stats)


Outcome = tuple[Waiter | None, object, BaseException | None]


def _settle(outcomes: list[Outcome]) -> None:
    by_loop: dict[asyncio.AbstractEventLoop, list[Outcome]] = {}
    for outcome in outcomes:
        if outcome[0] is not None:
            by_loop.setdefault(outcome[0].loop, []).append(outcome)
    for loop, mine in by_loop.items():
        try:
            loop.call_soon_threadsafe(_resolve, mine)
        except RuntimeError:  # the loop is closed: nobody is left to wait
            logger.debug("journal answers dropped count=%d", len(mine))


def _resolve(outcomes: list[Outcome]) -> None:
    for answer, result, error in outcomes:
        if answer is None or answer.future.done():
            continue
        if error is None:
            answer.future.set_result(result)
        else:
            answer.future.set_exception(error)


class Journal:
    """What loop-hosted actors hold of the journal: awaitable writes and reads.

    Args:
        ref: the journal actor's stable reference.
        timeout: seconds that a caller waits at most.
    """

    def __init__(self, ref: pykka.ActorRef[Any], *, timeout: float = 10.0) -> None:
        self._ref = ref
        self._timeout = timeout

    async def do(self, work: Callable[[Store], T]) -> T:
        """Run ``work`` on the store and wait until it is committed.

        Raises:
            JournalUnavailableError: the journal died first, or did not answer in time; whether
                the work was done is not known.
            Exception: what ``work`` raised; nothing of it was kept.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._tell(Write(work=work, answer=Waiter(loop=loop, future=future)))
        try:
            async with asyncio.timeout(self._timeout):
                return await future
        except TimeoutError as exc:
            raise JournalUnavailableError from exc

    def post(self, work: Callable[[Store], object]) -> None:
        """Run ``work`` with the next commit; a failure is logged and told to nobody.

        Raises:
            JournalUnavailableError: the journal is gone for good.
        """
        self._tell(Write(work=work))

    def _tell(self, write: Write) -> None:
        try:
            self._ref.tell(write)
        except pykka.ActorDeadError as exc:
            raise JournalUnavailableError from exc
