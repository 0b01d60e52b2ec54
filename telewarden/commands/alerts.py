"""What messages out do upon a command."""

from __future__ import annotations

from typing import Final

from ..console.results.alerts import (
    Alert,
    AlertChannel,
    Alerts,
    ChannelTest,
    DeadEvent,
    DeadEvents,
    Resumed,
    SettledEvents,
    Silenced,
    SilencedAlert,
    TestedChannels,
    Webhook,
)
from ..notify import OF_SESSIONS, RULES
from .engine import Engine, Handlers


async def alerts(engine: Engine, _who: str) -> Alerts:
    """What is firing, and how channels and webhooks are."""
    found = await engine.alerts.standing()
    return Alerts(
        alerts=tuple(
            Alert(
                name=one.name,
                subject=one.subject,
                severity=one.severity,
                explanation=RULES[one.name].what,
                advice=RULES[one.name].advice_for(one.subject),
                detail=one.detail,
                since=one.since,
                told=one.told,
            )
            for one in found.firing
        ),
        silences=tuple(SilencedAlert(name=name, until=until) for name, until in found.silences),
        channels=tuple(
            AlertChannel(
                name=one.name,
                kind=one.kind,
                on=one.muted_until is None,
                muted_until=one.muted_until,
                waiting=one.waiting,
                problem=one.problem,
                next_try=one.next_try,
            )
            for one in found.channels
        ),
        webhooks=tuple(map(Webhook.model_validate, found.webhooks)),
    )


async def silence(engine: Engine, who: str, *, name: str, seconds: float) -> Silenced:
    """Tell nobody for a while."""
    alert, _, subject = name.partition(":")
    if alert in OF_SESSIONS and subject:
        engine.session(subject)  # an unknown one is told of
    return Silenced(name=name, until=await engine.alerts.silence(name, seconds, who=who))


async def resume(engine: Engine, who: str, *, name: str | None) -> Resumed:
    """Tell again."""
    return Resumed(names=await engine.alerts.resume(name, who=who))


async def test(engine: Engine, who: str, *, channel: str | None) -> TestedChannels:
    """Send a test."""
    found = await engine.alerts.test(channel, who=who)
    return TestedChannels(
        channels=tuple(
            ChannelTest(channel=name, sent=not problem, problem=problem)
            for name, problem in found.items()
        )
    )


async def dead(engine: Engine, _who: str, *, webhook: str | None) -> DeadEvents:
    """What webhooks have not taken."""
    rows = await engine.alerts.dead_events(webhook)
    return DeadEvents(
        events=tuple(
            DeadEvent(id=one.id, webhook=one.webhook, event=one.event, at=one.at, reason=one.reason)
            for one in rows
        )
    )


async def retry(
    engine: Engine, who: str, *, webhook: str | None, event: str | None
) -> SettledEvents:
    """Send it once more."""
    return SettledEvents(count=await engine.alerts.retry_events(webhook, event, who=who))


async def drop(
    engine: Engine, who: str, *, webhook: str | None, event: str | None
) -> SettledEvents:
    """Forget it."""
    return SettledEvents(count=await engine.alerts.drop_events(webhook, event, who=who))


HANDLERS: Final[Handlers] = {
    "alerts": alerts,
    "alerts silence": silence,
    "alerts resume": resume,
    "alerts test": test,
    "webhooks dead": dead,
    "webhooks retry": retry,
    "webhooks drop": drop,
}
