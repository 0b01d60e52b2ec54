"""Two tables: who comes back after what (S1, S10, S11), and what follows from which directive.

Each row is the whole outcome, for the failing child and both its siblings, on both hosts.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any, Final

import pytest

from telewarden.errors import DrillError
from telewarden.supervision import (
    AnyDirective,
    ChildFailed,
    ChildForgotten,
    ChildQuarantined,
    ChildRestarting,
    ChildResumed,
    ChildSpec,
    ChildStarted,
    ChildState,
    ChildStopped,
    CircuitBreaker,
    Directive,
    Drill,
    DynamicSpec,
    DynamicSupervisor,
    ExitKind,
    Quarantine,
    Restart,
    RestartIntensity,
    SharedCause,
    StartChild,
    Strategy,
    Supervisor,
    SupervisorSpec,
    TerminateChild,
    WaitUntil,
    watch,
)

pytestmark = [
    pytest.mark.supervision,
    pytest.mark.crashes(
        "*",
        (DrillError, SystemExit, ValueError, asyncio.CancelledError),
        logged="child quarantined|supervisor gives up",
    ),
]

GENEROUS = RestartIntensity(limit=1000, period=1.0)
UP, AGAIN, DOWN = (1, ChildState.RUNNING), (2, ChildState.RUNNING), (1, ChildState.STOPPED)
WAITS, AWAY = (1, ChildState.RESTARTING), (1, ChildState.QUARANTINED)
Standing = dict[str, tuple[int, ChildState]]

DYNAMIC: Final = "dynamic"
GROUPS: Final = (*Strategy, DYNAMIC)

CONCERNED: Final[Mapping[object, str]] = {
    Strategy.ONE_FOR_ONE: "b",
    Strategy.REST_FOR_ONE: "bc",
    Strategy.ONE_FOR_ALL: "abc",
    DYNAMIC: "b",
}
"""Who is restarted with ``b``, of ``a``, ``b`` and ``c``."""


def name_of(value: object) -> str:
    return str(value.value) if isinstance(value, Strategy | Restart) else str(value)


def boss(group: object, *children: ChildSpec) -> ChildSpec:
    """The supervisor of that kind."""
    if group is DYNAMIC:
        return ChildSpec(
            id="boss", actor=DynamicSupervisor, args=(DynamicSpec(intensity=GENEROUS),)
        )
    assert isinstance(group, Strategy)
    spec = SupervisorSpec(strategy=group, children=children, intensity=GENEROUS)
    return ChildSpec(id="boss", actor=Supervisor, args=(spec,))


async def start_dynamic(grown: Any, group: object, *children: ChildSpec) -> None:
    for child in children if group is DYNAMIC else ():
        await grown.command(StartChild(child), "boss")


def with_b(
    group: object, others: tuple[int, ChildState], b: tuple[int, ChildState] | None
) -> Standing:
    """How all stand when ``b`` stands so, and whoever is concerned with it like ``others``."""
    found = {id_: others if id_ in CONCERNED[group] else UP for id_ in "ac"}
    return {"a": found["a"], "c": found["c"]} | ({} if b is None else {"b": b})


async def stands(grown: Any, expected: Standing) -> None:
    """A thread takes its time to stop, so that a group may still be on its way there."""
    await grown.rest()
    with contextlib.suppress(TimeoutError):
        await grown.until(lambda: grown.standing("boss") == expected)
    assert grown.standing("boss") == expected


# who comes back after what


async def says(grown: Any, message: object) -> None:
    grown.tree.ref("boss/b").tell(message)


async def raises(grown: Any, error: BaseException) -> None:
    await says(grown, ("raise", error))


async def is_stopped_by_a_stranger(grown: Any) -> None:
    grown.tree.ref("boss/b").stop(block=False)


async def gives_up(grown: Any) -> None:
    grown.tree.ref("boss/b/k").tell(("raise", ValueError("boom")))


async def is_terminated(grown: Any) -> None:
    await grown.command(TerminateChild("b"), "boss")


ENDS: Final[Mapping[str, Any]] = {
    "error": lambda grown: raises(grown, ValueError("boom")),
    "system exit": lambda grown: raises(grown, SystemExit(3)),
    "cancelled": lambda grown: raises(grown, asyncio.CancelledError()),
    "drill": lambda grown: says(grown, Drill()),
    "left by itself": lambda grown: says(grown, "leave"),
    "stopped by a stranger": is_stopped_by_a_stranger,
    "gave up": gives_up,
    "terminated": is_terminated,
}

ALWAYS, ON_ERROR, NEVER = Restart.PERMANENT, Restart.TRANSIENT, Restart.TEMPORARY
RETURNS: Final[Mapping[str, frozenset[Restart]]] = {
    "error": frozenset({ALWAYS, ON_ERROR}),
    "system exit": frozenset({ALWAYS, ON_ERROR}),
    "cancelled": frozenset({ALWAYS, ON_ERROR}),
    "drill": frozenset({ALWAYS, ON_ERROR}),
    "left by itself": frozenset({ALWAYS}),
    "stopped by a stranger": frozenset({ALWAYS}),
    "gave up": frozenset({ALWAYS}),  # S6: it ends with "shutdown", which is no error
    "terminated": frozenset(),  # S29: a commanded stop is no crash
}
"""After which end a child of which kind gets another incarnation."""
KINDS: Final[Mapping[str, ExitKind]] = {
    "error": ExitKind.ERROR,
    "system exit": ExitKind.ERROR,
    "cancelled": ExitKind.ERROR,
    "drill": ExitKind.ERROR,
    "left by itself": ExitKind.NORMAL,
    "stopped by a stranger": ExitKind.NORMAL,
    "gave up": ExitKind.SHUTDOWN,
    "terminated": ExitKind.SHUTDOWN,
}


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("restart", Restart, ids=name_of)
@pytest.mark.parametrize("group", GROUPS, ids=name_of)
async def test_s1_the_matrix_of_strategy_restart_type_and_way_of_ending(
    grow: Any, nursery: Any, group: object, restart: Restart, end: str
) -> None:
    if end == "gave up":
        inner = nursery.group("k", intensity=RestartIntensity(limit=0, period=1.0))
        b = ChildSpec(id="b", actor=Supervisor, args=(inner,), restart=restart)
    else:
        b = nursery.child("b", restart=restart)
    children = (nursery.child("a"), b, nursery.child("c"))
    async with grow(SupervisorSpec(children=(boss(group, *children),))) as grown:
        await start_dynamic(grown, group, *children)
        downs: list[Any] = []
        watch(grown.tree.ref("boss/b"), downs.append)
        await ENDS[end](grown)
        if restart in RETURNS[end]:
            for id_ in CONCERNED[group]:
                await grown.expect(ChildStarted, f"boss/{id_}", count=2)
            expected = with_b(group, AGAIN, AGAIN)
        else:
            await grown.expect(ChildStopped, "boss/b")
            forgotten = restart is NEVER or (group is DYNAMIC)
            expected = {"a": UP, "c": UP} | ({} if forgotten else {"b": DOWN})

        await stands(grown, expected)
        told = [child for _, child in grown.probe.story(ChildForgotten)]
        assert ("boss/b" in told) is ("b" not in expected)
        # S1, S2: one reason, told once, whatever the way
        assert [(down.incarnation, down.exit.kind) for down in downs] == [(1, KINDS[end])]


# what follows from which directive

DIRECTIVES: Final[Mapping[str, AnyDirective]] = {
    "restart": Directive.RESTART,
    "resume": Directive.RESUME,
    "stop": Directive.STOP,
    "quarantine": Quarantine("banned"),
    "escalate": Directive.ESCALATE,
    "wait until": WaitUntil(30.0),
    "shared cause": SharedCause("dc 2"),
}
TOLD: Final[Mapping[str, tuple[type[Any], str]]] = {
    "restart": (ChildStarted, "boss/b"),
    "resume": (ChildResumed, "boss/b"),
    "stop": (ChildStopped, "boss/b"),
    "quarantine": (ChildQuarantined, "boss/b"),
    "escalate": (ChildFailed, "boss"),
    "wait until": (ChildRestarting, "boss/b"),
    "shared cause": (ChildRestarting, "boss/b"),
}
AFTERWARDS: Final[Mapping[str, tuple[tuple[int, ChildState], tuple[int, ChildState]]]] = {
    # those concerned with it, and the child itself
    "restart": (AGAIN, AGAIN),
    "resume": (UP, UP),
    "stop": (UP, DOWN),
    "quarantine": (UP, AWAY),
    "escalate": (AGAIN, AGAIN),  # all of them, with their supervisor
    "wait until": (WAITS, WAITS),
    "shared cause": (WAITS, WAITS),
}
AT_ONCE_PAUSED: Final = CircuitBreaker(children=1, within=10.0)


@pytest.mark.parametrize("directive", DIRECTIVES)
@pytest.mark.parametrize("group", GROUPS, ids=name_of)
async def test_the_table_of_directive_and_strategy(
    grow: Any, nursery: Any, group: object, directive: str
) -> None:
    given = DIRECTIVES[directive]
    b = nursery.child("b", directive=lambda _: given)
    children = (nursery.child("a"), b, nursery.child("c"))
    top = SupervisorSpec(children=(boss(group, *children),))
    async with grow(top, circuit_breaker=AT_ONCE_PAUSED) as grown:
        await start_dynamic(grown, group, *children)
        await grown.ask("boss/b", "count")
        grown.probe.clear()
        await grown.crash("boss/b")
        kind, child = TOLD[directive]
        await grown.expect(kind, child)
        if directive == "escalate":
            await grown.expect(ChildStarted, "boss")

        others, itself = AFTERWARDS[directive]
        if directive == "escalate":
            everybody = dict.fromkeys("abc", AGAIN)
            expected: Standing = {} if group is DYNAMIC else everybody
        else:
            expected = with_b(group, others, itself)
            if directive == "stop" and group is DYNAMIC:
                del expected["b"]
        await stands(grown, expected)
        if directive == "resume":
            assert await grown.ask("boss/b", "count") == 2  # with its state


@pytest.mark.parametrize("group", GROUPS, ids=name_of)
async def test_who_was_told_to_wait_comes_back_in_time_and_not_before(
    grow: Any, nursery: Any, group: object
) -> None:
    b = nursery.child("b", directive=lambda _: WaitUntil(30.0))
    children = (nursery.child("a"), b, nursery.child("c"))
    async with grow(SupervisorSpec(children=(boss(group, *children),))) as grown:
        await start_dynamic(grown, group, *children)
        await grown.crash("boss/b")
        await grown.expect(ChildRestarting, "boss/b")
        await stands(grown, with_b(group, WAITS, WAITS))
        grown.clock.advance(29.0)
        await stands(grown, with_b(group, WAITS, WAITS))
        grown.clock.advance(1.0)
        for id_ in CONCERNED[group]:
            await grown.expect(ChildStarted, f"boss/{id_}", count=2)

        assert grown.standing("boss") == with_b(group, AGAIN, AGAIN)
