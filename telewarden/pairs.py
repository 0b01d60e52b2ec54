"""Typed handles on the pairs of a running warden: pause, resume, the past, dead letters, moves.

An order goes to the pair's worker group by way of its session, and returns when it has been
carried out; how a pair is, is in ``Warden.overview``.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from .actors import (
    Backfill,
    DropDead,
    Journal,
    LendPairs,
    LookInto,
    MovePairs,
    PairOrder,
    PairPlan,
    PausePair,
    ReleasePair,
    ResumePair,
    RetryDead,
    ServeAgain,
    chosen,
    moved,
)
from .errors import PairsNotMovedError, UnknownRecordError
from .storage import Store
from .supervision import ask_async
from .telegram import Health, PairReport

if TYPE_CHECKING:
    from .warden import Warden

__all__ = ["DeadLetter", "Move", "Pairs"]

ORDER_WITHIN: Final = 30.0  # seconds
MOVE_WITHIN: Final = 120.0  # seconds; the sessions concerned stop and start, one after another


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """A message that could not be delivered, and why; ``at`` is when it came, epoch seconds."""

    pair: int
    source_chat: int
    source_id: int
    reason: str
    attempts: int
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """Pairs with the sessions that they are taken from, and the one that takes them."""

    pairs: Mapping[int, str]
    to: str


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

    async def reassign(
        self, selection: str, to: str, *, dry_run: bool = False, who: str = "app"
    ) -> Move:
        """Move pairs to another session: all of them or none; no message is lost or doubled.

        What is on its way arrives first; what is said meanwhile is read from history by the new
        session. The sessions concerned reconnect once.

        Args:
            selection: ``1,2,3``, ``1-10`` or ``all_from:NAME``.
            to: the session that takes them.
            dry_run: only say what would be done.
            who: for the audit trail.

        Raises:
            PairsNotMovedError: with every reason; nothing has changed.
        """
        overview = await self._warden.overview()
        known = {pair.id: group.session for group in overview.groups for pair in group.pairs}
        try:
            ids = tuple(one for one in chosen(selection, known) if known[one] != to)
        except ValueError as exc:
            raise PairsNotMovedError((str(exc),)) from exc
        move = Move(pairs={one: known[one] for one in ids}, to=to)
        problems = await self._obstacles(
            move, frozenset(report.session for report in overview.sessions)
        )
        if problems:
            raise PairsNotMovedError(tuple(problems))
        if ids and not dry_run:
            await self._carry_out(move, who)
        return move

    async def _obstacles(self, move: Move, sessions: frozenset[str]) -> list[str]:
        """Everything that speaks against a move: capacity, health, floods, membership."""
        if move.to not in sessions:
            return [f"there is no session {move.to}"]
        concerned = sorted({*move.pairs.values(), move.to})
        reports = {name: await self._warden.session(name).report() for name in concerned}
        target, entry = reports[move.to], self._warden.sessions.get(move.to)
        problems = []
        if target.health is not Health.HEALTHY:
            problems.append(f"session {move.to} is {target.health}: {target.reason}")
        if entry.pairs + len(move.pairs) > entry.max_pairs:
            problems.append(
                f"session {move.to} has {entry.pairs} pairs and takes {entry.max_pairs}"
            )
        problems += [
            f"session {name} has to wait until {_clock(report.until)};"
            " pairs are not moved around a flood"
            for name, report in reports.items()
            if report.until is not None and report.until > time.time()
        ]
        return problems or await self._strangers(move)

    async def _strangers(self, move: Move) -> list[str]:
        """Pairs whose chats the new session is not in, or may not write in."""
        wanted = frozenset(move.pairs)
        records = await self._journal().do(
            lambda store: [one for one in store.pairs() if one.id in wanted]
        )
        located = {one.id for one in records}
        problems = [f"pair {one}: its chats were never found" for one in sorted(wanted - located)]
        chats = tuple(
            sorted({chat for one in records for chat in (one.source, one.target) if chat})
        )
        ref = await self._warden._session_ref(move.to)  # noqa: SLF001 - two halves of one handle
        rights = await ask_async(ref, LookInto(chats=chats), timeout=ORDER_WITHIN)
        for record in records:
            source, target = rights.get(record.source), rights.get(record.target)
            if source is None or not source.read:
                problems.append(f"pair {record.id}: {move.to} is not in its source")
            elif source.protected:
                problems.append(f"pair {record.id}: its source protects its content")
            if record.target and (target is None or not target.write):
                problems.append(f"pair {record.id}: {move.to} may not write in its target")
        return problems

    async def _carry_out(self, move: Move, who: str) -> None:
        async with self._let_go(frozenset(move.pairs)) as plans:
            now = time.time()

            def work(store: Store) -> None:
                for plan in plans:
                    home = moved(plan, move.to).moved_from
                    store.move_pairs((plan.id,), move.to, moved_from=home)
                before = dict(move.pairs)
                store.audit(who, "reassign", move.to, before=before, after=move.to, at=now)

            await self._journal().do(work)
            await self._registry(MovePairs(plans=plans, to=move.to))

    @contextlib.asynccontextmanager
    async def _let_go(self, pairs: frozenset[int]) -> AsyncIterator[tuple[PairPlan, ...]]:
        """Let pairs come to rest; they go on where they are if the block fails."""
        await self._registry(LendPairs(pairs))
        try:
            orders = [self._order(pair, ReleasePair(pair)) for pair in sorted(pairs)]
            answers = await asyncio.gather(*orders, return_exceptions=True)
            failed = [str(one) for one in answers if isinstance(one, BaseException)]
            if failed:
                raise PairsNotMovedError(tuple(failed))
            yield tuple(one for one in answers if isinstance(one, PairPlan))
        except BaseException:
            await asyncio.shield(self._registry(ServeAgain(pairs)))
            raise

    async def _registry(self, message: object) -> None:
        await self._warden._ask("registry", message, timeout=MOVE_WITHIN)  # noqa: SLF001 - as above

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


def _clock(at: float) -> str:
    return datetime.fromtimestamp(at, tz=UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
