"""When a session that was lost may come back: at once, or after which pause."""

from __future__ import annotations

import pytest

from telewarden.actors.session.reconnect import LONG_LIFE, SHORT_LIVES, ReconnectPolicy

pytestmark = pytest.mark.session

SAMPLES = 400  # of a pause that is drawn by chance: one of them is near its bound


def policy_of(*, initial: float = 1.0, longest: float = 60.0) -> ReconnectPolicy:
    return ReconnectPolicy(initial=initial, longest=longest)


def longest_pause(failures: int, *, lost: int = 0, longest: float = 60.0) -> float:
    """The longest that was drawn for the pause after so many failed tries."""
    drawn = []
    for _ in range(SAMPLES):
        policy = policy_of(longest=longest)
        for _ in range(lost):
            policy.on_online(100.0, rung="string")
            policy.on_lost(101.0, "cut")
        drawn.append([policy.next_delay() for _ in range(failures)][-1])
    assert min(drawn) >= 0.0
    return max(drawn)


@pytest.mark.parametrize(("failures", "bound"), [(1, 1.0), (2, 2.0), (3, 4.0), (5, 16.0)])
def test_pauses_double_with_each_failed_try(failures: int, bound: float) -> None:
    assert 0.8 * bound <= longest_pause(failures) <= bound


def test_no_pause_exceeds_the_longest() -> None:
    assert 4.0 <= longest_pause(9, longest=5.0) <= 5.0


def test_a_loss_after_a_long_life_is_made_good_at_once() -> None:
    policy = policy_of()
    policy.on_online(100.0, rung="string")

    assert policy.on_lost(100.0 + LONG_LIFE, "cut")


def test_a_loss_soon_after_coming_online_is_made_good_at_once_but_once() -> None:
    policy = policy_of()
    at_once = []
    for _ in range(3):
        policy.on_online(100.0, rung="string")
        at_once.append(policy.on_lost(100.0 + LONG_LIFE - 0.1, "cut"))

    assert at_once == [True, False, False]
    assert SHORT_LIVES == 1


def test_pauses_grow_with_losses_that_follow_each_other() -> None:
    assert 1.6 <= longest_pause(1, lost=2) <= 2.0
    assert 3.2 <= longest_pause(1, lost=3) <= 4.0


def test_a_long_life_ends_a_row_of_short_ones() -> None:
    policy = policy_of()
    for lived in (1.0, 1.0, LONG_LIFE + 1.0):
        policy.on_online(100.0, rung="string")
        policy.on_lost(100.0 + lived, "cut")
    policy.on_online(200.0, rung="string")

    assert policy.on_lost(201.0, "cut")


@pytest.mark.parametrize("well", ["online", "wanted"])
def test_pauses_begin_anew_when_it_went_well_and_when_somebody_asks(well: str) -> None:
    drawn = []
    for _ in range(SAMPLES):
        policy = policy_of()
        for _ in range(6):
            policy.next_delay()
        if well == "online":
            policy.on_online(100.0, rung="string")
        else:
            policy.on_request("by hand")
        drawn.append(policy.next_delay())

    assert 0.8 <= max(drawn) <= 1.0


def test_the_time_without_a_session_counts_from_its_loss() -> None:
    policy = policy_of()
    policy.on_online(10.0, rung="string")
    policy.on_lost(50.0, "cut")
    policy.on_attempt(51.0)

    assert policy.on_online(53.5, rung="file") == 3.5
    assert (policy.rung, policy.cause) == ("file", "cut")


def test_the_time_until_a_person_has_acted_is_no_recovery() -> None:
    policy = policy_of()
    policy.on_online(10.0, rung="string")
    policy.on_lost(50.0, "SESSION_REVOKED")
    policy.on_give_up()
    policy.on_attempt(900.0)

    assert policy.on_online(901.0, rung="string") == 1.0


def test_a_start_is_no_recovery_and_each_return_is_one() -> None:
    policy = policy_of()
    policy.on_online(10.0, rung="string")
    started = policy.recoveries
    for at in (20.0, 40.0):
        policy.on_lost(at, "cut")
        policy.on_online(at + 1.0, rung="string")

    assert (started, policy.recoveries) == (0, 2)


def test_a_fresh_client_is_tried_once_in_a_row() -> None:
    policy = policy_of()
    first, second = policy.may_rebuild(), policy.may_rebuild()
    policy.on_request("by hand")
    asked = policy.may_rebuild()
    policy.on_online(100.0, rung="string")
    policy.on_lost(100.0 + LONG_LIFE, "cut")

    assert (first, second, asked, policy.may_rebuild()) == (True, False, True, True)


def test_a_fresh_client_that_is_lost_at_once_was_no_help() -> None:
    policy = policy_of()
    policy.may_rebuild()
    policy.on_online(100.0, rung="string")
    policy.on_lost(101.0, "MSG_ID_INVALID")

    assert not policy.may_rebuild()
