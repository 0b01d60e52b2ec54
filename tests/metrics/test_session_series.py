"""What each session has of its own in a scrape."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import product

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.openmetrics.exposition import generate_latest as generate_open_metrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families as classic

from telewarden.metrics import Exporter, LeaseOwner, Storage
from telewarden.storage import StoredFigures
from telewarden.supervision import (
    ChildRestarting,
    ChildState,
    Event,
    EventStream,
    Snapshot,
)
from telewarden.telegram import AccountFacts, Health, NoticeKind, Phase, PhaseChanged
from telewarden.telegram.reports import (
    GroupReport,
    Overview,
    PairReport,
    SessionReport,
    Wait,
    WaitKind,
)
from telewarden.telegram.session_events import (
    FloodBegan,
    FloodEnded,
    Forwarded,
    LayerDrifted,
    Noticed,
    Probed,
    SessionRecovered,
    SourceDeaf,
)

pytestmark = pytest.mark.metrics

NOW = 1_800_000_000.0
OPEN = "application/openmetrics-text; version=1.0.0"
SPACE = Storage(free=3, size=9, backed_up=NOW - 50)


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


def sample(exporter: Exporter, name: str, session: str = "alice", **labels: str) -> float | None:
    named = {"session": session, **labels}
    return exporter.registry.get_sample_value(f"telewarden_session_{name}", named)


def report(name: str = "alice", phase: Phase = Phase.ONLINE, **found: float) -> SessionReport:
    health = Health.HEALTHY if phase is Phase.ONLINE else Health.UNHEALTHY
    one = SessionReport(session=name, phase=phase, health=health, reason="", since=NOW)
    return replace(one, **found)


def group(session: str, waiting: int) -> GroupReport:
    pair = PairReport(
        id=1,
        source="@in",
        target="@out",
        mode="copy",
        waiting=waiting,
        delivered=0,
        repeated=0,
        dead=0,
        paused=None,
    )
    return GroupReport(session=session, group="g1", online=True, pairs=(pair,))


def overview(*sessions: SessionReport, groups: tuple[GroupReport, ...] = ()) -> Overview:
    return Overview(sessions=sessions, groups=groups)


def place(path: str, *below: Snapshot, left: int | None = None) -> Snapshot:
    return Snapshot(
        id=path.rpartition("/")[2],
        path=path,
        actor="Supervisor",
        host="loop",
        state=ChildState.RUNNING,
        why="",
        incarnation=1,
        restarts=0,
        seconds=1.0,
        resumes_in=None,
        waiting=0,
        restarts_left=left,
        children=below,
    )


def recovered(cause: str, rung: str = "file") -> SessionRecovered:
    return SessionRecovered(session="alice", at=NOW, rung=rung, seconds=0.1, cause=cause)


def test_a_session_is_in_one_state_and_in_no_other(exporter: Exporter) -> None:
    exporter.observe(overview(report(phase=Phase.NEEDS_LOGIN)))

    states = {phase: sample(exporter, "phase", state=phase.value) for phase in Phase}

    assert states == dict.fromkeys(Phase, 0.0) | {Phase.NEEDS_LOGIN: 1.0}
    assert sample(exporter, "phase_since_timestamp_seconds") == NOW


def test_a_change_of_state_is_shown_before_the_next_look(
    exporter: Exporter, stream: EventStream
) -> None:
    exporter.observe(overview(report()))
    stream.publish(
        PhaseChanged(
            session="alice",
            at=NOW + 1,
            before=Phase.ONLINE,
            after=Phase.CONNECTING,
            reason="connection lost",
        )
    )
    exporter.observe(overview(report()))  # an answer that was given before the change

    assert sample(exporter, "phase", state="connecting") == 1
    assert sample(exporter, "phase", state="online") == 0
    assert exporter.registry.get_sample_value("telewarden_sessions", {"state": "connecting"}) == 1


@pytest.mark.parametrize(
    ("event", "name", "labels"),
    [
        pytest.param(
            ChildRestarting(at=1.0, child="sessions/session:alice/session", reason="error: E"),
            "restarts_total",
            {"kind": "session"},
            id="a restart",
        ),
        pytest.param(
            ChildRestarting(at=1.0, child="sessions/session:alice/groups/g1", reason="error: E"),
            "restarts_total",
            {"kind": "group"},
            id="a worker group's restart",
        ),
        pytest.param(
            recovered("connection lost"), "recoveries_total", {"rung": "file"}, id="a recovery"
        ),
    ],
)
def test_the_first_count_is_an_increase(
    exporter: Exporter, stream: EventStream, event: Event, name: str, labels: dict[str, str]
) -> None:
    exporter.observe(overview(report()))

    before = sample(exporter, name, **labels)
    stream.publish(event)

    assert (before, sample(exporter, name, **labels)) == (0, 1)


@pytest.mark.parametrize("cause", ["start", "login"])
def test_coming_online_for_the_first_time_is_no_recovery(
    exporter: Exporter, stream: EventStream, cause: str
) -> None:
    stream.publish(recovered(cause))

    assert sample(exporter, "recoveries_total", rung="file") in {None, 0}


def test_the_age_of_the_last_update_goes_on_between_two_looks(
    exporter: Exporter, wall: Wall
) -> None:
    exporter.observe(overview(report(last_update=NOW - 4), report("bob", last_update=NOW - 90)))
    wall.now = NOW + 10

    assert sample(exporter, "update_age_seconds") == 14
    assert sample(exporter, "update_age_seconds", "bob") == 100
    assert exporter.registry.get_sample_value("telewarden_update_age_seconds") == 100
    assert b'update_age_seconds{session="alice"} 14.000' in exporter.render()[0]


def test_a_probe_tells_how_fast_and_when_the_last_update_was(
    exporter: Exporter, stream: EventStream
) -> None:
    stream.publish(Probed(session="alice", at=NOW, seconds=0.03, update_age=7.0))

    assert sample(exporter, "probe_duration_seconds") == 0.03
    assert sample(exporter, "update_age_seconds") == 7.0


def test_the_flood_deadline_is_the_last_one_and_0_when_it_has_passed(
    exporter: Exporter, stream: EventStream
) -> None:
    def flood(method: str, until: float) -> FloodBegan:
        return FloodBegan(session="alice", at=NOW, method=method, seconds=9.0, until=until)

    stream.publish(flood("messages.sendMessage", NOW + 30))
    stream.publish(flood("messages.sendMedia", NOW + 10))
    latest = sample(exporter, "flood_deadline_timestamp_seconds")
    for method in ("messages.sendMessage", "messages.sendMedia"):
        stream.publish(FloodEnded(session="alice", at=NOW + 30, method=method, parked=0))

    assert (latest, sample(exporter, "flood_deadline_timestamp_seconds")) == (NOW + 30, 0)


def test_lag_is_a_sum_and_a_count(exporter: Exporter, stream: EventStream) -> None:
    for lag in (0.5, 1.5, -3.0):
        stream.publish(
            Forwarded(
                session="alice", at=NOW, pair=1, source_id=1, target_id=2, repeated=False, lag=lag
            )
        )

    assert sample(exporter, "forward_lag_seconds_count") == 3
    assert sample(exporter, "forward_lag_seconds_sum") == 2.0


def test_the_outbox_shows_how_much_waits_and_for_how_long(exporter: Exporter, wall: Wall) -> None:
    exporter.observe(overview(report(), groups=(group("alice", 2), group("alice", 3))))
    exporter.stored([StoredFigures(name="alice", waiting_since=NOW - 60)], {}, SPACE, codes_a_day=3)
    wall.now = NOW + 5
    behind = sample(exporter, "outbox_waiting"), sample(exporter, "outbox_oldest_age_seconds")
    exporter.observe(overview(report(), groups=(group("alice", 0),)))

    assert behind == (5, 65)
    assert sample(exporter, "outbox_waiting") == 0
    assert sample(exporter, "outbox_oldest_age_seconds") is None


def test_what_a_session_waits_for_is_shown_for_as_long_as_it_does(exporter: Exporter) -> None:
    waits = tuple(
        Wait(who="session alice", kind=kind, what="it", since=since)
        for kind, since in (
            (WaitKind.FLOOD, NOW - 5),
            (WaitKind.FLOOD, NOW - 9),
            (WaitKind.BACKOFF, NOW),
        )
    )
    exporter.observe(overview(replace(report(), waits=waits)))
    flood = sample(exporter, "wait_since_timestamp_seconds", kind="flood")
    backoff = sample(exporter, "wait_since_timestamp_seconds", kind="backoff")
    exporter.observe(overview(report()))

    assert (flood, backoff) == (NOW - 9, NOW)
    assert sample(exporter, "wait_since_timestamp_seconds", kind="flood") is None


def test_restarts_left_are_those_of_the_part_with_the_fewest(exporter: Exporter) -> None:
    tree = place(
        "warden",
        place(
            "sessions",
            place("sessions/session:alice", place("sessions/session:alice/groups", left=2), left=5),
            place("sessions/session:bob", left=0),
        ),
        left=9,
    )

    exporter.observe(overview(report(), report("bob")), tree)

    assert sample(exporter, "restarts_left") == 2
    assert sample(exporter, "restarts_left", "bob") == 0


def test_a_session_that_is_kept_down_is_quarantined_until_it_is_released(
    exporter: Exporter,
) -> None:
    path = "sessions/session:alice"
    kept_down = replace(place(path, left=0), state=ChildState.QUARANTINED)
    states = []
    for below in (kept_down, place(path, left=5)):
        exporter.observe(overview(report()), place("warden", place("sessions", below)))
        states.append(
            [sample(exporter, "phase", state=state) for state in ("quarantined", "online")]
        )

    assert states == [[1, 0], [0, 1]]


def test_what_is_stored_is_shown(exporter: Exporter, wall: Wall) -> None:
    exporter.observe(overview(report(), report("bob")))
    exporter.stored(
        [
            StoredFigures(name="alice", backed_up=NOW - 100, codes=1),
            StoredFigures(name="bob", codes=4, latched=True),
        ],
        {"alice": LeaseOwner(state="held", pid=7, host="here")},
        SPACE,
        codes_a_day=3,
    )
    wall.now = NOW + 1

    assert sample(exporter, "backup_age_seconds") == 101
    assert sample(exporter, "backup_age_seconds", "bob") is None
    assert sample(exporter, "login_codes_left") == 2
    assert sample(exporter, "login_codes_left", "bob") == 0
    assert sample(exporter, "key_latched") == 0
    assert sample(exporter, "key_latched", "bob") == 1
    assert sample(exporter, "lease_info", state="held", pid="7", host="here") == 1

    def value(name: str, **labels: str) -> float | None:
        return exporter.registry.get_sample_value(f"telewarden_{name}", labels)

    assert value("sessions_latched") == 1
    assert value("login_codes_left") == 0
    assert value("backup_age_seconds") == 101
    assert (value("leases", state="held"), value("leases", state="elsewhere")) == (1, 0)
    assert (value("storage_free_bytes"), value("storage_size_bytes")) == (3, 9)
    assert value("database_backup_age_seconds") == 51


def test_sums_over_hundreds_of_sessions_are_those_of_each_at_every_scrape(
    exporter: Exporter, stream: EventStream, wall: Wall
) -> None:
    def scraped(*names: str) -> list[float]:
        families = {one.name: one.samples for one in classic(exporter.render()[0].decode())}
        states = {one.labels["state"]: one.value for one in families["telewarden_sessions"]}
        (age,) = families["telewarden_update_age_seconds"]
        return [*(states[name] for name in names), age.value]

    exporter.per_session = False
    names = [f"s{number:03}" for number in range(250)]
    exporter.observe(overview(*(report(name, last_update=NOW - 5) for name in names)))
    assert scraped("online", "waiting") == [250, 0, 5]

    at = NOW + 1
    stream.publish(
        PhaseChanged(session="s249", at=at, before=Phase.ONLINE, after=Phase.WAITING, reason="")
    )
    stream.publish(Probed(session="s120", at=at, seconds=0.1, update_age=100.0))
    wall.now = NOW + 2
    assert scraped("online", "waiting") == [249, 1, 101]

    left = [report(name, last_update=NOW) for name in names[:3]]
    exporter.observe(overview(*left))
    assert scraped("online", "waiting") == [3, 0, 2]


def test_who_is_registered_and_silent_is_shown_and_who_is_deleted_is_not(
    exporter: Exporter, stream: EventStream
) -> None:
    exporter.observe(overview(report()), registered={"alice", "bob"})
    silent = sample(exporter, "phase", "bob", state="registered")
    stream.publish(recovered("crash"))
    exporter.observe(overview(), registered={"alice"})  # nobody reports, as after a restart

    assert silent == 1
    assert sample(exporter, "recoveries_total", rung="file") == 1
    assert sample(exporter, "phase", "bob", state="registered") is None


@pytest.mark.parametrize(
    ("per_session", "count", "shown"),
    [(None, 1000, True), (None, 1001, False), (True, 1001, True), (False, 1, False)],
)
def test_series_of_each_session_are_there_up_to_a_thousand_unless_told_otherwise(
    per_session: bool | None, count: int, shown: bool
) -> None:
    exporter = Exporter(per_session=per_session)
    exporter.observe(overview(*(report(f"s{number}") for number in range(count))))

    text = exporter.render()[0].decode()

    assert ("telewarden_session_phase{" in text) is shown
    assert f"telewarden_per_session_shown {float(shown)}" in text
    assert f'telewarden_sessions{{state="online"}} {float(count)}' in text


BACKOFF = Wait(who="session bob", kind=WaitKind.BACKOFF, what="the next try", since=NOW)


@pytest.fixture
def busy(exporter: Exporter, stream: EventStream) -> Exporter:
    """One with something in each family, and a name of a host that has to be escaped."""
    exporter.observe(
        overview(
            report(last_update=NOW - 4, probe_seconds=0.1),
            replace(report("bob", Phase.WAITING), waits=(BACKOFF,)),
            groups=(group("alice", 2),),
        )
    )
    rows = [
        StoredFigures(name="alice", backed_up=NOW - 100, waiting_since=NOW - 3, codes=1),
        StoredFigures(name="bob", latched=True),
    ]
    owner = LeaseOwner(state="elsewhere", pid=7, host='a"b\\c')
    exporter.stored(rows, {"bob": owner}, SPACE, codes_a_day=3)
    stream.publish(recovered("crash"))
    exporter.notifications_waiting({"mail": 0})
    return exporter


@pytest.mark.parametrize(
    ("accept", "library", "parse"),
    [("", generate_latest, classic), (OPEN, generate_open_metrics, open_metrics)],
)
def test_the_text_says_what_the_library_says(
    busy: Exporter,
    stream: EventStream,
    wall: Wall,
    accept: str,
    library: Callable[[CollectorRegistry], bytes],
    parse: Callable[[str], Iterable[Metric]],
) -> None:
    def shown(body: bytes) -> list[Metric]:
        return [one for one in parse(body.decode()) if one.name.startswith("telewarden_")]

    before = shown(busy.render(accept)[0])
    same = [before == shown(library(busy.registry))]
    stream.publish(recovered("crash"))
    wall.now = NOW + 60
    after = shown(busy.render(accept)[0])
    same.append(after == shown(library(busy.registry)))

    assert same == [True, True]
    assert before != after


@pytest.mark.parametrize("accept", ["", OPEN])
async def test_in_slices_the_body_is_the_same(busy: Exporter, accept: str) -> None:
    text, kind = busy.render(accept)
    sliced, sliced_kind = await busy.render_async(accept)

    def ours(body: bytes) -> bytes:
        return body[body.index(b"# HELP telewarden_") :]

    assert (ours(sliced), sliced_kind) == (ours(text), kind)


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("application/openmetrics-text;version=1.0.0;escaping=values", "openmetrics"),
        ("application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6", "openmetrics"),
        ("text/plain;version=1.0.0;escaping=values", "text/plain"),
        ("text/plain;version=0.0.4;q=0.5", "text/plain"),
    ],
)
def test_names_stay_as_they_are_whatever_escaping_is_asked_for(
    busy: Exporter, accept: str, kind: str
) -> None:
    body, content_type = busy.render(accept)

    parse = open_metrics if "openmetrics" in kind else classic
    names = {one.name for one in parse(body.decode())}
    assert kind in content_type
    assert {"telewarden_sessions", "telewarden_session_phase"} <= names


def test_counters_say_since_when_they_count(busy: Exporter) -> None:
    families = {one.name: one for one in open_metrics(busy.render(OPEN)[0].decode())}

    for family in families.values():
        counts = family.type in {"counter", "histogram", "summary"}
        if family.name.startswith("telewarden_") and counts and family.samples:
            created = {one.value for one in family.samples if one.name.endswith("_created")}
            assert created == {NOW}, family.name


def test_what_is_known_to_be_counted_is_there_at_0_from_the_start(exporter: Exporter) -> None:
    known = [
        ("child_restarts_total", {"kind": ("session", "group", "journal"), "reason": ("error",)}),
        ("child_stuck_total", {"kind": ("session", "group", "journal")}),
        ("recoveries_total", {"rung": ("string", "file", "repair"), "reason": ("crash", "deaf")}),
        ("recovery_duration_seconds_count", {"reason": ("crash", "connection", "deaf")}),
        ("recovery_tries_total", {"rung": ("string", "file"), "state": ("worked", "failed")}),
        ("copies_repaired_total", {"kind": ("string", "file")}),
        ("flood_waits_total", {"method": ("messages.sendMessage", "messages.getHistory")}),
        ("mailbox_drops_total", {"reason": ("crashed", "overflow", "unavailable", "gone")}),
        ("rows_pruned_total", {"kind": ("outbox", "audit")}),
    ]

    for name, values in known:
        for combination in product(*values.values()):
            labels = dict(zip(values, combination, strict=True))
            value = exporter.registry.get_sample_value(f"telewarden_{name}", labels)
            assert value == 0, (name, labels)


def test_facts_of_another_thread_and_scrapes_do_not_disturb_each_other(
    exporter: Exporter, stream: EventStream
) -> None:
    done = threading.Event()

    def publish() -> None:
        while not done.is_set():
            for method in ("m1", "m2", "m3"):
                stream.publish(
                    FloodBegan(session="alice", at=NOW, method=method, seconds=1.0, until=NOW + 1)
                )
            for method in ("m1", "m2", "m3"):
                stream.publish(FloodEnded(session="alice", at=NOW, method=method, parked=0))

    async def scrape() -> None:
        for _ in range(50):
            await exporter.render_async()

    thread = threading.Thread(target=publish)
    thread.start()
    try:
        asyncio.run(scrape())
    finally:
        done.set()
        thread.join()

    assert sample(exporter, "flood_deadline_timestamp_seconds") == 0


def test_what_is_known_of_an_account_is_told_with_its_dates(exporter: Exporter) -> None:
    known = AccountFacts(
        read_at=NOW, frozen_until=NOW + 5.0, login_ttl_days=180, account_ttl_days=548
    )
    exporter.observe(overview(replace(report(), account=known)))

    assert sample(exporter, "account_frozen") == 1.0
    assert sample(exporter, "account_frozen_until_timestamp_seconds") == NOW + 5.0
    ends = {
        what: sample(exporter, "unused_deadline_timestamp_seconds", what=what)
        for what in ("login", "account")
    }
    assert ends == {"login": NOW + 180 * 86_400.0, "account": NOW + 548 * 86_400.0}
    assert exporter.registry.get_sample_value("telewarden_accounts_frozen") == 1.0


def test_an_account_of_which_nothing_is_known_is_not_told_as_well(exporter: Exporter) -> None:
    exporter.observe(overview(report()))

    assert sample(exporter, "account_frozen") is None


def test_sources_that_go_unheard_are_counted_by_session(
    exporter: Exporter, stream: EventStream
) -> None:
    heard = group("alice", 0)
    deaf = replace(heard, pairs=(replace(heard.pairs[0], deaf_since=NOW),))
    exporter.observe(overview(report(), groups=(deaf,)))
    stream.publish(SourceDeaf(session="alice", at=NOW, pair=1, missed=2, since=NOW))
    stream.publish(SourceDeaf(session="alice", at=NOW, pair=1, missed=2, since=NOW, again=True))

    assert sample(exporter, "sources_deaf") == 1.0
    assert exporter.registry.get_sample_value("telewarden_pairs_deaf") == 1.0
    assert exporter.registry.get_sample_value("telewarden_deaf_sources_total") == 1.0


def test_logins_elsewhere_are_counted_and_texts_are_not(
    exporter: Exporter, stream: EventStream
) -> None:
    for kind in (NoticeKind.UNCONFIRMED_AUTHORIZATION, NoticeKind.POPUP):
        told = Noticed(session="alice", at=NOW, kind=kind, explanation="", advice="")
        stream.publish(told)

    assert sample(exporter, "foreign_logins_total") == 1.0
    popups = exporter.registry.get_sample_value("telewarden_notices_total", {"kind": "popup"})
    assert popups == 1.0


def test_what_cannot_be_read_is_counted_for_all_sessions_together(
    exporter: Exporter, stream: EventStream
) -> None:
    for name in ("alice", "bob"):
        told = LayerDrifted(session=name, at=NOW, constructor="feedbeef", explanation="", advice="")
        stream.publish(told)

    assert exporter.registry.get_sample_value("telewarden_unreadable_objects_total") == 2.0


async def test_a_look_at_many_sessions_lets_the_loop_do_other_work(exporter: Exporter) -> None:
    many = overview(*(report(f"s{number}") for number in range(5_000)))
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    beside = asyncio.create_task(others())
    await exporter.observe_async(many)
    beside.cancel()

    assert turns > 2
    assert sample(exporter, "phase", "s4999", state="online") is None  # too many to be shown
    assert exporter.registry.get_sample_value("telewarden_sessions", {"state": "online"}) == 5_000


async def test_of_two_looks_at_once_the_later_one_is_shown(exporter: Exporter) -> None:
    many = overview(*(report(f"s{number}") for number in range(500)))

    await asyncio.gather(exporter.observe_async(many), exporter.observe_async(overview(report())))

    assert exporter.registry.get_sample_value("telewarden_sessions", {"state": "online"}) == 1
