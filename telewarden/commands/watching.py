"""What looks: health, tests, checks, events, floods, audit trail, history, tree, stacks."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import threading
import time
import traceback
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from operator import attrgetter
from types import FrameType
from typing import Final

from ..actors.forwarding.pausing import ON_PURPOSE
from ..config import Config
from ..console.results.process import (
    ConfigChange,
    Drilled,
    Node,
    Reloaded,
    Stack,
    Stacks,
    Stopping,
    Tree,
)
from ..console.results.sessions import Flood
from ..console.results.watching import (
    Audit,
    AuditRow,
    Diagnosis,
    Event,
    Events,
    Finding,
    FiringAlert,
    Floods,
    Health,
    History,
    Ill,
    LoginTest,
    Moment,
    Owner,
    Safety,
    SessionSafety,
    Tested,
)
from ..diagnostics import Diagnosis as Found
from ..errors import TelegramError, TelewardenError
from ..standalone.safety_check import Safety as Verdict
from ..standalone.safety_check import SafetyReport, clear_stale, safety_check
from ..storage import AlertRow
from ..telegram import HealthVerdict, own_user_request
from .engine import Engine, Handlers, Handles

TEST_WITHIN: Final = 20.0  # seconds for Telegram's answer
PATIENCE: Final = 5.0  # seconds for a session that is coming online


async def health(engine: Engine, _who: str) -> Health:
    """Whether all is well."""
    overview = await engine.overview()
    firing: Iterable[AlertRow] = ()
    with contextlib.suppress(TelewardenError):  # who tells is just being restarted
        firing = (await engine.alerts.standing()).firing
    ready, sentence = engine.ready()
    numbers = engine.registry.statistics()
    return Health(
        ready=ready,
        readiness=sentence,
        overall=numbers.overall,
        reasons=numbers.reasons,
        stuck=numbers.stuck,
        sessions=dict(numbers.sessions),
        operations=dict(numbers.operations),
        pairs=numbers.pairs,
        pair_room=numbers.pair_room,
        session_use=numbers.session_use,
        operation_use=numbers.operation_use,
        pair_use=numbers.pair_use,
        troubled=tuple(
            pair.id
            for group in overview.groups
            for pair in group.pairs
            if pair.paused is not None and not pair.paused.startswith(ON_PURPOSE)
        ),
        ill=tuple(_ill(one) for one in overview.verdicts if one.ill),
        alerts=tuple(map(FiringAlert.model_validate, firing)),
    )


def _ill(verdict: HealthVerdict) -> Ill:
    return Ill(
        subject=verdict.subject,
        health=verdict.health,
        reason=verdict.reason,
        why=verdict.why,
        since=verdict.since,
        steps=tuple(
            f"{one.step} {one.times}x" + (f", refused: {one.problem}" if one.problem else "")
            for one in verdict.steps
        ),
    )


async def test(engine: Engine, _who: str, *, session: str | None) -> Tested:
    """Ask Telegram with each login, all at once."""
    names = [session] if session else [one.name for one in engine.sessions.list()]
    for name in names:
        engine.session(name)
    return Tested(sessions=tuple(await asyncio.gather(*(_tested(engine, one) for one in names))))


async def _tested(engine: Engine, name: str) -> LoginTest:
    begun = time.monotonic()
    try:
        await engine.session(name).call(own_user_request(), deadline=TEST_WITHIN, patience=PATIENCE)
    except TelewardenError as error:
        return not_good(name, error)
    return good(name, time.monotonic() - begun)


def good(name: str, took: float) -> LoginTest:
    """A login that Telegram has answered, after so many seconds."""
    said = f"Telegram answered after {took:.2f} s"
    return LoginTest(session=name, good=True, explanation=said, advice="", seconds=took)


def not_good(name: str, error: TelewardenError) -> LoginTest:
    """A login that is not good, and why."""
    advice = error.advice if isinstance(error, TelegramError) else ""
    said = str(error).removesuffix(advice).rstrip()
    return LoginTest(session=name, good=False, explanation=said, advice=advice, seconds=None)


async def safety(engine: Engine, _who: str, *, session: str | None, clear: bool) -> Safety:
    """Who uses which session."""
    return await asyncio.to_thread(checked, engine.config, session, clear=clear)


def checked(config: Config, session: str | None, *, clear: bool) -> Safety:
    """Who uses which session, after what dead owners left is removed if that is wanted."""
    if clear:
        for one in safety_check(config, session):
            if one.verdict is Verdict.CAUTION:
                clear_stale(config, one.session)
    return judged(safety_check(config, session))


def judged(reports: Iterable[SafetyReport]) -> Safety:
    """The verdicts, and the worst of them."""
    sessions = tuple(
        SessionSafety(
            session=one.session,
            verdict=one.verdict,
            explanation=one.explanation,
            advice=one.advice,
            owners=tuple(
                Owner(pid=who.pid, purpose=who.purpose, command=who.command, since=who.since)
                for who in one.owners
            ),
            exit_code=one.exit_code,
        )
        for one in reports
    )
    return Safety(sessions=sessions, exit_code=max((one.exit_code for one in sessions), default=0))


async def diagnostics(engine: Engine, _who: str) -> Diagnosis:
    """Everything that can be looked at."""
    return told(await engine.diagnose())


def told(found: Found) -> Diagnosis:
    """Findings as a result."""
    return Diagnosis(
        healthy=found.healthy, findings=tuple(Finding(**asdict(one)) for one in found.findings)
    )


async def tree(engine: Engine, _who: str) -> Tree:
    """The supervisor tree."""
    snapshot = engine.snapshot()
    return Tree(text=snapshot.as_text(), tree=Node.model_validate(snapshot.as_dict()))


async def drill(engine: Engine, who: str, *, child: str) -> Drilled:
    """Crash one child."""
    await engine.drill(child, who=who)
    return Drilled(child=child)


async def reload(engine: Engine, who: str) -> Reloaded:
    """Read the configuration again."""
    report = await engine.reload(who=who)
    return Reloaded(
        applied=tuple(map(ConfigChange.model_validate, report.applied)),
        needs_restart=tuple(map(ConfigChange.model_validate, report.needs_restart)),
    )


async def stop(engine: Engine, who: str) -> Stopping:
    """Begin to stop."""
    engine.shutdown(who=who)
    return Stopping(pid=os.getpid())


async def events(engine: Engine, _who: str, *, limit: int, after: int) -> Events:
    """What happened last, oldest first."""
    facts = [one for one in engine.exporter.feed.newest() if one.number > after]
    return Events(events=tuple(Event(**asdict(one)) for one in reversed(facts[:limit])))


async def floods(engine: Engine, _who: str, *, session: str | None) -> Floods:
    """Who was asked to wait."""
    found = [one for one in engine.exporter.floods() if session in (None, one.session)]
    if session is not None and not found:
        engine.session(session)  # an unknown one is told of
    return Floods(floods=tuple(Flood.model_validate(one) for one in found))


async def audit(
    engine: Handles,
    _who: str,
    *,
    who: str | None,
    what: str | None,
    subject: str | None,
    since: float | None,
    before: float | None,
    limit: int,
) -> Audit:
    """Who changed what."""
    rows = await engine.registry.audit(
        who=who, what=what, subject=subject, since=since or 0.0, before=before, limit=limit
    )
    return Audit(rows=tuple(AuditRow.model_validate(one) for one in rows))


async def history(engine: Engine, _who: str, *, session: str, limit: int) -> History:
    """A session's timeline, its newest moments."""
    handle = engine.session(session)
    rows = await engine.registry.audit(subject=session, limit=limit)
    moments = [
        Moment(at=one.at, kind="audit", what=f"{one.who}: {one.what}, {one.outcome}")
        for one in rows
    ]
    moments += _operations(engine, session)
    for kept in await handle.backups():
        moments.append(Moment(at=kept.at, kind="backup", what=f"backup {kept.id}: {kept.reason}"))
    for fact in engine.exporter.feed.newest():
        if fact.session == session or f"{fact.child}/".startswith(f"sessions/session:{session}/"):
            moments.append(Moment(at=fact.at, kind="event", what=fact.text))
    moments.sort(key=attrgetter("at"))
    return History(session=session, moments=tuple(moments[-limit:]))


def _operations(engine: Engine, session: str) -> Iterator[Moment]:
    for one in engine.operations.list(session=session):
        what = f"{one.kind} {one.id} begun by {one.who}"
        yield Moment(at=one.started, kind="operation", what=what)
        if one.ended is not None:
            outcome = one.error or one.description
            yield Moment(
                at=one.ended, kind="operation", what=f"{one.kind} {one.id} {one.state}: {outcome}"
            )


async def stack(_engine: Engine, _who: str) -> Stacks:
    """Where every thread and task is: files, lines and functions, no values."""
    names = {one.ident: one.name for one in threading.enumerate()}
    threads = tuple(
        Stack(name=f"thread {names.get(ident, ident)}", frames=_frames(frame))
        for ident, frame in sys._current_frames().items()  # noqa: SLF001 - documented, for debuggers
    )
    tasks = tuple(
        Stack(name=f"task {one.get_name()}", frames=tuple(_task_frames(one)))
        for one in asyncio.all_tasks()
    )
    return Stacks(threads=threads, tasks=tasks)


def _frames(frame: FrameType) -> tuple[str, ...]:
    return tuple(
        f"{one.filename}:{one.lineno} {one.name}" for one in traceback.extract_stack(frame)
    )


def _task_frames(task: asyncio.Task[object]) -> Iterator[str]:
    for frame in task.get_stack():
        yield f"{frame.f_code.co_filename}:{frame.f_lineno} {frame.f_code.co_name}"


HANDLERS: Final[Handlers] = {
    "health": health,
    "test": test,
    "safety-check": safety,
    "diagnostics": diagnostics,
    "tree": tree,
    "drill": drill,
    "reload": reload,
    "stop": stop,
    "events": events,
    "floods": floods,
    "audit": audit,
    "history": history,
    "stack": stack,
}
