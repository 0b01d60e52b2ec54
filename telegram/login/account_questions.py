"""Questions about an account, and what Telegram's answers say of it.

Three or four requests, for once a day. A question that is refused leaves what was known: a bot is
refused most of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from .._tl import errors, functions, types
from ..account_facts import AccountFacts
from ..client import Client


async def read_account_facts(
    client: Client, known: AccountFacts, *, now: float, deadline: float = 30.0
) -> AccountFacts:
    """Ask Telegram about the account; what was ``known`` stays where it refuses to say.

    Raises:
        FloodWaitError: it wants to be asked later, and asked to wait.
        ConnectionError: the line was lost, and likewise whatever ends a login.
    """
    found: dict[str, Any] = {}
    for request, read in _QUESTIONS:
        try:
            found |= read(await client.call(request(), deadline=deadline))
        except (errors.BadRequestError, errors.ForbiddenError):
            continue
    return replace(known, read_at=now, **found)


def _frozen(answer: Any) -> Mapping[str, Any]:
    told = {one.key: getattr(one.value, "value", None) for one in answer.config.value}
    return {
        "frozen_since": _moment(told.get("freeze_since_date")),
        "frozen_until": _moment(told.get("freeze_until_date")),
        "appeal_url": str(told.get("freeze_appeal_url") or ""),
    }


def _moment(told: object) -> float | None:
    """Telegram writes 0, or nothing, of an account that is not frozen."""
    return float(told) if isinstance(told, int | float) and told > 0 else None


def _login_ttl(answer: Any) -> Mapping[str, Any]:
    return {"login_ttl_days": answer.authorization_ttl_days or None}


def _account_ttl(answer: Any) -> Mapping[str, Any]:
    return {"account_ttl_days": answer.days}


def _risk(answer: Any) -> Mapping[str, Any]:
    return {"unofficial_risk": bool(answer.full_user.unofficial_security_risk)}


_QUESTIONS: Final[tuple[tuple[Callable[[], Any], Callable[[Any], Mapping[str, Any]]], ...]] = (
    (lambda: functions.help.GetAppConfigRequest(hash=0), _frozen),
    (functions.account.GetAuthorizationsRequest, _login_ttl),
    (functions.account.GetAccountTTLRequest, _account_ttl),
    (lambda: functions.users.GetFullUserRequest(types.InputUserSelf()), _risk),
)
