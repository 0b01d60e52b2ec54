"""The alert book: which alerts are pending, firing and over, and what is news of them.

Pure: conditions and ``now`` (epoch seconds) come in, changed rows and news come out. The machine is
``STEPS``; what is absent is illegal. Only what has fired is kept beyond the process.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from typing import Final

from ..storage import AlertRow
from .alert_rules import RULES, Rule, Severity
from .conditions import Condition
from .settings import NotifySettings

AT_ONCE: Final = 80  # alerts that are looked at in one turn of the loop: some 5 ms if all are news
FOREVER: Final = 1e12  # epoch seconds
ALL: Final = "*"  # the silence of everything

Key = tuple[str, str]


class State(Enum):
    """Where one alert of one subject stands."""

    QUIET = auto()  # nothing is kept of it
    PENDING = auto()  # true, not for long enough yet
    FIRING = auto()
    CLEARING = auto()  # fired, not true now, and not yet for long enough


class Sign(Enum):
    """What one look shows of it."""

    HOLDS = auto()
    RIPE = auto()  # it has held for long enough
    GONE = auto()
    OVER = auto()  # it has been gone for long enough


STEPS: Final[Mapping[tuple[State, Sign], State]] = {
    (State.QUIET, Sign.HOLDS): State.PENDING,
    (State.PENDING, Sign.HOLDS): State.PENDING,
    (State.PENDING, Sign.RIPE): State.FIRING,
    (State.PENDING, Sign.GONE): State.QUIET,
    (State.FIRING, Sign.HOLDS): State.FIRING,
    (State.FIRING, Sign.GONE): State.CLEARING,
    (State.CLEARING, Sign.HOLDS): State.FIRING,
    (State.CLEARING, Sign.GONE): State.CLEARING,
    (State.CLEARING, Sign.OVER): State.QUIET,
}


class What(Enum):
    """What is news of an alert."""

    FIRED = "fired"
    AGAIN = "again"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class News:
    """Something to be told of an alert."""

    what: What
    row: AlertRow
    severity: Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What one piece of a look has changed and what is news of it; and when to look again."""

    keep: tuple[AlertRow, ...] = ()
    forget: tuple[Key, ...] = ()
    news: tuple[News, ...] = ()
    due: float | None = None

    def __bool__(self) -> bool:
        return bool(self.keep or self.forget or self.news)


@dataclass(slots=True)
class _Collected:
    keep: list[AlertRow] = field(default_factory=list)
    forget: list[Key] = field(default_factory=list)
    news: list[News] = field(default_factory=list)
    due: list[float] = field(default_factory=list)

    def done(self) -> Changes:
        return Changes(
            keep=tuple(self.keep),
            forget=tuple(self.forget),
            news=tuple(self.news),
            due=min(self.due, default=None),
        )


@dataclass(slots=True)
class _Entry:
    state: State
    row: AlertRow
    gone_since: float | None = None


class AlertBook:
    """All alerts that are not quiet.

    Args:
        rows: those that had fired when the process before ended.
    """

    def __init__(self, rows: Iterable[AlertRow] = ()) -> None:
        self._entries: dict[Key, _Entry] = {}
        self.restore(rows)

    def restore(self, rows: Iterable[AlertRow]) -> None:
        """Take over alerts that had fired when the process before ended."""
        self._entries |= {
            (row.name, row.subject): _Entry(State.FIRING, row) for row in rows if row.name in RULES
        }

    def firing(self) -> list[AlertRow]:
        """What has fired and is not over, for longest first."""
        shown = (State.FIRING, State.CLEARING)
        rows = [one.row for one in self._entries.values() if one.state in shown]
        return sorted(rows, key=lambda row: (row.since, row.name, row.subject))

    def told(self, keys: Iterable[Key], channel: str) -> list[AlertRow]:
        """A channel has told of these; returns the rows to keep."""
        changed = []
        for key in keys:
            entry = self._entries.get(key)
            if entry is not None and channel not in entry.row.told:
                entry.row = replace(entry.row, told=(*entry.row.told, channel))
                changed.append(entry.row)
        return changed

    def look(
        self,
        conditions: Iterable[Condition],
        settings: NotifySettings,
        silences: Mapping[str, float],
        now: float,
    ) -> Iterator[Changes]:
        """Take one look: what is true now, and what follows, in pieces of ``AT_ONCE`` alerts."""
        true = dict[Key, Condition]()
        for number, one in enumerate(conditions):
            true[one.key] = one
            if one.key not in self._entries:
                row = AlertRow(name=one.name, subject=one.subject, since=now)
                self._entries[one.key] = _Entry(State.QUIET, row)
            if number % AT_ONCE == AT_ONCE - 1:
                yield Changes()
        keys, rules = list(self._entries), {name: settings.rule(name) for name in RULES}
        for at in range(0, len(keys), AT_ONCE):
            changes = _Collected()
            for key in keys[at : at + AT_ONCE]:
                self._see(key, true.get(key), rules[key[0]], settings, silences, now, changes)
            yield changes.done()

    def _see(
        self,
        key: Key,
        condition: Condition | None,
        rule: Rule | None,
        settings: NotifySettings,
        silences: Mapping[str, float],
        now: float,
        changes: _Collected,
    ) -> None:
        """See how one alert is, and note what follows."""
        entry = self._entries[key]
        before = entry.row
        if rule is None:  # switched off meanwhile
            del self._entries[key]
            changes.forget.append(key)
            return
        self._turn(entry, condition, rule, settings.settle, now, changes.due)
        changes.news += _news(entry, rule, settings, silences, now, changes.due)
        if entry.state is State.QUIET:
            del self._entries[key]
            if before.fired is not None:
                changes.forget.append(key)
        elif entry.row != before and entry.row.fired is not None:
            changes.keep.append(entry.row)

    def _turn(
        self,
        entry: _Entry,
        condition: Condition | None,
        rule: Rule,
        settle: float,
        now: float,
        due: list[float],
    ) -> None:
        """Go from state to state as far as this look leads."""
        if condition is None:
            entry.gone_since = now if entry.gone_since is None else entry.gone_since
            self._step(entry, Sign.GONE)
            if entry.state is State.CLEARING:
                self._step_when(entry, Sign.OVER, entry.gone_since + settle, now, due)
            return
        entry.gone_since = None
        row = entry.row
        if row.detail != condition.detail or row.severity != rule.severity:
            entry.row = replace(row, detail=condition.detail, severity=rule.severity.value)
        self._step(entry, Sign.HOLDS)
        if entry.state is State.PENDING:
            ripe = entry.row.since + rule.after
            if self._step_when(entry, Sign.RIPE, ripe, now, due):
                entry.row = replace(entry.row, fired=now)

    def _step(self, entry: _Entry, sign: Sign) -> None:
        entry.state = STEPS[entry.state, sign]

    def _step_when(
        self, entry: _Entry, sign: Sign, at: float, now: float, due: list[float]
    ) -> bool:
        """Step if it is time; tells whether it was."""
        if at > now:
            due.append(at)
            return False
        self._step(entry, sign)
        return True


def _news(
    entry: _Entry,
    rule: Rule,
    settings: NotifySettings,
    silences: Mapping[str, float],
    now: float,
    due: list[float],
) -> Iterable[News]:
    """What is to be told of an alert after a look; what is silenced waits for the silence's end."""
    row = entry.row
    again = settings.again(row.name)
    if entry.state is State.FIRING and row.owed is not None and again is None:
        return  # nearly always, when thousands are down
    until = max(silences.get(name, 0.0) for name in (row.name, f"{row.name}:{row.subject}", ALL))
    if entry.state is State.QUIET:
        if row.owed is not None and until <= now and settings.tells_end(row.name):
            yield News(What.RESOLVED, row, rule.severity)
        return
    if entry.state is not State.FIRING:
        return
    if until > now:
        due.append(until)
        return
    if row.owed is None:
        entry.row = replace(row, owed=now)
        yield News(What.FIRED, entry.row, rule.severity)
    elif again is not None and row.owed + again <= now:
        entry.row = replace(row, owed=now)
        yield News(What.AGAIN, entry.row, rule.severity)
    if again is not None and entry.row.owed is not None:
        due.append(entry.row.owed + again)
