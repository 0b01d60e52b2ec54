"""A session's sending: pace, floods, and the requests in flight.

Owns the pace, the floods, the jobs that wait and the requests under way. Belongs to one incarnation
of one session actor and works in its mailbox's turn; results come back to that mailbox. What an
error means for the session itself is the session's to decide.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import pykka

from ...supervision import LoopActor
from ...telegram import (
    AccountLimited,
    Action,
    Client,
    ErrorClass,
    FloodBegan,
    FloodEnded,
    Receipt,
    Shipment,
    Verdict,
    Wait,
    WaitKind,
    classify,
    deliver,
    method_of,
    refusal_of,
)
from ..context import Services
from ..messages import Deliver, Delivered, Returned, Undelivered, Unlimited, Withdraw
from ..rate_limit import Pace, Pacer
from .flood_waits import what_floods
from .send_queue import ANY_METHOD, LIMITED, FloodKey, Parked, SendLater, SendNow, SendQueue

OFFLINE = ConnectionError("Cannot send requests while disconnected")
UNTOLD_WAIT: Final = 60.0  # seconds; Telegram sometimes says FLOOD without a number
LIMITED_FOR: Final = 86400.0  # seconds; limits last for days, and each try is held against one
CHAT_BAN: Final = "USER_BANNED_IN_CHANNEL"
RELEASE_LATE: Final = 0.05  # seconds; clocks differ, and an early call makes a flood longer


@dataclass(frozen=True, slots=True)
class Send:
    """A job's turn has come; it goes if it has not been taken back."""

    job: Deliver


@dataclass(frozen=True, slots=True)
class SendFailed:
    """Telegram, or the way to it, has not taken a job."""

    job: Deliver
    error: BaseException


@dataclass(frozen=True, slots=True)
class FloodOver:
    """A flood's deadline has come."""

    key: FloodKey


class Sender:
    """Sends for one session actor.

    Args:
        actor: the session actor; its mailbox gets the messages above.
    """

    def __init__(self, name: str, services: Services, actor: LoopActor) -> None:
        self._name, self._services, self._actor = name, services, actor
        self._client: Client | None = None
        self._queue = SendQueue(services.settings.pace)
        self._under_way: dict[asyncio.Task[Receipt], Deliver] = {}

    @property
    def parked(self) -> int:
        """How many jobs wait for a flood to end."""
        return self._queue.parked

    def waits(self) -> tuple[Wait, ...]:
        """What waits for a deadline, and with how many jobs parked."""
        now, who = self._services.now(), f"session {self._name}"
        return tuple(
            Wait(who=who, kind=WaitKind.FLOOD, what=what_floods(key), since=since, until=until)
            for key, since, until in self._queue.pending_floods(now)
        )

    @property
    def until(self) -> float | None:
        """When the last known flood ends, epoch seconds."""
        return self._queue.until

    @property
    def limited_until(self) -> float | None:
        """Until when the account counts as limited, epoch seconds; ``None`` when it does not."""
        return self._queue.limited_until(self._services.now())

    @property
    def pacer(self) -> Pacer:
        """The account's pace, for whatever else of it posts."""
        return self._queue.pacer

    def change_pace(self, pace: Pace) -> None:
        """Send at another pace from now on."""
        self._queue.pacer.change(pace)

    def resume(self, client: Client, floods: Mapping[FloodKey, float]) -> None:
        """The session is online with ``client``; ``floods`` are the deadlines kept on disk."""
        self._client = client
        self._queue.restore(floods)

    def suspend(self) -> None:
        """The session is not online: the groups offer again what was not delivered."""
        self._client = None
        self._queue.forget_jobs()

    def offer(self, job: Deliver) -> None:
        """Send a job, now or when pace and floods allow."""
        if self._client is None:
            tell(job.reply_to, _undelivered(job, classify(OFFLINE)))
            return
        method = method_of(job.shipment)
        now, wall = self._actor.clock.now(), self._services.now()
        match self._queue.offer(job, method, wall=wall, now=now):
            case SendNow(portion):
                _return(job, portion)
                self.send(portion)
            case SendLater(seconds, portion):
                _return(job, portion)
                self._actor.after(seconds, Send(portion))
            case Parked() as parked:
                _return(job, job.first(1))
                self._wait_for(parked)

    def forget(self, group: pykka.ActorRef[Any]) -> None:
        """A group has begun anew: what its last incarnation has handed over does not go."""
        self._queue.forget_jobs(group)

    def withdraw(self, message: Withdraw) -> None:
        """Give a job back that waits here; one that is under way is under way."""
        job = self._queue.withdraw(message.pair, message.ticket)
        if job is not None:
            tell(job.reply_to, Returned(pair=job.pair, ticket=job.ticket, count=0))

    def turn(self, job: Deliver) -> None:
        """A job's turn has come: send it, unless it was taken back or is flooded by now."""
        match self._queue.turn(job, method_of(job.shipment), wall=self._services.now()):
            case SendNow(portion):
                self.send(portion)
            case Parked() as parked:
                _return(job, job.first(1))
                self._wait_for(parked)

    def send(self, job: Deliver) -> None:
        """Start the request; a failure comes back as ``SendFailed``."""
        if self._client is None:
            tell(job.reply_to, _undelivered(job, classify(OFFLINE)))
            return
        sending = asyncio.ensure_future(
            _deliver(self._client, job.shipment, deadline=self._services.settings.call_deadline)
        )
        self._under_way[sending] = job
        sending.add_done_callback(self._over)
        self._actor.pipe(
            asyncio.shield(sending),  # a stop lets it end, see drain
            then=partial(self._sent, job),
            failed=lambda error: SendFailed(job, error),
        )

    def _over(self, sending: asyncio.Task[Receipt]) -> None:
        """It has ended, perhaps after its session: then nobody asks any more what came of it."""
        self._under_way.pop(sending, None)
        if not sending.cancelled():
            sending.exception()

    def _sent(self, job: Deliver, receipt: Receipt) -> None:
        """Tell the group what arrived; some of it may have met trouble."""
        tell(job.reply_to, _delivered(job, receipt))
        self._queue.record_sent(method_of(job.shipment), job.shipment.target)
        if receipt.trouble is not None:
            self._actor.actor_ref.tell(SendFailed(job.rest(receipt), receipt.trouble))
        elif receipt.refused:  # what stands behind it waits until it is given up
            tell(job.reply_to, Returned(pair=job.pair, ticket=job.ticket, count=0))

    def failed(self, message: SendFailed) -> Verdict:
        """Do what the error means for the job; returns what it may mean for the session."""
        job, verdict = message.job, classify(message.error)
        if verdict.action in {Action.PARK_METHOD, Action.PARK_CHAT}:
            self._flooded(job, verdict)
        elif self._means_the_account(job, verdict):
            self._limit(job, verdict)
        else:
            tell(job.reply_to, _undelivered(job, verdict))
        return verdict

    def flood_over(self, key: FloodKey) -> None:
        """Offer what was parked again, if the deadline has really come."""
        released = self._queue.release(key, wall=self._services.now())
        if not isinstance(released, tuple):
            self._actor.after(max(RELEASE_LATE, released - self._services.now()), FloodOver(key))
            return
        now = self._services.now()
        self._services.publish(
            FloodEnded(session=self._name, at=now, method=key[0], parked=len(released))
        )
        if key == LIMITED:
            self._actor.actor_ref.tell(Unlimited())
        for job in released:
            self.offer(job)

    def abandon(self) -> None:
        """Cancel what is under way; the outbox still has it."""
        for sending in tuple(self._under_way):
            sending.cancel()

    async def drain(self, *, within: float) -> None:
        """Let what is under way end, at most ``within`` seconds, and tell the groups."""
        under_way = dict(self._under_way)
        if not under_way:
            return
        done, _ = await asyncio.wait(under_way, timeout=within)
        for sending in done:
            if not sending.cancelled() and sending.exception() is None:
                job = under_way[sending]
                tell(job.reply_to, _delivered(job, sending.result()))

    def _flooded(self, job: Deliver, verdict: Verdict) -> None:
        seconds = verdict.wait or UNTOLD_WAIT
        target, now = job.shipment.target, self._actor.clock.now()
        key: FloodKey
        if verdict.action is Action.PARK_CHAT:
            self._queue.pacer.slow_mode(target, seconds, now)
            key = (ANY_METHOD, target)
        else:
            self._queue.pacer.flooded(None, now)
            self._queue.pacer.flooded(target, now)
            key = (method_of(job.shipment), None)
        # The ledger has it already, as it was told: the client's gate notes it.
        wall = self._services.now()
        wait = self._queue.growing_wait(key, seconds, wall=wall)
        self._queue.record_flood(key, wall + wait, now=wall)
        self._wait_in_line(job, key)

    def _wait_in_line(self, job: Deliver, key: FloodKey) -> None:
        _return(job, job.first(1))
        self._wait_for(self._queue.park(job, key))

    def _means_the_account(self, job: Deliver, verdict: Verdict) -> bool:
        """One chat's ban is the chat's affair; the same from several is the account's."""
        if verdict.kind is ErrorClass.LIMITED or verdict.action is Action.HOLD_WRITES:
            return True
        banned = verdict.name == CHAT_BAN
        return banned and self._queue.record_ban(job.shipment.target, self._services.now())

    def _limit(self, job: Deliver, verdict: Verdict) -> None:
        """Let all sending of this account wait; nothing of it is dropped."""
        name, (method, chat), now = self._name, LIMITED, self._services.now()
        until, reason = now + LIMITED_FOR, f"{verdict.name}: {verdict.advice}"
        self._queue.record_flood(LIMITED, until, now=now)
        self._services.journal.post(
            lambda store: store.put_flood(name, method, chat, until, LIMITED_FOR)
        )
        self._services.publish(
            FloodBegan(session=name, at=now, method=method, seconds=LIMITED_FOR, until=until)
        )
        self._wait_in_line(job, LIMITED)
        self._services.publish(AccountLimited(session=name, at=now, reason=reason, until=until))

    def _wait_for(self, parked: Parked) -> None:
        if parked.first:
            self._actor.after(max(0.0, parked.until - self._services.now()), FloodOver(parked.key))


async def _deliver(client: Client, shipment: Shipment, *, deadline: float) -> Receipt:
    """Deliver a shipment; of a change that is refused, find out whether a right was lost."""
    try:
        return await deliver(client, shipment, deadline=deadline)
    except Exception as error:
        if shipment.posts or classify(error).action is not Action.LEAVE_MESSAGE:
            raise
        changed, target = shipment.target_ids, shipment.target
        refusal = await refusal_of(client, target, error, changed=changed, deadline=deadline)
        if refusal is error:
            raise
        raise refusal from error


def tell(ref: pykka.ActorRef[Any], message: object) -> None:
    """Tell somebody who may be gone by now; who is gone needs no answer."""
    with contextlib.suppress(pykka.ActorDeadError):
        ref.tell(message)


def _return(job: Deliver, portion: Deliver) -> None:
    """Let the group have back what does not go with the portion."""
    count = portion.shipment.cost
    if count < job.shipment.cost:
        tell(job.reply_to, Returned(pair=job.pair, ticket=job.ticket, count=count))


def _delivered(job: Deliver, receipt: Receipt) -> Delivered:
    return Delivered(pair=job.pair, ticket=job.ticket, receipt=receipt)


def _undelivered(job: Deliver, verdict: Verdict) -> Undelivered:
    return Undelivered(pair=job.pair, ticket=job.ticket, verdict=verdict)
