"""The health monitor with sessions that do as they are told, on a clock that is turned by hand."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import pykka
import pytest

from telewarden.actors import HealthMonitorActor, OverviewAsked, Settings
from telewarden.actors.context import CurrentSettings
from telewarden.actors.messages import (
    DisablePairs,
    Forget,
    Probe,
    Reconnect,
    Report,
    Reported,
    Roster,
    SettingsChanged,
    StateAsked,
    SweepEvery,
    VerdictsAsked,
    VerdictsTold,
)
from telewarden.errors import DrillError, PairsNotMovedError
from telewarden.supervision import (
    ChildSpec,
    Drill,
    Event,
    LoopActor,
    ManualClock,
    Sibling,
    SupervisorSpec,
    Tree,
    ask_async,
)
from telewarden.telegram import (
    GroupReport,
    Health,
    HealthReason,
    HealthStep,
    HealthStepTaken,
    HealthVerdict,
    PairReport,
    Phase,
    SessionReport,
    VerdictChanged,
)

pytestmark = [pytest.mark.actors]

ENDED = {"phase": Phase.NEEDS_LOGIN, "health": Health.EXPIRED, "reason": "SESSION_REVOKED"}
TURNS = 12  # of the loop, in which messages that caused each other are all handled


class Registry(LoopActor):
    """Keeps verdicts as the registry does, in a book that outlives it."""

    def __init__(self, kept: dict[tuple[str, str], HealthVerdict], refs: list[Any]) -> None:
        super().__init__()
        self._kept, self._refs = kept, refs

    def on_receive(self, message: object) -> object:
        match message:
            case VerdictsTold():
                for key in message.gone:
                    self._kept.pop(key, None)
                self._kept.update({one.key: one for one in message.put})
            case VerdictsAsked():
                return tuple(self._kept.values())
            case Roster():
                return tuple(self._refs)
            case _:
                return None
        return None


class Patient(LoopActor):
    """Answers for a session, or not, and notes what it is told."""

    def __init__(self, ward: Ward, name: str, monitor: pykka.ActorRef[Any] | None = None) -> None:
        super().__init__()
        self._ward, self._name, self._monitor = ward, name, monitor

    def on_receive(self, message: object) -> object:
        self._ward.told.append((self._ward.clock.now(), self._name, message))
        match message:
            case StateAsked():
                return self._ward.report(self._name)
            case Report():
                self._ward.monitor.tell(
                    Reported(report=self._ward.report(self._name), ref=self.actor_ref)
                )
                return self._ward.report(self._name)
            case _:
                return None


@dataclass
class Ward:
    """A monitor, who it watches, and what came of it."""

    clock: ManualClock = field(default_factory=ManualClock)
    current: CurrentSettings = field(
        default_factory=lambda: CurrentSettings(
            Settings(sessions_every=300.0, groups_every=180.0, fallback={"s0": "s1"})
        )
    )
    told: list[tuple[float, str, object]] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    kept: dict[tuple[str, str], HealthVerdict] = field(default_factory=dict)
    refs: list[Any] = field(default_factory=list)
    orders: list[tuple[str, ...]] = field(default_factory=list)
    refused: bool = False
    state: dict[str, dict[str, Any]] = field(default_factory=dict)
    tree: Any = None

    @property
    def monitor(self) -> Any:
        return self.tree.ref("health")

    def wall(self) -> float:
        return 1_000_000.0 + self.clock.now()

    # As the warden does

    async def recover(self, session: str) -> None:
        self.orders.append(("recover", session))

    async def move_pairs(self, session: str, to: str) -> tuple[int, ...]:
        self.orders.append(("move", session, to))
        if self.refused:
            raise PairsNotMovedError((f"session {to} is expired",))
        return (1,)

    # As sessions do

    def report(self, name: str) -> SessionReport:
        known = {"phase": Phase.ONLINE, "health": Health.HEALTHY, "reason": "by string"}
        return SessionReport(session=name, since=0.0, **(known | self.state.get(name, {})))

    async def says(self, name: str, **state: Any) -> None:
        self.state[name] = state
        self.monitor.tell(Reported(report=self.report(name), ref=self.tree.ref(name)))
        await self.settle()

    async def group_says(self, name: str, **pair: Any) -> None:
        told = {"waiting": 0, "delivered": 0, "repeated": 0, "dead": 0, "paused": None}
        one = PairReport(id=1, source=-1, target=-2, mode="copy", **(told | pair))
        report = GroupReport(session=name, group="group-1", online=True, pairs=(one,))
        self.monitor.tell(Reported(report=report, ref=self.tree.ref(f"{name}_group")))
        await self.settle()

    async def settle(self) -> None:
        for _ in range(TURNS):
            await asyncio.sleep(0)

    async def turn(self, seconds: float) -> None:
        """Turn the clock on, and let what falls due be handled at its time."""
        until = self.clock.now() + seconds
        while (due := self.clock.next_due) is not None and due <= until:
            self.clock.advance(due - self.clock.now())
            await self.settle()
        self.clock.advance(until - self.clock.now())
        await self.settle()

    def steps(self) -> list[tuple[str, HealthStep]]:
        return [(e.session, e.step) for e in self.events if isinstance(e, HealthStepTaken)]

    def heard_by(self, name: str, kind: type) -> list[float]:
        return [at for at, who, one in self.told if who == name and isinstance(one, kind)]


@pytest.fixture
async def make_ward() -> AsyncIterator[Callable[..., Any]]:
    trees: list[Tree] = []

    async def make(*names: str, **known: Any) -> Ward:
        ward = Ward(**known)
        children = [
            ChildSpec(id="registry", actor=Registry, args=(ward.kept, ward.refs)),
            *(ChildSpec(id=one, actor=Patient, args=(ward, one)) for one in names),
            *(ChildSpec(id=f"{one}_group", actor=Patient, args=(ward, one)) for one in names),
            ChildSpec(
                id="health",
                actor=HealthMonitorActor,
                kwargs={
                    "registry": Sibling("registry"),
                    "current": ward.current,
                    "orders": ward,
                    "publish": ward.events.append,
                    "wall": ward.wall,
                },
            ),
        ]
        ward.tree = Tree(SupervisorSpec(children=tuple(children)), clock=ward.clock)
        trees.append(ward.tree)
        await ward.tree.start()
        ward.refs.extend(ward.tree.ref(one) for one in names)
        await ward.settle()
        for name in names:
            await ward.says(name)
        return ward

    yield make
    for tree in trees:
        await tree.stop()


# Sweeps


async def test_probes_go_out_one_at_a_time_and_each_session_gets_one_in_an_interval(
    make_ward: Callable[..., Any],
) -> None:
    names = [f"s{number}" for number in range(60)]
    ward = await make_ward(*names)
    ward.told.clear()

    await ward.turn(600.0)

    probes = [(at, who) for at, who, one in ward.told if isinstance(one, Probe)]
    times = [at for at, _ in probes]
    gaps = [after - before for before, after in pairwise(times)]
    assert set(Counter(who for _, who in probes).values()) == {2}
    assert min(gaps) == pytest.approx(5.0)
    assert max(gaps) == pytest.approx(5.0)


async def test_groups_are_looked_at_in_their_own_interval_spread_as_well(
    make_ward: Callable[..., Any],
) -> None:
    names = [f"s{number}" for number in range(12)]
    ward = await make_ward(*names)
    for name in names:
        await ward.group_says(name)
    ward.told.clear()

    await ward.turn(180.0)

    looks = [at for at, _, one in ward.told if isinstance(one, Report)]
    assert len(looks) == len(set(looks)) == 12


async def test_another_interval_holds_from_the_next_turn_on(make_ward: Callable[..., Any]) -> None:
    ward = await make_ward("s0", "s1")
    ward.told.clear()

    ward.monitor.tell(SweepEvery(10.0))
    await ward.settle()
    await ward.turn(20.0)

    assert len(ward.heard_by("s0", Probe)) == 2


async def test_a_reload_has_groups_looked_at_as_often_as_it_says(
    make_ward: Callable[..., Any],
) -> None:
    ward = await make_ward("s0")
    await ward.group_says("s0")
    ward.told.clear()

    ward.current.value = Settings(groups_every=10.0)
    ward.monitor.tell(SettingsChanged())
    await ward.settle()
    await ward.turn(20.0)

    assert len(ward.heard_by("s0", Report)) == 2


async def test_who_is_gone_is_probed_no_more(make_ward: Callable[..., Any]) -> None:
    ward = await make_ward("s0", "s1")
    await ward.says("s0", **ENDED)
    ward.monitor.tell(Forget("s0"))
    await ward.settle()
    ward.told.clear()

    await ward.turn(600.0)

    assert ward.heard_by("s0", Probe) == []
    assert ward.kept == {}
    assert len(ward.heard_by("s1", Probe)) == 2


# Steps


async def test_pairs_of_a_session_whose_login_has_ended_are_disabled_at_once_and_once(
    make_ward: Callable[..., Any],
) -> None:
    ward = await make_ward("s1")
    await ward.group_says("s1")

    await ward.says("s1", **ENDED)
    await ward.turn(5 * 3600.0)

    assert ward.heard_by("s1", DisablePairs) == [0.0]
    assert ward.steps() == [("s1", HealthStep.DISABLE)]
    told = next(one for one in ward.events if isinstance(one, HealthStepTaken))
    assert (told.detail, told.times) == ("its pairs wait for a login: pair 1", 1)
    changed = next(one for one in ward.events if isinstance(one, VerdictChanged))
    assert (changed.health, changed.reason) == (Health.EXPIRED, HealthReason.LOGIN_ENDED)


async def test_pairs_move_to_the_fallback_where_one_is_configured_ten_minutes_later(
    make_ward: Callable[..., Any],
) -> None:
    ward = await make_ward("s0", "s1")
    for name in ("s0", "s1"):
        await ward.group_says(name)
        await ward.says(name, **ENDED)

    await ward.turn(599.0)
    before = list(ward.orders)
    await ward.turn(300.0)

    assert before == []
    assert ward.orders == [("move", "s0", "s1")]
    told = next(e for e in ward.events if isinstance(e, HealthStepTaken) and e.step == "move")
    assert (told.detail, told.problem) == ("to s1: pair 1", "")


async def test_a_move_that_is_refused_is_told_and_tried_again_after_pauses_that_double(
    make_ward: Callable[..., Any],
) -> None:
    ward = await make_ward("s0", "s1", refused=True)
    await ward.group_says("s0")
    await ward.says("s0", **ENDED)

    await ward.turn(8.5 * 3600.0)

    moves = [e for e in ward.events if isinstance(e, HealthStepTaken) and e.step == "move"]
    hours = [round((one.at - moves[0].at) / 3600, 1) for one in moves]
    assert hours == [0.0, *(pytest.approx(hour, abs=0.3) for hour in (1, 3, 7))]
    assert "session s1 is expired" in moves[0].problem
    assert ward.kept["s0", ""].steps[-1].problem == moves[0].problem


async def test_a_group_that_is_kept_down_is_released_after_an_hour_and_then_more_rarely(
    make_ward: Callable[..., Any],
) -> None:
    ward = await make_ward("s1")

    reason = "GROUP_QUARANTINED: group-1 failed too often"
    await ward.says("s1", health=Health.UNHEALTHY, reason=reason)
    await ward.turn(4.2 * 3600.0)

    hours = [(one.at - ward.wall()) / 3600 + 4.2 for one in ward.events if _is_step(one)]
    assert hours == [pytest.approx(hour, abs=0.2) for hour in (1, 2, 4)]
    assert ward.orders == [("recover", "s1")] * 3
    assert ward.steps() == [("s1", HealthStep.RECOVER)] * 3


def _is_step(event: Event) -> bool:
    return isinstance(event, HealthStepTaken)


@pytest.mark.parametrize(
    ("pair", "minutes"),
    [({"deaf_since": 1.0}, 10), ({"waiting": 2, "delivered": 5}, 11)],
    ids=["deaf", "stalled"],
)
async def test_a_session_takes_a_fresh_line_where_a_group_is_deaf_or_stalled(
    make_ward: Callable[..., Any], pair: dict[str, Any], minutes: int
) -> None:
    ward = await make_ward("s1")

    for _ in range(30):  # the group tells the same each two minutes
        await ward.group_says("s1", **pair)
        await ward.turn(120.0)

    (at,) = ward.heard_by("s1", Reconnect)
    assert minutes * 60.0 <= at <= minutes * 60.0 + 600.0


async def test_who_does_not_answer_is_told_of_after_ten_minutes(
    make_ward: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    ward = await make_ward("s1")
    await ward.group_says("s1")

    def nobody(name: str) -> Any:
        raise PairsNotMovedError((name,))  # an answer that is none

    monkeypatch.setattr(ward, "report", nobody)
    await ward.turn(4 * 300.0)

    assert ward.steps() == [("s1", HealthStep.NOTIFY)] * 2  # the session and its group
    assert {one.reason for one in ward.kept.values()} == {HealthReason.NO_ANSWER}


@pytest.mark.parametrize(
    "state",
    [
        {"phase": Phase.RECOVERING, "health": Health.UNHEALTHY, "reason": "connection lost"},
        {"phase": Phase.WAITING, "health": Health.UNHEALTHY, "reason": "FLOOD_WAIT; next"},
        {"phase": Phase.AWAITING_CODE, "health": Health.UNAUTHORIZED, "reason": "sent"},
        {"phase": Phase.NEEDS_LOGIN, "health": Health.UNAUTHORIZED, "reason": "AUTH_KEY_DUPLI"},
        {"phase": Phase.QUARANTINED, "health": Health.UNHEALTHY, "reason": "USER_DEACTIVATED"},
        {"phase": Phase.STOPPED, "health": Health.UNKNOWN, "reason": "stopped"},
    ],
    ids=lambda state: state["phase"].value,
)
async def test_what_sees_to_itself_or_needs_a_person_is_left_alone(
    make_ward: Callable[..., Any], state: dict[str, Any]
) -> None:
    ward = await make_ward("s0", "s1")
    await ward.group_says("s0")

    await ward.says("s0", **state)
    await ward.turn(5 * 3600.0)

    assert ward.steps() == []
    assert ward.orders == []
    assert not ward.heard_by("s0", Reconnect) + ward.heard_by("s0", DisablePairs)


async def test_a_session_that_recovers_is_not_moved_though_its_verdict_still_stands(
    make_ward: Callable[..., Any],
) -> None:
    ward = await make_ward("s0", "s1")
    await ward.group_says("s0")
    await ward.says("s0", **ENDED)

    await ward.says("s0", phase=Phase.RECOVERING, health=Health.UNHEALTHY, reason="login")
    await ward.turn(7200.0)

    assert ward.kept["s0", ""].reason is HealthReason.LOGIN_ENDED
    assert ward.orders == []


async def test_a_step_that_is_off_is_not_taken_until_a_reload_allows_it(
    make_ward: Callable[..., Any],
) -> None:
    ward = await make_ward("s0", current=CurrentSettings(Settings(health_steps=frozenset())))
    await ward.group_says("s0")
    await ward.says("s0", **ENDED)
    await ward.turn(1200.0)
    before = ward.steps()

    ward.current.value = Settings(health_steps=frozenset({HealthStep.DISABLE}))
    await ward.turn(300.0)

    assert before == []
    assert ward.steps() == [("s0", HealthStep.DISABLE)]


async def test_many_that_fall_ill_at_once_are_helped_a_few_at_a_time(
    make_ward: Callable[..., Any],
) -> None:
    names = [f"s{number}" for number in range(100)]
    ward = await make_ward(*names)
    for name in names:
        await ward.group_says(name)

    for name in names:
        await ward.says(name, **ENDED)
    at_once = len(ward.steps())
    await ward.turn(10.0)
    soon = len(ward.steps())
    await ward.turn(600.0)

    assert at_once == 10
    assert soon <= 15
    disabled = Counter(name for name, step in ward.steps() if step is HealthStep.DISABLE)
    assert disabled == Counter(names)


# Restarts


@pytest.mark.crashes("health", DrillError)
async def test_a_crash_loses_no_verdict_and_repeats_no_step(make_ward: Callable[..., Any]) -> None:
    ward = await make_ward("s0", "s1")
    await ward.group_says("s0")
    await ward.says("s0", **ENDED)
    await ward.turn(900.0)
    orders, kept = list(ward.orders), dict(ward.kept)

    with pytest.raises(DrillError):
        await ask_async(ward.monitor, Drill(), timeout=1.0)
    await ward.settle()
    await ward.group_says("s0")
    await ward.turn(300.0)

    assert ward.orders == orders == [("move", "s0", "s1")]
    assert ward.heard_by("s0", DisablePairs) == [0.0]
    assert ward.kept == kept
    seen = await ask_async(ward.monitor, OverviewAsked(fresh=False), timeout=1.0)
    assert [one.session for one in seen.sessions] == ["s0", "s1"]
