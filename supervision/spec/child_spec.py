"""What is to be supervised and how: descriptions, refused by name when they make no sense (S30).

Plain values: nothing is started or looked up here. Arguments never appear in a repr.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final

import pykka
from tenacity.wait import wait_base

from ...errors import InvalidSpecError
from ..policy.directive import AnyDirective
from ..policy.exit_reason import Restart
from ..policy.restart_intensity import RestartIntensity


class Host(Enum):
    """What a child runs on."""

    LOOP = "loop"
    """The tree's asyncio loop; for actors that never block."""
    THREAD = "thread"
    """A thread of its own; for any Pykka actor, free to block."""


class Shutdown(Enum):
    """How long to wait for a child that was asked to stop, other than a number of seconds."""

    IMMEDIATE = "immediate"
    """Not at all: it is off at once, without a hook; who is busy is fenced and abandoned."""
    INFINITY = "infinity"
    """For as long as it takes: right for supervisors, whose children have limits of their own."""


class AutoShutdown(Enum):
    """Whether a supervisor ends when its significant children have ended by themselves."""

    NEVER = "never"
    ANY_SIGNIFICANT = "any_significant"
    ALL_SIGNIFICANT = "all_significant"


@dataclass(frozen=True, slots=True)
class Sibling:
    """Stands in a child's arguments for the stable reference of another child of its supervisor.

    Slots exist before anything starts, so the other may come earlier or later.
    """

    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildSpec:
    """One child: what it is, where it runs, when it is restarted, how it is stopped.

    Args:
        id: its name under its supervisor; no ``/``.
        actor: a Pykka actor class, unmodified; or a supervisor class.
        args, kwargs: for its constructor; ``Sibling("x")`` inside stands for x's reference.
        restart: permanent, transient or temporary.
        shutdown: seconds it gets to stop, ``Shutdown.IMMEDIATE`` or ``INFINITY``. ``None``: 5
            seconds, or ``INFINITY`` for a supervisor.
        host: ``None`` chooses the loop for ``LoopActor`` classes, else a thread.
        significant: its end can end its supervisor; see ``SupervisorSpec.auto_shutdown``.
        start_timeout: seconds that building it and ``on_start`` may take. For a supervisor, whose
            children each have their own, ``None`` (no limit) is the default; else 5.
        backoff: a tenacity ``wait_*`` that says how long to wait before each restart.
        stable_after: uptime in seconds after which past failures are forgotten.
        intensity: for this child alone. Past it the child is quarantined, and none of its failures
            counts for its supervisor or concerns its siblings.
        directive: what follows from an error; see ``directives``. Called where the child runs.
        ask_failures: errors that are a crash even when raised while answering an ask, which Pykka
            otherwise gives to the asker and nobody else.
        mailbox_limit: messages that may wait while it is restarting; more go to dead letters.
        failure_timeout: seconds that ``on_failure`` may take, when it is ``async def``.
        stuck_after: seconds that one message may take, ``None`` for as long as it likes. Past it an
            ``async def`` handler is cancelled and the child crashes; a thread is abandoned.
    """

    id: str
    actor: type[pykka.Actor]
    args: tuple[Any, ...] = field(default=(), repr=False)
    kwargs: Mapping[str, Any] = field(default_factory=dict, repr=False)
    restart: Restart = Restart.PERMANENT
    shutdown: float | Shutdown | None = None
    host: Host | None = None
    significant: bool = False
    start_timeout: float | None = None
    backoff: wait_base | None = None
    stable_after: float = 10.0
    intensity: RestartIntensity | None = None
    directive: Callable[[BaseException], AnyDirective] | None = field(default=None, repr=False)
    ask_failures: tuple[type[BaseException], ...] = ()
    mailbox_limit: int = 1000
    failure_timeout: float = 5.0
    stuck_after: float | None = None

    def __post_init__(self) -> None:
        for name, allowed, fits in CHILD_RULES:
            if not fits(self):
                raise InvalidSpecError(f"ChildSpec.{name}", _shown(self, name), allowed)

    @property
    def supervises(self) -> bool:
        """Whether the child is itself a supervisor."""
        return bool(getattr(self.actor, "is_supervisor", False))

    @property
    def placed_on(self) -> Host:
        """The host it runs on, with the default filled in."""
        if self.host is not None:
            return self.host
        return Host.LOOP if _is_loop_actor(self.actor) else Host.THREAD

    @property
    def stop_within(self) -> float | Shutdown:
        """Seconds it gets to stop, with the default filled in."""
        if self.shutdown is not None:
            return self.shutdown
        return Shutdown.INFINITY if self.supervises else 5.0

    @property
    def start_within(self) -> float | None:
        """Seconds its start may take, with the default filled in; ``None`` is no limit."""
        if self.start_timeout is not None:
            return self.start_timeout
        return None if self.supervises else 5.0


def _is_loop_actor(actor: type[pykka.Actor]) -> bool:
    return bool(getattr(actor, "runs_on_loop", False))


def _shown(spec: ChildSpec, name: str) -> object:
    """A field's value for an error message; arguments only by type."""
    value = getattr(spec, name)
    return type(value) if name in {"args", "kwargs"} else value


def _is_name(value: object) -> bool:
    return isinstance(value, str) and value != "" and "/" not in value


def _positive(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0


# Any: what a caller gives need not be what the class says; that is what is looked at.
CHILD_RULES: Final[tuple[tuple[str, str, Callable[[Any], bool]], ...]] = (
    (
        "id",
        "a name without '/'",
        lambda s: _is_name(s.id),
    ),
    (
        "actor",
        "a subclass of pykka.Actor",
        lambda s: isinstance(s.actor, type) and issubclass(s.actor, pykka.Actor),
    ),
    ("args", "a tuple", lambda s: isinstance(s.args, tuple)),
    ("kwargs", "a mapping", lambda s: isinstance(s.kwargs, Mapping)),
    ("restart", "a Restart", lambda s: isinstance(s.restart, Restart)),
    (
        "shutdown",
        "0 or more seconds, or a Shutdown",
        lambda s: (
            s.shutdown is None
            or isinstance(s.shutdown, Shutdown)
            or s.shutdown == 0
            or _positive(s.shutdown)
        ),
    ),
    (
        "host",
        "a Host; the loop takes only LoopActor classes, supervisors run on the loop",
        lambda s: (
            s.host is None
            or (isinstance(s.host, Host) and (s.host is Host.LOOP) is _is_loop_actor(s.actor))
        ),
    ),
    (
        "significant",
        "False for a permanent child, whose end is never final",
        lambda s: (
            isinstance(s.significant, bool)
            and not (s.significant and s.restart is Restart.PERMANENT)
        ),
    ),
    (
        "start_timeout",
        "more than 0 seconds, or None",
        lambda s: s.start_timeout is None or _positive(s.start_timeout),
    ),
    (
        "backoff",
        "a tenacity wait, or None",
        lambda s: s.backoff is None or isinstance(s.backoff, wait_base),
    ),
    ("stable_after", "more than 0 seconds", lambda s: _positive(s.stable_after)),
    (
        "intensity",
        "a RestartIntensity, or None",
        lambda s: s.intensity is None or isinstance(s.intensity, RestartIntensity),
    ),
    (
        "directive",
        "a function of the error, or None",
        lambda s: s.directive is None or callable(s.directive),
    ),
    (
        "ask_failures",
        "a tuple of exception classes",
        lambda s: (
            isinstance(s.ask_failures, tuple)
            and all(isinstance(e, type) and issubclass(e, BaseException) for e in s.ask_failures)
        ),
    ),
    (
        "mailbox_limit",
        "a whole number, 0 or more",
        lambda s: isinstance(s.mailbox_limit, int) and s.mailbox_limit >= 0,
    ),
    ("failure_timeout", "more than 0 seconds", lambda s: _positive(s.failure_timeout)),
    (
        "stuck_after",
        "more than 0 seconds, or None",
        lambda s: s.stuck_after is None or _positive(s.stuck_after),
    ),
)
