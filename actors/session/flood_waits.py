"""The flood waits of an account: no call goes early, nor after a restart.

Every call of a session's client passes here: an app's, those that read history or look chats up,
and those that send. A refusal costs no packet: at Telegram, a call that comes early makes the wait
longer. A method waits for the whole account; in a chat with slow mode, whatever posts there.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping

from ...errors import TelegramRateLimitError, TelewardenError
from ...storage import FloodRow, Store
from ...telegram import (
    Action,
    ErrorClass,
    FloodBegan,
    FloodRemembered,
    Verdict,
    Wait,
    WaitKind,
    chat_of,
    classify,
    method_name,
    posts_into,
)
from ..context import Services
from .send_queue import ANY_METHOD, FloodKey

ADVICE = "It may be called again at the deadline; an early call makes the wait longer."
SLOW_ADVICE = "The chat has slow mode; the next message may go at the deadline."
OPENING: FloodKey = ("updates.getState", None)  # what a client calls before anything else
CONNECT = "connect"  # what is flooded when this host's address makes too many connections
UNSPECIFIED = "FLOOD"  # a flood without a number, as Telegram sometimes says it
CALM_AFTER = 3_600.0  # seconds after an untold flood's end until the next is a first one again
LONGEST_UNTOLD = 3_600.0  # seconds


class FloodWaits:
    """The deadlines of one account's methods, and of chats with slow mode.

    Args:
        services: the clock, the ledger on disk, and who is told.
    """

    __slots__ = ("_services", "_session", "_since", "_until", "_untold")

    def __init__(self, session: str, services: Services) -> None:
        self._session, self._services = session, services
        self._until: dict[FloodKey, float] = {}
        self._since: dict[FloodKey, float] = {}
        self._untold: dict[FloodKey, tuple[float, float]] = {}

    def remember(
        self, floods: Mapping[FloodKey, float], rows: Mapping[FloodKey, FloodRow] | None = None
    ) -> None:
        """Take over the deadlines on disk; what nobody knows of yet is told."""
        for key, until in floods.items():
            row = (rows or {}).get(key)
            if self._until.get(key, 0.0) >= until:
                continue
            self._until[key] = until
            self._since[key] = self._services.now() if row is None else row.until - row.seconds
            self._services.publish(
                FloodRemembered(
                    session=self._session, at=self._services.now(), method=key[0], until=until
                )
            )

    def waits(self) -> tuple[Wait, ...]:
        """What waits for Telegram's deadlines now."""
        now = self._services.now()
        return tuple(
            Wait(
                who=f"session {self._session}",
                kind=WaitKind.FLOOD,
                what=what_floods(key),
                since=self._since.get(key, now),
                until=until,
            )
            for key, until in self._until.items()
            if until > now
        )

    def refusal(self, request: object) -> TelegramRateLimitError | None:
        """The error that a call gets while it must wait; ``None`` when it may go."""
        return refusal_of(request, self._until, session=self._session, now=self._services.now())

    def failed(self, request: object, error: BaseException) -> None:
        """Note what an error says about when to call again, durably."""
        verdict = classify(error)
        if (key := flood_key(request, verdict)) is not None:
            self.flooded(key, verdict)

    def flooded(self, key: FloodKey, verdict: Verdict) -> None:
        """A method must wait, or whatever posts into a chat; durably."""
        session, now, (method, chat) = self._session, self._services.now(), key
        seconds = self._seconds(key, verdict, now)
        until = self._until[key] = max(now + seconds, self._until.get(key, 0.0))
        self._since[key] = now
        self._services.journal.post(
            lambda store: store.put_flood(session, method, chat, until, seconds)
        )
        self._services.publish(
            FloodBegan(session=session, at=now, method=method, seconds=seconds, until=until)
        )

    def _seconds(self, key: FloodKey, verdict: Verdict, now: float) -> float:
        """What Telegram said; each time that it says no number, twice the time before."""
        seconds = verdict.wait or 0.0
        if verdict.name != UNSPECIFIED:
            return seconds
        before, ended = self._untold.get(key, (0.0, 0.0))
        if before and now - ended < CALM_AFTER:
            seconds = min(2 * before, LONGEST_UNTOLD)
        self._untold[key] = seconds, now + seconds
        return seconds


def what_floods(key: FloodKey) -> str:
    """What waits for a deadline of Telegram's, in words."""
    method, chat = key
    if chat is not None:
        return f"posting into chat {chat}: Telegram asked for quiet there"
    what = "all sending" if method == ANY_METHOD else method
    return f"{what}: Telegram asked for quiet"


def persist_connect_flood(services: Services, session: str, error: BaseException) -> None:
    """Keep that Telegram takes no more connections from where a session's come (-429).

    So that the next start knows of it as well.
    """
    if (seconds := connect_flood_wait(error)) is not None:
        until, owner = services.now() + seconds, egress_owner(services.gateway.egress(session))
        services.journal.post(lambda store: store.put_flood(owner, CONNECT, None, until, seconds))


def connect_flood_wait(error: BaseException) -> float | None:
    """For how many seconds Telegram takes no more connections from an address, if that is said.

    Our own refusal says nothing new.
    """
    said = error.__cause__ if isinstance(error, TelewardenError) else error
    if said is None:
        return None
    verdict = classify(said)
    return verdict.wait or 0.0 if verdict.action is Action.COOL_ADDRESS else None


def egress_owner(egress: str) -> str:
    """Whose flood it is when no more connections are taken from ``egress``.

    It is no session's name and no phone number.
    """
    return f":{egress}"


def floods_of(store: Store, egress: str, *accounts: str) -> tuple[list[FloodRow], float]:
    """What some accounts must wait with.

    And until when nothing is to connect from ``egress``: epoch seconds, 0.0: it may.
    """
    owner = egress_owner(egress)
    rows = store.floods(owner, *accounts)
    cooling = max((row.until for row in rows if row.account == owner), default=0.0)
    return [row for row in rows if row.account != owner], cooling


def flood_key(request: object, verdict: Verdict) -> FloodKey | None:
    """What has to wait, and not only the call, by what its error says."""
    if verdict.wait is None:
        return None
    if verdict.action is Action.PARK_METHOD:
        return method_name(request), None
    chat = chat_of(request) if verdict.action is Action.PARK_CHAT else None
    return None if chat is None else (ANY_METHOD, chat)


def refusal_of(
    request: object, deadlines: MutableMapping[FloodKey, float], *, session: str, now: float
) -> TelegramRateLimitError | None:
    """The error that a call gets while it must wait; ``None`` when it may go.

    Of ``deadlines`` (epoch seconds) those that are over are forgotten.
    """
    if not deadlines:
        return None
    keys: list[FloodKey] = [(method_name(request), None)]
    if (chat := posts_into(request)) is not None:
        keys.append((ANY_METHOD, chat))
    for key in keys:
        if (until := deadlines.get(key)) is None:
            continue
        if until > now:
            return refused(session, key, until - now, until)
        del deadlines[key]
    return None


def refused(session: str, key: FloodKey, left: float, until: float) -> TelegramRateLimitError:
    """What is raised instead of a call that would be ``left`` seconds early."""
    method, chat = key
    slow = chat is not None
    what = f"posting into chat {chat}" if slow else method
    return TelegramRateLimitError(
        f"{session}: {what} waits {left:.0f} s more; no packet was sent",
        session=session,
        kind=ErrorClass.FLOOD,
        action=Action.PARK_CHAT if slow else Action.PARK_METHOD,
        name="SLOWMODE_WAIT" if slow else "FLOOD_WAIT",
        advice=SLOW_ADVICE if slow else ADVICE,
        wait=left,
        deadline=until,
    )
