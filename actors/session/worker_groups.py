"""A session's worker groups: which exist, which pairs each has and should have.

What a session serves it is told by the registry, what a group serves by its session, and both are
told again after each restart: so none of it is lost with anybody. A pair is given to a group only
when no other has it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import pykka

from ...errors import (
    ChildNotFoundError,
    ChildPresentError,
    ChildRestartingError,
    ChildRunningError,
    TelewardenError,
    UnknownRecordError,
)
from ...errors.root import counted
from ...supervision import (
    Answer,
    ChildState,
    LoopActor,
    RestartChild,
    StartChild,
    TerminateChild,
    WhichChildren,
    ask_async,
)
from ...telegram import Deleted, Edited
from ..context import Services
from ..forwarding.group_spec import group_spec, groups_of
from ..forwarding.messages import PairOrder
from ..messages import Forget, GroupReady, Introduce, PairPlan, Serve, SettingsChanged
from .internal import GroupsSeen, LookAtGroups
from .sender import tell

START_WITHIN: Final = 10.0  # seconds that a worker group gets to start, or to stop
ORDER_WITHIN: Final = 30.0  # seconds; a pair that is let go finishes what is on its way first
LOOK_AGAIN: Final = 1.0  # seconds; by then it is decided what becomes of a group that failed
EARLY_KEPT: Final = 1000  # edits and deletions that are told before the groups are there

logger = logging.getLogger(__name__)

Ref = pykka.ActorRef[Any]


@dataclass(slots=True)
class _Group:
    """One group as its session knows it: what it has, what it was told to have."""

    ref: Ref
    has: frozenset[int]
    assigned: tuple[PairPlan, ...] | None = None


@dataclass(slots=True, kw_only=True)
class WorkerGroups:
    """The worker groups of one session actor; used within its turn.

    Args:
        actor: the session actor, which the groups report to.
        supervisor: who starts and stops them.
        down: those that failed too often and are kept down until ``release``.
    """

    session: str
    services: Services
    actor: LoopActor
    supervisor: Ref
    _homes: Mapping[str, tuple[PairPlan, ...]] = field(default_factory=dict)
    _in_transfer: frozenset[int] = frozenset()
    _served: bool = False
    down: frozenset[str] = frozenset()
    _groups: dict[str, _Group] = field(default_factory=dict)
    _early: list[Edited | Deleted] = field(default_factory=list)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    def __len__(self) -> int:
        return len(self._groups)

    # Who has what

    def serve(self, message: Serve) -> None:
        """These are the session's pairs now: spread them, start what is missing."""
        self._served, self._in_transfer = True, message.in_transfer
        self._homes = groups_of(message.plans, size=self.services.settings.group_size)
        for name in self._homes:
            if name not in self._groups:
                self.actor.pipe(self._start(name), then=self._started)
        self._arrange()

    def ready(self, message: GroupReady) -> bool:
        """A group says what it has; tells whether it is there anew."""
        known, has = self._groups.get(message.group), frozenset(message.pairs)
        if message.again and known is not None:
            if not known.has <= has:
                known.assigned = None  # it let one go: whether it is to have it again is said anew
            known.has = has
        else:
            self._groups[message.group] = _Group(message.ref, has)
            self.down -= {message.group}
            self.actor.watch(message.ref)
        self._arrange()
        return not message.again

    def _arrange(self) -> None:
        """Tell each group what it is to have, where that is not what it was told last."""
        if not self._served:
            return
        for name, group in tuple(self._groups.items()):
            plans = self._plans_of(name, group)
            if not plans and not group.has and name not in self._homes:
                self._end(name)
            elif plans != group.assigned:
                group.assigned, group.has = plans, group.has.union(plan.id for plan in plans)
                tell(group.ref, Serve(plans=plans))
        if self._complete:
            early, self._early = self._early, []
            for change in early:
                self.tell(change)

    def _plans_of(self, name: str, group: _Group) -> tuple[PairPlan, ...]:
        elsewhere = self._in_transfer.union(
            *(other.has for key, other in self._groups.items() if key != name)
        )
        home = self._homes.get(name, ())
        return tuple(plan for plan in home if plan.id in group.has or plan.id not in elsewhere)

    @property
    def _complete(self) -> bool:
        return self._served and self._homes.keys() <= self._groups.keys()

    def tell_settings(self) -> None:
        """Have every group go by the settings as they are now."""
        for group in self._groups.values():
            tell(group.ref, SettingsChanged())

    # Starting and ending

    async def _start(self, name: str) -> str:
        spec = group_spec(name, self.session, self.actor.actor_ref, self.services)
        async with self._turn:  # one that ends must have ended
            try:
                await ask_async(self.supervisor, StartChild(spec), timeout=START_WITHIN)
            except ChildRunningError as running:
                # It outlived this session's last incarnation, which took its introduction along.
                if isinstance(running.ref, pykka.ActorRef):
                    tell(running.ref, Introduce())
            except (ChildPresentError, ChildRestartingError):
                pass  # it introduces itself when it is back
        return name

    def _started(self, name: str) -> None:
        """A group is there; it says itself when it is ready."""
        logger.debug("group started session=%s group=%s", self.session, name)

    def _end(self, name: str) -> None:
        del self._groups[name]
        self.actor.pipe(self._terminate(name), then=self._ended)

    async def _terminate(self, name: str) -> str:
        async with self._turn:
            with contextlib.suppress(ChildNotFoundError):
                await ask_async(self.supervisor, TerminateChild(name), timeout=START_WITHIN)
        return name

    def _ended(self, name: str) -> None:
        """A group that has no pair any more is gone; it may be wanted again by now."""
        if name in self._homes:
            self.actor.pipe(self._start(name), then=self._started)
        else:
            tell(self.services.monitor, Forget(self.session, name))

    # Those that are kept down

    def failed(self) -> None:
        """A group has ended: see whether it comes back."""
        self.look()
        self.actor.after(LOOK_AGAIN, LookAtGroups())

    def look(self) -> None:
        """Find out which are kept down; the session is told with ``GroupsSeen``."""
        self.actor.pipe(self._kept_down(), done=GroupsSeen)

    def release(self) -> None:
        """Let those that are kept down begin anew; each then introduces itself."""
        self.actor.pipe(self._released(), done=GroupsSeen)

    @property
    def kept_down_reason(self) -> str:
        """What is wrong with them, and what to do; empty if nothing is."""
        if not self.down:
            return ""
        names, pairs = (
            ", ".join(sorted(self.down)),
            sum(len(self._homes.get(one, ())) for one in self.down),
        )
        return (
            f"GROUP_QUARANTINED: {names} failed too often and is kept down, with"
            f" {counted(pairs, 'pair')}; the log says why; release it with:"
            f" telewarden recover {self.session}"
        )

    async def _kept_down(self) -> frozenset[str]:
        try:
            found = await ask_async(self.supervisor, WhichChildren(), timeout=START_WITHIN)
        except (TelewardenError, pykka.ActorDeadError):
            return self.down  # with their supervisor the session itself begins anew
        return frozenset(one.id for one in found if one.state is ChildState.QUARANTINED)

    async def _released(self) -> frozenset[str]:
        for name in sorted(await self._kept_down()):
            with contextlib.suppress(TelewardenError, pykka.ActorDeadError):
                await ask_async(self.supervisor, RestartChild(name), timeout=START_WITHIN)
        return await self._kept_down()

    # Talking to them

    def tell(self, message: object) -> None:
        """Tell all of them."""
        for group in self._groups.values():
            tell(group.ref, message)

    def tell_change(self, message: Edited | Deleted) -> None:
        """Pass an edit or a deletion on, once everybody is there: it is told only once."""
        if self._complete:
            self.tell(message)
        else:
            self._early = [*self._early[1 - EARLY_KEPT :], message]

    def forward(self, message: PairOrder[Any]) -> Answer:
        """Hand an order to the group that has the pair."""
        answer = Answer()
        group = next((one for one in self._groups.values() if message.pair in one.has), None)
        if group is None:
            answer.fail(UnknownRecordError("pair", message.pair))
            return answer
        self.actor.pipe(
            ask_async(group.ref, message.order, timeout=ORDER_WITHIN),
            then=answer.set,
            otherwise=answer.fail,
        )
        return answer
