"""The rate limit of an account: token buckets that slow down after a flood. Pure.

Telegram publishes no numbers for user accounts; its bot guide names one message a second in a
chat. The defaults stay below what is known to be tolerated. A flood halves the rate, quiet time
brings it back in small steps; slow mode teaches a chat's pace. A reservation is never given back:
a send that failed was an attempt too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ..supervision import TokenBucket

CHATS_KEPT: Final = 1000  # buckets of chats; a full one that is forgotten starts full again


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Messages a second that an account sends at most, in all and into one chat.

    Args:
        slower: what a flood multiplies a rate with.
        least: the smallest part of the configured rate that floods lead to.
        faster: the part of the configured rate that comes back after each quiet ``every`` seconds.
    """

    per_account: float = 20.0
    per_chat: float = 1.0
    burst: int = 5
    slower: float = 0.5
    least: float = 1 / 16
    faster: float = 0.1
    every: float = 60.0


@dataclass(slots=True)
class _Lane:
    """A bucket with the rate that it should have in quiet times."""

    bucket: TokenBucket
    base: float
    changed: float = 0.0

    def change(self, base: float, burst: int) -> None:
        self.bucket.rate *= base / self.base
        self.base, self.bucket.burst = base, float(burst)

    def slow(self, pace: Pace, now: float) -> None:
        self.bucket.rate = max(self.base * pace.least, self.bucket.rate * pace.slower)
        self.bucket.empty()
        self.changed = now

    def recover(self, pace: Pace, now: float) -> None:
        if self.bucket.rate >= self.base:
            return
        steps = int((now - self.changed) / pace.every)
        if steps > 0:
            self.bucket.rate = min(self.base, self.bucket.rate + steps * pace.faster * self.base)
            self.changed += steps * pace.every

    def room(self, pace: Pace, now: float) -> int:
        self.recover(pace, now)
        return self.bucket.room(now)

    def take(self, pace: Pace, now: float, count: int) -> float:
        self.recover(pace, now)
        return self.bucket.reserve(now, count)


class Pacer:
    """One account's buckets: its own and one for each chat it sends into."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._account = _Lane(
            TokenBucket(rate=pace.per_account, burst=pace.burst), pace.per_account
        )
        self._chats: dict[int, _Lane] = {}

    def change(self, pace: Pace) -> None:
        """Go on at another pace; what floods have slowed down stays slower by as much."""
        self._pace = pace
        self._account.change(pace.per_account, pace.burst)
        for lane in self._chats.values():
            lane.change(pace.per_chat, pace.burst)

    @property
    def rate(self) -> float:
        """Messages a second that the account sends at most for now."""
        return self._account.bucket.rate

    def rate_in(self, chat: int) -> float:
        """The same for one chat."""
        lane = self._chats.get(chat)
        return self._pace.per_chat if lane is None else lane.bucket.rate

    def reserve(self, chat: int, now: float, count: int = 1) -> float:
        """Book messages into ``chat`` and tell how many seconds to wait before sending them."""
        waits = (
            lane.take(self._pace, now, count) for lane in (self._account, self._lane(chat, now))
        )
        return max(waits)

    def room(self, chat: int, now: float) -> int:
        """How many messages may go into ``chat`` without waiting."""
        return min(lane.room(self._pace, now) for lane in (self._account, self._lane(chat, now)))

    def flooded(self, chat: int | None, now: float) -> None:
        """Telegram said that it was too fast: in all, or (with ``chat``) in one chat."""
        (self._account if chat is None else self._lane(chat, now)).slow(self._pace, now)

    def slow_mode(self, chat: int, seconds: float, now: float) -> None:
        """A chat wants ``seconds`` between messages: send at that pace, and try faster later."""
        lane = self._lane(chat, now)
        lane.bucket.rate = min(lane.bucket.rate, 1.0 / max(seconds, 0.001))
        lane.bucket.empty()
        lane.changed = now + 10 * seconds

    def _lane(self, chat: int, now: float) -> _Lane:
        lane = self._chats.get(chat)
        if lane is None:
            if len(self._chats) >= CHATS_KEPT:
                self._forget(now)
            bucket = TokenBucket(rate=self._pace.per_chat, burst=self._pace.burst)
            lane = self._chats[chat] = _Lane(bucket, self._pace.per_chat)
        return lane

    def _forget(self, now: float) -> None:
        self._chats = {
            chat: lane
            for chat, lane in self._chats.items()
            if lane.bucket.rate < lane.base or not lane.bucket.full(now)
        }
