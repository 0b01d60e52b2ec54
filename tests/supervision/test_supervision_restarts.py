"""Who comes back after what (S1, S2, S3, S5, S6, S10, S11), on both hosts."""

from __future__ import annotations

from typing import Any

import pykka
import pytest

from telewarden.errors import ChildStartError, DrillError, IntensityExceededError
from telewarden.supervision import (
    ChildFailed,
    ChildForgotten,
    ChildSpec,
    ChildStarted,
    ChildStartFailed,
    ChildState,
    ChildStopped,
    Drill,
    ExitKind,
    IntensityExceeded,
    Restart,
    RestartChild,
    RestartIntensity,
    StartChild,
    Strategy,
    Supervisor,
    SupervisorSpec,
    TerminateChild,
)

pytestmark = [
    pytest.mark.supervision,
    pytest.mark.crashes(
        "*",
        (ConnectionResetError, DrillError, ValueError),
        start=OSError,
        logged="supervisor gives up",
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


async def test_s10_a_group_stops_backwards_and_starts_forwards(
    grow: Any, child_class: type[pykka.Actor]
) -> None:
    async with grow(three(child_class, Strategy.ONE_FOR_ALL, Restart.PERMANENT)) as grown:
        grown.probe.clear()
        grown.tree.ref("b").tell(BOOM)
        await grown.expect(ChildStarted, "c")

        assert grown.probe.story(ChildStarted, ChildStopped) == [
            ("ChildStopped", "c"),
            ("ChildStopped", "a"),
            ("ChildStarted", "a"),
            ("ChildStarted", "b"),
            ("ChildStarted", "c"),
        ]


async def test_s10_a_temporary_sibling_in_a_group_restart_is_forgotten_and_not_counted(
    grow: Any, child_class: type[pykka.Actor]
) -> None:
    spec = SupervisorSpec(
        strategy=Strategy.ONE_FOR_ALL,
        children=(
            ChildSpec(id="a", actor=child_class),
            ChildSpec(id="guest", actor=child_class, restart=Restart.TEMPORARY),
        ),
        intensity=RestartIntensity(limit=1, period=5.0),
    )
    async with grow(spec) as grown:
        grown.tree.ref("a").tell(BOOM)
        await grown.expect(ChildStarted, "a", count=2)

        assert [child.id for child in grown.tree.snapshot().children] == ["a"]


async def test_s10_a_finished_transient_sibling_comes_back_with_the_group(
    grow: Any, child_class: type[pykka.Actor]
) -> None:
    async with grow(three(child_class, Strategy.ONE_FOR_ALL, Restart.TRANSIENT)) as grown:
        grown.tree.ref("a").tell("leave")
        await grown.expect(ChildStopped, "a")
        grown.tree.ref("b").tell(BOOM)
        await grown.expect(ChildStarted, "c", count=2)

        assert all(child.state is ChildState.RUNNING for child in grown.tree.snapshot().children)


@pytest.mark.parametrize("strategy", [Strategy.ONE_FOR_ALL, Strategy.REST_FOR_ONE])
async def test_s10_s11_another_child_that_fails_to_restart_is_tried_again(
    grow: Any, child_class: type[pykka.Actor], told: Any, strategy: Strategy
) -> None:
    second = told()
    spec = SupervisorSpec(
        strategy=strategy,
        children=(
            ChildSpec(id="a", actor=child_class),
            ChildSpec(id="b", actor=child_class, args=(second,)),
        ),
        intensity=GENEROUS,
    )
    async with grow(spec) as grown:
        second.fail_starts = 1
        grown.tree.ref("a").tell(BOOM)
        await grown.expect(ChildStarted, "b", count=2)

        # S10 takes the first one down again for the next attempt, S11 keeps it
        assert len(grown.probe.seen(ChildStarted, "a")) == (
            3 if strategy is Strategy.ONE_FOR_ALL else 2
        )
        assert len(grown.probe.seen(ChildStartFailed, "b")) == 1


# S5, S6: the intensity


async def test_s6_a_supervisor_that_outran_its_intensity_stops_all_and_ends(
    grow: Any, child_class: type[pykka.Actor]
) -> None:
    spec = SupervisorSpec(
        children=tuple(ChildSpec(id=id_, actor=child_class) for id_ in "ab"),
        intensity=RestartIntensity(limit=2, period=5.0),
    )
    async with grow(spec) as grown:
        for _ in range(3):
            grown.tree.ref("b").tell(BOOM)
        exit_ = await grown.within(grown.tree.terminated)

        assert (exit_.kind, type(exit_.error)) == (ExitKind.SHUTDOWN, IntensityExceededError)
        assert grown.probe.seen(IntensityExceeded)[0].offender == "b"
        assert grown.probe.story(ChildStopped)[-1] == ("ChildStopped", "a")


async def test_s5_four_restarts_spaced_wider_than_the_period_never_trip(
    grow: Any, child_class: type[pykka.Actor]
) -> None:
    spec = SupervisorSpec(
        children=(ChildSpec(id="a", actor=child_class),),
        intensity=RestartIntensity(limit=1, period=1.0),
    )
    async with grow(spec) as grown:
        for incarnation in range(2, 6):
            grown.clock.advance(1.1)
            grown.tree.ref("a").tell(BOOM)
            await grown.expect(ChildStarted, "a", count=incarnation)

        assert grown.probe.seen(IntensityExceeded) == []


async def test_s5_a_child_that_cannot_restart_exhausts_its_tries(
    grow: Any, child_class: type[pykka.Actor], told: Any
) -> None:
    orders = told()
    spec = SupervisorSpec(
        children=(ChildSpec(id="a", actor=child_class, args=(orders,)),),
        intensity=RestartIntensity(limit=3, period=5.0),
    )
    async with grow(spec) as grown:
        orders.fail_starts = 100
        grown.tree.ref("a").tell(BOOM)
        await grown.within(grown.tree.terminated)

        # the crash and each failed attempt cost one: three are covered, the fourth is not
        assert len(grown.probe.seen(ChildStartFailed, "a")) == 3


async def restarts_by_command(grown: Any, _: Any) -> None:
    await grown.command(TerminateChild("a"))
    await grown.command(RestartChild("a"))
    await grown.command(RestartChild("a", force=True))


async def leaves_as_a_transient_one(grown: Any, nursery: Any) -> None:
    await grown.command(StartChild(nursery.child("t", restart=Restart.TRANSIENT)))
    grown.tree.ref("t").tell("leave")
    await grown.expect(ChildStopped, "t")


async def crashes_as_a_temporary_one(grown: Any, nursery: Any) -> None:
    await grown.command(StartChild(nursery.child("t", restart=Restart.TEMPORARY)))
    await grown.crash("t")
    await grown.expect(ChildForgotten, "t")


async def fails_to_start_by_command(grown: Any, nursery: Any) -> None:
    child = nursery.child("f")
    nursery.told["f"].fail_starts = 1
    with pytest.raises(ChildStartError):
        await grown.command(StartChild(child))


@pytest.mark.parametrize(
    "deed",
    [
        restarts_by_command,
        leaves_as_a_transient_one,
        crashes_as_a_temporary_one,
        fails_to_start_by_command,
    ],
)
async def test_s5_what_is_no_automatic_restart_costs_nothing(
    grow: Any, nursery: Any, deed: Any
) -> None:
    async with grow(nursery.group("a", intensity=RestartIntensity(limit=1, period=600.0))) as grown:
        await deed(grown, nursery)
        assert grown.tree.snapshot().restarts_left == 1
        incarnation = grown.standing()["a"][0]
        await grown.crash("a")
        await grown.until(lambda: grown.standing()["a"] == (incarnation + 1, ChildState.RUNNING))
        await grown.crash("a")

        assert (await grown.within(grown.tree.terminated)).kind is ExitKind.SHUTDOWN


async def test_s6_a_transient_supervisor_that_gave_up_is_not_restarted_a_permanent_one_is(
    grow: Any, loop_child: type[pykka.Actor]
) -> None:
    def inner(restart: Restart) -> ChildSpec:
        spec = SupervisorSpec(
            children=(ChildSpec(id="x", actor=loop_child),), intensity=RestartIntensity(limit=0)
        )
        return ChildSpec(id=restart.value, actor=Supervisor, args=(spec,), restart=restart)

    spec = SupervisorSpec(children=(inner(Restart.TRANSIENT), inner(Restart.PERMANENT)))
    async with grow(spec) as grown:
        grown.tree.ref("transient/x").tell(BOOM)
        grown.tree.ref("permanent/x").tell(BOOM)
        await grown.expect(ChildStopped, "transient")
        await grown.expect(ChildStarted, "permanent", count=2)

        assert await grown.ask("permanent/x", "back") == "back"
        assert grown.tree.snapshot().find("transient").state is ChildState.STOPPED


# S2, S3: what is a crash


async def test_s3_an_error_in_an_ask_goes_to_the_asker_and_the_child_lives(
    grow: Any, child_class: type[pykka.Actor]
) -> None:
    async with grow(three(child_class, Strategy.ONE_FOR_ONE, Restart.PERMANENT)) as grown:
        with pytest.raises(ValueError, match="boom"):
            await grown.ask("a", BOOM)

        assert await grown.ask("a", "count") == 1
        assert grown.tree.snapshot().find("a").incarnation == 1


async def test_s3_errors_of_the_chosen_classes_are_a_crash_even_in_an_ask(
    grow: Any, child_class: type[pykka.Actor]
) -> None:
    spec = three(
        child_class, Strategy.ONE_FOR_ONE, Restart.PERMANENT, ask_failures=(ConnectionError,)
    )
    async with grow(spec) as grown:
        with pytest.raises(ConnectionResetError):
            await grown.ask("a", ("raise", ConnectionResetError("line")))
        failed = await grown.expect(ChildFailed, "a")

        assert isinstance(failed.exit.error, ConnectionResetError)
        assert await grown.ask("a", "again") == "again"


async def test_s3_a_drill_is_a_crash_even_when_asked(
    grow: Any, child_class: type[pykka.Actor]
) -> None:
    async with grow(three(child_class, Strategy.ONE_FOR_ONE, Restart.PERMANENT)) as grown:
        with pytest.raises(Exception, match="drill: fire"):
            await grown.ask("a", Drill("fire"))
        await grown.expect(ChildStarted, "a", count=2)


async def test_s2_each_end_is_reported_once_with_its_incarnation_and_uptime(
    grow: Any, child_class: type[pykka.Actor]
) -> None:
    async with grow(three(child_class, Strategy.ONE_FOR_ONE, Restart.PERMANENT)) as grown:
        grown.clock.advance(7.0)
        grown.tree.ref("a").tell(BOOM)
        await grown.expect(ChildStarted, "a", count=2)
        grown.tree.ref("a").tell(BOOM)
        await grown.expect(ChildStarted, "a", count=3)

        failed = grown.probe.seen(ChildFailed)
        assert [(e.incarnation, e.uptime) for e in failed] == [(1, 7.0), (2, 0.0)]


async def test_on_failure_runs_before_the_next_incarnation_is_built(
    grow: Any, child_class: type[pykka.Actor], told: Any
) -> None:
    orders = told()
    spec = SupervisorSpec(children=(ChildSpec(id="a", actor=child_class, args=(orders,)),))
    async with grow(spec) as grown:
        grown.tree.ref("a").tell(BOOM)
        await grown.expect(ChildStarted, "a", count=2)

        assert orders.log == ["init", "start", "failure ValueError", "init", "start"]
