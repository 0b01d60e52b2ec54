"""What is true now, by the exporter's figures and by what has happened: purely."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from telewarden.console.words import Words
from telewarden.metrics import Look, Sample, SessionFigures, Storage
from telewarden.metrics.session_figures import LeaseOwner
from telewarden.notify.alert_rules import OF_SESSIONS, RULES
from telewarden.notify.conditions import Condition, Happenings, of_session, of_warden
from telewarden.notify.event_kinds import EVENT_KINDS
from telewarden.supervision import ChildAbandoned, ChildRestarting, ChildStuck, Event, LoopResumed
from telewarden.telegram import (
    AccountLimited,
    DeadLettered,
    Forwarded,
    HealthReason,
    HealthStep,
    HealthStepTaken,
    LayerDrifted,
    Noticed,
    NoticeKind,
    Phase,
    SessionRecovered,
    Wait,
    WaitKind,
)
from telewarden.telegram.account_facts import AccountFacts

pytestmark = pytest.mark.metrics

NOW = 1_000_000.0
HELD = LeaseOwner(state="held", pid=7, host="here")


@pytest.mark.parametrize(
    ("name", "subject", "told"),
    [
        ("SessionNeedsLogin", "alice", "`telewarden auth alice`"),
        ("SessionDown", "", "`telewarden recover SESSION`"),
        ("PartQuarantined", "sessions/session:bob/groups/group-1", "`telewarden recover bob`"),
        ("PairPaused", "pair 3", "`telewarden pairs why 3`"),
        ("PairPaused", "pair 3", "`telewarden pairs resume 3`"),
        ("PairPaused", "", "`telewarden pairs resume PAIR`"),
    ],
)
def test_advice_names_whom_it_is_about(name: str, subject: str, told: str) -> None:
    advice = RULES[name].advice_for(subject)

    assert told in advice
    assert "{" not in advice
    assert Words("vi")(advice) != advice


def session(**known: Any) -> SessionFigures:
    return SessionFigures("alice", 0.0, **{"phase": Phase.ONLINE, "lease": HELD, **known})


@pytest.mark.parametrize(
    ("known", "true"),
    [
        ({}, None),
        ({"phase": Phase.CONNECTING, "reason": "FLOOD"}, ("SessionDown", "FLOOD")),
        ({"phase": Phase.WAITING}, ("SessionDown", "waiting")),
        ({"phase": Phase.NEEDS_LOGIN}, ("SessionNeedsLogin", "")),
        ({"phase": Phase.QUARANTINED}, ("SessionQuarantined", "")),
        ({"phase": Phase.STOPPED}, None),
        ({"phase": Phase.AWAITING_CODE}, None),
        ({"latched": True}, ("KeyLatched", "")),
        ({"floods": {"*": NOW + 7200.5}}, ("LongFlood", "another 2 h")),
        ({"floods": {"*": NOW + 60.0}}, None),
        ({"codes_left": 0}, ("LoginBudgetSpent", "")),
        ({"codes_left": 1}, None),
        (
            {
                "phase": Phase.STOPPED,
                "lease": LeaseOwner(state="elsewhere", pid=7, host="there"),
            },
            ("LeaseElsewhere", "process 7 on there"),
        ),
        ({"lease": None}, ("LeaseLost", "")),
        ({"lease": None, "phase": Phase.STOPPED}, None),
        ({"deaf": 2}, ("SourceDeaf", "2 of its sources")),
        (
            {"account": AccountFacts(frozen_until=NOW + 172_800.0)},
            ("AccountFrozen", "deleted in 2 d without an appeal"),
        ),
        ({"account": AccountFacts(read_at=NOW, login_ttl_days=1)}, ("DiesUnused", "in 24 h")),
        ({"account": AccountFacts(read_at=NOW, login_ttl_days=8)}, None),
        ({"waiting": 3, "waiting_since": NOW - 1800.0}, ("OutboxOld", "30 min, 3 wait")),
        ({"waiting": 3, "waiting_since": NOW - 60.0}, None),
        ({"last_update": NOW - 172_800.0}, ("SessionSilent", "2 d")),
        ({"last_update": NOW - 3600.0}, None),
    ],
)
def test_what_is_true_of_a_session(known: dict[str, Any], true: tuple[str, str] | None) -> None:
    found = [(one.name, one.detail) for one in of_session(session(**known), RULES.get, NOW)]

    assert found == ([] if true is None else [true])
    assert {name for name, _ in found} <= OF_SESSIONS


def test_what_is_switched_off_is_never_true() -> None:
    assert list(of_session(session(latched=True), lambda _: None, NOW)) == []


def wait(kind: WaitKind, who: str) -> Wait:
    return Wait(who=who, kind=kind, what="so it is", since=0.0)


@pytest.mark.parametrize(
    ("sample", "storage", "true"),
    [
        (Sample(at=NOW), None, None),
        (Sample(at=NOW - 90.0), None, ("MonitorSilent", "")),
        (
            Sample(at=NOW, paused=(("alice", 3, "CHAT_WRITE_FORBIDDEN: ask to write"),)),
            None,
            ("PairPaused", "pair 3"),
        ),
        (Sample(at=NOW, paused=(("alice", 3, "paused by hand"),)), None, None),
        (Sample(at=NOW, alarms=(wait(WaitKind.DISK, "journal"),)), None, ("DiskRefuses", "")),
        (
            Sample(at=NOW, alarms=(wait(WaitKind.OUTAGE, "dc 2"),)),
            None,
            ("Outage", "dc 2"),
        ),
        (
            Sample(at=NOW, alarms=(wait(WaitKind.QUARANTINE, "sessions/session:a/session"),)),
            None,
            ("PartQuarantined", "sessions/session:a/session"),
        ),
        (Sample(at=NOW), Storage(free=1, size=100, backed_up=NOW), ("DiskNearlyFull", "")),
        (Sample(at=NOW), Storage(free=50, size=100, backed_up=0.0), ("BackupOld", "")),
        (Sample(at=NOW), Storage(free=50, size=100, backed_up=None), None),
    ],
)
def test_what_is_true_of_the_warden(
    sample: Sample, storage: Storage | None, true: tuple[str, str] | None
) -> None:
    look = Look(sessions=(), sample=sample, storage=storage)

    found = [one.key for one in of_warden(look, RULES.get, NOW)]

    assert found == ([] if true is None else [true])


def after(*events: Event, later: float = 0.0) -> list[Condition]:
    book = Happenings()
    for event in events:
        book.hear(event, now=NOW)
    return list(book.conditions(RULES.get, NOW + later))


def restart(reason: str) -> ChildRestarting:
    return ChildRestarting(at=0.0, child="sessions/session:a/session", reason=reason)


def notice(kind: NoticeKind) -> Noticed:
    return Noticed(at=NOW, session="alice", kind=kind, explanation="It is so.", advice="Look.")


def forwarded(lag: float) -> Forwarded:
    return Forwarded(
        at=NOW, session="alice", pair=1, source_id=1, target_id=1, repeated=False, lag=lag
    )


def recovered(cause: str) -> SessionRecovered:
    return SessionRecovered(at=NOW, session="alice", rung="string", seconds=1.0, cause=cause)


LETTER = DeadLettered(at=NOW, session="alice", pair=1, source_id=2, reason="NO_MEDIA")
DRIFT = LayerDrifted(
    at=NOW, session="alice", constructor="0x1234", explanation="It is so.", advice="Upgrade."
)
STEP = HealthStepTaken(
    at=NOW,
    session="alice",
    group="",
    step=HealthStep.MOVE,
    reason=HealthReason.LOGIN_ENDED,
    times=1,
    detail="to bob: pair 1",
)
LIMITED = AccountLimited(at=NOW, session="alice", reason="PEER_FLOOD", until=NOW + 600.0)


@pytest.mark.parametrize(
    ("events", "lasts", "true"),
    [
        ([restart("error")] * 6, 600.0, ("RestartStorm", "session")),
        ([restart("error")] * 5, 600.0, None),
        ([restart("drill: asked for")] * 9, 600.0, None),
        ([recovered("deaf")] * 2, 3600.0, ("SessionDeaf", "alice")),
        ([recovered("deaf")], 3600.0, None),
        ([recovered("crash")] * 5, 3600.0, None),
        ([LETTER], 3600.0, ("DeadLetters", "pair 1")),
        ([LIMITED], 600.0, ("AccountLimited", "alice")),
        ([STEP], 3600.0, ("HealthStep", "alice")),
        (
            [ChildStuck(at=0.0, child="health", incarnation=1, seconds=30.0)],
            900.0,
            ("ActorStuck", "health"),
        ),
        (
            [ChildAbandoned(at=0.0, child="health", incarnation=1, seconds=30.0, abandoned=2)],
            900.0,
            ("ActorAbandoned", "health"),
        ),
        ([LoopResumed(at=0.0, child="", seconds=6.0)], 900.0, ("LoopStalled", "")),
        ([LoopResumed(at=0.0, child="", seconds=4.0)], 900.0, None),
        ([notice(NoticeKind.NEW_AUTHORIZATION)], 3600.0, ("ForeignLogin", "alice")),
        ([notice(NoticeKind.POPUP)], 3600.0, ("TelegramNotice", "alice")),
        ([notice(NoticeKind.KEY_DROP)], 3600.0, None),
        (
            [DRIFT],
            3600.0,
            ("LayerDrift", ""),
        ),
        ([*[forwarded(1.0)] * 18, *[forwarded(90.0)] * 2], 600.0, ("ForwardLag", "")),
        ([*[forwarded(1.0)] * 99, forwarded(90.0)], 600.0, None),
    ],
)
def test_what_has_happened_counts_for_a_while(
    events: list[Event], lasts: float, true: tuple[str, str] | None
) -> None:
    now = [one.key for one in after(*events)]
    over = after(*events, later=lasts + 61.0)

    assert now == ([] if true is None else [true])
    assert over == []


@pytest.mark.parametrize(
    ("step", "detail"),
    [(STEP, "move: to bob: pair 1"), (replace(STEP, problem="bob is full"), "move: bob is full")],
)
def test_an_alert_of_a_step_says_what_it_came_to(step: HealthStepTaken, detail: str) -> None:
    assert [one.detail for one in after(step)] == [detail]


def test_verdicts_and_steps_can_be_sent_to_webhooks() -> None:
    assert {"VerdictChanged", "HealthStepTaken"} <= EVENT_KINDS.keys()
