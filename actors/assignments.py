"""Which session serves which pair: selections, moves, and what stands at a start. Pure.

A pair belongs to the session that the configuration names, until it is moved. A move stands as
long as the configuration still names the session that the pair was moved from; who then edits the
configuration is obeyed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ..storage import PairRecord
from .messages import PairPlan

if TYPE_CHECKING:
    from .subtrees import SessionPlan

__all__ = ["chosen", "moved", "settled"]


def chosen(selection: str, known: Mapping[int, str]) -> tuple[int, ...]:
    """The pairs that ``1,2,3``, ``1-10`` or ``all_from:NAME`` mean, in order.

    Args:
        known: every pair there is, with its session.

    Raises:
        ValueError: it means none, names one that is not there, or cannot be read.
    """
    wanted = selection.strip()
    if wanted.startswith("all_from:"):
        name = wanted.removeprefix("all_from:")
        found = tuple(sorted(pair for pair, session in known.items() if session == name))
        if not found:
            raise ValueError(f"session {name!r} has no pairs; see them with the overview")
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
    found = [pair for pair in sorted(known) if first <= pair <= last]
    if not found:
        raise ValueError(
            f"there is no pair {part}; pairs are: {', '.join(map(str, sorted(known)))}"
        )
    return found


def moved(plan: PairPlan, session: str) -> PairPlan:
    """The pair under another session; back where the configuration has it, it is moved no more."""
    home = plan.moved_from or plan.session
    return replace(plan, session=session, moved_from=None if session == home else home)


def settled(
    plans: Mapping[str, SessionPlan], records: Sequence[PairRecord]
) -> dict[str, SessionPlan]:
    """The sessions' plans with every move that still stands."""
    moves = {one.id: one for one in records if one.moved_from is not None}
    served: dict[str, list[PairPlan]] = {name: [] for name in plans}
    for name, plan in plans.items():
        for pair in plan.pairs:
            move = moves.get(pair.id)
            stands = move is not None and move.moved_from == name and move.session in served
            if stands and move is not None:
                served[move.session].append(moved(pair, move.session))
            else:
                served[name].append(pair)
    return {name: replace(plan, pairs=tuple(served[name])) for name, plan in plans.items()}
