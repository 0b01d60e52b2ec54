"""Small scripts, held against what Erlang/OTP 25 answers to the same (see ``differential``)."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pykka
import pytest
from tenacity import wait_fixed

from telewarden.errors import (
    ChildNotFoundError,
    ChildRunningError,
    DrillError,
    IntensityExceededError,
    InvalidSpecError,
)
from telewarden.supervision import (
    AutoShutdown,
    ChildRestarting,
    ChildSpec,
    ChildStarted,
    ChildStartFailed,
    ChildState,
    ChildStopped,
    CountChildren,
    DeleteChild,
    Drill,
    DynamicSupervisor,
    ExitKind,
    Host,
    Ignore,
    IntensityExceeded,
    LoopActor,
    Restart,
    RestartChild,
    RestartIntensity,
    Shutdown,
    Sibling,
    StartChild,
    Strategy,
    Supervisor,
    SupervisorSpec,
    TerminateChild,
    WaitUntil,
    WhichChildren,
)

pytestmark = [
    pytest.mark.supervision,
    pytest.mark.crashes(
        "*",
        (DrillError, ValueError),
        start=(IntensityExceededError, OSError),
        logged="child abandoned|child quarantined|supervisor gives up",
    ),
    pytest.mark.crashes("*", dropped="_ActorStop"),
]

ENDLESS = RestartIntensity(limit=1_000_000, period=1.0)
GROUPS = [Strategy.ONE_FOR_ALL, Strategy.REST_FOR_ONE]


def nested(id_: str, spec: SupervisorSpec, **more: Any) -> ChildSpec:
    return ChildSpec(id=id_, actor=Supervisor, args=(spec,), **more)


async def at_once(grown: Any, *commands: object, path: str = "") -> list[Any]:
    """Send commands without waiting for the answer of the one before; their answers or errors."""
    ref = grown.tree.ref(path) if path else grown.tree.supervisor
    replies = [ref.ask(command, block=False) for command in commands]
    return [await grown.within(_outcome(reply)) for reply in replies]


async def _outcome(reply: Any) -> Any:
    try:
        return await reply
    except Exception as error:  # noqa: BLE001 - the answer
        return error


# a killed child comes back with its supervisor


async def test_a_child_killed_while_it_was_idle_starts_again_with_its_supervisor(
    grow: Any, nursery: Any
) -> None:
    inner = nursery.group(nursery.child("b", shutdown=Shutdown.IMMEDIATE))
    spec = SupervisorSpec(
        children=(nested("a", inner),), intensity=RestartIntensity(limit=200, period=1.0)
    )
    async with grow(spec) as grown:
        for count in range(2, 100):
            grown.tree.ref("a").tell(Drill())
            await grown.expect(ChildStarted, "a", count=count)
            assert grown.standing("a") == {"b": (count, ChildState.RUNNING)}


async def test_a_thread_that_was_given_a_message_as_it_was_killed_is_left_behind(
    grow: Any, nursery: Any, gate: Any
) -> None:
    if nursery.host is Host.LOOP:
        return
    inner = nursery.group(nursery.child("b", shutdown=Shutdown.IMMEDIATE))
    async with grow(SupervisorSpec(children=(nested("a", inner),))) as grown:
        grown.tree.ref("a/b").tell(("wait", gate))
        await gate.is_entered()
        grown.tree.ref("a").tell(Drill())
        await grown.expect(ChildStarted, "a", count=2)

        assert grown.standing("a") == {"b": (1, ChildState.QUARANTINED)}
        gate.open()


# what a child sends itself while it starts


class Hasty:
    """Sends itself a message before anybody else can."""

    def __init__(self, heard: Any, ignores: Any = None) -> None:
        super().__init__()
        self.heard, self.ignores = heard, ignores if ignores is not None else []

    def on_start(self) -> None:
        if self.ignores:
            raise self.ignores.pop()
        self.actor_ref.tell("own")  # type: ignore[attr-defined]

    def on_receive(self, message: object) -> None:
        self.heard.append(message)
        if message == "raise":
            raise ValueError(message)


class HastyOnLoop(Hasty, LoopActor):
    """On the loop."""


class HastyOnThread(Hasty, pykka.ThreadingActor):
    """On a thread."""


HASTY = {Host.LOOP: HastyOnLoop, Host.THREAD: HastyOnThread}


@pytest.mark.parametrize("way", ["stopped", "ignored", "quarantined", "below", "group"])
async def test_the_first_message_a_child_sends_itself_is_handled_whatever_it_starts_from(
    grow: Any, host: Host, way: str
) -> None:
    heard: list[object] = []
    ignores = [Ignore()] if way == "ignored" else []
    intensity = RestartIntensity(limit=0, period=1.0) if way == "quarantined" else None
    child = ChildSpec(id="c", actor=HASTY[host], args=(heard, ignores), intensity=intensity)
    inner = SupervisorSpec(strategy=Strategy.ONE_FOR_ALL, children=(child, child_of("d", host)))
    async with grow(SupervisorSpec(children=(nested("sup", inner),))) as grown:
        starts = 0 if way == "ignored" else 1
        await grown.until(lambda: heard == ["own"] * starts)
        if way == "quarantined":
            grown.tree.ref("sup/c").tell("raise")
            await grown.until(lambda: grown.standing("sup")["c"][1] is ChildState.QUARANTINED)
        elif way == "below":
            await grown.command(TerminateChild("sup"))
        elif way != "ignored":
            await grown.command(TerminateChild("c"), "sup")
        heard.clear()

        if way == "below":
            await grown.command(RestartChild("sup"))
        elif way == "group":
            grown.tree.ref("sup/d").tell(Drill())
        else:
            await grown.command(RestartChild("c"), "sup")
        await grown.expect(ChildStarted, "sup/c", count=starts + 1)
        await grown.until(lambda: heard == ["own"])

        assert grown.tree.dead_letters.count == (1 if way == "quarantined" else 0) + (
            way == "group"
        )


def child_of(id_: str, host: Host) -> ChildSpec:
    return ChildSpec(id=id_, actor=HASTY[host], args=([],))


class Greeting(LoopActor):
    """Sends its sibling a word while it starts itself."""

    def __init__(self, sibling: pykka.ActorRef[Any]) -> None:
        super().__init__()
        sibling.tell("welcome")


async def test_what_a_sibling_is_sent_before_its_turn_to_start_waits_for_it(
    grow: Any, host: Host
) -> None:
    heard: list[object] = []
    later = ChildSpec(id="later", actor=HASTY[host], args=(heard,))
    greeting = ChildSpec(id="greeting", actor=Greeting, args=(Sibling("later"),))
    inner = SupervisorSpec(strategy=Strategy.ONE_FOR_ALL, children=(greeting, later))
    async with grow(SupervisorSpec(children=(nested("sup", inner),))) as grown:
        await grown.command(TerminateChild("sup"))
        await grown.command(RestartChild("sup"))
        await grown.command(TerminateChild("later"), "sup")
        grown.tree.ref("sup/greeting").tell(Drill())
        await grown.expect(ChildStarted, "sup/later", count=3)
        await grown.until(lambda: heard.count("welcome") == 3)

        assert heard.count("welcome") == 3


async def test_a_stop_that_a_child_asks_of_itself_is_not_left_to_the_next_incarnation(
    grow: Any, nursery: Any
) -> None:
    child = nursery.child("a", restart=Restart.TRANSIENT)
    async with grow(SupervisorSpec(children=(child,))) as grown:
        ref = grown.tree.ref("a")
        actor = ref.slot.actor
        ref.tell(("raise", ValueError("boom")))
        actor.stop()  # it would, if it had not failed before
        await grown.expect(ChildStarted, "a", count=2)

        assert await grown.ask("a", "here") == "here"
        assert grown.standing() == {"a": (2, ChildState.RUNNING)}


# what a supervisor is described with


async def test_a_restarted_supervisor_has_its_own_description_of_a_child_that_was_replaced(
    grow: Any, nursery: Any, loop_child: Any, thread_child: Any
) -> None:
    other = thread_child if nursery.host is Host.LOOP else loop_child
    for replacement in (
        nursery.child("c", restart=Restart.TEMPORARY),
        ChildSpec(id="c", actor=other, restart=Restart.TRANSIENT),
    ):
        async with grow(SupervisorSpec(children=(nested("a", nursery.group("c")),))) as grown:
            await grown.command(TerminateChild("c"), "a")
            await grown.command(DeleteChild("c"), "a")
            replaced = await grown.command(StartChild(replacement), "a")
            grown.tree.ref("a").tell(Drill())
            await grown.expect(ChildStarted, "a", count=2)

            (info,) = await grown.command(WhichChildren(), "a")
            assert (info.restart, info.state) == (Restart.PERMANENT, ChildState.RUNNING)
            assert info.ref.actor_class is nursery.child("c").actor
            assert not replaced.is_alive()


async def test_a_supervisor_that_describes_itself_anew_is_followed_and_keeps_its_references(
    grow: Any, nursery: Any
) -> None:
    kinds = iter((Restart.PERMANENT, Restart.TRANSIENT))

    class Renewed(Supervisor):
        def __init__(self) -> None:
            super().__init__(nursery.group(nursery.child("c", restart=next(kinds))))

    async with grow(SupervisorSpec(children=(ChildSpec(id="a", actor=Renewed),))) as grown:
        ref = grown.tree.ref("a/c")
        grown.tree.ref("a").tell(Drill())
        await grown.expect(ChildStarted, "a", count=2)

        (info,) = await grown.command(WhichChildren(), "a")
        assert info.restart is Restart.TRANSIENT
        assert await grown.within(ref.ask("still good", block=False)) == "still good"


# calling off a group's restarts


@pytest.mark.parametrize("strategy", GROUPS)
async def test_a_groups_restart_is_called_off_by_terminating_the_child_that_fails(
    grow: Any, nursery: Any, strategy: Strategy
) -> None:
    spec = nursery.group("a", "b", "c", strategy=strategy, intensity=ENDLESS)
    async with grow(spec) as grown:
        nursery.told["b"].fail_starts = 10**9
        await grown.crash("b")
        await grown.expect(ChildStartFailed, "b", count=3)

        await grown.command(TerminateChild("b"))
        await grown.rest()
        assert [p for _, p in grown.standing().values()] == [
            ChildState.RUNNING,
            ChildState.STOPPED,
            ChildState.STOPPED,
        ]
        nursery.told["b"].fail_starts = 0
        for id_ in "bc":
            await grown.command(RestartChild(id_))
        assert {p for _, p in grown.standing().values()} == {ChildState.RUNNING}


@pytest.mark.parametrize("strategy", GROUPS)
async def test_a_groups_backoff_is_called_off_by_terminating_the_child_that_waits(
    grow: Any, nursery: Any, strategy: Strategy
) -> None:
    spec = nursery.group("a", nursery.child("b", backoff=wait_fixed(5)), "c", strategy=strategy)
    async with grow(spec) as grown:
        await grown.crash("b")
        await grown.until(lambda: grown.standing()["c"][1] is ChildState.RESTARTING)

        await grown.command(TerminateChild("b"))
        grown.clock.advance(60.0)
        await grown.rest()

        assert grown.standing()["b"] == (1, ChildState.STOPPED)
        assert grown.standing()["c"] == (1, ChildState.STOPPED)
        assert not grown.tree.terminated.done


@pytest.mark.parametrize("strategy", GROUPS)
async def test_a_child_that_waits_for_a_sibling_can_be_started_or_deleted(
    grow: Any, nursery: Any, strategy: Strategy
) -> None:
    spec = nursery.group(
        nursery.child("b", backoff=wait_fixed(5)), "c", "d", strategy=strategy, intensity=ENDLESS
    )
    async with grow(spec) as grown:
        await grown.crash("b")
        await grown.until(lambda: grown.standing()["c"][1] is ChildState.RESTARTING)

        await grown.command(RestartChild("c"))
        await grown.command(DeleteChild("d"))
        assert grown.standing() == {"b": (1, ChildState.RESTARTING), "c": (2, ChildState.RUNNING)}
        grown.clock.advance(5.0)
        await grown.expect(ChildStarted, "c", count=3)

        assert grown.standing() == {"b": (2, ChildState.RUNNING), "c": (3, ChildState.RUNNING)}


async def test_a_dictated_wait_is_kept_when_an_earlier_sibling_waits_for_less(
    grow: Any, nursery: Any
) -> None:
    spec = nursery.group(
        nursery.child("a", backoff=wait_fixed(5)),
        nursery.child("b", directive=lambda _: WaitUntil(300.0)),
        "c",
        strategy=Strategy.REST_FOR_ONE,
    )
    async with grow(spec) as grown:
        await grown.crash("b")
        await grown.until(lambda: grown.standing()["c"][1] is ChildState.RESTARTING)
        await grown.crash("a")
        await grown.expect(ChildRestarting, "a")
        await grown.rest()
        grown.clock.advance(5.0)
        await grown.expect(ChildStarted, "a", count=2)
        await grown.rest()

        assert grown.standing()["b"] == (1, ChildState.RESTARTING)
        grown.clock.advance(295.0)
        await grown.expect(ChildStarted, "c", count=2)
        assert grown.standing()["b"] == (2, ChildState.RUNNING)


# commands in their order


async def test_terminate_and_restart_without_waiting_leave_the_child_running(
    grow: Any, nursery: Any
) -> None:
    async with grow(nursery.group("a")) as grown:
        exit_, ref = await at_once(grown, TerminateChild("a"), RestartChild("a"))

        assert exit_.kind is ExitKind.SHUTDOWN
        assert ref is grown.tree.ref("a")
        assert grown.standing() == {"a": (2, ChildState.RUNNING)}


@pytest.mark.parametrize("supervisor", ["static", "dynamic"])
async def test_changes_to_a_child_are_made_in_the_order_in_which_they_came(
    grow: Any, nursery: Any, supervisor: str
) -> None:
    pool = ChildSpec(id="pool", actor=DynamicSupervisor)
    if supervisor == "static":
        pool = nested("pool", SupervisorSpec())
    again = StartChild(nursery.child("a"))
    async with grow(SupervisorSpec(children=(pool,))) as grown:
        commands = [again, again, RestartChild("a"), DeleteChild("a"), TerminateChild("a")]
        commands += [] if supervisor == "dynamic" else [DeleteChild("a")]
        commands += [TerminateChild("a"), again, RestartChild("a", force=True), DeleteChild("a")]

        answers = await at_once(grown, *commands, path="pool")

        kinds = [type(a).__name__ for a in answers]
        running = ["ChildRunningError"] * 3
        gone = ["NoneType"] if supervisor == "static" else []
        assert kinds == [
            *("StableRef", *running, "Exit", *gone, "ChildNotFoundError"),
            *("StableRef", "StableRef", "ChildRunningError"),
        ]


async def test_a_change_to_one_child_does_not_wait_for_another_childs(
    grow: Any, nursery: Any
) -> None:
    let_go = threading.Event()
    async with grow(nursery.group("slow", "b")) as grown:
        if nursery.host is Host.THREAD:
            nursery.told["slow"].hold_stop = let_go
            stopping = asyncio.ensure_future(grown.command(TerminateChild("slow")))
            await grown.until(lambda: grown.standing()["slow"][1] is ChildState.STOPPING)

            await grown.command(TerminateChild("b"))
            await grown.command(RestartChild("b"))
            assert not stopping.done()
            let_go.set()
            await stopping

        assert grown.standing()["b"][1] is ChildState.RUNNING


async def test_a_change_to_a_child_that_is_being_restarted_waits_for_how_that_goes(
    grow: Any, thread_child: Any, told: Any
) -> None:
    orders = told()
    spec = ChildSpec(id="a", actor=thread_child, args=(orders,), backoff=None)
    async with grow(SupervisorSpec(children=(spec,))) as grown:
        orders.hold_start = threading.Event()
        await grown.crash("a")
        await grown.until(lambda: grown.standing()["a"][1] is ChildState.STARTING)
        asked = grown.tree.supervisor.ask(RestartChild("a"), block=False)
        await grown.rest()
        assert not asked.done
        orders.hold_start.set()

        with pytest.raises(ChildRunningError):
            await grown.within(asked)


@pytest.mark.parametrize("strategy", GROUPS)
async def test_a_child_started_by_command_while_its_group_is_restarted_is_answered_and_kept(
    grow: Any, nursery: Any, loop_child: Any, strategy: Strategy
) -> None:
    class Slow(loop_child):  # type: ignore[misc]
        async def on_start(self) -> None:
            await asyncio.sleep(0)
            await asyncio.sleep(0)

    async with grow(nursery.group("a", "b", strategy=strategy)) as grown:
        asked = grown.tree.supervisor.ask(StartChild(ChildSpec(id="c", actor=Slow)), block=False)
        await grown.until(lambda: "c" in grown.standing())
        await grown.crash("a")
        ref = await grown.within(asked)
        await grown.expect(ChildStarted, "c")
        await grown.rest()

        assert await grown.within(ref.ask("here", block=False)) == "here"
        assert {p for _, p in grown.standing().values()} == {ChildState.RUNNING}


# between a failed attempt and the next


class Passing:
    """Ends by itself as soon as it has been started again."""

    def __init__(self, starts: list[str]) -> None:
        super().__init__()
        starts.append("start")
        self.stays = len(starts) == 1

    def on_start(self) -> None:
        if not self.stays:
            self.stop()  # type: ignore[attr-defined]  # from the actor class beside it


class PassingOnLoop(Passing, LoopActor):
    """On the loop."""


class PassingOnThread(Passing, pykka.ThreadingActor):
    """On a thread."""


async def test_a_significant_end_between_a_groups_attempts_ends_the_supervisor(
    grow: Any, nursery: Any
) -> None:
    actor = PassingOnLoop if nursery.host is Host.LOOP else PassingOnThread
    key = ChildSpec(id="key", actor=actor, args=([],), restart=Restart.TRANSIENT, significant=True)
    spec = nursery.group(
        key,
        "b",
        strategy=Strategy.ONE_FOR_ALL,
        intensity=ENDLESS,
        auto_shutdown=AutoShutdown.ANY_SIGNIFICANT,
    )
    async with grow(spec) as grown:
        nursery.told["b"].fail_starts = 10**9
        await grown.crash("b")
        exit_ = await grown.within(grown.tree.terminated)

        assert exit_.kind is ExitKind.SHUTDOWN


async def test_a_crash_between_a_groups_attempts_costs_a_restart(grow: Any, nursery: Any) -> None:
    spec = nursery.group(
        "a",
        nursery.child("b", backoff=wait_fixed(5)),
        strategy=Strategy.ONE_FOR_ALL,
        intensity=RestartIntensity(limit=3, period=60.0),
    )
    async with grow(spec) as grown:
        nursery.told["b"].fail_starts = 1
        await grown.crash("b")
        await grown.until(lambda: grown.standing()["b"][1] is ChildState.RESTARTING)
        await grown.command(RestartChild("a"))
        await grown.crash("a")
        await grown.expect(ChildRestarting, "a")

        spent = grown.tree.supervisor.slot.restart_window.count
        assert spent == 2


async def test_who_waited_for_a_sibling_has_its_turn_though_that_ends_in_the_next_attempt(
    grow: Any, nursery: Any
) -> None:
    """An end during another's start must not break off the round that starts them all."""
    unlucky = [OSError("no luck")]

    class Unsteady(LoopActor):
        def on_start(self) -> None:
            if self.incarnation > 1 and unlucky:
                raise unlucky.pop()
            if self.incarnation > 1:
                self.stop()

    class Slow(LoopActor):
        async def on_start(self) -> None:
            for _ in range(10):
                await asyncio.sleep(0)

    unsteady = ChildSpec(id="a", actor=Unsteady, restart=Restart.TRANSIENT)
    spec = nursery.group(
        unsteady, ChildSpec(id="b", actor=Slow), "c", strategy=Strategy.ONE_FOR_ALL
    )
    async with grow(spec) as grown:
        await grown.crash("c")
        await grown.expect(ChildStarted, "c", count=2)

        assert [p for _, p in grown.standing().values()] == [
            ChildState.STOPPED,
            ChildState.RUNNING,
            ChildState.RUNNING,
        ]


# the order of checks


async def test_a_description_that_does_not_fit_is_refused_before_its_id_is_looked_up(
    grow: Any, nursery: Any
) -> None:
    wrong = nursery.child("a", restart=Restart.TRANSIENT, significant=True)
    async with grow(nursery.group("a", ChildSpec(id="pool", actor=DynamicSupervisor))) as grown:
        await grown.command(StartChild(nursery.child("a")), "pool")
        for path in ("", "pool"):
            with pytest.raises(InvalidSpecError):
                await grown.command(StartChild(wrong), path)
            with pytest.raises(ChildRunningError):
                await grown.command(StartChild(nursery.child("a")), path)
            with pytest.raises(InvalidSpecError, match=r"StartChild.spec is 'a'; give a ChildSpec"):
                await grown.command(StartChild("a"), path)  # type: ignore[arg-type]
        with pytest.raises(ChildNotFoundError):
            await grown.command(TerminateChild(["a"]))  # type: ignore[arg-type]


# what a start by command comes to


async def test_a_supervisor_that_gives_up_while_a_command_starts_it_is_told_to_have_failed(
    grow: Any, loop_child: Any
) -> None:
    """It had not begun when its children outran its intensity: nobody may wait for it."""

    class Failing(LoopActor):
        def on_start(self) -> None:
            self.actor_ref.tell("fail")

        def on_receive(self, message: object) -> None:
            raise ValueError(message)

    class Slow(LoopActor):
        async def on_start(self) -> None:
            for _ in range(20):
                await asyncio.sleep(0)

    children = (ChildSpec(id="x", actor=Failing), ChildSpec(id="y", actor=Slow))
    inner = SupervisorSpec(children=children, intensity=RestartIntensity(limit=0, period=1.0))
    async with grow(SupervisorSpec()) as grown:
        (answer,) = await at_once(grown, StartChild(nested("inner", inner)))

        assert type(answer).__name__ == "ChildStartError"
        assert grown.standing() == {}


async def test_a_child_in_its_start_is_not_counted_among_the_active(
    grow: Any, thread_child: Any, told: Any
) -> None:
    orders = told()
    spec = ChildSpec(id="a", actor=thread_child, args=(orders,))
    async with grow(SupervisorSpec(children=(spec,))) as grown:
        orders.hold_start = threading.Event()
        await grown.crash("a")
        await grown.until(lambda: grown.standing()["a"][1] is ChildState.STARTING)

        counts = await grown.command(CountChildren())
        orders.hold_start.set()
        assert (counts.specs, counts.active) == (1, 0)


async def test_a_command_that_came_before_the_last_attempt_is_carried_out_before_the_intensity_ends(
    grow: Any, nursery: Any
) -> None:
    spec = nursery.group("a", "b", intensity=RestartIntensity(limit=1, period=60.0))
    async with grow(spec) as grown:
        orders = nursery.told["a"]
        orders.fail_starts = 1
        if nursery.host is Host.THREAD:  # its start is under way while the command comes
            orders.hold_start = threading.Event()
        await grown.crash("a")
        if orders.hold_start is not None:
            await grown.until(lambda: grown.standing()["a"][1] is ChildState.STARTING)
            asyncio.get_running_loop().call_soon(orders.hold_start.set)
        answers = await at_once(grown, TerminateChild("a"))
        await grown.rest()

        assert len(answers) == 1
        assert not grown.probe.seen(IntensityExceeded)
        assert grown.standing()["a"][1] is ChildState.STOPPED
        assert len(grown.probe.seen(ChildStopped, "b")) == 0
