"""A slot's mailbox, which outlives incarnations (S14, S20, S21).

A mailbox never takes a lock. Putting appends first and looks at the mode afterwards; changing the
mode sets it first and drains afterwards: whatever the order, one of the two sees the message, so no
ask stays unanswered.
"""

from __future__ import annotations

import abc
from collections import deque
from collections.abc import Callable
from enum import IntEnum
from queue import Empty, Full, SimpleQueue
from typing import Any, Final, TypeAlias

from pykka._envelope import Envelope

AnyEnvelope: TypeAlias = Envelope[Any]


class Mode(IntEnum):
    """What happens to a message that arrives."""

    OPEN = 0
    """It waits its turn."""
    HELD = 1
    """Nobody is there to handle it, somebody will be: it waits while there is room."""
    UNAVAILABLE = 2
    """Nobody is there and nobody is coming by himself: refused, "try later"."""
    CLOSED = 3
    """The slot is gone for good: refused, "dead"."""


# an enumeration's member looked up in its class costs more than the rest of a ``tell`` before 3.12
OPEN: Final = Mode.OPEN
HELD: Final = Mode.HELD
UNAVAILABLE: Final = Mode.UNAVAILABLE
CLOSED: Final = Mode.CLOSED


class OwnEnvelope(Envelope[Any]):
    """A message of an incarnation to itself (timer, finished work); void for any other one."""

    __slots__ = ("incarnation",)

    def __init__(self, message: object, incarnation: int) -> None:
        super().__init__(message)
        self.incarnation = incarnation


class Continue:
    """What an incarnation wanted to do with a result, once its mailbox comes to it."""

    __slots__ = ("_step", "_value")

    def __init__(self, step: Callable[[Any], object], value: object) -> None:
        self._step, self._value = step, value

    def __call__(self) -> object:
        return self._step(self._value)

    def __repr__(self) -> str:  # not the value, which may be a secret
        return f"<Continue {getattr(self._step, '__qualname__', self._step)}>"


class Mailbox(abc.ABC):
    """The common part of both mailboxes: the mode and its consequences.

    A told message waits as it is, an asked one in its envelope: making an envelope costs more than
    the rest of a ``tell``. ``refuse(envelope, reason)`` answers a message that will not be handled.
    """

    __slots__ = ("_refuse", "limit", "mode")

    def __init__(self, *, limit: int, refuse: Callable[[AnyEnvelope, str], object]) -> None:
        self.limit, self._refuse = limit, refuse
        """How many messages may wait while nobody is there to handle them."""
        self.mode = Mode.HELD
        """What happens to a message that arrives now; ``set_mode`` changes it."""

    def set_mode(self, mode: Mode) -> None:
        """Change the mode; a closed mailbox stays closed."""
        if self.mode is CLOSED:
            return
        self.mode = mode
        if mode >= UNAVAILABLE:
            self._refuse_all()

    def _put_guarded(self, envelope: AnyEnvelope) -> None:
        if self.mode is HELD and len(self) < self.limit:
            self._append(envelope)
            self.recheck()
        else:
            self._refuse(envelope, REASONS[self.mode])

    def recheck(self) -> None:
        """Refuse what was appended while the mode changed."""
        if self.mode >= UNAVAILABLE:
            self._refuse_all()

    @abc.abstractmethod
    def _refuse_all(self) -> None:
        """Refuse all waiting messages."""

    @abc.abstractmethod
    def __len__(self) -> int: ...

    @abc.abstractmethod
    def put(self, envelope: AnyEnvelope, /) -> None:
        """Enqueue a message in its envelope. Thread-safe."""

    @abc.abstractmethod
    def tell(self, message: Any) -> None:
        """Enqueue a message that expects no reply. Thread-safe."""

    @abc.abstractmethod
    def get(self) -> AnyEnvelope:
        """Take the next message."""

    def empty(self) -> bool:
        """Whether the queue is empty; only a guess while other threads put."""
        return len(self) == 0

    @abc.abstractmethod
    def _append(self, envelope: AnyEnvelope) -> None:
        """Enqueue in any mode."""


REASONS: Final = {
    Mode.OPEN: "overflow",
    Mode.HELD: "overflow",
    Mode.UNAVAILABLE: "unavailable",
    Mode.CLOSED: "gone",
}


class Nudge:
    """In a thread's queue: nothing to handle, but something to look at."""


NUDGE: Final = Nudge()
UNWRAPPED: Final = frozenset({Envelope, OwnEnvelope, Nudge})
"""Types that need an envelope, because bare they mean something else."""


def wrapped(item: Any) -> AnyEnvelope:
    """An item of a mailbox, in an envelope."""
    return item if isinstance(item, Envelope) else Envelope(item)


def answer(
    envelope: Envelope[Any], *, value: object = None, error: BaseException | None = None
) -> None:
    """Answer an ask, unless somebody has: its actor may have been fenced off meanwhile."""
    if envelope.reply_to is None:
        return
    try:
        if error is None:
            envelope.reply_to.set(value)
        else:
            envelope.reply_to.set_exception((type(error), error, error.__traceback__))
    except Full:
        return


class LoopMailbox(Mailbox):
    """Messages for a loop-hosted actor; the first one to arrive wakes it."""

    __slots__ = ("_wake", "idle", "items")

    def __init__(
        self,
        *,
        limit: int,
        refuse: Callable[[AnyEnvelope, str], object],
        wake: Callable[[], object],
    ) -> None:
        super().__init__(limit=limit, refuse=refuse)
        self.items: deque[Any] = deque()
        """The queue: told messages as they are, asked ones in their envelopes."""
        self.idle = False
        """Whether the actor sleeps and must be woken; it is the only one who sets it."""
        self._wake = wake

    def put(self, envelope: AnyEnvelope, /) -> None:
        """Enqueue a message in its envelope. Thread-safe."""
        if self.mode:
            self._put_guarded(envelope)
        else:
            self.items.append(envelope)
            if self.mode:
                self.recheck()
        if self.idle:
            self.idle = False
            self._wake()

    def tell(self, message: Any) -> None:
        """Enqueue a message that expects no reply. Thread-safe."""
        if self.mode or type(message) in UNWRAPPED:
            self.put(Envelope(message))
            return
        self.items.append(message)
        if self.mode:
            self.recheck()
        if self.idle:
            self.idle = False
            self._wake()

    def get(self) -> AnyEnvelope:
        """Take the next message; it does not wait, a loop never may."""
        return wrapped(self.items.popleft())

    def _append(self, envelope: AnyEnvelope) -> None:
        self.items.append(envelope)

    def _refuse_all(self) -> None:
        while self.items:
            try:
                item = self.items.popleft()
            except IndexError:  # another thread was refusing too
                return
            self._refuse(wrapped(item), REASONS[self.mode])

    def __len__(self) -> int:
        return len(self.items)


class ThreadMailbox(Mailbox):
    """Messages for a thread-hosted actor, with a control lane that overtakes them."""

    __slots__ = ("_queue", "control", "push", "wait")

    def __init__(self, *, limit: int, refuse: Callable[[AnyEnvelope, str], object]) -> None:
        super().__init__(limit=limit, refuse=refuse)
        self.control: list[AnyEnvelope] = []  # a deque takes 0.7 KiB, and this is seldom used
        """What overtakes; for each there is a nudge in the queue."""
        self.use(SimpleQueue())

    def use(self, queue: SimpleQueue[Any]) -> None:
        """Take ``queue`` for the messages."""
        self._queue = queue
        self.push: Callable[[Any], object] = queue.put
        """Enqueue in any mode; the caller rechecks the mode afterwards."""
        self.wait: Callable[[], Any] = queue.get
        """Wait for the next item of the queue: a message, an envelope or ``NUDGE``."""

    def tell(self, message: Any) -> None:
        """Enqueue a message that expects no reply. Thread-safe."""
        if self.mode or type(message) in UNWRAPPED:
            self.put(Envelope(message))
            return
        self.push(message)
        if self.mode:
            self.recheck()

    def put(self, envelope: AnyEnvelope, /) -> None:
        """Enqueue a message in its envelope. Thread-safe."""
        if self.mode:
            self._put_guarded(envelope)
            return
        self.push(envelope)
        if self.mode:
            self.recheck()

    def overtake(self, envelope: AnyEnvelope) -> None:
        """Enqueue on the control lane, ahead of all waiting messages, in any mode."""
        self.control.append(envelope)
        self.push(NUDGE)

    def nudge(self) -> None:
        """Make ``wait`` return, so that its caller looks whether it is still wanted."""
        self.push(NUDGE)

    def get(self) -> AnyEnvelope:
        """Wait for the next message and take it."""
        while True:
            if self.control:
                return self.control.pop(0)
            item = self.wait()
            if item is not NUDGE:
                return wrapped(item)

    def _append(self, envelope: AnyEnvelope) -> None:
        self.push(envelope)

    def take_waiting(self) -> list[AnyEnvelope]:
        """Take all waiting messages without blocking; for a last look in ``on_stop``."""
        taken: list[AnyEnvelope] = []
        nudges = 0
        while True:
            try:
                item = self._queue.get_nowait()
            except Empty:
                break
            if item is NUDGE:
                nudges += 1
            else:
                taken.append(wrapped(item))
        for _ in range(nudges):  # they were meant for whoever reads
            self.push(NUDGE)
        return taken

    def _refuse_all(self) -> None:
        for envelope in self.take_waiting():
            self._refuse(envelope, REASONS[self.mode])

    def __len__(self) -> int:
        return self._queue.qsize()
