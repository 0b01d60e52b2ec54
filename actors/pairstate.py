"""Where one pair stands: what it has seen, what waits, what is on its way. Pure.

The mark (``seen``) is raised when a message enters the outbox, in the same transaction, so that
"at or below the mark" always means "in the outbox or done". Live messages that arrive while
history is being read are held back until it is through: order within a pair is the source's.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from ..telegram import Incoming, PairReport
from .messages import History, PairPlan

__all__ = ["PairState"]


@dataclass(slots=True, kw_only=True)
class PairState:
    """One pair's progress, owned by its worker group."""

    plan: PairPlan
    source: int | None = None
    target: int | None = None
    seen: int | None = None
    reading: History | None = None
    paused: str | None = None
    on_its_way: int | None = None
    attempts: int = 0
    delivered: int = 0
    repeated: int = 0
    dead: int = 0
    queue: deque[Incoming] = field(default_factory=deque)
    held: list[Incoming] = field(default_factory=list)
    owed: list[int] = field(default_factory=list)

    @property
    def resolved(self) -> bool:
        """Whether both chats are known by id."""
        return self.source is not None and self.target is not None

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
            ready=self.resolved and self.seen is not None and self.reading is None,
        )
