"""The effective plan of each pair: configuration and run-time changes together. Pure.

A pair is as the configuration says, until it is changed, moved or removed while running. That
stands as long as the configuration says of the pair what it said then; who edits the pair's table
afterwards is obeyed. A pair that the configuration does not have stands until it is removed.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any, Final

from ...errors import UnknownSessionError
from ...storage import PlanRow
from ...storage.tables.connection import to_json
from ..messages import PairPlan


def chosen(selection: str, known: Mapping[int, str], sessions: Iterable[str]) -> tuple[int, ...]:
    """The pairs that ``1,2,3``, ``1-10`` or ``all_from:NAME`` mean, in order.

    Args:
        known: every pair there is, with its session.
        sessions: all sessions, those without pairs too.

    Raises:
        UnknownSessionError: it names a session that is not there.
        ValueError: it means none, names one that is not there, or cannot be read.
    """
    wanted = selection.strip()
    if wanted.startswith("all_from:"):
        name = wanted.removeprefix("all_from:")
        found = tuple(sorted(pair for pair, session in known.items() if session == name))
        if not found:
            if name not in (there := tuple(sorted(sessions))):
                raise UnknownSessionError(name, there)
            having = ", ".join(sorted(set(known.values()))) or "nobody"
            raise ValueError(f"session {name!r} has no pairs; there are pairs of: {having}")
        return found
    ids: set[int] = set()
    for part in wanted.split(","):
        ids.update(_ids(part.strip(), known))
    return tuple(sorted(ids))


def _ids(part: str, known: Mapping[int, str]) -> Iterable[int]:
    match = re.fullmatch(r"([0-9]+)(?:-([0-9]+))?", part)
    if match is None:
        raise ValueError(f"{part!r} selects nothing; give 1,2,3 or 1-10 or all_from:NAME")
    first, last = int(match[1]), int(match[2] or match[1])
    if last < first:
        raise ValueError(f"{part} is backwards; give {last}-{first}")
    found = [pair for pair in sorted(known) if first <= pair <= last]
    if not found:
        raise ValueError(
            f"there is no pair {part}; pairs are: {', '.join(map(str, sorted(known)))}"
        )
    return found


ADDED_LATER: Final = {
    "ring": False,
    "unwanted": "delete",
    "max_stars": 0,
    "send_as": None,
    "silent": False,
    "join": False,
    "added_at": None,
}
"""Fields that plans had not always: what was decided before stands as long as they say nothing."""


def fingerprint(plan: PairPlan) -> str:
    """What tells one plan from another; says nothing of what is in it."""
    fields = asdict(plan)
    for name, usual in ADDED_LATER.items():
        if fields[name] == usual:
            del fields[name]
    return hashlib.sha256(to_json(fields).encode()).hexdigest()[:32]


def decision(pair: int, plan: PairPlan | None, declared: str | None) -> PlanRow:
    """The row for a pair that is as ``plan`` says from now on; ``None`` where it is removed."""
    return PlanRow(id=pair, plan=None if plan is None else asdict(plan), declared=declared)


def effective_plans(
    declared: Mapping[int, PairPlan], rows: Iterable[PlanRow]
) -> tuple[dict[int, PairPlan], tuple[int, ...]]:
    """The pairs at a start, and the decisions that do not stand any more.

    Args:
        declared: what the configuration says.
        rows: what was decided while running.
    """
    plans, over = dict(declared), []
    for row in rows:
        says = declared.get(row.id)
        if row.declared != (None if says is None else fingerprint(says)):
            over.append(row.id)
        elif row.plan is None:
            plans.pop(row.id, None)
        else:
            plans[row.id] = _plan(row.plan)
    return plans, tuple(over)


def _plan(fields: Mapping[str, Any]) -> PairPlan:
    topics = {int(source): target for source, target in fields["topics"].items()}
    return PairPlan(**{**fields, "topics": topics})
