"""Facts about an account: frozen, when it dies unused, marked as risky, a password wanted.

Owns which facts stand at a time, in words with what to do, and how they are kept. Pure: callers
pass the clock's reading in. What reads them is in ``login.account_questions``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from .phases import StatusText

DAY: Final = 86_400.0  # seconds
LATE: Final = 7 * DAY  # before its end an unused login is told of; half its days if those are fewer


class FactKind(StrEnum):
    """What an operator has to know of an account, while it stands."""

    FROZEN = "frozen"
    LOGIN_EXPIRES = "login_expires"
    ACCOUNT_EXPIRES = "account_expires"
    PASSWORD_WANTED = "password_wanted"  # noqa: S105 - a kind, not a password
    UNOFFICIAL_RISK = "unofficial_risk"


FACTS: Final[Mapping[FactKind, StatusText]] = {
    FactKind.FROZEN: StatusText(
        explanation="Telegram has frozen the account: it reads and cannot write, and is deleted at"
        " that date unless an appeal is granted.",
        advice="Appeal at the link, in the official app of this account. Its messages wait here.",
    ),
    FactKind.LOGIN_EXPIRES: StatusText(
        explanation="The login has not been used for long: Telegram ends it at that date.",
        advice="Bring the session online; a day online begins the count anew.",
    ),
    FactKind.ACCOUNT_EXPIRES: StatusText(
        explanation="The account has not been used for long: Telegram deletes it at that date.",
        advice="Bring the session online, or open the account in the official app.",
    ),
    FactKind.PASSWORD_WANTED: StatusText(
        explanation="Telegram wants a cloud password for the account; without one it takes no login"
        " by a code before that date.",
        advice="Set one up in the official app: Settings, Privacy and Security, Two-Step"
        " Verification.",
    ),
    FactKind.UNOFFICIAL_RISK: StatusText(
        explanation="Telegram tells others that this account uses an app that may not be safe.",
        advice="It works on; accounts on other apps are watched more closely, so keep it quiet, and"
        " have what is important done by another one.",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountFacts:
    """What is known of an account, in epoch seconds; ``None`` is not known, or does not hold.

    Args:
        read_at: when Telegram was last asked, which counts as a use.
        frozen_until: when a frozen account is deleted; ``appeal_url`` is where to appeal.
        login_ttl_days, account_ttl_days: days without use after which login and account end.
        unofficial_risk: others are told that it uses an app that may not be safe.
        password_wanted: a login said that a cloud password is to be set up.
        relogin_at: without that password, when a login by code works again.
        parallel: connections that one key may have side by side.
        told: the facts that stood when they were last looked at.
    """

    read_at: float | None = None
    frozen_since: float | None = None
    frozen_until: float | None = None
    appeal_url: str = ""
    login_ttl_days: int | None = None
    account_ttl_days: int | None = None
    unofficial_risk: bool = False
    password_wanted: bool = False
    relogin_at: float | None = None
    parallel: int = 1
    told: tuple[str, ...] = ()

    @property
    def frozen(self) -> bool:
        """Whether the account can read and not write."""
        return self.frozen_since is not None or self.frozen_until is not None

    @property
    def login_ends(self) -> float | None:
        """When the login dies if it is not used; ``None`` where that is not known."""
        return self._unused(self.login_ttl_days)

    @property
    def account_ends(self) -> float | None:
        """When the account is deleted if it is not used."""
        return self._unused(self.account_ttl_days)

    def _unused(self, days: int | None) -> float | None:
        return None if days is None or self.read_at is None else self.read_at + days * DAY


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A fact that stands: what it means, what to do, until when, and where to go."""

    kind: FactKind
    explanation: str
    advice: str
    until: float | None = None
    url: str = ""


def standing(facts: AccountFacts, now: float) -> tuple[Standing, ...]:
    """The facts that an operator has to know at ``now``, gravest first."""
    found: dict[FactKind, tuple[float | None, str]] = {}
    if facts.frozen:
        found[FactKind.FROZEN] = facts.frozen_until, facts.appeal_url
    if _ends_soon(facts.login_ends, facts.login_ttl_days, now):
        found[FactKind.LOGIN_EXPIRES] = facts.login_ends, ""
    if _ends_soon(facts.account_ends, facts.account_ttl_days, now):
        found[FactKind.ACCOUNT_EXPIRES] = facts.account_ends, ""
    if facts.password_wanted:
        found[FactKind.PASSWORD_WANTED] = facts.relogin_at, ""
    if facts.unofficial_risk:
        found[FactKind.UNOFFICIAL_RISK] = None, ""
    return tuple(
        Standing(
            kind=kind,
            explanation=FACTS[kind].explanation,
            advice=FACTS[kind].advice,
            until=until,
            url=url,
        )
        for kind, (until, url) in found.items()
    )


def in_words(fact: Standing, words: Callable[[str], str] = str) -> str:
    """A fact in one line: what it means, its date and link, what to do; ``words`` translates."""
    parts = [] if fact.until is None else [_date(fact.until)]
    parts += [fact.url] if fact.url else []
    told = f" ({', '.join(parts)})" if parts else ""
    return f"{words(fact.explanation).rstrip('.')}{told}. {words(fact.advice)}"


def facts_as_dict(
    facts: AccountFacts, now: float, words: Callable[[str], str] = str
) -> dict[str, Any]:
    """What is known as plain data, with what stands at ``now`` under ``facts``."""
    stand = [asdict(one) for one in standing(facts, now)]
    for one in stand:
        one |= {name: words(one[name]) for name in ("explanation", "advice")}
    left_out = {"told", "login_ttl_days", "account_ttl_days"}
    plain = {name: one for name, one in asdict(facts).items() if name not in left_out}
    return plain | {
        "login_ends": facts.login_ends,
        "account_ends": facts.account_ends,
        "facts": stand,
    }


def facts_to_json(facts: AccountFacts) -> str:
    """Facts as they are kept; nothing of them is secret."""
    return json.dumps(asdict(facts), separators=(",", ":"))


def facts_from_json(kept: str) -> AccountFacts:
    """Facts as they were kept; what an earlier or later version did not know is left out."""
    known = {field.name for field in fields(AccountFacts)}
    found: dict[str, Any] = {name: one for name, one in json.loads(kept).items() if name in known}
    return AccountFacts(**{**found, "told": tuple(found.get("told", ()))})


def _ends_soon(ends: float | None, days: int | None, now: float) -> bool:
    return ends is not None and days is not None and ends - now < min(LATE, days * DAY / 2)


def _date(moment: float) -> str:
    return datetime.fromtimestamp(moment, tz=UTC).strftime("%Y-%m-%d %H:%M UTC")
