"""Ways in which Telegram sends a login code: what each is, and which step comes next.

Pure, and without Telethon: a way is known by its TL name. A third-party client is sent codes by
app, SMS, call, e-mail or Fragment; what it asks nobody else for is named all the same, with the
way out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from ...errors import TelegramAuthError
from ..errors.verdict import Action, ErrorClass
from ..phases import StatusText


class CodeStep(StrEnum):
    """What can be done now."""

    CODE = "code"  # hand the code in
    EMAIL = "email"  # hand in an address, to which a code is sent
    RESEND = "resend"  # ask for the next way
    QR = "qr"  # no code comes: log in by QR code


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeWay:
    """One way: its meaning, and the step that follows. Braces stand for what Telegram tells."""

    text: StatusText
    step: CodeStep = CodeStep.CODE


def _way(explanation: str, advice: str, step: CodeStep = CodeStep.CODE) -> CodeWay:
    return CodeWay(text=StatusText(explanation=explanation, advice=advice), step=step)


ENTER: Final = "Enter it here, never in a Telegram chat: that would void it."
NO_OFFICIAL_APP: Final = (
    "Ask for the code in the next way (resend_code, or telewarden auth --new-code), or log in by"
    " QR code."
)
BY_QR: Final = "Log in by QR code."

# By TL's auth.sentCodeType..., and auth.sentCode... where that has no type; in small letters.
CODE_WAYS: Final[Mapping[str, CodeWay]] = {
    "app": _way("The code was sent to the account's other devices, as a message.", ENTER),
    "sms": _way("The code was sent by SMS.", ENTER),
    "call": _way("Telegram calls the phone and says the code.", ENTER),
    "flashcall": _way(
        "Telegram calls and hangs up; the number that calls, like {pattern}, is the code.",
        "Enter the whole number that called, digits only.",
    ),
    "missedcall": _way(
        "Telegram calls and hangs up; the last {length} digits of the number that calls, which"
        " begins with {prefix}, are the code.",
        "Enter the last digits of the number that called.",
    ),
    "emailcode": _way("The code was sent by e-mail to {email}{reset}.", ENTER),
    "emailsetup": _way(
        "A code that proves the new login address was sent to {email}.",
        "Enter it here; Telegram then sends the login code.",
    ),
    "setupemailrequired": _way(
        "Telegram wants a login e-mail address for this account first.",
        "Hand in an address that you can read: a code is sent there.",
        CodeStep.EMAIL,
    ),
    "fragmentsms": _way("The number is one of Fragment's; its code is shown at {url}.", ENTER),
    "firebasesms": _way(
        "Telegram would send this SMS to its own apps only.", NO_OFFICIAL_APP, CodeStep.RESEND
    ),
    "smsword": _way("A word was sent by SMS{beginning}.", "Enter the word here."),
    "smsphrase": _way("A phrase was sent by SMS{beginning}.", "Enter the whole phrase here."),
    "paymentrequired": _way(
        "Telegram wants {amount} for a code to this number; nothing is paid.",
        BY_QR,
        CodeStep.QR,
    ),
}
UNKNOWN_WAY: Final = _way(
    "Telegram sent the code in a way that this version does not know ({kind}).",
    "Enter the code if one comes, ask for the next way, or log in by QR code.",
)

RESET_PENDING: Final = (
    "The cloud password is being reset; from {date} on the login needs none. Until then it does:"
    " enter it, or cancel the reset in the official app."
)
WHOLE_UNITS: Final = frozenset({"CLP", "ISK", "JPY", "KRW", "PYG", "UGX", "VND", "XTR"})


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeInfo:
    """How the code was sent, and how it may be sent again.

    ``next_kind`` is the next way, None when there is none. ``resend_after`` is in seconds from
    the sending: before that the next way is not taken. None: it may be taken at once. ``facts``
    is what Telegram tells about the way: a masked address, a URL, the beginning of a word.
    """

    kind: str
    length: int | None = None
    resend_after: float | None = None
    next_kind: str | None = None
    facts: Mapping[str, str] = field(default_factory=dict)

    @property
    def way(self) -> CodeWay:
        """The row of the table."""
        return CODE_WAYS.get(self.kind, UNKNOWN_WAY)

    @property
    def step(self) -> CodeStep:
        """What can be done now; without a next way there is none to ask for."""
        nothing_next = self.way.step is CodeStep.RESEND and self.next_kind is None
        return CodeStep.QR if nothing_next else self.way.step

    @property
    def explanation(self) -> str:
        """How the code was sent, in a sentence."""
        return self.way.text.explanation.format_map(_Facts(self))

    @property
    def advice(self) -> str:
        """What to do now."""
        return BY_QR if self.step is CodeStep.QR else self.way.text.advice

    @property
    def says(self) -> str:
        """Both."""
        return f"{self.explanation} {self.advice}"


class _Facts(dict[str, str]):
    """What a way's sentence names; what Telegram has not told is left open."""

    def __init__(self, info: CodeInfo) -> None:
        super().__init__(info.facts, kind=info.kind, length=str(info.length or "few"))

    def __missing__(self, name: str) -> str:
        return OPEN.get(name, "")


OPEN: Final[Mapping[str, str]] = {"email": "the account's address", "url": "fragment.com"}


def facts_of(told: Any) -> dict[str, str]:
    """What Telegram tells about a way, by the names that the sentences use.

    Args:
        told: a TL ``auth.SentCodeType``, ``account.SentEmailCode`` or
            ``auth.SentCodePaymentRequired``.
    """
    plain = {name: getattr(told, name, None) for name in ("pattern", "prefix", "url")}
    found = {name: str(value) for name, value in plain.items() if value}
    if email := getattr(told, "email_pattern", None):
        found["email"] = email
    if beginning := getattr(told, "beginning", None):
        found["beginning"] = f", beginning with {beginning}"
    if pending := getattr(told, "reset_pending_date", None):
        found["reset"] = (
            f"; a change of that address is under way until {pending:%Y-%m-%d %H:%M} UTC"
        )
    if (amount := getattr(told, "amount", None)) is not None:
        found["amount"] = money(amount, told.currency)
    return found


def payment_wanted(session: str, sent: Any) -> TelegramAuthError:
    """What is raised where Telegram wants to be paid for a code; nothing is paid."""
    info = CodeInfo(kind="paymentrequired", facts=facts_of(sent))
    return TelegramAuthError(
        f"{session}: {info.says}",
        session=session,
        kind=ErrorClass.LOGIN,
        action=Action.STOP_LOGIN,
        name="SENT_CODE_PAYMENT_REQUIRED",
        advice=info.says,
    )


def money(amount: int, currency: str) -> str:
    """A sum in the currency's smallest units, as people write it."""
    if currency in WHOLE_UNITS:
        return f"{amount} {currency}"
    return f"{amount / 100:.2f} {currency}"
