"""The health monitor's verdicts as rows of the database, and back. Pure."""

from __future__ import annotations

import logging

from ...storage import VerdictRow
from ...telegram import Health, HealthReason, HealthStep, HealthVerdict, StepRecord

logger = logging.getLogger(__name__)


def verdict_row(verdict: HealthVerdict) -> VerdictRow:
    """A verdict as it is kept."""
    return VerdictRow(
        session=verdict.session,
        worker_group=verdict.group,
        health=verdict.health.value,
        reason=verdict.reason.value,
        why=verdict.why,
        since=verdict.since,
        steps=tuple((one.step.value, one.times, one.at, one.problem) for one in verdict.steps),
    )


def verdict_of(row: VerdictRow) -> HealthVerdict | None:
    """A verdict as it was kept; ``None`` where it cannot be read, as after damage."""
    try:
        return HealthVerdict(
            session=row.session,
            group=row.worker_group,
            health=Health(row.health),
            reason=HealthReason(row.reason),
            why=tuple(row.why),
            since=row.since,
            steps=tuple(
                StepRecord(step=HealthStep(step), times=times, at=at, problem=problem)
                for step, times, at, problem in row.steps
            ),
        )
    except (TypeError, ValueError) as error:
        logger.warning("verdict left out session=%s why=%s", row.session, type(error).__name__)
        return None
