"""Ways in which a login code goes, as Telegram tells them to a client."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from .._tl import types

FRAGMENT: Final = "https://fragment.com/number/88800000001/code"
CALLER: Final = "+99966"


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeWay:
    """One way.

    ``told`` is what a client is told of a code, ``announced`` what it is told of this way while it
    is the next one; ``code`` is the code that is made of five digits.
    """

    told: Callable[[str, str], Any]
    announced: Callable[[], Any] | None = None
    code: Callable[[str], str] = str


def _masked(address: str) -> str:
    name, _, domain = address.partition("@")
    return f"{name[:1]}***@{domain}"


_AUTH: Final = types.auth
WAYS: Final[Mapping[str, CodeWay]] = {
    "app": CodeWay(told=lambda code, _: _AUTH.SentCodeTypeApp(len(code))),
    "sms": CodeWay(
        told=lambda code, _: _AUTH.SentCodeTypeSms(len(code)), announced=_AUTH.CodeTypeSms
    ),
    "call": CodeWay(
        told=lambda code, _: _AUTH.SentCodeTypeCall(len(code)), announced=_AUTH.CodeTypeCall
    ),
    "flash_call": CodeWay(
        told=lambda _, __: _AUTH.SentCodeTypeFlashCall(f"{CALLER}*****"),
        announced=_AUTH.CodeTypeFlashCall,
        code=lambda digits: f"{CALLER[1:]}{digits}",
    ),
    "missed_call": CodeWay(
        told=lambda code, _: _AUTH.SentCodeTypeMissedCall(CALLER, len(code)),
        announced=_AUTH.CodeTypeMissedCall,
    ),
    "email": CodeWay(
        told=lambda code, email: _AUTH.SentCodeTypeEmailCode(_masked(email), len(code))
    ),
    "setup_email": CodeWay(told=lambda _, __: _AUTH.SentCodeTypeSetUpEmailRequired()),
    "fragment": CodeWay(
        told=lambda code, _: _AUTH.SentCodeTypeFragmentSms(FRAGMENT, len(code)),
        announced=_AUTH.CodeTypeFragmentSms,
    ),
    "firebase": CodeWay(told=lambda code, _: _AUTH.SentCodeTypeFirebaseSms(len(code))),
    "word": CodeWay(
        told=lambda code, _: _AUTH.SentCodeTypeSmsWord(code[:1]), code=lambda _: "lighthouse"
    ),
    "phrase": CodeWay(
        told=lambda code, _: _AUTH.SentCodeTypeSmsPhrase(code.partition(" ")[0]),
        code=lambda _: "seven grey boats",
    ),
    "payment": CodeWay(told=lambda _, __: None),
}


def email_sent(address: str, code: str) -> Any:
    """What a client is told of a code that proves an address."""
    return types.account.SentEmailCode(_masked(address), len(code))


def payment_required(code_hash: str) -> Any:
    """What a client is told where a code has to be paid for."""
    return types.auth.SentCodePaymentRequired(
        store_product="premium_week",
        phone_code_hash=code_hash,
        support_email_address="support@localhost",
        support_email_subject="login",
        premium_days=7,
        currency="USD",
        amount=199,
    )
