"""Resend rules of a login code: allowed from the time that Telegram gave, never earlier.

Pure: callers pass the clock's reading in. A code too many brings the phone nearer to the flood
that keeps it from logging in for a day; so what must be refused is refused here, without a packet.
"""

from __future__ import annotations

import math

from ...errors import TelegramAuthError, TelegramError, TelegramRateLimitError
from ..errors.verdict import Action, ErrorClass
from .sent_codes import CodeInfo


def resend_refusal(
    session: str, last: CodeInfo | None, *, sent: float, now: float
) -> TelegramError | None:
    """Tell why a code may not be sent again now; ``None`` when it may.

    Args:
        session: its name.
        last: the code that was sent last, if one was.
        sent: when it was, in epoch seconds.
        now: what that clock says now.
    """
    if last is None:
        return _no_way(session, "no code was sent in this login", "begin one by code")
    if last.next_kind is None:
        said = f"Telegram has no further way to send a code after {last.kind}"
        return _no_way(session, said, "hand in the one it sent, or log in by QR code")
    left = sent + (last.resend_after or 0.0) - now
    return _early(session, last.next_kind, left, now) if left > 0 else None


def _no_way(session: str, what: str, way_out: str) -> TelegramAuthError:
    return TelegramAuthError(
        f"{session}: {what}; {way_out}; no packet was sent",
        session=session,
        kind=ErrorClass.LOGIN,
        action=Action.ASK_CODE,
        name="SEND_CODE_UNAVAILABLE",
        advice=f"{way_out[0].upper()}{way_out[1:]}.",
    )


def _early(session: str, next_kind: str, left: float, now: float) -> TelegramRateLimitError:
    seconds = math.ceil(left)
    return TelegramRateLimitError(
        f"{session}: the next code, by {next_kind}, can be asked for in {seconds} s; hand in the"
        " one that was sent, or ask again then; no packet was sent",
        session=session,
        kind=ErrorClass.FLOOD,
        action=Action.PARK_ACTION,
        name="RESEND_TOO_EARLY",
        advice=f"Hand in the code that was sent, or ask again in {seconds} s.",
        wait=left,
        deadline=now + left,
    )
