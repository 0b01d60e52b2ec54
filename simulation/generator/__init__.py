"""From a seed to a script: who is there, which pairs, what people and operators do, what breaks."""

from __future__ import annotations

from typing import Final

from ..directions import DIRECTIONS, Direction
from ..script import Script
from .act_steps import ActSteps
from .draft import ScriptDraft
from .fault_steps import FaultSteps
from .topology import Topology

__all__ = ["generate"]

PACES: Final = (0.003, 0.02, 0.1, 0.5)
REST_EVERY: Final = 60  # acts
SHARES_OF_FAULTS: Final = (0.05, 0.12, 0.25)


def generate(seed: int | str, *, acts: int = 500, about: str | None = None) -> Script:
    """Make the script of a seed; ``about`` names what it is to be about."""
    draft = ScriptDraft(str(seed), DIRECTIONS[about] if about else Direction())
    topology = Topology(draft)
    _add_steps(draft, ActSteps(draft, topology), FaultSteps(draft, topology), wanted=acts)
    return draft.script


def _add_steps(draft: ScriptDraft, acts: ActSteps, faults: FaultSteps, *, wanted: int) -> None:
    """Let people and operators do as much as is wanted, and break things between."""
    rng, direction, steps = draft.rng, draft.direction, draft.script.steps
    at, since, done = 0.0, 0, 0
    paces = direction.paces or PACES
    pace = rng.choice(paces)
    share = rng.choice(SHARES_OF_FAULTS) if direction.share is None else direction.share
    if draft.flavour["calm"]:
        share = 0.0
    while done < wanted:
        at += rng.expovariate(1 / pace)
        if rng.random() < share:
            step = faults.draw()
            at += 0.05
        else:
            step = acts.draw()
            done += 1
            since += 1
        step["at"] = round(at, 4)
        steps.append(step)
        if since >= REST_EVERY:
            steps.append({"do": "rest", "at": round(at, 4)})
            at, since, faults.crashed = 0.0, 0, 0
            pace = rng.choice(paces)
