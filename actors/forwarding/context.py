"""The context that the parts of one worker group share: pairs, session, tickets."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

import pykka

from ...errors import TelewardenError
from ...storage import PairRecord
from ...supervision import LoopActor, TimerHandle
from ...telegram import DeadLettered, Incoming, SessionEvent, Verdict
from ..context import Services
from ..messages import Report, Withdraw
from .messages import ReadAgain
from .pair.state import PairState

PAUSE_FIRST: Final = 2.0  # seconds; Telegram's own trouble (RPC_CALL_FAIL) is over in a moment
PAUSE_LONGEST: Final = 60.0  # seconds
SHOWN_WITHIN: Final = 0.5  # seconds in which a dead letter is shown; a thousand cost one report


@dataclass(slots=True, kw_only=True)
class GroupContext:
    """One group's pairs and connections; used by its parts within the group's own turn."""

    name: str
    session: str
    services: Services
    actor: LoopActor
    ref: pykka.ActorRef[Any]
    pairs: dict[int, PairState] = field(default_factory=dict)
    online: bool = False
    short: bool = False  # Telegram takes no long captions from this account
    last_ticket: int = 0
    deaf: dict[int, float] = field(default_factory=dict)
    """The sources that go unheard, and since when (epoch seconds)."""
    _timers: dict[object, TimerHandle] = field(default_factory=dict)
    _shown_soon: bool = False

    def ticket(self) -> int:
        """A number for one try, never given twice, not even by the group's next incarnation."""
        self.last_ticket += 1
        return self.actor.incarnation << 32 | self.last_ticket

    def tell_session(self, message: object) -> None:
        """Ask the session for something; its answers come as messages."""
        with contextlib.suppress(pykka.ActorDeadError):  # the warden stops
            self.ref.tell(message)

    def set_timer(self, seconds: float, key: object, then: Callable[[], object]) -> None:
        """Call ``then`` in ``seconds``; there is one timer for each ``key``, the last set.

        Were there several, whatever sets one when it is over would be done ever more often.
        """
        self.cancel_timer(key)
        self._timers[key] = self.actor.after(seconds, then=then)

    def set_pair_timer(
        self, seconds: float, state: PairState, then: Callable[[PairState], object]
    ) -> None:
        """Call ``then`` with the pair in ``seconds``, if it is still here; one timer for each."""
        pair = state.plan.id
        self.set_timer(seconds, (then, pair), partial(self.with_pair, pair, then))

    def after(self, seconds: float, state: PairState, then: Callable[[PairState], object]) -> None:
        """Call ``then`` with the pair in ``seconds``, if it is still here, however often set."""
        self.actor.after(seconds, then=partial(self.with_pair, state.plan.id, then))

    def cancel_timer(self, key: object) -> None:
        """Do nothing for ``key``; harmless when no timer runs for it."""
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()

    def with_pair(self, pair: int, then: Callable[[PairState], object]) -> None:
        """Call ``then`` with a pair's state, if the pair is still here."""
        state = self.pairs.get(pair)
        if state is not None:
            then(state)

    def read_again(self, state: PairState) -> None:
        """Have the pair's source read again when this turn is over."""
        self.actor.actor_ref.tell(ReadAgain(state.plan.id))

    def publish(self, kind: Callable[..., SessionEvent], state: PairState, **more: Any) -> None:
        """Publish what happened to a pair, now or at the time ``at``."""
        at = more.pop("at", None) or self.services.stamp()
        self.services.publish(kind(session=self.session, at=at, pair=state.plan.id, **more))

    def put_aside(self, state: PairState, *, at: float, source_id: int, reason: str) -> None:
        """Publish that a message is a dead letter now, and have the pairs shown soon."""
        self.publish(DeadLettered, state, at=at, source_id=source_id, reason=reason)
        if not self._shown_soon:
            self._shown_soon = True
            self.actor.after(SHOWN_WITHIN, then=self._show)

    def _show(self) -> None:
        self._shown_soon = False
        self.actor.actor_ref.tell(Report())

    def take_back(self, state: PairState) -> None:
        """Have the session give back what waits there to be sent; it comes with ``Returned``.

        A request that is under way stays so, and its answer comes as always.
        """
        if state.queue.under_way is not None and state.handler is None and self.online:
            self.tell_session(Withdraw(state.plan.id, state.queue.under_way.ticket))

    def taken(self, state: PairState) -> set[int]:
        """Messages of a pair's target that are known to be of other messages than are under way."""
        alike = (one for one in self.pairs.values() if one.target == state.target)
        busy = {one.id for one in state.queue.busy if isinstance(one, Incoming)}
        return {
            target_id
            for one in alike
            for source_id, target_id in one.targets.items()
            if one is not state or source_id not in busy
        }

    def now(self) -> float:
        """Monotonic seconds."""
        return self.actor.clock.now()

    def late_until(self) -> float:
        """Until when Telegram may carry out what it has just been sent, by ``now``."""
        return self.now() + self.services.settings.late_within

    def write_down(self, state: PairState) -> None:
        """Keep what is known of a pair; one whose chats were not found yet is not kept."""
        if state.source is not None and state.target is not None:
            record = record_of(state, state.source, state.target)
            self.services.journal.post(lambda store: store.put_pair(record))


def pause_of(times: int) -> float:
    """Seconds before something is asked for again that has failed so many times in a row."""
    return min(PAUSE_LONGEST, PAUSE_FIRST * 2.0 ** min(max(times, 1) - 1, 30))


def why(verdict: Verdict) -> str:
    """A verdict as one reason: Telegram's word and the advice."""
    return f"{verdict.name}: {verdict.advice}"


def why_not(error: Exception) -> str:
    """Why a rule of a pair cannot be applied to a message; an error of others may hold its text."""
    said = str(error) if isinstance(error, TelewardenError) else type(error).__name__
    return f"RULE_FAILED: {said}; change the pair's rules, then retry the message."


def record_of(state: PairState, source: int, target: int) -> PairRecord:
    """A pair as it is written down, with these chats."""
    plan = state.plan
    return PairRecord(
        id=plan.id,
        session=plan.session,
        source=source,
        target=target,
        mode=plan.mode,
        enabled=plan.enabled,
        paused_reason=state.paused,
        filters=plan.rules,
        source_name=state.chats.named[0],
        target_name=state.chats.named[1],
    )
