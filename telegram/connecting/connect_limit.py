"""The connect limit: a token bucket for each address.

An address is what counts connects by itself: a server, seen from here or from a proxy.
Pure but for the waiting, which comes in from outside.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass

from ...supervision import TokenBucket


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectLimit:
    """At most ``burst`` connects at once to one address, and ``rate`` in a second after that."""

    rate: float = 20.0
    burst: int = 20

    def __post_init__(self) -> None:
        if self.rate <= 0 or self.burst < 1:
            raise ValueError(
                f"ConnectLimit(rate={self.rate}, burst={self.burst}); give both above 0"
            )


class ConnectQueue:
    """Lets connects through as the limit allows, first come first served."""

    def __init__(
        self,
        limit: ConnectLimit,
        *,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._limit, self._clock, self._sleep = limit, clock, sleep
        self._buckets: dict[Hashable, TokenBucket] = {}
        self._cool_until: dict[Hashable, float] = {}

    def change(self, limit: ConnectLimit) -> None:
        """Let another limit hold from now on."""
        self._limit = limit
        for bucket in self._buckets.values():
            bucket.rate, bucket.burst = limit.rate, float(limit.burst)

    def reserve(self, address: Hashable, now: float) -> float:
        """Take a place at ``address`` and return the seconds until its turn comes."""
        bucket = self._buckets.get(address)
        if bucket is None:
            bucket = TokenBucket(rate=self._limit.rate, burst=self._limit.burst)
            self._buckets[address] = bucket
        return bucket.reserve(now)

    async def acquire(self, address: Hashable) -> None:
        """Wait until a connect to ``address`` is allowed."""
        pause = self.reserve(address, self._clock())
        if pause > 0:
            await self._sleep(pause)

    def back_off(self, address: Hashable, seconds: float) -> None:
        """Let nothing through to ``address`` for so long (it answered -429)."""
        until = self._clock() + seconds
        self._cool_until[address] = max(self._cool_until.get(address, until), until)

    def backoff_left(self, address: Hashable) -> float:
        """Return the seconds for which nothing goes to ``address``; 0.0 when it is open."""
        until = self._cool_until.get(address)
        if until is None:
            return 0.0
        left = until - self._clock()
        if left <= 0:
            del self._cool_until[address]
        return max(left, 0.0)
