"""Pairs: what there is, orders, dead letters, moves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any, Final

from ..actors import PairPlan
from ..actors.forwarding.pause_reasons import hand_of, other_of
from ..console.results.pairs import (
    AddedPair,
    Chat,
    ChatList,
    DeadContent,
    DeadLetter,
    DeadList,
    Dropped,
    Move,
    Pair,
    PairList,
    Retried,
    Why,
)
from ..console.results.sessions import PairStatus, Wait
from ..errors import BadCommandError, UnknownRecordError
from ..errors.root import counted
from ..telegram import (
    DEAF_SOURCE,
    HEALTHS,
    Health,
    PairReport,
    SessionReport,
    WaitKind,
    dialogs_in,
    dialogs_request,
    message_in,
    message_request,
)
from ..telegram.addressing.names import masked
from .engine import Engine, Handlers, Handles

Fields = dict[str, Any]

SHOWN: Final = 1000  # characters of a dead letter's text
WAIT_FOR_IT: Final = "It goes on by itself at the deadline; what waits is kept."


def planned(plan: PairPlan) -> Pair:
    """A plan for others to read; a handler's options and an invitation may be secret."""
    return Pair.model_validate(
        replace(plan, source=masked(plan.source), target=masked(plan.target))
    )


async def list_(engine: Handles, _who: str, *, session: str | None) -> PairList:
    """The pairs, by number."""
    plans = await engine.pairs.list(session)
    return PairList(pairs=tuple(planned(plan) for plan in plans))


async def add(
    engine: Handles, who: str, *, fields: Fields, session: str | None, pair: int | None, ring: bool
) -> AddedPair:
    """Let there be one more."""
    places: dict[int | str, int] = {}
    options = {"session": session, "pair": pair, "ring": ring or None}
    given = _own("pairs add", fields) | {k: v for k, v in options.items() if v is not None}
    plan = await engine.pairs.add(who=who, found=places.update, **given)
    wanted = {one for one in (plan.source, plan.target) if one}
    return AddedPair(**planned(plan).model_dump(), located=wanted <= places.keys())


async def change(engine: Handles, who: str, *, pair: int, fields: Fields) -> Pair:
    """Change how it goes on."""
    if not fields:
        raise BadCommandError(
            "pairs change", "nothing is to change; give a field, as enabled=false"
        )
    return planned(await engine.pairs.change(pair, who=who, **_own("pairs change", fields)))


def _own(command: str, fields: Fields) -> Fields:
    """The fields of a pair's plan; who asks is told by the surface."""
    if "who" in fields:
        raise BadCommandError(command, "a pair has no field 'who'; see [[pairs]]")
    return fields


async def remove(engine: Handles, who: str, *, pair: int, accept_doubt: bool) -> Pair:
    """Let it go."""
    return planned(await engine.pairs.remove(pair, accept_doubt=accept_doubt, who=who))


async def pause(
    engine: Handles, who: str, *, pair: int, reason: str, seconds: float | None
) -> PairStatus:
    """Stop forwarding, for good or for a time."""
    return _status(await engine.pairs.pause(pair, reason, seconds=seconds, who=who))


async def resume(engine: Handles, who: str, *, pair: int) -> PairStatus:
    """Go on."""
    return _status(await engine.pairs.resume(pair, who=who))


async def confirm(engine: Engine, who: str, *, pair: int, take: bool) -> Pair:
    """Say which chat is meant."""
    return planned(await engine.pairs.confirm(pair, take=take, who=who))


async def backfill(
    engine: Engine, who: str, *, pair: int, after: int, since: float | None
) -> PairStatus:
    """Forward the past."""
    moment = None if since is None else datetime.fromtimestamp(since, UTC)
    return _status(await engine.pairs.backfill(pair, after=after, since=moment, who=who))


def _status(report: PairReport) -> PairStatus:
    return PairStatus.model_validate(report)


async def why(engine: Engine, _who: str, *, pair: int) -> Why:
    """What a pair waits for."""
    plan = await engine.pairs.get(pair)
    overview = await engine.overview()
    found = [one for group in overview.groups for one in group.pairs if one.id == pair]
    reports = {one.session: one for one in overview.sessions}
    session = reports.get(plan.session)
    if not found or session is None:
        raise UnknownRecordError("report of pair", pair)
    report = found[0]
    well = session.health is Health.HEALTHY
    floods = tuple(one for one in session.waits if one.kind is WaitKind.FLOOD)
    waits = (*report.waits, *(floods if well else session.waits))
    return Why(
        id=pair,
        session=plan.session,
        health=session.health,
        paused=report.paused,
        waiting=report.waiting,
        dead=report.dead,
        verdict=_verdict(plan, report, session, flooded=bool(floods)),
        advice=_advice(report, session.health, flooded=bool(floods)),
        waits=tuple(Wait.model_validate(one) for one in dict.fromkeys(waits)),
    )


def _advice(report: PairReport, health: Health, *, flooded: bool) -> str:
    if health is not Health.HEALTHY:
        return HEALTHS[health].advice
    if report.deaf_since is not None:
        return DEAF_SOURCE.advice
    return WAIT_FOR_IT if flooded and (report.waits or report.waiting) else ""


def _verdict(plan: PairPlan, report: PairReport, session: SessionReport, *, flooded: bool) -> str:
    hand, other = hand_of(report.paused), other_of(report.paused)
    if not plan.enabled:
        off = f"it is off in its plan; `pairs change {plan.id} enabled=true` turns it on"
        back = f"; it is {hand}, too: `pairs resume {plan.id}` takes that back"
        return off + back if hand else off
    if hand and other:
        took = "takes back what was said by hand, and leaves the rest"
        return f"it is {report.paused}; `pairs resume {plan.id}` {took}"
    if report.paused is not None:
        return f"it is paused: {report.paused}; `pairs resume {plan.id}` lets it go on"
    if session.health is not Health.HEALTHY:
        return f"its session is {session.health}: {session.reason}"
    if report.deaf_since is not None:
        return DEAF_SOURCE.explanation
    if flooded and (report.waits or report.waiting):
        return f"waiting: {counted(report.waiting, 'message')}; Telegram asked its session to wait"
    if report.waits:
        return f"waiting: {counted(report.waiting, 'message')}"
    if report.waiting:
        return f"it waits for nothing; on the way: {counted(report.waiting, 'message')}"
    return "it waits for nothing, and has sent all that there is"


async def chats(
    engine: Engine, _who: str, *, session: str, find: str | None, limit: int
) -> ChatList:
    """The account's chats, asked of Telegram."""
    answer = await engine.session(session).call(dialogs_request(limit))
    wanted = (find or "").lower()
    found = tuple(
        Chat.model_validate(one)
        for one in dialogs_in(answer)
        if wanted in f"@{one.username or ''} {one.title}".lower()
    )
    return ChatList(session=session, chats=found)


async def dead(
    engine: Handles,
    _who: str,
    *,
    pair: int | None,
    session: str | None,
    find: str | None,
    limit: int,
    offset: int,
) -> DeadList:
    """What could not be delivered."""
    served = None if session is None else {one.id for one in await engine.pairs.list(session)}
    wanted = (find or "").lower()
    letters = await engine.pairs.dead(pair)
    if pair is not None and not letters:
        await _known(engine, pair)
    found = [
        one
        for one in letters
        if (served is None or one.pair in served) and wanted in one.reason.lower()
    ]
    page = found[offset : offset + limit]
    return DeadList(dead=tuple(DeadLetter(**asdict(one)) for one in page), total=len(found))


async def read(engine: Engine, _who: str, *, pair: int, message: int) -> DeadContent:
    """What a dead letter holds, asked of Telegram: no text is kept here."""
    letters = (one for one in await engine.pairs.dead(pair) if one.source_id == message)
    letter = next(letters, None)
    session = next((one.session for one in await engine.pairs.list() if one.id == pair), None)
    if letter is None or session is None:
        raise UnknownRecordError("dead letter", f"{message} of pair {pair}")
    request = message_request(letter.source_chat, message)
    found = message_in(await engine.session(session).call(request))
    return DeadContent(
        pair=pair,
        source_id=message,
        reason=letter.reason,
        gone=found is None,
        kind="" if found is None else found.kind,
        text="" if found is None else found.text[:SHOWN],
        cut=found is not None and len(found.text) > SHOWN,
        at=None if found is None else found.at,
        edited=None if found is None else found.edited,
        link="" if found is None else found.link,
    )


async def retry(engine: Handles, who: str, *, pair: int, messages: list[int]) -> Retried:
    """Send dead letters again."""
    await _dead_of(engine, pair, messages)
    return Retried(pair=pair, retried=await engine.pairs.retry(pair, messages, who=who))


async def drop(engine: Handles, who: str, *, pair: int, messages: list[int]) -> Dropped:
    """Forget dead letters."""
    await _dead_of(engine, pair, messages)
    return Dropped(pair=pair, dropped=await engine.pairs.drop(pair, messages, who=who))


async def _dead_of(engine: Handles, pair: int, messages: list[int]) -> None:
    """Refuse numbers that no dead letter of the pair has; none stands for all."""
    there = {one.source_id for one in await engine.pairs.dead(pair)} if messages else set()
    for one in messages:
        if one not in there:
            raise UnknownRecordError("dead letter", f"{one} of pair {pair}")


async def _known(engine: Handles, pair: int) -> None:
    """Refuse the number of a pair that there is not."""
    if all(one.id != pair for one in await engine.pairs.list()):
        raise UnknownRecordError("pair", pair)


async def reassign(
    engine: Engine, who: str, *, pairs: str, to: str, dry_run: bool, accept_doubt: bool
) -> Move:
    """Begin a move; it goes on by itself once its operation has begun."""
    begun: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    moving = asyncio.ensure_future(
        engine.pairs.reassign(
            pairs, to, dry_run=dry_run, accept_doubt=accept_doubt, who=who, begun=_telling(begun)
        )
    )
    either: set[asyncio.Future[Any]] = {begun, moving}
    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    if not moving.done():
        engine.under_way.add(moving)
        moving.add_done_callback(engine.under_way.discard)
        moving.add_done_callback(_told_by_the_operation)
        return Move(pairs={}, to=to, operation=begun.result(), dry_run=dry_run)
    move = moving.result()
    return Move(pairs=dict(move.pairs), to=move.to, operation=move.operation, dry_run=dry_run)


def _told_by_the_operation(task: asyncio.Future[Any]) -> None:
    if not task.cancelled():
        task.exception()


def _telling(begun: asyncio.Future[int]) -> Callable[[int], None]:
    def tell(number: int) -> None:
        if not begun.done():
            begun.set_result(number)

    return tell


HANDLERS: Final[Handlers] = {
    "pairs list": list_,
    "pairs add": add,
    "pairs change": change,
    "pairs remove": remove,
    "pairs pause": pause,
    "pairs resume": resume,
    "pairs why": why,
    "pairs confirm": confirm,
    "pairs backfill": backfill,
    "chats": chats,
    "pairs dead": dead,
    "pairs read": read,
    "pairs retry": retry,
    "pairs drop": drop,
    "reassign": reassign,
    "changesession": reassign,
}
