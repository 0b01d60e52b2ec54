"""What is scraped after which facts."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families as classic

from telewarden.actors.health.steps import STEPS
from telewarden.actors.messages import BY_MONITOR
from telewarden.metrics import Exporter
from telewarden.metrics.labels import cause_class
from telewarden.storage import RowsPruned
from telewarden.supervision import (
    ChildAbandoned,
    ChildQuarantined,
    ChildRestarting,
    ChildStuck,
    Event,
    EventStream,
    MessageDropped,
)
from telewarden.telegram import Health, HealthStep, Phase
from telewarden.telegram.reports import GroupReport, Overview, PairReport, SessionReport
from telewarden.telegram.session_events import (
    CaughtUp,
    CopyRepaired,
    DeadLettered,
    FloodBegan,
    FloodEnded,
    Forwarded,
    Probed,
    RecoveryTried,
    SessionRecovered,
)

pytestmark = pytest.mark.metrics

NOW = 1_000_000.0
SESSION = "sessions/session:alice/session"
GROUP = "sessions/session:alice/groups/g1"
LABELS = {"session", "group", "reason", "rung", "method", "kind", "state", "le"}


@dataclass
class Wall:
    now: float = NOW

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def wall() -> Wall:
    return Wall()


@pytest.fixture
def stream() -> EventStream:
    return EventStream()


@pytest.fixture
def exporter(stream: EventStream, wall: Wall) -> Iterator[Exporter]:
    exporter = Exporter(wall=wall)
    exporter.watch(stream)
    yield exporter
    exporter.close()


def sample(exporter: Exporter, name: str, **labels: str) -> float | None:
    return exporter.registry.get_sample_value(f"telewarden_{name}", labels)


def forwarded(*, repeated: bool = False, lag: float = 0.2) -> Forwarded:
    return Forwarded(
        session="alice", at=NOW, pair=1, source_id=1, target_id=2, repeated=repeated, lag=lag
    )


def flood(session: str = "alice", *, until: float, method: str = "messages.sendMessage") -> Event:
    return FloodBegan(session=session, at=NOW, method=method, seconds=until - NOW, until=until)


def report(name: str, phase: Phase = Phase.ONLINE, *, update_age: float = 1.0) -> SessionReport:
    health = Health.HEALTHY if phase is Phase.ONLINE else Health.UNHEALTHY
    return SessionReport(
        session=name, phase=phase, health=health, reason="", since=NOW, last_update=NOW - update_age
    )


def pair(number: int, *, waiting: int = 0, paused: str | None = None) -> PairReport:
    return PairReport(
        id=number,
        source=-1001,
        target="@there",
        mode="copy",
        waiting=waiting,
        delivered=3,
        repeated=0,
        dead=0,
        paused=paused,
    )


def overview(*sessions: SessionReport, pairs: tuple[PairReport, ...] = ()) -> Overview:
    groups = (GroupReport(session="alice", group="g1", online=True, pairs=pairs),) if pairs else ()
    return Overview(sessions=sessions, groups=groups)


@pytest.mark.parametrize(
    ("event", "name", "labels", "value"),
    [
        pytest.param(
            ChildRestarting(at=1.0, child=SESSION, reason="error: DrillError"),
            "child_restarts_total",
            {"kind": "session", "reason": "drill"},
            1,
            id="a session's restart in a drill",
        ),
        pytest.param(
            ChildRestarting(at=1.0, child=GROUP, reason="error: ValueError"),
            "child_restarts_total",
            {"kind": "group", "reason": "error"},
            1,
            id="a group's restart by how it ended",
        ),
        pytest.param(
            ChildRestarting(at=1.0, child="journal", reason="start_failed: it took 30 s"),
            "child_restarts_total",
            {"kind": "journal", "reason": "start_failed"},
            1,
            id="free text in a reason becomes no label",
        ),
        pytest.param(
            ChildQuarantined(at=1.0, child="sessions/session:alice", reason="failed 5 times"),
            "child_quarantines_total",
            {"kind": "other"},
            1,
            id="a quarantine",
        ),
        pytest.param(
            ChildStuck(at=1.0, child=GROUP, incarnation=1, seconds=30.0),
            "child_stuck_total",
            {"kind": "group"},
            1,
            id="a child that was at one message for too long",
        ),
        pytest.param(
            ChildAbandoned(at=1.0, child="journal", incarnation=1, seconds=5.0, abandoned=3),
            "abandoned_children",
            {},
            3,
            id="what was abandoned",
        ),
        pytest.param(
            MessageDropped(at=1.0, child="journal", message="Write", reason="overflow"),
            "mailbox_drops_total",
            {"reason": "overflow"},
            1,
            id="a dropped message",
        ),
        pytest.param(
            SessionRecovered(session="a", at=NOW, rung="file", seconds=0.2, cause="crash"),
            "recoveries_total",
            {"rung": "file", "reason": "crash"},
            1,
            id="a recovery by rung and cause",
        ),
        pytest.param(
            SessionRecovered(session="a", at=NOW, rung="file", seconds=0.2, cause="the moon"),
            "recoveries_total",
            {"rung": "file", "reason": "other"},
            1,
            id="an unheard-of cause is other",
        ),
        pytest.param(
            SessionRecovered(session="a", at=NOW, rung="file", seconds=0.2, cause="crash"),
            "recovery_duration_seconds_bucket",
            {"reason": "crash", "le": "0.25"},
            1,
            id="how long a recovery took",
        ),
        pytest.param(
            RecoveryTried(session="a", at=NOW, rung="string", attempt=1, problem="torn"),
            "recovery_tries_total",
            {"rung": "string", "state": "failed"},
            1,
            id="a try that failed",
        ),
        pytest.param(
            RecoveryTried(session="a", at=NOW, rung="string", attempt=1, problem=""),
            "recovery_tries_total",
            {"rung": "string", "state": "worked"},
            1,
            id="a try that worked",
        ),
        pytest.param(
            CopyRepaired(session="a", at=NOW, copy="file", problem="empty", kept=""),
            "copies_repaired_total",
            {"kind": "file"},
            1,
            id="a repaired copy",
        ),
        pytest.param(
            flood(until=NOW + 3),
            "flood_waits_total",
            {"method": "messages.sendMessage"},
            1,
            id="a flood wait by method",
        ),
        pytest.param(forwarded(), "messages_forwarded_total", {}, 1, id="a forwarded message"),
        pytest.param(
            forwarded(repeated=True), "messages_repeated_total", {}, 1, id="a repeated message"
        ),
        pytest.param(
            forwarded(lag=0.2), "forward_lag_seconds_bucket", {"le": "0.25"}, 1, id="its lag"
        ),
        pytest.param(
            forwarded(lag=-5.0), "forward_lag_seconds_sum", {}, 0, id="clocks that differ"
        ),
        pytest.param(
            DeadLettered(session="a", at=NOW, pair=1, source_id=2, reason="x"),
            "dead_letters_total",
            {},
            1,
            id="a message put aside",
        ),
        pytest.param(
            CaughtUp(session="a", at=NOW, pair=1, missed=7),
            "messages_caught_up_total",
            {},
            7,
            id="messages that were missed",
        ),
        pytest.param(
            RowsPruned(at=NOW, outbox=12, audit=3),
            "rows_pruned_total",
            {"kind": "outbox"},
            12,
            id="rows past their time",
        ),
        pytest.param(
            Probed(session="a", at=NOW, seconds=0.03, update_age=None),
            "probe_duration_seconds_bucket",
            {"le": "0.05"},
            1,
            id="a probe",
        ),
    ],
)
def test_each_fact_is_counted_where_it_belongs(
    exporter: Exporter,
    stream: EventStream,
    event: Event,
    name: str,
    labels: dict[str, str],
    value: float,
) -> None:
    stream.publish(event)

    assert sample(exporter, name, **labels) == value


def test_a_histogram_counts_each_value_up_to_its_bound(
    exporter: Exporter, stream: EventStream
) -> None:
    for lag in (0.05, 0.1, 0.3, 5000.0):
        stream.publish(forwarded(lag=lag))

    buckets = {
        le: sample(exporter, "forward_lag_seconds_bucket", le=le)
        for le in ("0.1", "0.25", "0.5", "+Inf")
    }
    assert buckets == {"0.1": 2, "0.25": 2, "0.5": 3, "+Inf": 4}
    assert sample(exporter, "forward_lag_seconds_count") == 4
    assert sample(exporter, "forward_lag_seconds_sum") == pytest.approx(5000.45)


def test_every_phase_is_shown_before_any_session_is_known(exporter: Exporter) -> None:
    shown = {phase: sample(exporter, "sessions", state=phase.value) for phase in Phase}

    assert shown == dict.fromkeys(Phase, 0)


def test_gauges_show_the_newest_look(exporter: Exporter) -> None:
    exporter.observe(overview(report("old", Phase.CONNECTING)))
    exporter.observe(
        overview(
            report("alice", update_age=4.0),
            report("bob", update_age=90.0),
            report("carol", Phase.WAITING),
            pairs=(pair(1, waiting=2), pair(2, waiting=3), pair(3, paused="no right to write")),
        )
    )

    assert sample(exporter, "sessions", state="online") == 2
    assert sample(exporter, "sessions", state="waiting") == 1
    assert sample(exporter, "sessions", state="connecting") == 0
    assert sample(exporter, "sessions_healthy") == 2
    assert sample(exporter, "pairs", state="active") == 2
    assert sample(exporter, "pairs", state="paused") == 1
    assert sample(exporter, "outbox_waiting") == 5
    assert sample(exporter, "update_age_seconds") == 90.0
    assert sample(exporter, "overview_timestamp_seconds") == NOW


def test_the_flood_deadline_is_the_last_one_and_vanishes_when_it_has_passed(
    exporter: Exporter, stream: EventStream, wall: Wall
) -> None:
    stream.publish(flood("alice", until=NOW + 30))
    stream.publish(flood("bob", until=NOW + 10))
    latest = sample(exporter, "flood_deadline_timestamp_seconds")
    stream.publish(FloodEnded(session="alice", at=NOW + 1, method="messages.sendMessage", parked=1))
    after_alice = sample(exporter, "flood_deadline_timestamp_seconds")
    wall.now = NOW + 10

    assert (latest, after_alice) == (NOW + 30, NOW + 10)
    assert sample(exporter, "flood_deadline_timestamp_seconds") == 0
    assert exporter.floods() == ()


def test_floods_are_listed_with_the_one_that_ends_first_at_the_front(
    exporter: Exporter, stream: EventStream
) -> None:
    stream.publish(flood("alice", until=NOW + 30))
    stream.publish(flood("bob", until=NOW + 10))

    assert [(one.session, one.until) for one in exporter.floods()] == [
        ("bob", NOW + 10),
        ("alice", NOW + 30),
    ]


@dataclass(frozen=True)
class Journalled:
    writes: int
    groups: int
    failures: int
    latency: float = 0.002


def test_journal_counters_go_on_through_the_journals_restart(exporter: Exporter) -> None:
    exporter.journal(Journalled(writes=10, groups=1, failures=0))
    exporter.journal(Journalled(writes=30, groups=2, failures=1))
    exporter.journal(Journalled(writes=5, groups=1, failures=0))  # another incarnation

    assert sample(exporter, "journal_writes_total") == 35
    assert sample(exporter, "journal_commits_total") == 3
    assert sample(exporter, "journal_failures_total") == 1
    assert sample(exporter, "journal_commit_duration_seconds_count") == 3


def test_label_values_stay_few_however_many_names_come_from_outside(
    exporter: Exporter, stream: EventStream
) -> None:
    for number in range(1000):
        stream.publish(flood(until=NOW + 1, method=f"made.up{number}"))

    family = next(f for f in exporter.collect() if f.name == "telewarden_flood_waits")
    counts = [one.value for one in family.samples if one.name.endswith("_total")]
    assert len(counts) == 201
    assert sum(counts) == 1000
    assert sample(exporter, "flood_waits_total", method="other") == 1000 - sum(counts[:-1]) > 0


def test_by_state_a_scrape_has_as_many_series_for_many_sessions_as_for_few() -> None:
    def series(count: int) -> int:
        exporter = Exporter(per_session=False)
        exporter.observe(overview(*(report(f"s{number}") for number in range(count))))
        return sum(len(family.samples) for family in exporter.collect())

    assert series(2000) == series(1)


def test_names_and_units_follow_prometheus_conventions(
    exporter: Exporter, stream: EventStream
) -> None:
    stream.publish(forwarded())
    exporter.observe(overview(report("alice")))
    body, content_type = exporter.render()

    families = [f for f in classic(body.decode()) if f.name.startswith("telewarden_")]
    assert content_type.startswith("text/plain")
    assert len(families) > 20
    for family in families:
        assert family.documentation.endswith("."), family.name
        labels = {label for one in family.samples for label in one.labels}
        assert family.name.endswith("_info") or labels <= LABELS, family.name
        if family.type == "counter":
            assert all(one.name.endswith("_total") for one in family.samples), family.name
        if family.type in {"histogram", "summary"}:
            assert family.name.endswith("_seconds"), family.name


def test_open_metrics_is_spoken_to_who_asks_for_it(exporter: Exporter) -> None:
    body, content_type = exporter.render("application/openmetrics-text; version=1.0.0")

    assert content_type.startswith("application/openmetrics-text")
    assert "telewarden_messages_forwarded" in {f.name for f in open_metrics(body.decode())}


def test_the_release_and_the_process_are_shown(exporter: Exporter) -> None:
    text = exporter.render()[0].decode()

    assert "telewarden_build_info{version=" in text
    assert "process_cpu_seconds_total" in text


def test_nothing_is_counted_after_close_and_what_was_stays_readable(
    exporter: Exporter, stream: EventStream
) -> None:
    stream.publish(forwarded())
    exporter.close()
    stream.publish(forwarded())

    assert sample(exporter, "messages_forwarded_total") == 1


def test_watching_again_goes_on_counting_each_fact_once(
    exporter: Exporter, stream: EventStream
) -> None:
    stream.publish(forwarded())
    exporter.watch(stream)
    stream.publish(forwarded())

    assert sample(exporter, "messages_forwarded_total") == 2


def test_a_registry_passed_in_is_used_and_left_on_close() -> None:
    registry = CollectorRegistry()
    first = Exporter(registry)
    first.close()
    second = Exporter(registry)  # would be refused if the first were still there

    assert registry.get_sample_value("telewarden_messages_forwarded_total") == 0
    assert registry.get_sample_value("process_open_fds") is None
    second.close()
    assert registry.get_sample_value("telewarden_messages_forwarded_total") is None


def test_two_exporters_in_one_registry_are_refused() -> None:
    registry = CollectorRegistry(auto_describe=True)
    exporter = Exporter(registry)

    with pytest.raises(ValueError, match="Duplicated"):
        Exporter(registry)
    exporter.close()


def test_two_wardens_in_one_process_count_apart(exporter: Exporter, stream: EventStream) -> None:
    other = Exporter()
    stream.publish(forwarded())

    assert sample(exporter, "messages_forwarded_total") == 1
    assert sample(other, "messages_forwarded_total") == 0


def test_no_fact_is_lost_when_threads_publish_at_once(
    exporter: Exporter, stream: EventStream
) -> None:
    event = forwarded()

    def publish() -> None:
        for _ in range(2000):
            stream.publish(event)

    threads = [threading.Thread(target=publish) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sample(exporter, "messages_forwarded_total") == 8000
    assert sample(exporter, "forward_lag_seconds_count") == 8000


def test_counters_sum_up_the_labels(exporter: Exporter, stream: EventStream) -> None:
    stream.publish(ChildRestarting(at=1.0, child=SESSION, reason="error: ValueError"))
    stream.publish(ChildRestarting(at=1.0, child=GROUP, reason="sibling"))
    stream.publish(forwarded())
    exporter.observe(overview(pairs=(pair(1, waiting=4),)))

    counters = exporter.counters()
    assert counters["restarts"] == 2
    assert counters["forwarded"] == 1
    assert counters["waiting"] == 4
    assert counters["recoveries"] == 0


@pytest.mark.parametrize(
    "cause",
    [
        BY_MONITOR,
        *(
            reason
            for reason, rules in STEPS.items()
            if any(rule.step is HealthStep.RECONNECT for rule in rules)
        ),
    ],
)
def test_what_the_health_monitor_asked_for_has_a_word_of_its_own(cause: str) -> None:
    assert cause_class(cause) == "monitor"


def test_a_first_start_is_no_recovery_on_the_page(exporter: Exporter, stream: EventStream) -> None:
    for cause in ("start", "login", "crash", "connection lost"):
        stream.publish(
            SessionRecovered(session="a", at=NOW, rung="string", seconds=0.1, cause=cause)
        )

    assert exporter.counters()["recoveries"] == 2


@pytest.mark.parametrize(
    ("phases", "ready", "sentence"),
    [
        ((Phase.ONLINE, Phase.ONLINE), True, "2 of 2 sessions online"),
        ((Phase.ONLINE, Phase.STOPPED), True, "1 of 1 sessions online"),
        ((), False, "no session has reported yet"),
        ((Phase.ONLINE, Phase.NEEDS_LOGIN), False, "1 of 2 sessions not online: s1 needs login"),
        (
            (Phase.WAITING,) * 7,
            False,
            (
                "7 of 7 sessions not online: s0 waiting, s1 waiting, s2 waiting, "
                "s3 waiting, s4 waiting, 2 more"
            ),
        ),
    ],
)
def test_ready_means_that_every_session_that_should_be_online_is(
    exporter: Exporter, phases: tuple[Phase, ...], ready: bool, sentence: str
) -> None:
    exporter.observe(
        overview(*(report(f"s{number}", phase) for number, phase in enumerate(phases)))
    )

    assert exporter.ready() == (ready, sentence)


def test_nothing_is_ready_before_the_first_look(exporter: Exporter) -> None:
    assert exporter.ready() == (False, "nothing has been looked at yet")
