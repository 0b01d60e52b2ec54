"""What one channel is to tell: which news are due, put into one message. Pure.

Owns gathering, pacing, quiet hours, what is summed up after a long absence, and the words' order.
``now`` is epoch seconds. Sending is the actor's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Final

from ..storage import NewsRow
from .alert_book import What
from .alert_rules import RULES, TEST, Severity
from .settings import ChannelRules, NotifySettings

SHOWN: Final = 20  # subjects that one alert names in a message; more are counted
FIRST_PAUSE: Final = 5.0  # seconds after a try that failed; each further one doubles it
LONGEST_PAUSE: Final = 900.0
LATE: Final = 120.0  # seconds; what is told later than that says so
SINCE: Final = "since"
STILL_TRUE: Final = "still"
LATE_SINCE: Final = "Could not be told before; it began at"
PASSED_BY: Final = "Alerts that came and went meanwhile:"
SAID: Final = (SINCE, STILL_TRUE, LATE_SINCE, PASSED_BY)
"""Words of a message beside those of its alerts."""

Words = Callable[[str], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message for one channel."""

    title: str
    body: str

    @property
    def text(self) -> str:
        """Both, for where there is no title."""
        return f"{self.title}\n{self.body}".strip()


def due_at(
    rows: Sequence[NewsRow],
    channel: ChannelRules,
    settings: NotifySettings,
    *,
    last: float,
    wall: float,
    now: float,
) -> float | None:
    """When the next message is due; ``None`` while there is nothing to tell.

    Args:
        rows: what is owed.
        last: when the channel has told something last.
        wall: the time of day; quiet hours go by it, all else by ``now``.
    """
    if not rows:
        return None
    due = max(min(row.at for row in rows) + settings.gather, last + channel.every)
    if due > now:
        return due
    quiet = None if channel.quiet is None else channel.quiet.until(wall)
    if quiet is not None and not takeable(rows, channel, wall):
        return now + quiet - wall
    return due


def takeable(rows: Iterable[NewsRow], channel: ChannelRules, wall: float) -> list[NewsRow]:
    """What may be told at this time of day: in quiet hours only what is critical, if that."""
    if channel.quiet is None or channel.quiet.until(wall) is None:
        return list(rows)
    if not channel.quiet.critical:
        return []
    return [row for row in rows if row.severity == Severity.CRITICAL]


def pause_after(failures: int) -> float:
    """Seconds until the next try, after so many that failed."""
    return float(min(FIRST_PAUSE * 2 ** min(failures - 1, 20), LONGEST_PAUSE))


def merged(owed: Iterable[NewsRow], new: NewsRow) -> tuple[bool, list[NewsRow]]:
    """Whether ``new`` is to be owed beside what is, and which of that it makes untrue.

    So an alert that comes and goes all night, while nothing can be sent, is two rows at most.
    """
    same = [
        row
        for row in owed
        if (row.name, row.subject) == (new.name, new.subject) and row.batch is None
    ]
    kinds = {What(row.what) for row in same}
    match What(new.what):
        case What.RESOLVED:
            return What.RESOLVED not in kinds, [row for row in same if row.what == What.AGAIN.value]
        case What.FIRED if What.RESOLVED in kinds:  # who reads it knows it as firing, or will
            return False, [row for row in same if row.what == What.RESOLVED.value]
        case _:
            return not kinds, []


def message_of(
    rows: Sequence[NewsRow],
    channel: ChannelRules,
    settings: NotifySettings,
    words: Words,
    *,
    now: float,
) -> Message:
    """One message of all that is told together, the gravest first."""
    groups = _grouped(rows)
    oldest = min(row.at for row in rows)
    lines = []
    if now - oldest > LATE:
        lines.append(f"{words(LATE_SINCE)} {_time(oldest, channel)}.")
    if now - oldest > settings.stale:  # nobody wants to read a night's alerts one by one
        passed = [key for key in groups if key[1] is AlertStatus.PASSED]
        gone = sum(len(groups.pop(key)) for key in passed)
        if gone:
            lines.append(f"{words(PASSED_BY)} {gone}.")
    for key in sorted(groups, key=lambda one: (one[1].value, -_rank(groups[one]), one[0])):
        lines += _lines(*key, groups[key], channel, words)
    return Message(title=_title(groups, rows), body="\n".join(lines))


class AlertStatus(Enum):
    """How an alert stands in a message, what needs somebody first."""

    OPEN = 0
    STILL = 1
    PASSED = 2  # it came and went before it could be told
    OVER = 3


Groups = dict[tuple[str, AlertStatus], list[NewsRow]]


def _grouped(rows: Iterable[NewsRow]) -> Groups:
    """The same news of the same alert together: ten sessions down are one thing."""
    newest: dict[tuple[str, str], dict[What, NewsRow]] = {}
    for row in rows:
        newest.setdefault((row.name, row.subject), {})[What(row.what)] = row
    groups: Groups = {}
    for (name, _), found in newest.items():
        begun, over = found.get(What.FIRED), found.get(What.RESOLVED)
        told = (
            (AlertStatus.OVER if begun is None else AlertStatus.PASSED)
            if over is not None
            else (AlertStatus.STILL if begun is None else AlertStatus.OPEN)
        )
        row = over or begun or found[What.AGAIN]
        groups.setdefault((name, told), []).append(row)
    return groups


def _rank(rows: Iterable[NewsRow]) -> int:
    return max(map(_gravity, rows))


def _gravity(row: NewsRow) -> int:
    return Severity(row.severity).rank


def _title(groups: Groups, rows: Sequence[NewsRow]) -> str:
    """The gravest of it in a few words."""
    standing = {
        told: [row for (_, one), found in groups.items() if one is told for row in found]
        for told in AlertStatus
    }
    needed = [*standing[AlertStatus.OPEN], *standing[AlertStatus.STILL]]
    first = min(needed or rows, key=lambda row: (-_gravity(row), row.at))
    subject = f": {first.subject}" if first.subject else ""
    others = len({(row.name, row.subject) for row in rows}) - 1
    more = f" (+{others})" if others else ""
    return f"[{first.severity.upper() if needed else 'RESOLVED'}] {first.name}{subject}{more}"


def _lines(
    name: str, told: AlertStatus, rows: Sequence[NewsRow], channel: ChannelRules, words: Words
) -> Iterator[str]:
    rule, needed = RULES.get(name, TEST), told in {AlertStatus.OPEN, AlertStatus.STILL}
    gravest = max(rows, key=_gravity).severity.upper()
    states = {AlertStatus.OPEN: gravest, AlertStatus.STILL: f"{gravest}, {words(STILL_TRUE)}"}
    state = states.get(told, "RESOLVED")
    yield f"{state}: {words(rule.what)}"
    for row in rows[:SHOWN]:
        since = f"{words(SINCE)} {_time(row.since, channel)}"
        if not needed:
            since = f"{_time(row.since, channel)} - {_time(row.at, channel)}"
        detail = f": {row.detail}" if needed and row.detail else ""
        yield f"- {row.subject or name} ({since}){detail}"
    if len(rows) > SHOWN:
        yield f"- +{len(rows) - SHOWN}"
    if needed:
        only = rows[0].subject if len(rows) == 1 else ""
        yield words(rule.advice_for(only))


def _time(at: float, channel: ChannelRules) -> str:
    return f"{datetime.fromtimestamp(at, channel.zone):%Y-%m-%d %H:%M:%S %Z}"
