"""References that outlive restarts: they point at a slot, not at an incarnation (S19)."""

from __future__ import annotations

import asyncio
import threading
from typing import Any, Generic, TypeVar, overload

import pykka
from pykka._envelope import Envelope
from pykka.messages import _ActorStop

from ...errors import AskTimeoutError, BlockingAskError
from ..fencing import refuse_fenced
from ..spec.child_spec import ChildSpec, Host
from .future import Reply
from .mailbox import CLOSED
from .tree_context import Slot

R_co = TypeVar("R_co", covariant=True)


class Ask(Generic[R_co]):
    """Base of a message that is answered with an ``R_co``: who asks it gets that type."""

    __slots__ = ()


class StopFlag(threading.Event):
    """A ``threading.Event`` that makes its lock only when somebody waits: there is one an actor."""

    def __init__(self) -> None:  # the base class would make its lock here
        self._flag = False
        self._gates: list[threading.Lock] = []

    def set(self) -> None:
        """Raise the flag and wake whoever waits for it."""
        self._flag = True
        while self._gates:
            try:
                self._gates.pop().release()
            except IndexError:
                return

    def clear(self) -> None:
        """Lower the flag."""
        self._flag = False

    def is_set(self) -> bool:
        """Whether the flag is up."""
        return self._flag

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the flag is up, at most ``timeout`` seconds; tell whether it is."""
        if self._flag:
            return True
        gate = threading.Lock()
        gate.acquire()
        self._gates.append(gate)
        if self.is_set():  # raised before it could see the gate
            return True
        return gate.acquire(timeout=-1 if timeout is None else max(0.0, timeout)) or self._flag

    def __repr__(self) -> str:
        return f"<StopFlag {'set' if self._flag else 'unset'}>"


class ActorView:
    """What a Pykka proxy holds instead of an actor: it shows the present incarnation.

    Between incarnations it shows what the class defines, and the names that the last one had: an
    incarnation may end while a proxy is looking at it.
    """

    __slots__ = ("_names", "_slot")

    def __init__(self, slot: Slot) -> None:
        self._slot = slot
        self._names: tuple[str, ...] = ()

    @property
    def __class__(self) -> Any:
        original = self._slot.spec.actor
        return self._slot.context.adopted.get(original, original)

    @__class__.setter
    def __class__(self, value: object) -> None:
        raise TypeError(f"a window shows one class, not {value!r}")

    @property
    def __dict__(self) -> Any:  # type: ignore[override]  # it shows another's
        actor = self._slot.actor
        return dict.fromkeys(self._names) | ({} if actor is None else actor.__dict__)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._slot.actor or self.__class__, name)

    def __dir__(self) -> list[str]:
        actor = self._slot.actor
        if actor is not None:
            self._names = tuple(actor.__dict__)
        return dir(actor or self.__class__)

    def __eq__(self, other: object) -> bool:
        return type(other) is ActorView and other._slot is self._slot

    def __hash__(self) -> int:
        return hash(self._slot)


class StableRef(pykka.ActorRef[Any]):
    """A Pykka reference to a slot in a tree: good through every restart.

    While nobody is there, messages wait; asks are always answered, by an error when need be.
    """

    def __init__(self, slot: Slot) -> None:  # the base class would take an instance
        self.slot, self._context = slot, slot.context
        self.actor_urn = slot.urn
        self.actor_inbox = self._mailbox = slot.mailbox
        self.describe(slot.spec)
        self.actor_stopped = slot.gone
        # a thread answers even while this loop is blocked
        self._here = slot.context.host.in_loop if slot.spec.placed_on is Host.LOOP else None
        self._actor_weakref = slot.actor_view  # type: ignore[assignment]  # called the same way

    def describe(self, spec: ChildSpec) -> None:
        """Point at a child of that class from now on."""
        self.actor_class, self._supervises = spec.actor, spec.supervises

    def __str__(self) -> str:
        return f"{self.actor_class.__name__} at {self.slot.path}"

    def tell(self, message: Any) -> None:
        """Send ``message``; see Pykka. Raises ``ActorDeadError`` when the slot is gone.

        Raises:
            FencedError: the sender was abandoned.
        """
        if self._context.fences:
            refuse_fenced()
        inbox = self._mailbox
        if inbox.mode is CLOSED:
            raise pykka.ActorDeadError(f"{self} not found")
        inbox.tell(message)

    def ask(self, message: Any, *, block: bool = True, timeout: float | None = None) -> Any:
        """Send ``message`` and wait for the answer; see Pykka.

        Raises:
            BlockingAskError: it would block the loop that has to answer; nothing was sent.
            FencedError: the asker was abandoned.
        """
        if self._context.fences:
            refuse_fenced()
        if block:
            self.refuse_to_block()
        reply = Reply(None if block else self._here, self.slot.path)
        if self._supervises:
            self.slot.check_asker()
        inbox = self._mailbox
        if inbox.mode is CLOSED:
            reply.fail(pykka.ActorDeadError(f"{self} not found"))
        else:
            inbox.put(Envelope(message, reply))
        return reply.get(timeout=timeout) if block else reply

    def refuse_to_block(self) -> None:
        """Refuse to wait for the child inside the loop that it needs to go on.

        Raises:
            BlockingAskError: this is that loop.
        """
        if self._here is not None and self._here():
            raise BlockingAskError(self.slot.path)

    def stop(self, *, block: bool = True, timeout: float | None = None) -> Any:
        """Ask the present incarnation to stop by itself; its supervisor may start another."""
        if block:
            self.refuse_to_block()
        asked = self.ask(_ActorStop(), block=False)
        stopped = Reply(self._here, self.slot.path)
        asked.when_done(lambda: stopped.set(_was_alive(asked)))
        return stopped.get(timeout=timeout) if block else stopped


def _was_alive(asked: Reply) -> bool:
    try:
        asked.get(timeout=0)
    except Exception:  # noqa: BLE001 - dead, unavailable: it was not there to be stopped
        return False
    return True


@overload
async def ask_async(ref: pykka.ActorRef[Any], message: Ask[R_co], *, timeout: float) -> R_co: ...
@overload
async def ask_async(ref: pykka.ActorRef[Any], message: object, *, timeout: float) -> Any: ...
async def ask_async(ref: pykka.ActorRef[Any], message: object, *, timeout: float) -> Any:
    """Ask any Pykka actor from a coroutine, without blocking its loop.

    Args:
        ref: whom to ask; supervised or not, on a thread or in a loop.
        message: what to ask; an ``Ask[R]`` is answered with an ``R``. For methods there is
            ``await proxy.method()``.
        timeout: seconds to wait for the answer.

    Raises:
        AskTimeoutError: no answer in time. It may still come, and is dropped.
        pykka.ActorDeadError: the actor is gone for good.
        ChildUnavailableError: it is not running now; try later.
        Exception: whatever the actor raised.
    """

    if isinstance(ref, StableRef):
        reply = ref.ask(message, block=False)
    else:
        reply = Reply()
        if not ref.is_alive():
            raise pykka.ActorDeadError(f"{ref} not found")
        ref.actor_inbox.put(Envelope(message, reply))
    try:
        async with asyncio.timeout(timeout):
            return await reply
    except TimeoutError:
        if reply.done:  # that was the answer
            raise
        raise AskTimeoutError(str(ref), timeout) from None
