"""Reports on sessions and pairs while no warden runs, made from what is stored.

Nobody is asked: how a session would get on with Telegram is not known, and not said.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Final

from ..actors import PairPlan
from ..actors.context import Services
from ..actors.forwarding.pause_reasons import by_plan
from ..actors.session.flood_waits import FloodWaits
from ..storage import FloodRow, OutboxCounts, PairRecord, SessionRecord, Store
from ..telegram import (
    GroupReport,
    Overview,
    PairReport,
    Phase,
    SessionReport,
    health_of,
)
from ..telegram.addressing.names import masked

STOPPED: Final = "no warden runs"
NO_LOGIN: Final = "there is no login"
NO_GROUP: Final = "-"  # instead of a worker group's name


def offline_overview(
    store: Store, services: Services, sessions: Iterable[str], plans: Sequence[PairPlan]
) -> Overview:
    """Every session and pair as far as the database tells, and the floods that last."""
    reports = tuple(offline_session(store, services, name) for name in sorted(sessions))
    waits = sorted((wait for one in reports for wait in one.waits), key=lambda wait: wait.since)
    return Overview(sessions=reports, groups=_groups(store, plans), waits=tuple(waits))


def offline_session(store: Store, services: Services, name: str) -> SessionReport:
    """One session as far as the database tells."""
    record, now = store.session(name), services.now()
    phase, reason = _standing(store, record)
    floods = FloodWaits(name, services)
    rows = {(row.method, row.chat): row for row in store.floods(name)}
    floods.remember({key: row.until for key, row in rows.items()}, rows)
    return SessionReport(
        session=name,
        phase=phase,
        health=health_of(phase, reason=reason),
        reason=reason,
        since=now if record is None else record.updated,
        limited_until=_limited_until(rows.values(), now),
        user_id=None if record is None else record.user_id,
        waits=floods.waits(),
    )


def _standing(store: Store, record: SessionRecord | None) -> tuple[Phase, str]:
    if record is None or record.key_id is None:
        return Phase.NEEDS_LOGIN, NO_LOGIN
    latch = store.latched(record.key_id)
    return (Phase.STOPPED, STOPPED) if latch is None else (Phase.NEEDS_LOGIN, latch.reason)


def _limited_until(rows: Iterable[FloodRow], now: float) -> float | None:
    return max((row.until for row in rows if row.until > now), default=None)


def offline_pairs(store: Store, plans: Sequence[PairPlan]) -> tuple[PairReport, ...]:
    """These pairs as far as the database tells, in the same order."""
    ids = [plan.id for plan in plans]
    records = {record.id: record for record in store.pairs_with(ids)}
    counts = store.outbox_counts_of(ids)
    return tuple(_pair(plan, records, counts) for plan in plans)


def _pair(
    plan: PairPlan, records: Mapping[int, PairRecord], counts: Mapping[int, OutboxCounts]
) -> PairReport:
    record, count = records.get(plan.id), counts.get(plan.id, OutboxCounts())
    paused = None if record is None else record.paused_reason
    return PairReport(
        id=plan.id,
        source=masked(plan.source),
        target=masked(plan.target),
        mode=plan.mode,
        waiting=count.pending,
        delivered=count.done,
        repeated=0,
        dead=count.dead,
        paused=by_plan(paused, enabled=plan.enabled) or None,
    )


def _groups(store: Store, plans: Sequence[PairPlan]) -> tuple[GroupReport, ...]:
    by_session = groupby(sorted(plans, key=_order), key=lambda plan: plan.session)
    return tuple(
        GroupReport(
            session=session,
            group=NO_GROUP,
            online=False,
            pairs=offline_pairs(store, tuple(theirs)),
        )
        for session, theirs in by_session
    )


def _order(plan: PairPlan) -> tuple[str, int]:
    return plan.session, plan.id
