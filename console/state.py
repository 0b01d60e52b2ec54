"""Everything a page shows, as plain data ready for JSON. Nothing in it is secret."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from .._version import __version__
from ..telegram import HEALTHS, PHASES
from ..telegram.reports import GroupReport, PairReport, SessionReport
from .look import Seen
from .panel import Panel

__all__ = ["state"]


def state(panel: Panel, seen: Seen, *, now: float) -> dict[str, Any]:
    """The warden at ``now`` (epoch seconds): sessions, groups, floods, tree, counters, facts."""
    ready, sentence = panel.ready()
    exporter, tree = panel.exporter, panel.snapshot()
    return {
        "at": now,
        "version": __version__,
        "ready": ready,
        "readiness": sentence,
        "age": round(seen.age, 3),
        "problem": seen.problem,
        "sessions": [_session(report) for report in seen.overview.sessions],
        "groups": [_group(report) for report in seen.overview.groups],
        "floods": [_plain(flood) for flood in exporter.floods()],
        "counters": exporter.counters(),
        "tree": tree.as_dict(),
        "tree_text": tree.as_text(),
        "facts": [_plain(fact) for fact in exporter.feed.newest()],
    }


def _session(report: SessionReport) -> dict[str, Any]:
    phase, health = PHASES[report.phase], HEALTHS[report.health]
    return _plain(report) | {
        "explanation": phase.explanation,
        "advice": phase.advice,
        "health_explanation": health.explanation,
        "health_advice": health.advice,
    }


def _group(report: GroupReport) -> dict[str, Any]:
    return _plain(report) | {"pairs": [_pair(pair) for pair in report.pairs]}


def _pair(report: PairReport) -> dict[str, Any]:
    return _plain(report)


def _plain(value: Any) -> dict[str, Any]:
    """A flat dataclass as a dictionary; enums in reports are strings already."""
    return {field.name: getattr(value, field.name) for field in fields(value)}
