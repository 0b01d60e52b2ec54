"""What Telegram has asked an account to wait for: no call goes early, nor after a restart.

Every call of a session's client passes here: an app's, those that read history or look chats up,
and those that send. A refusal costs no packet: at Telegram, a call that comes early makes the wait
longer. What is to wait in one chat only is the sender's business.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..errors import TelegramRateLimitError, TelewardenError
from ..storage import FloodRow, Store
from ..telegram import Action, ErrorClass, FloodBegan, Verdict, classify, method_name
from .kit import Kit
from .outgoing import FloodKey

__all__ = ["OPENING", "CallFloods", "floods_of", "keep_crowded", "refused"]

ADVICE = "It may be called again at the deadline; an early call makes the wait longer."
OPENING = "updates.getState"  # what a client calls before anything else
CONNECT = "connect"  # what is flooded when this host's address makes too many connections
UNTOLD = "FLOOD"  # a flood without a number, as Telegram sometimes says it
CALM_AFTER = 3_600.0  # seconds after an untold flood's end until the next is a first one again
LONGEST_UNTOLD = 3_600.0  # seconds


class CallFloods:
    """The deadlines of one account's methods.

    Args:
        session: the session's name.
        kit: the clock, the ledger on disk, and who is told.
    """

    __slots__ = ("_kit", "_session", "_until", "_untold")

    def __init__(self, session: str, kit: Kit) -> None:
        self._session, self._kit = session, kit
        self._until: dict[str, float] = {}
        self._untold: dict[str, tuple[float, float]] = {}

    def remember(self, floods: Mapping[FloodKey, float]) -> None:
        """Take over the deadlines on disk."""
        for (method, chat), until in floods.items():
            if chat is None:
                self._until[method] = max(until, self._until.get(method, until))

    def refusal(self, request: object) -> TelegramRateLimitError | None:
        """The error that a call gets while its method must wait; ``None`` when it may go."""
        if not self._until:
            return None
        method = method_name(request)
        until = self._until.get(method, 0.0)
        left = until - self._kit.now()
        if left > 0:
            return refused(self._session, method, left, until)
        self._until.pop(method, None)
        return None

    def failed(self, request: object, error: BaseException) -> None:
        """Note what an error says about when to call again, durably."""
        verdict = classify(error)
        if verdict.action is Action.PARK_METHOD and verdict.wait is not None:
            self.flooded(method_name(request), verdict)

    def flooded(self, method: str, verdict: Verdict) -> None:
        """A method must wait, durably."""
        session, now = self._session, self._kit.now()
        seconds = self._seconds(method, verdict, now)
        until = self._until[method] = now + seconds
        self._kit.journal.post(lambda store: store.put_flood(session, method, None, until, seconds))
        self._kit.publish(
            FloodBegan(session=session, at=now, method=method, seconds=seconds, until=until)
        )

    def _seconds(self, method: str, verdict: Verdict, now: float) -> float:
        """What Telegram said; each time that it says no number, twice the time before."""
        seconds = verdict.wait or 0.0
        if verdict.name != UNTOLD:
            return seconds
        before, ended = self._untold.get(method, (0.0, 0.0))
        if before and now - ended < CALM_AFTER:
            seconds = min(2 * before, LONGEST_UNTOLD)
        self._untold[method] = seconds, now + seconds
        return seconds


def keep_crowded(kit: Kit, session: str, error: BaseException) -> None:
    """Keep that Telegram takes no more connections from where a session's come (-429).

    So that the next start knows of it as well.
    """
    said = error.__cause__ if isinstance(error, TelewardenError) else error
    if said is None:
        return  # our own refusal, of which that is on disk already
    verdict = classify(said)
    if verdict.action is Action.COOL_ADDRESS:
        seconds = verdict.wait or 0.0
        until, owner = kit.now() + seconds, _owner(kit, session)
        kit.journal.post(lambda store: store.put_flood(owner, CONNECT, None, until, seconds))


def floods_of(store: Store, kit: Kit, session: str, *accounts: str) -> tuple[list[FloodRow], float]:
    """What a session, or ``accounts`` instead, must wait with.

    And until when nothing is to connect from where the session does: epoch seconds, 0.0: it may.
    """
    egress, told = _owner(kit, session), accounts or (session,)
    rows = store.floods(egress, *told)
    cooling = max((row.until for row in rows if row.account == egress), default=0.0)
    return [row for row in rows if row.account != egress], cooling


def _owner(kit: Kit, session: str) -> str:
    """Whose flood that is: the egress's, under what is no session's name and no phone number."""
    return f":{kit.gateway.egress(session)}"


def refused(session: str, method: str, left: float, until: float) -> TelegramRateLimitError:
    """What is raised instead of a call that would be ``left`` seconds early."""
    return TelegramRateLimitError(
        f"{session}: {method} waits {left:.0f} s more; no packet was sent",
        session=session,
        kind=ErrorClass.FLOOD,
        action=Action.PARK_METHOD,
        name="FLOOD_WAIT",
        advice=ADVICE,
        wait=left,
        deadline=until,
    )
