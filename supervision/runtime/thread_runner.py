"""A slot's thread: runs one incarnation of any Pykka actor after the other, in the same thread.

Keeping the thread makes a restart four times as fast as starting another. A thread that will not
come back is fenced: what it still does is refused, and the next incarnation gets a new one.
"""

from __future__ import annotations

import threading
from queue import SimpleQueue
from types import new_class
from typing import Any, Final

import pykka
from pykka._envelope import Envelope
from pykka.messages import ProxyCall, ProxyGetAttr, ProxySetAttr, _ActorStop

from ...errors import ChildUnavailableError, DrillError
from ..fencing import TOKEN, FencingToken
from ..observe.stacks import thread_stack
from ..policy.exit_reason import Exit, ExitKind
from .failures import Drill, run_failure_hook, run_stop_hook, start_exit, stop_itself, take_failure
from .mailbox import NUDGE, OwnEnvelope, ThreadMailbox, answer, wrapped
from .refs import StopFlag
from .states import StartResult
from .tree_context import STARTING_SLOT, Slot


class _Halt:
    """Sent on the control lane: the incarnation of this number stops; others take no notice."""

    __slots__ = ("incarnation",)

    def __init__(self, incarnation: int) -> None:
        self.incarnation = incarnation


class ThreadRunner:
    """The runner of thread-hosted slots."""

    __slots__ = ("_abandoned", "_leaving", "_slot", "_worker", "mailbox")

    def __init__(self, slot: Slot) -> None:
        self._slot = slot
        self.mailbox = ThreadMailbox(limit=slot.spec.mailbox_limit, refuse=slot.refuse)
        self._worker: _Worker | None = None
        self._abandoned: threading.Thread | None = None
        self._leaving: threading.Thread | None = None
        """One that was sent away while it waited; it only has to hear of it."""

    @property
    def actor(self) -> pykka.Actor | None:
        """The present incarnation, if there is one."""
        return None if self._worker is None else self._worker.actor

    def start(self, incarnation: int) -> StartResult:
        """Have the thread build and start the next incarnation; it will report."""
        if self._worker is not None and not self._worker.retired:
            self._worker.orders.put(incarnation)
            return None
        worker = _Worker(self._slot, self.mailbox, after=self._leaving)
        self._leaving = None
        worker.orders.put(incarnation)  # it need not be woken a second time
        try:
            worker.thread.start()
        except RuntimeError as error:  # the system gives no more threads
            return start_exit(self._slot, error)
        self._worker = worker
        return None

    def stop(self) -> Exit | None:
        """Ask it to stop as soon as its handler returns, before any waiting message."""
        if self._worker is not None:
            self.mailbox.overtake(Envelope(_Halt(self._slot.incarnation)))
        return None

    def finish(self) -> None:
        """Let the thread end with its incarnation, without being woken for it."""
        if self._worker is not None:
            self._worker.retired = True
            self._worker.orders.put(None)

    def abort_start(self, exit_: Exit) -> bool:  # noqa: ARG002 - the loop's runner uses it
        """A thread cannot be interrupted."""
        return False

    def kill(self) -> bool:
        """Abandon it; true when it was idle: it does nothing more, and is no zombie."""
        worker, zombie = self._worker, self._abandoned
        self.fence()
        if worker is not None and worker.busy:
            return False
        self._abandoned = zombie
        if worker is not None:
            self._leaving = worker.thread
        return True

    @property
    def has_zombies(self) -> bool:
        """Whether a thread that was abandoned is still there."""
        return self._abandoned is not None and self._abandoned.is_alive()

    def fence(self) -> None:
        """Abandon the thread; it ends when it comes back from what it does."""
        worker, self._worker = self._worker, None
        if worker is not None:
            self._slot.context.fences += 1
            worker.dismiss()
            self._abandoned = worker.thread

    @property
    def busy_with(self) -> object | None:
        """What it is at now, different for each message; ``None`` when it waits."""
        return None if self._worker is None else self._worker.busy_with

    def interrupt(self, error: Exception) -> bool:  # noqa: ARG002 - the loop's runner uses it
        """A thread cannot be interrupted."""
        return False

    def stack(self) -> str:
        """Where it is in the code."""
        return "" if self._worker is None else thread_stack(self._worker.thread.ident)

    def park(self) -> None:
        """End the thread, which has nothing to do."""
        worker, self._worker = self._worker, None
        if worker is not None and not worker.retired:
            worker.orders.put(None)


class _Worker:
    """One thread in the service of one slot."""

    __slots__ = (
        "_after",
        "_fenced",
        "_handled",
        "_item",
        "_mailbox",
        "_slot",
        "_token",
        "actor",
        "orders",
        "retired",
        "thread",
    )

    def __init__(
        self, slot: Slot, mailbox: ThreadMailbox, *, after: threading.Thread | None = None
    ) -> None:
        self._slot, self._mailbox, self._after = slot, mailbox, after
        self._fenced = False
        self._item: object = IDLE
        self._handled = 0
        self._token: FencingToken | None = None
        self.actor: pykka.Actor | None = None
        self.retired = False
        """Whether it has been told to end."""
        self.orders: SimpleQueue[int | None] = SimpleQueue()
        # a daemon, so that one that never comes back cannot keep the process from ending
        self.thread = threading.Thread(target=self._serve, name=slot.path, daemon=True)

    @property
    def busy(self) -> bool:
        """Whether it starts an incarnation or handles a message."""
        return self._item is not IDLE

    @property
    def busy_with(self) -> object | None:
        """The number of the message that it is at."""
        return None if self._item is IDLE or self._item is STARTING_UP else self._handled

    def dismiss(self) -> None:
        """Send it away: nothing it still does may have an effect on the slot."""
        self._fenced = True
        if self._token is not None:
            self._token.fenced = True
        item = self._item
        if isinstance(item, Envelope):
            answer(item, error=ChildUnavailableError(self._slot.path, "it was abandoned"))
        self.orders.put(None)
        self._mailbox.nudge()

    def _serve(self) -> None:
        call_soon, ended = self._slot.context.host.call_soon, self._slot.report_exited
        if self._after is not None:  # two that wait at one mailbox would take each other's nudges
            self._after.join()
            self._after = None
        while (incarnation := self.orders.get()) is not None:
            self._item = STARTING_UP  # before the look, as below
            if self._fenced:
                break
            exit_ = self._incarnate(incarnation)
            self.actor, self._item = None, IDLE
            if not self._fenced:
                call_soon(ended, incarnation, exit_)

    def _incarnate(self, incarnation: int) -> Exit:
        self._token = FencingToken(self._slot.path, incarnation)
        TOKEN.set(self._token)
        token = STARTING_SLOT.set(self._slot)
        try:
            actor = self.actor = self._slot.build(adopted_class(self._slot))
            actor.on_start()
        except BaseException as error:  # noqa: BLE001 - nothing a child raises may reach others
            return start_exit(self._slot, error)
        finally:
            STARTING_SLOT.reset(token)
        self._item = IDLE
        if not self._fenced:
            self._slot.context.host.call_soon(self._slot.report_started, incarnation)
        return self._handle_all(actor, incarnation)

    def _handle_all(self, actor: pykka.Actor, incarnation: int) -> Exit:
        """Handle messages until one ends the incarnation. Everything in it counts: it is hot."""
        mailbox = self._mailbox
        wait, control = mailbox.wait, mailbox.control
        while not self._fenced:
            item = control.pop(0) if control else wait()
            if item is NUDGE:
                continue
            self._item = item  # before the look: whoever dismisses it sees it busy, or is seen
            if self._fenced:
                mailbox.overtake(wrapped(item))  # type: ignore[unreachable]  # dismiss() may be quick
                # it was not meant for this thread any more
                break
            self._handled += 1
            if type(item) in SPECIAL:
                end = self._handle(actor, wrapped(item), incarnation)
                if end is not None:
                    return end
            else:
                try:
                    actor.on_receive(item)
                except BaseException as error:  # noqa: BLE001 - S4: nothing may reach others
                    end = self._failed(actor, Envelope(item), error)
                    if end is not None:
                        return end
            self._item = IDLE
        return Exit(ExitKind.ABANDONED)

    def _handle(self, actor: pykka.Actor, envelope: Envelope[Any], incarnation: int) -> Exit | None:
        message = envelope.message
        if type(envelope) is OwnEnvelope and envelope.incarnation != incarnation:
            return None
        try:
            if type(message) not in SPECIAL:
                result = actor.on_receive(message)
            elif type(message) in STOPPING:
                return self._stopped(actor, envelope, incarnation)
            elif type(message) is Drill:
                raise DrillError(message.reason)
            else:
                result = actor._handle_receive(message)  # noqa: SLF001 - Pykka's own loop does
        except BaseException as error:  # noqa: BLE001 - S4: nothing a child raises may reach others
            return self._failed(actor, envelope, error)
        if envelope.reply_to is not None:
            answer(envelope, value=result)
        return None

    def _failed(
        self, actor: pykka.Actor, envelope: Envelope[Any], error: BaseException
    ) -> Exit | None:
        if self._fenced:  # its asker has been answered, its supervisor told
            return Exit(ExitKind.ABANDONED)
        exit_ = take_failure(self._slot, envelope, error)
        if exit_ is not None:
            actor.actor_stopped.set()
            run_failure_hook(self._slot, actor, error)
        return exit_

    def _stopped(
        self, actor: pykka.Actor, envelope: Envelope[Any], incarnation: int
    ) -> Exit | None:
        halt = envelope.message
        if type(halt) is _Halt and halt.incarnation != incarnation:
            return None  # it was meant for one that ended before it could hear it
        actor.actor_stopped.set()
        run_stop_hook(self._slot, actor)
        answer(envelope)
        return Exit(ExitKind.SHUTDOWN if type(halt) is _Halt else ExitKind.NORMAL)


IDLE: Final = object()
STARTING_UP: Final = object()
STOPPING: Final = frozenset({_Halt, _ActorStop})
SPECIAL: Final = STOPPING | {Envelope, OwnEnvelope, Drill, ProxyCall, ProxyGetAttr, ProxySetAttr}
"""Types of messages that ``on_receive`` does not get as they are."""


def adopted_class(slot: Slot) -> type[pykka.Actor]:
    """A class that behaves as the spec's class and knows its slot's mailbox and reference.

    Nothing is demanded of the class itself. What stands in for it is made once a tree and bears
    its name.
    """
    adopted = slot.context.adopted
    original = slot.spec.actor
    if original not in adopted:
        made = new_class(original.__name__, (_Adopted, original, _Settled))
        for name in ("__module__", "__qualname__", "__doc__"):
            setattr(made, name, getattr(original, name))
        adopted[original] = made
    return adopted[original]


class _Adopted(pykka.Actor):
    """What a supervised incarnation gets from its slot instead of making it itself."""

    _telewarden_slot: Slot

    def _create_actor_inbox(self) -> Any:  # type: ignore[override]  # Pykka calls it on the instance
        return self._telewarden_slot.mailbox

    @property
    def _actor_ref(self) -> pykka.ActorRef[Any]:
        return self._telewarden_slot.ref

    @_actor_ref.setter
    def _actor_ref(self, ref: pykka.ActorRef[Any]) -> None:
        """Keep the slot's own; Pykka would set one that dies with the incarnation."""

    @property
    def actor_urn(self) -> str:
        """The slot's URN, the same for each of its incarnations."""
        return self._telewarden_slot.urn

    @actor_urn.setter
    def actor_urn(self, urn: str) -> None:
        """Keep the slot's own."""


class _Settled(pykka.Actor):
    """The last base: takes the place of ``pykka.Actor.__init__`` and does what is left of it."""

    _telewarden_slot: Slot

    def __init__(self, *_args: Any, **_kwargs: Any) -> None:  # Pykka's makes what a slot has
        token = TOKEN.get()
        self._telewarden_incarnation = 0 if token is None else token.incarnation
        self.actor_inbox = self._telewarden_slot.mailbox
        self.actor_stopped = StopFlag()

    def stop(self) -> None:
        """Stop when the messages before this have been handled; no other incarnation will."""
        stop_itself(self._telewarden_slot, self._telewarden_incarnation)
