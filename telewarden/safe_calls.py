"""The calls of a ``safe_session``: which must wait, and their errors as ours.

The ledger is only read: a running warden, which may have other sessions, is its one writer. While
the block owns the session's key nobody else calls Telegram with it, so that one reading will do.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator

from .actors.call_floods import OPENING, refused
from .actors.dressing import as_ours
from .config import Config
from .errors import TelegramRateLimitError
from .keeping import Keeping, master_key_of
from .storage import Store
from .telegram import Action, classify, method_name

__all__ = ["LedgerGate", "flood_deadlines", "our_errors"]


class LedgerGate:
    """The deadlines of one account's methods, for the time of a block.

    Args:
        session: its name.
        until: by method, epoch seconds before which it is not called.
        wall: epoch seconds.
    """

    def __init__(
        self, session: str, until: dict[str, float], *, wall: Callable[[], float] = time.time
    ) -> None:
        self._session, self._until, self._wall = session, until, wall

    def check_opening(self) -> None:
        """Refuse to connect while the call that proves a login must wait.

        Raises:
            TelegramRateLimitError: it must; no packet was sent.
        """
        if (refusal := self._refusal(OPENING)) is not None:
            raise refusal

    def refusal(self, request: object) -> TelegramRateLimitError | None:
        """The error that a call gets while its method must wait; ``None`` when it may go."""
        return self._refusal(method_name(request))

    def failed(self, request: object, error: BaseException) -> None:
        """Note what an error says about when to call again."""
        verdict = classify(error)
        if verdict.action is Action.PARK_METHOD and verdict.wait is not None:
            self._until[method_name(request)] = self._wall() + verdict.wait

    def _refusal(self, method: str) -> TelegramRateLimitError | None:
        until = self._until.get(method, 0.0)
        left = until - self._wall()
        return refused(self._session, method, left, until) if left > 0 else None


def flood_deadlines(config: Config, name: str) -> dict[str, float]:
    """What Telegram asked a session to wait with, by method; nothing is changed."""
    with Store.open_reader(Keeping(config).database, master_key_of(config)) as store:
        return {row.method: row.until for row in store.floods(name) if row.chat is None}


@contextlib.contextmanager
def our_errors(session: str) -> Iterator[None]:
    """Let Telegram's and the line's errors out as a warden's session does, with their cause."""
    try:
        yield
    except Exception as error:
        told = as_ours(error, session=session)
        if told is error:
            raise
        raise told from error
