"""Where one pair stands: what it has seen, what waits, what is on its way. Pure.

The mark (``seen``) is raised when a message enters the outbox, in the same transaction, so that
"at or below the mark" always means "in the outbox or done". While a pair is behind, live messages
are held back until history is read through: order within a pair is the source's, and the mark
never jumps over a message that was missed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from ..telegram import Incoming, PairReport
from .messages import History, PairPlan

__all__ = ["PairState"]

HELD_LIMIT: Final = 1000  # live messages held back; past that history is read once more instead


@dataclass(slots=True, kw_only=True)
class PairState:
    """One pair's progress, owned by its worker group.

    Args:
        plan: what the pair is to do.
        source, target: its chats' marked ids, once they are known.
        seen: the newest message that is in the outbox or done; ``None`` for a new pair.
        behind: history has not been read up to now since the last gap.
        reading: the question for history that is under way.
        paused: why the pair does nothing; ``None`` while it works.
        on_its_way: the message that is being sent.
        owed: messages of an earlier run that are in the outbox and not done.
    """

    plan: PairPlan
    source: int | None = None
    target: int | None = None
    seen: int | None = None
    behind: bool = True
    reading: History | None = None
    paused: str | None = None
    on_its_way: int | None = None
    attempts: int = 0
    delivered: int = 0
    repeated: int = 0
    dead: int = 0
    overflown: bool = False
    queue: deque[Incoming] = field(default_factory=deque)
    held: list[Incoming] = field(default_factory=list)
    owed: list[int] = field(default_factory=list)

    @property
    def chats(self) -> tuple[int | str, int | str]:
        """Source and target as planned."""
        return self.plan.source, self.plan.target

    def interrupt(self) -> None:
        """The session came or went: what was under way is void, and something may be missed."""
        self.on_its_way, self.reading = None, None
        self.behind = True

    def pause(self, reason: str) -> None:
        """Do nothing more; what is said meanwhile is read from history afterwards."""
        self.paused, self.behind = reason, True
        self.held.clear()

    def hold(self, message: Incoming) -> None:
        """Keep a live message until history is read through."""
        if len(self.held) >= HELD_LIMIT:
            self.held.clear()
            self.overflown = True
        if not self.overflown:
            self.held.append(message)

    def release(self) -> list[Incoming]:
        """The live messages that were held back."""
        held, self.held = self.held, []
        return held

    def admit(self, messages: Iterable[Incoming]) -> tuple[Incoming, ...]:
        """The messages that are new, oldest first; they count as seen from now on."""
        fresh = []
        for message in sorted(messages, key=lambda one: one.id):
            if message.id > (self.seen or 0):
                self.seen = message.id
                fresh.append(message)
        return tuple(fresh)

    def next_message(self) -> Incoming | None:
        """What may be sent now: one at a time, so that order holds."""
        if self.on_its_way is not None or self.paused is not None or not self.queue:
            return None
        return self.queue[0]

    def settle(self, source_id: int) -> Incoming | None:
        """Take the message that was on its way off the queue; ``None`` if it is an old answer."""
        if self.on_its_way != source_id or not self.queue or self.queue[0].id != source_id:
            return None
        self.on_its_way, self.attempts = None, 0
        return self.queue.popleft()

    def report(self) -> PairReport:
        """How the pair is, as a value."""
        return PairReport(
            id=self.plan.id,
            source=self.plan.source,
            target=self.plan.target,
            mode=self.plan.mode,
            waiting=len(self.queue) + len(self.held) + len(self.owed),
            delivered=self.delivered,
            repeated=self.repeated,
            dead=self.dead,
            paused=self.paused,
            ready=self.target is not None and not self.behind,
        )
