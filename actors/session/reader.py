"""A session's read requests: history, chats, rights, an app's own calls.

Each request is started here and its answer comes back through the session's mailbox, so that a
stop, a probe or another request is heard meanwhile. Histories are read at the account's pace: a
session that is back asks for those of all its pairs, and at once that is a burst.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from ...errors import JoinRequestedError, NameMovedError, NotJoinedError
from ...supervision import Answer, LoopActor, TokenBucket
from ...telegram import (
    Access,
    Action,
    Client,
    ErrorClass,
    accesses,
    classify,
    locate,
    newest_id,
    read_history,
    read_messages,
    upgrades,
)
from ..context import Services
from ..errors import to_public_error
from ..messages import (
    AccessChecked,
    CallTelegram,
    CheckAccess,
    FindChats,
    History,
    HistoryRead,
    Locate,
    Located,
    LookInto,
    Probe,
)
from ..rate_limit import Pace
from .client_slot import ClientSlot
from .flood_waits import FloodWaits
from .internal import Hinted
from .sender import OFFLINE, tell
from .state import SessionState

logger = logging.getLogger(__name__)


SAY_MORE: Final = (JoinRequestedError, NameMovedError, NotJoinedError)
"""Errors that say more than their kind does."""


class Reader:
    """Reads and calls for one session.

    Args:
        actor: the session actor; its mailbox gets the answers.
        slot: the client to ask.
        state: where the session stands.
    """

    __slots__ = (
        "_actor",
        "_asked",
        "_histories",
        "_name",
        "_pace",
        "_services",
        "_slot",
        "_state",
        "floods",
    )

    def __init__(
        self,
        name: str,
        services: Services,
        actor: LoopActor,
        slot: ClientSlot,
        state: SessionState,
    ) -> None:
        self._name, self._actor, self._slot = name, actor, slot
        self._state = state
        self._services = services
        self.floods = FloodWaits(name, services)
        self._pace = services.settings.pace
        self._asked: Client | None = None  # the one whose turns are counted
        self._histories = _bucket(self._pace)

    def change_pace(self, pace: Pace) -> None:
        """Read histories at another pace from now on."""
        self._pace, self._histories = pace, _bucket(pace)

    @property
    def _deadline(self) -> float:
        return self._services.settings.call_deadline

    def history(self, message: History) -> None:
        """Read on in a chat, when it is its turn."""
        client = self._slot.client
        if client is None:
            tell(message.reply_to, _unread(message, OFFLINE))
            return
        if client is not self._asked:  # what waited for the one before is not asked for any more
            self._asked, self._histories = client, _bucket(self._pace)
        wait = self._histories.reserve(self._actor.clock.now())
        if wait > 0:
            self._actor.after(wait, then=lambda: self._read(message, client))
        else:
            self._read(message, client)

    def _read(self, message: History, client: Client) -> None:
        if client is not self._slot.client:
            tell(message.reply_to, _unread(message, OFFLINE))
            return
        self._actor.pipe(
            _read(client, message, self._deadline),
            then=lambda answer: tell(message.reply_to, answer),
            otherwise=lambda error: self._not_read(message, error),
        )

    def _not_read(self, message: History, error: BaseException) -> None:
        self._look_closer(error)
        tell(message.reply_to, _unread(message, error))

    def locate(self, message: Locate) -> None:
        """Find where chats are; asked again by itself when the session is back."""
        client = self._slot.client
        if client is not None:
            self._actor.pipe(
                _look_up(client, message, self._deadline),
                then=lambda answer: tell(message.reply_to, answer),
            )

    def find(self, message: FindChats) -> Answer:
        """Find where chats are for whoever is about to say what is to be done with them."""
        answer, client = Answer(), self._slot.client
        if client is None:
            answer.fail(self._state.offline())
            return answer
        look = Locate(chats=message.chats, reply_to=self._actor.actor_ref)
        self._actor.pipe(
            _look_up(client, look, self._deadline),
            then=answer.set,
            otherwise=lambda error: self._refused(answer, error),
        )
        return answer

    def check_access(self, message: CheckAccess) -> None:
        """Ask what the account may do in chats that it knows."""
        client = self._slot.client
        if client is not None:
            self._actor.pipe(
                _rights_in(client, message, self._deadline),
                then=lambda answer: tell(message.reply_to, answer),
                otherwise=_not_looked,
            )

    def look_into(self, message: LookInto) -> Answer:
        """Ask what the account may do in chats that it may have to look for first."""
        answer, client = Answer(), self._slot.client
        if client is None:
            answer.fail(self._state.offline())
            return answer
        self._actor.pipe(
            _known_rights(client, message.chats, self._deadline),
            then=answer.set,
            otherwise=lambda error: self._refused(answer, error),
        )
        return answer

    def call(self, message: CallTelegram) -> Answer:
        """Make an app's own request; its errors are ours, with Telegram's as the cause."""
        answer, client = Answer(), self._slot.client
        if client is None:
            answer.fail(self._state.offline())
            return answer
        self._actor.pipe(
            client.call_at(
                message.request, message.dc_id, deadline=message.deadline or self._deadline
            ),
            then=answer.set,
            otherwise=lambda error: self._refused(answer, error),
        )
        return answer

    def _refused(self, answer: Answer, error: BaseException) -> None:
        self._look_closer(error)
        answer.fail(to_public_error(error, session=self._name))

    def _look_closer(self, error: BaseException) -> None:
        verdict = classify(error)
        if verdict.terminal:
            self._actor.actor_ref.tell(Probe())  # which will tell whether the session has ended
        elif verdict.action is Action.HOLD_WRITES:
            self._actor.actor_ref.tell(Hinted(verdict))


def _bucket(pace: Pace) -> TokenBucket:
    return TokenBucket(rate=pace.per_account, burst=pace.burst)


def _not_looked(error: BaseException) -> None:
    """A look at rights that failed says nothing about them; the next one comes by itself."""
    logger.info("rights not looked at error=%s", type(error).__name__)


async def _read(client: Client, message: History, deadline: float) -> HistoryRead:
    if message.newest_only:
        before = None
        if message.before is not None:
            before = datetime.fromtimestamp(message.before, tz=UTC)
        newest = await newest_id(client, message.chat, before=before, deadline=deadline)
        return HistoryRead(pair=message.pair, request=message, messages=(), newest=newest)
    if message.ids:
        page = await read_messages(client, message.chat, message.ids, deadline=deadline)
    else:
        after = None if message.last_page else message.after
        page = await read_history(client, message.chat, after=after, deadline=deadline)
    return HistoryRead(pair=message.pair, request=message, messages=page.messages, more=page.more)


def _unread(message: History, error: BaseException) -> HistoryRead:
    return HistoryRead(pair=message.pair, request=message, messages=(), verdict=classify(error))


async def _look_up(client: Client, message: Locate, deadline: float) -> Located:
    found = await locate(
        client,
        message.chats,
        names=message.names,
        anew=message.anew,
        join=message.join,
        deadline=deadline,
    )
    ids = {chat: place for chat, place in found.items() if isinstance(place, int)}
    lost = {chat: place for chat, place in found.items() if isinstance(place, Exception)}
    said = {chat: str(error) for chat, error in lost.items() if isinstance(error, SAY_MORE)}
    try:
        moved = await upgrades(client, set(ids.values()), deadline=deadline)
    except Exception as error:  # noqa: BLE001 - the next look at rights tells the same
        logger.info("groups not looked at error=%s", type(error).__name__)
        moved = {}
    return Located(
        ids=ids,
        problems={chat: classify(error) for chat, error in lost.items()},
        said=said,
        moved=moved,
    )


async def _known_rights(client: Client, chats: Sequence[int], deadline: float) -> dict[int, Access]:
    """What the account may do in chats that it may have to look for among its dialogs first."""
    found = await locate(client, chats, deadline=deadline)
    for place in found.values():  # a line that was lost says nothing of where the account is
        if isinstance(place, Exception) and classify(place).kind is not ErrorClass.PAIR:
            raise place
    there = [place for place in found.values() if isinstance(place, int)]
    return await accesses(client, there, deadline=deadline)


async def _rights_in(client: Client, message: CheckAccess, deadline: float) -> AccessChecked:
    rights = await accesses(client, message.chats, deadline=deadline)
    return AccessChecked(rights=rights, asked_for=message.asked_for)
