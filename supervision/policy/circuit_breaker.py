"""When many children fail for one cause: pause once, probe with one, release one after another.

Pure: callers pass the clock's reading in. What a cause is (a data centre, a proxy, a database) is
the caller's business; here it is a key.
"""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass
from enum import Enum

from tenacity.wait import wait_base, wait_exponential

from ...errors import InvalidSpecError
from .backoff import delay_before
from .token_bucket import TokenBucket

DEFAULT_PAUSE = wait_exponential(multiplier=5.0, max=300.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class CircuitBreaker:
    """When failures count as one, and how their children come back.

    Args:
        children: so many different ones failing for a cause
        within: in so many seconds are paused together.
        pause: a tenacity ``wait_*``: seconds before the first probe, the second, and so on.
        proof: seconds that the probe must run before the others follow.
        rate: children released a second after that.
        burst: children released at once, when the bucket is full.
        jitter: each release waits up to that many seconds longer, by chance.
    """

    children: int = 3
    within: float = 10.0
    pause: wait_base = DEFAULT_PAUSE
    proof: float = 10.0
    rate: float = 1.0
    burst: int = 1
    jitter: float = 0.25

    def __post_init__(self) -> None:
        if self.children < 1:
            raise InvalidSpecError("CircuitBreaker.children", self.children, "1 or more")
        if not isinstance(self.pause, wait_base):
            raise InvalidSpecError("CircuitBreaker.pause", self.pause, "a tenacity wait")
        if self.burst < 1:
            raise InvalidSpecError("CircuitBreaker.burst", self.burst, "1 or more")
        for name in ("within", "proof", "rate"):
            if not getattr(self, name) > 0:
                raise InvalidSpecError(f"CircuitBreaker.{name}", getattr(self, name), "more than 0")
        if not self.jitter >= 0:
            raise InvalidSpecError("CircuitBreaker.jitter", self.jitter, "0 or more seconds")


class FailureWindow:
    """When failures of many count as one: so many different ones in so many seconds."""

    __slots__ = ("_failed", "_limit", "_within")

    def __init__(self, limit: int, within: float) -> None:
        self._limit, self._within = limit, within
        self._failed: dict[str, float] = {}

    def record(self, who: str, now: float) -> bool:
        """Count a failure, and tell whether there are enough of them by now."""
        self._failed[who] = now
        oldest = now - self._within
        self._failed = {name: at for name, at in self._failed.items() if at >= oldest}
        return len(self._failed) >= self._limit

    def clear(self) -> None:
        """Forget them all: something has worked."""
        self._failed.clear()


class CauseState(Enum):
    """The state of one cause."""

    CLEAR = "clear"
    """Failures are counted; each child is restarted as if alone."""
    PAUSED = "paused"
    """Whoever fails for it waits."""
    PROBING = "probing"
    """One has been let go, to see."""
    RELEASING = "releasing"
    """The cause is gone: the others follow, not all at once."""


class Circuit:
    """The state of one cause, and the children that wait for it."""

    __slots__ = (
        "_attempt",
        "_bucket",
        "_failures",
        "_policy",
        "_rng",
        "probe",
        "state",
        "until",
        "waiting",
    )

    def __init__(self, policy: CircuitBreaker, rng: random.Random) -> None:
        self._policy, self._rng = policy, rng
        self.state = CauseState.CLEAR
        self.waiting: deque[str] = deque()
        """Children that are held back, the longest waiting first."""
        self.probe: str | None = None
        """The one that has been let go, to see."""
        self.until: float | None = None
        """When there is something to decide; ``None`` when nobody waits."""
        self._failures = FailureWindow(policy.children, policy.within)
        self._attempt = 0
        self._bucket = TokenBucket(rate=policy.rate, burst=policy.burst)

    def failed(self, child: str, now: float) -> bool:
        """Count a failure of ``child`` for this cause, and tell whether it is to be held back."""
        if self.state is CauseState.CLEAR:
            if not self._failures.record(child, now):
                return False
            self._pause(now)
        elif self.state is CauseState.RELEASING or child == self.probe:
            self._pause(now)
        return True

    def join(self, child: str, now: float) -> None:
        """``child`` waits with the others."""
        if self.state is CauseState.CLEAR:  # it cleared while somebody was on his way here
            self._begin_release()
            self.until = now
        if child not in self.waiting:
            self.waiting.append(child)

    def leave(self, child: str, now: float) -> None:
        """``child`` does not come back by itself: it was stopped, or deleted."""
        if child in self.waiting:
            self.waiting.remove(child)
        if child == self.probe:  # it proved nothing: the next one is to
            self.state, self.probe, self.until = CauseState.PAUSED, None, now

    def due(self, now: float, *, proven: bool) -> tuple[str, ...]:
        """Who may go at ``now``; ``proven`` tells whether the probe is up."""
        if self.until is None or now < self.until:
            return ()
        match self.state:
            case CauseState.PAUSED:
                return self._let_one_go(now)
            case CauseState.PROBING if not proven:  # still starting: it has to prove itself first
                self.until = now + self._policy.proof
                return ()
            case CauseState.PROBING:
                self._begin_release()
        return self._release(now)

    def _pause(self, now: float) -> None:
        self._attempt += 1
        self.state, self.probe = CauseState.PAUSED, None
        self.until = now + delay_before(self._policy.pause, self._attempt)

    def _let_one_go(self, now: float) -> tuple[str, ...]:
        if not self.waiting:
            self._clear()
            return ()
        self.state, self.probe = CauseState.PROBING, self.waiting.popleft()
        self.until = now + self._policy.proof
        return (self.probe,)

    def _begin_release(self) -> None:
        self.state, self.probe = CauseState.RELEASING, None
        self._bucket = TokenBucket(rate=self._policy.rate, burst=self._policy.burst)

    def _release(self, now: float) -> tuple[str, ...]:
        count = min(self._bucket.room(now), len(self.waiting))
        self._bucket.reserve(now, count)
        gone = tuple(self.waiting.popleft() for _ in range(count))
        if not self.waiting:
            self._clear()
        else:
            later = self._rng.uniform(0.0, self._policy.jitter)
            self.until = now + self._bucket.next_in(now) + later
        return gone

    def _clear(self) -> None:
        self.state, self.probe, self.until = CauseState.CLEAR, None, None
        self._attempt = 0
        self._failures.clear()
