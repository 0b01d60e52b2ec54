"""Data access for ``future_tokens``: what lets an account log in without a code, sealed.

Owns ``future_tokens``. Telegram gives one with a login or a logout and takes at most twenty back.
"""

from __future__ import annotations

import contextlib
from typing import Final

from ...errors import SealDamagedError
from .connection import TableAccess

KEPT: Final = 20  # https://core.telegram.org/api/auth#future-auth-tokens


class FutureTokenRows(TableAccess):
    """The sealed tokens of each session's account."""

    def add_future_token(self, name: str, token: bytes, at: float) -> None:
        """Keep one more; of more than twenty the oldest go."""
        with self.transaction():
            ((number,),) = self._all("select coalesce(max(id), 0) + 1 from future_tokens", ())
            sealed = self.vault.seal(_place(name, number), token)
            self._run(
                "insert into future_tokens (id, session, sealed, at) values (?, ?, ?, ?)",
                (number, name, sealed, at),
            )
            self._run(
                "delete from future_tokens where session = ? and id not in"
                " (select id from future_tokens where session = ? order by id desc limit ?)",
                (name, name, KEPT),
            )

    def future_tokens(self, name: str) -> list[bytes]:
        """The tokens of a session's account, newest first; what does not open is left out."""
        found = []
        for number, sealed in self._all(
            "select id, sealed from future_tokens where session = ? order by id desc", (name,)
        ):
            with contextlib.suppress(SealDamagedError):
                found.append(self.vault.open(_place(name, number), sealed))
        return found


def _place(name: str, number: int) -> str:
    return f"future_tokens/{name}/{number}"
