"""OpenTelemetry spans of recoveries, logins, messages and commits, made of what is published.

Owns which facts begin and end a span. Nothing here is on anybody's way: it listens, and a warden
that is not traced has no listener. Needs ``opentelemetry-api`` (extra ``otel``); the SDK is the
user's.

Attributes are names of sessions, numbers of pairs and messages, and words from small sets: never a
text, a phone number or a chat.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from .._version import __version__
from ..actors import JournalStats
from ..supervision import Event, EventStream, Subscription
from ..telegram import (
    DeadLettered,
    Forwarded,
    MessageStep,
    Phase,
    PhaseChanged,
    RecoveryTried,
    SessionRecovered,
)

if TYPE_CHECKING:
    from opentelemetry.trace import Span, TracerProvider

NAME: Final = "telewarden"
OPEN_AT_MOST: Final = 10_000  # messages; the oldest is ended when one more begins
SWITCHED_OFF: Final = "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS"
LOADED_BY: Final = "OTEL_PYTHON_TRACER_PROVIDER"
LOGIN: Final = frozenset(
    {Phase.AWAITING_CODE, Phase.AWAITING_EMAIL, Phase.AWAITING_PASSWORD, Phase.AWAITING_QR}
)
AFTER: Final[Mapping[str, str]] = {"accepted": "outbox", "stored": "queue", "sent": "send"}
"""Which part of its way a message begins with a step; the one before ends."""

Message = tuple[str, int, int]  # session, pair, number at the source


def process_provider() -> TracerProvider | None:
    """The tracer provider that this process was given; ``None`` without one, or switched off."""
    off = {one.strip() for one in os.environ.get(SWITCHED_OFF, "").split(",")}
    if off & {NAME, "*"} or not ("opentelemetry" in sys.modules or LOADED_BY in os.environ):
        return None
    from opentelemetry import trace

    found = trace.get_tracer_provider()
    none = isinstance(found, trace.ProxyTracerProvider | trace.NoOpTracerProvider)
    return None if none else found


class Traces:
    """Spans of one warden, while it is watched.

    Args:
        provider: whose spans they are.
    """

    def __init__(self, provider: TracerProvider) -> None:
        from opentelemetry import context, trace

        self._trace, self._nothing = trace, context.Context()
        self._tracer = provider.get_tracer(NAME, __version__)
        self._lock = threading.Lock()  # facts come from the loop and from the journal's thread
        self._messages: OrderedDict[Message, _Way] = OrderedDict()
        self._recoveries: dict[str, tuple[Span, int]] = {}
        self._logins: dict[str, _Way] = {}
        self._subscription: Subscription | None = None
        self._commits = 0, 0, 0

    def watch(self, events: EventStream) -> None:
        """Make spans of what is published from now on."""
        self._subscription = events.subscribe(self._hear, tuple(HEARD))

    def close(self) -> None:
        """End what is open, as far as it has come, and hear nothing more."""
        if self._subscription is not None:
            self._subscription.close()
        with self._lock:
            for way in (*self._messages.values(), *self._logins.values()):
                way.end("stopped")
            for span, _ in self._recoveries.values():
                self.end(span, "stopped")
            self._messages.clear()
            self._logins.clear()
            self._recoveries.clear()

    def committing(self, then: Callable[[JournalStats], None]) -> Callable[[JournalStats], None]:
        """What the journal tells of its commits, passed on, with a span for each."""

        def tell(stats: JournalStats) -> None:
            self._commit(stats)
            then(stats)

        return tell

    # A commit

    def _commit(self, stats: JournalStats) -> None:
        with self._lock:
            writes, groups, failures = self._commits
            if stats.groups < groups:  # another incarnation, which counts from 0 again
                writes = failures = 0
            self._commits = stats.writes, stats.groups, stats.failures
        now, failed = time.time_ns(), stats.failures - failures
        span = self.begin(
            "journal.commit",
            at=now - int(stats.latency * 1e9),
            writes=stats.writes - writes,
            failures=failed,
        )
        self.end(span, "failed" if failed else "", at=now)

    # What is published

    def _hear(self, event: Event) -> None:
        with self._lock:
            HEARD[type(event)](self, event)

    def _stepped(self, event: MessageStep) -> None:
        for source_id in event.source_ids:
            way = self._way_of((event.session, event.pair, source_id))
            if event.step == "failed":
                way.leave(event.reason)
            else:
                way.enter(AFTER[event.step])

    def _way_of(self, message: Message) -> _Way:
        way = self._messages.get(message)
        if way is None:
            session, pair, source_id = message
            root = self.begin("message", session=session, pair=pair, source_id=source_id)
            way = self._messages[message] = _Way(self, root, "message")
            if len(self._messages) > OPEN_AT_MOST:
                self._messages.popitem(last=False)[1].end("not followed to its end")
        return way

    def _forwarded(self, event: Forwarded) -> None:
        way = self._messages.pop((event.session, event.pair, event.source_id), None)
        if way is not None:
            way.root.set_attribute(f"{NAME}.lag", event.lag)
            way.root.add_event("confirmed")
            way.end("")

    def _dead(self, event: DeadLettered) -> None:
        way = self._messages.pop((event.session, event.pair, event.source_id), None)
        if way is not None:
            way.end("dead letter")

    def _changed(self, event: PhaseChanged) -> None:
        self._login_changed(event)
        if event.after is Phase.RECOVERING:
            span = self.begin("session.recovery", session=event.session)
            self._recoveries[event.session] = span, time.time_ns()
        elif event.before is Phase.RECOVERING and event.after is not Phase.ONLINE:
            self._recovery_ended(event.session, event.after.value)

    def _tried(self, event: RecoveryTried) -> None:
        if (known := self._recoveries.get(event.session)) is None:
            return
        root, since = known
        now = time.time_ns()
        span = self.begin(
            "session.recovery.try", root, at=since, rung=event.rung, attempt=event.attempt
        )
        self.end(span, event.problem, at=now)
        self._recoveries[event.session] = root, now

    def _recovered(self, event: SessionRecovered) -> None:
        if (known := self._recoveries.get(event.session)) is not None:
            known[0].set_attribute(f"{NAME}.rung", event.rung)
            self._recovery_ended(event.session, "")

    def _recovery_ended(self, session: str, problem: str) -> None:
        known = self._recoveries.pop(session, None)
        if known is not None:
            self.end(known[0], problem)

    def _login_changed(self, event: PhaseChanged) -> None:
        way = self._logins.get(event.session)
        if event.after in LOGIN:
            if way is None:
                root = self.begin("session.login", session=event.session)
                way = self._logins[event.session] = _Way(self, root, "session.login")
            way.enter(event.after.value)
        elif way is not None:
            del self._logins[event.session]
            way.end("" if event.after is Phase.CONNECTING else event.after.value)

    # Spans

    def begin(
        self, name: str, parent: Span | None = None, *, at: int | None = None, **about: str | int
    ) -> Span:
        """Begin a span, by itself or as a part of another; times are nanoseconds."""
        around = self._nothing
        if parent is not None:
            around = self._trace.set_span_in_context(parent, around)
        attributes = {f"{NAME}.{key}": value for key, value in about.items()}
        return self._tracer.start_span(
            f"{NAME}.{name}", around, attributes=attributes, start_time=at
        )

    def end(self, span: Span, problem: str, *, at: int | None = None) -> None:
        """End a span, well or with what went wrong."""
        if problem:
            span.set_status(self._trace.StatusCode.ERROR, problem)
        span.end(at)


class _Way:
    """A span with one part of it after the other."""

    __slots__ = ("_name", "_part", "_traces", "root")

    def __init__(self, traces: Traces, root: Span, name: str) -> None:
        self._traces, self.root, self._name = traces, root, name
        self._part: Span | None = None

    def enter(self, part: str) -> None:
        """End the part before, and begin this one."""
        self.leave("")
        self._part = self._traces.begin(f"{self._name}.{part}", self.root)

    def leave(self, problem: str) -> None:
        """End the part that it is in."""
        if self._part is not None:
            self._traces.end(self._part, problem)
            self._part = None

    def end(self, problem: str) -> None:
        """End the whole."""
        self.leave(problem)
        self._traces.end(self.root, problem)


HEARD: Final[Mapping[type[Event], Callable[[Traces, Any], None]]] = {
    MessageStep: Traces._stepped,  # noqa: SLF001 - its own table
    Forwarded: Traces._forwarded,  # noqa: SLF001
    DeadLettered: Traces._dead,  # noqa: SLF001
    PhaseChanged: Traces._changed,  # noqa: SLF001
    RecoveryTried: Traces._tried,  # noqa: SLF001
    SessionRecovered: Traces._recovered,  # noqa: SLF001
}
