"""Assignments of pairs to sessions, and the sessions' actors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import pykka

from ...errors import UnknownRecordError, UnknownSessionError
from ...storage import SessionRecord
from ...supervision import Answer
from ..messages import PairPlan, Serve, SettingsChanged
from ..pair_graph import PairGraph, way_of
from ..session.sender import tell
from .session_specs import SessionPlan


class SessionRoster:
    """The sessions of a registry, by name.

    Args:
        plans: the sessions that are planned from the start.
    """

    def __init__(self, plans: Iterable[SessionPlan]) -> None:
        self.plans = {plan.record.name: plan for plan in plans}
        self.pairs: dict[str, tuple[int, ...]] = dict.fromkeys(self.plans, ())
        self.served: dict[int, PairPlan] = {}
        self.refs: dict[str, pykka.ActorRef[Any]] = {}
        self.in_transfer: frozenset[int] = frozenset()
        self.graph = PairGraph()
        self._asked: dict[str, list[Answer]] = {}
        self._resettled = False

    def put(self, record: SessionRecord) -> SessionPlan | None:
        """Take over what is declared of a session; returns its plan if it is a new one."""
        known = self.plans.get(record.name)
        if known is not None and known.record.phone == record.phone:
            return None  # nothing else of it concerns who runs it
        plan = SessionPlan(record=record, pairs=() if known is None else known.pairs)
        self.plans[record.name] = plan
        self.pairs.setdefault(record.name, ())
        if known is None:
            return plan
        self._serve(record.name)
        return None

    def plans_of(self, session: str | None) -> tuple[PairPlan, ...]:
        """A session's pairs, or all, by number.

        Raises:
            UnknownSessionError
        """
        if session is None:
            return tuple(plan for _, plan in sorted(self.served.items()))
        if session not in self.plans:
            raise UnknownSessionError(session, tuple(sorted(self.plans)))
        return self.plans[session].pairs

    def plan_of(self, pair: int) -> PairPlan:
        """One pair.

        Raises:
            UnknownRecordError
        """
        if pair not in self.served:
            raise UnknownRecordError("pair", pair)
        return self.served[pair]

    def plan_pairs(self, plans: Iterable[PairPlan]) -> tuple[int, ...]:
        """Give all pairs to their sessions; returns those whose session is not there."""
        wanted: dict[str, list[PairPlan]] = {name: [] for name in self.plans}
        lost = []
        for plan in plans:
            if plan.session in wanted:
                wanted[plan.session].append(plan)
            else:
                lost.append(plan.id)
        self.served = {plan.id: plan for theirs in wanted.values() for plan in theirs}
        self.graph = PairGraph()
        for plan in self.served.values():
            self.graph.put(plan.id, way_of(plan))
        for name, theirs in wanted.items():
            self._assign(name, tuple(theirs))
        return tuple(lost)

    def change_pairs(self, changes: Mapping[int, PairPlan | None]) -> tuple[str, ...]:
        """Let pairs come, go, or be otherwise; returns whose number of pairs may be another now."""
        if not changes:
            return ()
        self.in_transfer -= changes.keys()
        touched: set[str] = set()
        for pair, plan in changes.items():
            before = self.served.pop(pair, None)
            touched.update(one.session for one in (before, plan) if one is not None)
            if plan is not None:
                self.served[pair] = plan
            self.graph.put(pair, None if plan is None else way_of(plan))
        touched &= self.plans.keys()
        for name in touched:
            kept = (one for one in self.plans[name].pairs if one.id not in changes)
            come = (one for one in changes.values() if one is not None and one.session == name)
            self._assign(name, (*kept, *come))
        return tuple(sorted(touched))

    def _assign(self, name: str, pairs: tuple[PairPlan, ...]) -> None:
        """Give a session these pairs, all it has."""
        self.plans[name] = replace(self.plans[name], pairs=pairs)
        self.pairs[name] = tuple(pair.id for pair in pairs)
        self._serve(name)

    def _serve(self, name: str) -> None:
        """Tell a session what it has and is; told again whenever it starts."""
        plan, ref = self.plans.get(name), self.refs.get(name)
        if plan is not None and ref is not None:
            mine = self.in_transfer.intersection(self.pairs[name])
            tell(ref, Serve(plans=plan.pairs, in_transfer=mine, phone=plan.record.phone))

    def begin_transfer(self, pairs: frozenset[int]) -> None:
        """Let sessions that let go of these pairs not have them again until it is decided."""
        self.in_transfer |= pairs
        self._serve_those_with(pairs)

    def abort_transfer(self, pairs: frozenset[int]) -> None:
        """It is decided: who has these pairs now serves them."""
        self.in_transfer -= pairs
        self._serve_those_with(pairs)

    def _serve_those_with(self, pairs: frozenset[int]) -> None:
        for name, ids in self.pairs.items():
            if not pairs.isdisjoint(ids):
                self._serve(name)

    def remove(self, name: str) -> None:
        """Take a session out; its pairs have been given to others."""
        self.plans.pop(name, None)
        self.pairs.pop(name, None)
        self.refs.pop(name, None)
        for answer in self._asked.pop(name, ()):
            answer.fail(UnknownSessionError(name, tuple(sorted(self.plans))))

    def introduced(self, name: str, ref: pykka.ActorRef[Any]) -> None:
        """A session's actor has started: it hears what it has, and who asked for it is answered."""
        self.refs[name] = ref
        self._serve(name)
        if self._resettled:  # it may have been made just before
            tell(ref, SettingsChanged())
        for answer in self._asked.pop(name, ()):
            answer.set(ref)

    def tell_settings(self, message: SettingsChanged) -> None:
        """Have everybody go by the settings as they are now."""
        self._resettled = True
        for ref in self.refs.values():
            tell(ref, message)

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
