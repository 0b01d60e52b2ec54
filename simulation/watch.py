"""What a run looks at all the time: crashes, the log, requests that come again and again."""

from __future__ import annotations

import logging
import traceback
from collections import deque
from typing import Any, Final

from telewarden.loopback.faults.rules import FaultRules
from telewarden.supervision import (
    ChildAbandoned,
    ChildFailed,
    ChildQuarantined,
    ChildStartFailed,
    ObserverFailed,
)

from .context import RunContext, ViolationError
from .disk import DISK, disk_refused
from .floods import watch_floods
from .surroundings import TIME

__all__ = ["CallWatch", "LogWatch", "look_at_event"]

CALLS_WITHIN: Final = 10.0  # virtual seconds over which calls of one method are counted
CALLS_MOST: Final = 150  # in that time, beside what the acts in it ask for
CALLS_AN_ACT: Final = 12
START_WITHIN: Final = 15.0  # virtual seconds that a group may take to stop, and a start to give up
EXPECTED: Final = ("telegram.mtproto.raw_client.telethon",)  # loggers that are not ours


def look_at_event(run: RunContext, event: Any) -> None:
    """Judge what the supervisors tell: a crash that nobody asked for is a violation."""
    if run.keep_trace:
        run.note(f"event {repr(event)[:300]}")
    match event:
        case ChildFailed() | ChildStartFailed():
            error = event.exit.error
            # A restart goes to its end before the next crash is looked at, as in OTP; so
            # who is started meanwhile waits for a journal that has crashed.
            waits = isinstance(error, TimeoutError) and TIME.now < run.drilled + START_WITHIN
            if "DrillError" not in repr(error) and not disk_refused(error) and not waits:
                run.wrong(f"crash {event.child}: {type(error).__name__}: {error}")
        case ChildQuarantined() if event.child in run.exhausted:
            return
        case ChildQuarantined() | ChildAbandoned() | ObserverFailed():
            run.wrong(f"{type(event).__name__} {event.child}")
        case _:
            return


class CallWatch:
    """The requests that come, counted, so that nothing asks again and again."""

    def __init__(self, run: RunContext) -> None:
        self._run = run
        self._calls: dict[tuple[int, str], deque[float]] = {}
        self._acted: deque[float] = deque()

    def acted(self) -> None:
        """Somebody does something, which may ask for requests."""
        self._acted.append(TIME.now)

    def attach(self, rules: FaultRules) -> None:
        """See every request, and floods that are not waited for."""
        asked = rules.on_request

        def on_request(method: str, account: int | None) -> Any:
            self._called(method, account)
            return asked(method, account)

        rules.on_request = on_request  # type: ignore[method-assign]
        watch_floods(rules, self._run.network, self._run.wrong)
        type(rules).__bool__ = lambda _: True  # so that it is asked each time

    def _called(self, method: str, account: int | None) -> None:
        if account is None:
            return
        calls, now = self._calls.setdefault((account, method), deque()), TIME.now
        if self._run.keep_trace:
            self._run.note(f"call {method} by {account}")
        calls.append(now)
        while calls[0] < now - CALLS_WITHIN:
            calls.popleft()
        if len(calls) > CALLS_MOST:
            while self._acted and self._acted[0] < now - 3 * CALLS_WITHIN:
                self._acted.popleft()
            if len(calls) > CALLS_MOST + CALLS_AN_ACT * len(self._acted):
                self._run.wrong(f"{method} is called again and again: {len(calls)} in 10 s")
                raise ViolationError


class LogWatch(logging.Handler):
    """The log: what is said at ERROR without a reason is a violation."""

    def __init__(self, run: RunContext) -> None:
        super().__init__(logging.DEBUG if run.keep_trace else logging.ERROR)
        self._run = run

    def emit(self, record: logging.LogRecord) -> None:
        text = f"{record.name}: {record.getMessage()}"
        if record.exc_info and record.exc_info[1] is not None:
            trail = traceback.extract_tb(record.exc_info[1].__traceback__)
            where = f"{trail[-1].filename.rpartition('/')[2]}:{trail[-1].lineno}" if trail else ""
            text += f" [{type(record.exc_info[1]).__name__}: {record.exc_info[1]} {where}]"
        if self._run.scheduler.current in self._run.others:
            return
        if any(f"child={group}" in text for group in self._run.exhausted):
            return
        if record.levelno >= logging.ERROR and not any(one in record.name for one in EXPECTED):
            self._expected_of_disk(text) or self._run.wrong(f"log {text}")
        elif self._run.keep_trace:
            self._run.note(f"log {record.levelname} {text}")

    def _expected_of_disk(self, text: str) -> bool:
        """What is said at ERROR when the disk refuses has its reason."""
        words = (
            "child failed",
            "start failed",
            "writes lost",
            "not pruned",
            "disk",
            "nobody waits",
            "Storage",
        )
        return bool(DISK.struck) and any(word in text for word in words)
