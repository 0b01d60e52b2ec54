"""Reassignment of pairs to another session: all checks first, then all pairs or none.

Owns what speaks against a move and the order of its steps. Only the account that sent a message
is told whether it has arrived, so each pair comes to rest before it changes hands.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from ..actors import DoubtAsked, LookInto, MovePairs, Report, chats_of, chosen, in_flood, strangers
from ..errors import PairsNotMovedError, RegistryError, UnknownRecordError, UnknownSessionError
from ..errors.forwarding import in_doubt
from ..errors.root import counted
from ..telegram import Health, SessionReport
from .operations import Operations, Tracked
from .pairs_client import PairsClient
from .sessions import Sessions

KIND: Final = "reassign"  # what its operations are called


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """Pairs with the sessions that they are taken from, and the one that takes them.

    ``operation`` is the number under which it was followed; ``None`` for a dry run. With
    ``accept_doubt`` pairs move although it cannot be known what became of some messages.
    """

    pairs: Mapping[int, str]
    to: str
    operation: int | None = None
    accept_doubt: bool = False


class Reassigning:
    """Moves pairs for ``Pairs.reassign``."""

    def __init__(self, client: PairsClient, sessions: Sessions, operations: Operations) -> None:
        self._client, self._sessions, self._operations = client, sessions, operations

    async def plan(self, selection: str, to: str, *, accept_doubt: bool = False) -> Move:
        """What a selection comes to.

        Raises:
            PairsNotMovedError: it selects nothing, or there is no such session.
        """
        known = {plan.id: plan.session for plan in await self._client.plans()}
        there = tuple(one.name for one in self._sessions.list())
        try:
            self._sessions.get(to)
            ids = tuple(one for one in chosen(selection, known, there) if known[one] != to)
        except (UnknownSessionError, ValueError) as exc:
            raise PairsNotMovedError((str(exc),)) from None  # no registry has noted it
        return Move(pairs={one: known[one] for one in ids}, to=to, accept_doubt=accept_doubt)

    async def check(self, move: Move) -> None:
        """Look at everything that may speak against a move.

        Raises:
            PairsNotMovedError: with every reason.
        """
        problems = await self._obstacles(move)
        if problems:
            raise PairsNotMovedError(tuple(problems))

    async def carry_out(
        self, move: Move, who: str, begun: Callable[[int], object] = lambda _: None
    ) -> Move:
        """Check and move, under an operation; ``begun`` is told its number.

        Raises:
            PairsNotMovedError: with every reason; nothing has changed.
        """
        parts = tuple(f"pair {pair} from {name}" for pair, name in sorted(move.pairs.items()))
        steps, looking = len(parts) + 2, "looking at sessions and chats"
        async with self._operations.track(
            KIND, session=move.to, steps=steps, description=looking, parts=parts, who=who
        ) as tracked:
            begun(tracked.id)
            await self.check(move)
            await tracked.step(1, "waiting for what is on its way")
            await self._move(move, tracked, who)
        return replace(move, operation=tracked.id)

    async def _move(self, move: Move, tracked: Tracked, who: str) -> None:
        at_rest = 0

        async def progress(pair: int) -> None:
            nonlocal at_rest
            at_rest += 1
            await tracked.step(1 + at_rest, f"pair {pair} has come to rest")

        pairs, doubt = frozenset(move.pairs), move.accept_doubt
        async with self._client.let_go(pairs, progress, accept_doubt=doubt) as problems:
            if problems:
                raise PairsNotMovedError(tuple(str(one) for one in problems.values()))
            try:
                message = MovePairs(pairs=tuple(sorted(move.pairs)), to=move.to, who=who)
                await self._client.registry.ask(message)
            except RegistryError as error:
                raise PairsNotMovedError((str(error),)) from error

    async def _obstacles(self, move: Move) -> list[str]:
        """Capacity, health, floods, membership."""
        concerned = sorted({*move.pairs.values(), move.to})
        reports: dict[str, SessionReport] = {
            name: await self._client.ask_session(name, Report()) for name in concerned
        }
        target, entry = reports[move.to], self._sessions.get(move.to)
        problems = []
        if target.health is not Health.HEALTHY:
            problems.append(f"session {move.to} is {target.health}: {target.reason}")
        if entry.pairs + len(move.pairs) > entry.max_pairs:
            problems.append(
                f"session {move.to} has {counted(entry.pairs, 'pair')} and takes {entry.max_pairs}"
            )
        problems += in_flood(reports, self._client.registry.wall())
        if not move.accept_doubt:
            problems += await self._doubts(move)
        return problems or await self._strangers(move)

    async def _doubts(self, move: Move) -> list[str]:
        """Pairs of which it cannot be known what has arrived."""
        problems = []
        for pair, name in sorted(move.pairs.items()):
            with contextlib.suppress(UnknownRecordError):  # no group has it: it is at rest
                count = await self._client.order(pair, DoubtAsked(pair))
                if count:
                    problems.append(in_doubt(pair, name, count))
        return problems

    async def _strangers(self, move: Move) -> list[str]:
        """Pairs whose chats the new session is not in, or may not write in."""
        wanted = sorted(move.pairs)
        records = await self._client.stored(lambda store: store.pairs_with(wanted))
        found = {one.id for one in records}
        problems = [f"pair {one}: its chats were never found" for one in wanted if one not in found]
        rights = await self._client.ask_session(move.to, LookInto(chats=chats_of(records)))
        return [*problems, *strangers(records, rights, move.to)]
