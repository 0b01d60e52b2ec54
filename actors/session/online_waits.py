"""Requests that wait for a session to come online, each with a deadline.

Belongs to one incarnation of one session actor and works in its mailbox's turn. What is refused is
told why, at once where only a person can help, else when its time is over.
"""

from __future__ import annotations

from dataclasses import dataclass

from ...supervision import Answer, Ask, LoopActor
from ...telegram import COMING, Phase
from .state import SessionState


@dataclass(frozen=True, slots=True)
class AwaitOnline(Ask[None]):
    """Answer when you are online. Raises ``SessionOfflineError`` if it will not be ``within``.

    In seconds; of one that needs a person, or tries nothing until later, at once.
    """

    within: float


@dataclass(frozen=True, slots=True)
class WaitedEnough:
    """Somebody's time to wait is over."""

    answer: Answer


class OnlineWaits:
    """Those who wait for one session.

    Args:
        actor: the session actor, whose mailbox keeps the time.
        state: where the session stands.
    """

    __slots__ = ("_actor", "_state", "_waiting")

    def __init__(self, actor: LoopActor, state: SessionState) -> None:
        self._actor, self._state = actor, state
        self._waiting: dict[Answer, float] = {}

    def take(self, message: AwaitOnline) -> Answer:
        """Let one more wait."""
        answer, now = Answer(), self._actor.clock.now()
        self._waiting[answer] = now + message.within
        self.settle()
        if answer in self._waiting:
            self._actor.after(message.within, WaitedEnough(answer))
        return answer

    def settle(self) -> None:
        """The session has moved: answer whom that concerns."""
        phase = self._state.phase
        if phase is not Phase.ONLINE and phase in COMING and self._state.until is None:
            return
        for answer, end in tuple(self._waiting.items()):
            if phase is Phase.ONLINE:
                del self._waiting[answer]
                answer.set(None)
            elif not self._comes_by(end):
                self._refuse(answer)

    def enough(self, message: WaitedEnough) -> None:
        """It has not come online in somebody's time."""
        if message.answer in self._waiting:
            self._refuse(message.answer)

    def _comes_by(self, end: float) -> bool:
        """Whether it may come online before ``end``, of the actor's clock."""
        if self._state.phase not in COMING:
            return False
        return self._actor.clock.now() + self._state.pause <= end

    def _refuse(self, answer: Answer) -> None:
        del self._waiting[answer]
        answer.fail(self._state.offline())
