"""The metric families of single sessions: names, HELP texts, labels, where the numbers are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from prometheus_client.core import Metric

from ..telegram import Phase
from .session_figures import PARTS, SessionFigures

PREFIX: Final = "telewarden_session_"

Row = tuple[str, dict[str, str], float]
"""A sample: what its name ends in, its labels besides the session, its value."""


@dataclass(frozen=True, slots=True)
class SessionFamily:
    """One family; with ``age`` its values are moments, shown as their age at the scrape."""

    name: str
    kind: str
    help: str
    read: Callable[[SessionFigures], Iterable[Row]]
    age: bool = False

    @property
    def full_name(self) -> str:
        """The name without what its samples end in."""
        return f"{PREFIX}{self.name}"

    def metric(self, sessions: Iterable[SessionFigures], *, now: float) -> Metric:
        """The family as prometheus-client has it, for registries that others render."""
        metric = Metric(self.full_name, self.help, self.kind)
        for figures in sessions:
            for suffix, labels, value in self.read(figures):
                shown = max(0.0, now - value) if self.age else value
                named = {"session": figures.name, **labels}
                metric.add_sample(f"{self.full_name}{suffix}", named, shown)
        return metric


def _one(value: float | None) -> tuple[Row, ...]:
    return () if value is None else (("", {}, value),)


def _phases(figures: SessionFigures) -> Iterator[Row]:
    for phase in Phase:
        yield "", {"state": phase.value}, float(phase is figures.phase)


def _counted(figures: SessionFigures, label: str, counts: dict[str, int]) -> Iterator[Row]:
    for value, count in counts.items():
        yield "_total", {label: value}, count
        yield "_created", {label: value}, figures.created


def _lag(figures: SessionFigures) -> tuple[Row, ...]:
    return (
        ("_count", {}, figures.lags),
        ("_sum", {}, figures.lag_sum),
        ("_created", {}, figures.created),
    )


def _lease(figures: SessionFigures) -> tuple[Row, ...]:
    lease = figures.lease
    if lease is None:
        return ()
    return (("_info", {"state": lease.state, "pid": str(lease.pid), "host": lease.host}, 1.0),)


def _frozen(figures: SessionFigures) -> tuple[Row, ...]:
    known = figures.account
    return () if known is None else (("", {}, float(known.frozen)),)


def _frozen_until(figures: SessionFigures) -> tuple[Row, ...]:
    known = figures.account
    return _one(None if known is None else known.frozen_until)


def _ends(figures: SessionFigures) -> Iterator[Row]:
    known = figures.account
    if known is not None and known.login_ends is not None:
        yield "", {"what": "login"}, known.login_ends
    if known is not None and known.account_ends is not None:
        yield "", {"what": "account"}, known.account_ends


def _foreign(figures: SessionFigures) -> tuple[Row, ...]:
    return ("_total", {}, figures.foreign_logins), ("_created", {}, figures.created)


SESSION_FAMILIES: Final = (
    SessionFamily(
        "phase",
        "gauge",
        "Where the session stands: 1 for the state it is in, 0 for all others.",
        _phases,
    ),
    SessionFamily(
        "phase_since_timestamp_seconds",
        "gauge",
        "Since when the session has been in its state; 0 if it has not reported yet.",
        lambda figures: _one(figures.since),
    ),
    SessionFamily(
        "wait_since_timestamp_seconds",
        "gauge",
        "Since when the session waits, by what it waits for; not there for what it does not.",
        lambda figures: (("", {"kind": kind}, since) for kind, since in figures.waits.items()),
    ),
    SessionFamily(
        "restarts",
        "counter",
        "Restarts of the session itself and of its worker groups.",
        lambda figures: _counted(figures, "kind", figures.restarts),
    ),
    SessionFamily(
        "recoveries",
        "counter",
        "Times the session was lost and came back online, by the copy that did it; starts and"
        " logins are not counted.",
        lambda figures: _counted(figures, "rung", figures.recoveries),
    ),
    SessionFamily(
        "restarts_left",
        "gauge",
        f"Restarts that may still follow before the {PARTS[0]}, or a part of it, is kept down.",
        lambda figures: _one(figures.restarts_left),
    ),
    SessionFamily(
        "flood_deadline_timestamp_seconds",
        "gauge",
        "When the last of the waits that Telegram asked of this session is over; 0 without any.",
        lambda figures: _one(max(figures.floods.values(), default=0.0)),
    ),
    SessionFamily(
        "update_age_seconds",
        "gauge",
        "Seconds since Telegram last told the session anything; not there while it is offline.",
        lambda figures: _one(figures.last_update),
        age=True,
    ),
    SessionFamily(
        "probe_duration_seconds",
        "gauge",
        "Seconds that Telegram took to answer the last probe of the session.",
        lambda figures: _one(figures.probe_seconds),
    ),
    SessionFamily(
        "forward_lag_seconds",
        "summary",
        "Seconds from a message's date until this session had brought it to its target.",
        _lag,
    ),
    SessionFamily(
        "outbox_waiting",
        "gauge",
        "Messages of the session's pairs that wait to be sent.",
        lambda figures: _one(figures.waiting),
    ),
    SessionFamily(
        "outbox_oldest_age_seconds",
        "gauge",
        "Seconds that the oldest of them has been in the outbox; not there if none waits.",
        lambda figures: _one(figures.waiting_since if figures.waiting else None),
        age=True,
    ),
    SessionFamily(
        "login_codes_left",
        "gauge",
        "Login codes that may still be asked for today; at 0 only a QR code logs in.",
        lambda figures: _one(figures.codes_left),
    ),
    SessionFamily(
        "backup_age_seconds",
        "gauge",
        "Age of the newest backup of the session's login; not there without a backup.",
        lambda figures: _one(figures.backed_up),
        age=True,
    ),
    SessionFamily(
        "key_latched",
        "gauge",
        "1 if Telegram has declared the session's key dead: only a new login helps.",
        lambda figures: _one(float(figures.latched)),
    ),
    SessionFamily(
        "lease",
        "info",
        "Which process owns the session's key: this one (held) or another (elsewhere).",
        _lease,
    ),
    SessionFamily(
        "sources_deaf",
        "gauge",
        "Pairs of the session of whose source Telegram does not tell it, while it is online.",
        lambda figures: _one(figures.deaf),
    ),
    SessionFamily(
        "foreign_logins",
        "counter",
        "Logins elsewhere, and bots connected to the account, of which Telegram has told.",
        _foreign,
    ),
    SessionFamily(
        "account_frozen",
        "gauge",
        "1 if Telegram has frozen the account: it can read and not write; not there if not known.",
        _frozen,
    ),
    SessionFamily(
        "account_frozen_until_timestamp_seconds",
        "gauge",
        "When a frozen account is deleted, unless an appeal is granted; not there otherwise.",
        _frozen_until,
    ),
    SessionFamily(
        "unused_deadline_timestamp_seconds",
        "gauge",
        "When Telegram ends the login, or deletes the account, if it is not used until then.",
        _ends,
    ),
)
