"""The send queue of an account: send now, send later, or park. Pure.

Floods are kept by method, or by chat: what is flooded waits, everything else goes on. A job that
waits is kept here, parked for a flood's end or booked for its turn, and is sent only if it is still
here by then: its group takes it back when it is not to go any more. The outbox holds it in any
case. The same write ban on several chats within an hour is no trouble of the chats: the account is
limited, and all its sending waits.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import pykka

from ..messages import Deliver
from ..rate_limit import Pace, Pacer

FloodKey = tuple[str, int | None]

ANY_METHOD: Final = "*"
LIMITED: Final[FloodKey] = (ANY_METHOD, None)  # the account may write hardly anywhere
REPEATED: Final = 60.0  # seconds; the longest wait that a flood grows to which is told again
BANS: Final = 3  # chats with the same write ban that mean the account
BANS_WITHIN: Final = 3600.0  # seconds


@dataclass(frozen=True, slots=True)
class SendNow:
    """Send it now, or as many of its messages as there is room for."""

    job: Deliver


@dataclass(frozen=True, slots=True)
class SendLater:
    """Its turn, or that of its first messages, comes in ``seconds``; it is booked."""

    seconds: float
    job: Deliver


@dataclass(frozen=True, slots=True)
class Parked:
    """It waits for the flood ``key`` to end; ``first`` says that no timer runs for it yet.

    Of several messages only the first is kept here: the others may still be edited or deleted.
    """

    key: FloodKey
    until: float
    first: bool


@dataclass(slots=True)
class _Turn:
    """What a pair has booked in a chat: for when (monotonic seconds), and for how many messages.

    It stays the pair's while its job is taken back: an edit costs nobody his place in line.
    """

    target: int
    at: float
    count: int
    job: Deliver | None


class SendQueue:
    """One account's side of sending: pace, floods, bans, and the jobs that wait."""

    def __init__(self, pace: Pace) -> None:
        self.pacer = Pacer(pace)
        self._floods: dict[FloodKey, float] = {}
        self._since: dict[FloodKey, float] = {}
        self._times: dict[FloodKey, int] = {}
        self._parked: defaultdict[FloodKey, deque[Deliver]] = defaultdict(deque)
        self._timed: set[FloodKey] = set()
        self._turns: dict[int, _Turn] = {}
        self._bans: dict[int, float] = {}

    @property
    def parked(self) -> int:
        """How many jobs wait for a flood to end."""
        return sum(len(jobs) for jobs in self._parked.values())

    @property
    def until(self) -> float | None:
        """When the last known flood ends (epoch seconds); ``None`` without one."""
        return max(self._floods.values(), default=None)

    def pending_floods(self, wall: float) -> list[tuple[FloodKey, float, float]]:
        """What waits at ``wall``: for which flood, since when, until when (epoch seconds)."""
        return [
            (key, self._since.get(key, wall), until)
            for key, until in self._floods.items()
            if until > wall
        ]

    def limited_until(self, wall: float) -> float | None:
        """Until when the account counts as limited; ``None`` when it does not."""
        until = self._floods.get(LIMITED, 0.0)
        return until if until > wall else None

    def restore(self, floods: Mapping[FloodKey, float]) -> None:
        """Take over deadlines that were kept on disk."""
        for key, until in floods.items():
            self._floods[key] = max(until, self._floods.get(key, until))

    def record_flood(self, key: FloodKey, until: float, *, now: float | None = None) -> None:
        """Telegram said at ``now``: not before ``until`` (epoch seconds)."""
        self.restore({key: until})
        if now is not None:
            self._since.setdefault(key, now)

    def growing_wait(self, key: FloodKey, seconds: float, *, wall: float) -> float:
        """How long to wait when Telegram asks for ``seconds``; more when it asks again and again.

        It counts every try. One that it refuses as soon as the wait is over was too early.
        """
        times = self._times.get(key, 0)
        if self._floods.get(key, 0.0) <= wall:  # otherwise it is the same flood, told to another
            times += 1
        # Of one that was kept on disk, or that something has passed since, nothing was counted.
        times = self._times[key] = max(1, times)
        doubled = seconds * 2.0 ** min(times - 1, 30)
        return max(seconds, min(REPEATED, doubled))

    def record_sent(self, method: str, target: int) -> None:
        """Something has gone: what floods next, floods for the first time."""
        for key in ((method, None), (ANY_METHOD, target)):
            self._times.pop(key, None)

    def record_ban(self, chat: int, wall: float) -> bool:
        """Note a write ban in a chat; tells whether it means the account by now."""
        self._bans = {one: at for one, at in self._bans.items() if at > wall - BANS_WITHIN}
        self._bans[chat] = wall
        return len(self._bans) >= BANS

    def offer(
        self, job: Deliver, method: str, *, wall: float, now: float
    ) -> SendNow | SendLater | Parked:
        """Decide about a job that wants to be sent by ``method``."""
        flood = self._flood_of(job, method, wall)
        if flood is not None:
            return self.park(job, flood)
        if not job.shipment.posts:
            return SendNow(
                job
            )  # edits and deletions have limits of their own, and floods tell of them
        job, wait = self._booked(job, now)
        return SendLater(wait, job) if wait > 0 else SendNow(job)

    def turn(self, job: Deliver, method: str, *, wall: float) -> SendNow | Parked | None:
        """Decide about a job whose turn has come; ``None`` if it was taken back meanwhile."""
        booked = self._turns.get(job.pair)
        if booked is None or booked.job is None or booked.job.ticket != job.ticket:
            return None
        del self._turns[job.pair]
        flood = self._flood_of(job, method, wall)
        return SendNow(job) if flood is None else self.park(job, flood)

    def _flood_of(self, job: Deliver, method: str, wall: float) -> FloodKey | None:
        target = job.shipment.target
        keys: tuple[FloodKey, ...] = (
            LIMITED,
            (method, None),
            (ANY_METHOD, target),
            (method, target),
        )
        return next((key for key in keys if self._floods.get(key, 0.0) > wall), None)

    def _booked(self, job: Deliver, now: float) -> tuple[Deliver, float]:
        """As much of a job as goes at once, and in how many seconds; that is the pair's turn."""
        target, turn = job.shipment.target, self._turns.pop(job.pair, None)
        if turn is not None and turn.target == target:
            job = job.first(turn.count)
            wait, more = turn.at - now, job.shipment.cost - turn.count
            if more > 0:
                wait = max(wait, self.pacer.reserve(target, now, more))
        else:
            if job.shipment.action == "copies":  # each is a request
                job = job.first(max(1, self.pacer.room(target, now)))
            wait = self.pacer.reserve(target, now, job.shipment.cost)
        if wait > 0:
            self._turns[job.pair] = _Turn(target, now + wait, job.shipment.cost, job)
        return job, wait

    def park(self, job: Deliver, key: FloodKey) -> Parked:
        """Let a job wait for a flood to end."""
        if job.shipment.posts:
            self._turns.pop(job.pair, None)
        self._parked[key].append(job.first(1))
        first = key not in self._timed
        self._timed.add(key)
        return Parked(key, self._floods[key], first)

    def withdraw(self, pair: int, ticket: int) -> Deliver | None:
        """Take a job back, if it waits here: it is not to go as it was handed over."""
        turn = self._turns.get(pair)
        if turn is not None and turn.job is not None and turn.job.ticket == ticket:
            job, turn.job = turn.job, None
            return job
        for jobs in self._parked.values():
            for job in jobs:
                if (job.pair, job.ticket) == (pair, ticket):
                    jobs.remove(job)
                    return job
        return None

    def release(self, key: FloodKey, *, wall: float) -> tuple[Deliver, ...] | float:
        """The jobs that may go now, oldest first, or until when it still lasts."""
        until = self._floods.get(key, 0.0)
        if until > wall:
            return until
        self._timed.discard(key)
        self._floods.pop(key, None)
        self._since.pop(key, None)
        if key == LIMITED:
            self._bans.clear()
        return tuple(self._parked.pop(key, ()))

    def forget_jobs(self, reply_to: pykka.ActorRef[Any] | None = None) -> None:
        """Drop what waits: the groups offer it again when the session is back.

        With ``reply_to`` that of one group, which has begun anew.
        """
        for turn in self._turns.values():
            if turn.job is not None and (reply_to is None or turn.job.reply_to == reply_to):
                turn.job = None
        if reply_to is None:
            self._parked.clear()
            self._timed.clear()
        for key, jobs in self._parked.items():
            self._parked[key] = deque(one for one in jobs if one.reply_to != reply_to)
