"""A child's place in the tree: what stays while incarnations come and go.

The place has the id, the mailbox, the reference and the runner (a cell in the loop, or a thread).
Its supervisor decides what happens; the place only does it and reports.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextvars import ContextVar
from functools import cache
from queue import Full
from typing import TYPE_CHECKING, Any, Final

import pykka
from pykka._envelope import Envelope
from pykka.messages import _ActorStop

from ...errors import ChildUnavailableError, SupervisorAskedError
from ..policy.exit_reason import Exit
from ..spec.child_spec import ChildSpec, Host, Sibling
from .mailbox import HELD, OPEN, LoopMailbox, Mailbox, Mode, ThreadMailbox
from .pykka_registry import register, unregister
from .refs import StableRef, StopFlag, Window
from .states import ALIVE, MODES, RESTING, Outcome, Phase, Runner, Watcher

if TYPE_CHECKING:
    from ..policy.restart_intensity import RestartLedger
    from .loop_runner import LoopCell
    from .monitor import Watch
    from .thread_runner import ThreadRunner
    from .tree_context import Realm

__all__ = ["STARTING", "Place", "answer"]


STARTING: ContextVar[Place | None] = ContextVar("starting", default=None)
"""The place whose ``on_start`` runs in this context, to catch it asking its own supervisor."""


# looked up once: a member looked up in its class is slow before Python 3.12, and a restart does so
# thirty times
LOOP: Final = Host.LOOP
PHASE_IDLE: Final = Phase.IDLE
PHASE_STARTING: Final = Phase.STARTING
PHASE_RUNNING: Final = Phase.RUNNING


class Place:
    """Where a child lives; written to in the loop only, read from anywhere."""

    __slots__ = (
        "__weakref__",
        "added",
        "children",
        "gone",
        "id",
        "incarnation",
        "last_exit",
        "ledger",
        "mailbox",
        "owner",
        "path",
        "phase",
        "realm",
        "ref",
        "restarts",
        "runner",
        "since",
        "spec",
        "until",
        "urn",
        "watcher",
        "watches",
        "why",
    )

    def __init__(self, realm: Realm, spec: ChildSpec, owner: Place | None = None) -> None:
        self.realm, self.spec, self.owner = realm, spec, owner
        self.added = False
        """Whether a command described it, and not its supervisor's own description."""
        self.id = spec.id
        self.path: str = (
            spec.id if owner is None or owner.owner is None else f"{owner.path}/{spec.id}"
        )
        self.urn = _new_urn()
        self.children: dict[str, Place] = {}
        self.gone: StopFlag = StopFlag()
        self.incarnation = 0
        self.restarts = 0
        self.phase = Phase.IDLE
        self.since = realm.clock.now()
        self.until: float | None = None
        self.why = ""
        self.last_exit: Exit | None = None
        self.ledger: RestartLedger | None = None
        self.watcher: Watcher | None = None
        self.watches: tuple[Watch, ...] = ()
        self.mailbox: Mailbox
        self.runner: Runner
        self._settle_in()
        self.ref = StableRef(self)
        register(self.ref)

    def _settle_in(self) -> None:
        limit = self.spec.mailbox_limit
        loop_cell, thread_runner = _runners()
        if self.spec.placed_on is LOOP:
            cell = loop_cell(self)
            self.mailbox = cell.mailbox = LoopMailbox(
                limit=limit, refuse=self.refuse, wake=cell.wake
            )
            self.runner = cell
        else:
            self.mailbox = box = ThreadMailbox(limit=limit, refuse=self.refuse)
            self.runner = thread_runner(self, box)

    @property
    def actor(self) -> pykka.Actor | None:
        """The present incarnation, if there is one."""
        return self.runner.actor

    @property
    def alive(self) -> bool:
        """Whether an incarnation starts, runs or stops here."""
        return self.phase in ALIVE

    def look(self) -> Window | None:
        """What a Pykka proxy looks through; ``None`` when the place is gone."""
        return None if self.gone.is_set() else Window(self)

    def build(self, actor_class: type[pykka.Actor]) -> pykka.Actor:
        """Make an incarnation, with siblings' references filled into its arguments."""
        spec, fill = self.spec, self._filled_in
        args = tuple(map(fill, spec.args)) if spec.args else ()
        kwargs = {name: fill(value) for name, value in spec.kwargs.items()} if spec.kwargs else {}
        actor = actor_class.__new__(actor_class, *args, **kwargs)
        object.__setattr__(actor, "_telewarden_place", self)
        actor.__init__(*args, **kwargs)  # type: ignore[misc]  # in two steps: it needs its place
        return actor

    def _filled_in(self, value: Any) -> Any:
        if not isinstance(value, Sibling):
            return value
        assert self.owner is not None, "a child without a supervisor has no siblings"  # noqa: S101
        return self.owner.children[value.id].ref

    # what its supervisor does with it

    def enter(self, phase: Phase, *, why: str = "", until: float | None = None) -> None:
        """Take up a phase; the mailbox follows."""
        self.phase, self.why, self.until = phase, why, until
        self.since = self.realm.clock.now()
        self.mailbox.turn(MODES[phase])
        if phase in RESTING:
            self.runner.rest()
            for child in list(self.children.values()):
                child.enter(phase, why=f"{self.path} is {phase.value}")

    def expect(self) -> None:
        """Somebody is coming after all, here and below: what is sent to them waits."""
        if self.phase in RESTING:
            self.enter(PHASE_IDLE)
        for child in self.children.values():
            child.expect()

    def describe(self, spec: ChildSpec) -> None:
        """Follow another description of the same child, on the same host, from the next start."""
        self.spec = spec
        self.mailbox.limit = spec.mailbox_limit
        self.ref.describe(spec)

    def begin(self) -> Outcome:
        """Start the next incarnation; what is sent to it meanwhile waits."""
        self.incarnation += 1
        self.phase, self.why, self.until = PHASE_STARTING, "", None
        if self.mailbox.mode is not HELD:  # nothing ran here, and nobody was coming
            self.mailbox.turn(HELD)
        return self.runner.begin(self.incarnation)

    def went_up(self) -> None:
        """An incarnation runs."""
        self.phase, self.since = PHASE_RUNNING, self.realm.clock.now()
        self.mailbox.turn(OPEN)

    def went_down(self, exit_: Exit) -> None:
        """An incarnation ended; nothing has been decided yet, so messages wait."""
        self.phase, self.last_exit = PHASE_IDLE, exit_
        self.mailbox.turn(HELD)
        for watch in self.watches:
            watch.went_down()

    def forget(self) -> None:
        """Close the place for good, and those below it."""
        if self.gone.is_set():
            return
        for child in reversed(tuple(self.children.values())):  # as the registry likes it
            child.forget()
        watches, self.watches = self.watches, ()
        self.gone.set()
        for watch in watches:
            watch.went_away()
        self.phase = Phase.GONE
        self.mailbox.turn(Mode.CLOSED)
        self.runner.rest()
        unregister(self.ref)
        if self.owner is not None:
            self.owner.children.pop(self.id, None)

    # what its runner reports

    def report_started(self, incarnation: int) -> None:
        """A start that had been left open succeeded."""
        if self.watcher is not None and incarnation == self.incarnation:
            self.watcher.started(self, incarnation)

    def report_ended(self, incarnation: int, exit_: Exit) -> None:
        """An incarnation ended by itself, or after it was asked to."""
        if self.watcher is not None and incarnation == self.incarnation:
            self.watcher.ended(self, incarnation, exit_)

    def refuse(self, envelope: Envelope[Any], reason: str) -> None:
        """Answer a message that will not be handled, or drop it; from any thread."""
        if envelope.reply_to is None:
            self.realm.drop(self.path, envelope.message, reason)
        elif isinstance(envelope.message, _ActorStop):
            answer(envelope, value=None)
        elif reason == "gone":
            answer(
                envelope,
                error=pykka.ActorDeadError(f"{self.ref} stopped before handling the message"),
            )
        else:
            answer(envelope, error=ChildUnavailableError(self.path, self.why or self.phase.value))

    def check_asker(self) -> None:
        """Refuse an ask from a child of this supervisor that is still starting (S24).

        Raises:
            SupervisorAskedError: it would wait for the supervisor, which waits for it.
        """
        asker = STARTING.get()
        if asker is not None and asker.owner is self and asker.phase is Phase.STARTING:
            raise SupervisorAskedError(asker.path, self.path)

    def walk(self) -> Iterator[Place]:
        """This place and all below it, in start order."""
        yield self
        for child in list(self.children.values()):
            yield from child.walk()


@cache
def _runners() -> tuple[type[LoopCell], type[ThreadRunner]]:
    """What runs incarnations; both know what a place is, so they are imported late, and once."""
    from .loop_runner import LoopCell
    from .thread_runner import ThreadRunner

    return LoopCell, ThreadRunner


def _new_urn() -> str:
    """As ``uuid.uuid4().urn``, at a fifth of the price: ten thousand places count."""
    digits = os.urandom(16).hex()
    return f"urn:uuid:{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


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
