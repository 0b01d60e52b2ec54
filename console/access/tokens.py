"""The table of tokens, and the logins of browsers that have shown one.

Kept in memory as digests: neither a token nor a cookie can be read from the process's state. A
crash of the console's actor ends no login, a stop of the process does.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from .roles import Role
from .tries import Tries

LIVES: Final = 12 * 3600.0  # seconds that a login lasts; a working day
LOGINS: Final = 1_000  # at once; the oldest makes room
WRONG: Final = 5  # wrong tokens from one address within a minute
MINUTE: Final = 60.0
NAMED: Final = "page: {name}"
UNNAMED: Final = "page"


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """Who may come by a token, as what; ``digest`` is the token's SHA-256."""

    name: str
    role: Role
    digest: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks. ``role`` is ``None`` for who may not even look.

    ``how`` is ``"cookie"``, ``"bearer"``, ``"open"`` or empty; ``csrf`` is what a browser has to
    say with whatever changes something.
    """

    name: str = ""
    role: Role | None = None
    how: str = ""
    csrf: str = field(default="", repr=False)
    expires: float | None = None

    @property
    def who(self) -> str:
        """What the audit trail calls it."""
        return NAMED.format(name=self.name) if self.name else UNNAMED


class Access:
    """Who may do what at one warden's console.

    Args:
        tokens: who may come.
        local: whether nobody but this machine can connect; then the page can be looked at without
            a token where none is configured.
        opened: whether who needs no token may steer as well.
        monotonic: reads a clock that never goes backwards, in seconds.
        wall: reads the clock in epoch seconds.
    """

    def __init__(
        self,
        tokens: Iterable[Token] = (),
        *,
        local: bool = True,
        opened: bool = False,
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._tokens, self._monotonic, self._wall = tuple(tokens), monotonic, wall
        self._logins: dict[bytes, tuple[Caller, float]] = {}
        self._wrong = Tries(limit=WRONG, within=MINUTE)
        everybody = (Role.OPERATOR if opened else Role.READ_ONLY) if local else None
        role = None if self._tokens else everybody
        self.anybody: Final = Caller(
            role=role, how="open" if role else "", csrf=secrets.token_urlsafe()
        )
        """Who shows nothing."""

    @property
    def has_tokens(self) -> bool:
        """Whether there is anything to log in by."""
        return bool(self._tokens)

    def wait(self, address: str) -> float:
        """Seconds until a token from there is looked at again."""
        return self._wrong.wait(address, self._monotonic())

    def by_token(self, text: str, *, address: str) -> Caller | None:
        """Who comes by a token; ``None`` for a wrong one, which is counted."""
        digest = digest_of(text)
        for token in self._tokens:
            if hmac.compare_digest(digest, token.digest):
                return Caller(name=token.name, role=token.role, how="bearer")
        self._wrong.spend(address, self._monotonic())
        return None

    def log_in(self, caller: Caller) -> tuple[str, Caller]:
        """The cookie for who has shown a token, and how they come from now on."""
        now = self._monotonic()
        self._logins = {key: one for key, one in self._logins.items() if one[1] > now}
        while len(self._logins) >= LOGINS:
            del self._logins[next(iter(self._logins))]
        cookie = secrets.token_urlsafe()
        logged_in = Caller(
            name=caller.name,
            role=caller.role,
            how="cookie",
            csrf=secrets.token_urlsafe(),
            expires=self._wall() + LIVES,
        )
        self._logins[digest_of(cookie)] = (logged_in, now + LIVES)
        return cookie, logged_in

    def by_cookie(self, cookie: str) -> Caller | None:
        """Who has that login; ``None`` if it is over."""
        found = self._logins.get(digest_of(cookie))
        return None if found is None or found[1] <= self._monotonic() else found[0]

    def log_out(self, cookie: str) -> None:
        """End a login."""
        self._logins.pop(digest_of(cookie), None)

    def still(self, caller: Caller) -> bool:
        """Whether who came once may still be here: its login may have ended."""
        if caller.how != "cookie":
            return True
        now = self._monotonic()
        return any(one is caller and until > now for one, until in self._logins.values())


def digest_of(token: str) -> bytes:
    """A token's digest. It is long and random, so that a slow digest would add nothing."""
    return hashlib.sha256(token.encode()).digest()
