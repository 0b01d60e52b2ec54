"""Results about logins."""

from __future__ import annotations

from .base import Result


class Authorisation(Result):
    """One login of an account; ``hash`` is the number that ends it, 0 of the session's own."""

    hash: int
    current: bool
    unconfirmed: bool
    password_pending: bool
    official: bool
    app: str
    device: str
    place: str
    created: float
    active: float


class Authorisations(Result):
    """The logins of a session's account, its own first."""

    session: str
    authorisations: tuple[Authorisation, ...]


class AuthorisationEnded(Result):
    """Which login of an account was ended."""

    session: str
    authorisation: Authorisation


class Recovering(Result):
    """Which sessions were asked to recover."""

    sessions: tuple[str, ...]
