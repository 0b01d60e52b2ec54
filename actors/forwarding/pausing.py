"""Pausing of a pair for its own trouble: rechecks at growing intervals, resumption.

What is wrong with one pair never touches the session or another pair. A pause is written down;
what is said meanwhile is read from the source's history when the pair goes on.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from ...telegram import PairPaused, PairResumed
from ..messages import CheckAccess, PairPlan
from ..pair_graph import PAIR_FAULTS
from .context import GroupContext
from .messages import PausePair
from .outbox import SLOW_LIMIT
from .pair.state import PairState
from .pause_reasons import (
    BY_HAND,
    CONFIGURED,
    OTHER_CHAT,
    end_of,
    hand_of,
    joined,
    lasting,
    other_of,
)

if TYPE_CHECKING:
    from ...telegram import Access

DISABLED: Final = (
    "disabled by the health monitor: Telegram ended the login of the session; the pair goes on when"
    " it is logged in again"
)
LOOK_AT_MOST: Final = 60.0  # seconds between two looks at a clock that somebody may set
ASTRAY: Final = ("PEER_ID_INVALID", "CHAT_ID_INVALID", "CHANNEL_INVALID", "PEER_UNKNOWN")
TOO_SLOW: Final = (
    "PATTERN_TOO_SLOW: a pattern was not through with three messages in a row, as their dead"
    " letters say; change the pair's rules, or resume it"
)
MONITOR: Final = "health monitor"  # who the audit trail says it was
SOURCE_GONE: Final = "The account cannot see the source any more; join it again."
SOURCE_PROTECTED: Final = "The source protects its content; that is respected."
TARGET_GONE: Final = "The account cannot see the target any more; join it again."
NO_RIGHT: Final = "The account may not write in the target; grant the right."
BAN: Final = "USER_BANNED_IN_CHANNEL"  # ends with the account's limit
UNASKED: Final = (BY_HAND, CONFIGURED, DISABLED, OTHER_CHAT, TOO_SLOW)  # no look ends these
ON_PURPOSE: Final = (BY_HAND, CONFIGURED, DISABLED)
"""How the reasons of pauses begin that are no trouble of the pair."""


def by_hand(order: PausePair) -> str:
    """The reason of a pause by hand, with its end if it has one."""
    reason = order.reason or BY_HAND
    if order.until is None:
        return reason
    end = datetime.fromtimestamp(math.ceil(order.until), UTC)
    return f"{reason}, until {end:%Y-%m-%d %H:%M:%S} UTC"


class PairPausing:
    """Pauses and resumes the pairs of one group.

    Args:
        context: what the group's parts share.
        go_on: called for a pair that works again.
    """

    def __init__(self, context: GroupContext, go_on: Callable[[PairState], None]) -> None:
        self._context, self._go_on = context, go_on

    def adopt(self, state: PairState, reason: str) -> None:
        """Take over a pause from an earlier run."""
        if reason == DISABLED and self._context.online:  # what it waited for has come meanwhile
            self._context.write_down(state)
            self._note("enable pairs", [state])
            return
        state.pause(reason)
        self._look_later(state)

    def pause(self, state: PairState, reason: str) -> None:
        """Pause a pair, write down why, and look again later."""
        if state.paused is not None:
            return
        self._context.take_back(state)
        state.pause(reason)
        self._context.write_down(state)
        self._context.publish(PairPaused, state, reason=reason)
        self._look_later(state)

    def pause_by_hand(self, state: PairState, order: PausePair) -> None:
        """Pause a pair for a person, whose word stands before trouble that may pass.

        What only a plan, an answer or other pairs can settle stays a reason besides.
        """
        self._pause_anew(state, joined(by_hand(order), lasting(state.paused)))

    def resume_by_hand(self, state: PairState) -> None:
        """Take a person's word back, and let the pair go on if that was all that kept it.

        Whether others still keep it is looked at as it goes on.
        """
        other = other_of(state.paused)
        if hand_of(state.paused) and other and not _unfit(state):
            self._pause_anew(state, other)
        else:
            self.resume(state)

    def switch_off(self, state: PairState) -> None:
        """Pause a pair that its plan has off; a person's word is kept."""
        if not other_of(state.paused).startswith(CONFIGURED):
            self._pause_anew(state, joined(hand_of(state.paused), CONFIGURED))

    def settle(self, state: PairState) -> None:
        """What a plan, an answer or other pairs had to settle is settled."""
        if hand := hand_of(state.paused):
            self._pause_anew(state, hand)
        else:
            self.resume(state)

    def _pause_anew(self, state: PairState, reason: str) -> None:
        """Pause a pair, or have another reason take the place of the present one."""
        if state.paused is not None:
            self._context.cancel_timer((self._recheck, state.plan.id))
            state.resume()
        self.pause(state, reason)

    def disable(self) -> None:
        """Pause every pair that works until the session is online again."""
        if self._context.online:
            return
        states = [one for one in self._context.pairs.values() if one.paused is None]
        for state in states:
            self.pause(state, DISABLED)
        self._note("disable pairs", states)

    def enable(self) -> None:
        """The session is online: what waited for that, and for nothing else, goes on."""
        states = [one for one in self._context.pairs.values() if one.paused == DISABLED]
        for state in states:
            self.resume(state)
        self._note("enable pairs", states)

    def _note(self, what: str, states: Sequence[PairState]) -> None:
        """Note in the audit trail what the health monitor has brought about."""
        if not states:
            return
        subject, services = self._context.session, self._context.services
        after, at = {"pairs": [one.plan.id for one in states]}, services.stamp()
        services.journal.post(lambda store: store.audit(MONITOR, what, subject, None, after, at=at))

    def look_at_patterns(self, state: PairState) -> None:
        """Pause a pair one of whose patterns hangs on message after message."""
        if state.slow >= SLOW_LIMIT:
            self.pause(state, TOO_SLOW)

    def resume(self, state: PairState) -> None:
        """Let a pair go on."""
        if state.paused is None:
            return
        state.resume()
        self._context.cancel_timer((self._recheck, state.plan.id))
        self._context.write_down(state)
        self._context.publish(PairResumed, state)
        self._go_on(state)

    def may_pass(self, state: PairState) -> bool:
        """Whether a pair is paused for a reason that may go away by itself."""
        return _looked_after(state) and not _unfit(state)

    def settled_by(self, plan: PairPlan, state: PairState) -> bool:
        """Whether a plan says by number which chats are meant, where a name left it open."""
        numbers = isinstance(plan.source, int) and isinstance(plan.target, int)
        return numbers and self.means_another_chat(state)

    def means_another_chat(self, state: PairState) -> bool:
        """Whether a pair is paused until somebody says which chat its name means."""
        return other_of(state.paused).startswith(OTHER_CHAT)

    def unlimited(self) -> None:
        """The account may write again: so do the pairs that its limit had paused."""
        for state in self._context.pairs.values():
            if state.paused is not None and state.paused.startswith(BAN):
                self.resume(state)

    def _recheck(self, state: PairState) -> None:
        """See whether a paused pair would work again; chats that are known are only looked at."""
        if end_of(state.paused) is not None:
            self._look_at_the_clock(state)
            return
        if not _looked_after(state):
            return
        if _unfit(state):
            self._go_on(state)  # it goes on where the others have changed
            state.looked_at(well=False)
            self._look_later(state)
            return
        if state.source is None or state.target is None or _astray(state):
            self.resume(state)  # they are looked up, and it is paused again if they are not there
            return
        if self._context.online:
            self._ask((state.source, state.target), asked_for=state.plan.id)
        state.looked_at(well=False)  # the pause before the next one is longer
        self._look_later(state)

    def sweep(self) -> None:
        """Look whether the account may still write where it should, in one call."""
        working = [state for state in self._context.pairs.values() if state.paused is None]
        chats = {chat for state in working for chat in (state.source, state.target) if chat}
        if chats and self._context.online:
            self._ask(tuple(chats))

    def rights_told(self, rights: Mapping[int, Access], *, asked_for: int = 0) -> None:
        """Pause what cannot work; resume the pair that was asked for, if it can again.

        Other paused pairs have their own time: rights alone may not be what was wrong with them.
        A chat of which nothing is told is not taken by what is known of it: it is looked for anew
        when the pair uses it.
        """
        for state in self._context.pairs.values():
            if state.source not in rights or (state.target and state.target not in rights):
                if state.plan.id == asked_for and self.may_pass(state):
                    self.resume(state)
                continue
            problem = _problem(state, rights)
            if problem is not None and state.paused is None:
                self.pause(state, problem)
            elif problem is None and state.plan.id == asked_for and self.may_pass(state):
                state.looked_at(well=True)  # the look was not in vain
                self.resume(state)

    def _ask(self, chats: tuple[int, ...], *, asked_for: int = 0) -> None:
        wanted = tuple(chat for chat in chats if chat)
        self._context.tell_session(
            CheckAccess(chats=wanted, reply_to=self._context.actor.actor_ref, asked_for=asked_for)
        )

    def _look_at_the_clock(self, state: PairState) -> None:
        """Resume a pair whose pause by hand is over, or look again when it is."""
        left = (end_of(state.paused) or 0.0) - self._context.services.stamp()
        if left <= 0.0:
            self.resume_by_hand(state)
        else:
            self._context.set_pair_timer(min(left, LOOK_AT_MOST), state, self._recheck)

    def _look_later(self, state: PairState) -> None:
        if end_of(state.paused) is not None:
            self._look_at_the_clock(state)
            return
        if not _looked_after(state):
            return
        settings = self._context.services.settings
        pause = settings.recheck_initial * 2.0 ** min(max(0, state.pauses - 1), 30)
        pause = min(settings.recheck_max, pause)
        self._context.set_pair_timer(pause, state, self._recheck)


def _looked_after(state: PairState) -> bool:
    """Whether the pair is paused for a reason that may go away by itself."""
    reason = state.paused
    return reason is not None and not reason.startswith(UNASKED)


def _astray(state: PairState) -> bool:
    """Whether the pair is paused because a chat was not there to be found."""
    return state.paused is not None and any(name in state.paused for name in ASTRAY)


def _unfit(state: PairState) -> bool:
    """Whether the pair is paused because of what it would be together with others."""
    return other_of(state.paused).startswith(PAIR_FAULTS)


def _problem(state: PairState, rights: Mapping[int, Access]) -> str | None:
    """Why a pair cannot work, as far as its chats tell; ``None`` if they do not."""
    source = rights.get(state.source or 0)
    target = rights.get(state.target or 0)
    if source is not None and source.gone:
        return f"CHANNEL_PRIVATE: {SOURCE_GONE}"
    # Of one that was upgraded it never ends; its supergroup may end its own.
    lasts = state.upgraded is not None
    if source is not None and source.protected and state.handler is None and not lasts:
        return f"PROTECTED: {SOURCE_PROTECTED}"
    if target is not None and target.gone:
        return f"CHANNEL_PRIVATE: {TARGET_GONE}"
    if target is not None and target.read and not target.write:
        return f"CHAT_WRITE_FORBIDDEN: {NO_RIGHT}"
    return None
