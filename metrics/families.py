"""The metric families: names, HELP texts, labels.

Names and units follow Prometheus' conventions: base units, ``_total`` on what only grows. No
label here is a session, so that the number of series does not grow with them; those that each
session has are in ``session_families``. No label anywhere is a chat, a phone number or a text.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from prometheus_client.core import Metric

from ..supervision import ChildState
from ..telegram import Phase, WaitKind
from ..telegram.health import ILL
from .event_counter import Counts
from .family_builders import counter, gauge, gauges, histogram, histograms, number
from .sample import Sample
from .session_sums import SessionSums

Row = tuple[Callable[..., Metric], str, str, Callable[[Counts], Any], *tuple[Any, ...]]
"""What makes it, its name and meaning, where its numbers are, its labels."""


@dataclass(frozen=True, slots=True)
class Storage:
    """The disk that everything is kept on, in bytes, and when its newest copy was taken."""

    free: int
    size: int
    backed_up: float | None = None


def families_of_counts(counts: Counts, *, now: float, created: float) -> Iterator[Metric]:
    """What has happened since ``created``, when counting began."""
    for make, name, text, read, *labels in COUNTED:
        yield make(name, text, read(counts), *labels, created=created)
    yield gauges(
        "notifications_waiting",
        "Alerts and events that are owed to a channel or webhook and have not arrived yet.",
        "channel",
        counts.notifications_waiting.items(),
    )
    yield gauge(
        "abandoned_children",
        "Incarnations that would not stop and were abandoned; each is a thread or a task that may"
        " still do something.",
        counts.abandoned,
    )
    yield gauge(
        "flood_deadline_timestamp_seconds",
        "When the last of the present flood waits is over; 0 without any.",
        counts.floods.last(now),
    )


def families_of_sessions(sums: SessionSums, *, shown: bool, now: float) -> Iterator[Metric]:
    """All sessions together; whether each is ``shown`` by itself as well."""
    yield gauges(
        "sessions",
        "Sessions by state.",
        "state",
        ((phase.value, sums.phases[phase]) for phase in Phase),
    )
    moments = (sums.update, sums.outbox, sums.backup)
    for (name, text), moment in zip(OLDEST, moments, strict=True):
        yield gauge(name, text, max(0.0, now - moment))
    yield gauge(
        "sessions_latched",
        "Sessions whose key Telegram has declared dead: only a new login helps.",
        sums.latched,
    )
    if sums.codes != math.inf:
        yield gauge(
            "login_codes_left",
            "Login codes that may still be asked for today, of the session with the fewest.",
            sums.codes,
        )
    yield gauges(
        "leases",
        "Sessions whose key a process owns: this one (held), or another (elsewhere).",
        "state",
        sums.owners.items(),
    )
    yield gauge(
        "per_session_shown",
        "1 if each session has series of its own, telewarden_session_...; 0 if there are too many,"
        " or [metrics] per_session is false.",
        float(shown),
    )


def families_of_storage(stored: Storage, *, now: float) -> Iterator[Metric]:
    """The folder that everything is kept in, as it was at the last look."""
    if stored.backed_up is not None:
        yield gauge(
            "database_backup_age_seconds",
            "Age of the newest copy of the database; not there without one.",
            max(0.0, now - stored.backed_up),
        )
    yield gauge(
        "storage_free_bytes",
        "Free space on the disk that the storage folder is on.",
        stored.free,
    )
    yield gauge(
        "storage_size_bytes", "Size of the disk that the storage folder is on.", stored.size
    )


def families_of_sample(sample: Sample) -> Iterator[Metric]:
    """How everything stood at the last look."""
    yield gauge(
        "sessions_healthy", "Sessions that work: online, heard, nothing amiss.", sample.healthy
    )
    yield gauge("worker_groups", "Worker groups; each has up to 30 pairs.", sample.groups)
    yield gauges(
        "pairs",
        "Forwarding pairs by state: active, or paused by a person or for a trouble of their own.",
        "state",
        (("active", sample.pairs_active), ("paused", sample.pairs_paused)),
    )
    yield gauges(
        "health_verdicts",
        "Sessions and worker groups that the health monitor finds not well, by reason.",
        "reason",
        ((reason.value, sample.verdicts.get(reason, 0)) for reason in ILL),
    )
    yield gauge(
        "pairs_deaf",
        "Pairs of whose source Telegram does not tell their session; looks read it.",
        sample.pairs_deaf,
    )
    yield gauge(
        "accounts_frozen",
        "Sessions whose account Telegram has frozen: it can read and not write.",
        sample.frozen,
    )
    yield gauge("outbox_waiting", "Messages in the outbox that wait to be sent.", sample.waiting)
    yield gauges(
        "waits",
        "Sessions, pairs and parts that wait, by what they wait for.",
        "kind",
        ((kind.value, sample.waits.get(kind, 0)) for kind in WaitKind),
    )
    yield gauges(
        "oldest_wait_timestamp_seconds",
        "Since when the one waits that does for longest, by what it waits for; 0 if none does.",
        "kind",
        ((kind.value, sample.waiting_since.get(kind, 0.0)) for kind in WaitKind),
    )
    yield from _tree(sample)
    yield gauge(
        "overview_timestamp_seconds",
        "When sessions and groups were last looked at; 0 if never.",
        sample.at,
    )


def _tree(sample: Sample) -> Iterator[Metric]:
    if sample.children is not None:
        children = sample.children
        yield gauges(
            "children",
            "Children in the supervisor tree by state.",
            "state",
            ((state.value, children.get(state, 0)) for state in ChildState),
        )
        yield gauge(
            "mailbox_waiting", "Messages that wait in the actors' mailboxes.", sample.mailboxes
        )
    if sample.restarts_left is not None:
        yield gauge(
            "restarts_left",
            "Restarts that may still follow before something gives up or is kept down, where it is"
            " fewest.",
            sample.restarts_left,
        )
    yield gauge(
        "loop_lag_seconds",
        "Seconds that the event loop last took to get to a new task.",
        sample.loop_lag,
    )


COUNTED: Final[tuple[Row, ...]] = (
    (
        counter,
        "notices",
        "What Telegram has told accounts unasked, by kind: a key's end, texts, logins elsewhere.",
        lambda counts: counts.notices,
        ("kind",),
    ),
    (
        number,
        "deaf_sources",
        "Times that a session that was online turned out not to be told of one of its sources.",
        lambda counts: counts.deaf_sources,
    ),
    (
        counter,
        "health_steps",
        "What the health monitor has done, by step (kind) and whether it was taken or failed.",
        lambda counts: counts.health_steps,
        ("kind", "state"),
    ),
    (
        number,
        "unreadable_objects",
        "What Telegram has sent and the installed Telethon has no class for (layer drift).",
        lambda counts: counts.layer_drift,
    ),
    (
        counter,
        "shared_requests",
        "Requests of programs that share sessions, by program and how they ended.",
        lambda counts: counts.shared_requests,
        ("program", "result"),
    ),
    (
        counter,
        "child_restarts",
        "Restarts that supervisors decided on, by kind of child and how its last run ended.",
        lambda counts: counts.restarts,
        ("kind", "reason"),
    ),
    (
        counter,
        "child_quarantines",
        "Children kept down because they failed too often.",
        lambda counts: counts.quarantines,
        ("kind",),
    ),
    (
        counter,
        "child_stuck",
        "Times that children were found at one message for too long, by kind of child.",
        lambda counts: counts.stuck,
        ("kind",),
    ),
    (
        counter,
        "recoveries",
        "Sessions that came (back) online, by the copy that did it and why it was needed.",
        lambda counts: counts.recoveries,
        ("rung", "reason"),
    ),
    (
        histograms,
        "recovery_duration_seconds",
        "Seconds from the loss of a session, or the request, until it was online.",
        lambda counts: counts.recovery_seconds,
        "reason",
    ),
    (
        counter,
        "recovery_tries",
        "Tries to come online by a stored copy, by copy and whether it worked or failed.",
        lambda counts: counts.tries,
        ("rung", "state"),
    ),
    (
        counter,
        "copies_repaired",
        "Stored copies of sessions that were damaged or missing and were made whole.",
        lambda counts: counts.copies,
        ("kind",),
    ),
    (
        counter,
        "flood_waits",
        "Times Telegram asked to wait, by method; * is all sending.",
        lambda counts: counts.flood_waits,
        ("method",),
    ),
    (
        number,
        "messages_forwarded",
        "Messages that reached their target.",
        lambda counts: counts.forwarded,
    ),
    (
        number,
        "messages_repeated",
        "Messages forwarded that Telegram already had from an earlier try.",
        lambda counts: counts.repeated,
    ),
    (
        number,
        "messages_caught_up",
        "Messages found in history that no update had announced.",
        lambda counts: counts.caught_up,
    ),
    (
        number,
        "dead_letters",
        "Messages put aside because they cannot be delivered.",
        lambda counts: counts.dead_letters,
    ),
    (
        histogram,
        "forward_lag_seconds",
        "Seconds from a message's date until it reached its target.",
        lambda counts: counts.lag_seconds,
    ),
    (
        histogram,
        "probe_duration_seconds",
        "Seconds until Telegram answered a probe.",
        lambda counts: counts.probe_seconds,
    ),
    (
        counter,
        "mailbox_drops",
        "Messages between actors that were not handled, by reason.",
        lambda counts: counts.drops,
        ("reason",),
    ),
    (
        number,
        "loop_stalls",
        "Times that something held the event loop up for too long.",
        lambda counts: counts.loop_stalls,
    ),
    (
        number,
        "loop_stalled_seconds",
        "Seconds for which it was held up, all such times together.",
        lambda counts: counts.loop_stalled,
    ),
    (
        number,
        "journal_writes",
        "Writes that the journal was handed.",
        lambda counts: counts.journal_writes,
    ),
    (
        number,
        "journal_commits",
        "Transactions of the journal.",
        lambda counts: counts.journal_commits,
    ),
    (
        number,
        "journal_failures",
        "Writes that failed.",
        lambda counts: counts.journal_failures,
    ),
    (
        histogram,
        "journal_commit_duration_seconds",
        "Seconds for one of the journal's transactions.",
        lambda counts: counts.commit_seconds,
    ),
    (
        counter,
        "notifications",
        "Messages out by channel or webhook: sent, failed (and tried again), dropped for good.",
        lambda counts: counts.notifications,
        ("channel", "state"),
    ),
    (
        counter,
        "rows_pruned",
        "Rows that were past their time and are gone from the database, by table.",
        lambda counts: counts.pruned,
        ("kind",),
    ),
)

OLDEST: Final = (
    (
        "update_age_seconds",
        "Seconds since Telegram last told a session anything, of the session where it is longest.",
    ),
    (
        "outbox_oldest_age_seconds",
        "Seconds that the oldest message has waited in the outbox; 0 if none waits.",
    ),
    (
        "backup_age_seconds",
        "Age of the newest backup of a session's login, of the session where it is oldest.",
    ),
)
