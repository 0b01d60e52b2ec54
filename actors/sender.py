"""A session's sending: what its worker groups hand over, until Telegram has it or says why not.

Owns the pace, the floods, the parked jobs and the requests under way. Belongs to one incarnation
of one session actor and works in its mailbox's turn; results come back to that mailbox. What an
error means for the session itself is the session's to decide.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pykka

from ..supervision import LoopActor
from ..telegram import (
    Action,
    Client,
    ErrorClass,
    FloodBegan,
    FloodEnded,
    Verdict,
    classify,
    deliver,
    method_of,
)
from .kit import Kit
from .messages import Deliver, Delivered, Undelivered
from .outgoing import FloodKey, Go, Later, Outgoing, Parked

__all__ = ["OFFLINE", "FloodOver", "Send", "SendFailed", "Sender", "Sent", "tell"]

OFFLINE = ConnectionError("Cannot send requests while disconnected")
UNTOLD_WAIT = 60.0  # seconds; Telegram sometimes says FLOOD without a number
RELEASE_LATE = 0.05  # seconds; clocks differ a little, and an early call makes a flood longer


@dataclass(frozen=True, slots=True)
class Send:
    """A job's turn has come."""

    job: Deliver


@dataclass(frozen=True, slots=True)
class Sent:
    """Telegram has taken a job; ``target_id`` is its id there, if told."""

    job: Deliver
    target_id: int | None


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
        name: the session's name.
        kit: what the warden's actors share.
        actor: the session actor; its mailbox gets the messages above.
    """

    def __init__(self, name: str, kit: Kit, actor: LoopActor) -> None:
        self._name, self._kit, self._actor = name, kit, actor
        self._client: Client | None = None
        self._outgoing = Outgoing(kit.settings.pace)
        self._under_way: dict[asyncio.Task[int | None], Deliver] = {}

    @property
    def parked(self) -> int:
        """How many jobs wait for a flood to end."""
        return self._outgoing.parked

    @property
    def until(self) -> float | None:
        """When the last known flood ends, epoch seconds."""
        return self._outgoing.until

    def resume(self, client: Client, floods: Mapping[FloodKey, float]) -> None:
        """The session is online with ``client``; ``floods`` are the deadlines kept on disk."""
        self._client = client
        self._outgoing.remember(floods)

    def suspend(self) -> None:
        """The session is not online: the groups offer again what was not delivered."""
        self._client = None
        self._outgoing.forget_jobs()

    def offer(self, job: Deliver) -> None:
        """Send a job, now or when pace and floods allow."""
        if self._client is None:
            tell(job.reply_to, _undelivered(job, classify(OFFLINE)))
            return
        method = method_of(job.mode, job.message)
        now, wall = self._actor.clock.now(), self._kit.now()
        match self._outgoing.offer(job, method, wall=wall, now=now):
            case Go():
                self.send(job)
            case Later(seconds):
                self._actor.after(seconds, Send(job))
            case Parked() as parked:
                self._wait_for(parked)

    def send(self, job: Deliver) -> None:
        """Start the request; its result comes back as ``Sent`` or ``SendFailed``."""
        if self._client is None:
            tell(job.reply_to, _undelivered(job, classify(OFFLINE)))
            return
        sending = asyncio.ensure_future(
            deliver(
                self._client,
                mode=job.mode,
                message=job.message,
                target=job.target,
                random_id=job.random_id,
                deadline=self._kit.settings.call_deadline,
            )
        )
        self._under_way[sending] = job
        sending.add_done_callback(lambda sending: self._under_way.pop(sending, None))
        self._actor.pipe(
            asyncio.shield(sending),  # a stop lets it end, see drain
            done=lambda target_id: Sent(job, target_id),
            failed=lambda error: SendFailed(job, error),
        )

    def sent(self, message: Sent) -> None:
        """Tell the group that its message arrived."""
        tell(message.job.reply_to, _delivered(message.job, message.target_id))

    def failed(self, message: SendFailed) -> Verdict:
        """Do what the error means for the job; returns what it may mean for the session."""
        job, verdict = message.job, classify(message.error)
        if verdict.kind is ErrorClass.DELIVERED:
            tell(job.reply_to, _delivered(job, None, repeated=True))
        elif verdict.action in {Action.PARK_METHOD, Action.PARK_CHAT}:
            self._flooded(job, verdict)
        else:
            tell(job.reply_to, _undelivered(job, verdict))
        return verdict

    def flood_over(self, key: FloodKey) -> None:
        """Offer what was parked again, if the deadline has really come."""
        released = self._outgoing.release(key, wall=self._kit.now())
        if not isinstance(released, tuple):
            self._actor.after(max(RELEASE_LATE, released - self._kit.now()), FloodOver(key))
            return
        now = self._kit.now()
        self._kit.publish(
            FloodEnded(session=self._name, at=now, method=key[0], parked=len(released))
        )
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
        method = method_of(job.mode, job.message)
        chat = job.target if verdict.action is Action.PARK_CHAT else None
        seconds, now, name = verdict.wait or UNTOLD_WAIT, self._kit.now(), self._name
        until = now + seconds
        self._outgoing.flood((method, chat), until)
        self._kit.journal.post(lambda store: store.put_flood(name, method, chat, until, seconds))
        self._kit.publish(
            FloodBegan(session=name, at=now, method=method, seconds=seconds, until=until)
        )
        self._wait_for(self._outgoing.park(job, (method, chat)))

    def _wait_for(self, parked: Parked) -> None:
        if parked.first:
            self._actor.after(max(0.0, parked.until - self._kit.now()), FloodOver(parked.key))


def tell(ref: pykka.ActorRef[Any], message: object) -> None:
    """Tell somebody who may be gone by now; who is gone needs no answer."""
    with contextlib.suppress(pykka.ActorDeadError):
        ref.tell(message)


def _delivered(job: Deliver, target_id: int | None, *, repeated: bool = False) -> Delivered:
    return Delivered(
        pair=job.pair, source_id=job.message.id, target_id=target_id, repeated=repeated
    )


def _undelivered(job: Deliver, verdict: Verdict) -> Undelivered:
    return Undelivered(pair=job.pair, source_id=job.message.id, verdict=verdict)
