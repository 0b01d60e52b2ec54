"""OTP's own acceptance cases for starting, under their names in ``supervisor_SUITE``."""

from __future__ import annotations

from typing import Any

import pykka
import pytest

from telewarden.errors import ChildNotFoundError, ChildStartError, InvalidSpecError
from telewarden.supervision import (
    ChildForgotten,
    ChildSpec,
    ChildState,
    DynamicSupervisor,
    GetChildSpec,
    Ignore,
    Restart,
    RestartChild,
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
    pytest.mark.crashes("*", start=(LookupError, OSError, TypeError)),
]


class IgnoredSupervisor(Supervisor):
    """Answers its own start with ``Ignore``."""

    async def on_start(self) -> None:
        raise Ignore


class FailingSupervisor(Supervisor):
    """Cannot be started, by an error of its own."""

    async def on_start(self) -> None:
        raise LookupError("bad init")


@pytest.fixture
def dynamic(nursery: Any) -> SupervisorSpec:
    """A root with one dynamic supervisor, ``pool``."""
    return SupervisorSpec(children=(ChildSpec(id="pool", actor=DynamicSupervisor),))


async def test_sup_start_normal(grow: Any) -> None:
    async with grow(SupervisorSpec()) as grown:
        assert await grown.counts() == (0, 0, 0, 0)
        report = await grown.tree.stop()

    assert report.is_clean


async def test_sup_start_ignore_init(grow: Any, nursery: Any) -> None:
    inner = ChildSpec(id="inner", actor=IgnoredSupervisor, args=(nursery.group("a"),))
    async with grow(SupervisorSpec(children=(inner,))) as grown:
        assert grown.standing() == {"inner": (1, ChildState.STOPPED)}
        assert grown.standing("inner") == {}
    assert nursery.deeds("start") == []


async def test_sup_start_ignore_child(grow: Any, nursery: Any) -> None:
    async with grow(SupervisorSpec()) as grown:
        first, second = nursery.child("a"), nursery.child("b")
        nursery.told["a"].ignore_start = True

        assert await grown.command(StartChild(first)) is None
        await grown.command(StartChild(second))

        assert (await grown.command(WhichChild("a"))).state is ChildState.STOPPED
        assert await grown.counts() == (2, 1, 0, 2)


async def test_sup_start_ignore_temporary_child(grow: Any, nursery: Any) -> None:
    spec = nursery.group(nursery.child("a", restart=Restart.TEMPORARY), "b")
    nursery.told["a"].ignore_start = True
    async with grow(spec) as grown:
        assert grown.standing() == {"b": (1, ChildState.RUNNING)}
        assert await grown.counts() == (1, 1, 0, 1)


async def test_sup_start_ignore_temporary_child_start_child(grow: Any, nursery: Any) -> None:
    async with grow(nursery.group("b")) as grown:
        spec = nursery.child("a", restart=Restart.TEMPORARY)
        nursery.told["a"].ignore_start = True

        assert await grown.command(StartChild(spec)) is None
        assert await grown.counts() == (1, 1, 0, 1)


async def test_sup_start_ignore_temporary_child_start_child_simple(
    grow: Any, nursery: Any, dynamic: SupervisorSpec
) -> None:
    async with grow(dynamic) as grown:
        spec = nursery.child("a", restart=Restart.TEMPORARY)
        nursery.told["a"].ignore_start = True

        assert await grown.command(StartChild(spec), "pool") is None
        assert await grown.counts("pool") == (0, 0, 0, 0)


async def test_sup_start_ignore_permanent_child_start_child_simple(
    grow: Any, nursery: Any, dynamic: SupervisorSpec
) -> None:
    async with grow(dynamic) as grown:
        spec = nursery.child("a")
        nursery.told["a"].ignore_start = True

        assert await grown.command(StartChild(spec), "pool") is None
        assert await grown.counts("pool") == (0, 0, 0, 0)
        assert grown.probe.story(ChildForgotten) == [("ChildForgotten", "pool/a")]
        assert (await grown.tree.stop()).is_clean


async def test_sup_start_error_return(grow: Any) -> None:
    with pytest.raises(InvalidSpecError, match=r"SupervisorSpec\.strategy"):
        SupervisorSpec(strategy="one_for_one")  # type: ignore[arg-type]  # the point
    inner = ChildSpec(id="inner", actor=Supervisor)  # its description is missing
    with pytest.raises(ChildStartError) as raised:
        async with grow(SupervisorSpec(children=(inner,))):
            pytest.fail("it started")

    assert isinstance(raised.value.cause, TypeError)


async def test_sup_start_fail(grow: Any) -> None:
    inner = ChildSpec(id="inner", actor=FailingSupervisor, args=(SupervisorSpec(),))
    with pytest.raises(ChildStartError, match="inner") as raised:
        async with grow(SupervisorSpec(children=(inner,))):
            pytest.fail("it started")

    assert isinstance(raised.value.cause, LookupError)


async def test_sup_start_child_returns_error(grow: Any, nursery: Any) -> None:
    async with grow(SupervisorSpec()) as grown:
        spec = nursery.child("a")
        nursery.told["a"].fail_starts = 1

        with pytest.raises(ChildStartError) as raised:
            await grown.command(StartChild(spec))

        assert isinstance(raised.value.cause, OSError)
        assert await grown.command(WhichChildren()) == ()


async def test_sup_start_child_returns_error_simple(
    grow: Any, nursery: Any, dynamic: SupervisorSpec
) -> None:
    async with grow(dynamic) as grown:
        spec = nursery.child("a")
        nursery.told["a"].fail_starts = 1

        with pytest.raises(ChildStartError) as raised:
            await grown.command(StartChild(spec), "pool")

        assert raised.value.child == "pool/a"
        assert isinstance(raised.value.cause, OSError)
        assert await grown.command(WhichChildren(), "pool") == ()


async def test_sup_start_restart_child_returns_error(grow: Any, nursery: Any) -> None:
    async with grow(nursery.group("a")) as grown:
        await grown.command(TerminateChild("a"))
        nursery.told["a"].fail_starts = 1

        with pytest.raises(ChildStartError):
            await grown.command(RestartChild("a"))

        assert grown.standing() == {"a": (2, ChildState.STOPPED)}
        assert await grown.command(RestartChild("a")) == grown.tree.ref("a")


async def test_sup_start_map(grow: Any, child_class: type[pykka.Actor]) -> None:
    worker = ChildSpec(id="a", actor=child_class)
    inner = ChildSpec(id="inner", actor=Supervisor, args=(SupervisorSpec(),))
    async with grow(SupervisorSpec(children=(worker, inner))) as grown:
        read = await grown.command(GetChildSpec("a"))
        read_inner = await grown.command(GetChildSpec("inner"))

    assert read is worker
    assert (read.restart, read.stop_within) == (Restart.PERMANENT, 5.0)
    assert (read_inner.restart, read_inner.stop_within) == (Restart.PERMANENT, Shutdown.INFINITY)


async def test_sup_start_map_simple(grow: Any, nursery: Any, dynamic: SupervisorSpec) -> None:
    async with grow(dynamic) as grown:
        await grown.command(StartChild(nursery.child("a")), "pool")
        read = await grown.command(GetChildSpec("a"), "pool")

        assert (read.id, read.restart, read.stop_within) == ("a", Restart.PERMANENT, 5.0)
        with pytest.raises(ChildNotFoundError):
            await grown.command(GetChildSpec("b"), "pool")


def test_sup_start_map_faulty_specs(child_class: type[pykka.Actor]) -> None:
    with pytest.raises(TypeError, match="id"):
        ChildSpec(actor=child_class)  # type: ignore[call-arg]  # the point
    with pytest.raises(TypeError, match="actor"):
        ChildSpec(id="a")  # type: ignore[call-arg]  # the point
    with pytest.raises(InvalidSpecError, match=r"SupervisorSpec\.children"):
        SupervisorSpec(children=("a",))  # type: ignore[arg-type]  # the point
    # OTP lets an extra key pass; here a misspelt one is reported, as S30 asks
    with pytest.raises(TypeError, match="restrat"):
        ChildSpec(id="a", actor=child_class, restrat=Restart.PERMANENT)  # type: ignore[call-arg]
