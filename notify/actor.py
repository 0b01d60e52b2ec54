"""The notifier: looks at what is true, owes what is news of it, and sends until it has arrived.

What is told to whom is decided by ``alert_book`` and ``outbound``, and looks at the exporter's
figures only: it asks no session. What is owed is in the store before it is tried. Comes last in the
tree, so that its crash concerns nobody.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol
from uuid import uuid4

import pykka

from ..actors import DISK_REFUSES, Journal
from ..errors import JournalUnavailableError, NotSentError, TelewardenError, UnknownAlertError
from ..metrics import Look
from ..storage import AlertRow, Epoch, NewsRow, Store, WebhookRow
from ..supervision import (
    Answer,
    Ask,
    ChildQuarantined,
    Event,
    EventStream,
    LoopActor,
    Subscription,
    TimerHandle,
    ask_async,
)
from ..telegram import FloodBegan, PairPaused, PairResumed, PhaseChanged
from .alert_book import ALL, FOREVER, AlertBook, Changes, News, What
from .apprise_channel import send_within
from .conditions import HEARD, Happenings, of_sessions, of_warden
from .events import AlertFired, AlertResolved
from .messages import (
    AlertsAsked,
    ChannelState,
    DeadEventsAsked,
    Resume,
    SendToChat,
    SettleDead,
    Silence,
    Standing,
    Test,
    WebhookState,
)
from .outbound import Message, Words, message_of
from .queues import ChannelQueue, WebhookQueue
from .rules import RULES, TEST, Rule
from .settings import ChannelRules, CurrentNotify, NotifySettings
from .webhooks import Answer as Answered
from .webhooks import Taken, WebhookClient, body_of, headers_of

logger = logging.getLogger(__name__)

LOOK_EVERY: Final = 5.0  # seconds, as often as the exporter is told how sessions are
STIRRED: Final = 0.1  # seconds from an event to a look: what comes together is seen together
START_GRACE: Final = 30.0  # seconds in which somebody has said how the sessions are
AT_ONCE: Final = 500  # sessions that are looked at in one turn of the loop: some 1 ms
CHAT_WITHIN: Final = 60.0  # seconds that the admin bot gets to send a text
STIRRING: Final = (ChildQuarantined, FloodBegan, PairPaused, PairResumed, PhaseChanged)


class Counter(Protocol):
    """Counts messages out."""

    def notification(self, channel: str, outcome: str, *, amount: int = 1) -> None: ...
    def notifications_waiting(self, waiting: Mapping[str, int]) -> None: ...


@dataclass(frozen=True, slots=True)
class _Look:
    """Time to look. No answer."""


@dataclass(frozen=True, slots=True)
class _Stirred:
    """Something has happened that may be news. No answer."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """What an earlier process has left."""

    alerts: list[AlertRow]
    news: list[NewsRow]
    silences: dict[str, float]
    owed: list[WebhookRow] = field(repr=False)
    dead: list[WebhookRow] = field(repr=False)


class NotifyActor(LoopActor):
    """Tells people and programs what happens in one warden.

    Args:
        current: what it goes by.
        facts: how everything is, as the exporter knows it.
        counter: counts what goes out.
        words: the texts of a language.
        events: what happens.
        epoch: the clocks.
        journal: the database's writer.
        bot: the admin bot, which writes to Telegram chats; ``None`` without one.
        new_id: makes ids that are unique for ever.
    """

    def __init__(
        self,
        *,
        current: CurrentNotify,
        facts: Callable[[], Look],
        counter: Counter,
        words: Callable[[str], Words],
        events: EventStream,
        epoch: Epoch,
        journal: pykka.ActorRef[Any],
        bot: pykka.ActorRef[Any] | None = None,
        new_id: Callable[[], str] = lambda: uuid4().hex,
    ) -> None:
        super().__init__()
        self._current, self._facts, self._counter, self._words = current, facts, counter, words
        self._events, self._epoch, self._new_id = events, epoch, new_id
        self._journal, self._bot = Journal(journal), bot
        self._settings: NotifySettings | None = None
        self._rules: dict[str, Rule | None] = {}
        self._book, self._silences = AlertBook(), dict[str, float]()
        self._channels: dict[str, ChannelQueue] = {}
        self._webhooks: dict[str, WebhookQueue] = {}
        self._kept: _Kept | None = None
        self._early: list[tuple[Ask[Any], Answer]] = []
        self._lock = threading.Lock()  # events come from the journal's thread, too
        self._happenings = Happenings()
        self._fresh: deque[tuple[str, Event, float]] = deque()
        self._wanted: Mapping[str, tuple[str, ...]] = {}
        self._client = WebhookClient()
        self._subscription: Subscription | None = None
        self._timer: TimerHandle | None = None
        self._due = self._started = 0.0
        self._looking = self._stirred = False

    def on_start(self) -> None:
        self._started = self._epoch.now()
        self._wanted = _wanted_by(self._current.value)
        self._subscription = self._events.subscribe(self._hear)
        self.pipe(self._journal.do(_read), then=self._remember)

    async def on_stop(self) -> None:  # type: ignore[override]  # a LoopActor's hooks may be async
        await self._end()

    async def on_failure(  # type: ignore[override]  # a LoopActor's hooks may be async
        self, *_exc_info: object
    ) -> None:
        await self._end()

    async def _end(self) -> None:
        if self._subscription is not None:
            self._subscription.close()
        await self._client.close()

    def on_receive(self, message: object) -> object:
        if self._kept is None and isinstance(message, Ask):
            answer = Answer()
            self._early.append((message, answer))
            return answer
        match message:
            case _Look():
                self._look()
            case _Stirred():
                self._stir()
            case AlertsAsked():
                return self._standing()
            case Silence():
                return self._silence(message.name, message.seconds)
            case Resume():
                return self._resume(message.name)
            case Test():
                return self._test(message.channel)
            case DeadEventsAsked():
                return tuple(row for one in self._named(message.webhook) for row in one.dead)
            case SettleDead():
                return self._settle_dead(message)
            case _:
                return super().on_receive(message)
        return None

    # What is heard

    def _hear(self, event: Event) -> None:
        """Note an event, in whichever thread it happens."""
        kind, now, news = type(event), self._epoch.now(), False
        with self._lock:
            if kind in HEARD:
                news = self._happenings.hear(event, now=now)
            for webhook in self._wanted.get(kind.__name__, ()):
                self._fresh.append((webhook, event, self._epoch.wall()))
                news = True
            news = (news or kind in STIRRING) and not self._stirred
            self._stirred = self._stirred or news
        if news:
            try:
                self.actor_ref.tell(_Stirred())
            except pykka.ActorDeadError:
                return

    def _stir(self) -> None:
        self._owe_events()
        self.after(STIRRED, then=self._stirred_look)

    def _stirred_look(self) -> None:
        with self._lock:
            self._stirred = False
        self._owe_events()
        self._look()

    # What is true, and what is news of it

    def _remember(self, kept: _Kept) -> None:
        self._book, self._silences, self._kept = AlertBook(kept.alerts), kept.silences, kept
        self._go_by_settings()
        self._owe_events()
        self.every(LOOK_EVERY, _Look(), phase=0.0)
        early, self._early = self._early, []
        for message, answer in early:
            self._answer_late(message, answer)

    def _answer_late(self, message: Ask[Any], answer: Answer) -> None:
        """Answer what was asked before it was known what there is."""
        try:
            found = self.on_receive(message)
        except TelewardenError as error:
            answer.set_exception((type(error), error, None))
            return
        if isinstance(found, Answer):
            found.forward_to(answer)
        else:
            answer.set(found)

    def _go_by_settings(self) -> None:
        """Take over what a reload has changed; does nothing if it has not."""
        settings = self._current.value
        if settings is self._settings or self._kept is None:
            return
        first, self._settings = self._settings is None, settings
        self._rules = {name: settings.rule(name) for name in RULES}
        kept = self._kept
        for name, rules in settings.channels.items():
            if name in self._channels:
                self._channels[name].rules = rules
            else:
                rows = [row for row in kept.news if row.channel == name] if first else []
                self._channels[name] = ChannelQueue.found(rules, rows)
        for name in self._channels.keys() - settings.channels.keys():
            self._post(_settling(self._channels.pop(name).drop()))
        for name, hook in settings.webhooks.items():
            if name in self._webhooks:
                self._webhooks[name].rules = hook
            else:
                owed = [row for row in kept.owed if row.webhook == name] if first else []
                dead = [row for row in kept.dead if row.webhook == name] if first else []
                self._webhooks[name] = WebhookQueue(hook, owed, dead)
        for name in self._webhooks.keys() - settings.webhooks.keys():
            gone = self._webhooks.pop(name)
            self._post(_settling_events([row.id for row in (*gone.rows, *gone.dead)]))
        self._wanted = _wanted_by(settings)

    def _look(self) -> None:
        self._go_by_settings()
        if self._settings is None or self._looking:
            return
        look = self._facts()
        if not look.sample.at and self._epoch.now() - self._started < START_GRACE:
            return  # what fired before the restart is not over because nobody has said anything yet
        self._looking = True
        self.pipe(self._look_at(look), then=self._looked)

    async def _look_at(self, look: Look) -> None:
        """See what is true and what follows, with a turn for others now and then."""
        rules, now = self._rules.get, self._epoch.now()
        found = list(of_warden(look, rules, now))
        with self._lock:
            found += self._happenings.conditions(rules, now)
        for at in range(0, len(look.sessions), AT_ONCE):
            found += of_sessions(look.sessions[at : at + AT_ONCE], rules, now)
            await asyncio.sleep(0)
        for changes in self._book.look(found, self._going_by(), self._silences, now):
            self._tell_listeners(changes)
            self._owe_news(changes)
            if changes.due is not None:
                self._wake_at(changes.due)
            await asyncio.sleep(0)

    def _looked(self, _: None) -> None:
        self._looking = False
        self._pump()

    def _going_by(self) -> NotifySettings:
        assert self._settings is not None  # noqa: S101 - there are some once it looks
        return self._settings

    def _tell_listeners(self, changes: Changes) -> None:
        for news in changes.news:
            if news.what is What.AGAIN:
                continue
            kind = AlertFired if news.what is What.FIRED else AlertResolved
            row, rule = news.row, RULES[news.row.name]
            logger.info(
                "alert %s name=%s subject=%s", news.what.value, row.name, row.subject or "-"
            )
            self._events.publish(
                kind(
                    at=self._epoch.now(),
                    name=row.name,
                    subject=row.subject,
                    severity=news.severity.value,
                    what=rule.what,
                    advice=rule.advice,
                    detail=row.detail,
                )
            )

    def _owe_news(self, changes: Changes) -> None:
        """Have the store know what has changed and what is owed for it, in one transaction."""
        if not changes:
            return
        owed, untrue, told = list[NewsRow](), list[str](), list[AlertRow]()
        for news in changes.news:
            for queue in self._channels.values():
                if not self._is_for(queue, news):
                    continue
                more, less = queue.owe(self._news_row(queue.rules.name, news))
                owed += more
                untrue += less
                told += self._as_told(queue, news)

        def work(store: Store) -> None:
            store.keep_alerts(changes.keep, changes.forget)
            store.keep_alerts(told)
            store.owe_news(owed)
            store.settle_news(untrue)

        self._post(work)

    def _is_for(self, queue: ChannelQueue, news: News) -> bool:
        """Whether a channel is to be told; of an end, if it knows of the beginning or will."""
        rules, row = queue.rules, news.row
        if self._muted_until(rules) or not rules.wants(row.name, news.severity):
            return False
        if news.what is not What.RESOLVED:
            return True
        return rules.resolved and (rules.name in row.told or queue.knows(row.name, row.subject))

    def _news_row(self, channel: str, news: News) -> NewsRow:
        row = news.row
        return NewsRow(
            id=self._new_id(),
            channel=channel,
            name=row.name,
            subject=row.subject,
            what=news.what.value,
            severity=news.severity.value,
            detail=row.detail,
            since=row.since,
            at=self._epoch.now(),
        )

    def _as_told(self, queue: ChannelQueue, news: News) -> list[AlertRow]:
        """The alert's row if the channel knows of it from before, when its end was not told."""
        row = news.row
        if news.what is What.RESOLVED or queue.knows(row.name, row.subject):
            return []
        return self._book.told([(row.name, row.subject)], queue.rules.name)

    def _wake_at(self, due: float) -> None:
        """Look again then."""
        if due < self._epoch.now() + LOOK_EVERY:  # the regular look comes then anyway
            self.after(max(0.01, due - self._epoch.now()), _Look())

    # Channels

    def _pump(self) -> None:
        """Send what is due, by each channel and webhook that is not at it."""
        settings, now, wall = self._going_by(), self._epoch.now(), self._epoch.wall()
        for queue in self._channels.values():
            if queue.rows and self._muted_until(queue.rules):
                self._post(_settling(queue.drop()))
            due = queue.due(settings, wall=wall, now=now)
            if due is None:
                continue
            if due > now:
                self._wake_at(due)
            else:
                queue.busy = True
                self.pipe(self._tell(queue, settings, wall), then=self._told)
        for hook in self._webhooks.values():
            due = hook.due(now)
            if due is None:
                continue
            if due > now:
                self._wake_at(due)
            else:
                hook.busy = True
                self.pipe(self._hand_over(hook), then=self._handed_over)
        self._count_waiting()

    def _count_waiting(self) -> None:
        waiting = {name: one.waiting for name, one in self._channels.items()}
        waiting |= {f"webhook:{name}": len(one.rows) for name, one in self._webhooks.items()}
        self._counter.notifications_waiting(waiting)

    async def _tell(
        self, queue: ChannelQueue, settings: NotifySettings, wall: float
    ) -> tuple[ChannelQueue, str]:
        """Send a channel's message; returns why it did not go, or nothing."""
        if queue.freeze(self._new_id(), wall=wall):
            frozen = tuple(queue.batch)
            await self._store(lambda store: store.owe_news(frozen))
        rules = queue.rules
        words, now = self._words(rules.language), self._epoch.now()
        message = message_of(queue.batch, rules, settings, words, now=now)
        problem = await self._send(rules, message, key=queue.batch[0].batch or "")
        if not problem:
            self._settle(queue)
        return queue, problem

    def _settle(self, queue: ChannelQueue) -> None:
        gone = queue.sent(self._epoch.now())
        told = self._book.told({(row.name, row.subject) for row in gone}, queue.rules.name)
        ids = [row.id for row in gone]
        self._counter.notification(queue.rules.name, "sent")

        def work(store: Store) -> None:
            store.settle_news(ids)
            store.keep_alerts(told)

        self._post(work)

    def _told(self, outcome: tuple[ChannelQueue, str]) -> None:
        queue, problem = outcome
        queue.busy = False
        if problem:
            new = not queue.retry.problem
            queue.retry.failed(problem, now=self._epoch.now(), rng=self.rng)
            self._counter.notification(queue.rules.name, "failed")
            if new:
                logger.warning("alert not sent channel=%s why=%s", queue.rules.name, problem)
        self._pump()

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

    # Webhooks

    def _owe_events(self) -> None:
        """Owe what has been heard for webhooks."""
        if self._settings is None:
            return  # they wait until it is known what was owed before them
        with self._lock:
            fresh = list(self._fresh)
            self._fresh.clear()
        if not fresh:
            return
        rows = list[WebhookRow]()
        for name, event, at in fresh:
            queue = self._webhooks.get(name)
            if queue is None:
                continue
            if queue.full:
                self._counter.notification(f"webhook:{name}", "dropped")
                continue
            row = WebhookRow(
                id=self._new_id(),
                webhook=name,
                event=type(event).__name__,
                body=body_of(event, at=at),
                at=self._epoch.now(),
            )
            queue.rows.append(row)
            rows.append(row)
        self._post(lambda store: store.put_webhook_events(rows))
        self._pump()

    async def _hand_over(self, queue: WebhookQueue) -> tuple[WebhookQueue, Answered]:
        row, rules = queue.rows[0], queue.rules
        try:
            # Behind the write that owes it, so that it is on the disk before it is tried.
            await self._store(lambda _: None)
            url = await asyncio.to_thread(rules.url)
            secret = await asyncio.to_thread(rules.secret)
            headers = headers_of(row.id, row.body, secret, at=self._epoch.wall())
            answer = await self._client.post(url, row.body, headers, timeout=rules.timeout)
        except TelewardenError as error:
            answer = Answered(Taken.LATER, str(error))
        except ValueError as error:
            answer = Answered(Taken.LATER, f"its secret cannot be used: {error}")
        return queue, answer

    def _handed_over(self, outcome: tuple[WebhookQueue, Answered]) -> None:
        queue, answer = outcome
        queue.busy = False
        if not queue.rows:
            return
        label, new = f"webhook:{queue.rules.name}", not queue.retry.problem
        keep, forget = queue.answered(answer, now=self._epoch.now(), rng=self.rng)
        self._counter.notification(label, "sent" if answer.taken is Taken.YES else "failed")
        if any(row.dead for row in keep):
            self._counter.notification(label, "dropped")
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

        self._post(work)
        self._pump()

    def _named(self, webhook: str | None) -> list[WebhookQueue]:
        if webhook is None:
            return list(self._webhooks.values())
        if webhook not in self._webhooks:
            raise UnknownAlertError(webhook, self._webhooks)
        return [self._webhooks[webhook]]

    def _settle_dead(self, order: SettleDead) -> int:
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

        self._post(work)
        if self._settings is not None:
            self._pump()
        return len(keep) + len(forget)

    # What people ask

    def _standing(self) -> Standing:
        now = self._epoch.now()
        return Standing(
            firing=tuple(self._book.firing()),
            silences=tuple(
                sorted(
                    (name, until)
                    for name, until in self._silences.items()
                    if until > now and name not in self._channels
                )
            ),
            channels=tuple(
                ChannelState(
                    name=name,
                    kind="telegram" if one.rules.url is None else "apprise",
                    waiting=one.waiting,
                    muted_until=self._muted_until(one.rules),
                    problem=one.retry.problem,
                    next_try=one.retry.at if one.retry.problem else None,
                )
                for name, one in self._channels.items()
            ),
            webhooks=tuple(
                WebhookState(
                    name=name, waiting=len(one.rows), dead=len(one.dead), problem=one.retry.problem
                )
                for name, one in self._webhooks.items()
            ),
        )

    def _muted_until(self, channel: ChannelRules) -> float | None:
        said = self._silences.get(channel.name)
        if said is None:
            return FOREVER if channel.off else None
        return said if said > self._epoch.now() else None

    def _silence(self, name: str, seconds: float) -> float:
        rule = name.partition(":")[0]
        if name != ALL and name not in self._channels and rule not in RULES:
            raise UnknownAlertError(name, (ALL, *self._channels, *RULES))
        until = min(self._epoch.now() + seconds, FOREVER)
        self._silences[name] = until
        self._post(_saying(name, until))
        return until

    def _resume(self, name: str | None) -> tuple[str, ...]:
        now = self._epoch.now()
        silent = [one for one, until in self._silences.items() if until > now]
        off = [one.rules.name for one in self._channels.values() if one.rules.off]
        if name is not None and name not in {*silent, *self._channels, *RULES, ALL}:
            raise UnknownAlertError(name, silent)
        if name is None:
            chosen = [one for one in silent if one not in self._channels]
        else:
            chosen = [one for one in (*silent, *off) if one == name]
        for one in dict.fromkeys(chosen):
            if one in self._channels:
                self._silences[one] = 0.0
            else:
                del self._silences[one]
            self._post(_saying(one, self._silences.get(one)))
        self.actor_ref.tell(_Look())
        return tuple(dict.fromkeys(chosen))

    def _test(self, channel: str | None) -> Answer:
        self._go_by_settings()
        if channel is not None and channel not in self._channels:
            raise UnknownAlertError(channel, self._channels)
        queues = [self._channels[channel]] if channel else list(self._channels.values())
        chosen = [one.rules for one in queues if channel or not self._muted_until(one.rules)]
        answer = Answer()
        self.pipe(self._test_all(chosen), then=answer.set)
        return answer

    async def _test_all(self, channels: Iterable[ChannelRules]) -> dict[str, str]:
        chosen = list(channels)
        found = await asyncio.gather(*(self._test_one(one) for one in chosen))
        return {one.name: problem for one, problem in zip(chosen, found, strict=True)}

    async def _test_one(self, channel: ChannelRules) -> str:
        words = self._words(channel.language)
        message = Message(
            title="[TEST] Telewarden", body=f"{words(TEST.what)} {words(TEST.advice)}"
        )
        return await self._send(channel, message, key=self._new_id())

    # The store

    async def _store(self, work: Callable[[Store], object]) -> None:
        """Have it in the store; a disk that takes nothing is the very thing to tell of."""
        try:
            await self._journal.do(work, wait_for_disk=False)
        except DISK_REFUSES:
            self._post(work)  # it waits there until the disk takes it
        except JournalUnavailableError as error:
            logger.warning("alert not kept why=%s", error)

    def _post(self, work: Callable[[Store], object]) -> None:
        try:
            self._journal.post(work)
        except JournalUnavailableError as error:
            logger.warning("alert not kept why=%s", error)


def _read(store: Store) -> _Kept:
    return _Kept(
        alerts=store.alerts(),
        news=store.news(),
        silences=store.silences(),
        owed=store.webhook_events(dead=False),
        dead=store.webhook_events(dead=True),
    )


def _wanted_by(settings: NotifySettings) -> dict[str, tuple[str, ...]]:
    """Which webhooks are sent events of which class."""
    wanted: dict[str, tuple[str, ...]] = {}
    for name, hook in settings.webhooks.items():
        for event in hook.events:
            wanted[event] = (*wanted.get(event, ()), name)
    return wanted


def _settling(ids: list[str]) -> Callable[[Store], object]:
    return lambda store: store.settle_news(ids)


def _settling_events(ids: list[str]) -> Callable[[Store], object]:
    return lambda store: store.settle_webhook_events(ids)


def _saying(name: str, until: float | None) -> Callable[[Store], object]:
    return lambda store: store.silence(name, until)
