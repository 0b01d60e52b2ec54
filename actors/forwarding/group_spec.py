"""Distribution of pairs over worker groups, and a group's child spec. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pykka
from tenacity import wait_chain, wait_none, wait_random_exponential
from tenacity.wait import wait_base

from ...supervision import ChildSpec, RestartIntensity
from ..context import Services, Settings
from ..messages import PairPlan
from .actor import WorkerGroupActor
from .traced import TracedGroupActor


def groups_of(pairs: Sequence[PairPlan], *, size: int) -> Mapping[str, tuple[PairPlan, ...]]:
    """Spread pairs evenly over as few groups of at most ``size`` as hold them.

    By their numbers and nothing else: so the same pairs are in the same groups after a restart,
    and one that comes or goes moves at most one other from each group to the next.
    """
    if not pairs:
        return {}
    ordered, count = sorted(pairs, key=lambda plan: plan.id), -(-len(pairs) // size)
    ends = [len(ordered) * at // count for at in range(count + 1)]
    return {f"group-{at + 1}": tuple(ordered[ends[at] : ends[at + 1]]) for at in range(count)}


def first_at_once(settings: Settings) -> wait_base:
    """The first restart comes at once, further ones ever later: most crashes happen once."""
    later = wait_random_exponential(settings.backoff_initial, settings.backoff_max)
    return wait_chain(wait_none(), later)


def group_spec(name: str, session: str, ref: pykka.ActorRef[Any], services: Services) -> ChildSpec:
    """One worker group; its restart intensity is its own, so that its trouble stays with it."""
    settings = services.settings
    return ChildSpec(
        id=name,
        actor=TracedGroupActor if services.traced else WorkerGroupActor,
        kwargs={"name": name, "session": session, "session_ref": ref, "services": services},
        intensity=RestartIntensity(limit=settings.restarts, period=settings.restarts_within),
        backoff=first_at_once(settings),
    )
