"""What Telegram has asked an app's own calls to wait for: no call goes early, nor after a restart.

The deadlines are in the same ledger as those of forwarding, by method. A refusal here costs no
packet: at Telegram, a call that comes early makes the wait longer.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..errors import TelegramRateLimitError
from ..telegram import Action, ErrorClass, FloodBegan, classify, method_name
from .kit import Kit
from .outgoing import FloodKey

__all__ = ["CallFloods"]

ADVICE = "It may be called again at the deadline; an early call makes the wait longer."


class CallFloods:
    """The deadlines of one account's methods."""

    def __init__(self, session: str, kit: Kit) -> None:
        self._session, self._kit = session, kit
        self._until: dict[str, float] = {}

    def remember(self, floods: Mapping[FloodKey, float]) -> None:
        """Take over the deadlines on disk; those of one chat are the sender's business."""
        for (method, chat), until in floods.items():
            if chat is None:
                self._until[method] = max(until, self._until.get(method, until))

    def refusal(self, request: object) -> TelegramRateLimitError | None:
        """The error that a call gets while its method must wait; ``None`` when it may go."""
        method = method_name(request)
        until = self._until.get(method, 0.0)
        left = until - self._kit.now()
        if left <= 0:
            self._until.pop(method, None)
            return None
        return TelegramRateLimitError(
            f"{self._session}: {method} waits {left:.0f} s more; no packet was sent",
            session=self._session,
            kind=ErrorClass.FLOOD,
            action=Action.PARK_METHOD,
            name="FLOOD_WAIT",
            advice=ADVICE,
            wait=left,
            deadline=until,
        )

    def failed(self, request: object, error: BaseException) -> None:
        """Note what an error says about when to call again, durably."""
        verdict = classify(error)
        if verdict.action is not Action.PARK_METHOD or verdict.wait is None:
            return
        session, method, seconds = self._session, method_name(request), verdict.wait
        now = self._kit.now()
        until = self._until[method] = now + seconds
        self._kit.journal.post(lambda store: store.put_flood(session, method, None, until, seconds))
        self._kit.publish(
            FloodBegan(session=session, at=now, method=method, seconds=seconds, until=until)
        )
