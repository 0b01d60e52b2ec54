"""What OTP does not have: backoff, an intensity and quarantine for one child, dictated waits."""

from __future__ import annotations

import asyncio
from typing import Any

import pykka
import pytest
from tenacity import wait_fixed, wait_incrementing

from telewarden.supervision import (
    ChildFailed,
    ChildQuarantined,
    ChildReleased,
    ChildRestarting,
    ChildResumed,
    ChildSpec,
    ChildStarted,
    ChildState,
    ChildStopped,
    Directive,
    ExitKind,
    Quarantine,
    Restart,
    RestartChild,
    RestartIntensity,
    Strategy,
    Supervisor,
    SupervisorSpec,
    WaitUntil,
    ask_async,
    directives,
)

pytestmark = [
    pytest.mark.supervision,
    pytest.mark.crashes(
        "*",
        (IndexError, KeyError, PermissionError, TimeoutError, ValueError),
        logged="child abandoned|child quarantined|supervisor gives up",
    ),
]

GENEROUS = RestartIntensity(limit=1000, period=1.0)
BOOM = ("raise", ValueError("boom"))


def three(
    child_class: type[pykka.Actor], strategy: Strategy, restart: Restart, **more: Any
) -> SupervisorSpec:
    return SupervisorSpec(
        strategy=strategy,
        children=tuple(
            ChildSpec(id=id_, actor=child_class, restart=restart, **more) for id_ in "abc"
        ),
        intensity=GENEROUS,
    )


async def test_s8_a_backoff_grows_with_each_failure_and_starts_over_after_stable_uptime(
    grow: Any, nursery: Any
) -> None:
    growing = wait_incrementing(start=1, increment=1)
    child = nursery.child("a", backoff=growing, stable_after=60.0)
    async with grow(nursery.group(child, intensity=GENEROUS)) as grown:
        for count, uptime in enumerate((0.0, 0.0, 59.9, 60.0), start=1):
            grown.clock.advance(uptime)
            await grown.crash("a")
            restarting = await grown.expect(ChildRestarting, "a", count=count)
            grown.clock.advance(restarting.delay)
            await grown.expect(ChildStarted, "a", count=count + 1)

        delays = [event.delay for event in grown.probe.seen(ChildRestarting, "a")]
        assert delays == [1.0, 2.0, 3.0, 1.0]


async def test_s8_failures_in_a_row_trip_where_a_long_backoff_outlasts_every_window(
    grow: Any, nursery: Any
) -> None:
    intensity = RestartIntensity(limit=3, period=5.0, in_a_row=4)
    child = nursery.child("a", backoff=wait_fixed(60), stable_after=600.0)
    async with grow(nursery.group(child, intensity=intensity)) as grown:
        for count in range(1, 5):
            await grown.crash("a")
            await grown.expect(ChildRestarting, "a", count=count)
            grown.clock.advance(60.0)
            await grown.expect(ChildStarted, "a", count=count + 1)
        await grown.crash("a")

        assert (await grown.within(grown.tree.terminated)).kind is ExitKind.SHUTDOWN


async def test_a_child_down_for_a_while_keeps_what_is_told_to_it(
    grow: Any, child_class: type[pykka.Actor]
) -> None:
    spec = three(
        child_class,
        Strategy.ONE_FOR_ONE,
        Restart.PERMANENT,
        backoff=wait_fixed(2) + wait_fixed(1),
        stable_after=60.0,
    )
    async with grow(spec) as grown:
        grown.tree.ref("a").tell(BOOM)
        restarting = await grown.expect(ChildRestarting, "a")
        grown.tree.ref("a").tell("count")
        grown.clock.advance(2.9)
        await grown.rest()
        before = grown.tree.snapshot().find("a")
        grown.clock.advance(0.1)
        await grown.expect(ChildStarted, "a", count=2)

        assert (restarting.delay, restarting.in_a_row) == (3.0, 1)
        assert (before.state, before.why) == (ChildState.RESTARTING, "backoff")
        assert before.resumes_in == pytest.approx(0.1)
        assert await grown.ask("a", "count") == 2  # the one told during the pause was kept


async def test_a_child_past_its_own_intensity_is_quarantined_and_its_siblings_go_on(
    grow: Any, child_class: type[pykka.Actor]
) -> None:
    spec = SupervisorSpec(
        children=(
            ChildSpec(
                id="sick", actor=child_class, intensity=RestartIntensity(limit=2, period=5.0)
            ),
            ChildSpec(id="well", actor=child_class),
        ),
        intensity=RestartIntensity(limit=0),
    )
    async with grow(spec) as grown:
        for _ in range(3):
            grown.tree.ref("sick").tell(BOOM)
        await grown.expect(ChildQuarantined, "sick")

        assert await grown.ask("well", "fine") == "fine"
        assert grown.tree.snapshot().find("well").incarnation == 1

        ref = await grown.command(RestartChild("sick"))
        assert await ask_async(ref, "released", timeout=5) == "released"


async def test_a_directive_resumes_stops_quarantines_or_waits(
    grow: Any, child_class: type[pykka.Actor]
) -> None:
    decide = directives(
        {
            KeyError: Directive.RESUME,
            IndexError: Directive.STOP,
            PermissionError: Quarantine("banned"),
            TimeoutError: WaitUntil(300.0),
        }
    )
    spec = three(child_class, Strategy.ONE_FOR_ONE, Restart.PERMANENT, directive=decide)
    async with grow(spec) as grown:
        a, b, c = (grown.tree.ref(id_) for id_ in "abc")
        a.tell("count")
        a.tell(("raise", KeyError()))
        await grown.expect(ChildResumed, "a")
        assert await grown.ask("a", "count") == 2  # same incarnation, same state

        a.tell(("raise", IndexError()))
        await grown.expect(ChildStopped, "a")
        b.tell(("raise", PermissionError()))
        quarantined = await grown.expect(ChildQuarantined, "b")
        c.tell(("raise", TimeoutError()))
        restarting = await grown.expect(ChildRestarting, "c")

        assert quarantined.reason == "banned"
        assert (restarting.delay, restarting.dictated) == (300.0, True)
        grown.clock.advance(299.0)
        await grown.rest()
        assert grown.tree.snapshot().find("c").state is ChildState.RESTARTING
        grown.clock.advance(1.0)
        await grown.expect(ChildStarted, "c", count=2)


@pytest.mark.parametrize("own", [True, False], ids=["its own", "the group's"])
async def test_a_dictated_wait_costs_no_intensity(grow: Any, nursery: Any, own: bool) -> None:
    once = RestartIntensity(limit=1, period=600.0)
    child = nursery.child(
        "a",
        directive=directives({TimeoutError: WaitUntil(1.0)}),
        intensity=once if own else None,
    )
    async with grow(nursery.group(child, intensity=once)) as grown:
        for count in (1, 2, 3):
            grown.tree.ref("a").tell(("raise", TimeoutError()))
            await grown.expect(ChildRestarting, "a", count=count)
            grown.clock.advance(1.0)
            await grown.expect(ChildStarted, "a", count=count + 1)
        await grown.crash("a", again=5)  # the one restart that the intensity has

        assert grown.standing() == {"a": (5, ChildState.RUNNING)}


async def test_who_is_in_quarantine_stays_there_when_its_group_is_restarted(
    grow: Any, nursery: Any
) -> None:
    sick = nursery.child("sick", directive=lambda _: Quarantine("banned"))
    spec = nursery.group("a", sick, "c", strategy=Strategy.ONE_FOR_ALL)
    async with grow(spec) as grown:
        await grown.crash("sick")
        await grown.expect(ChildQuarantined, "sick")
        await grown.crash("a")
        await grown.expect(ChildStarted, "c", count=2)

        assert grown.standing()["sick"] == (1, ChildState.QUARANTINED)
        assert len(grown.probe.seen(ChildQuarantined)) == 1


async def test_who_was_abandoned_is_quarantined_once(
    grow: Any, thread_child: type[pykka.Actor], gate: Any
) -> None:
    hanging = ChildSpec(id="hanging", actor=thread_child, shutdown=1.0)
    spec = SupervisorSpec(
        strategy=Strategy.ONE_FOR_ALL, children=(ChildSpec(id="a", actor=thread_child), hanging)
    )
    async with grow(spec) as grown:
        grown.tree.ref("hanging").tell(("wait", gate))
        await gate.is_entered()
        for count in (2, 3):
            await grown.crash("a")
            await grown.until(lambda: grown.standing()["a"][1] is not ChildState.RUNNING)
            await grown.rest()
            grown.clock.advance(1.0)
            await grown.expect(ChildStarted, "a", count=count)

        assert grown.standing()["hanging"] == (1, ChildState.QUARANTINED)
        assert len(grown.probe.seen(ChildQuarantined)) == 1
        gate.open()


async def test_a_release_from_quarantine_begins_with_a_fresh_intensity(
    grow: Any, nursery: Any
) -> None:
    child = nursery.child(
        "a", intensity=RestartIntensity(limit=1, period=600.0), backoff=wait_incrementing(1, 1)
    )
    async with grow(nursery.group(child)) as grown:
        for incarnation in (1, 3):
            await grown.crash("a")
            restarting = await grown.expect(ChildRestarting, "a", count=(incarnation + 1) // 2)
            assert (restarting.in_a_row, restarting.delay) == (1, 1.0)
            grown.clock.advance(1.0)
            await grown.expect(ChildStarted, "a", count=incarnation + 1)
            await grown.crash("a")
            await grown.expect(ChildQuarantined, "a", count=(incarnation + 1) // 2)
            await grown.command(RestartChild("a"))

        assert grown.standing() == {"a": (5, ChildState.RUNNING)}
        assert len(grown.probe.seen(ChildReleased, "a")) == 2


async def test_an_escalated_error_fails_the_supervisor_and_its_own_decides(
    grow: Any, child_class: type[pykka.Actor]
) -> None:
    inner = SupervisorSpec(
        children=(ChildSpec(id="x", actor=child_class, directive=lambda _: Directive.ESCALATE),)
    )
    spec = SupervisorSpec(children=(ChildSpec(id="inner", actor=Supervisor, args=(inner,)),))
    async with grow(spec) as grown:
        grown.tree.ref("inner/x").tell(BOOM)
        await grown.expect(ChildStarted, "inner", count=2)

        failed = grown.probe.seen(ChildFailed, "inner")
        assert [type(e.exit.error) for e in failed] == [ValueError]
        assert await grown.ask("inner/x", "back") == "back"


async def test_a_group_waits_with_the_child_that_has_to_wait(
    grow: Any, child_class: type[pykka.Actor]
) -> None:
    spec = SupervisorSpec(
        strategy=Strategy.REST_FOR_ONE,
        children=(
            ChildSpec(id="before", actor=child_class),
            ChildSpec(id="session", actor=child_class, directive=lambda _: WaitUntil(30.0)),
            ChildSpec(id="groups", actor=child_class),
        ),
    )
    async with grow(spec) as grown:
        grown.tree.ref("session").tell(BOOM)
        await grown.expect(ChildStopped, "groups")
        await grown.rest()
        states = {c.id: c.state for c in grown.tree.snapshot().children}
        grown.clock.advance(30.0)
        await grown.expect(ChildStarted, "groups", count=2)

        assert states == {
            "before": ChildState.RUNNING,
            "session": ChildState.RESTARTING,
            "groups": ChildState.RESTARTING,
        }


async def test_a_thousand_crashing_at_once_all_come_back(
    grow: Any, loop_child: type[pykka.Actor]
) -> None:
    spec = SupervisorSpec(
        children=tuple(ChildSpec(id=f"c{n}", actor=loop_child) for n in range(1000)),
        intensity=RestartIntensity(limit=1000, period=5.0),
    )
    async with grow(spec) as grown:
        for n in range(1000):
            grown.tree.ref(f"c{n}").tell(BOOM)
        answers = await asyncio.gather(*(grown.ask(f"c{n}", "count") for n in range(1000)))

        assert answers == [1] * 1000
