"""The pure parts: intensities, strategies, backoff, directives, buckets, the ladder."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tenacity import wait_chain, wait_exponential, wait_fixed
from tenacity.wait import wait_exception

from telewarden.errors import InvalidSpecError
from telewarden.supervision import (
    Directive,
    Exhausted,
    Exit,
    ExitKind,
    Failed,
    Finished,
    Ladder,
    Quarantine,
    Recovered,
    Restart,
    RestartIntensity,
    RestartWindow,
    Rung,
    Strategy,
    Terminal,
    TokenBucket,
    Try,
    WaitUntil,
    directives,
)
from telewarden.supervision.policy.backoff import delay_before
from telewarden.supervision.policy.exit_reason import calls_for_restart
from telewarden.supervision.policy.restart_intensity import Streak
from telewarden.supervision.policy.strategy import affected

pytestmark = pytest.mark.supervision

IDS = ("a", "b", "c", "d")


# S5: intensity


def test_restart_past_the_limit_is_refused() -> None:
    restart_window = RestartWindow(RestartIntensity(limit=2, period=5.0))

    assert [restart_window.record(now) for now in (0.0, 1.0, 2.0)] == [True, True, False]


def test_s5_a_restart_exactly_as_old_as_the_window_still_counts() -> None:
    restart_window = RestartWindow(RestartIntensity(limit=1, period=5.0))
    restart_window.record(0.0)

    assert restart_window.record(5.0) is False


def test_s5_restarts_spaced_wider_than_the_window_never_run_out() -> None:
    restart_window = RestartWindow(RestartIntensity(limit=1, period=5.0))

    assert all(restart_window.record(now) for now in (0.0, 5.1, 10.2, 15.3))


def test_s5_no_restart_at_all_is_a_intensity_too() -> None:
    assert RestartWindow(RestartIntensity(limit=0)).record(0.0) is False


def test_s8_failures_in_a_row_trip_without_a_window() -> None:
    restart_window = RestartWindow(RestartIntensity(limit=3, period=5.0, in_a_row=2))

    covered = [restart_window.record(hour * 3600.0, in_a_row=hour) for hour in (1, 2, 3)]

    assert covered == [True, True, False]


def test_what_is_left_grows_back_as_time_passes() -> None:
    restart_window = RestartWindow(RestartIntensity(limit=2, period=5.0))
    restart_window.record(0.0)

    assert (restart_window.left(4.0), restart_window.left(5.1)) == (1, 2)


def test_nothing_is_left_of_an_intensity_that_was_exceeded() -> None:
    restart_window = RestartWindow(RestartIntensity(limit=1, period=5.0))
    for now in (0.0, 1.0, 2.0):
        restart_window.record(now)

    assert (restart_window.left(3.0), restart_window.count) == (0, 3)


def test_an_intensity_is_three_in_five_seconds_unless_told_otherwise() -> None:
    intensity = RestartIntensity()

    assert (intensity.limit, intensity.period, intensity.in_a_row) == (3, 5.0, None)


@pytest.mark.parametrize(
    ("field", "values"),
    [("limit", {"limit": -1}), ("period", {"period": 0.0}), ("in_a_row", {"in_a_row": -1})],
)
def test_s30_a_intensity_that_makes_no_sense_is_refused_by_name(
    field: str, values: dict[str, float]
) -> None:
    with pytest.raises(InvalidSpecError, match=rf"RestartIntensity\.{field}"):
        RestartIntensity(**values)  # type: ignore[arg-type]  # the point


# S1: which ends call for a restart


@pytest.mark.parametrize(
    ("restart", "kinds"),
    [
        (Restart.PERMANENT, {*ExitKind} - {ExitKind.IGNORED}),
        (Restart.TRANSIENT, {ExitKind.ERROR, ExitKind.START_FAILED, ExitKind.ABANDONED}),
        (Restart.TEMPORARY, set()),
    ],
)
def test_s1_each_kind_of_child_comes_back_after_its_kinds_of_end(
    restart: Restart, kinds: set[ExitKind]
) -> None:
    assert {kind for kind in ExitKind if calls_for_restart(restart, Exit(kind))} == kinds


def test_an_end_does_not_show_what_its_error_says() -> None:
    exit_ = Exit(ExitKind.ERROR, ValueError("+49 171 1234567"))

    assert "171" not in repr(exit_) + exit_.reason


# S10, S11: strategies


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        (Strategy.ONE_FOR_ONE, ("b",)),
        (Strategy.ONE_FOR_ALL, IDS),
        (Strategy.REST_FOR_ONE, ("b", "c", "d")),
    ],
)
def test_s10_s11_a_failure_concerns_what_its_strategy_says(
    strategy: Strategy, expected: tuple[str, ...]
) -> None:
    assert affected(strategy, IDS, "b") == expected


# backoff


def test_backoff_grows_as_its_tenacity_wait_says() -> None:
    wait = wait_exponential(multiplier=1, max=10)

    assert [delay_before(wait, attempt) for attempt in (1, 2, 3, 9)] == [1.0, 2.0, 4.0, 10.0]


def test_backoff_chains_by_attempt() -> None:
    wait = wait_chain(wait_fixed(1), wait_fixed(5))

    assert [delay_before(wait, attempt) for attempt in (1, 2, 3)] == [1.0, 5.0, 5.0]


def test_backoff_can_look_at_the_error() -> None:
    wait = wait_exception(lambda error: float(str(error)))

    assert delay_before(wait, 1, ValueError("7")) == 7.0


@pytest.mark.crashes(logged="backoff failed wait=wait_exception")
def test_a_backoff_that_raises_or_goes_back_asks_for_no_wait() -> None:
    raising = wait_exception(lambda _: 1 / 0)

    assert delay_before(raising, 1, ValueError()) == 0.0
    assert delay_before(wait_fixed(-3), 1) == 0.0


def test_stable_uptime_ends_a_streak_of_failures() -> None:
    streak = Streak(stable_after=10.0)

    assert [streak.failed(uptime) for uptime in (0.0, 9.9, 10.0, 0.0)] == [1, 2, 1, 2]


# directives


def test_the_nearest_class_in_the_table_decides() -> None:
    decide = directives(
        {
            OSError: Directive.STOP,
            ConnectionError: Quarantine("no line"),
            TimeoutError: lambda error: WaitUntil(float(str(error))),
        }
    )

    assert decide(ConnectionResetError()) == Quarantine("no line")
    assert decide(OSError()) is Directive.STOP
    assert decide(TimeoutError("30")) == WaitUntil(30.0)
    assert decide(KeyError()) is Directive.RESTART


def test_a_wait_into_the_past_is_refused() -> None:
    with pytest.raises(InvalidSpecError, match=r"WaitUntil\.seconds"):
        WaitUntil(-1.0)


# the ladder


def three() -> Ladder:
    return Ladder((Rung(name="string", tries=2), Rung(name="file", tries=1), Rung(name="repair")))


def test_a_bucket_lets_its_burst_go_and_then_one_each_interval() -> None:
    bucket = TokenBucket(rate=2.0, burst=3)

    waits = [bucket.reserve(100.0) for _ in range(5)]

    assert waits == [0.0, 0.0, 0.0, 0.5, 1.0]


def test_a_bucket_saves_up_no_more_than_its_burst() -> None:
    bucket = TokenBucket(rate=10.0, burst=2)
    bucket.reserve(0.0)

    waits = [bucket.reserve(1000.0) for _ in range(3)]

    assert waits == [0.0, 0.0, 0.1]


def test_a_bucket_tells_what_it_has_and_when_it_has_more() -> None:
    bucket = TokenBucket(rate=2.0, burst=2)
    bucket.reserve(0.0, 2)
    told = [(bucket.room(now), bucket.next_in(now)) for now in (0.0, 0.25, 0.5, 0.75, 1.0)]

    assert told == [(0, 0.5), (0, 0.25), (1, 0.0), (1, 0.0), (2, 0.0)]
    assert [bucket.full(now) for now in (0.75, 1.0, 9.0)] == [False, True, True]


def test_a_bucket_in_debt_has_nothing() -> None:
    bucket = TokenBucket(rate=1.0, burst=1)
    bucket.reserve(0.0, 3)

    assert (bucket.room(0.0), bucket.next_in(0.0)) == (0, 3.0)


def test_a_bucket_that_is_emptied_keeps_its_debt() -> None:
    bucket = TokenBucket(rate=1.0, burst=5)
    bucket.empty()
    rested = bucket.room(0.0)
    bucket.reserve(0.0, 2)
    bucket.empty()

    assert (rested, bucket.next_in(0.0)) == (0, 3.0)


@given(
    rate=st.floats(0.1, 100),
    burst=st.integers(1, 20),
    gaps=st.lists(st.floats(0, 5), min_size=1, max_size=50),
)
def test_no_window_ever_sees_more_than_burst_and_rate(
    rate: float, burst: int, gaps: list[float]
) -> None:
    bucket, now, sent = TokenBucket(rate=rate, burst=burst), 10.0, []
    for gap in gaps:
        now += gap
        sent.append(now + bucket.reserve(now))
    for first in range(len(sent)):
        for last in range(first, len(sent)):
            span = sent[last] - sent[first]
            assert last - first + 1 <= burst + rate * span + 1 + 1e-6


def test_a_bucket_gives_a_token_when_it_said_it_would() -> None:
    bucket, now = TokenBucket(rate=3.0, burst=1), 1e6
    rooms = []
    for _ in range(100):
        rooms.append(bucket.room(now))
        bucket.reserve(now)
        now += bucket.next_in(now)

    assert rooms == [1] * 100


def test_each_rung_gets_its_tries_before_the_next() -> None:
    ladder = three()
    advice = [ladder.next()] + [ladder.next(after=Failed()) for _ in range(5)]

    assert advice == [
        Try("string", 1),
        Try("string", 2),
        Try("file", 1),
        Try("repair", 1),
        Try("repair", 2),
        Try("repair", 3),
    ]


def test_a_ladder_ends_with_the_last_error() -> None:
    ladder = Ladder((Rung(name="string", tries=1),))
    ladder.next()
    error = OSError("gone")

    assert ladder.next(after=Failed(error)) == Exhausted(error)
    assert ladder.next(after=Failed()) == Exhausted(error)


def test_a_rung_that_cannot_help_is_left_at_once() -> None:
    ladder = three()
    ladder.next()

    assert ladder.next(after=Failed(skip=True)) == Try("file", 1)


def test_each_candidate_of_a_rung_gets_its_tries() -> None:
    ladder = three()
    advice = [ladder.next()]
    ladder.candidates(2)
    advice += [ladder.next(after=Failed(skip=skip)) for skip in (False, True, False, False)]

    assert advice == [
        Try("string", 1),
        Try("string", 2),
        Try("string", 1, candidate=1),
        Try("string", 2, candidate=1),
        Try("file", 1),
    ]
    assert [one.enters for one in advice] == [True, False, False, False, True]


def test_a_rung_without_a_candidate_is_no_rung() -> None:
    with pytest.raises(InvalidSpecError, match=r"Ladder\.candidates"):
        three().candidates(0)


def test_one_candidate_is_what_a_rung_has_without_being_told() -> None:
    told, untold = three(), three()
    told.next()
    told.candidates(1)
    untold.next()

    skipped = Failed(skip=True)
    assert told.next(after=skipped) == untold.next(after=skipped) == Try("file", 1)


def test_a_rung_that_is_never_tried_is_refused() -> None:
    with pytest.raises(InvalidSpecError, match=r"Rung\.tries of file"):
        Rung(name="file", tries=0)
    with pytest.raises(InvalidSpecError, match=r"Ladder\.rungs"):
        Ladder(())


def test_a_ladder_tells_its_position() -> None:
    ladder = three()
    told = [ladder.position]
    ladder.next()
    told.append(ladder.position)
    ladder.next(after=Failed(skip=True))
    told.append(ladder.position)

    assert told == [("string", 0), ("string", 1), ("file", 1)]


def test_an_empty_rung_does_not_hide_what_went_wrong_before() -> None:
    ladder, error = three(), OSError("gone")
    ladder.next()
    ladder.next(after=Failed(error, skip=True))
    ladder.next(after=Failed(skip=True))

    assert ladder.next(after=Failed(skip=True)) == Exhausted(error)


def test_a_terminal_error_ends_the_ladder() -> None:
    ladder = three()
    ladder.next()
    error = PermissionError("banned")

    assert ladder.next(after=Terminal(error)) == Exhausted(error, terminal=True)


def test_a_recovery_names_the_rung_and_the_ladder_starts_over_later() -> None:
    ladder = three()
    ladder.next()
    ladder.next(after=Failed())

    assert ladder.next(after=Recovered()) == Finished("string", 2)
    assert ladder.next() == Try("string", 1)


def test_a_ladder_pauses_between_tries_of_one_rung() -> None:
    ladder = Ladder((Rung(name="string", wait=wait_exponential(multiplier=1)), Rung(name="file")))
    advice = [ladder.next()] + [ladder.next(after=Failed()) for _ in range(3)]

    assert [one.delay for one in advice if isinstance(one, Try)] == [0.0, 1.0, 2.0, 0.0]


def test_a_ladder_goes_on_where_it_was_kept() -> None:
    ladder = three()
    ladder.resume_at("file", 1)

    assert ladder.next(after=Failed()) == Try("repair", 1)


def test_a_ladder_does_not_resume_at_a_rung_it_does_not_have() -> None:
    with pytest.raises(InvalidSpecError, match="stairs"):
        three().resume_at("stairs", 1)
