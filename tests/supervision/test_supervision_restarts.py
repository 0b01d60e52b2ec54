"""Who comes back after what (S1, S2, S3, S5, S6, S10, S11), on both hosts."""

from __future__ import annotations

import asyncio
from typing import Any

import pykka
import pytest
from tenacity import wait_fixed, wait_incrementing

from telewarden.errors import BudgetExhaustedError
from telewarden.supervision import (
    BudgetExhausted,
    ChildFailed,
    ChildQuarantined,
    ChildRestarting,
    ChildResumed,
    ChildSpec,
    ChildStarted,
    ChildStartFailed,
    ChildStopped,
    Drill,
    ExitKind,
    Phase,
    Quarantine,
    Restart,
    RestartBudget,
    RestartChild,
    Strategy,
    Supervisor,
    SupervisorSpec,
    TerminateChild,
    Verdict,
    WaitUntil,
    ask_async,
    directives,
)

pytestmark = pytest.mark.supervision

GENEROUS = RestartBudget(limit=1000, within=1.0)
BOOM = ("raise", ValueError("boom"))


def three(
    child_class: type[pykka.Actor], strategy: Strategy, restart: Restart, **more: Any
) -> SupervisorSpec:
    return SupervisorSpec(
        strategy=strategy,
        children=tuple(
            ChildSpec(id=id_, actor=child_class, restart=restart, **more) for id_ in "abc"
        ),
        budget=GENEROUS,
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
        budget=RestartBudget(limit=1, within=5.0),
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

        assert all(child.phase is Phase.RUNNING for child in grown.tree.snapshot().children)


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
        budget=GENEROUS,
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


# S5, S6: the budget


async def test_s6_a_supervisor_that_outran_its_budget_stops_all_and_ends(
    grow: Any, child_class: type[pykka.Actor]
) -> None:
    spec = SupervisorSpec(
        children=tuple(ChildSpec(id=id_, actor=child_class) for id_ in "ab"),
        budget=RestartBudget(limit=2, within=5.0),
    )
    async with grow(spec) as grown:
        for _ in range(3):
            grown.tree.ref("b").tell(BOOM)
        exit_ = await grown.within(grown.tree.terminated)

        assert (exit_.kind, type(exit_.error)) == (ExitKind.SHUTDOWN, BudgetExhaustedError)
        assert grown.probe.seen(BudgetExhausted)[0].offender == "b"
        assert grown.probe.story(ChildStopped)[-1] == ("ChildStopped", "a")


async def test_s5_four_restarts_spaced_wider_than_the_period_never_trip(
    grow: Any, child_class: type[pykka.Actor]
) -> None:
    spec = SupervisorSpec(
        children=(ChildSpec(id="a", actor=child_class),),
        budget=RestartBudget(limit=1, within=1.0),
    )
    async with grow(spec) as grown:
        for incarnation in range(2, 6):
            grown.clock.advance(1.1)
            grown.tree.ref("a").tell(BOOM)
            await grown.expect(ChildStarted, "a", count=incarnation)

        assert grown.probe.seen(BudgetExhausted) == []


async def test_s5_a_child_that_cannot_restart_exhausts_its_tries(
    grow: Any, child_class: type[pykka.Actor], told: Any
) -> None:
    orders = told()
    spec = SupervisorSpec(
        children=(ChildSpec(id="a", actor=child_class, args=(orders,)),),
        budget=RestartBudget(limit=3, within=5.0),
    )
    async with grow(spec) as grown:
        orders.fail_starts = 100
        grown.tree.ref("a").tell(BOOM)
        await grown.within(grown.tree.terminated)

        # the crash and each failed attempt cost one: three are covered, the fourth is not
        assert len(grown.probe.seen(ChildStartFailed, "a")) == 3


async def test_s5_a_restart_by_command_costs_nothing(
    grow: Any, child_class: type[pykka.Actor]
) -> None:
    spec = SupervisorSpec(
        children=(ChildSpec(id="a", actor=child_class),), budget=RestartBudget(limit=0)
    )
    async with grow(spec) as grown:
        for _ in range(3):
            await grown.command(TerminateChild("a"))
            await grown.command(RestartChild("a"))
        await grown.command(RestartChild("a", force=True))

        assert await grown.ask("a", "still here") == "still here"


async def test_s6_a_transient_supervisor_that_gave_up_is_not_restarted_a_permanent_one_is(
    grow: Any, loop_child: type[pykka.Actor]
) -> None:
    def inner(restart: Restart) -> ChildSpec:
        spec = SupervisorSpec(
            children=(ChildSpec(id="x", actor=loop_child),), budget=RestartBudget(limit=0)
        )
        return ChildSpec(id=restart.value, actor=Supervisor, args=(spec,), restart=restart)

    spec = SupervisorSpec(children=(inner(Restart.TRANSIENT), inner(Restart.PERMANENT)))
    async with grow(spec) as grown:
        grown.tree.ref("transient/x").tell(BOOM)
        grown.tree.ref("permanent/x").tell(BOOM)
        await grown.expect(ChildStopped, "transient")
        await grown.expect(ChildStarted, "permanent", count=2)

        assert await grown.ask("permanent/x", "back") == "back"
        assert grown.tree.snapshot().find("transient").phase is Phase.STOPPED


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


# beyond OTP


async def test_s8_a_backoff_grows_with_each_failure_and_starts_over_after_stable_uptime(
    grow: Any, nursery: Any
) -> None:
    growing = wait_incrementing(start=1, increment=1)
    child = nursery.child("a", backoff=growing, stable_after=60.0)
    async with grow(nursery.group(child, budget=GENEROUS)) as grown:
        for count, uptime in enumerate((0.0, 0.0, 59.9, 60.0), start=1):
            grown.clock.advance(uptime)
            await grown.crash("a")
            restarting = await grown.expect(ChildRestarting, "a", count=count)
            grown.clock.advance(restarting.delay)
            await grown.expect(ChildStarted, "a", count=count + 1)

        delays = [event.delay for event in grown.probe.seen(ChildRestarting, "a")]
        assert delays == [1.0, 2.0, 3.0, 1.0]


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
        assert (before.phase, before.why) == (Phase.RESTARTING, "backoff")
        assert before.resumes_in == pytest.approx(0.1)
        assert await grown.ask("a", "count") == 2  # the one told during the pause was kept


async def test_a_child_past_its_own_budget_is_quarantined_and_its_siblings_go_on(
    grow: Any, child_class: type[pykka.Actor]
) -> None:
    spec = SupervisorSpec(
        children=(
            ChildSpec(id="sick", actor=child_class, budget=RestartBudget(limit=2, within=5.0)),
            ChildSpec(id="well", actor=child_class),
        ),
        budget=RestartBudget(limit=0),
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
            KeyError: Verdict.RESUME,
            IndexError: Verdict.STOP,
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
        assert grown.tree.snapshot().find("c").phase is Phase.RESTARTING
        grown.clock.advance(1.0)
        await grown.expect(ChildStarted, "c", count=2)


async def test_a_dictated_wait_costs_no_budget(grow: Any, child_class: type[pykka.Actor]) -> None:
    spec = SupervisorSpec(
        children=(ChildSpec(id="a", actor=child_class, directive=lambda _: WaitUntil(1.0)),),
        budget=RestartBudget(limit=0),
    )
    async with grow(spec) as grown:
        for incarnation in (2, 3, 4):
            grown.tree.ref("a").tell(BOOM)
            await grown.expect(ChildRestarting, "a", count=incarnation - 1)
            grown.clock.advance(1.0)
            await grown.expect(ChildStarted, "a", count=incarnation)


async def test_an_escalated_error_fails_the_supervisor_and_its_own_decides(
    grow: Any, child_class: type[pykka.Actor]
) -> None:
    inner = SupervisorSpec(
        children=(ChildSpec(id="x", actor=child_class, directive=lambda _: Verdict.ESCALATE),)
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
        phases = {c.id: c.phase for c in grown.tree.snapshot().children}
        grown.clock.advance(30.0)
        await grown.expect(ChildStarted, "groups", count=2)

        assert phases == {
            "before": Phase.RUNNING,
            "session": Phase.RESTARTING,
            "groups": Phase.RESTARTING,
        }


async def test_a_thousand_crashing_at_once_all_come_back(
    grow: Any, loop_child: type[pykka.Actor]
) -> None:
    spec = SupervisorSpec(
        children=tuple(ChildSpec(id=f"c{n}", actor=loop_child) for n in range(1000)),
        budget=RestartBudget(limit=1000, within=5.0),
    )
    async with grow(spec) as grown:
        for n in range(1000):
            grown.tree.ref(f"c{n}").tell(BOOM)
        answers = await asyncio.gather(*(grown.ask(f"c{n}", "count") for n in range(1000)))

        assert answers == [1] * 1000
