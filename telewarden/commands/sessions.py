"""Sessions: list, status, register, change, delete, placement."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping
from itertools import chain
from typing import Any, Final

import psutil

from .._version import __version__
from ..actors import SessionEntry
from ..console.results.operations import Operation
from ..console.results.process import Process, Workers
from ..console.results.sessions import (
    Candidate,
    ChangedMany,
    ChangeOutcome,
    Deleted,
    Flood,
    GroupStatus,
    Optimal,
    Session,
    SessionList,
    SessionStatus,
    Status,
    Wait,
)
from ..console.state import session_facts
from ..console.words import Words
from ..errors import BadCommandError
from ..metrics import Flood as FloodSeen
from ..storage import Operation as OperationSeen
from ..telegram import Overview, SessionReport
from ..telegram import Wait as WaitSeen
from .engine import Engine, Handlers, Handles

ENGLISH: Final = Words()  # whoever shows it translates it
NO_CHANGE: Final = "nothing is to change; give --priority or the like"


async def status(engine: Engine, _who: str, *, session: str | None) -> Status:
    """How everything is, or one session."""
    if session is not None:
        engine.session(session)
    overview, (ready, sentence) = await engine.overview(), engine.ready()
    floods = engine.exporter.floods()
    running = engine.operations.list(state="running", session=session)
    return status_of(
        overview, session, ready=ready, readiness=sentence, floods=floods, running=running
    )


def status_of(
    overview: Overview,
    session: str | None,
    *,
    ready: bool,
    readiness: str,
    floods: Iterable[FloodSeen] = (),
    running: Iterable[OperationSeen] = (),
) -> Status:
    """An overview as a result, or what of it is about one session."""

    def is_asked(name: str) -> bool:
        return session in (None, name)

    return Status(
        at=time.time(),
        version=__version__,
        ready=ready,
        readiness=readiness,
        sessions=tuple(_status(one) for one in overview.sessions if is_asked(one.session)),
        groups=tuple(
            GroupStatus.model_validate(one) for one in overview.groups if is_asked(one.session)
        ),
        waits=tuple(map(Wait.model_validate, _waits(overview, session))),
        operations=tuple(map(Operation.model_validate, running)),
        floods=tuple(Flood.model_validate(one) for one in floods if is_asked(one.session)),
    )


def _waits(overview: Overview, session: str | None) -> Iterable[WaitSeen]:
    """Everything that waits, or what one session and its pairs wait for."""
    if session is None:
        return overview.waits
    of_it = [one.waits for one in overview.sessions if one.session == session]
    pairs = [one.pairs for one in overview.groups if one.session == session]
    return chain(*of_it, *(pair.waits for found in pairs for pair in found))


def _status(report: SessionReport) -> SessionStatus:
    return SessionStatus(**session_facts(report, now=time.time(), words=ENGLISH))


async def sessions(engine: Handles, _who: str, *, health: str | None) -> SessionList:
    """The registered sessions."""
    known = engine.sessions
    found = known.list() if health is None else known.by_health(health)
    return SessionList(sessions=tuple(shown(one) for one in found))


def shown(entry: SessionEntry) -> Session:
    """A registered session without what is secret of it."""
    status, record = entry.status, entry.record
    return Session(
        name=entry.name,
        health=status.health,
        phase=status.phase,
        reason=status.reason,
        since=status.since,
        until=status.until,
        priority=entry.priority,
        max_pairs=entry.max_pairs,
        pairs=entry.pairs,
        free=entry.free,
        user_id=status.user_id or record.user_id,
        metadata=dict(entry.metadata),
    )


async def register(engine: Handles, who: str, *, session: str, **fields: Any) -> Session:
    """Register a session."""
    return shown(await engine.sessions.register(session, who=who, **_given(fields)))


async def change(engine: Handles, who: str, *, session: str, **fields: Any) -> Session:
    """Change some of its fields."""
    wanted = _given(fields)
    if not wanted:
        raise BadCommandError("change", NO_CHANGE)
    return shown(await engine.sessions.change(session, who=who, **wanted))


async def change_many(
    engine: Handles,
    who: str,
    *,
    sessions: list[str],
    all: bool,  # noqa: A002 - its option's name
    where: dict[str, Any],
    dry_run: bool,
    **fields: Any,
) -> ChangedMany:
    """Change some fields of many."""
    change = _given(fields)
    if not (sessions or all or where):
        raise BadCommandError("change-many", "name sessions, or give --all or --where")
    if not change:
        raise BadCommandError("change-many", NO_CHANGE)
    chosen = [engine.sessions.get(name) for name in dict.fromkeys(sessions)]
    chosen = [one for one in chosen or engine.sessions.list() if _is_so(one, where)]
    if dry_run:
        named = [ChangeOutcome(session=one.name, changed=True, error="") for one in chosen]
        return ChangedMany(outcomes=tuple(named), dry_run=True)
    went = await engine.sessions.change_many({one.name: change for one in chosen}, who=who)
    outcomes = tuple(
        ChangeOutcome(
            session=one.name,
            changed=one.error is None,
            error="" if one.error is None else str(one.error),
        )
        for one in went
    )
    return ChangedMany(outcomes=outcomes, dry_run=False)


def _is_so(entry: SessionEntry, where: Mapping[str, Any]) -> bool:
    """Whether a session's own facts, or its metadata, are all as wanted."""
    known = {
        **entry.metadata,
        "health": entry.status.health.value,
        "phase": entry.status.phase.value,
        "priority": entry.priority,
        "max_pairs": entry.max_pairs,
    }
    return all(key in known and known[key] == value for key, value in where.items())


def _given(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


async def delete(
    engine: Handles, who: str, *, session: str, force: bool, accept_doubt: bool, dry_run: bool
) -> Deleted:
    """Stop a session and forget it."""
    gone = await engine.sessions.delete(
        session, force=force, accept_doubt=accept_doubt, dry_run=dry_run, who=who
    )
    return Deleted(name=gone.name, moved=dict(gone.moved), dry_run=dry_run)


async def optimal(engine: Handles, _who: str, *, any_health: bool) -> Optimal:
    """The session for one more pair."""
    choice = engine.sessions.best(only_healthy=not any_health)
    candidates = tuple(Candidate.model_validate(one) for one in choice.candidates)
    return Optimal(name=choice.name, reason=choice.reason, candidates=candidates)


async def workers(engine: Engine, _who: str) -> Workers:
    """The worker groups, and the process."""
    overview = await engine.overview()
    return Workers(
        groups=tuple(GroupStatus.model_validate(one) for one in overview.groups),
        process=process(),
    )


def process() -> Process:
    """This process, as the system counts it."""
    here = psutil.Process()
    used = here.cpu_times()
    return Process(
        pid=os.getpid(),
        uptime=max(0.0, time.time() - here.create_time()),
        memory=here.memory_info().rss,
        processor=used.user + used.system,
    )


HANDLERS: Final[Handlers] = {
    "status": status,
    "sessions": sessions,
    "register": register,
    "change": change,
    "change-many": change_many,
    "delete": delete,
    "optimal": optimal,
    "workers": workers,
}
