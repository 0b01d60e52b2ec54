"""Log lines made from events, as OTP's reports, a little after the fact.

Formatting a traceback takes longer than a restart, so it waits until the loop has nothing more
urgent; arguments and messages never get here in the first place.
"""

from __future__ import annotations

import contextlib
import logging
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from . import events
from .events import Event

logger = logging.getLogger(__name__)

LINES_A_TURN: Final = 8  # lines written before the loop gets its turn again
MAX_WAITING: Final = 10_000  # lines; a storm may outrun a log, and must not fill the memory

ROWS: Final[dict[type[Event], tuple[int, str, tuple[str, ...]]]] = {
    events.ChildStarted: (logging.INFO, "child started", ("incarnation",)),
    events.ChildStartFailed: (logging.WARNING, "child did not start", ("incarnation", "exit")),
    events.ChildIgnored: (logging.INFO, "child has nothing to do", ("incarnation",)),
    events.ChildFailed: (logging.WARNING, "child failed", ("incarnation", "exit", "uptime")),
    events.ChildResumed: (logging.WARNING, "child goes on after an error", ("incarnation",)),
    events.ChildRestarting: (
        logging.WARNING,
        "child restarts",
        ("reason", "delay", "in_a_row", "cause"),
    ),
    events.ChildStopped: (logging.INFO, "child stopped", ("incarnation", "exit")),
    events.ChildForgotten: (logging.DEBUG, "child forgotten", ()),
    events.ChildQuarantined: (logging.ERROR, "child quarantined", ("reason",)),
    events.ChildReleased: (logging.INFO, "child released", ()),
    events.ChildAbandoned: (
        logging.ERROR,
        "child abandoned",
        ("incarnation", "seconds", "abandoned"),
    ),
    events.ChildStuck: (logging.ERROR, "child stuck", ("incarnation", "seconds")),
    events.LoopStalled: (logging.ERROR, "loop stalled", ("seconds",)),
    events.LoopResumed: (logging.WARNING, "loop turns again", ("seconds",)),
    events.CausePaused: (logging.WARNING, "shared cause paused", ("cause", "seconds")),
    events.CauseProbed: (logging.INFO, "shared cause probed", ("cause",)),
    events.CauseCleared: (logging.INFO, "shared cause cleared", ("cause",)),
    events.IntensityExceeded: (
        logging.ERROR,
        "supervisor gives up",
        ("offender", "restarts", "period"),
    ),
    events.MessageDropped: (logging.WARNING, "message dropped", ("message", "reason")),
}
"""Usual level, fact and shown fields; ``ObserverFailed`` is logged where it happens."""

REPORTED: Final = tuple(ROWS)


class EventLogger:
    """Writes a line for each event; ``schedule`` runs something in the loop soon."""

    def __init__(self, schedule: Callable[[Callable[[], object]], object]) -> None:
        self._schedule = schedule
        self._waiting: deque[Event] = deque()
        self._scheduled = False
        self._left_out = 0

    def take(self, event: Event) -> None:
        """Have a line written soon; from any thread."""
        row = ROWS.get(type(event))
        if row is None or not logger.isEnabledFor(row[0]):
            return
        if row[0] == logging.WARNING and not logger.isEnabledFor(level(event)):
            return
        if isinstance(event, events.LoopStalled):
            _write(event)  # the loop has no time for it: that is the news
            return
        if len(self._waiting) >= MAX_WAITING:
            self._left_out += 1
            return
        self._waiting.append(event)
        if not self._scheduled:
            self._scheduled = True
            self._schedule(self._write_some)

    def flush(self) -> None:
        """Write whatever still waits; from any thread."""
        with contextlib.suppress(IndexError):  # the loop may write some of them at the same time
            while True:
                _write(self._waiting.popleft())
        self._log_dropped()

    def _write_some(self) -> None:
        for _ in range(LINES_A_TURN):
            if not self._waiting:
                break
            _write(self._waiting.popleft())
        self._scheduled = bool(self._waiting)
        if self._scheduled:
            self._schedule(self._write_some)
        else:
            self._log_dropped()

    def _log_dropped(self) -> None:
        """Tell how many lines there was no time for."""
        left_out, self._left_out = self._left_out, 0
        if left_out:
            logger.warning("reports left out count=%d", left_out)


def level(event: Event) -> int:
    """The level of an event's line.

    What a stop leaves unread is no cause for a warning; nor is the message that crashed somebody,
    since the crash is one.
    """
    if isinstance(event, events.MessageDropped):
        if event.stopping and event.reason == "gone":
            return logging.DEBUG
        if event.reason == "crashed":
            return logging.INFO
    return ROWS[type(event)][0]


def line(event: Event) -> str:
    """A fact, then ``key=value``."""
    _, fact, names = ROWS[type(event)]
    shown = (f"{name}={_shown(event, name)}" for name in names if getattr(event, name) != "")
    return " ".join((fact, f"child={event.child}", *shown))


def _shown(event: Event, name: str) -> str:
    value: Any = getattr(event, name)
    if name == "exit":
        return repr(value.reason)
    return f"{value:.3f}" if isinstance(value, float) else repr(value)


def _write(event: Event) -> None:
    error = getattr(event, "error", None)
    if isinstance(event, events.ChildFailed | events.ChildStartFailed):
        error = event.exit.error
    stack = getattr(event, "stack", "")
    shown = f"{line(event)}\n{stack}" if stack else line(event)
    logger.log(level(event), "%s", shown, exc_info=error)
