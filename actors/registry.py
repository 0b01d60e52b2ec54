"""Who exists: the sessions of one warden, their pairs, and who runs them.

Owns the list of sessions and starts a subtree for each. It stands after the supervisor of the
sessions, so that when that one is restarted, empty, the registry is restarted too and fills it
again. Changing the list at run time goes through it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pykka

from ..errors import ChildPresentError, ChildRestartingError, ChildRunningError
from ..storage import SessionRecord, Store
from ..supervision import (
    Answer,
    ChildSpec,
    DynamicSpec,
    DynamicSupervisor,
    LoopActor,
    RestartBudget,
    Sibling,
    StartChild,
    Strategy,
    Supervisor,
    SupervisorSpec,
    ask_async,
)
from .grouping import first_at_once, groups_of
from .kit import Kit
from .messages import PairPlan, Roster, SessionIntroduced, SessionRefAsked
from .session import SessionActor

__all__ = ["RegistryActor", "SessionPlan", "session_spec"]

logger = logging.getLogger(__name__)

START_WITHIN = 10.0  # seconds that a session's subtree gets to start; coming online is not in it


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionPlan:
    """One session as planned: its record and its pairs."""

    record: SessionRecord
    pairs: tuple[PairPlan, ...] = ()


class RegistryActor(LoopActor):
    """Knows every session of the warden and starts what belongs to it.

    Args:
        plans: the sessions of the configuration.
        sessions: the supervisor of all sessions.
        make_kit: builds what sessions share, from the monitor's reference.
        monitor: the health monitor.
    """

    def __init__(
        self,
        *,
        plans: Sequence[SessionPlan],
        sessions: pykka.ActorRef[Any],
        monitor: pykka.ActorRef[Any],
        journal: pykka.ActorRef[Any],
        make_kit: Callable[..., Kit],
    ) -> None:
        super().__init__()
        self._plans = {plan.record.name: plan for plan in plans}
        self._sessions = sessions
        self._kit = make_kit(journal=journal, monitor=monitor)
        self._refs: dict[str, pykka.ActorRef[Any]] = {}
        self._asked: dict[str, list[Answer]] = {}

    def on_start(self) -> None:
        self.pipe(self._kit.journal.do(self._write_down), done=lambda _: _WrittenDown())

    def on_receive(self, message: object) -> object:
        match message:
            case _WrittenDown():
                self._start_all()
            case SessionIntroduced():
                self._introduced(message)
            case Roster():
                return tuple(self._refs.values())
            case SessionRefAsked():
                return self._where(message.session)
            case _Started():
                logger.debug("session started session=%s", message.session)
            case _NotStarted():
                logger.error(
                    "session not started session=%s error=%s", message.session, message.error
                )
            case _:
                return super().on_receive(message)
        return None

    def _introduced(self, message: SessionIntroduced) -> None:
        self._refs[message.session] = message.ref
        for answer in self._asked.pop(message.session, ()):
            answer.set(message.ref)

    def _where(self, session: str) -> pykka.ActorRef[Any] | Answer:
        """The session's reference; who asks while it starts is answered when it has."""
        if session in self._refs:
            return self._refs[session]
        answer = Answer()
        self._asked.setdefault(session, []).append(answer)
        return answer

    def _write_down(self, store: Store) -> None:
        now = self._kit.now()
        for plan in self._plans.values():
            known = store.session(plan.record.name)
            created = known.created if known is not None else now
            store.put_session(replace(plan.record, created=created, updated=now))

    def _start_all(self) -> None:
        for name, plan in self._plans.items():
            spec = session_spec(plan, self.actor_ref, self._kit)
            self.pipe(
                self._start(spec),
                done=lambda _, name=name: _Started(name),  # type: ignore[misc]  # bound now
                failed=lambda error, name=name: _NotStarted(name, error),  # type: ignore[misc]  # the same
            )

    async def _start(self, spec: ChildSpec) -> None:
        try:
            await ask_async(self._sessions, StartChild(spec), timeout=START_WITHIN)
        except (ChildRunningError, ChildPresentError, ChildRestartingError):
            return  # an earlier incarnation of the registry started it


def session_spec(plan: SessionPlan, registry: pykka.ActorRef[Any], kit: Kit) -> ChildSpec:
    """A session's subtree: the supervisor of its groups, then the session itself.

    The groups come first, so that a session's crash leaves them and their queues alone, while a
    restart of their supervisor, which comes up empty, restarts the session, who fills it again.
    """
    settings = kit.settings
    budget = RestartBudget(limit=settings.restarts, within=settings.restarts_within)
    session = ChildSpec(
        id="session",
        actor=SessionActor,
        kwargs={
            "name": plan.record.name,
            "phone": plan.record.phone or "",
            "plans": groups_of(plan.pairs, size=settings.group_size),
            "groups": Sibling("groups"),
            "registry": registry,
            "kit": kit,
        },
        backoff=first_at_once(settings),
        shutdown=settings.drain + settings.close_deadline,
    )
    groups = ChildSpec(id="groups", actor=DynamicSupervisor, args=(DynamicSpec(budget=budget),))
    return ChildSpec(
        id=f"session:{plan.record.name}",
        actor=Supervisor,
        args=(
            SupervisorSpec(
                strategy=Strategy.REST_FOR_ONE, children=(groups, session), budget=budget
            ),
        ),
        budget=RestartBudget(limit=1, within=settings.restarts_within),
    )


@dataclass(frozen=True, slots=True)
class _WrittenDown:
    """The declared sessions are in the database."""


@dataclass(frozen=True, slots=True)
class _Started:
    session: str


@dataclass(frozen=True, slots=True)
class _NotStarted:
    session: str
    error: BaseException
