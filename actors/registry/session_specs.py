"""The child spec of each session's subtree, and its start, stop and lookup."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import pykka

from ...errors import (
    ChildNotFoundError,
    ChildPresentError,
    ChildRestartingError,
    ChildRunningError,
    PairsNotMovedError,
    TelewardenError,
    UnknownRecordError,
)
from ...storage import PairRecord, SessionRecord
from ...supervision import (
    ChildSpec,
    DynamicSpec,
    DynamicSupervisor,
    RestartIntensity,
    Sibling,
    StartChild,
    Strategy,
    Supervisor,
    SupervisorSpec,
    TerminateChild,
    WhichChild,
    ask_async,
)
from ..context import Services
from ..forwarding.group_spec import first_at_once
from ..forwarding.messages import PairOrder, ReleasePair
from ..messages import LookInto, PairPlan, Report
from ..session.actor import SessionActor
from .placement import chats_of, in_flood, strangers

START_WITHIN: Final = 10.0  # seconds that a subtree gets to start; coming online is not in it
RELEASE_SLACK: Final = 20.0  # seconds on top of what a pair may take, to be told of it
STOP_SLACK: Final = 10.0  # seconds on top of what its parts may take, to be told of it


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionPlan:
    """One session as planned: its record and its pairs."""

    record: SessionRecord
    pairs: tuple[PairPlan, ...] = ()


class SessionTrees:
    """Starts and stops sessions under their supervisor.

    Args:
        sessions: the supervisor of all sessions.
        registry: who is told where a session is.
    """

    def __init__(
        self, sessions: pykka.ActorRef[Any], registry: pykka.ActorRef[Any], services: Services
    ) -> None:
        self._sessions, self._registry, self._services = sessions, registry, services

    def set_file_aside(self, name: str) -> None:
        """Keep a deleted session's sealed file out of the way of another of that name."""
        services = self._services
        services.journal.post(lambda store: services.files(store).set_aside_deleted(name))

    async def start(self, plan: SessionPlan) -> pykka.ActorRef[Any] | None:
        """Start a session; returns its actor if an earlier registry had started it already."""
        spec = session_spec(plan, self._registry, self._services)
        try:
            await ask_async(self._sessions, StartChild(spec), timeout=START_WITHIN)
        except ChildRunningError as running:
            return await _session_in(running.ref)
        except (ChildPresentError, ChildRestartingError):
            return None  # it introduces itself when it is back
        return None

    async def stop(self, name: str) -> None:
        """Stop a session and forget its subtree; it finishes what is under way."""
        settings = self._services.settings
        within = settings.drain + settings.close_deadline + STOP_SLACK
        try:
            await ask_async(self._sessions, TerminateChild(f"session:{name}"), timeout=within)
        except ChildNotFoundError:
            return

    async def release_and_stop(
        self,
        name: str,
        refs: Mapping[str, pykka.ActorRef[Any]],
        moves: Mapping[int, str],
        *,
        within: float,
        accept_doubt: bool,
    ) -> None:
        """Let pairs that will move finish what is on its way, then stop their session.

        Telegram refuses a repeat from the same account only: what is not known to have arrived
        must not be sent again by another, unless that is accepted.

        Raises:
            PairsNotMovedError: as ``look_at`` says.
            PairBusyError: one of them did not come to rest; the session goes on.
        """
        await self.look_at(name, refs, moves)
        ref = refs.get(name)
        order = partial(ReleasePair, within=within, accept_doubt=accept_doubt)
        orders = [PairOrder(pair=pair, order=order(pair)) for pair in moves]
        if ref is not None:
            asked = (ask_async(ref, order, timeout=within + RELEASE_SLACK) for order in orders)
            for answer in await asyncio.gather(*asked, return_exceptions=True):
                # A pair that no group has taken in yet has nothing on its way.
                if isinstance(answer, BaseException) and not isinstance(answer, UnknownRecordError):
                    raise answer
        await self.stop(name)

    async def look_at(
        self, name: str, refs: Mapping[str, pykka.ActorRef[Any]], moves: Mapping[int, str]
    ) -> None:
        """The same look that every move begins with; a pair without known chats has no say.

        Raises:
            PairsNotMovedError: the session is in a flood; or some that are to take its pairs are,
                or may not serve them: those are told as ``unfit``.
        """
        if not moves:
            return
        if problems := await self._in_flood(name, refs):
            raise PairsNotMovedError(problems)
        records = await self._services.journal.do(lambda store: store.pairs_with(tuple(moves)))
        reasons: list[str] = []
        unfit: set[tuple[int, str]] = set()
        for to in sorted(set(moves.values())):
            taken = [one for one in records if moves[one.id] == to]
            if problems := await self._in_flood(to, refs):
                found = {pair: problems for pair, other in moves.items() if other == to}
            else:
                found = await _strangers(to, refs, taken)
            reasons += dict.fromkeys(reason for problems in found.values() for reason in problems)
            unfit |= {(pair, to) for pair in found}
        if reasons:
            raise PairsNotMovedError(tuple(reasons), unfit=frozenset(unfit))

    async def _in_flood(
        self, name: str, refs: Mapping[str, pykka.ActorRef[Any]]
    ) -> tuple[str, ...]:
        try:
            report = await ask_async(refs[name], Report(), timeout=START_WITHIN)
        except (KeyError, TelewardenError, pykka.ActorDeadError):
            return ()  # it does not run
        return in_flood({name: report}, self._services.now())


async def _strangers(
    to: str, refs: Mapping[str, pykka.ActorRef[Any]], taken: Sequence[PairRecord]
) -> dict[int, tuple[str, ...]]:
    """Which of these pairs a session may not serve, and why."""
    try:
        look = LookInto(chats=chats_of(taken))
        rights = await ask_async(refs[to], look, timeout=START_WITHIN) if taken else {}
    except Exception as error:  # noqa: BLE001 - whatever it is, nobody has looked
        pairs = ", ".join(str(one.id) for one in taken)
        why = f"whether {to} may serve them cannot be seen ({type(error).__name__})"
        return {one.id: (f"pairs {pairs}: {why}",) for one in taken}
    found = {one.id: strangers([one], rights, to) for one in taken}
    return {pair: problems for pair, problems in found.items() if problems}


async def _session_in(subtree: object) -> pykka.ActorRef[Any] | None:
    if not isinstance(subtree, pykka.ActorRef):
        return None
    info = await ask_async(subtree, WhichChild("session"), timeout=START_WITHIN)
    return info.ref


def session_spec(plan: SessionPlan, registry: pykka.ActorRef[Any], services: Services) -> ChildSpec:
    """A session's subtree: the supervisor of its groups, then the session itself.

    The groups come first, so that a session's crash leaves them and their queues alone, while a
    restart of their supervisor, which comes up empty, restarts the session, who fills it again.
    """
    settings = services.settings
    intensity = RestartIntensity(limit=settings.restarts, period=settings.restarts_within)
    session = ChildSpec(
        id="session",
        actor=SessionActor,
        kwargs={
            "name": plan.record.name,
            "phone": plan.record.phone or "",
            "groups": Sibling("groups"),
            "registry": registry,
            "services": services,
        },
        backoff=first_at_once(settings),
        shutdown=settings.drain + settings.close_deadline,
    )
    groups = ChildSpec(
        id="groups", actor=DynamicSupervisor, args=(DynamicSpec(intensity=intensity),)
    )
    return ChildSpec(
        id=f"session:{plan.record.name}",
        actor=Supervisor,
        args=(
            SupervisorSpec(
                strategy=Strategy.REST_FOR_ONE, children=(groups, session), intensity=intensity
            ),
        ),
        intensity=RestartIntensity(limit=1, period=settings.restarts_within),
    )
