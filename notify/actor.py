"""The notifier: looks at what is true, owes what is news of it, and has it sent.

What is told to whom is decided by ``alert_book`` and ``outbound``, and looks at the exporter's
figures only: it asks no session. ``channel_sender`` and ``webhook_sender`` send. What is owed is in
the store before it is tried. Comes last in the tree, so that its crash concerns nobody.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

import pykka

from ..errors import TelewardenError
from ..metrics import Look
from ..storage import Epoch, Store
from ..supervision import (
    Answer,
    Ask,
    ChildQuarantined,
    Event,
    EventStream,
    LoopActor,
    Subscription,
)
from ..telegram import FloodBegan, PairPaused, PairResumed, PhaseChanged
from .alert_book import AlertBook, Changes, What
from .alert_rules import RULES, Rule
from .channel_sender import ChannelSender
from .conditions import HEARD, Happenings, of_sessions, of_warden
from .event_inbox import EventInbox
from .events import AlertFired, AlertResolved
from .messages import (
    AlertsAsked,
    DeadEventsAsked,
    Resume,
    SettleDead,
    Silence,
    Standing,
    Test,
)
from .notify_store import Kept, NotifyStore
from .outbound import Words
from .sender_context import NotificationCounter, SenderContext
from .settings import CurrentNotify, NotifySettings
from .silences import Silences
from .webhook_sender import WebhookSender

logger = logging.getLogger(__name__)

LOOK_EVERY: Final = 5.0  # seconds, as often as the exporter is told how sessions are
STIRRED: Final = 0.1  # seconds from an event to a look: what comes together is seen together
START_GRACE: Final = 30.0  # seconds in which somebody has said how the sessions are
AT_ONCE: Final = 500  # sessions that are looked at in one turn of the loop: some 1 ms
STIRRING: Final = (ChildQuarantined, FloodBegan, PairPaused, PairResumed, PhaseChanged)


@dataclass(frozen=True, slots=True)
class _Look:
    """Time to look. No answer."""


@dataclass(frozen=True, slots=True)
class _Stirred:
    """Something has happened that may be news. No answer."""


class NotifyActor(LoopActor):
    """Tells people and programs what happens in one warden.

    Args:
        current: what it goes by.
        facts: how everything is, as the exporter knows it.
        counter: counts what goes out.
        words: the texts of a language.
        events: what happens.
        epoch: the clocks.
        inbox: what webhooks are to be sent, also of what happened before this incarnation.
        journal: the database's writer.
        bot: the admin bot, which writes to Telegram chats; ``None`` without one.
        new_id: makes ids that are unique for ever.
    """

    def __init__(
        self,
        *,
        current: CurrentNotify,
        facts: Callable[[], Look],
        counter: NotificationCounter,
        words: Callable[[str], Words],
        events: EventStream,
        epoch: Epoch,
        inbox: EventInbox,
        journal: pykka.ActorRef[Any],
        bot: pykka.ActorRef[Any] | None = None,
        new_id: Callable[[], str] = lambda: uuid4().hex,
    ) -> None:
        super().__init__()
        self._current, self._facts, self._counter = current, facts, counter
        self._events, self._epoch, self._inbox = events, epoch, inbox
        self._store = NotifyStore(journal)
        self._settings: NotifySettings | None = None
        self._rules: Mapping[str, Rule | None] = {}
        self._book, self._silences = AlertBook(), Silences(epoch, self._store)
        context = SenderContext(
            owner=self, store=self._store, epoch=epoch, counter=counter, new_id=new_id
        )
        self._channels = ChannelSender(
            context, book=self._book, silences=self._silences, words=words, bot=bot
        )
        self._webhooks = WebhookSender(context, inbox)
        self._kept: Kept | None = None
        self._early: list[tuple[Ask[Any], Answer]] = []
        self._lock = threading.Lock()  # events come from the journal's thread, too
        self._happenings = Happenings()
        self._subscription: Subscription | None = None
        self._started = 0.0
        self._looking = self._stirred = False

    def on_start(self) -> None:
        self._started = self._epoch.now()
        self._inbox.want(self._current.value)
        self._subscription = self._events.subscribe(self._hear)
        self.pipe(self._store.read(), then=self._remember)

    async def on_stop(self) -> None:  # type: ignore[override]  # a LoopActor's hooks may be async
        await self._end()

    async def on_failure(  # type: ignore[override]  # a LoopActor's hooks may be async
        self, *_exc_info: object
    ) -> None:
        await self._end()

    async def _end(self) -> None:
        if self._subscription is not None:
            self._subscription.close()
        await self._webhooks.close()

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
                channels = self._channels.rules
                return self._silences.begin(message.name, message.seconds, channels=channels)
            case Resume():
                return self._resume(message.name)
            case Test():
                return self._test(message.channel)
            case DeadEventsAsked():
                return self._webhooks.dead(message.webhook)
            case SettleDead():
                return self._webhooks.settle_dead(message)
            case _:
                return super().on_receive(message)
        return None

    # What is heard

    def _hear(self, event: Event) -> None:
        """Note an event, in whichever thread it happens."""
        kind = type(event)
        news = self._inbox.wants(event) or kind in STIRRING
        with self._lock:
            if kind in HEARD:
                news = self._happenings.hear(event, now=self._epoch.now()) or news
            news = news and not self._stirred
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

    def _owe_events(self) -> None:
        if self._settings is not None:  # they wait until it is known what was owed before them
            self._webhooks.owe_events()

    # What is true, and what is news of it

    def _remember(self, kept: Kept) -> None:
        self._book.restore(kept.alerts)
        self._silences.until, self._kept = kept.silences, kept
        self._apply_settings()
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

    def _apply_settings(self) -> None:
        """Take over what a reload has changed; does nothing if it has not."""
        settings = self._current.value
        if settings is self._settings or self._kept is None:
            return
        kept = self._kept if self._settings is None else None
        self._settings = settings
        self._rules = {name: settings.rule(name) for name in RULES}
        self._channels.configure(settings.channels, kept)
        self._webhooks.configure(settings.webhooks, kept)
        self._inbox.want(settings)

    def _look(self) -> None:
        self._apply_settings()
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
        for changes in self._book.look(found, self._applied(), self._silences.until, now):
            self._publish(changes)
            self._owe_news(changes)
            if changes.due is not None:
                self.wake_at(changes.due)
            await asyncio.sleep(0)

    def _looked(self, _: None) -> None:
        self._looking = False
        self.send_due()

    def _applied(self) -> NotifySettings:
        assert self._settings is not None  # noqa: S101 - there are some once it looks
        return self._settings

    def _publish(self, changes: Changes) -> None:
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
                    advice=rule.advice_for(row.subject),
                    detail=row.detail,
                )
            )

    def _owe_news(self, changes: Changes) -> None:
        """Have the store know what has changed and what is owed for it, in one transaction."""
        if not changes:
            return
        owed = self._channels.owe(changes.news)

        def work(store: Store) -> None:
            store.keep_alerts(changes.keep, changes.forget)
            store.keep_alerts(owed.told)
            store.owe_news(owed.rows)
            store.settle_news(owed.untrue)

        self._store.post(work)

    # What the senders ask

    def send_due(self) -> None:
        """Send whatever is due, by any channel or webhook."""
        settings, now = self._applied(), self._epoch.now()
        self._channels.send_due(settings, now=now)
        self._webhooks.send_due(now)
        self._counter.notifications_waiting(self._channels.waiting() | self._webhooks.waiting())

    def wake_at(self, due: float) -> None:
        """Look again then, in epoch seconds."""
        if due < self._epoch.now() + LOOK_EVERY:  # the regular look comes then anyway
            self.after(max(0.01, due - self._epoch.now()), _Look())

    # What people ask

    def _standing(self) -> Standing:
        return Standing(
            firing=tuple(self._book.firing()),
            silences=self._silences.of_alerts(self._channels.rules),
            channels=self._channels.states(),
            webhooks=self._webhooks.states(),
        )

    def _resume(self, name: str | None) -> tuple[str, ...]:
        ended = self._silences.end(name, channels=self._channels.rules)
        self.actor_ref.tell(_Look())
        return ended

    def _test(self, channel: str | None) -> Answer:
        self._apply_settings()
        answer = Answer()
        self.pipe(self._channels.test(self._channels.tested(channel)), then=answer.set)
        return answer
