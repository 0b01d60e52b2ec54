"""OTP's own acceptance cases for restart types and groups that end with a key child."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from telewarden.errors import ChildStartError, InvalidSpecError
from telewarden.supervision import (
    AutoShutdown,
    ChildForgotten,
    ChildRestarting,
    ChildSpec,
    ChildStarted,
    ChildState,
    ChildStopped,
    DynamicSupervisor,
    ExitKind,
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
        (SystemExit, ValueError),
        start=(ChildStartError, OSError),
        logged="supervisor gives up",
    ),
]


def giving_up(nursery: Any, restart: Restart, **more: Any) -> ChildSpec:
    """A supervisor that ends with ``shutdown`` when its only child crashes."""
    spec = nursery.group("k", intensity=RestartIntensity(limit=0, period=1.0))
    return ChildSpec(id="a", actor=Supervisor, args=(spec,), restart=restart, **more)


async def test_permanent_normal(grow: Any, nursery: Any) -> None:
    async with grow(nursery.group("a")) as grown:
        grown.tree.ref("a").tell("leave")
        await grown.expect(ChildStarted, "a", count=2)

        assert grown.standing() == {"a": (2, ChildState.RUNNING)}


async def test_permanent_shutdown(grow: Any, nursery: Any) -> None:
    async with grow(SupervisorSpec(children=(giving_up(nursery, Restart.PERMANENT),))) as grown:
        await grown.crash("a/k")
        await grown.expect(ChildStarted, "a", count=2)

        (restarting,) = grown.probe.seen(ChildRestarting, "a")
        assert restarting.reason == "shutdown: IntensityExceededError"


async def test_permanent_abnormal(grow: Any, nursery: Any) -> None:
    async with grow(nursery.group("a")) as grown:
        await grown.crash("a", again=2)

        assert grown.standing() == {"a": (2, ChildState.RUNNING)}


async def test_transient_normal(grow: Any, nursery: Any) -> None:
    async with grow(nursery.group(nursery.child("a", restart=Restart.TRANSIENT))) as grown:
        grown.tree.ref("a").tell("leave")
        await grown.expect(ChildStopped, "a")

        assert await grown.counts() == (1, 0, 0, 1)
        await grown.command(RestartChild("a"))
        assert grown.standing() == {"a": (2, ChildState.RUNNING)}


async def test_transient_shutdown(grow: Any, nursery: Any) -> None:
    async with grow(SupervisorSpec(children=(giving_up(nursery, Restart.TRANSIENT),))) as grown:
        await grown.crash("a/k")
        stopped = await grown.expect(ChildStopped, "a")

        assert stopped.exit.kind is ExitKind.SHUTDOWN
        assert await grown.counts() == (1, 0, 1, 0)
        await grown.command(RestartChild("a"))
        assert grown.standing() == {"a": (2, ChildState.RUNNING)}


async def test_transient_abnormal(grow: Any, nursery: Any) -> None:
    async with grow(nursery.group(nursery.child("a", restart=Restart.TRANSIENT))) as grown:
        await grown.crash("a", again=2)

        assert grown.standing() == {"a": (2, ChildState.RUNNING)}


async def _is_forgotten(grown: Any, id_: str) -> None:
    await grown.expect(ChildForgotten, id_)
    assert id_ not in grown.standing()
    assert grown.probe.seen(ChildRestarting, id_) == []


async def test_temporary_normal(grow: Any, nursery: Any) -> None:
    async with grow(nursery.group(nursery.child("a", restart=Restart.TEMPORARY))) as grown:
        grown.tree.ref("a").tell("leave")
        await _is_forgotten(grown, "a")


async def test_temporary_shutdown(grow: Any, nursery: Any) -> None:
    async with grow(SupervisorSpec(children=(giving_up(nursery, Restart.TEMPORARY),))) as grown:
        await grown.crash("a/k")
        await _is_forgotten(grown, "a")


async def test_temporary_abnormal(grow: Any, nursery: Any) -> None:
    async with grow(nursery.group(nursery.child("a", restart=Restart.TEMPORARY))) as grown:
        await grown.crash("a")
        await _is_forgotten(grown, "a")


@pytest.mark.parametrize("strategy", [Strategy.ONE_FOR_ALL, Strategy.REST_FOR_ONE])
async def test_temporary_bystander(grow: Any, nursery: Any, strategy: Strategy) -> None:
    spec = nursery.group(
        "a",
        nursery.child("b", restart=Restart.TEMPORARY),
        strategy=strategy,
        intensity=RestartIntensity(limit=1, period=5.0),
    )
    async with grow(spec) as grown:
        await grown.crash("a", again=2)
        await grown.rest()

        assert grown.standing() == {"a": (2, ChildState.RUNNING)}
        assert nursery.deeds("start") == ["a*2", "b"]
        assert not grown.tree.terminated.done


async def test_faulty_application_shutdown(grow: Any, nursery: Any) -> None:
    inner = ChildSpec(id="inner", actor=Supervisor, args=(nursery.group("a"),))
    nursery.told["a"].fail_starts = 1
    with pytest.raises(ChildStartError) as raised:
        async with grow(SupervisorSpec(children=(inner,))):
            pytest.fail("it started")

    assert raised.value.child == "inner/a"
    assert isinstance(raised.value.cause, OSError)


async def test_external_start_no_progress_log(
    grow: Any, nursery: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    pool = ChildSpec(id="pool", actor=DynamicSupervisor)
    async with grow(SupervisorSpec(children=(pool,))) as grown:
        await grown.command(StartChild(nursery.child("a")), "pool")
        await grown.rest()

        said = [r.getMessage() for r in caplog.records if "child=pool/a" in r.getMessage()]
        assert said == ["child started child=pool/a incarnation=1"]


# groups that end with a key child


def key(nursery: Any, id_: str, restart: Restart, *, significant: bool = True) -> ChildSpec:
    spec: ChildSpec = nursery.child(id_, restart=restart, significant=significant)
    return spec


@pytest.mark.parametrize("auto", AutoShutdown)
async def test_nonsignificant_temporary(grow: Any, nursery: Any, auto: AutoShutdown) -> None:
    children = [key(nursery, i, Restart.TEMPORARY, significant=False) for i in "abc"]
    async with grow(nursery.group(*children, auto_shutdown=auto)) as grown:
        grown.tree.ref("a").tell("leave")
        await grown.crash("b")
        await grown.command(TerminateChild("c"))
        await grown.until(lambda: not grown.standing())
        await grown.rest()

        assert not grown.tree.terminated.done


@pytest.mark.parametrize("auto", AutoShutdown)
async def test_nonsignificant_transient(grow: Any, nursery: Any, auto: AutoShutdown) -> None:
    children = [key(nursery, i, Restart.TRANSIENT, significant=False) for i in "ab"]
    async with grow(nursery.group(*children, auto_shutdown=auto)) as grown:
        for id_ in "ab":
            grown.tree.ref(id_).tell("leave")
            await grown.expect(ChildStopped, id_)
        await grown.rest()

        assert not grown.tree.terminated.done


@pytest.mark.parametrize("auto", [AutoShutdown.ANY_SIGNIFICANT, AutoShutdown.ALL_SIGNIFICANT])
@pytest.mark.parametrize("end", ["leave", ("raise", ValueError("x")), ("raise", SystemExit())])
async def test_significant_temporary(
    grow: Any, nursery: Any, auto: AutoShutdown, end: object
) -> None:
    spec = nursery.group(
        *(key(nursery, i, Restart.TEMPORARY) for i in "ab"), "c", auto_shutdown=auto
    )
    async with grow(spec) as grown:
        grown.tree.ref("a").tell(end)
        await grown.expect(ChildStopped, "a")
        await grown.rest()
        if auto is AutoShutdown.ALL_SIGNIFICANT:
            assert not grown.tree.terminated.done
            grown.tree.ref("b").tell(end)

        assert (await grown.within(grown.tree.terminated)).kind is ExitKind.SHUTDOWN


@pytest.mark.parametrize("auto", [AutoShutdown.ANY_SIGNIFICANT, AutoShutdown.ALL_SIGNIFICANT])
async def test_significant_transient(grow: Any, nursery: Any, auto: AutoShutdown) -> None:
    spec = nursery.group(*(key(nursery, i, Restart.TRANSIENT) for i in "ab"), auto_shutdown=auto)
    async with grow(spec) as grown:
        await grown.crash("a", again=2)
        assert not grown.tree.terminated.done
        grown.tree.ref("a").tell("leave")
        await grown.expect(ChildStopped, "a")
        await grown.rest()
        if auto is AutoShutdown.ALL_SIGNIFICANT:
            assert not grown.tree.terminated.done
            grown.tree.ref("b").tell("leave")

        assert (await grown.within(grown.tree.terminated)).kind is ExitKind.SHUTDOWN


async def test_significant_simple(grow: Any, nursery: Any) -> None:
    pool = ChildSpec(id="pool", actor=DynamicSupervisor)
    async with grow(SupervisorSpec(children=(pool,))) as grown:
        with pytest.raises(InvalidSpecError, match="significant"):
            await grown.command(StartChild(key(nursery, "a", Restart.TEMPORARY)), "pool")
    with pytest.raises(InvalidSpecError, match="significant"):
        key(nursery, "a", Restart.PERMANENT)
    with pytest.raises(InvalidSpecError, match="significant"):
        nursery.group(key(nursery, "a", Restart.TRANSIENT))


@pytest.mark.parametrize("auto", [AutoShutdown.ANY_SIGNIFICANT, AutoShutdown.ALL_SIGNIFICANT])
@pytest.mark.parametrize("strategy", [Strategy.ONE_FOR_ALL, Strategy.REST_FOR_ONE])
async def test_significant_bystander(
    grow: Any, nursery: Any, auto: AutoShutdown, strategy: Strategy
) -> None:
    spec = nursery.group(
        "a",
        key(nursery, "b", Restart.TRANSIENT),
        key(nursery, "c", Restart.TEMPORARY),
        strategy=strategy,
        auto_shutdown=auto,
    )
    async with grow(spec) as grown:
        await grown.crash("a", again=2)  # takes b and c down with it
        await grown.expect(ChildStarted, "b", count=2)
        await grown.command(TerminateChild("b"))
        await grown.rest()

        assert not grown.tree.terminated.done
        assert grown.standing()["a"] == (2, ChildState.RUNNING)


@pytest.mark.parametrize("climbs", [True, False])
async def test_significant_escalation(grow: Any, nursery: Any, climbs: bool) -> None:
    any_ = AutoShutdown.ANY_SIGNIFICANT
    inner = nursery.group(key(nursery, "k", Restart.TRANSIENT), auto_shutdown=any_)
    middle = ChildSpec(
        id="middle",
        actor=Supervisor,
        args=(inner,),
        restart=Restart.TRANSIENT,
        significant=climbs,
    )
    async with grow(SupervisorSpec(children=(middle,), auto_shutdown=any_)) as grown:
        grown.tree.ref("middle/k").tell("leave")
        await grown.expect(ChildStopped, "middle")
        await grown.rest()

        assert grown.tree.terminated.done is climbs
