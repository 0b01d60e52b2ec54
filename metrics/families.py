"""The metrics by name: what each is called, what it means, which labels it has.

Names and units follow Prometheus' conventions: base units, ``_total`` on what only grows. No
label is a session, a chat or a message, so that the number of series does not grow with them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

from ..supervision import Phase as PlacePhase
from ..telegram import Phase
from .counting import Counts
from .standing import Standing
from .tallies import Bins, LabelledBins, Tally

__all__ = ["families_of_counts", "families_of_standing"]


def families_of_counts(counts: Counts, *, now: float) -> Iterator[Metric]:
    """What has happened since the process started."""
    yield from _restarts(counts)
    yield from _recoveries(counts)
    yield from _floods(counts, now)
    yield from _forwarding(counts)
    yield from _trouble(counts)
    yield from _journal(counts)


def _restarts(counts: Counts) -> Iterator[Metric]:
    yield _counter(
        "child_restarts",
        "Restarts that supervisors decided on, by kind of child and reason.",
        counts.restarts,
        ("kind", "reason"),
    )
    yield _counter(
        "child_quarantines",
        "Children kept down because they failed too often.",
        counts.quarantines,
        ("kind",),
    )


def _recoveries(counts: Counts) -> Iterator[Metric]:
    yield _counter(
        "recoveries",
        "Sessions that came (back) online, by the rung that did it and why it was needed.",
        counts.recoveries,
        ("rung", "cause"),
    )
    yield _histograms(
        "recovery_duration_seconds",
        "Seconds from the loss of a session, or the request, until it was online.",
        counts.recovery_seconds,
        "cause",
    )
    yield _counter(
        "recovery_tries",
        "Tries on the recovery ladder, by rung and outcome.",
        counts.tries,
        ("rung", "outcome"),
    )
    yield _counter(
        "copies_repaired",
        "Stored copies of sessions that were damaged or missing and were made whole.",
        counts.copies,
        ("copy",),
    )


def _floods(counts: Counts, now: float) -> Iterator[Metric]:
    yield _counter(
        "flood_waits",
        "Times Telegram asked to wait, by method.",
        counts.flood_waits,
        ("method",),
    )
    yield _gauge(
        "flood_deadline_timestamp_seconds",
        "When the last of the present flood waits is over; 0 without any.",
        max((flood.until for flood in counts.floods.ahead(now)), default=0.0),
    )


def _forwarding(counts: Counts) -> Iterator[Metric]:
    yield _number("messages_forwarded", "Messages that reached their target.", counts.forwarded)
    yield _number(
        "messages_repeated",
        "Messages forwarded that Telegram already had from an earlier try.",
        counts.repeated,
    )
    yield _number(
        "messages_caught_up",
        "Messages found in history that no update had announced.",
        counts.caught_up,
    )
    yield _number(
        "dead_letters",
        "Messages put aside because they cannot be delivered.",
        counts.dead_letters,
    )
    yield _histogram(
        "forward_lag_seconds",
        "Seconds from a message's date until it reached its target.",
        counts.lag_seconds,
    )


def _trouble(counts: Counts) -> Iterator[Metric]:
    yield _histogram(
        "probe_duration_seconds",
        "Seconds until Telegram answered a probe.",
        counts.probe_seconds,
    )
    yield _counter(
        "mailbox_drops",
        "Messages between actors that were not handled, by reason.",
        counts.drops,
        ("reason",),
    )
    yield _gauge(
        "abandoned_children",
        "Incarnations that would not stop and were left behind.",
        counts.abandoned,
    )
    yield _number(
        "loop_stalls",
        "Times that something held the event loop up for too long.",
        counts.loop_stalls,
    )
    yield _number(
        "loop_stalled_seconds",
        "Seconds for which it was held up, all such times together.",
        counts.loop_stalled,
    )


def _journal(counts: Counts) -> Iterator[Metric]:
    yield _number("journal_writes", "Writes that the journal was handed.", counts.journal_writes)
    yield _number("journal_commits", "Transactions of the journal.", counts.journal_commits)
    yield _number("journal_failures", "Writes that failed.", counts.journal_failures)
    yield _histogram(
        "journal_commit_duration_seconds",
        "Seconds for one of the journal's transactions.",
        counts.commit_seconds,
    )


def families_of_standing(standing: Standing) -> Iterator[Metric]:
    """How everything stood at the last look."""
    yield _gauges(
        "sessions",
        "Sessions by phase.",
        "phase",
        ((phase.value, standing.sessions.get(phase, 0)) for phase in Phase),
    )
    yield _gauge("sessions_healthy", "Sessions that work.", standing.healthy)
    yield _gauge("worker_groups", "Worker groups.", standing.groups)
    yield _gauges(
        "pairs",
        "Forwarding pairs by state.",
        "state",
        (("active", standing.pairs_active), ("paused", standing.pairs_paused)),
    )
    yield _gauge("outbox_waiting", "Messages in the outbox that wait to be sent.", standing.waiting)
    if standing.update_age is not None:
        yield _gauge(
            "update_age_seconds",
            "Age of the last update, of the session where it is oldest.",
            standing.update_age,
        )
    yield from _tree(standing)
    yield _gauge(
        "overview_timestamp_seconds",
        "When sessions and groups were last looked at; 0 if never.",
        standing.at,
    )


def _tree(standing: Standing) -> Iterator[Metric]:
    if standing.children is not None:
        children = standing.children
        yield _gauges(
            "children",
            "Places in the supervisor tree by phase.",
            "phase",
            ((phase.value, children.get(phase, 0)) for phase in PlacePhase),
        )
        yield _gauge(
            "mailbox_waiting", "Messages that wait in the actors' mailboxes.", standing.mailboxes
        )
    if standing.budget_left is not None:
        yield _gauge(
            "restart_budget_left",
            "Restarts that may still follow before something gives up or is kept down, where it is"
            " fewest.",
            standing.budget_left,
        )
    yield _gauge(
        "loop_lag_seconds",
        "Seconds that the event loop last took to get to a new task.",
        standing.loop_lag,
    )


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"telewarden_{name}", text, value=value)


def _gauges(name: str, text: str, label: str, rows: Iterable[tuple[str, float]]) -> Metric:
    family = GaugeMetricFamily(f"telewarden_{name}", text, labels=(label,))
    for value, number in rows:
        family.add_metric((value,), number)
    return family


def _number(name: str, text: str, value: float) -> Metric:
    return CounterMetricFamily(f"telewarden_{name}", text, value=value)


def _counter(name: str, text: str, tally: Tally, labels: tuple[str, ...]) -> Metric:
    family = CounterMetricFamily(f"telewarden_{name}", text, labels=labels)
    for values, number in tally.rows():
        family.add_metric(values, number)
    return family


def _histogram(name: str, text: str, bins: Bins) -> Metric:
    return HistogramMetricFamily(
        f"telewarden_{name}", text, buckets=bins.cumulative(), sum_value=bins.sum
    )


def _histograms(name: str, text: str, bins: LabelledBins, label: str) -> Metric:
    family = HistogramMetricFamily(f"telewarden_{name}", text, labels=(label,))
    for value, one in bins.rows():
        family.add_metric((value,), buckets=one.cumulative(), sum_value=one.sum)
    return family
