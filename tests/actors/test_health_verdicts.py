"""What the health monitor finds, and what it does about it: verdicts and table, without actors."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from telewarden.actors.forwarding.pausing import DISABLED
from telewarden.actors.health.rotation import Rotation
from telewarden.actors.health.steps import DAY, HOUR, STEPS, due_steps, table
from telewarden.actors.health.verdict_book import VerdictBook, stands
from telewarden.actors.health.verdicts import (
    WELL,
    WORDS,
    Answering,
    Judgement,
    Progress,
    judge_group,
    judge_session,
)
from telewarden.telegram import (
    AccountFacts,
    GroupReport,
    Health,
    HealthReason,
    HealthStep,
    HealthVerdict,
    PairReport,
    Phase,
    SessionReport,
    StepRecord,
    Wait,
    WaitKind,
    health_of,
)

pytestmark = [pytest.mark.actors]

NOW = 100_000.0
ALICE = ("alice", "")


def session(phase: Phase = Phase.ONLINE, reason: str = "by string", **more: Any) -> SessionReport:
    health = health_of(phase, reason=reason.partition(":")[0])
    return SessionReport(
        session="alice", phase=phase, health=health, reason=reason, since=NOW - 1, **more
    )


def pair(pair_id: int = 1, **more: Any) -> PairReport:
    told = {"waiting": 0, "delivered": 0, "repeated": 0, "dead": 0, "paused": None, "ready": True}
    return PairReport(id=pair_id, source=-1, target=-2, mode="copy", **(told | more))


def group(*pairs: PairReport) -> GroupReport:
    return GroupReport(session="alice", group="group-1", online=True, pairs=pairs)


def wait(kind: WaitKind, since: float = NOW) -> Wait:
    return Wait(who="pair 1 of alice", kind=kind, what="it", since=since)


@pytest.mark.parametrize(
    ("report", "health", "reason"),
    [
        (session(), Health.HEALTHY, HealthReason.WORKS),
        (session(Phase.RECOVERING), Health.UNHEALTHY, HealthReason.COMING),
        (session(Phase.CONNECTING), Health.UNKNOWN, HealthReason.COMING),
        (session(Phase.WAITING, "FLOOD_WAIT; next"), Health.UNHEALTHY, HealthReason.WAITING),
        (session(Phase.AWAITING_CODE), Health.UNAUTHORIZED, HealthReason.LOGGING_IN),
        (session(Phase.NEEDS_LOGIN, "no copy"), Health.UNAUTHORIZED, HealthReason.NO_LOGIN),
        (
            session(Phase.NEEDS_LOGIN, "AUTH_KEY_DUPLICATED: stop it"),
            Health.UNAUTHORIZED,
            HealthReason.NO_LOGIN,
        ),
        (
            session(Phase.NEEDS_LOGIN, "SESSION_REVOKED: ended"),
            Health.EXPIRED,
            HealthReason.LOGIN_ENDED,
        ),
        (session(Phase.QUARANTINED, "USER_DEACTIVATED"), Health.UNHEALTHY, HealthReason.HELD),
        (session(Phase.STOPPED), Health.UNKNOWN, HealthReason.STOPPED),
        (session(Phase.DELETED), Health.DELETED, HealthReason.STOPPED),
        (
            session(reason="GROUP_QUARANTINED: group-1 failed too often"),
            Health.UNHEALTHY,
            HealthReason.GROUP_DOWN,
        ),
    ],
)
def test_a_session_is_judged_by_what_it_reports(
    report: SessionReport, health: Health, reason: HealthReason
) -> None:
    found = judge_session(report, Answering.YES)

    assert (found.health, found.reason) == (health, reason)
    assert found.health in WORDS.get(reason, "unhealthy").split(", ")


@pytest.mark.parametrize(
    ("answering", "health", "reason"),
    [
        (Answering.NO, Health.UNKNOWN, HealthReason.NO_ANSWER),
        (Answering.KEPT_DOWN, Health.UNHEALTHY, HealthReason.KEPT_DOWN),
    ],
)
def test_who_does_not_answer_is_judged_by_that_whatever_was_reported_last(
    answering: Answering, health: Health, reason: HealthReason
) -> None:
    of_session = judge_session(session(), answering)
    of_group = judge_group(group(pair()), session(), answering, now=NOW)

    assert {(one.health, one.reason) for one in (of_session, of_group)} == {(health, reason)}


@pytest.mark.parametrize(
    ("pairs", "stalled", "reason", "words"),
    [
        (
            [pair(4, paused="CHANNEL_PRIVATE: join it again"), pair(2)],
            (),
            HealthReason.ACCESS_LOST,
            "pair 4: CHANNEL_PRIVATE: join it again",
        ),
        (
            [pair(1, paused="ALLOW_PAYMENT_REQUIRED_5: it takes Stars")],
            (),
            HealthReason.PAIR_TROUBLE,
            "pair 1: ALLOW_PAYMENT_REQUIRED_5: it takes Stars",
        ),
        ([pair(deaf_since=1.0)], (), HealthReason.SOURCE_DEAF, "pair 1: not told"),
        ([pair(1), pair(2)], (2, 1), HealthReason.STALLED, "pairs 1, 2: nothing that waits"),
        (
            [pair(waits=(wait(WaitKind.BEHIND, NOW - 600),))],
            (),
            HealthReason.BEHIND,
            "pair 1: the source's history",
        ),
    ],
)
def test_a_group_is_judged_by_its_pairs(
    pairs: list[PairReport], stalled: tuple[int, ...], reason: HealthReason, words: str
) -> None:
    found = judge_group(group(*pairs), session(), Answering.YES, stalled=stalled, now=NOW)

    assert (found.health, found.reason) == (Health.UNHEALTHY, reason)
    assert found.why[0].startswith(words)


def test_a_group_with_two_troubles_names_both_the_graver_first() -> None:
    found = judge_group(
        group(pair(1, deaf_since=1.0), pair(2, paused="PEER_ID_INVALID: gone")),
        session(),
        Answering.YES,
        now=NOW,
    )

    assert found.reason is HealthReason.ACCESS_LOST
    assert [one.partition(":")[0] for one in found.why] == ["pair 2", "pair 1"]


@pytest.mark.parametrize(
    "pairs",
    [
        [],
        [pair()],
        [pair(paused="paused by hand, until 2030-01-01 00:00:00 UTC")],
        [pair(paused="paused in the configuration")],
        [pair(paused=DISABLED)],
        [pair(waiting=5, waits=(wait(WaitKind.HANDLER, 0.0),))],
        [pair(waits=(wait(WaitKind.BEHIND, NOW - 599),))],
        [pair(waits=(wait(WaitKind.BACKFILL, 0.0),))],
    ],
    ids=["nothing", "quiet", "by hand", "configured", "disabled", "handler", "reading", "past"],
)
def test_expected_silence_of_a_group_is_no_illness(pairs: list[PairReport]) -> None:
    assert judge_group(group(*pairs), session(), Answering.YES, now=NOW) == WELL


def test_a_group_whose_session_is_offline_has_the_sessions_word_and_no_illness_of_its_own() -> None:
    ended = session(Phase.NEEDS_LOGIN, "SESSION_REVOKED")

    found = judge_group(group(pair(paused="X_Y: z")), ended, Answering.YES, now=NOW)

    assert (found.health, found.reason) == (Health.EXPIRED, HealthReason.SESSION_OFFLINE)


def stalled_after(seconds: float, *looks: PairReport, above: SessionReport) -> tuple[int, ...]:
    progress = Progress()
    found: tuple[int, ...] = ()
    for number, look in enumerate(looks):
        found = progress.stalled(group(look), above, NOW + number * seconds)
    return found


WAITS = pair(waiting=3, delivered=7)
HOLDS = ("until", "limited", "flood", "offline", "frozen", "retry")
FLOODED = wait(WaitKind.FLOOD)


@pytest.mark.parametrize(
    ("looks", "above", "stalled"),
    [
        ([WAITS, WAITS], session(), (1,)),
        ([WAITS, replace(WAITS, delivered=8)], session(), ()),
        ([WAITS, replace(WAITS, waiting=0)], session(), ()),
        ([WAITS, WAITS], session(until=NOW + 9_999), ()),
        ([WAITS, WAITS], session(limited_until=NOW + 9_999), ()),
        ([WAITS, WAITS], session(waits=(FLOODED,)), ()),
        ([WAITS, WAITS], session(Phase.WAITING), ()),
        ([WAITS, WAITS], session(account=AccountFacts(read_at=0.0, frozen_since=1.0)), ()),
        ([WAITS, replace(WAITS, waits=(wait(WaitKind.RETRY),))], session(), ()),
    ],
    ids=[
        "stalled",
        "one_went",
        "all_went",
        "until",
        "limited",
        "flood",
        "offline",
        "frozen",
        "retry",
    ],
)
def test_messages_are_stalled_only_where_nothing_is_known_to_hold_them(
    looks: list[PairReport], above: SessionReport, stalled: tuple[int, ...]
) -> None:
    assert stalled_after(600.0, *looks, above=above) == stalled
    assert stalled_after(599.0, *looks, above=above) == ()


def verdict(reason: HealthReason, *, stood: float = 0.0, **more: Any) -> HealthVerdict:
    return HealthVerdict(
        session="alice", health=Health.UNHEALTHY, reason=reason, since=NOW - stood, **more
    )


def record(step: HealthStep, *, ago: float, times: int = 1) -> dict[HealthStep, StepRecord]:
    return {step: StepRecord(step=step, times=times, at=NOW - ago)}


ROWS = [
    (HealthReason.LOGIN_ENDED, HealthStep.DISABLE, 0.0),
    (HealthReason.LOGIN_ENDED, HealthStep.MOVE, 600.0),
    (HealthReason.KEPT_DOWN, HealthStep.RECOVER, HOUR),
    (HealthReason.GROUP_DOWN, HealthStep.RECOVER, HOUR),
    (HealthReason.NO_ANSWER, HealthStep.NOTIFY, 600.0),
    (HealthReason.STALLED, HealthStep.RECONNECT, 60.0),
    (HealthReason.STALLED, HealthStep.NOTIFY, 1800.0),
    (HealthReason.BEHIND, HealthStep.RECONNECT, 60.0),
    (HealthReason.BEHIND, HealthStep.NOTIFY, 1800.0),
    (HealthReason.SOURCE_DEAF, HealthStep.RECONNECT, 600.0),
]


def test_these_are_all_rows_of_the_table() -> None:
    rows = {(reason, rule.step, rule.after) for reason, rules in STEPS.items() for rule in rules}

    assert rows == set(ROWS)


@pytest.mark.parametrize(("reason", "step", "after"), ROWS)
def test_a_step_is_due_once_its_reason_has_stood_for_so_long(
    reason: HealthReason, step: HealthStep, after: float
) -> None:
    assert step in due_steps(verdict(reason, stood=after), {}, now=NOW)
    if after:
        assert step not in due_steps(verdict(reason, stood=after - 1), {}, now=NOW)


@pytest.mark.parametrize("reason", [one for one in HealthReason if one not in STEPS])
def test_of_what_is_not_in_the_table_nothing_follows(reason: HealthReason) -> None:
    assert list(due_steps(verdict(reason, stood=10 * DAY), {}, now=NOW)) == []


def test_a_group_that_is_kept_down_is_left_to_its_session() -> None:
    found = verdict(HealthReason.KEPT_DOWN, stood=DAY, group="group-1")

    assert list(due_steps(found, {}, now=NOW)) == []


@pytest.mark.parametrize(("times", "pause"), [(1, 1), (2, 2), (3, 4), (4, 8), (9, 24)])
def test_a_step_comes_again_after_pauses_that_double_up_to_a_day(times: int, pause: int) -> None:
    found = verdict(HealthReason.GROUP_DOWN, stood=9 * DAY)
    early = record(HealthStep.RECOVER, ago=pause * HOUR - 1, times=times)
    due = record(HealthStep.RECOVER, ago=pause * HOUR, times=times)

    assert list(due_steps(found, early, now=NOW)) == []
    assert list(due_steps(found, due, now=NOW)) == [HealthStep.RECOVER]


def test_an_illness_that_comes_and_goes_is_not_helped_more_often_for_that() -> None:
    just_deaf_again = verdict(HealthReason.SOURCE_DEAF, stood=700.0)
    helped_before = record(HealthStep.RECONNECT, ago=1500.0)

    assert list(due_steps(just_deaf_again, helped_before, now=NOW)) == []


def test_pairs_are_disabled_once_while_a_login_stays_ended_and_again_when_the_next_ends() -> None:
    done = tuple(record(HealthStep.DISABLE, ago=500.0).values())
    stays = verdict(HealthReason.LOGIN_ENDED, stood=500.0, steps=done)

    assert list(due_steps(stays, {}, now=NOW)) == []
    assert list(due_steps(replace(stays, since=NOW), {}, now=NOW)) == [HealthStep.DISABLE]


def test_the_table_is_drawn_with_every_reason() -> None:
    drawn = table()

    assert all(f"| `{reason}` |" in drawn for reason in HealthReason)
    assert "`move` after 10 min, where there is a `fallback`, again after 1 h" in drawn


# The book


ENDED = Judgement(Health.EXPIRED, HealthReason.LOGIN_ENDED, ("SESSION_REVOKED",))
COMING = Judgement(Health.UNHEALTHY, HealthReason.COMING)


def test_a_verdict_stands_since_its_reason_began_and_through_what_is_passing() -> None:
    book = VerdictBook()

    first = book.adopt(ALICE, ENDED, now=1.0)
    again = [book.adopt(ALICE, one, now=2.0) for one in (ENDED, COMING)]
    over = book.adopt(ALICE, WELL, now=3.0)

    assert first is not None
    assert (first.since, first.reason) == (1.0, HealthReason.LOGIN_ENDED)
    assert again == [None, None]
    assert over is not None
    assert not stands(over)
    assert book.find(ALICE) is None


@pytest.mark.parametrize("judgement", [WELL, COMING])
def test_nobody_who_starts_well_gets_a_verdict(judgement: Judgement) -> None:
    book = VerdictBook()

    assert book.adopt(ALICE, judgement, now=1.0) is None
    assert book.find(ALICE) is None


def test_what_was_done_is_remembered_for_two_days_after_all_is_well() -> None:
    book = VerdictBook()
    ill = book.adopt(ALICE, ENDED, now=1.0)
    assert ill is not None
    book.record(ill, HealthStep.MOVE, now=2.0)

    book.adopt(ALICE, WELL, now=3.0)
    soon = book.taken("alice")
    book.adopt(ALICE, WELL, now=4.0 + 2 * DAY)

    assert soon[HealthStep.MOVE].times == 1
    assert book.taken("alice") == {}


def test_a_book_that_is_loaded_counts_on_and_believes_no_date_in_the_future() -> None:
    book, later = VerdictBook(), VerdictBook()
    ill = book.adopt(ALICE, ENDED, now=50.0)
    assert ill is not None
    kept = book.record(ill, HealthStep.MOVE, now=60.0)

    later.load([kept], now=10.0)
    again = later.record(later.of_session("alice")[0], HealthStep.MOVE, now=20.0)

    assert later.of_session("alice")[0].since == 10.0
    assert (again.steps[0].times, again.steps[0].at) == (2, 20.0)


# The rotation


def test_everybody_has_a_turn_once_in_a_round_and_newcomers_come_last() -> None:
    rotation: Rotation[str] = Rotation()
    for name in ("a", "b", "c"):
        rotation.add(name)

    turns = [rotation.next(), rotation.next()]
    rotation.add("d")
    rotation.remove("c")
    turns += [rotation.next() for _ in range(4)]

    assert turns == ["a", "b", "a", "b", "d", "a"]
    assert rotation.gap(300.0) == 100.0
