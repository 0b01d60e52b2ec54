"""OTP's own acceptance cases for commands and descriptions, under their names in its suite."""

from __future__ import annotations

from typing import Any

import pykka
import pytest
from tenacity import wait_fixed

from telewarden.errors import (
    ChildNotFoundError,
    ChildPresentError,
    ChildRunningError,
    InvalidSpecError,
)
from telewarden.supervision import (
    ChildRestarting,
    ChildSpec,
    ChildStarted,
    ChildState,
    DeleteChild,
    DynamicSupervisor,
    GetChildSpec,
    Restart,
    RestartChild,
    RestartIntensity,
    Shutdown,
    StartChild,
    Supervisor,
    SupervisorSpec,
    TerminateChild,
    WhichChild,
    WhichChildren,
)

pytestmark = [
    pytest.mark.supervision,
    pytest.mark.crashes("*", ValueError),
]

POOL = SupervisorSpec(children=(ChildSpec(id="pool", actor=DynamicSupervisor),))


async def test_child_adm(grow: Any, nursery: Any) -> None:
    spec = nursery.child("a")
    async with grow(SupervisorSpec()) as grown:
        ref = await grown.command(StartChild(spec))
        with pytest.raises(ChildRunningError) as raised:
            await grown.command(StartChild(spec))
        assert raised.value.ref is ref
        with pytest.raises(ChildRunningError):
            await grown.command(RestartChild("a"))
        with pytest.raises(ChildRunningError):
            await grown.command(DeleteChild("a"))

        await grown.command(TerminateChild("a"))
        await grown.command(TerminateChild("a"))  # twice is no error
        with pytest.raises(ChildPresentError):
            await grown.command(StartChild(spec))
        await grown.command(RestartChild("a"))
        await grown.command(TerminateChild("a"))
        await grown.command(DeleteChild("a"))

        for unknown in (DeleteChild, RestartChild, TerminateChild, WhichChild, GetChildSpec):
            with pytest.raises(ChildNotFoundError):
                await grown.command(unknown("a"))
        assert not ref.is_alive()


async def test_child_adm_simple(grow: Any, nursery: Any) -> None:
    async with grow(SupervisorSpec(children=(*POOL.children, nursery.child("foreign")))) as grown:
        ref = await grown.command(StartChild(nursery.child("a")), "pool")
        with pytest.raises(ChildNotFoundError):
            await grown.command(TerminateChild("foreign"), "pool")
        assert grown.tree.ref("foreign").is_alive()

        await grown.command(TerminateChild("a"), "pool")
        with pytest.raises(ChildNotFoundError):  # it is forgotten with its end
            await grown.command(RestartChild("a"), "pool")
        assert not ref.is_alive()
        assert await grown.counts("pool") == (0, 0, 0, 0)


async def test_extra_return(grow: Any, nursery: Any) -> None:
    # a start answers with the reference: whatever else the child has to say is asked of it
    async with grow(SupervisorSpec()) as grown:
        ref = await grown.command(StartChild(nursery.child("a")))
        assert await ref.proxy().double(21) == 42

        await grown.crash("a", again=2)
        assert await ref.proxy().double(21) == 42


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", ""),
        ("id", 7),
        ("actor", "Worker"),
        ("args", [1]),
        ("restart", "sometimes"),
        ("shutdown", -1),
        ("shutdown", "later"),
        ("host", "loop"),
        ("significant", "yes"),
    ],
)
def test_child_specs(child_class: type[pykka.Actor], field: str, value: object) -> None:
    fields: dict[str, Any] = {"id": "a", "actor": child_class, field: value}

    with pytest.raises(InvalidSpecError, match=rf"ChildSpec\.{field}"):
        ChildSpec(**fields)


@pytest.mark.parametrize("restart", Restart)
@pytest.mark.parametrize("shutdown", [None, 0, 5, 0.5, *Shutdown])
@pytest.mark.parametrize("supervises", [False, True])
def test_child_specs_map(
    child_class: type[pykka.Actor],
    restart: Restart,
    shutdown: float | Shutdown | None,
    supervises: bool,
) -> None:
    actor = Supervisor if supervises else child_class

    spec = ChildSpec(id="a", actor=actor, restart=restart, shutdown=shutdown)

    default = Shutdown.INFINITY if supervises else 5.0
    assert spec.stop_within == (default if shutdown is None else shutdown)
    assert spec.supervises is supervises


@pytest.mark.parametrize(
    ("named", "build"),
    [
        ("SupervisorSpec.strategy", lambda: SupervisorSpec(strategy="none")),  # type: ignore[arg-type]
        ("SupervisorSpec.auto_shutdown", lambda: SupervisorSpec(auto_shutdown=True)),  # type: ignore[arg-type]
        ("SupervisorSpec.intensity", lambda: SupervisorSpec(intensity=3)),  # type: ignore[arg-type]
        ("RestartIntensity.limit", lambda: RestartIntensity(limit=-1)),
        ("RestartIntensity.limit", lambda: RestartIntensity(limit=1.5)),  # type: ignore[arg-type]
        ("RestartIntensity.period", lambda: RestartIntensity(period=0)),
    ],
)
def test_sup_flags(named: str, build: Any) -> None:
    with pytest.raises(InvalidSpecError, match=named):
        build()
    with pytest.raises(TypeError, match="hibernate"):  # unknown ones are reported (S30)
        SupervisorSpec(hibernate=True)  # type: ignore[call-arg]


async def test_which_children(grow: Any, nursery: Any) -> None:
    inner = ChildSpec(id="inner", actor=Supervisor, args=(SupervisorSpec(),))
    async with grow(SupervisorSpec(children=(nursery.child("a"), inner))) as grown:
        for command in (None, TerminateChild("a"), RestartChild("a"), TerminateChild("a")):
            if command is not None:
                await grown.command(command)
            listed = await grown.command(WhichChildren())
            assert [info.id for info in listed] == ["a", "inner"]
            assert [info.supervises for info in listed] == [False, True]
            for info in listed:
                assert await grown.command(WhichChild(info.id)) == info
        await grown.command(DeleteChild("a"))

        assert [info.id for info in await grown.command(WhichChildren())] == ["inner"]


async def test_which_children_simple_one_for_one(grow: Any, nursery: Any) -> None:
    async with grow(POOL) as grown:
        assert await grown.command(WhichChildren(), "pool") == ()
        ref = await grown.command(StartChild(nursery.child("a")), "pool")
        (info,) = await grown.command(WhichChildren(), "pool")

        assert (info.ref, info.id, info.state) == (ref, "a", ChildState.RUNNING)
        assert await grown.command(WhichChild("a"), "pool") == info
        await grown.command(TerminateChild("a"), "pool")
        assert await grown.command(WhichChildren(), "pool") == ()


async def test_count_children(grow: Any, nursery: Any) -> None:
    many = 200 if nursery.host.value == "thread" else 1000
    async with grow(POOL) as grown:
        for round_ in (1, 2):
            for number in range(many):
                spec = nursery.child(f"{round_}.{number}", restart=Restart.TEMPORARY)
                await grown.command(StartChild(spec), "pool")
            assert await grown.counts("pool") == (round_ * many, round_ * many, 0, round_ * many)
        for info in await grown.command(WhichChildren(), "pool"):
            info.ref.tell("leave")

        await grown.until(lambda: not grown.standing("pool"))
        assert await grown.counts("pool") == (0, 0, 0, 0)


async def test_count_children_supervisor(grow: Any, nursery: Any) -> None:
    inner = tuple(
        ChildSpec(id=f"s{n}", actor=Supervisor, args=(SupervisorSpec(),)) for n in range(20)
    )
    async with grow(SupervisorSpec(children=(*inner, nursery.child("a")))) as grown:
        assert await grown.counts() == (21, 21, 20, 1)
        for spec in inner:
            await grown.command(TerminateChild(spec.id))
        assert await grown.counts() == (21, 1, 20, 1)


async def test_count_restarting_children(grow: Any, nursery: Any) -> None:
    spec = nursery.group(*(nursery.child(id_, backoff=wait_fixed(10)) for id_ in "ab"))
    async with grow(spec) as grown:
        for id_ in "ab":
            await grown.crash(id_)
            await grown.expect(ChildRestarting, id_)
        await grown.rest()
        assert await grown.counts() == (2, 0, 0, 2)

        await grown.command(TerminateChild("b"))
        grown.clock.advance(10.0)
        await grown.expect(ChildStarted, "a", count=2)
        await grown.rest()
        assert await grown.counts() == (2, 1, 0, 2)


async def test_already_started_outside_supervisor(grow: Any, nursery: Any) -> None:
    # names live in a tree, not in the process: another tree's child of that name is no obstacle
    async with grow(nursery.group("a")) as one, grow(nursery.group("a")) as other:
        assert one.tree.ref("a") != other.tree.ref("a")
        with pytest.raises(ChildRunningError) as raised:
            await one.command(StartChild(nursery.child("a")))

        assert raised.value.ref is one.tree.ref("a")
