"""A child's slot in the tree: what stays while incarnations come and go.

The slot owns the id, the path, the state, the mailbox, the reference and the runner (in the loop
or on a thread). Its supervisor decides what happens; the slot does it, and reports.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import pykka
from pykka._envelope import Envelope
from pykka.messages import _ActorStop

from ...errors import ChildUnavailableError, SupervisorAskedError
from ..policy.exit_reason import Exit
from ..spec.child_spec import ChildSpec, Sibling
from .mailbox import HELD, OPEN, Mode, OwnEnvelope, answer
from .pykka_registry import register, unregister
from .refs import ActorView, StableRef, StopFlag
from .states import ALIVE, MODES, RESTING, ChildState, StartResult
from .tree_context import STARTING_SLOT, ExitListener, SlotSupervisor, TreeContext

if TYPE_CHECKING:
    from ..policy.restart_intensity import RestartWindow

# looked up once: a member looked up in its class is slow before Python 3.12, and a restart does so
# thirty times
IDLE: Final = ChildState.IDLE
STARTING: Final = ChildState.STARTING
RUNNING: Final = ChildState.RUNNING


class ChildSlot:
    """Where a child lives; written to in the loop only, read from anywhere."""

    __slots__ = (
        "__weakref__",
        "added",
        "children",
        "context",
        "gone",
        "id",
        "incarnation",
        "last_exit",
        "mailbox",
        "parent",
        "path",
        "ref",
        "restart_window",
        "restarts",
        "runner",
        "since",
        "spec",
        "state",
        "supervisor",
        "until",
        "urn",
        "watches",
        "why",
    )

    def __init__(
        self, context: TreeContext, spec: ChildSpec, parent: ChildSlot | None = None
    ) -> None:
        self.context, self.spec, self.parent = context, spec, parent
        self.added = False
        """Whether a command described it, and not its supervisor's own description."""
        self.id = spec.id
        self.path: str = (
            spec.id if parent is None or parent.parent is None else f"{parent.path}/{spec.id}"
        )
        self.urn = _new_urn()
        self.children: dict[str, ChildSlot] = {}
        self.gone: StopFlag = StopFlag()
        self.incarnation = 0
        self.restarts = 0
        self.state = ChildState.IDLE
        self.since = context.clock.now()
        self.until: float | None = None
        self.why = ""
        self.last_exit: Exit | None = None
        self.restart_window: RestartWindow | None = None
        self.supervisor: SlotSupervisor | None = None
        self.watches: tuple[ExitListener, ...] = ()
        self.runner = context.make_runner(self)
        self.mailbox = self.runner.mailbox
        self.ref = StableRef(self)
        register(self.ref)

    @property
    def actor(self) -> pykka.Actor | None:
        """The present incarnation, if there is one."""
        return self.runner.actor

    @property
    def alive(self) -> bool:
        """Whether an incarnation starts, runs or stops here."""
        return self.state in ALIVE

    def actor_view(self) -> ActorView | None:
        """What a Pykka proxy looks through; ``None`` when the slot is gone."""
        return None if self.gone.is_set() else ActorView(self)

    def build(self, actor_class: type[pykka.Actor]) -> pykka.Actor:
        """Make an incarnation, with siblings' references filled into its arguments."""
        spec, fill = self.spec, self._filled_in
        args = tuple(map(fill, spec.args)) if spec.args else ()
        kwargs = {name: fill(value) for name, value in spec.kwargs.items()} if spec.kwargs else {}
        actor = actor_class.__new__(actor_class, *args, **kwargs)
        object.__setattr__(actor, "_telewarden_slot", self)
        actor.__init__(*args, **kwargs)  # type: ignore[misc]  # in two steps: it needs its slot
        return actor

    def _filled_in(self, value: Any) -> Any:
        if not isinstance(value, Sibling):
            return value
        assert self.parent is not None, "a child without a supervisor has no siblings"  # noqa: S101
        return self.parent.children[value.id].ref

    # what its supervisor does with it

    def enter(self, state: ChildState, *, why: str = "", until: float | None = None) -> None:
        """Take up a state; the mailbox follows."""
        self.state, self.why, self.until = state, why, until
        self.since = self.context.clock.now()
        self.mailbox.set_mode(MODES[state])
        if state in RESTING:
            self.runner.park()
            for child in list(self.children.values()):
                child.enter(state, why=f"{self.path} is {state.value}")

    def expect(self) -> None:
        """A start is expected here and below: messages wait for it."""
        if self.state in RESTING:
            self.enter(IDLE)
        for child in self.children.values():
            child.expect()

    def describe(self, spec: ChildSpec) -> None:
        """Follow another description of the same child, on the same host, from the next start."""
        self.spec = spec
        self.mailbox.limit = spec.mailbox_limit
        self.ref.describe(spec)

    def start(self) -> StartResult:
        """Start the next incarnation; messages wait meanwhile."""
        self.incarnation += 1
        self.state, self.why, self.until = STARTING, "", None
        if self.mailbox.mode is not HELD:  # nothing ran here, and nobody was coming
            self.mailbox.set_mode(HELD)
        return self.runner.start(self.incarnation)

    def on_started(self) -> None:
        """An incarnation runs."""
        self.state, self.since = RUNNING, self.context.clock.now()
        self.mailbox.set_mode(OPEN)

    def on_exited(self, exit_: Exit) -> None:
        """An incarnation ended; nothing has been decided yet, so messages wait."""
        self.state, self.last_exit = IDLE, exit_
        self.mailbox.set_mode(HELD)
        for watch in self.watches:
            watch.on_exited()

    def forget(self) -> None:
        """Close the slot for good, and those below it."""
        if self.gone.is_set():
            return
        for child in reversed(tuple(self.children.values())):  # as the registry likes it
            child.forget()
        watches, self.watches = self.watches, ()
        self.gone.set()
        for watch in watches:
            watch.on_removed()
        self.state = ChildState.GONE
        self.mailbox.set_mode(Mode.CLOSED)
        self.runner.park()
        unregister(self.ref)
        if self.parent is not None:
            self.parent.children.pop(self.id, None)

    # what its runner reports

    def report_started(self, incarnation: int) -> None:
        """A start that had been left open succeeded."""
        if self.supervisor is not None and incarnation == self.incarnation:
            self.supervisor.child_started(self, incarnation)

    def report_exited(self, incarnation: int, exit_: Exit) -> None:
        """An incarnation ended by itself, or after it was asked to."""
        if self.supervisor is not None and incarnation == self.incarnation:
            self.supervisor.child_exited(self, incarnation, exit_)

    def refuse(self, envelope: Envelope[Any], reason: str) -> None:
        """Answer a message that will not be handled, or drop it; from any thread."""
        if type(envelope) is OwnEnvelope and reason != "overflow":
            return  # S23: it meant something to its own incarnation only
        if envelope.reply_to is None:
            self.context.drop(self.path, envelope.message, reason)
        elif isinstance(envelope.message, _ActorStop):
            answer(envelope, value=None)
        elif reason == "gone":
            answer(
                envelope,
                error=pykka.ActorDeadError(f"{self.ref} stopped before handling the message"),
            )
        else:
            answer(envelope, error=ChildUnavailableError(self.path, self.why or self.state.value))

    def check_asker(self) -> None:
        """Refuse an ask from a child of this supervisor that is still starting (S24).

        Raises:
            SupervisorAskedError: it would wait for the supervisor, which waits for it.
        """
        asker = STARTING_SLOT.get()
        if asker is not None and asker.parent is self and asker.state is ChildState.STARTING:
            raise SupervisorAskedError(asker.path, self.path)

    def walk(self) -> Iterator[ChildSlot]:
        """This slot and all below it, in start order."""
        yield self
        for child in list(self.children.values()):
            yield from child.walk()


def _new_urn() -> str:
    """As ``uuid.uuid4().urn``, at a fifth of the price: ten thousand slots count."""
    digits = os.urandom(16).hex()
    return f"urn:uuid:{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"
