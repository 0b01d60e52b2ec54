"""Typed handles on the pairs of a running warden: pause, resume, the past, dead letters.

An order goes to the pair's worker group by way of its session, and returns when it has been
carried out; how a pair is, is in ``Warden.overview``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from .actors import (
    Backfill,
    DropDead,
    Journal,
    PairOrder,
    PausePair,
    ResumePair,
    RetryDead,
)
from .errors import UnknownRecordError
from .storage import Store
from .supervision import ask_async
from .telegram import PairReport

if TYPE_CHECKING:
    from .warden import Warden

__all__ = ["DeadLetter", "Pairs"]

ORDER_WITHIN: Final = 30.0  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """A message that could not be delivered, and why; ``at`` is when it came, epoch seconds."""

    pair: int
    source_chat: int
    source_id: int
    reason: str
    attempts: int
    at: float


class Pairs:
    """The pairs of a warden. Made by ``Warden.pairs``."""

    def __init__(self, warden: Warden) -> None:
        self._warden = warden

    async def pause(self, pair: int, reason: str = "") -> PairReport:
        """Stop forwarding until ``resume``; what is said meanwhile is not lost.

        Raises:
            UnknownRecordError: there is no such pair.
        """
        by_hand = f"paused by hand: {reason}" if reason else "paused by hand"
        return await self._order(pair, PausePair(pair, by_hand))  # type: ignore[no-any-return]  # asks say nothing of answers

    async def resume(self, pair: int) -> PairReport:
        """Go on now, whatever the pair was paused for; what was said meanwhile is forwarded."""
        return await self._order(pair, ResumePair(pair))  # type: ignore[no-any-return]  # as above

    async def backfill(
        self, pair: int, *, after: int = 0, since: datetime | None = None
    ) -> PairReport:
        """Forward the past, too: what was said behind message ``after``, or at ``since`` and later.

        It goes on after any restart; messages that were forwarded are not forwarded again.
        Progress is told by ``BackfillProgress`` events.

        Raises:
            BackfillRunningError: it is at it already.
        """
        moment = None if since is None else since.timestamp()
        return await self._order(pair, Backfill(pair=pair, after=after, since=moment))  # type: ignore[no-any-return]  # as above

    async def dead(self, pair: int | None = None) -> tuple[DeadLetter, ...]:
        """The messages that could not be delivered, of one pair or of all."""
        wanted = None if pair is None else (pair,)

        def work(store: Store) -> tuple[DeadLetter, ...]:
            return tuple(
                DeadLetter(
                    pair=row.pair_id,
                    source_chat=row.source_chat,
                    source_id=row.source_id,
                    reason=row.reason or "",
                    attempts=row.attempts,
                    at=row.enqueued_at,
                )
                for row in store.dead(wanted)
            )

        return await self._journal().do(work)

    async def retry(self, pair: int, source_ids: Sequence[int] = ()) -> int:
        """Send dead letters again, all of a pair's or these; returns how many."""
        return await self._order(pair, RetryDead(pair, tuple(source_ids)))  # type: ignore[no-any-return]  # as above

    async def drop(self, pair: int, source_ids: Sequence[int] = ()) -> int:
        """Forget dead letters, all of a pair's or these; returns how many."""
        return await self._order(pair, DropDead(pair, tuple(source_ids)))  # type: ignore[no-any-return]  # as above

    async def session_of(self, pair: int) -> str:
        """The session that serves a pair now.

        Raises:
            UnknownRecordError: there is no such pair.
        """
        overview = await self._warden.overview()
        for group in overview.groups:
            if any(one.id == pair for one in group.pairs):
                return group.session
        raise UnknownRecordError("pair", pair)

    def _journal(self) -> Journal:
        return Journal(self._warden._running().ref("journal"))  # noqa: SLF001 - two halves of one handle

    async def _order(self, pair: int, order: object) -> Any:
        name = await self.session_of(pair)
        ref = await self._warden._session_ref(name)  # noqa: SLF001 - as above
        return await ask_async(ref, PairOrder(pair=pair, order=order), timeout=ORDER_WITHIN)
