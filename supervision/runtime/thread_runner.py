"""A place's thread: runs one incarnation of any Pykka actor after the other, in the same thread.

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
from ..observe.stacks import thread_stack
from ..policy.exit_reason import Exit, ExitKind
from .child_slot import STARTING, Place, answer
from .control import Drill
from .failures import run_failure_hook, run_stop_hook, start_exit, stop_itself, take_failure
from .fencing import TERM, Term
from .mailbox import NUDGE, OwnEnvelope, ThreadMailbox, wrapped
from .refs import StopFlag
from .states import Outcome

__all__ = ["ThreadRunner", "adopt"]


class _Halt:
    """Sent on the control lane: the incarnation of this number stops; others take no notice."""

    __slots__ = ("incarnation",)

    def __init__(self, incarnation: int) -> None:
        self.incarnation = incarnation


class ThreadRunner:
    """The runner of thread-hosted places."""

    __slots__ = ("_ghost", "_hand", "_leaving", "_mailbox", "_place")

    def __init__(self, place: Place, mailbox: ThreadMailbox) -> None:
        self._place, self._mailbox = place, mailbox
        self._hand: _Hand | None = None
        self._ghost: threading.Thread | None = None
        self._leaving: threading.Thread | None = None
        """One that was sent away while it waited; it only has to hear of it."""

    @property
    def actor(self) -> pykka.Actor | None:
        """The present incarnation, if there is one."""
        return None if self._hand is None else self._hand.actor

    def begin(self, incarnation: int) -> Outcome:
        """Have the thread build and start the next incarnation; it will report."""
        if self._hand is not None and not self._hand.retired:
            self._hand.orders.put(incarnation)
            return None
        hand = _Hand(self._place, self._mailbox, after=self._leaving)
        self._leaving = None
        hand.orders.put(incarnation)  # it need not be woken a second time
        try:
            hand.thread.start()
        except RuntimeError as error:  # the system gives no more threads
            return start_exit(self._place, error)
        self._hand = hand
        return None

    def halt(self) -> Exit | None:
        """Ask it to stop as soon as its handler returns, before any waiting message."""
        if self._hand is not None:
            self._mailbox.overtake(Envelope(_Halt(self._place.incarnation)))
        return None

    def retire(self) -> None:
        """Let the thread end with its incarnation, without being woken for it."""
        if self._hand is not None:
            self._hand.retired = True
            self._hand.orders.put(None)

    def abort_start(self, exit_: Exit) -> bool:  # noqa: ARG002 - the loop's cells use it
        """A thread cannot be interrupted."""
        return False

    def kill(self) -> bool:
        """Leave it behind; true when it was idle: it does nothing more, and haunts nobody."""
        hand, ghost = self._hand, self._ghost
        self.fence()
        if hand is not None and hand.busy:
            return False
        self._ghost = ghost
        if hand is not None:
            self._leaving = hand.thread
        return True

    @property
    def haunted(self) -> bool:
        """Whether a thread that was left behind is still there."""
        return self._ghost is not None and self._ghost.is_alive()

    def fence(self) -> None:
        """Leave the thread behind; it ends when it comes back from what it does."""
        hand, self._hand = self._hand, None
        if hand is not None:
            self._place.realm.fences += 1
            hand.dismiss()
            self._ghost = hand.thread

    @property
    def busy_with(self) -> object | None:
        """What it is at now, different for each message; ``None`` when it waits."""
        return None if self._hand is None else self._hand.busy_with

    def break_off(self, error: Exception) -> bool:  # noqa: ARG002 - the loop's cells use it
        """A thread cannot be interrupted."""
        return False

    def stack(self) -> str:
        """Where it is in the code."""
        return "" if self._hand is None else thread_stack(self._hand.thread.ident)

    def rest(self) -> None:
        """End the thread, which has nothing to do."""
        hand, self._hand = self._hand, None
        if hand is not None and not hand.retired:
            hand.orders.put(None)


class _Hand:
    """One thread in the service of one place."""

    __slots__ = (
        "_after",
        "_fenced",
        "_handled",
        "_item",
        "_mailbox",
        "_place",
        "_term",
        "actor",
        "orders",
        "retired",
        "thread",
    )

    def __init__(
        self, place: Place, mailbox: ThreadMailbox, *, after: threading.Thread | None = None
    ) -> None:
        self._place, self._mailbox, self._after = place, mailbox, after
        self._fenced = False
        self._item: object = IDLE
        self._handled = 0
        self._term: Term | None = None
        self.actor: pykka.Actor | None = None
        self.retired = False
        """Whether it has been told to end."""
        self.orders: SimpleQueue[int | None] = SimpleQueue()
        # a daemon, so that one that never comes back cannot keep the process from ending
        self.thread = threading.Thread(target=self._serve, name=place.path, daemon=True)

    @property
    def busy(self) -> bool:
        """Whether it starts an incarnation or handles a message."""
        return self._item is not IDLE

    @property
    def busy_with(self) -> object | None:
        """The number of the message that it is at."""
        return None if self._item is IDLE or self._item is STARTING_UP else self._handled

    def dismiss(self) -> None:
        """Send it away: nothing it still does may have an effect on the place."""
        self._fenced = True
        if self._term is not None:
            self._term.fenced = True
        item = self._item
        if isinstance(item, Envelope):
            answer(item, error=ChildUnavailableError(self._place.path, "it was left behind"))
        self.orders.put(None)
        self._mailbox.nudge()

    def _serve(self) -> None:
        post, ended = self._place.realm.host.post, self._place.report_ended
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
                post(ended, incarnation, exit_)

    def _incarnate(self, incarnation: int) -> Exit:
        self._term = Term(self._place.path, incarnation)
        TERM.set(self._term)
        token = STARTING.set(self._place)
        try:
            actor = self.actor = self._place.build(adopt(self._place))
            actor.on_start()
        except BaseException as error:  # noqa: BLE001 - nothing a child raises may reach others
            return start_exit(self._place, error)
        finally:
            STARTING.reset(token)
        self._item = IDLE
        if not self._fenced:
            self._place.realm.host.post(self._place.report_started, incarnation)
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
        exit_ = take_failure(self._place, envelope, error)
        if exit_ is not None:
            actor.actor_stopped.set()
            run_failure_hook(self._place, actor, error)
        return exit_

    def _stopped(
        self, actor: pykka.Actor, envelope: Envelope[Any], incarnation: int
    ) -> Exit | None:
        halt = envelope.message
        if type(halt) is _Halt and halt.incarnation != incarnation:
            return None  # it was meant for one that ended before it could hear it
        actor.actor_stopped.set()
        run_stop_hook(self._place, actor)
        answer(envelope)
        return Exit(ExitKind.SHUTDOWN if type(halt) is _Halt else ExitKind.NORMAL)


IDLE: Final = object()
STARTING_UP: Final = object()
STOPPING: Final = frozenset({_Halt, _ActorStop})
SPECIAL: Final = STOPPING | {Envelope, OwnEnvelope, Drill, ProxyCall, ProxyGetAttr, ProxySetAttr}
"""Types of what waits that ``on_receive`` does not get as it is."""


def adopt(place: Place) -> type[pykka.Actor]:
    """A class that behaves as the spec's class and knows its place's mailbox and reference.

    Nothing is demanded of the class itself. What stands in for it is made once a tree and bears
    its name.
    """
    adopted = place.realm.adopted
    original = place.spec.actor
    if original not in adopted:
        made = new_class(original.__name__, (_Adopted, original, _Settled))
        for name in ("__module__", "__qualname__", "__doc__"):
            setattr(made, name, getattr(original, name))
        adopted[original] = made
    return adopted[original]


class _Adopted(pykka.Actor):
    """What a supervised incarnation gets from its place instead of making it itself."""

    _telewarden_place: Place

    def _create_actor_inbox(self) -> Any:  # type: ignore[override]  # Pykka calls it on the instance
        return self._telewarden_place.mailbox

    @property
    def _actor_ref(self) -> pykka.ActorRef[Any]:
        return self._telewarden_place.ref

    @_actor_ref.setter
    def _actor_ref(self, ref: pykka.ActorRef[Any]) -> None:
        """Keep the place's own; Pykka would set one that dies with the incarnation."""

    @property
    def actor_urn(self) -> str:
        """The place's URN, the same for each of its incarnations."""
        return self._telewarden_place.urn

    @actor_urn.setter
    def actor_urn(self, urn: str) -> None:
        """Keep the place's own."""


class _Settled(pykka.Actor):
    """Comes last but for Pykka's own ``__init__``, and does what is left of that."""

    _telewarden_place: Place

    def __init__(self, *_args: Any, **_kwargs: Any) -> None:  # Pykka's makes what a place has
        term = TERM.get()
        self._telewarden_incarnation = 0 if term is None else term.incarnation
        self.actor_inbox = self._telewarden_place.mailbox
        self.actor_stopped = StopFlag()

    def stop(self) -> None:
        """Stop when the messages before this have been handled; no other incarnation will."""
        stop_itself(self._telewarden_place, self._telewarden_incarnation)
