"""The rows of the compact state: what each is made of, and how it is told.

Pure. A row leaves out what is null, false, 0 or empty: most of most rows is.
"""

from __future__ import annotations

import operator
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ...metrics import Activity, Flood
from ...notify import RULES, ChannelState, Standing
from ...storage import AlertRow, Operation
from ...supervision import ChildState, Snapshot
from ...telegram import HealthReason, HealthVerdict, facts_as_dict, said
from ...telegram.reports import GroupReport, Overview, PairReport, SessionReport, Wait
from ..words import Words

_OF_PAIRS: Final = re.compile(r"pairs? (\d+(?:, \d+)*): (.+)", re.DOTALL)
# What a worker group has that neither its session nor one of its pairs says.
_GROUPS_OWN: Final = frozenset(
    {
        HealthReason.NO_ANSWER,
        HealthReason.STALLED,
        HealthReason.BEHIND,
        HealthReason.SOURCE_DEAF,
    }
)
HEARD_EVERY: Final = 10.0  # seconds to which a session's last update is told; it is busy all day
ENDED: Final = 50  # operations that are over


SessionSource = tuple[SessionReport, tuple[HealthVerdict, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What one look found, at ``at`` (epoch seconds)."""

    at: float
    overview: Overview
    tree: Snapshot | None
    alerts: Standing
    floods: Sequence[Flood]
    operations: Sequence[Operation]
    facts: Sequence[Activity]
    ready: tuple[bool, str]
    problem: str
    counters: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of rows.

    Args:
        sources: what each is made of, by its key.
        row: how one is told.
        same: whether two sources tell the same.
        of: what all of them are made of; as long as it is the same object, nothing has changed.
    """

    sources: Callable[[Sight], Iterator[tuple[str, Any]]]
    row: Callable[[Any, Sight, Words], dict[str, Any]]
    same: Callable[[Any, Any], bool] = operator.eq
    of: Callable[[Sight], object] | None = None


def _sessions(sight: Sight) -> Iterator[tuple[str, SessionSource]]:
    ill: dict[str, tuple[HealthVerdict, ...]] = {}
    for one in sight.overview.verdicts:
        if one.group and one.reason in _GROUPS_OWN:
            ill[one.session] = (*ill.get(one.session, ()), one)
    for report in sight.overview.sessions:
        yield report.session, (report, ill.get(report.session, ()))


def _session(source: SessionSource, sight: Sight, words: Words) -> dict[str, Any]:
    report, ill = source
    heard, account = report.last_update, report.account
    return {
        "phase": report.phase,
        "health": report.health,
        "reason": words.reason(report.reason),
        "since": report.since,
        "until": report.until,
        "limited_until": report.limited_until,
        "rung": report.rung,
        "recoveries": report.recoveries,
        "parked": report.parked,
        "probe_seconds": report.probe_seconds,
        "last_update": None if heard is None else heard // HEARD_EVERY * HEARD_EVERY,
        "user_id": report.user_id,
        "groups": report.groups,
        "notice": "" if report.notice is None else said(report.notice, words),
        "account": account and lean(facts_as_dict(account, sight.at, words)),
        "waits": [lean(_wait(one)) for one in report.waits],
        "ill": [_verdict(one, sight, words) for one in ill],
    }


def _groups(sight: Sight) -> Iterator[tuple[str, tuple[str, str, bool]]]:
    for one in sight.overview.groups:
        yield _group_key(one), (one.session, one.group, one.online)


def _group(source: tuple[str, str, bool], _: Sight, __: Words) -> dict[str, Any]:
    session, group, online = source
    return {"session": session, "group": group, "online": online}


def _group_key(report: GroupReport) -> str:
    return f"{report.session}/{report.group}"


def _verdicts(sight: Sight) -> Iterator[tuple[str, HealthVerdict]]:
    for one in sight.overview.verdicts:
        if one.ill:
            yield f"{one.session}/{one.group}" if one.group else one.session, one


def _verdict(verdict: HealthVerdict, _: Sight, words: Words) -> dict[str, Any]:
    return {
        "session": verdict.session,
        "group": verdict.group,
        "health": verdict.health,
        "reason": verdict.reason,
        "why": [lean(_why(one, words)) for one in verdict.why],
        "since": verdict.since,
        "steps": [
            lean({"step": one.step, "times": one.times, "at": one.at, "problem": one.problem})
            for one in verdict.steps
        ],
    }


def _why(sentence: str, words: Words) -> dict[str, Any]:
    """A sentence of a verdict, and the pairs that it is about."""
    if (found := _OF_PAIRS.fullmatch(sentence)) is None:
        return {"text": words.reason(sentence)}
    return {"pairs": found[1].split(", "), "text": words.reason(found[2])}


def _pairs(sight: Sight) -> Iterator[tuple[str, tuple[PairReport, str, str]]]:
    for group in sight.overview.groups:
        for pair in group.pairs:
            yield str(pair.id), (pair, group.session, group.group)


def _pair(source: tuple[PairReport, str, str], _: Sight, words: Words) -> dict[str, Any]:
    pair, session, group = source
    return {
        "session": session,
        "group": group,
        "source": pair.source,
        "target": pair.target,
        "mode": pair.mode,
        "waiting": pair.waiting,
        "delivered": pair.delivered,
        "repeated": pair.repeated,
        "dead": pair.dead,
        "paused": None if pair.paused is None else words.reason(pair.paused),
        "ready": pair.ready,
        "waits": [lean(_wait(one)) for one in pair.waits],
    }


def _waits(sight: Sight) -> Iterator[tuple[str, Wait]]:
    seen: Counter[str] = Counter()
    for one in sight.overview.waits:
        key = f"{one.who} {one.kind}"
        seen[key] += 1
        yield key if seen[key] == 1 else f"{key} {seen[key]}", one


def _told_wait(wait: Wait, _: Sight, __: Words) -> dict[str, Any]:
    return {"who": wait.who, **_wait(wait), "alarming": wait.alarming}


def _wait(wait: Wait) -> dict[str, Any]:
    return {"kind": wait.kind, "what": wait.what, "since": wait.since, "until": wait.until}


def _alerts(sight: Sight) -> Iterator[tuple[str, AlertRow]]:
    for one in sight.alerts.firing:
        yield f"{one.name}:{one.subject}" if one.subject else one.name, one


def _alert(alert: AlertRow, _: Sight, words: Words) -> dict[str, Any]:
    rule = RULES[alert.name]
    return {
        "name": alert.name,
        "subject": alert.subject,
        "severity": alert.severity,
        "explanation": words(rule.what),
        "advice": words(rule.advice),
        "detail": alert.detail,
        "since": alert.since,
        "told": list(alert.told),
    }


def _silences(sight: Sight) -> Iterator[tuple[str, float]]:
    yield from sight.alerts.silences


def _silence(until: float, _: Sight, __: Words) -> dict[str, Any]:
    return {"until": until}


def _channels(sight: Sight) -> Iterator[tuple[str, ChannelState]]:
    for one in sight.alerts.channels:
        yield one.name, one


def _channel(channel: ChannelState, _: Sight, __: Words) -> dict[str, Any]:
    return {
        "kind": channel.kind,
        "waiting": channel.waiting,
        "muted_until": channel.muted_until,
        "problem": channel.problem,
        "next_try": channel.next_try,
    }


def _floods(sight: Sight) -> Iterator[tuple[str, Flood]]:
    for one in sight.floods:
        yield f"{one.session} {one.method}", one


def _flood(flood: Flood, _: Sight, __: Words) -> dict[str, Any]:
    return {"session": flood.session, "method": flood.method, "until": flood.until}


def _operations(sight: Sight) -> Iterator[tuple[str, Operation]]:
    ended = [one for one in sight.operations if not one.active][-ENDED:]
    for one in (*(one for one in sight.operations if one.active), *ended):
        yield str(one.id), one


def _operation(one: Operation, _: Sight, __: Words) -> dict[str, Any]:
    return {
        "id": one.id,
        "kind": one.kind,
        "session": one.session,
        "state": one.state,
        "step": one.step,
        "steps": one.steps,
        "description": one.description,
        "error": one.error,
        "who": one.who,
        "started": one.started,
        "updated": one.updated,
        "ended": one.ended,
        "progress": round(one.progress, 4),
    }


def _tree(sight: Sight) -> Iterator[tuple[str, Snapshot]]:
    for one in () if sight.tree is None else sight.tree.walk():
        yield one.path, one


def _place(place: Snapshot, sight: Sight, _: Words) -> dict[str, Any]:
    resumes, runs = place.resumes_in, place.state is ChildState.RUNNING
    return {
        "actor": place.actor,
        "state": "" if runs else place.state.value,
        "why": place.why,
        "restarts": place.restarts,
        "restarts_left": place.restarts_left if place.restarts else None,
        "since": None if runs else round(sight.at - place.seconds, 3),
        "resumes_at": None if resumes is None else round(sight.at + resumes, 3),
        "waiting": place.waiting,
    }


def _same_place(one: Snapshot, other: Snapshot) -> bool:
    """Whether nothing happened there: its clocks go on all the time."""
    return (
        one.state is other.state
        and one.incarnation == other.incarnation
        and one.restarts == other.restarts
        and one.restarts_left == other.restarts_left
        and one.waiting == other.waiting
        and one.why == other.why
        and (one.resumes_in is None) is (other.resumes_in is None)
    )


def _facts(sight: Sight) -> Iterator[tuple[str, Activity]]:
    for one in reversed(sight.facts):
        yield str(one.number), one


def _fact(fact: Activity, _: Sight, __: Words) -> dict[str, Any]:
    return {
        "at": fact.at,
        "kind": fact.kind,
        "tone": fact.tone,
        "text": fact.text,
        "session": fact.session,
        "child": fact.child,
    }


def lean(row: dict[str, Any]) -> dict[str, Any]:
    """A row without what is null, false, 0 or empty; of what is left of a limit 0 is said."""
    return {key: one for key, one in row.items() if one or (key == "restarts_left" and one == 0)}


KINDS: Final[Mapping[str, Kind]] = {
    "sessions": Kind(sources=_sessions, row=_session),
    "groups": Kind(sources=_groups, row=_group),
    "pairs": Kind(sources=_pairs, row=_pair),
    "verdicts": Kind(sources=_verdicts, row=_verdict),
    "waits": Kind(sources=_waits, row=_told_wait),
    "alerts": Kind(sources=_alerts, row=_alert),
    "silences": Kind(sources=_silences, row=_silence),
    "channels": Kind(sources=_channels, row=_channel),
    "floods": Kind(sources=_floods, row=_flood),
    "operations": Kind(sources=_operations, row=_operation),
    "tree": Kind(sources=_tree, row=_place, same=_same_place, of=lambda sight: sight.tree),
    "facts": Kind(sources=_facts, row=_fact),
}
