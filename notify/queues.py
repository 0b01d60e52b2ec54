"""Queues of what is owed: one for each channel, one for each webhook. Pure.

Owns what is sent next, when it is tried again and what is put aside. The store has the same rows;
``now`` is epoch seconds.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final

from ..storage import NewsRow, WebhookRow
from .outbound import due_at, merged, pause_after, takeable
from .settings import ChannelRules, NotifySettings, WebhookRules
from .webhooks import Answer, Taken

MOST_EVENTS: Final = 10_000  # owed to one webhook; what is more is dropped and counted
MOST_DEAD: Final = 1_000  # put aside of one webhook; the oldest go


@dataclass(slots=True)
class Retry:
    """When something that failed is tried again."""

    failures: int = 0
    at: float = 0.0
    problem: str = ""

    def failed(self, problem: str, *, now: float, rng: random.Random, asked: float = 0.0) -> None:
        """Note a failure; pauses grow, and are never two at the same moment."""
        self.failures += 1
        self.problem = problem
        pause = pause_after(self.failures)
        self.at = now + max(rng.uniform(pause / 2, pause), asked)

    def worked(self) -> None:
        """Note that it went."""
        self.failures, self.at, self.problem = 0, 0.0, ""


Key = tuple[str, str]


def _key(row: NewsRow) -> Key:
    return row.name, row.subject


@dataclass(slots=True)
class ChannelQueue:
    """What is owed to one channel: a message that is on its way, and what comes after it.

    Both are found by alert and subject at once, however many thousands are down.
    """

    rules: ChannelRules
    batch: list[NewsRow] = field(default_factory=list)
    retry: Retry = field(default_factory=Retry)
    last: float = float("-inf")
    busy: bool = False
    _owed: dict[Key, list[NewsRow]] = field(default_factory=dict)
    _on_its_way: frozenset[Key] = frozenset()

    @classmethod
    def found(cls, rules: ChannelRules, rows: Iterable[NewsRow]) -> ChannelQueue:
        """The queue as an earlier process has left it."""
        queue = cls(rules)
        for row in rows:
            if row.batch is None:
                queue._owed.setdefault(_key(row), []).append(row)
            else:
                queue.batch.append(row)
        queue._on_its_way = frozenset(map(_key, queue.batch))
        return queue

    @property
    def rows(self) -> list[NewsRow]:
        """What is owed and not on its way, what has been for longest first."""
        return [row for rows in self._owed.values() for row in rows]

    def owe(self, new: NewsRow) -> tuple[list[NewsRow], list[str]]:
        """Owe something more; returns the rows to keep, and the ids of what is untrue now."""
        same = self._owed.pop(_key(new), [])
        wanted, untrue = merged(same, new)
        left = [row for row in same if row not in untrue] + [new] * wanted
        if left:
            self._owed[_key(new)] = left
        return [new] if wanted else [], [row.id for row in untrue]

    def knows(self, name: str, subject: str) -> bool:
        """Whether something of that alert is owed or on its way."""
        return (name, subject) in self._owed or (name, subject) in self._on_its_way

    def due(self, settings: NotifySettings, *, wall: float, now: float) -> float | None:
        """When something is to be sent; ``None`` for not before something else happens."""
        if self.busy:
            return None
        if self.batch:
            return max(self.retry.at, now)
        due = due_at(self.rows, self.rules, settings, last=self.last, wall=wall, now=now)
        return None if due is None else max(due, self.retry.at)

    def freeze(self, number: str, *, wall: float) -> bool:
        """Put what may be told now into one message, unless there is one; tells if it is new."""
        if self.batch:
            return False
        rows = self.rows
        self.batch = [replace(row, batch=number) for row in takeable(rows, self.rules, wall)]
        self._on_its_way = frozenset(map(_key, self.batch))
        taken, self._owed = {row.id for row in self.batch}, {}
        for row in rows:
            if row.id not in taken:
                self._owed.setdefault(_key(row), []).append(row)
        return True

    def sent(self, now: float) -> list[NewsRow]:
        """The message has gone; returns what is owed no more."""
        gone, self.batch, self._on_its_way = self.batch, [], frozenset()
        self.last = now
        self.retry.worked()
        return gone

    def drop(self) -> list[str]:
        """Owe nothing any more, but what is on its way; returns the ids."""
        gone, self._owed = [row.id for row in self.rows], {}
        if not self.busy:
            gone += [row.id for row in self.batch]
            self.batch, self._on_its_way = [], frozenset()
        return gone

    @property
    def waiting(self) -> int:
        """How many news are owed."""
        return sum(map(len, self._owed.values())) + len(self.batch)


@dataclass(slots=True)
class WebhookQueue:
    """What is owed to one webhook, in order, and what was put aside."""

    rules: WebhookRules
    rows: list[WebhookRow] = field(default_factory=list)
    dead: list[WebhookRow] = field(default_factory=list)
    retry: Retry = field(default_factory=Retry)
    busy: bool = False

    @property
    def full(self) -> bool:
        """Whether it takes no more."""
        return len(self.rows) >= MOST_EVENTS

    def due(self, now: float) -> float | None:
        """When the next is to be sent; ``None`` while there is none, or one is on its way."""
        return max(self.retry.at, now) if self.rows and not self.busy else None

    def answered(
        self, answer: Answer, *, now: float, rng: random.Random
    ) -> tuple[list[WebhookRow], list[str]]:
        """The first has been answered; returns the rows to keep and the ids to forget."""
        row = self.rows[0]
        if answer.taken is Taken.YES:
            del self.rows[0]
            self.retry.worked()
            return [], [row.id]
        self.retry.failed(answer.reason, now=now, rng=rng, asked=answer.pause or 0.0)
        row = replace(
            row, reason=answer.reason, refused=row.refused + (answer.taken is Taken.REFUSED)
        )
        self.rows[0] = row
        if row.refused < self.rules.refusals and now - row.at < self.rules.give_up:
            return [row], []
        del self.rows[0]
        if answer.taken is Taken.REFUSED:
            self.retry.worked()  # it is this event that is not liked: the next may go at once
        row = replace(row, dead=True)
        self.dead.append(row)
        gone = self.dead[:-MOST_DEAD]
        del self.dead[:-MOST_DEAD]
        return [row], [one.id for one in gone]

    def again(self, event: str | None) -> list[WebhookRow]:
        """Owe what was put aside anew, one or all of it; returns the rows to keep."""
        chosen = [row for row in self.dead if event in {None, row.id}]
        self.dead = [row for row in self.dead if row not in chosen]
        return [replace(row, dead=False, refused=0, reason="") for row in chosen]

    def drop_dead(self, event: str | None) -> list[str]:
        """Forget what was put aside, one or all of it; returns the ids."""
        gone = [row.id for row in self.dead if event in {None, row.id}]
        self.dead = [row for row in self.dead if row.id not in gone]
        return gone
