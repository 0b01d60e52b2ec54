"""An account's authorisations: the devices and programs that are logged in to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .._tl import functions
from ..notices import shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorisation:
    """One login of an account. Times are epoch seconds.

    ``hash`` is the number by which it is ended; 0 for the session's own, which ``current`` marks.
    ``unconfirmed`` is one that Telegram asks the owner about, ``password_pending`` one that lacks
    the cloud password.
    """

    hash: int
    current: bool
    unconfirmed: bool
    password_pending: bool
    official: bool
    app: str
    device: str
    place: str
    ip: str = field(repr=False)
    created: float
    active: float


def list_authorisations() -> Any:
    """A request whose answer ``authorisations_in`` reads."""
    return functions.account.GetAuthorizationsRequest()


def authorisations_in(answer: Any) -> tuple[Authorisation, ...]:
    """The authorisations in Telegram's answer, the session's own first, then the last used."""
    found = [_one(told) for told in answer.authorizations]
    return tuple(sorted(found, key=lambda one: (not one.current, -one.active)))


def reset_authorisation(number: int) -> Any:
    """A request that ends the login of that number."""
    return functions.account.ResetAuthorizationRequest(number)


def _one(told: Any) -> Authorisation:
    place = ", ".join(part for part in (told.region, told.country) if part)
    return Authorisation(
        hash=told.hash,
        current=bool(told.current),
        unconfirmed=bool(told.unconfirmed),
        password_pending=bool(told.password_pending),
        official=bool(told.official_app),
        app=shown(f"{told.app_name} {told.app_version}".strip()),
        device=shown(told.device_model),
        place=shown(place),
        ip=told.ip,
        created=told.date_created.timestamp() if told.date_created else 0.0,
        active=told.date_active.timestamp() if told.date_active else 0.0,
    )
