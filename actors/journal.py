"""The journal: the database's only writer, on a thread of its own.

SQLite blocks, so the journal has a thread of its own. What has queued up is committed as one
transaction: the queue's depth decides the group, so an idle journal answers at once and a busy
one pays for one commit instead of a hundred. Callers in the loop are woken once a group.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, TypeVar, runtime_checkable

import pykka

from ..errors import (
    DiskFailedError,
    JournalUnavailableError,
    StorageBusyError,
    StorageFullError,
    StorageNotWritableError,
    StorageUnreachableError,
)
from ..storage import Store
from ..telegram import WaitKind
from .waits import JOURNAL, WaitLedger

logger = logging.getLogger(__name__)

T = TypeVar("T")

DISK_REFUSES: Final = (
    StorageFullError,
    StorageNotWritableError,
    StorageBusyError,
    DiskFailedError,
    StorageUnreachableError,
)
TRY_EVERY: Final = 0.5  # seconds between two tries on a disk that takes nothing
# A journal that crashed comes back when all behind it have stopped, and a session lets what is
# under way end first, for up to 15 seconds: whoever writes in order is still there then, and waits.
ORDERLY: Final = 3  # times as long as others are waited for
GROUP_LIMIT: Final = 256  # past this the first caller waits longer than one more commit costs


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """Do ``work`` on the store inside the next commit. Answered through ``answer``, after it.

    Args:
        in_order: never before an earlier write that is in order too: if the disk refuses that
            one, this one is held back with it, though there might be room for it by now.
    """

    work: Callable[[Store], object] = field(repr=False)
    answer: Waiter | None = field(default=None, repr=False)
    in_order: bool = False


@dataclass(slots=True, kw_only=True)
class Waiter:
    """A loop's future, so that a group resolves its callers with one wake-up a loop.

    ``held`` is set by the journal's thread when the disk has to be waited for; such a wait is not
    ended after ``patience`` seconds, as others are.
    """

    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]
    patience: float
    held: bool = False
    timer: asyncio.TimerHandle | None = None

    async def wait(self) -> Any:
        """Wait for the answer, in its loop; one that comes after this was left is nobody's."""
        self._wait_on()
        try:
            return await self.future
        finally:
            if self.timer is not None:
                self.timer.cancel()

    def _wait_on(self) -> None:
        self.timer = self.loop.call_later(self.patience, self._late)

    def _late(self) -> None:
        if self.held:
            self._wait_on()
        elif not self.future.done():
            self.future.set_exception(JournalUnavailableError())


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


@dataclass(frozen=True, slots=True)
class _TryAgain:
    """Time to try what the disk refused."""


def _remind(ref: pykka.ActorRef[Any]) -> None:
    """Remind the journal; who is gone needs no reminder."""
    with contextlib.suppress(pykka.ActorDeadError):
        ref.tell(_TryAgain())


class JournalActor(pykka.ThreadingActor):
    """Owns the database's one writing connection.

    Args:
        open_store: opens the store; called in this actor's thread, so that a start that fails
            names the cause.
        stats: told after each group; called in this actor's thread.
        waiting: where is told that the disk takes nothing, and for how long.
    """

    def __init__(
        self,
        open_store: Callable[[], Store],
        stats: Callable[[JournalStats], None] | None = None,
        waiting: WaitLedger | None = None,
    ) -> None:
        super().__init__()
        self._open_store = open_store
        self._publish = stats
        self._store: Store | None = None
        self._group: list[Write] = []
        self._stats = JournalStats()
        self._held: deque[Write] = deque()
        self._waiting = waiting or WaitLedger()
        self._refused = self._reminded = False

    def on_start(self) -> None:
        self._store = self._open_store()

    def on_receive(self, message: object) -> object:
        match message:
            case Write():
                self._group.append(message)
                if len(self._group) >= GROUP_LIMIT or self.actor_inbox.empty():
                    self._commit()
                return None
            case _TryAgain():
                self._try_again()
                return None
            case _:
                return super().on_receive(message)

    def on_stop(self) -> None:
        """Commit what is still queued too: a stop overtakes it, and nobody would do it later."""
        waiting = self.actor_inbox.take_waiting() if isinstance(self.actor_inbox, _Drained) else ()
        self._group += [one.message for one in waiting if isinstance(one.message, Write)]
        self._commit()
        self._give_up_held()
        self._close()

    def on_failure(self, *_exc_info: object) -> None:
        """What was queued before the failure is no worse for it."""
        self._commit()
        self._give_up_held()
        self._close()

    def _close(self) -> None:
        if self._store is not None:
            self._store.close()
            self._store = None

    def _commit(self) -> None:
        group, self._group = self._group, []
        if self._held:
            for write in group:
                if write.in_order:
                    self._hold(write)
            group = [write for write in group if not write.in_order]
        if not group or self._store is None:
            return
        began = time.perf_counter()
        try:
            outcomes = self._together(self._store, group)
        except Exception:  # noqa: BLE001 - one bad write must not cost the others theirs
            outcomes = self._one_by_one(self._store, group)
        self._count(group, outcomes, time.perf_counter() - began)
        _settle(outcomes)

    def _together(self, store: Store, group: list[Write]) -> list[Outcome]:
        before = store.changes
        with store.transaction():
            outcomes: list[Outcome] = [(one.answer, one.work(store), None) for one in group]
        if store.changes != before:  # what only reads is no proof
            self._disk_takes()
        return outcomes

    def _one_by_one(self, store: Store, group: Iterable[Write]) -> list[Outcome]:
        """Each in a transaction of its own; what the disk refuses is held, if it is in order."""
        outcomes: list[Outcome] = []
        for write in group:
            if write.in_order and self._held:
                self._hold(write)
                continue
            try:
                outcomes += self._together(store, [write])
            except DISK_REFUSES as exc:
                if write.in_order:
                    self._hold(write)
                else:
                    outcomes.append((write.answer, None, exc))
                self._disk_refuses(exc)
            except Exception as exc:
                if write.answer is None:
                    logger.exception("write failed and nobody waits for it")
                outcomes.append((write.answer, None, exc))
        return outcomes

    def _hold(self, write: Write) -> None:
        if write.answer is not None:
            write.answer.held = True
        self._held.append(write)

    def _disk_refuses(self, why: Exception) -> None:
        """Let it be seen, and try again soon."""
        held = len(self._held)
        what = f"{why}; {held} write{'' if held == 1 else 's'} held back"
        if self._waiting.begin(JOURNAL, WaitKind.DISK, what):
            logger.warning("disk takes nothing why=%s", why)
        self._refused = True
        self._wake()

    def _disk_takes(self) -> None:
        if self._refused:
            self._refused = False
            if self._waiting.end(JOURNAL, WaitKind.DISK):
                logger.warning("disk takes again")

    def _wake(self) -> None:
        if self._reminded:
            return
        self._reminded = True
        timer = threading.Timer(TRY_EVERY, _remind, (self.actor_ref,))
        timer.daemon = True
        timer.start()

    def _try_again(self) -> None:
        """Write what was held back, or see whether the disk takes anything by now."""
        self._reminded = False
        if self._store is None or not (self._held or self._refused):
            return
        if not self._held:
            self._look(self._store)
            return
        try:
            outcomes = self._together(self._store, list(self._held))
        except DISK_REFUSES as exc:
            self._disk_refuses(exc)
            return
        except Exception:  # noqa: BLE001 - one bad write must not cost the others theirs
            held, self._held = self._held, deque()
            outcomes = self._one_by_one(self._store, held)
        else:
            logger.info("held writes are done count=%d", len(self._held))
            self._held.clear()
        _settle(outcomes)

    def _look(self, store: Store) -> None:
        """See whether the disk takes something, where nothing is held back that would."""
        try:
            store.touch()
        except DISK_REFUSES as exc:
            self._disk_refuses(exc)
        except Exception:  # a database that is damaged, say: what is held waits for the next look
            logger.exception("the disk could not be looked at")
        else:
            self._disk_takes()

    def _give_up_held(self) -> None:
        self._try_again()
        if self._held:
            logger.error("writes lost, the disk took nothing count=%d", len(self._held))
            _settle([(write.answer, None, JournalUnavailableError()) for write in self._held])
            self._held.clear()

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

    async def do(
        self,
        work: Callable[[Store], T],
        *,
        wait_for_disk: bool = True,
        waits: Callable[[Exception], object] | None = None,
    ) -> T:
        """Run ``work`` on the store and wait until it is committed.

        A full or read-only disk is waited for, as long as it takes, and ``waits`` is told for what;
        with ``wait_for_disk`` false it is an error at once. ``work`` may run more than once then:
        the earlier ones are undone.

        Raises:
            JournalUnavailableError: the journal died first, or did not answer in time; whether
                the work was done is not known.
            Exception: what ``work`` raised; nothing of it was kept.
        """
        pause, warned = TRY_EVERY / 4, False
        while True:
            try:
                return await self._once(work)
            except DISK_REFUSES as exc:
                if not wait_for_disk:
                    raise
                if not warned:
                    logger.warning("disk takes nothing, a write waits for it why=%s", exc)
                if not warned and waits is not None:
                    waits(exc)
                warned = True
            await asyncio.sleep(pause)
            pause = min(2 * pause, 4 * TRY_EVERY)

    async def do_in_order(self, work: Callable[[Store], T]) -> T:
        """Run ``work`` after everything that was posted or done in order before, and wait for it.

        A full or read-only disk is waited for, as long as it takes, and nothing that comes later
        in order is written first.

        Raises:
            As ``do``.
        """
        return await self._once(work, in_order=True)

    async def _once(self, work: Callable[[Store], T], *, in_order: bool = False) -> T:
        loop = asyncio.get_running_loop()
        patience = self._timeout * (ORDERLY if in_order else 1)
        waiter = Waiter(loop=loop, future=loop.create_future(), patience=patience)
        self._tell(Write(work=work, answer=waiter, in_order=in_order))
        return await waiter.wait()  # type: ignore[no-any-return]  # what ``work`` returned

    def post(self, work: Callable[[Store], object]) -> None:
        """Run ``work``, in order, with the next commit that the disk takes; nobody waits for it.

        Failures are logged.

        Raises:
            JournalUnavailableError: the journal is gone for good.
        """
        self._tell(Write(work=work, in_order=True))

    def _tell(self, write: Write) -> None:
        try:
            self._ref.tell(write)
        except pykka.ActorDeadError as exc:
            raise JournalUnavailableError from exc
