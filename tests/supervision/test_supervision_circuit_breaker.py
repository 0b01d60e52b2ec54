"""Failures that share a cause wait together; crashes of earlier processes are remembered."""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass
from typing import Any

import pytest
from tenacity import wait_fixed, wait_incrementing

from telewarden.errors import InvalidSpecError
from telewarden.supervision import (
    CauseCleared,
    CausePaused,
    CauseProbed,
    CauseState,
    ChildQuarantined,
    ChildRestarting,
    ChildSpec,
    ChildStarted,
    ChildState,
    CircuitBreaker,
    RestartIntensity,
    SharedCause,
    Strategy,
    Supervisor,
    SupervisorSpec,
    TerminateChild,
    WaitUntil,
    directives,
)
from telewarden.supervision.policy.backoff import delay_before
from telewarden.supervision.policy.circuit_breaker import Circuit

pytestmark = [
    pytest.mark.supervision,
    pytest.mark.crashes(
        "*",
        (ConnectionError, ValueError),
        start=OSError,
        logged="child quarantined|supervisor gives up",
    ),
]

POLICY = CircuitBreaker(
    children=3, within=10.0, pause=wait_fixed(30), proof=5.0, rate=0.5, burst=2, jitter=0.0
)
SHARED = directives({ConnectionError: SharedCause(("dc", 2))})
CUT = ("raise", ConnectionError("cut"))


def circuit_of(policy: CircuitBreaker = POLICY) -> Circuit:
    return Circuit(policy, random.Random(1))


def test_few_failures_are_restarted_as_if_alone() -> None:
    circuit = circuit_of()

    held = [circuit.failed(child, now) for child, now in (("a", 0), ("b", 1), ("a", 2), ("c", 20))]

    assert held == [False] * 4  # three different ones, but not within ten seconds
    assert circuit.state is CauseState.CLEAR


def test_a_cause_pauses_once_probes_with_one_and_releases_by_token_bucket() -> None:
    circuit = circuit_of()
    for n, child in enumerate("abcdefg"):
        if circuit.failed(child, 0.1 * n):
            circuit.join(child, 0.1 * n)
    assert list(circuit.waiting) == ["c", "d", "e", "f", "g"]
    assert circuit.until == pytest.approx(30.2)

    let_go = {}
    now = 0.0
    while circuit.until is not None:
        now = circuit.until
        let_go[round(now, 1)] = circuit.due(now, proven=True)

    assert let_go == {30.2: ("c",), 35.2: ("d", "e"), 37.2: ("f",), 39.2: ("g",)}
    assert circuit.state is CauseState.CLEAR


def test_a_probe_that_fails_pauses_again_and_longer() -> None:
    policy = CircuitBreaker(children=1, pause=wait_incrementing(start=10, increment=10), jitter=0.0)
    circuit = circuit_of(policy)
    waits = []
    now = 0.0
    for _ in range(3):
        assert circuit.failed("a", now)
        circuit.join("a", now)
        assert circuit.until is not None
        waits.append(circuit.until - now)
        now = circuit.until
        assert circuit.due(now, proven=False) == ("a",)

    assert waits == [10.0, 20.0, 30.0]


def test_a_probe_that_is_still_starting_has_to_prove_itself_first() -> None:
    circuit = circuit_of(CircuitBreaker(children=1, pause=wait_fixed(1), proof=5.0))
    for child in "ab":
        circuit.failed(child, 0.0)
        circuit.join(child, 0.0)
    circuit.due(1.0, proven=False)

    assert circuit.due(6.0, proven=False) == ()
    assert circuit.state is CauseState.PROBING
    assert circuit.due(11.0, proven=True) == ("b",)


def test_a_probe_that_is_stopped_leaves_its_part_to_the_next() -> None:
    circuit = circuit_of(CircuitBreaker(children=1, pause=wait_fixed(1)))
    for child in "abc":
        circuit.failed(child, 0.0)
        circuit.join(child, 0.0)
    circuit.due(1.0, proven=False)
    circuit.leave("b", 2.0)
    circuit.leave("a", 2.0)

    assert circuit.due(2.0, proven=False) == ("c",)


def test_three_children_in_ten_seconds_are_a_cause_unless_told_otherwise() -> None:
    policy = CircuitBreaker()
    pauses = [delay_before(policy.pause, attempt) for attempt in (1, 2, 3, 7, 8)]

    assert (policy.children, policy.within, policy.proof) == (3, 10.0, 10.0)
    assert (policy.rate, policy.burst, policy.jitter) == (1.0, 1, 0.25)
    assert pauses == [5.0, 10.0, 20.0, 300.0, 300.0]


def test_a_failure_exactly_as_old_as_the_window_still_counts() -> None:
    circuit = circuit_of()

    assert [circuit.failed(child, now) for child, now in (("a", 0), ("b", 1), ("c", 10))] == [
        False,
        False,
        True,
    ]


def test_each_release_is_jittered_and_never_early() -> None:
    circuit = circuit_of(
        CircuitBreaker(children=1, pause=wait_fixed(1), proof=1.0, rate=1.0, jitter=0.5)
    )
    for child in "abcdef":
        circuit.failed(child, 0.0)
        circuit.join(child, 0.0)
    moments = []
    while circuit.until is not None:
        moments.append(circuit.until)
        circuit.due(circuit.until, proven=True)

    gaps = [later - earlier for earlier, later in itertools.pairwise(moments[1:])]
    assert all(1.0 <= gap <= 1.5 for gap in gaps)
    assert len(set(gaps)) == len(gaps)


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("children", 0),
        ("within", 0),
        ("pause", 5.0),
        ("proof", -1),
        ("rate", 0),
        ("burst", 0),
        ("jitter", -1),
    ],
)
def test_s30_a_circuit_breaker_that_makes_no_sense_is_refused_by_name(
    field: str, wrong: object
) -> None:
    with pytest.raises(InvalidSpecError, match=rf"CircuitBreaker\.{field}"):
        CircuitBreaker(**{field: wrong})  # type: ignore[arg-type]  # the point


def shared(nursery: Any, ids: str, **more: Any) -> Any:
    children = (nursery.child(i, directive=SHARED) for i in ids)
    return nursery.group(*children, intensity=RestartIntensity(limit=10, period=1000.0), **more)


def running(grown: Any) -> str:
    return "".join(i for i, (_, state) in grown.standing().items() if state is ChildState.RUNNING)


async def fell_all(grown: Any, ids: str) -> None:
    for id_ in ids:
        grown.tree.ref(id_).tell(CUT)
        await grown.expect(ChildRestarting, id_)
        await grown.rest()


async def test_children_that_fail_for_one_cause_come_back_one_after_another(
    grow: Any, nursery: Any
) -> None:
    async with grow(shared(nursery, "abcdefx"), circuit_breaker=POLICY) as grown:
        await fell_all(grown, "abcdef")
        await grown.until(lambda: running(grown) == "abx")
        assert grown.standing()["c"] == (1, ChildState.RESTARTING)
        assert grown.tree.snapshot().find("c").why == "shared cause"
        assert grown.tree.causes == {"('dc', 2)": ("paused", 4)}
        await grown.crash("x", again=2)  # an error of another kind is nobody else's business

        grown.clock.advance(30.0)
        await grown.until(lambda: running(grown) == "abcx")
        (probed,) = grown.probe.seen(CauseProbed)
        assert (probed.child, probed.cause) == ("c", "('dc', 2)")
        grown.clock.advance(5.0)
        await grown.until(lambda: running(grown) == "abcdex")
        grown.clock.advance(2.0)
        await grown.until(lambda: running(grown) == "abcdefx")

        assert [k for k, _ in grown.probe.story(CausePaused, CauseProbed, CauseCleared)] == [
            "CausePaused",
            "CauseProbed",
            "CauseCleared",
        ]
        assert grown.tree.causes == {}


async def test_a_held_back_child_can_be_stopped_and_is_not_let_go(grow: Any, nursery: Any) -> None:
    policy = CircuitBreaker(children=1, pause=wait_fixed(30), jitter=0.0)
    async with grow(shared(nursery, "ab"), circuit_breaker=policy) as grown:
        await fell_all(grown, "ab")
        await grown.command(TerminateChild("a"))
        grown.clock.advance(30.0)
        await grown.expect(ChildStarted, "b", count=2)
        await grown.rest()

        assert grown.standing()["a"] == (1, ChildState.STOPPED)


async def test_a_group_waits_with_its_held_back_child(grow: Any, nursery: Any) -> None:
    policy = CircuitBreaker(children=1, pause=wait_fixed(30), jitter=0.0)
    spec = shared(nursery, "abc", strategy=Strategy.REST_FOR_ONE)
    async with grow(spec, circuit_breaker=policy) as grown:
        await fell_all(grown, "b")
        await grown.until(lambda: grown.standing()["c"][1] is ChildState.RESTARTING)
        await grown.crash("a", again=2)  # another round begins; the cause still holds b and c
        await grown.rest()
        assert running(grown) == "a"
        grown.clock.advance(30.0)
        await grown.expect(ChildStarted, "c", count=2)

        assert running(grown) == "abc"


async def test_without_a_circuit_breaker_a_shared_cause_is_an_ordinary_restart(
    grow: Any, nursery: Any
) -> None:
    async with grow(shared(nursery, "abcd")) as grown:
        await fell_all(grown, "abcd")
        for id_ in "abcd":
            await grown.expect(ChildStarted, id_, count=2)


async def test_waiting_for_a_cause_costs_no_intensity(grow: Any, nursery: Any) -> None:
    policy = CircuitBreaker(children=1, pause=wait_fixed(1), jitter=0.0)
    spec = nursery.group(
        nursery.child("a", directive=SHARED), intensity=RestartIntensity(limit=0, period=1000.0)
    )
    async with grow(spec, circuit_breaker=policy) as grown:
        for again in (2, 3, 4):
            grown.tree.ref("a").tell(CUT)
            await grown.expect(ChildRestarting, "a", count=again - 1)
            grown.clock.advance(1.0)
            await grown.expect(ChildStarted, "a", count=again)
        assert not grown.tree.terminated.done


# crashes of earlier processes


@dataclass
class Row:
    path: str
    reason: str
    at: float


class Records:
    """A crash history in memory."""

    def __init__(self, *rows: Row) -> None:
        self.rows = list(rows)

    def record_crash(self, path: str, reason: str, at: float) -> None:
        self.rows.append(Row(path, reason, at))

    def crashes(self, path: str | None = None, since: float = 0.0) -> list[Row]:
        return [r for r in self.rows if path in {None, r.path} and r.at >= since]


async def test_a_child_s_own_intensity_remembers_earlier_processes(grow: Any, nursery: Any) -> None:
    now = 1_700_000_000.0
    records = Records(*(Row("a", "error: OSError", now - ago) for ago in (500, 30, 20, 10)))
    own = RestartIntensity(limit=3, period=60.0)
    spec = nursery.group(nursery.child("a", intensity=own), nursery.child("b", intensity=own))
    async with grow(spec, history=records, wall=lambda: now) as grown:
        grown.clock.advance(5.0)
        await grown.crash("b", again=2)
        await grown.crash("a")
        await grown.expect(ChildQuarantined, "a")

        assert [(r.path, r.reason, r.at) for r in records.rows[4:]] == [
            ("b", "error: ValueError", now + 5.0),
            ("a", "error: ValueError", now + 5.0),
        ]


async def test_failed_starts_are_on_record_and_ordinary_ends_are_not(
    grow: Any, nursery: Any
) -> None:
    records = Records()
    async with grow(nursery.group("a"), history=records, wall=lambda: 100.0) as grown:
        grown.tree.ref("a").tell("leave")
        await grown.expect(ChildStarted, "a", count=2)
        nursery.told["a"].fail_starts = 1
        await grown.crash("a", again=3)

    assert [r.reason for r in records.rows] == ["error: ValueError", "start_failed: OSError"]


async def test_a_dictated_wait_is_neither_on_record_nor_remembered(grow: Any, nursery: Any) -> None:
    records = Records()
    waiting = nursery.child("a", directive=lambda _: WaitUntil(1.0))
    async with grow(nursery.group(waiting), history=records) as grown:
        await grown.crash("a")
        await grown.expect(ChildRestarting, "a")

    assert records.rows == []


async def test_a_supervisor_that_gave_up_is_on_record_when_its_own_intensity_pays(
    grow: Any, nursery: Any
) -> None:
    inner = nursery.group("k", intensity=RestartIntensity(limit=0, period=60.0))
    own = RestartIntensity(limit=1, period=60.0)
    spec = SupervisorSpec(
        children=(ChildSpec(id="s", actor=Supervisor, args=(inner,), intensity=own),)
    )
    records = Records()
    async with grow(spec, history=records, wall=lambda: 100.0) as grown:
        await grown.crash("s/k")
        await grown.expect(ChildStarted, "s", count=2)
    async with grow(spec, history=records, wall=lambda: 110.0) as grown:
        await grown.crash("s/k")
        await grown.expect(ChildQuarantined, "s")

    assert [r.path for r in records.rows] == ["s/k", "s", "s/k", "s"]
