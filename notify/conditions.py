"""The conditions that hold now: which alert is true of which subject, and the facts of it.

Pure over what it is given: the exporter's figures, which Prometheus sees as well, and what has
happened lately. Leaves for how long something must be true, and who is told, to ``alert_book``.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ..metrics import Look, SessionFigures
from ..metrics.labels import cause_class, end_word, kind_of
from ..metrics.session_figures import FOREIGN
from ..supervision import (
    ChildAbandoned,
    ChildRestarting,
    ChildStuck,
    Event,
    LoopResumed,
)
from ..telegram import (
    AccountLimited,
    DeadLettered,
    Forwarded,
    HealthStepTaken,
    LayerDrifted,
    Noticed,
    NoticeKind,
    Phase,
    SessionRecovered,
    WaitKind,
    said,
)
from ..telegram.account_facts import AccountFacts
from .alert_rules import DAY, HOUR, MINUTE, Rule

Rules = Callable[[str], Rule | None]

DOWN: Final = frozenset({Phase.REGISTERED, Phase.RECOVERING, Phase.CONNECTING, Phase.WAITING})
NO_STORM: Final = frozenset({"drill", "shutdown", "normal"})
TROUBLE: Final = re.compile(r"[A-Z][A-Z0-9_]{3,}\b")  # how the reason of a pause by itself begins
LATE_SHARE: Final = 0.05  # of the messages; fewer that are late are no news
KEPT: Final = 10_000  # happenings of one kind that are remembered
LAG_SLOT: Final = MINUTE  # messages are counted together for so long
LAG_SLOTS: Final = 10
WINDOWS: Final[Mapping[str, float]] = {
    "RestartStorm": 10 * MINUTE,
    "SessionDeaf": HOUR,
    "DeadLetters": HOUR,
    "HealthStep": HOUR,
    "ActorStuck": 15 * MINUTE,
    "ActorAbandoned": 15 * MINUTE,
    "LoopStalled": 15 * MINUTE,
    "ForeignLogin": HOUR,
    "LayerDrift": HOUR,
    "TelegramNotice": HOUR,
}
"""For how long what has happened counts."""


@dataclass(frozen=True, slots=True)
class Condition:
    """An alert that is true of a subject now; ``detail`` has the facts, in a few words."""

    name: str
    subject: str
    detail: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from others."""
        return self.name, self.subject


class Happenings:
    """What has happened lately that is no state of anything. Not safe for threads by itself."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str], deque[tuple[float, float, str]]] = {}
        self._limited: dict[str, AccountLimited] = {}
        self._lags: deque[list[float]] = deque(maxlen=LAG_SLOTS)  # slot, messages, late ones
        self.late_after = MINUTE

    def hear(self, event: Event, *, now: float) -> bool:
        """Note an event; tells whether something may be true now that was not."""
        note = HEARD.get(type(event))
        return note is not None and note(self, event, now)

    def note(
        self, name: str, subject: str, now: float, *, amount: float = 1, text: str = ""
    ) -> bool:
        """Something happened once more."""
        rows = self._rows.setdefault((name, subject), deque(maxlen=KEPT))
        rows.append((now, amount, text))
        return True

    def forwarded(self, lag: float, now: float) -> None:
        """A message has arrived so late."""
        slot = now // LAG_SLOT
        if not self._lags or self._lags[-1][0] != slot:
            self._lags.append([slot, 0, 0])
        self._lags[-1][1] += 1
        self._lags[-1][2] += lag > self.late_after

    def limited(self, event: AccountLimited) -> None:
        """An account may write hardly anywhere."""
        self._limited[event.session] = event

    def conditions(self, rules: Rules, now: float) -> Iterator[Condition]:
        """What is true of what has happened."""
        for key, rows in tuple(self._rows.items()):
            name, subject = key
            while rows and rows[0][0] < now - WINDOWS[name]:
                rows.popleft()
            if not rows:
                del self._rows[key]
                continue
            rule, amount = rules(name), sum(row[1] for row in rows)
            if rule is not None and amount > (rule.limit or 0):
                yield Condition(name, subject, rows[-1][2] or f"{amount:g}")
        if rules("AccountLimited") is not None:
            for session, event in tuple(self._limited.items()):
                if event.until <= now:
                    del self._limited[session]
                else:
                    yield Condition("AccountLimited", session, event.reason)
        yield from self._lag(rules, now)

    def _lag(self, rules: Rules, now: float) -> Iterator[Condition]:
        rule = rules("ForwardLag")
        if rule is None or rule.limit is None:
            return
        self.late_after = rule.limit
        recent = [one for one in self._lags if one[0] > now // LAG_SLOT - LAG_SLOTS]
        count, late = (sum(one[at] for one in recent) for at in (1, 2))
        if late > count * LATE_SHARE:
            yield Condition("ForwardLag", "", f"{late:.0f} of {count:.0f} within 10 minutes")


def of_session(one: SessionFigures, rules: Rules, now: float) -> Iterator[Condition]:
    """What is true of one session."""
    phase, name = one.phase, one.name
    if phase is not Phase.ONLINE:
        if phase in DOWN:
            yield from _true(rules, "SessionDown", name, one.reason or phase.value)
        elif phase is Phase.NEEDS_LOGIN:
            yield from _true(rules, "SessionNeedsLogin", name, one.reason)
        elif phase is Phase.QUARANTINED:
            yield from _true(rules, "SessionQuarantined", name, one.reason)
    if one.latched:
        yield from _true(rules, "KeyLatched", name)
    if one.floods:
        left = max(one.floods.values()) - now
        yield from _past(rules, "LongFlood", name, left, f"another {_span(left)}")
    if one.codes_left == 0:
        yield from _true(rules, "LoginBudgetSpent", name)
    if one.lease is not None and one.lease.state == "elsewhere":
        yield from _true(
            rules, "LeaseElsewhere", name, f"process {one.lease.pid} on {one.lease.host}"
        )
    if one.waiting and one.waiting_since is not None:
        age = now - one.waiting_since
        yield from _past(rules, "OutboxOld", name, age, f"{_span(age)}, {one.waiting} wait")
    if phase is Phase.ONLINE:
        yield from _online(one, rules, now)
    if one.account is not None:
        yield from _account(one.name, one.account, rules, now)


def _online(one: SessionFigures, rules: Rules, now: float) -> Iterator[Condition]:
    """What can be true of a session that is online alone."""
    if one.last_update is not None:
        age = now - one.last_update
        yield from _past(rules, "SessionSilent", one.name, age, _span(age))
    if one.deaf:
        yield from _true(rules, "SourceDeaf", one.name, f"{one.deaf} of its sources")
    if one.lease is None or one.lease.state != "held":
        yield from _true(rules, "LeaseLost", one.name)


def _account(name: str, known: AccountFacts, rules: Rules, now: float) -> Iterator[Condition]:
    """What Telegram has said of the account."""
    if known.frozen:
        until = known.frozen_until
        left = "" if until is None else f"deleted in {_span(until - now)} without an appeal"
        yield from _true(rules, "AccountFrozen", name, left)
    rule = rules("DiesUnused")
    ends = [one for one in (known.login_ends, known.account_ends) if one is not None]
    if rule is not None and ends and min(ends) - now < (rule.limit or 0):
        yield Condition(rule.name, name, f"in {_span(min(ends) - now)}")


def of_warden(look: Look, rules: Rules, now: float) -> Iterator[Condition]:
    """What is true of the warden as a whole."""
    sample, storage = look.sample, look.storage
    for session, pair, reason in sample.paused:
        if TROUBLE.match(reason):
            yield from _true(rules, "PairPaused", f"pair {pair}", f"{session}: {reason}")
    for wait in sample.alarms:
        match wait.kind:
            case WaitKind.QUARANTINE if "/" in wait.who:  # a part; sessions say it themselves
                yield from _true(rules, "PartQuarantined", wait.who, wait.what)
            case WaitKind.DISK:
                yield from _true(rules, "DiskRefuses", "", wait.what)
            case WaitKind.OUTAGE:
                yield from _true(rules, "Outage", wait.who, wait.what)
            case _:
                pass
    if sample.at:
        silent = now - sample.at
        yield from _past(rules, "MonitorSilent", "", silent, _span(silent))
    if storage is not None:
        left = storage.free / storage.size if storage.size else 1.0
        rule = rules("DiskNearlyFull")
        if rule is not None and left < (rule.limit or 0):
            yield Condition(rule.name, "", f"{left:.1%} left")
        if storage.backed_up is not None:
            age = now - storage.backed_up
            yield from _past(rules, "BackupOld", "", age, _span(age))


def _true(rules: Rules, name: str, subject: str, detail: str = "") -> Iterator[Condition]:
    if rules(name) is not None:
        yield Condition(name, subject, detail)


def _past(rules: Rules, name: str, subject: str, value: float, detail: str) -> Iterator[Condition]:
    rule = rules(name)
    if rule is not None and value > (rule.limit or 0):
        yield Condition(name, subject, detail)


def _span(seconds: float) -> str:
    for unit, size in (("d", DAY), ("h", HOUR), ("min", MINUTE)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"


def _restarting(book: Happenings, event: ChildRestarting, now: float) -> bool:
    if end_word(event.reason) in NO_STORM:
        return False
    return book.note("RestartStorm", kind_of(event.child), now)


def _recovered(book: Happenings, event: SessionRecovered, now: float) -> bool:
    return cause_class(event.cause) == "deaf" and book.note("SessionDeaf", event.session, now)


def _put_aside(book: Happenings, event: DeadLettered, now: float) -> bool:
    return book.note("DeadLetters", f"pair {event.pair}", now, text=event.reason)


def _stepped(book: Happenings, event: HealthStepTaken, now: float) -> bool:
    said = event.problem or event.detail
    text = f"{event.step}: {said}" if said else event.step.value
    return book.note("HealthStep", event.session, now, text=text)


def _stuck(book: Happenings, event: ChildStuck, now: float) -> bool:
    return book.note("ActorStuck", event.child, now, text=_span(event.seconds))


def _abandoned(book: Happenings, event: ChildAbandoned, now: float) -> bool:
    return book.note("ActorAbandoned", event.child, now, text=f"{event.abandoned} so far")


def _turns_again(book: Happenings, event: LoopResumed, now: float) -> bool:
    return book.note("LoopStalled", "", now, amount=event.seconds)


def _noticed(book: Happenings, event: Noticed, now: float) -> bool:
    if event.kind == NoticeKind.KEY_DROP:
        return False  # its phase says so
    name = "ForeignLogin" if event.kind in FOREIGN else "TelegramNotice"
    return book.note(name, event.session, now, text=said(event))


def _drifted(book: Happenings, event: LayerDrifted, now: float) -> bool:
    return book.note("LayerDrift", "", now, text=f"constructor {event.constructor}")


def _forwarded(book: Happenings, event: Forwarded, now: float) -> bool:
    book.forwarded(event.lag, now)
    return False


def _limited(book: Happenings, event: AccountLimited, _now: float) -> bool:
    book.limited(event)
    return True


HEARD: Final[Mapping[type[Event], Callable[[Happenings, Any, float], bool]]] = {
    AccountLimited: _limited,
    ChildAbandoned: _abandoned,
    ChildRestarting: _restarting,
    ChildStuck: _stuck,
    DeadLettered: _put_aside,
    Forwarded: _forwarded,
    HealthStepTaken: _stepped,
    LayerDrifted: _drifted,
    LoopResumed: _turns_again,
    Noticed: _noticed,
    SessionRecovered: _recovered,
}


def of_sessions(
    sessions: Iterable[SessionFigures], rules: Rules, now: float
) -> Iterator[Condition]:
    """What is true of each of some sessions."""
    for one in sessions:
        yield from of_session(one, rules, now)
