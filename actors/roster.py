"""Who is planned with which pairs, and where each session's actor is, who is told of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pykka

from ..errors import UnknownSessionError
from ..storage import PairRecord, SessionRecord
from ..supervision import Answer
from .assignments import moved, settled
from .messages import PairPlan, Serve
from .sender import tell
from .subtrees import SessionPlan

__all__ = ["SessionRoster"]


class SessionRoster:
    """The sessions of a registry, by name.

    Args:
        plans: the sessions that are planned from the start.
    """

    def __init__(self, plans: Iterable[SessionPlan]) -> None:
        self.plans = {plan.record.name: plan for plan in plans}
        self.pairs = {name: _ids(plan.pairs) for name, plan in self.plans.items()}
        self.refs: dict[str, pykka.ActorRef[Any]] = {}
        self._lent: frozenset[int] = frozenset()
        self._asked: dict[str, list[Answer]] = {}

    def put(self, record: SessionRecord) -> SessionPlan | None:
        """Take over what is declared of a session; returns its plan if it is a new one."""
        known = self.plans.get(record.name)
        plan = SessionPlan(record=record, pairs=() if known is None else known.pairs)
        self.plans[record.name] = plan
        self.pairs.setdefault(record.name, ())
        return plan if known is None else None

    def settle(self, records: Sequence[PairRecord]) -> None:
        """Give pairs to whom they were moved, as far as that still stands."""
        for name, plan in settled(self.plans, records).items():
            self._assign(name, plan.pairs)

    def _assign(self, name: str, pairs: tuple[PairPlan, ...]) -> None:
        """Give a session these pairs, all it has."""
        self.plans[name] = replace(self.plans[name], pairs=pairs)
        self.pairs[name] = _ids(pairs)
        self._serve(name)

    def _serve(self, name: str) -> None:
        """Tell a session what it has; told again whenever it starts."""
        plan, ref = self.plans.get(name), self.refs.get(name)
        if plan is not None and ref is not None:
            mine = self._lent.intersection(self.pairs[name])
            tell(ref, Serve(plans=plan.pairs, lent=mine))

    def lend(self, pairs: frozenset[int]) -> None:
        """Let sessions that let go of these pairs not have them again until it is decided."""
        self._lent |= pairs
        self._serve_those_with(pairs)

    def take_back(self, pairs: frozenset[int]) -> None:
        """It is decided: who has these pairs now serves them."""
        self._lent -= pairs
        self._serve_those_with(pairs)

    def _serve_those_with(self, pairs: frozenset[int]) -> None:
        for name, ids in self.pairs.items():
            if not pairs.isdisjoint(ids):
                self._serve(name)

    def hand_over(self, plans: Iterable[PairPlan], to: str) -> tuple[str, ...]:
        """Give pairs to a session, as they were planned; returns who is concerned, by name."""
        come = {plan.id: moved(plan, to) for plan in plans}
        self._lent -= come.keys()
        concerned = {to}
        for name, plan in tuple(self.plans.items()):
            kept = tuple(pair for pair in plan.pairs if pair.id not in come)
            if len(kept) < len(plan.pairs):
                concerned.add(name)
                self._assign(name, kept)
        self._assign(to, (*self.plans[to].pairs, *come.values()))
        return tuple(sorted(concerned))

    def remove(self, name: str, moves: Mapping[int, str]) -> tuple[str, ...]:
        """Take a session out and hand its pairs over; returns who has more of them now."""
        gone = self.plans.pop(name, None)
        self.pairs.pop(name, None)
        self.refs.pop(name, None)
        for answer in self._asked.pop(name, ()):
            answer.fail(UnknownSessionError(name, tuple(sorted(self.plans))))
        self._lent -= moves.keys()
        theirs, grown = gone.pairs if gone is not None else (), tuple(sorted(set(moves.values())))
        for target in grown:
            come = [replace(one, session=target) for one in theirs if moves.get(one.id) == target]
            self._assign(target, (*self.plans[target].pairs, *come))
        return grown

    def introduced(self, name: str, ref: pykka.ActorRef[Any]) -> None:
        """A session's actor has started: it hears what it has, and who asked for it is answered."""
        self.refs[name] = ref
        self._serve(name)
        for answer in self._asked.pop(name, ()):
            answer.set(ref)

    def where(self, name: str) -> pykka.ActorRef[Any] | Answer:
        """A session's reference; who asks while it starts is answered when it has.

        Raises:
            UnknownSessionError
        """
        if name in self.refs:
            return self.refs[name]
        if name not in self.plans:
            raise UnknownSessionError(name, tuple(sorted(self.plans)))
        answer = Answer()
        self._asked.setdefault(name, []).append(answer)
        return answer

    def fail_all(self, error: BaseException) -> None:
        """Nobody will be answered any more."""
        for answers in self._asked.values():
            for answer in answers:
                answer.fail(error)


def _ids(pairs: Iterable[PairPlan]) -> tuple[int, ...]:
    return tuple(pair.id for pair in pairs)
