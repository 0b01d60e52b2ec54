"""The channels' half of the notifier: news are owed, put into one message, and sent.

When and what is decided by ``queues`` and ``outbound``; a message that is on its way is on the disk
and goes out as it was, also by the next process.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import pykka

from ..errors import NotSentError, TelewardenError, UnknownAlertError
from ..storage import AlertRow, NewsRow, Store
from ..supervision import ask_async
from .alert_book import AlertBook, News, What
from .alert_rules import TEST
from .apprise_channel import send_within
from .messages import ChannelState, SendToChat
from .notify_store import Kept
from .outbound import Message, Words, message_of
from .queues import ChannelQueue
from .sender_context import SenderContext
from .settings import ChannelRules, NotifySettings
from .silences import Silences

logger = logging.getLogger(__name__)

NO_CHANNEL: Final = "there is no channel; add one under [notify.channels]"
CHAT_WITHIN: Final = 60.0  # seconds that the admin bot gets to send a text


@dataclass(slots=True)
class Owed:
    """What the store is to know of news that were owed: rows, ids of untrue ones, alerts told."""

    rows: list[NewsRow] = field(default_factory=list)
    untrue: list[str] = field(default_factory=list)
    told: list[AlertRow] = field(default_factory=list)


class ChannelSender:
    """Sends news to people, by Apprise or the admin bot.

    Args:
        context: what senders share.
        book: knows which alerts were told of.
        silences: which channels are silent.
        words: the texts of a language.
        bot: the admin bot, which writes to Telegram chats; ``None`` without one.
    """

    def __init__(
        self,
        context: SenderContext,
        *,
        book: AlertBook,
        silences: Silences,
        words: Callable[[str], Words],
        bot: pykka.ActorRef[Any] | None,
    ) -> None:
        self._context, self._book, self._silences = context, book, silences
        self._words, self._bot = words, bot
        self._queues: dict[str, ChannelQueue] = {}

    @property
    def rules(self) -> Mapping[str, ChannelRules]:
        """The rules of each channel."""
        return {name: queue.rules for name, queue in self._queues.items()}

    def configure(self, channels: Mapping[str, ChannelRules], kept: Kept | None) -> None:
        """Take over the rules of the channels, at first with what an earlier process has left."""
        for name, rules in channels.items():
            if name in self._queues:
                self._queues[name].rules = rules
            else:
                rows = [row for row in kept.news if row.channel == name] if kept else []
                self._queues[name] = ChannelQueue.found(rules, rows)
        for name in self._queues.keys() - channels.keys():
            self._context.store.post(_settling(self._queues.pop(name).drop()))

    def owe(self, news: Iterable[News]) -> Owed:
        """Owe news to whom they concern; returns what the store is to know of that."""
        owed = Owed()
        for one in news:
            for queue in self._queues.values():
                if not self._is_for(queue, one):
                    continue
                more, less = queue.owe(self._news_row(queue.rules.name, one))
                owed.rows += more
                owed.untrue += less
                owed.told += self._as_told(queue, one)
        return owed

    def _is_for(self, queue: ChannelQueue, news: News) -> bool:
        """Whether a channel is to be told; of an end, if it knows of the beginning or will."""
        rules, row = queue.rules, news.row
        if self._silences.muted_until(rules) or not rules.wants(row.name, news.severity):
            return False
        if news.what is not What.RESOLVED:
            return True
        return rules.resolved and (rules.name in row.told or queue.knows(row.name, row.subject))

    def _news_row(self, channel: str, news: News) -> NewsRow:
        row = news.row
        return NewsRow(
            id=self._context.new_id(),
            channel=channel,
            name=row.name,
            subject=row.subject,
            what=news.what.value,
            severity=news.severity.value,
            detail=row.detail,
            since=row.since,
            at=self._context.epoch.now(),
        )

    def _as_told(self, queue: ChannelQueue, news: News) -> list[AlertRow]:
        """The alert's row if the channel knows of it from before, when its end was not told."""
        row = news.row
        if news.what is What.RESOLVED or queue.knows(row.name, row.subject):
            return []
        return self._book.told([(row.name, row.subject)], queue.rules.name)

    # Sending

    def send_due(self, settings: NotifySettings, *, now: float) -> None:
        """Send what is due by each channel that is not at it, or have it looked at then."""
        wall = self._context.epoch.wall()
        for queue in self._queues.values():
            if queue.rows and self._silences.muted_until(queue.rules):
                self._context.store.post(_settling(queue.drop()))
            due = queue.due(settings, wall=wall, now=now)
            if due is None:
                continue
            if due > now:
                self._context.owner.wake_at(due)
            else:
                queue.busy = True
                self._context.owner.pipe(self._send_batch(queue, settings, wall), then=self._sent)

    async def _send_batch(
        self, queue: ChannelQueue, settings: NotifySettings, wall: float
    ) -> tuple[ChannelQueue, str]:
        """Send a channel's message; returns why it did not go, or nothing."""
        if queue.freeze(self._context.new_id(), wall=wall):
            frozen = tuple(queue.batch)
            await self._context.store.write(lambda store: store.owe_news(frozen))
        rules = queue.rules
        words, now = self._words(rules.language), self._context.epoch.now()
        message = message_of(queue.batch, rules, settings, words, now=now)
        problem = await self._send(rules, message, key=queue.batch[0].batch or "")
        if not problem:
            self._settle(queue)
        return queue, problem

    def _settle(self, queue: ChannelQueue) -> None:
        gone = queue.sent(self._context.epoch.now())
        told = self._book.told({(row.name, row.subject) for row in gone}, queue.rules.name)
        ids = [row.id for row in gone]
        self._context.counter.notification(queue.rules.name, "sent")

        def work(store: Store) -> None:
            store.settle_news(ids)
            store.keep_alerts(told)

        self._context.store.post(work)

    def _sent(self, outcome: tuple[ChannelQueue, str]) -> None:
        queue, problem = outcome
        queue.busy = False
        if problem:
            new = not queue.retry.problem
            queue.retry.failed(problem, now=self._context.epoch.now(), rng=self._context.owner.rng)
            self._context.counter.notification(queue.rules.name, "failed")
            if new:
                logger.warning("alert not sent channel=%s why=%s", queue.rules.name, problem)
        self._context.owner.send_due()

    async def _send(self, channel: ChannelRules, message: Message, *, key: str) -> str:
        """Send by a channel; returns why it did not go, or nothing."""
        try:
            if channel.url is not None:
                url = await asyncio.to_thread(channel.url)
                await send_within(url, message.title, message.body)
            elif self._bot is None or channel.telegram is None:
                raise NotSentError("there is no admin bot; see [bot]")
            else:
                order = SendToChat(channel.telegram, f"{channel.name}/{key}", message.text)
                await ask_async(self._bot, order, timeout=CHAT_WITHIN)
        except (TelewardenError, pykka.ActorDeadError) as error:
            return str(error)
        return ""

    # What people ask

    def states(self) -> tuple[ChannelState, ...]:
        """How the channels are."""
        return tuple(
            ChannelState(
                name=name,
                kind="telegram" if one.rules.url is None else "apprise",
                waiting=one.waiting,
                muted_until=self._silences.muted_until(one.rules),
                problem=one.retry.problem,
                next_try=one.retry.at if one.retry.problem else None,
            )
            for name, one in self._queues.items()
        )

    def waiting(self) -> dict[str, int]:
        """How many news are owed to each."""
        return {name: one.waiting for name, one in self._queues.items()}

    async def test(self, channels: Sequence[ChannelRules]) -> dict[str, str]:
        """Send a test by each channel; returns why it did not go, empty where it did."""
        found = await asyncio.gather(*(self._test_one(one) for one in channels))
        return {one.name: problem for one, problem in zip(channels, found, strict=True)}

    def tested(self, channel: str | None) -> list[ChannelRules]:
        """The channels that a test goes by: one, or all that are not silent."""
        if channel is not None and channel not in self._queues:
            raise UnknownAlertError(channel, self._queues, none=NO_CHANNEL)
        chosen = self._queues if channel is None else (channel,)
        rules = [self._queues[name].rules for name in chosen]
        return [one for one in rules if channel or not self._silences.muted_until(one)]

    async def _test_one(self, channel: ChannelRules) -> str:
        words = self._words(channel.language)
        message = Message(
            title="[TEST] Telewarden", body=f"{words(TEST.what)} {words(TEST.advice)}"
        )
        return await self._send(channel, message, key=self._context.new_id())


def _settling(ids: list[str]) -> Callable[[Store], object]:
    return lambda store: store.settle_news(ids)
