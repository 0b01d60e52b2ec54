"""Pending logins: sent codes, QR tokens, exported authorisations, SRP rounds.

None of it survives a restart of the data centre, nor needs to.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True, kw_only=True)
class SentCode:
    """A login code on its way to a phone number."""

    phone: str = field(repr=False)
    code: str = field(repr=False)
    hash: str = field(repr=False)
    expires: float
    ways: tuple[str, ...]
    way: int = 0  # how it went, of those: the next one at each resend
    email: str = field(default="", repr=False)  # an address that is being proven
    confirmed: bool = False  # the right code came for a number without an account


@dataclass(slots=True, kw_only=True)
class LoginToken:
    """What a QR code shows: the key that waits, and who accepted it."""

    token: bytes = field(repr=False)
    key_id: int
    expires: float
    account_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SrpRound:
    """The server's half of one password check: ``b`` and g^b as offered."""

    id: int
    b: int = field(repr=False)
    public: int = field(repr=False)


@dataclass(slots=True)
class PendingLogins:
    """Everything about logins that is not finished."""

    codes: dict[str, SentCode] = field(default_factory=dict)
    tokens: dict[bytes, LoginToken] = field(default_factory=dict)
    exported: dict[bytes, int] = field(default_factory=dict)
    rounds: dict[int, SrpRound] = field(default_factory=dict)  # by key id
    future_tokens: dict[bytes, int] = field(default_factory=dict, repr=False)  # whose it is
    codes_sent: dict[str, str] = field(default_factory=dict, repr=False)

    def token_of(self, key_id: int) -> LoginToken | None:
        """The token that a waiting key shows."""
        return next((t for t in self.tokens.values() if t.key_id == key_id), None)
