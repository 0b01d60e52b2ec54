"""Facts and ends are cheap to make and cannot be changed, and others may build on them."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, dataclass, replace
from typing import Any
from uuid import UUID

import pykka
import pytest

from telewarden.supervision import (
    ChildRestarting,
    ChildSpec,
    ChildStarted,
    Event,
    EventStream,
    Exit,
    ExitKind,
    LoopActor,
    SupervisorSpec,
    Tree,
)

pytestmark = pytest.mark.supervision


def test_a_fact_has_its_fields_its_defaults_and_its_value() -> None:
    fact = ChildRestarting(at=1.0, child="a", reason="error: OSError")

    assert (fact.delay, fact.dictated, fact.in_a_row, fact.cause) == (0.0, False, 0, "")
    assert replace(fact, delay=2.0) == ChildRestarting(
        at=1.0, child="a", reason="error: OSError", delay=2.0
    )
    assert len({fact, replace(fact)}) == 1


@pytest.mark.parametrize(
    "value", [ChildStarted(at=1.0, child="a", incarnation=1), Exit(ExitKind.NORMAL)]
)
def test_a_fact_cannot_be_changed(value: Any) -> None:
    name = next(iter(value.__dataclass_fields__))

    with pytest.raises(FrozenInstanceError):
        setattr(value, name, 2)


def test_a_fact_is_made_by_name_and_an_end_by_position_too() -> None:
    made: Any = ChildStarted

    with pytest.raises(TypeError):
        made(1.0, "a", 1)
    assert Exit(ExitKind.ERROR, OSError("x")).reason == "error: OSError"


def test_another_room_builds_its_facts_on_ours_and_hears_them_by_class() -> None:
    @dataclass(frozen=True, slots=True, kw_only=True)
    class Sold(Event):
        pieces: int

    stream, heard, later = EventStream(), [], []
    with stream.subscribe(heard.append, (Event,)):
        stream.publish(Sold(at=1.0, child="shop", pieces=3))
        stream.subscribe(later.append, (Sold,))  # known kinds are sorted out anew
        stream.publish(Sold(at=2.0, child="shop", pieces=4))
    stream.publish(Sold(at=3.0, child="shop", pieces=5))

    assert [one.pieces for one in heard] == [3, 4]
    assert [one.pieces for one in later] == [4, 5]


@pytest.mark.parametrize("by", ["super", "pykka"])
async def test_however_an_actor_calls_its_base_it_gets_what_its_place_has(by: str) -> None:
    class Mine(pykka.ThreadingActor):
        def __init__(self) -> None:
            if by == "super":
                super().__init__()
            else:
                pykka.ThreadingActor.__init__(self)

        def on_receive(self, message: object) -> object:
            return self.actor_ref, self.actor_urn, self.actor_stopped.is_set()

    async with Tree(SupervisorSpec(children=(ChildSpec(id="mine", actor=Mine),))) as tree:
        ref = tree.ref("mine")
        assert await ref.ask("who?", block=False) == (ref, ref.actor_urn, False)


async def test_a_place_has_a_random_uuid_for_an_urn_as_pykka_s_actors_have(
    loop_child: type[LoopActor],
) -> None:
    children = tuple(ChildSpec(id=str(n), actor=loop_child) for n in range(20))

    async with Tree(SupervisorSpec(children=children)) as tree:
        urns = [tree.ref(str(n)).actor_urn for n in range(20)]

    assert {UUID(urn).version for urn in urns} == {4}
    assert [UUID(urn).urn for urn in urns] == urns
    assert len(set(urns)) == 20
