"""The typed handle on pairs for plain code, in any thread but the warden's own loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from datetime import datetime
from typing import Any, TypeVar

from .actors import PairPlan
from .desk import Desk
from .handles import BlockingRegistry
from .loopthread import run_in
from .pairs import DeadLetter, Move, Pairs
from .telegram import PairReport

__all__ = ["Blocking", "BlockingPairs"]

T = TypeVar("T")

Loop = Callable[[], asyncio.AbstractEventLoop]


class Blocking(BlockingRegistry):
    """What a warden offers to plain code: sessions, pairs, operations, the audit trail."""

    def __init__(self, desk: Desk, pairs: Pairs, loop: Loop) -> None:
        super().__init__(desk)
        self.pairs = BlockingPairs(pairs, loop)


class BlockingPairs:
    """Pairs, for plain code in any thread; each method is explained in ``Pairs``."""

    def __init__(self, pairs: Pairs, loop: Loop) -> None:
        self._pairs, self._loop = pairs, loop

    def list(self, session: str | None = None) -> tuple[PairPlan, ...]:
        """All pairs by number, or a session's."""
        return self._run(self._pairs.list(session))

    def get(self, pair: int) -> PairPlan:
        """One pair as it is planned."""
        return self._run(self._pairs.get(pair))

    def add(
        self,
        pair: int | None = None,
        *,
        session: str | None = None,
        who: str = "app",
        **fields: Any,
    ) -> PairPlan:
        """Let there be one more pair; every later start has it, too."""
        return self._run(self._pairs.add(pair, session=session, who=who, **fields))

    def change(self, pair: int, *, who: str = "app", **fields: Any) -> PairPlan:
        """Change how a pair goes on from now, in place."""
        return self._run(self._pairs.change(pair, who=who, **fields))

    def remove(self, pair: int, *, who: str = "app") -> PairPlan:
        """Let a pair go."""
        return self._run(self._pairs.remove(pair, who=who))

    def pause(self, pair: int, reason: str = "", *, who: str = "app") -> PairReport:
        """Stop forwarding until ``resume``."""
        return self._run(self._pairs.pause(pair, reason, who=who))

    def resume(self, pair: int, *, who: str = "app") -> PairReport:
        """Go on now, whatever the pair was paused for."""
        return self._run(self._pairs.resume(pair, who=who))

    def backfill(
        self, pair: int, *, after: int = 0, since: datetime | None = None, who: str = "app"
    ) -> PairReport:
        """Forward the past, too."""
        return self._run(self._pairs.backfill(pair, after=after, since=since, who=who))

    def dead(self, pair: int | None = None) -> tuple[DeadLetter, ...]:
        """The messages that could not be delivered, of one pair or of all."""
        return self._run(self._pairs.dead(pair))

    def retry(self, pair: int, source_ids: Sequence[int] = (), *, who: str = "app") -> int:
        """Send dead letters again; returns how many."""
        return self._run(self._pairs.retry(pair, source_ids, who=who))

    def drop(self, pair: int, source_ids: Sequence[int] = (), *, who: str = "app") -> int:
        """Forget dead letters; returns how many."""
        return self._run(self._pairs.drop(pair, source_ids, who=who))

    def reassign(self, selection: str, to: str, *, dry_run: bool = False, who: str = "app") -> Move:
        """Move pairs to another session: all of them or none."""
        return self._run(self._pairs.reassign(selection, to, dry_run=dry_run, who=who))

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        try:
            loop = self._loop()
        except BaseException:  # whatever it is, the coroutine never runs and would complain
            work.close()
            raise
        return run_in(loop, work, "the pairs", way="await the same method of `warden.pairs`")
