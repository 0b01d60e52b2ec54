"""The phases of a session: the table, what it refuses, and what people are told."""

from __future__ import annotations

import itertools

import pytest

from telewarden.errors import IllegalStepError
from telewarden.telegram import phases as p
from telewarden.telegram.phases import Health, Phase, step

pytestmark = pytest.mark.telegram

EVENTS = sorted({event for _, event in p.STEPS}, key=lambda event: event.__name__)


def walk(*events: p.Event, start: Phase = Phase.REGISTERED) -> list[Phase]:
    phases = [start]
    for event in events:
        phases.append(step(phases[-1], event))
    return phases[1:]


def test_a_login_with_code_and_password_ends_online() -> None:
    path = walk(p.CodeSent(), p.PasswordAsked(), p.SignedIn(), p.Welcomed())

    assert path == [
        Phase.AWAITING_CODE,
        Phase.AWAITING_PASSWORD,
        Phase.CONNECTING,
        Phase.ONLINE,
    ]


def test_a_lost_line_waits_and_comes_back() -> None:
    path = walk(p.Dropped(), p.Delayed(5.0), p.Dialled(), p.Welcomed(), start=Phase.ONLINE)

    assert path == [Phase.CONNECTING, Phase.WAITING, Phase.CONNECTING, Phase.ONLINE]


def test_a_crash_climbs_the_ladder() -> None:
    assert walk(p.RecoveryStarted(), p.Recovered(), start=Phase.ONLINE) == [
        Phase.RECOVERING,
        Phase.ONLINE,
    ]


def test_a_rejected_session_is_logged_in_again() -> None:
    assert walk(p.Rejected(), p.QrShown(), p.SignedIn(), start=Phase.ONLINE) == [
        Phase.NEEDS_LOGIN,
        Phase.AWAITING_QR,
        Phase.CONNECTING,
    ]


@pytest.mark.parametrize(("phase", "event"), list(itertools.product(Phase, EVENTS)))
def test_a_step_is_in_the_table_or_refused(phase: Phase, event: type[p.Event]) -> None:
    if (phase, event) in p.STEPS:
        assert step(phase, event()) is p.STEPS[phase, event]
        return
    with pytest.raises(IllegalStepError) as caught:
        step(phase, event())
    assert (caught.value.phase, caught.value.event) == (phase, event.__name__)


def test_nothing_leads_out_of_deleted() -> None:
    assert [event for phase, event in p.STEPS if phase is Phase.DELETED] == []


def test_every_phase_but_deleted_can_be_stopped_or_removed() -> None:
    for phase in set(Phase) - {Phase.DELETED}:
        ways_out = {event for at, event in p.STEPS if at is phase}
        assert ways_out & {p.StopAsked, p.Stopped}


def test_every_phase_and_health_is_explained_with_advice() -> None:
    assert set(p.PHASES) == set(Phase)
    assert set(p.HEALTHS) == set(Health)
    assert all(
        told.explanation and told.advice for told in (*p.PHASES.values(), *p.HEALTHS.values())
    )


@pytest.mark.parametrize(
    ("phase", "reason", "deaf", "health"),
    [
        (Phase.ONLINE, "", False, Health.HEALTHY),
        (Phase.ONLINE, "", True, Health.UNHEALTHY),
        (Phase.WAITING, "FLOOD_WAIT", False, Health.UNHEALTHY),
        (Phase.NEEDS_LOGIN, "SESSION_EXPIRED", False, Health.EXPIRED),
        (Phase.NEEDS_LOGIN, "AUTH_KEY_UNREGISTERED", False, Health.UNAUTHORIZED),
        (Phase.REGISTERED, "", False, Health.UNKNOWN),
        (Phase.DELETED, "", False, Health.DELETED),
    ],
)
def test_health_follows_from_the_phase(
    phase: Phase, reason: str, deaf: bool, health: Health
) -> None:
    assert p.health_of(phase, reason=reason, deaf=deaf) is health


def test_the_diagram_draws_every_step() -> None:
    drawn = p.diagram()

    assert drawn.startswith("stateDiagram-v2")
    for (before, event), after in p.STEPS.items():
        line = next(one for one in drawn.splitlines() if f" {before} --> {after}: " in one)
        assert event.__name__ in line
