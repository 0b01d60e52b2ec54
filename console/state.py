"""The page's state as plain data ready for JSON, without secrets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import Any, Final

from .._version import __version__
from ..telegram import HEALTH_REASONS, HEALTHS, PHASES, HealthVerdict, Phase, facts_as_dict, said
from ..telegram.reports import GroupReport, PairReport, SessionReport, Wait
from .look import Seen
from .panel import Panel
from .words import Words

SHOWN: Final = 20  # waits that are told one by one


def state(panel: Panel, seen: Seen, *, now: float, words: Words) -> dict[str, Any]:
    """The warden at ``now`` (epoch seconds): sessions, groups, floods, tree, counters, facts.

    Explanations and advice are in the language of ``words``.
    """
    ready, sentence = panel.ready()
    exporter, tree = panel.exporter, panel.snapshot()
    return {
        "at": now,
        "version": __version__,
        "ready": ready,
        "readiness": sentence,
        "age": round(seen.age, 3),
        "problem": seen.problem,
        "sessions": [_session(report, now, words) for report in seen.overview.sessions],
        "groups": [_group(report, words) for report in seen.overview.groups],
        "waits": [_plain(wait) for wait in seen.overview.waits],
        "verdicts": [_verdict(one, words) for one in seen.overview.verdicts],
        "floods": [_plain(flood) for flood in exporter.floods()],
        "counters": exporter.counters(),
        "tree": tree.as_dict(),
        "tree_text": tree.as_text(),
        "facts": [_plain(fact) for fact in exporter.feed.newest()],
    }


def _session(report: SessionReport, now: float, words: Words) -> dict[str, Any]:
    heard = report.last_update
    return session_facts(report, now=now, words=words) | {
        "update_age": None if heard is None else max(0.0, now - heard),
        "advice_needed": PHASES[report.phase].advice != PHASES[Phase.ONLINE].advice,
    }


def session_facts(report: SessionReport, *, now: float, words: Words) -> dict[str, Any]:
    """What a session reports, with what that means and what to do, in the language of ``words``."""
    phase, health = PHASES[report.phase], HEALTHS[report.health]
    return _reported(report) | {
        "reason": words.reason(report.reason),
        "notice": "" if report.notice is None else said(report.notice, words),
        "account": report.account and facts_as_dict(report.account, now, words),
        "explanation": words(phase.explanation),
        "advice": words(phase.advice),
        "health_explanation": words(health.explanation),
        "health_advice": words(health.advice),
    }


def _group(report: GroupReport, words: Words) -> dict[str, Any]:
    return _plain(report) | {"pairs": [_pair(pair, words) for pair in report.pairs]}


def _verdict(verdict: HealthVerdict, words: Words) -> dict[str, Any]:
    meaning = HEALTH_REASONS[verdict.reason]
    return _plain(verdict) | {
        "subject": verdict.subject,
        "explanation": words(meaning.explanation),
        "advice": words(meaning.advice),
        "ill": verdict.ill,
        "why": list(verdict.why),
        "steps": [_plain(step) for step in verdict.steps],
    }


def _pair(report: PairReport, words: Words) -> dict[str, Any]:
    paused = report.paused
    return _reported(report) | {"paused": None if paused is None else words.reason(paused)}


def _reported(report: SessionReport | PairReport) -> dict[str, Any]:
    return _plain(report) | {"waits": [_plain(wait) for wait in report.waits]}


def _plain(value: Any) -> dict[str, Any]:
    """A flat dataclass as a dictionary; enums in reports are strings already."""
    return {field.name: getattr(value, field.name) for field in fields(value)}


def waits_in_words(waits: Sequence[Wait], *, now: float) -> Iterator[str]:
    """A line for each of those that wait for longest, and how many more there are."""
    for wait in waits[:SHOWN]:
        until = "" if wait.until is None else f", for {max(0.0, wait.until - now):.0f} s more"
        yield f"{wait.who} waits {now - wait.since:.0f} s ({wait.kind}): {wait.what}{until}"
    if len(waits) > SHOWN:
        yield f"and {len(waits) - SHOWN} more wait"
