"""OTP's own acceptance cases for stopping, under their names in ``supervisor_SUITE``."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from telewarden.supervision import (
    ChildSpec,
    ChildState,
    DynamicSupervisor,
    Exit,
    ExitKind,
    Host,
    Restart,
    RestartIntensity,
    Shutdown,
    StartChild,
    StopReport,
    Supervisor,
    SupervisorSpec,
)

pytestmark = [
    pytest.mark.supervision,
    pytest.mark.crashes(
        "*", (KeyError, SystemExit, ValueError, asyncio.CancelledError), logged="child abandoned"
    ),
]

POOL = SupervisorSpec(
    children=(ChildSpec(id="pool", actor=DynamicSupervisor, kwargs={}, shutdown=Shutdown.INFINITY),)
)


def ends(report: StopReport) -> dict[str, Exit]:
    return {entry.child: entry.exit for entry in report.entries}


async def stop_with_a_sleeper(grown: Any, prefix: str, gate: Any) -> StopReport:
    """Stop while the handler of ``sleeper`` does not come back, and let its time run out."""
    grown.tree.ref(f"{prefix}sleeper").tell(("wait", gate))
    await gate.is_entered()
    stopping = asyncio.ensure_future(grown.tree.stop())
    await grown.until(
        lambda: grown.tree.snapshot().find(f"{prefix}sleeper").state is ChildState.STOPPING
    )
    grown.clock.advance(1.0)
    report: StopReport = await grown.within(stopping)
    gate.open()
    return report


async def test_sup_stop_infinity(grow: Any, nursery: Any) -> None:
    worker = nursery.child("a", shutdown=Shutdown.INFINITY)
    inner = ChildSpec(
        id="inner",
        actor=Supervisor,
        args=(nursery.group("b"),),
        shutdown=Shutdown.INFINITY,
    )
    async with grow(SupervisorSpec(children=(worker, inner))) as grown:
        report = await grown.tree.stop()

    assert {exit_.kind for exit_ in ends(report).values()} == {ExitKind.SHUTDOWN}
    assert [*ends(report)] == ["inner/b", "inner", "a"]


async def test_sup_stop_timeout(grow: Any, nursery: Any, thread_nursery: Any, gate: Any) -> None:
    spec = SupervisorSpec(
        children=(nursery.child("obedient"), thread_nursery.child("sleeper", shutdown=1.0))
    )
    async with grow(spec) as grown:
        found = ends(await stop_with_a_sleeper(grown, "", gate))

    assert found["obedient"].kind is ExitKind.SHUTDOWN
    assert found["sleeper"].kind is ExitKind.ABANDONED  # OTP kills; a thread cannot be


async def test_sup_stop_timeout_dynamic(
    grow: Any, nursery: Any, thread_nursery: Any, gate: Any
) -> None:
    async with grow(POOL) as grown:
        await grown.command(StartChild(nursery.child("obedient")), "pool")
        await grown.command(StartChild(thread_nursery.child("sleeper", shutdown=1.0)), "pool")
        found = ends(await stop_with_a_sleeper(grown, "pool/", gate))

    assert found["pool/obedient"].kind is ExitKind.SHUTDOWN
    assert found["pool/sleeper"].kind is ExitKind.ABANDONED


async def test_sup_stop_brutal_kill(grow: Any, nursery: Any) -> None:
    spec = nursery.group("polite", nursery.child("killed", shutdown=Shutdown.IMMEDIATE))
    async with grow(spec) as grown:
        found = ends(await grown.tree.stop())

    assert found["killed"].detail == "killed"
    assert nursery.deeds("stop") == ["polite"]


async def test_sup_stop_brutal_kill_dynamic(grow: Any, nursery: Any) -> None:
    async with grow(POOL) as grown:
        await grown.command(StartChild(nursery.child("polite")), "pool")
        killed = nursery.child("killed", shutdown=Shutdown.IMMEDIATE)
        await grown.command(StartChild(killed), "pool")
        found = ends(await grown.tree.stop())

    assert found["pool/killed"].detail == "killed"
    assert nursery.deeds("stop") == ["polite"]


@pytest.mark.parametrize("restart", Restart)
@pytest.mark.parametrize(
    "leaving", ["leave", ("raise", ValueError("x")), ("raise", SystemExit()), ("raise", KeyError())]
)
async def test_sup_stop_race(grow: Any, nursery: Any, restart: Restart, leaving: object) -> None:
    spec = nursery.group(
        *(nursery.child(id_, restart=restart) for id_ in "abc"),
        intensity=RestartIntensity(limit=100, period=1.0),
    )
    async with grow(spec) as grown:
        refs = [grown.tree.ref(id_) for id_ in "abc"]
        for ref in refs:
            ref.tell(leaving)
        report = await grown.within(grown.tree.stop())

        assert report.is_clean
        assert not any(ref.is_alive() for ref in refs)


@pytest.mark.parametrize("restart", Restart)
@pytest.mark.parametrize("error", [ValueError("x"), SystemExit(3), asyncio.CancelledError()])
async def test_sup_stop_non_shutdown_exit_dynamic(
    grow: Any, nursery: Any, restart: Restart, error: BaseException
) -> None:
    async with grow(POOL) as grown:
        for id_ in "ab":
            await grown.command(StartChild(nursery.child(id_, restart=restart)), "pool")
        grown.tree.ref("pool/a").tell(("raise", error))
        report = await grown.within(grown.tree.stop())

        assert report.is_clean
        assert ends(report)["pool"].kind is ExitKind.SHUTDOWN


@pytest.fixture
def thread_nursery(nursery: Any) -> Any:
    """Children that nobody can interrupt."""
    return type(nursery)(Host.THREAD)
