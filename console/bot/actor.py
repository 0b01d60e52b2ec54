"""The admin bot's actor: its line, whom it hears, and what it begins for them.

A line that fails is opened again after growing pauses; a token that Telegram does not take waits
for a person, seen among the warden's waits. Work for a person runs beside the mailbox.
"""

from __future__ import annotations

import logging
import secrets
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import pykka

from ...actors import Services
from ...errors import (
    NotRunningError,
    NotSentError,
    PeerUnknownError,
    TelegramError,
    TelewardenError,
)
from ...notify import SendToChat
from ...storage import SessionFiles, Store
from ...supervision import Answer, Event, LoopActor, Subscription
from ...telegram import (
    Arrived,
    Client,
    ClientEvent,
    ErrorClass,
    Incoming,
    Lost,
    PhaseChanged,
    Pressed,
    RecoveryTried,
    SessionRecovered,
    WaitKind,
    classify,
)
from ..panel import Panel
from .access import Allowed, AllowList
from .confirmations import Confirmations
from .conversation import Asked, Conversation
from .line import NAME, BotLine, LineMemory
from .outgoing import Outgoing

logger = logging.getLogger(__name__)

WATCHED: Final = (PhaseChanged, RecoveryTried, SessionRecovered)
AT_ONCE: Final = 5  # commands of one person that are under way
STARTING: Final = 0.05  # seconds between two looks whether the warden has started
STALE_AFTER: Final = 300.0  # seconds; what was written longer ago is not done by itself
LINE_PAUSE: Final = (1.0, 300.0)  # seconds, the first and the longest
PERSON_PAUSE: Final = (60.0, 3600.0)  # the same where a person has to do something first
CRASH_CLOSE: Final = 1.0  # seconds that a crashed bot's client gets
PASSES: Final = frozenset({ErrorClass.NET, ErrorClass.SRV, ErrorClass.FLOOD})
AWAY = "This was written while the bot was away, and is not done; give it again if it still holds."
TOO_MUCH = f"{AT_ONCE} of your commands are under way; wait for their answers."


class MakesServices(Protocol):
    """Makes what the warden's actors share, once it has the two references."""

    def __call__(
        self, *, journal: pykka.ActorRef[Any], monitor: pykka.ActorRef[Any]
    ) -> Services: ...


@dataclass(frozen=True, slots=True)
class Connect:
    """Open the line. No answer."""


@dataclass(frozen=True, slots=True)
class Probe:
    """Ask Telegram for a sign of life. No answer."""


@dataclass(frozen=True, slots=True)
class Hear:
    """The client of that connection has heard something. No answer."""

    generation: int
    told: ClientEvent = field(repr=False)


@dataclass(frozen=True, slots=True)
class Happened:
    """Something happened in the warden. No answer."""

    event: Event


class BotActor(LoopActor):
    """Serves the people on the list in their private chats with the bot.

    Args:
        panel: the warden's handles.
        allowed: tells the people on the list; asked each time, as a reload may change it.
        token: reads the bot's token, whenever the bot signs in.
        files: where its sealed key is.
        memory: what the incarnation before has left of its line.
        make_services: makes what the warden's actors share.
        journal: the database's writer.
        monitor: who is told how everything is.
    """

    def __init__(
        self,
        *,
        panel: Panel,
        allowed: Callable[[], Iterable[Allowed]],
        token: Callable[[], str],
        files: Callable[[Store], SessionFiles],
        memory: LineMemory,
        make_services: MakesServices,
        journal: pykka.ActorRef[Any],
        monitor: pykka.ActorRef[Any],
    ) -> None:
        super().__init__()
        self._services = services = make_services(journal=journal, monitor=monitor)
        self._panel = panel
        self._list = AllowList(allowed)
        self._line = BotLine(
            services,
            memory,
            token=token,
            files=files,
            hear=self._hear,
            doubted=lambda: self.actor_ref.tell(Connect()),
        )
        self._outgoing = Outgoing(
            self._line, now=self.clock.now, sleep=services.sleep, rng=self.rng
        )
        self._conversation = Conversation(
            panel=panel,
            outgoing=self._outgoing,
            confirmations=Confirmations(lambda: secrets.token_hex(8)),
            refused=self._note_refused,
            now=self.clock.now,
            sleep=services.sleep,
        )
        self._under_way: Counter[int] = Counter()
        self._failures, self._opening = 0, False
        self._subscription: Subscription | None = None

    def on_start(self) -> None:
        tell = self.actor_ref.tell
        self._subscription = self._services.events.subscribe(
            lambda event: tell(Happened(event)), WATCHED
        )
        self.every(self._services.settings.sessions_every, Probe())
        self.actor_ref.tell(Connect())

    async def on_stop(self) -> None:  # type: ignore[override]  # a LoopActor's hooks may be async
        self._hush()
        await self._line.close(deadline=self._services.settings.close_deadline)

    async def on_failure(  # type: ignore[override]  # a LoopActor's hooks may be async
        self, *_exc_info: object
    ) -> None:
        self._hush()
        await self._line.close(deadline=CRASH_CLOSE)

    def on_receive(self, message: object) -> object:
        match message:
            case Connect():
                self._connect()
            case Probe():
                self.pipe(self._line.probe(), then=lambda _: None, otherwise=self._lost)
            case Hear(generation, told):
                # What was said holds, whichever connection has heard it.
                if generation == self._line.generation or not isinstance(told, Lost):
                    self._told(told)
            case Happened(event):
                self._happened(event)
            case SendToChat():
                return self._send_to_chat(message)
            case _:
                return super().on_receive(message)
        return None

    # The line

    def _connect(self) -> None:
        if self._opening or self._line.up:
            return
        try:
            self._panel.snapshot()
        except NotRunningError:  # this is still its start; nobody could be answered
            self.after(STARTING, Connect())
            return
        self._opening = True
        self.pipe(self._line.open(), then=self._opened, otherwise=self._failed)

    def _hear(self, generation: int, told: ClientEvent) -> None:
        self.actor_ref.tell(Hear(generation, told))

    def _opened(self, client: Client) -> None:
        self._failures, self._opening = 0, False
        for kind in (WaitKind.LOGIN, WaitKind.BACKOFF):
            self._services.waiting.end(NAME, kind)
        logger.info("bot online user=%s", client.user_id)

    def _failed(self, error: BaseException) -> None:
        """Open the line later: soon where it passes by itself, seldom where a person is needed."""
        self._opening = False
        verdict = classify(error)
        ours = isinstance(error, TelewardenError) and not isinstance(error, TelegramError)
        # The token makes another key, where this one has died.
        passes = (verdict.kind in PASSES or verdict.latches_key) and not ours
        first, longest = LINE_PAUSE if passes else PERSON_PAUSE
        grown = min(first * 2**self._failures, longest)
        pause = max(self.rng.uniform(grown / 2, grown), verdict.wait or 0.0)
        self._failures = min(self._failures + 1, 20)  # 2**20 is more than any pause
        what = str(error) if isinstance(error, TelewardenError) else verdict.name
        advice = "" if ours else verdict.advice
        kind = WaitKind.BACKOFF if passes else WaitKind.LOGIN
        until = self._services.now() + pause
        self._services.waiting.begin(NAME, kind, f"{what}; {advice}".strip("; "), until=until)
        logger.warning("bot offline why=%s seconds=%.0f", what, pause)
        self.after(pause, Connect())

    def _lost(self, reason: BaseException | None) -> None:
        self._line.drop()
        self._failed(reason or ConnectionError("connection closed"))

    def _hush(self) -> None:
        subscription, self._subscription = self._subscription, None
        if subscription is not None:
            subscription.close()
        for kind in (WaitKind.LOGIN, WaitKind.BACKOFF):
            self._services.waiting.end(NAME, kind)

    # What is heard

    def _told(self, told: ClientEvent) -> None:
        match told:
            case Arrived(message):
                self._arrived(message)
            case Pressed():
                self._pressed(told)
            case Lost(reason):
                self._lost(reason)

    def _arrived(self, message: Incoming) -> None:
        user = message.sender
        if message.outgoing or user is None or user != message.chat:
            return  # in a group others would read the answer
        person = self._known(user)
        if person is None:
            return
        if self._line.now - message.date.timestamp() > STALE_AFTER:
            self._begin(user, self._outgoing.say(user, AWAY))
        else:
            asked = Asked(person=person, message=message.id, text=message.text)
            self._begin(user, self._conversation.typed(asked))

    def _pressed(self, press: Pressed) -> None:
        if press.sender != press.chat:
            return
        person = self._known(press.sender)
        if person is not None:
            work = self._conversation.pressed(
                person, message=press.message, query=press.query, data=press.data
            )
            self._begin(press.sender, work)

    def _known(self, user: int) -> Allowed | None:
        """Who that is; a stranger gets silence, and a row in the audit trail once an hour."""
        person = self._list.find(user)
        if person is None and self._list.notes_stranger(user, now=self.clock.now()):
            self._note(f"bot:{user}", "message", "refused: not on the bot's list")
        return person

    def _begin(self, user: int, work: Coroutine[Any, Any, Any]) -> None:
        """Do something for a person beside the mailbox."""
        if self._under_way[user] == AT_ONCE:
            work.close()
            work = self._outgoing.say(user, TOO_MUCH)
        elif self._under_way[user] > AT_ONCE:
            work.close()  # told already
            return
        self._under_way[user] += 1
        self.pipe(self._guarded(work), then=lambda _: self._ended(user))

    def _ended(self, user: int) -> None:
        self._under_way[user] -= 1
        if not self._under_way[user]:
            del self._under_way[user]

    async def _guarded(self, work: Coroutine[Any, Any, Any]) -> None:
        """Let no trouble with one person's answer touch the others."""
        try:
            await work
        except (TelewardenError, TimeoutError, OSError) as error:
            logger.warning("bot's answer not sent why=%s", type(error).__name__)
        except Exception as error:  # noqa: BLE001 - Telegram's refusal, or a fault: the bot goes on
            logger.warning("bot's answer not sent why=%s", classify(error).name)

    # Alerts

    def _happened(self, event: Event) -> None:
        if isinstance(event, WATCHED):
            self._conversation.hear(event)

    def _send_to_chat(self, order: SendToChat) -> Answer:
        answer = Answer()
        self.pipe(
            self._outgoing.say(order.chat, order.text, key=order.key),
            then=lambda _: answer.set(None),
            otherwise=lambda error: answer.set_exception((NotSentError, _not_sent(error), None)),
        )
        return answer

    # The audit trail

    def _note_refused(self, who: str, command: str) -> None:
        self._note(who, command, "refused: on the bot's list to look only")

    def _note(self, who: str, what: str, outcome: str) -> None:
        at = self._services.stamp()
        self._services.journal.post(
            lambda store: store.audit(who, what, NAME, outcome=outcome, at=at)
        )


def _not_sent(error: BaseException) -> NotSentError:
    if isinstance(error, PeerUnknownError):  # a bot never writes first
        return NotSentError("nobody of that number has written to the bot; say /start to it")
    return NotSentError(classify(error).name)
