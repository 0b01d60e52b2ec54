"""The metric families: names, HELP texts, labels.

Names and units follow Prometheus' conventions: base units, ``_total`` on what only grows. No
label is a session, a chat or a message, so that the number of series does not grow with them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from prometheus_client.core import Metric

from ..supervision import ChildState
from ..telegram import Phase, WaitKind
from .event_counter import Counts
from .family_builders import counter, gauge, gauges, histogram, histograms, number
from .sample import Sample

Row = tuple[Callable[..., Metric], str, str, Callable[[Counts], Any], *tuple[Any, ...]]
"""What makes it, its name and meaning, where its numbers are, its labels."""


def families_of_counts(counts: Counts, *, now: float) -> Iterator[Metric]:
    """What has happened since the process started."""
    for make, name, text, read, *labels in COUNTED:
        yield make(name, text, read(counts), *labels)
    yield gauge(
        "flood_deadline_timestamp_seconds",
        "When the last of the present flood waits is over; 0 without any.",
        max((flood.until for flood in counts.floods.ahead(now)), default=0.0),
    )


def families_of_sample(sample: Sample) -> Iterator[Metric]:
    """How everything stood at the last look."""
    yield gauges(
        "sessions",
        "Sessions by phase.",
        "phase",
        ((phase.value, sample.sessions.get(phase, 0)) for phase in Phase),
    )
    yield gauge("sessions_healthy", "Sessions that work.", sample.healthy)
    yield gauge("worker_groups", "Worker groups.", sample.groups)
    yield gauges(
        "pairs",
        "Forwarding pairs by state.",
        "state",
        (("active", sample.pairs_active), ("paused", sample.pairs_paused)),
    )
    yield gauge("outbox_waiting", "Messages in the outbox that wait to be sent.", sample.waiting)
    if sample.update_age is not None:
        yield gauge(
            "update_age_seconds",
            "Age of the last update, of the session where it is oldest.",
            sample.update_age,
        )
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
        "child_restarts",
        "Restarts that supervisors decided on, by kind of child and reason.",
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
        "recoveries",
        "Sessions that came (back) online, by the rung that did it and why it was needed.",
        lambda counts: counts.recoveries,
        ("rung", "cause"),
    ),
    (
        histograms,
        "recovery_duration_seconds",
        "Seconds from the loss of a session, or the request, until it was online.",
        lambda counts: counts.recovery_seconds,
        "cause",
    ),
    (
        counter,
        "recovery_tries",
        "Tries on the recovery ladder, by rung and outcome.",
        lambda counts: counts.tries,
        ("rung", "outcome"),
    ),
    (
        counter,
        "copies_repaired",
        "Stored copies of sessions that were damaged or missing and were made whole.",
        lambda counts: counts.copies,
        ("copy",),
    ),
    (
        counter,
        "flood_waits",
        "Times Telegram asked to wait, by method.",
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
        gauge,
        "abandoned_children",
        "Incarnations that would not stop and were abandoned.",
        lambda counts: counts.abandoned,
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
        "rows_pruned",
        "Rows that were past their time and are gone from the database, by table.",
        lambda counts: counts.pruned,
        ("table",),
    ),
)
