"""Typed handles on the pairs of a running warden: add, change, remove, orders, moves.

A change of what a pair is goes to the registry and is on disk when it returns; an order goes to
the pair's worker group by way of its session, and returns when it has been carried out. How a
pair is doing is in ``Warden.overview``.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

from ..actors import (
    AddPair,
    Backfill,
    ChangePair,
    ConfirmPair,
    DropDead,
    PairPlan,
    PausePair,
    RemovePair,
    ResumePair,
    RetryDead,
)
from ..actors.forwarding.pause_reasons import NOT_JOINED
from ..config import PairConfig, parse_pair
from ..config.mapping import pair_plan_of, tables_of
from ..errors import ChatNotFoundError, InvalidRecordError, UnknownFieldError, UnknownRecordError
from ..storage import Store
from ..supervision import Ask
from ..telegram import ErrorClass, PairReport
from ..telegram.addressing.names import shown_chat
from .checks import a_callback, a_moment, a_number, a_text, numbers
from .checks import seconds as some_seconds
from .pairs_client import PairsClient
from .reassign import Move, Reassigning
from .sessions import Sessions

R = TypeVar("R")

FIXED = ("id", "session", "source", "target", "handler")  # another way is another pair


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
    """The pairs of a warden. Made by ``Warden.pairs``.

    Args:
        client: where they are asked.
        sessions: the registered sessions.
        reassigning: moves them.
        check_handler: raises for a handler that nobody offers, or that cannot use its options.
    """

    def __init__(
        self,
        client: PairsClient,
        sessions: Sessions,
        reassigning: Reassigning,
        check_handler: Callable[[str, Mapping[str, Any]], None],
    ) -> None:
        self._client, self._sessions = client, sessions
        self._reassigning, self._check_handler = reassigning, check_handler

    # Which there are

    async def list(self, session: str | None = None) -> tuple[PairPlan, ...]:
        """All pairs by number, or a session's.

        Raises:
            UnknownSessionError: there is no such session.
        """
        if session is not None:
            a_text("session", session, "a session's name")
        return await self._client.plans(session)

    async def get(self, pair: int) -> PairPlan:
        """One pair as it is planned.

        Raises:
            UnknownRecordError: there is no such pair.
        """
        return await self._client.plan(a_number("pair", pair))

    async def add(
        self,
        /,
        pair: int | None = None,
        *,
        session: str | None = None,
        who: str = "app",
        found: Callable[[Mapping[int | str, int]], object] = lambda _: None,
        **fields: Any,
    ) -> PairPlan:
        """Let there be one more pair; every later start has it, too.

        It begins with what is said from now on; see ``backfill`` for the past. Where its session is
        online its chats are looked for first; otherwise its worker group does that, and pauses it
        for one that is not there.

        Args:
            pair: its number, which ``id`` in ``fields`` says as well, as in the configuration; by
                default one that no pair ever had.
            session: who serves it; by default the best one, see ``Sessions.best``.
            who: noted in the audit trail.
            found: called with the marked ids of those of its chats that were looked for and found.
            fields: as in the configuration's ``[[pairs]]``: ``source``, ``target``, ``mode``...

        Raises:
            ConfigError: the fields are not a pair's, with one sentence for every mistake.
            PairExistsError, UnknownSessionError, SessionBusyError, SessionFullError
            NoSessionFitsError: no session can take it, and why.
            UnknownHandlerError
            ChatNotFoundError: a chat is not there for the session's account, and why.
            PairFaultError: it would feed itself, make a ring, or carry what another one does.

        Example::

            plan = await warden.pairs.add(source="@news_in", target="@news_out", mode="copy")
            print(plan.id, plan.session)
        """
        number = fields.pop("id", pair)
        if pair is not None and pair != number:
            raise InvalidRecordError("id", number, f"one number; pair says {pair}")
        pair = number
        subject = "pair (new)" if pair is None else f"pair {pair}"
        with self._client.auditor.refusals(who, "add pair", subject):
            name = self._sessions.best().name if session is None else session
            plan = self._plan({**fields, "id": 1 if pair is None else pair, "session": name})
            places = await self._looked_for(plan)
        wanted = plan if pair is not None else replace(plan, id=0)
        added = await self._ask(AddPair(plan=wanted, found=places, who=who))
        found(places)
        return added

    async def _looked_for(self, plan: PairPlan) -> Mapping[int | str, int]:
        """Where a pair's chats are, as far as Telegram can be asked now; nothing is joined yet.

        Raises:
            ChatNotFoundError: one of them is not there.
        """
        chats = {"source": plan.source, "target": plan.target, "send_as": plan.send_as}
        sides = {chat: side for side, chat in chats.items() if chat}
        told = await self._client.find_chats(plan.session, tuple(sides))
        for chat, verdict in told.problems.items():
            joins = plan.join and verdict.name == NOT_JOINED
            if verdict.kind is ErrorClass.PAIR and not joins:
                why = told.said.get(chat) or f"{verdict.name}: {verdict.advice}"
                raise ChatNotFoundError(sides[chat], shown_chat(chat), plan.session, why)
        return told.ids

    async def change(self, pair: int, /, *, who: str = "app", **fields: Any) -> PairPlan:
        """Change how a pair goes on from now, in place; every later start has it so.

        That stands as long as the configuration says of the pair what it says now. A pair's
        number, chats and handler stay what they are: remove it and add another one. For its
        session see ``reassign``.

        Raises:
            ConfigError, UnknownFieldError, UnknownRecordError
            PairChangedError: somebody else changed it at the same time.
            PairFaultError: with the change it would make a ring, or carry what another one does.

        Example::

            plan = await warden.pairs.change(3, deny={"words": ["advert"]})
        """
        with self._client.auditor.refusals(who, "change pair", f"pair {pair}"):
            _refuse_fixed(fields)
            before = await self._client.plan(a_number("pair", pair))
            after = self._plan({**tables_of(before), **fields})
        return await self._ask(ChangePair(before=before, after=after, who=who))

    async def remove(self, pair: int, *, accept_doubt: bool = False, who: str = "app") -> PairPlan:
        """Let a pair go: what is on its way arrives, what waits and its dead letters go with it.

        A pair of the configuration stays away as long as the configuration says of it what it
        says now.

        Raises:
            UnknownRecordError: there is no such pair.
            PairBusyError: it did not come to rest within 10 seconds; it goes on.
            PairInDoubtError: it cannot be known whether some of its messages have arrived; with
                ``accept_doubt`` it goes even so.
        """
        gone = frozenset({a_number("pair", pair)})
        async with self._client.let_go(gone, accept_doubt=accept_doubt) as problems:
            for error in problems.values():
                if not isinstance(error, UnknownRecordError):  # no group has it: it is at rest
                    raise error
            return await self._ask(RemovePair(pair=pair, who=who))

    def _plan(self, fields: dict[str, Any]) -> PairPlan:
        pair = parse_pair(fields)
        self._check_handler(pair.handler, pair.options)
        return pair_plan_of(pair)

    async def _ask(self, message: Ask[R]) -> R:
        return await self._client.registry.ask(message)

    # Orders

    async def pause(
        self, pair: int, reason: str = "", *, seconds: float | None = None, who: str = "app"
    ) -> PairReport:
        """Stop forwarding until ``resume``; what is said meanwhile is not lost.

        Args:
            pair: its number.
            reason: words that the overview shows beside the pair.
            seconds: after so many it goes on by itself, also after a restart.
            who: noted in the audit trail.

        What only the plan, ``confirm`` or other pairs can settle stays a reason besides.

        Returns the pair's report, paused.

        Raises:
            UnknownRecordError: there is no such pair.

        Example::

            await warden.pairs.pause(3, "the channel is being renamed")
            await warden.pairs.resume(3)
        """
        said = a_text("reason", reason, "words to be shown beside the pair")
        by_hand = f"paused by hand: {said}" if said else "paused by hand"
        lasts = None if seconds is None else some_seconds("seconds", seconds, default=0.0)
        until = None if lasts is None else time.time() + lasts
        async with self._noted(who, "pause pair", pair) as after:
            report = await self._client.order(pair, PausePair(pair, by_hand, until))
            after["paused"] = report.paused
            return report

    async def resume(self, pair: int, *, who: str = "app") -> PairReport:
        """Go on now; what was said meanwhile is forwarded.

        Of a pair that was paused by hand, what only its plan or ``confirm`` can settle stays.
        """
        async with self._noted(who, "resume pair", pair) as after:
            report = await self._client.order(pair, ResumePair(pair))
            after["paused"] = report.paused
            return report

    async def confirm(self, pair: int, *, take: bool = False, who: str = "app") -> PairPlan:
        """Say which chats a pair means whose ``@name`` means another chat by now.

        It stays with those that it has, planned by their numbers from now on. With ``take`` it
        goes on with those that its names mean now: with another source it begins anew.

        Raises:
            UnknownRecordError: there is no such pair.
            InvalidRecordError: it is not paused for such a name; nothing has changed.
        """
        async with self._noted(who, "confirm pair", pair) as after:
            after["take"] = take
            known = await self._client.order(pair, ConfirmPair(pair, take))
            before = await self._client.plan(pair)
            if take or known is None:
                return before
            plan = replace(before, source=known[0], target=known[1])
            if plan == before:
                return before
            return await self._ask(ChangePair(before=before, after=plan, who=who))

    async def backfill(
        self, pair: int, *, after: int = 0, since: datetime | None = None, who: str = "app"
    ) -> PairReport:
        """Forward the past, too: what was said behind message ``after``, or at ``since`` and later.

        It goes on after any restart; messages that were forwarded are not forwarded again.
        Progress is told by ``BackfillProgress`` events.

        Raises:
            BackfillRunningError: it is at it already.

        Example::

            from datetime import UTC, datetime, timedelta

            await warden.pairs.backfill(3, since=datetime.now(UTC) - timedelta(days=7))
        """
        moment = None if since is None else a_moment("since", since)
        a_number("after", after)
        async with self._noted(who, "backfill pair", pair) as asked:
            asked |= {"after": after, "since": moment}
            return await self._client.order(pair, Backfill(pair=pair, after=after, since=moment))

    async def dead(self, pair: int | None = None) -> tuple[DeadLetter, ...]:
        """The messages that could not be delivered, of one pair or of all.

        Example::

            for letter in await warden.pairs.dead():
                print(letter.pair, letter.source_id, letter.reason)
        """
        wanted = None if pair is None else (a_number("pair", pair),)

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

        return await self._client.stored(work)

    async def retry(self, pair: int, source_ids: Sequence[int] = (), *, who: str = "app") -> int:
        """Send dead letters again, all of a pair's or these; returns how many.

        Example::

            sent = await warden.pairs.retry(3)
        """
        return await self._with_dead(
            who, "retry dead", RetryDead(pair, numbers("source_ids", source_ids))
        )

    async def drop(self, pair: int, source_ids: Sequence[int] = (), *, who: str = "app") -> int:
        """Forget dead letters, all of a pair's or these; returns how many."""
        return await self._with_dead(
            who, "drop dead", DropDead(pair, numbers("source_ids", source_ids))
        )

    async def _with_dead(self, who: str, what: str, order: RetryDead | DropDead) -> int:
        async with self._noted(who, what, order.pair) as after:
            after["messages"] = done = await self._client.order(order.pair, order)
            return done

    def _noted(
        self, who: str, what: str, pair: int
    ) -> contextlib.AbstractAsyncContextManager[dict[str, Any]]:
        return self._client.auditor.noted(who, what, f"pair {a_number('pair', pair)}")

    # Moves

    async def reassign(
        self,
        selection: str,
        to: str,
        *,
        dry_run: bool = False,
        accept_doubt: bool = False,
        who: str = "app",
        begun: Callable[[int], object] = lambda _: None,
    ) -> Move:
        """Move pairs to another session: all of them or none; no message is lost or doubled.

        What is on its way arrives first; what is said meanwhile is read from history by the new
        session. Nobody reconnects. It can be followed as an operation of the kind ``reassign``.

        Args:
            selection: ``1,2,3``, ``1-10`` or ``all_from:NAME``.
            to: the session that takes them.
            dry_run: only say what would be done; it looks at the same things.
            accept_doubt: move pairs also where it cannot be known whether some messages have
                arrived, because their account cannot be asked any more. The new account looks
                for them in the target first; one that it does not find there is sent, and may
                arrive twice.
            who: for the audit trail.
            begun: called with the operation's number once it has begun.

        Raises:
            PairsNotMovedError: with every reason; nothing has changed.
            InvalidRecordError: it is no selection, no name, or nothing that can be called.

        Example::

            move = await warden.pairs.reassign("all_from:alice", "bob", dry_run=True)
            print(move.pairs)
        """
        a_text("selection", selection, "1,2,3, 1-10 or all_from:NAME")
        a_text("to", to, "a session's name")
        a_callback("begun", begun)
        if dry_run:
            move = await self._reassigning.plan(selection, to, accept_doubt=accept_doubt)
            await self._reassigning.check(move)
            return move
        with self._client.auditor.refusals(who, "reassign", to):
            move = await self._reassigning.plan(selection, to, accept_doubt=accept_doubt)
            return await self._reassigning.carry_out(move, who, begun) if move.pairs else move


def _refuse_fixed(fields: Mapping[str, Any]) -> None:
    fixed = tuple(sorted(set(FIXED).intersection(fields)))
    if fixed:
        changeable = sorted(set(PairConfig.model_fields).difference(FIXED))
        raise UnknownFieldError(fixed, tuple(changeable))
