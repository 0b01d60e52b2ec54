"""How fast an account may send: token buckets, pure.

Telegram publishes no numbers for user accounts; its bot guide names one message a second in a
chat. The defaults stay below what is known to be tolerated. A reservation is never given back:
a send that failed was an attempt too.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Pace", "Pacer", "TokenBucket"]


class TokenBucket:
    """``rate`` tokens a second, at most ``burst`` saved up.

    Args:
        rate: tokens per second, above 0.
        burst: how many may be spent at once after a rest, 1 or more.
    """

    __slots__ = ("_burst", "_last", "_rate", "_tokens")

    def __init__(self, *, rate: float, burst: int) -> None:
        self._rate, self._burst = rate, float(burst)
        self._tokens, self._last = float(burst), 0.0

    def reserve(self, now: float) -> float:
        """Take one token, now or in debt, and tell how many seconds to wait for it."""
        elapsed = max(0.0, now - self._last)
        self._tokens = min(self._burst, self._tokens + elapsed * self._rate)
        self._last = max(now, self._last)
        self._tokens -= 1.0
        return max(0.0, -self._tokens / self._rate)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Messages a second that an account sends at most, in all and into one chat."""

    per_account: float = 20.0
    per_chat: float = 1.0
    burst: int = 5


class Pacer:
    """One account's buckets: its own and one for each chat it sends into."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._account = TokenBucket(rate=pace.per_account, burst=pace.burst)
        self._chats: dict[int, TokenBucket] = {}

    def reserve(self, chat: int, now: float) -> float:
        """Book one message into ``chat`` and tell how many seconds to wait before sending it."""
        bucket = self._chats.get(chat)
        if bucket is None:
            bucket = TokenBucket(rate=self._pace.per_chat, burst=self._pace.burst)
            self._chats[chat] = bucket
        return max(self._account.reserve(now), bucket.reserve(now))
