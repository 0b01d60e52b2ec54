"""What is said of each kind of wait, put together without a warden."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from telewarden.actors import PairPlan, WaitLedger, with_waits
from telewarden.actors.forwarding.group_pairs import PairWaits
from telewarden.actors.forwarding.pair.batching import Change
from telewarden.actors.forwarding.pair.pair_queue import UnderWay
from telewarden.actors.forwarding.pair.state import PairState
from telewarden.actors.waits import session_wait
from telewarden.supervision import ChildState, Snapshot
from telewarden.telegram import Health, Overview, Phase, SessionReport, Wait, WaitKind

from .conftest import go_live

pytestmark = [pytest.mark.actors, pytest.mark.session]

PAGE = Path(__file__).parents[2] / "docs" / "sessions.md"


class Hand:
    """A clock that is turned by hand."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def place(path: str, state: ChildState, *children: Snapshot, **more: Any) -> Snapshot:
    told = {"why": "", "resumes_in": None, **more}
    return Snapshot(
        id=path.rpartition("/")[2],
        path=path,
        actor="Actor",
        host="loop",
        state=state,
        incarnation=1,
        restarts=0,
        seconds=7.0,
        waiting=0,
        children=children,
        **told,
    )


def report(session: str = "alice", health: Health = Health.HEALTHY) -> SessionReport:
    return SessionReport(
        session=session, phase=Phase.ONLINE, health=health, reason="by string", since=1.0
    )


def state() -> PairState:
    found = PairState(plan=PairPlan(id=3, session="alice", source=-1, target=-2))
    go_live(found)
    return found


def sending(ticket: int) -> PairState:
    found = state()
    found.queue.begin(UnderWay(ticket, ()))
    return found


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("SHARED_OUTAGE: address 1.2.3.4 fails for many", WaitKind.OUTAGE),
        ("TRANSPORT_FLOOD; next try in 60.0 s", WaitKind.CROWDED),
        ("LEASE_HELD: in use by process 7; next try in 1.0 s", WaitKind.LEASE),
        ("FLOOD_WAIT; next try in 30.0 s", WaitKind.FLOOD),
        ("OS; next try in 0.5 s", WaitKind.BACKOFF),
    ],
)
def test_a_session_between_two_tries_waits_for_what_its_reason_says(
    reason: str, kind: WaitKind
) -> None:
    wait = session_wait("alice", phase=Phase.WAITING, reason=reason, since=5.0, until=9.0)

    assert wait == Wait(who="session alice", kind=kind, what=reason, since=5.0, until=9.0)


@pytest.mark.parametrize("phase", [Phase.ONLINE, Phase.STOPPING, Phase.STOPPED, Phase.RECOVERING])
def test_a_session_that_works_or_rests_waits_for_nothing(phase: Phase) -> None:
    assert session_wait("alice", phase=phase, reason="", since=5.0, until=None) is None


def test_a_part_that_is_to_be_restarted_says_when() -> None:
    tree = place(
        "warden",
        ChildState.RUNNING,
        place("console", ChildState.RESTARTING, why="error: OSError", resumes_in=4.0),
    )

    (wait,) = with_waits(Overview(sessions=(), groups=()), tree, (), now=100.0).waits

    assert wait == Wait(
        who="console", kind=WaitKind.RESTART, what="error: OSError", since=93.0, until=104.0
    )


@pytest.mark.parametrize(
    ("path", "unwell"),
    [
        ("sessions/session:alice/groups/group-1", {"alice"}),
        ("sessions/session:al/groups/group-1", set()),
        ("console", set()),
    ],
)
def test_what_is_kept_down_is_told_and_its_session_is_not_well(path: str, unwell: set[str]) -> None:
    tree = place("warden", ChildState.RUNNING, place(path, ChildState.QUARANTINED, why="too often"))
    overview = Overview(sessions=(report("alice"), report("bob")), groups=())

    seen = with_waits(overview, tree, (), now=100.0)

    assert [(one.who, one.kind, one.alarming) for one in seen.waits] == [
        (path, WaitKind.QUARANTINE, True)
    ]
    assert {one.session for one in seen.sessions if one.health is Health.UNHEALTHY} == unwell


def test_who_has_waited_longest_comes_first() -> None:
    hand = Hand()
    ledger = WaitLedger(wall=hand)
    ledger.begin("address 1.2.3.4", WaitKind.OUTAGE, "it fails for many")
    hand.now += 10.0
    ledger.begin("journal", WaitKind.DISK, "no space")
    hand.now += 10.0
    ledger.begin("address 1.2.3.4", WaitKind.OUTAGE, "it still fails")

    seen = with_waits(Overview(sessions=(), groups=()), None, ledger.now(), now=hand.now)

    assert [(one.who, one.what, one.since) for one in seen.waits] == [
        ("address 1.2.3.4", "it still fails", 1000.0),
        ("journal", "no space", 1010.0),
    ]


def test_a_wait_whose_time_is_over_is_forgotten_by_itself() -> None:
    hand = Hand()
    ledger = WaitLedger(wall=hand)
    ledger.begin("session alice", WaitKind.LOGIN_BUDGET, "three codes", until=1060.0)
    during = ledger.now()
    hand.now = 1061.0

    assert [one.kind for one in during] == [WaitKind.LOGIN_BUDGET]
    assert ledger.now() == ()


def test_a_message_that_failed_waits_for_another_try() -> None:
    waits = PairWaits("alice")
    tried = state()
    tried.queue.enqueue((Change(1),))
    tried.queue.failed()

    first = waits.report(tried, online=True, now=10.0).waits
    later = waits.report(tried, online=True, now=20.0).waits

    assert first == later
    assert [(one.who, one.kind, one.since) for one in first] == [
        ("pair 3 of alice", WaitKind.RETRY, 10.0)
    ]


def test_each_message_under_way_waits_anew() -> None:
    waits = PairWaits("alice")

    first = waits.report(sending(1), online=True, now=10.0).waits
    second = waits.report(sending(2), online=True, now=20.0).waits
    none = waits.report(state(), online=True, now=30.0).waits

    assert [one.since for one in (*first, *second)] == [10.0, 20.0]
    assert none == ()


def test_while_its_session_is_away_a_pair_leaves_it_to_that_to_say_why() -> None:
    behind = PairState(plan=PairPlan(id=3, session="alice", source=-1, target=-2))

    assert PairWaits("alice").report(behind, online=False, now=1.0).waits == ()


@pytest.mark.skipif(not PAGE.exists(), reason="the pages are not beside an installed package")
@pytest.mark.parametrize("kind", WaitKind)
def test_each_kind_is_explained_where_the_reader_looks(kind: WaitKind) -> None:
    assert f"`{kind.value}`" in PAGE.read_text(encoding="utf-8")
