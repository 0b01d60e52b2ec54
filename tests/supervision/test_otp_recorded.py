"""Random trees and scripts that Erlang/OTP 25 has carried out, carried out again.

Where Erlang is installed, ``make differential`` runs fresh ones; see ``differential``.
"""

from __future__ import annotations

import importlib
import logging
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
comparison: Any = importlib.import_module("differential.comparison")
recorded: Any = importlib.import_module("differential.recorded")
subject: Any = importlib.import_module("differential.subject")
sys.path.pop(0)

from telewarden.errors import ChildStartError, DrillError  # noqa: E402 - as above

pytestmark = [
    pytest.mark.supervision,
    pytest.mark.crashes(
        "*",
        (DrillError, ValueError),
        start=(ChildStartError, OSError),
        logged="supervisor gives up",
    ),
    pytest.mark.crashes("*", dropped="Drill"),
    pytest.mark.crashes("*", dropped="_ActorStop"),
    pytest.mark.crashes("*", dropped="tuple"),
    # A thread that is killed at once may be at its last instruction still, or be kept from it.
    pytest.mark.crashes("*", logged="child abandoned", possible=True),
]


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    """Hundreds of crashes, all of them meant."""
    caplog.set_level(logging.CRITICAL)


ENTRIES = recorded.read()
SLICES = 4


@pytest.mark.parametrize("part", range(SLICES))
@pytest.mark.parametrize("where", subject.SUBJECTS, ids=str)
def test_recorded_scripts_go_as_they_went_in_erlang(where: Any, part: int) -> None:
    differing = {}
    for number, entry in enumerate(ENTRIES[part::SLICES]):
        script = entry["script"]
        run = subject.carry_out(script, where)
        step = comparison.agrees(script, run, recorded.answers_of(entry))
        if step is not None and comparison.excuse(script, run, where, step) is None:
            differing[number * SLICES + part] = step

    assert differing == {}


def test_two_hundred_scripts_are_recorded_and_most_do_several_things_at_once() -> None:
    bursts = sum(any(len(step) > 1 for step in e["script"]["steps"]) for e in ENTRIES)

    assert len(ENTRIES) >= 200
    assert bursts >= 80


def test_a_difference_is_found_whatever_the_order_of_what_is_done_at_once() -> None:
    entry = next(e for e in ENTRIES if any(len(step) > 1 for step in e["script"]["steps"]))
    where = subject.SUBJECTS[0]
    run = subject.carry_out(entry["script"], where)
    run.steps[-1][1] = "error"  # that the root had failed is in no record

    found = comparison.agrees(entry["script"], run, recorded.answers_of(entry))

    assert found == len(run.steps) - 1


def test_whats_asked_at_once_keeps_the_order_of_changes_and_lets_questions_come_early() -> None:
    step = [("call", "", ("terminate", "a")), ("call", "", ("restart", "a")), ("crash", "b")]
    asked = [("call", "", ("terminate", "a")), ("call", "", ("which",))]

    changes = [o for o in comparison.orders(step) if "barrier" not in o]
    early = [o for o in comparison.orders(asked) if "barrier" not in o]

    assert changes == [(0, 1, 2), (0, 2, 1), (2, 0, 1)]
    assert early == [(0, 1), (1, 0)]
