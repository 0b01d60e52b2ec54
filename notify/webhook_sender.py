"""The webhooks' half of the notifier: events are owed, sent, and put aside when they are refused.

What is sent next and when it is tried again is decided by ``queues``, what an answer means by
``webhooks``.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Final

from ..errors import TelewardenError, UnknownAlertError
from ..storage import Store, WebhookRow
from .event_inbox import EventInbox
from .messages import SettleDead, WebhookState
from .notify_store import Kept
from .queues import WebhookQueue
from .sender_context import SenderContext
from .settings import WebhookRules
from .webhooks import Answer, Taken, WebhookClient, body_of, headers_of

logger = logging.getLogger(__name__)

NO_WEBHOOK: Final = "there is no webhook; add one under [notify.webhooks]"


class WebhookSender:
    """Sends events to webhooks, each in its order, until they are taken."""

    def __init__(self, context: SenderContext, inbox: EventInbox) -> None:
        self._context, self._inbox = context, inbox
        self._client = WebhookClient()
        self._queues: dict[str, WebhookQueue] = {}

    def configure(self, webhooks: Mapping[str, WebhookRules], kept: Kept | None) -> None:
        """Take over the rules of the webhooks, at first with what an earlier process has left."""
        for name, hook in webhooks.items():
            if name in self._queues:
                self._queues[name].rules = hook
            else:
                owed = [row for row in kept.owed if row.webhook == name] if kept else []
                dead = [row for row in kept.dead if row.webhook == name] if kept else []
                self._queues[name] = WebhookQueue(hook, owed, dead)
        for name in self._queues.keys() - webhooks.keys():
            gone = self._queues.pop(name)
            self._context.store.post(_settling([row.id for row in (*gone.rows, *gone.dead)]))

    # Events

    def owe_events(self) -> None:
        """Owe what has been noted."""
        fresh = self._inbox.take()
        if not fresh:
            return
        rows = list[WebhookRow]()
        for name, event, at in fresh:
            queue = self._queues.get(name)
            if queue is None:
                continue
            if queue.full:
                self._context.counter.notification(f"webhook:{name}", "dropped")
                continue
            kind = self._inbox.kinds.name_of(event)
            row = WebhookRow(
                id=self._context.new_id(),
                webhook=name,
                event=kind,
                body=body_of(event, kind=kind, at=at),
                at=self._context.epoch.now(),
            )
            queue.rows.append(row)
            rows.append(row)
        self._context.store.post(lambda store: store.put_webhook_events(rows))
        self._context.owner.send_due()

    # Sending

    def send_due(self, now: float) -> None:
        """Send the next event of each webhook that is due, or have it looked at then."""
        for queue in self._queues.values():
            due = queue.due(now)
            if due is None:
                continue
            if due > now:
                self._context.owner.wake_at(due)
            else:
                queue.busy = True
                self._context.owner.pipe(self._send(queue), then=self._answered)

    async def _send(self, queue: WebhookQueue) -> tuple[WebhookQueue, Answer]:
        row, rules = queue.rows[0], queue.rules
        try:
            # Behind the write that owes it, so that it is on the disk before it is tried.
            await self._context.store.write(lambda _: None)
            url = await asyncio.to_thread(rules.url)
            secret = await asyncio.to_thread(rules.secret)
            headers = headers_of(row.id, row.body, secret, at=self._context.epoch.wall())
            answer = await self._client.post(url, row.body, headers, timeout=rules.timeout)
        except TelewardenError as error:
            answer = Answer(Taken.LATER, str(error))
        except ValueError as error:
            answer = Answer(Taken.LATER, f"its secret cannot be used: {error}")
        return queue, answer

    def _answered(self, outcome: tuple[WebhookQueue, Answer]) -> None:
        (queue, answer), counter = outcome, self._context.counter
        queue.busy = False
        if not queue.rows:
            return
        label, new = f"webhook:{queue.rules.name}", not queue.retry.problem
        keep, forget = queue.answered(
            answer, now=self._context.epoch.now(), rng=self._context.owner.rng
        )
        counter.notification(label, "sent" if answer.taken is Taken.YES else "failed")
        if any(row.dead for row in keep):
            counter.notification(label, "dropped")
            logger.warning(
                "event put aside webhook=%s id=%s why=%s",
                queue.rules.name,
                keep[0].id,
                answer.reason,
            )
        elif answer.reason and new:
            logger.warning("event not taken webhook=%s why=%s", queue.rules.name, answer.reason)

        def work(store: Store) -> None:
            store.put_webhook_events(keep)
            store.settle_webhook_events(forget)

        self._context.store.post(work)
        self._context.owner.send_due()

    async def close(self) -> None:
        """Close what is open."""
        await self._client.close()

    # What people ask

    def states(self) -> tuple[WebhookState, ...]:
        """How the webhooks are."""
        return tuple(
            WebhookState(
                name=name, waiting=len(one.rows), dead=len(one.dead), problem=one.retry.problem
            )
            for name, one in self._queues.items()
        )

    def waiting(self) -> dict[str, int]:
        """How many events are owed to each, by the names that metrics have."""
        return {f"webhook:{name}": len(one.rows) for name, one in self._queues.items()}

    def dead(self, webhook: str | None) -> tuple[WebhookRow, ...]:
        """The events that were put aside, of one webhook or of all."""
        return tuple(row for one in self._named(webhook) for row in one.dead)

    def settle_dead(self, order: SettleDead) -> int:
        """Owe anew what was put aside, or forget it; returns how many events."""
        keep, forget = list[WebhookRow](), list[str]()
        for queue in self._named(order.webhook):
            if order.again:
                rows = queue.again(order.event)
                queue.rows += rows
                keep += rows
            else:
                forget += queue.drop_dead(order.event)

        def work(store: Store) -> None:
            store.put_webhook_events(keep)
            store.settle_webhook_events(forget)

        self._context.store.post(work)
        self._context.owner.send_due()
        return len(keep) + len(forget)

    def _named(self, webhook: str | None) -> list[WebhookQueue]:
        if webhook is None:
            return list(self._queues.values())
        if webhook not in self._queues:
            raise UnknownAlertError(webhook, self._queues, none=NO_WEBHOOK)
        return [self._queues[webhook]]


def _settling(ids: list[str]) -> Callable[[Store], object]:
    return lambda store: store.settle_webhook_events(ids)
