"""S30: descriptions that make no sense are refused when they are made, by the field's name."""

from __future__ import annotations

from typing import Any

import pykka
import pytest
from tenacity import wait_fixed

from telewarden.errors import InvalidSpecError
from telewarden.supervision import (
    AutoShutdown,
    ChildSpec,
    DynamicSpec,
    DynamicSupervisor,
    Host,
    LoopActor,
    Restart,
    RestartIntensity,
    Shutdown,
    Sibling,
    Strategy,
    Supervisor,
    SupervisorSpec,
)

pytestmark = pytest.mark.supervision


class Plain(pykka.ThreadingActor):
    """An ordinary actor."""


class InLoop(LoopActor):
    """A loop actor."""


WRONG: list[tuple[str, dict[str, Any]]] = [
    ("id", {"id": ""}),
    ("id", {"id": "a/b"}),
    ("id", {"id": 7}),
    ("actor", {"actor": object}),
    ("actor", {"actor": Plain.start}),
    ("args", {"args": ["x"]}),
    ("kwargs", {"kwargs": ("x",)}),
    ("restart", {"restart": "always"}),
    ("shutdown", {"shutdown": -1}),
    ("shutdown", {"shutdown": "soon"}),
    ("host", {"host": "moon"}),
    ("host", {"host": Host.LOOP}),
    ("host", {"actor": InLoop, "host": Host.THREAD}),
    ("significant", {"significant": True}),
    ("start_timeout", {"start_timeout": 0}),
    ("backoff", {"backoff": 3}),
    ("stable_after", {"stable_after": 0}),
    ("intensity", {"intensity": 3}),
    ("directive", {"directive": 3}),
    ("ask_failures", {"ask_failures": ValueError}),
    ("ask_failures", {"ask_failures": ("ValueError",)}),
    ("mailbox_limit", {"mailbox_limit": -1}),
    ("failure_timeout", {"failure_timeout": 0}),
]


@pytest.mark.parametrize(("field", "wrong"), WRONG, ids=lambda value: str(value))
def test_s30_an_invalid_field_of_a_child_is_named(field: str, wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidSpecError, match=rf"ChildSpec\.{field}"):
        ChildSpec(**{"id": "a", "actor": Plain, **wrong})


def test_s30_legal_combinations_are_accepted() -> None:
    for restart in Restart:
        for shutdown in (0, 0.5, 5, Shutdown.IMMEDIATE, Shutdown.INFINITY, None):
            for significant in (False, restart is not Restart.PERMANENT):
                ChildSpec(
                    id="a",
                    actor=Plain,
                    restart=restart,
                    shutdown=shutdown,
                    significant=significant,
                    backoff=wait_fixed(1),
                    intensity=RestartIntensity(),
                )


def test_s30_defaults_are_permanent_five_seconds_and_infinity_for_supervisors() -> None:
    worker = ChildSpec(id="a", actor=Plain)
    supervisor = ChildSpec(id="b", actor=Supervisor, args=(SupervisorSpec(),))
    dynamic = ChildSpec(id="c", actor=DynamicSupervisor)

    assert (worker.restart, worker.stop_within, worker.placed_on) == (
        Restart.PERMANENT,
        5.0,
        Host.THREAD,
    )
    assert supervisor.stop_within is dynamic.stop_within is Shutdown.INFINITY
    assert supervisor.placed_on is dynamic.placed_on is Host.LOOP
    assert (supervisor.supervises, worker.supervises) == (True, False)


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("strategy", {"strategy": "one_for_none"}),
        ("children", {"children": [ChildSpec(id="a", actor=Plain)]}),
        ("children", {"children": (Plain,)}),
        ("children", {"children": (ChildSpec(id="a", actor=Plain),) * 2}),
        ("intensity", {"intensity": 3}),
        ("auto_shutdown", {"auto_shutdown": "yes"}),
    ],
    ids=str,
)
def test_s30_an_invalid_field_of_a_supervisor_is_named(field: str, wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidSpecError, match=rf"SupervisorSpec\.{field}"):
        SupervisorSpec(**wrong)


def test_s30_unknown_fields_are_reported() -> None:
    with pytest.raises(TypeError, match="max_restarts"):
        SupervisorSpec(max_restarts=3)  # type: ignore[call-arg]  # the point


def test_s26_a_significant_child_needs_a_supervisor_that_ends_for_it() -> None:
    child = ChildSpec(id="key", actor=Plain, restart=Restart.TRANSIENT, significant=True)

    with pytest.raises(InvalidSpecError, match="significant of key"):
        SupervisorSpec(children=(child,))
    SupervisorSpec(children=(child,), auto_shutdown=AutoShutdown.ANY_SIGNIFICANT)


def test_a_sibling_that_does_not_exist_is_refused() -> None:
    with pytest.raises(InvalidSpecError, match="journal"):
        SupervisorSpec(
            strategy=Strategy.REST_FOR_ONE,
            children=(ChildSpec(id="a", actor=Plain, args=(Sibling("journal"),)),),
        )


def test_a_dynamic_supervisor_cannot_hold_less_than_nobody() -> None:
    with pytest.raises(InvalidSpecError, match=r"DynamicSpec\.max_children"):
        DynamicSpec(max_children=-1)


def test_arguments_are_shown_neither_in_a_repr_nor_in_a_refusal() -> None:
    spec = ChildSpec(id="a", actor=Plain, args=("1BVtsOHw",), kwargs={"key": "1BVtsOHw"})

    assert "1BVtsOHw" not in repr(SupervisorSpec(children=(spec,)))
    with pytest.raises(InvalidSpecError) as refused:
        ChildSpec(id="a", actor=Plain, args="1BVtsOHw")  # type: ignore[arg-type]  # the point
    assert "1BVtsOHw" not in str(refused.value)
