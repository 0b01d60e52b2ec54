"""Typed handles on operations: long-running work, its progress and its watchers.

Reading looks at the newest snapshot. ``Operations`` is for coroutines, ``BlockingOperations`` for
plain code in any thread. ``track`` records a block of work as an operation: what the block raises
is what its caller sees, whether or not the end of the operation could still be written down.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from math import inf
from queue import Empty, SimpleQueue
from typing import Any, Final, TypeVar

import pykka

from ..actors import (
    AdvanceOperation,
    BeginOperation,
    CleanOperations,
    EndOperation,
    Operation,
    OperationEvent,
    OperationState,
    PutPart,
    RemoveOperation,
    SetParts,
    What,
)
from ..errors import (
    AskTimeoutError,
    InvalidRecordError,
    TelewardenError,
    UnknownFieldError,
    UnknownOperationError,
)
from ..supervision import Ask, Event
from .blocking_methods import BlockingHandle, blocking
from .listener import Listener
from .operation_watch import HEARD, Progress
from .registry_client import RegistryClient

logger = logging.getLogger(__name__)

FINISHED: Final = OperationState.FINISHED
FAILED: Final = OperationState.FAILED
CANCELLED: Final = OperationState.CANCELLED

E = TypeVar("E", bound=OperationEvent)


class OperationReads:
    """What there is to read about operations, without waiting for anybody."""

    def __init__(self, client: RegistryClient) -> None:
        self._client, self._board = client, client.board

    def get(self, id_: int) -> Operation:
        """The operation as it is now.

        Raises:
            UnknownOperationError: there is none of that number, or it has expired.
        """
        try:
            if type(id_) is not int:  # True and 1.0 equal 1, and are no numbers of operations
                raise UnknownOperationError(id_)
            return self._board.current.operations[id_]
        except KeyError:
            raise UnknownOperationError(id_) from None

    def list(
        self,
        *,
        state: OperationState | str | None = None,
        kind: str | None = None,
        session: str | None = None,
    ) -> tuple[Operation, ...]:
        """The operations that match, oldest first; all from the same snapshot.

        Raises:
            InvalidRecordError: there is no such state.
        """
        by_state = self._board.current.by_state
        states = tuple(OperationState) if state is None else (_state(state),)
        found = [
            one
            for each in states
            for one in by_state[each]
            if kind in (None, one.kind) and session in (None, one.session)
        ]
        return tuple(sorted(found, key=lambda one: one.id))

    def stuck(self) -> tuple[Operation, ...]:
        """The running operations that have made no progress for the limits' ``stuck_after``."""
        now, after = self._client.wall(), self._board.current.limits.stuck_after
        return tuple(one for one in self.list(state="running") if one.stuck(now, after))

    def subscribe(self, callback: Callable[[E], object], kinds: Sequence[type[E]] = ()) -> Listener:
        """Call ``callback`` with every event about operations, in a thread of its own.

        Nobody waits for it, however long it takes. If it raises it is detached and reported.
        ``close()`` of what is returned ends it.

        Raises:
            InvalidSpecError: ``callback`` is a coroutine function, which nobody would await, or
                ``kinds`` are no classes of events.
        """
        return Listener(self._client.events, callback, kinds or (OperationEvent,))

    def __len__(self) -> int:
        return len(self._board.current.operations)


class Operations(OperationReads):
    """Operations, for coroutines."""

    async def begin(
        self,
        kind: str,
        *,
        session: str | None = None,
        steps: int = 1,
        description: str = "",
        parts: Sequence[str] = (),
        who: str = "app",
    ) -> Operation:
        """Begin an operation, such as ``backfill``; it runs until it is ended.

        Raises:
            RegistryFullError: as many operations as there may be are running.
            UnknownSessionError, InvalidRecordError
        """
        message = BeginOperation(
            kind=kind,
            session=session,
            steps=steps,
            description=description,
            parts=_texts(parts),
            who=who,
        )
        return await self._ask(message)

    async def advance(
        self,
        id_: int,
        *,
        step: int | None = None,
        steps: int | None = None,
        description: str | None = None,
    ) -> Operation:
        """Say how far it is: ``step`` of ``steps``, and what it is doing.

        Raises:
            UnknownOperationError, OperationEndedError, InvalidRecordError
        """
        message = AdvanceOperation(id=id_, step=step, steps=steps, description=description)
        return await self._ask(message)

    async def put_part(self, id_: int, number: int, text: str) -> Operation:
        """Add part ``number``, or replace it."""
        return await self._ask(PutPart(id=id_, number=number, text=text))

    async def set_parts(self, id_: int, parts: Sequence[str]) -> Operation:
        """Replace all parts; they are numbered from 1."""
        return await self._ask(SetParts(id=id_, parts=_texts(parts)))

    async def finish(
        self, id_: int, *, description: str | None = None, who: str = "app"
    ) -> Operation:
        """It went well, and has taken all its steps."""
        return await self._ask(_end(id_, FINISHED, who, description=description))

    async def fail(self, id_: int, error: str, *, who: str = "app") -> Operation:
        """It went wrong, and why."""
        return await self._ask(_end(id_, FAILED, who, error=error))

    async def cancel(self, id_: int, *, who: str = "app") -> Operation:
        """Nobody wants it any more."""
        return await self._ask(_end(id_, CANCELLED, who))

    def cancel_later(self, id_: int, *, who: str = "app") -> None:
        """The same, without waiting until it is on disk."""
        self._client.send(_end(id_, CANCELLED, who))

    async def remove(self, id_: int, *, who: str = "app") -> Operation:
        """Forget one operation that is over; returns what it was.

        Raises:
            UnknownOperationError: there is none of that number.
            OperationRunningError: it is under way; finish, fail or cancel it first.
        """
        return await self._client.ask(RemoveOperation(id=id_, who=who))

    async def clean(self, what: What = "expired", *, who: str = "app") -> tuple[int, ...]:
        """Forget operations that are over; returns their numbers.

        A running one stays, unless it has expired: without progress for the limits' ``keep_any``.

        Raises:
            InvalidRecordError: there is no such choice.
        """
        return await self._client.ask(CleanOperations(what=what, who=who))

    async def watch(self, id_: int) -> AsyncIterator[Operation]:
        """The operation now, and after each step until it has ended.

        Raises:
            UnknownOperationError: there is none of that number.
            OperationDroppedError: it was removed first.
            NotRunningError: the registry has stopped, and the operation with it.
        """
        loop = asyncio.get_running_loop()
        queue: asyncio.Queue[Event] = asyncio.Queue()

        def hear(event: Event) -> None:
            if Progress.concerns(event, id_):
                loop.call_soon_threadsafe(queue.put_nowait, event)

        with self._client.events.subscribe(hear, HEARD):
            progress = Progress(self._client, self.get(id_))
            yield progress.operation
            while progress.operation.active:
                try:
                    async with asyncio.timeout(progress.patience):
                        event = await queue.get()
                except TimeoutError:
                    progress.look()
                    continue
                if progress.heard(event):
                    yield progress.operation

    def track(
        self, kind: str, /, *, who: str = "app", **details: Any
    ) -> contextlib.AbstractAsyncContextManager[Tracked]:
        """Begin an operation and end it with the block: finished, failed or cancelled.

        Takes what ``begin`` takes, and raises what it raises.

        Example::

            async with warden.operations.track("report", session="alice", steps=2) as work:
                await work.step(1, "counting")
                await work.step(2, "writing")
        """
        return _tracked(self, kind, who=who, details=details)

    async def _ask(self, message: Ask[Operation]) -> Operation:
        return await self._client.ask(message)


class BlockingOperations(OperationReads, BlockingHandle[Operations]):
    """Operations, for plain code in any thread; each method is explained in ``Operations``."""

    def __init__(self, client: RegistryClient) -> None:
        super().__init__(client)
        self._handle = Operations(client.for_threads())

    begin = blocking(Operations.begin)
    advance = blocking(Operations.advance)
    put_part = blocking(Operations.put_part)
    set_parts = blocking(Operations.set_parts)
    finish = blocking(Operations.finish)
    fail = blocking(Operations.fail)
    cancel = blocking(Operations.cancel)
    remove = blocking(Operations.remove)
    clean = blocking(Operations.clean)

    def watch(self, id_: int, *, timeout: float | None = None) -> Iterator[Operation]:
        """The operation now, and after each step until it has ended.

        Args:
            timeout: seconds to wait for each step; ``None`` for as long as it takes.

        Raises:
            AskTimeoutError: no step came in time.
            BlockingAskError: called inside the registry's loop, which it would hold up.
            UnknownOperationError, OperationDroppedError, NotRunningError
        """
        self._client.refuse_to_block()
        return self._watched(id_, timeout)

    def _watched(self, id_: int, timeout: float | None) -> Iterator[Operation]:
        queue: SimpleQueue[Event] = SimpleQueue()

        def hear(event: Event) -> None:
            if Progress.concerns(event, id_):
                queue.put(event)

        with self._client.events.subscribe(hear, HEARD):
            progress = Progress(self._client, self.get(id_))
            yield progress.operation
            while progress.operation.active:
                if not _moved(progress, queue, timeout):
                    raise AskTimeoutError(f"operation {id_}", timeout or 0.0)
                yield progress.operation

    def track(
        self, kind: str, /, *, who: str = "app", **details: Any
    ) -> contextlib.AbstractContextManager[TrackedBlocking]:
        """Begin an operation and end it with the block: finished, failed or cancelled."""
        return _tracked_blocking(self, self._handle, kind, who=who, details=details)


class Tracked:
    """The operation of an ``async with`` block; ``id`` is its number."""

    def __init__(self, id_: int, operations: Operations) -> None:
        self.id, self._operations = id_, operations

    async def step(self, step: int, description: str | None = None) -> None:
        """``step`` steps are done; and what it is doing now."""
        await self._operations.advance(self.id, step=step, description=description)

    async def describe(self, description: str, *, steps: int | None = None) -> None:
        """What it is doing now; and how many steps it has, if that has become known."""
        await self._operations.advance(self.id, steps=steps, description=description)

    async def part(self, number: int, text: str) -> None:
        """Add part ``number``, or replace it."""
        await self._operations.put_part(self.id, number, text)

    async def parts(self, texts: Sequence[str]) -> None:
        """Replace all parts; they are numbered from 1."""
        await self._operations.set_parts(self.id, texts)


class TrackedBlocking(BlockingHandle[Tracked]):
    """The operation of a ``with`` block; ``id`` is its number."""

    def __init__(self, id_: int, operations: Operations) -> None:
        self.id, self._handle = id_, Tracked(id_, operations)

    step = blocking(Tracked.step)
    describe = blocking(Tracked.describe)
    part = blocking(Tracked.part)
    parts = blocking(Tracked.parts)


@contextlib.asynccontextmanager
async def _tracked(
    operations: Operations, kind: str, *, who: str, details: dict[str, Any]
) -> AsyncIterator[Tracked]:
    """``Operations.track``."""
    id_ = await _begun(operations, kind, who, details)
    try:
        yield Tracked(id_, operations)
    except Exception as error:
        with _said(id_):
            await operations.fail(id_, _words(error), who=who)
        raise
    except GeneratorExit:  # closed by force, where nothing may be waited for any more
        with _said(id_):
            operations.cancel_later(id_, who=who)
        raise
    except BaseException:  # cancelled, Ctrl-C, an exit: given up, not failed
        with _said(id_):
            await asyncio.shield(operations.cancel(id_, who=who))
        raise
    with _said(id_):
        await operations.finish(id_, who=who)


def _refuse_unknown(details: dict[str, Any]) -> None:
    known = ("description", "parts", "session", "steps")
    if unknown := tuple(sorted(set(details).difference(known))):
        raise UnknownFieldError(unknown, known)


async def _begun(operations: Operations, kind: str, who: str, details: dict[str, Any]) -> int:
    """Begin one; if that is given up on its way, it does not stay behind."""
    _refuse_unknown(details)
    beginning = asyncio.ensure_future(operations.begin(kind, who=who, **details))
    try:
        return (await asyncio.shield(beginning)).id
    except asyncio.CancelledError:
        with contextlib.suppress(TelewardenError, pykka.ActorDeadError):  # not begun
            operations.cancel_later((await beginning).id, who=who)
        raise


@contextlib.asynccontextmanager
async def noted(operations: Operations, kind: str, **details: Any) -> AsyncIterator[Tracked | None]:
    """As ``Operations.track``, for work that is done even where no operation can be begun.

    The block gets ``None`` then: the registry is full of running ones, or not there.
    """
    async with contextlib.AsyncExitStack() as stack:
        tracked: Tracked | None = None
        try:
            tracked = await stack.enter_async_context(operations.track(kind, **details))
        except (TelewardenError, pykka.ActorDeadError) as error:
            logger.warning("operation not noted kind=%s why=%s", kind, error)
        yield tracked


@contextlib.contextmanager
def _tracked_blocking(
    operations: BlockingOperations,
    handle: Operations,
    kind: str,
    *,
    who: str,
    details: dict[str, Any],
) -> Iterator[TrackedBlocking]:
    """``BlockingOperations.track``."""
    _refuse_unknown(details)
    id_ = operations.begin(kind, who=who, **details).id
    try:
        yield TrackedBlocking(id_, handle)
    except Exception as error:
        with _said(id_):
            operations.fail(id_, _words(error), who=who)
        raise
    except BaseException:  # Ctrl-C, a cancelled task: given up, not failed
        with _said(id_):
            operations.cancel(id_, who=who)
        raise
    with _said(id_):
        operations.finish(id_, who=who)


@contextlib.contextmanager
def _said(id_: int) -> Iterator[None]:
    """Where an end cannot be written down, the log says so: the disk refuses, all stops."""
    try:
        yield
    except (TelewardenError, pykka.ActorDeadError) as error:
        logger.warning("operation's end not noted operation=%d why=%s", id_, error)


def _words(error: Exception) -> str:
    said = str(error)
    return said if isinstance(error, TelewardenError) else f"{type(error).__name__}: {said}"


def _state(word: str) -> OperationState:
    try:
        return OperationState(word)
    except ValueError:
        raise InvalidRecordError("state", word, ", ".join(OperationState)) from None


def _texts(parts: Sequence[str]) -> tuple[str, ...]:
    """Each part's text; a text alone would be taken apart into its letters."""
    if isinstance(parts, str) or not isinstance(parts, Iterable):
        raise InvalidRecordError("parts", type(parts).__name__, "a list of texts")
    return tuple(parts)


def _end(
    id_: int, state: OperationState, who: str, *, description: str | None = None, error: str = ""
) -> EndOperation:
    return EndOperation(id=id_, state=state, who=who, description=description, error=error)


def _moved(progress: Progress, queue: SimpleQueue[Event], timeout: float | None) -> bool:
    """Wait until the operation is another than it was; false if it is not in time."""
    end = inf if timeout is None else time.monotonic() + timeout
    while True:
        left = min(end - time.monotonic(), inf if progress.patience is None else progress.patience)
        try:
            event = queue.get(timeout=None if left == inf else max(0.0, left))
        except Empty:
            progress.look()
            if time.monotonic() >= end:
                return False
            continue
        if progress.heard(event):
            return True
