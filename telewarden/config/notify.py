"""The tables of messages out: channels, alerts that go otherwise, webhooks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, time, tzinfo
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator, model_validator

from ..notify.alert_rules import RULES
from ..notify.event_kinds import APP, EVENT_KINDS, is_apps
from .secrets import Secret, Table

Channel = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]
Grave = Literal["info", "warning", "critical"]
Span = Annotated[float, Field(ge=0, le=2_592_000)]  # thirty days
CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")


def zone_of(name: str) -> tzinfo:
    """A time zone by its name; raises ``ValueError`` for one that is unknown here."""
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(
            f"{name!r} is no time zone here; give a name as Asia/Ho_Chi_Minh, or UTC"
        ) from None


def time_of(clock: str) -> time:
    """A time of day, as 22:30; raises ``ValueError`` for another text."""
    found = CLOCK.fullmatch(clock)
    if found is None:
        raise ValueError(f"{clock!r} is no time of day; give one as 22:30")
    return time(int(found[1]), int(found[2]))


def _known_alerts(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if name not in RULES:
            raise ValueError(f"there is no alert {name!r}; there are: {', '.join(RULES)}")
    return names


class QuietConfig(Table):
    """A time of day in which nobody is told but of what is critical; told in ``notify.zone``."""

    begin: str = Field(description="as 22:00")
    end: str = Field(description="as 07:00; may be on the next day")
    critical: bool = Field(default=True, description="tell of what is critical all the same")

    @field_validator("begin", "end")
    @classmethod
    def _a_time(cls, value: str) -> str:
        time_of(value)
        return value

    @model_validator(mode="after")
    def _some(self) -> Self:
        if self.begin == self.end:
            raise ValueError("begin and end are the same; leave quiet out, or give two times")
        return self


class ChannelConfig(Table):
    """One channel: an address of Apprise's, or a chat that the admin bot writes to."""

    url: Secret | None = Field(default=None, description="where Apprise's address is kept")
    telegram: int | None = Field(default=None, description="a chat of the admin bot's", gt=0)
    least: Grave = Field(default="warning", description="what is less grave is not told")
    only: tuple[str, ...] = Field(default=(), description="only these alerts")
    resolved: bool = Field(default=True, description="tell the end of an alert, too")
    quiet: QuietConfig | None = Field(default=None, description="instead of notify.quiet")
    every: Span = Field(default=30.0, description="seconds between two messages at least")
    language: Literal["en", "vi"] = "en"

    _alerts = field_validator("only")(_known_alerts)

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.url is None) == (self.telegram is None):
            raise ValueError("give url or telegram, one of the two")
        if self.url is not None and (self.url.create or self.url.passphrase):
            raise ValueError("url: create and passphrase are for master keys")
        return self


class AlertConfig(Table):
    """What is otherwise about one alert."""

    enabled: bool = True
    severity: Grave | None = None
    after: Span | None = Field(default=None, description="seconds that it must be true before")
    limit: float | None = Field(default=None, ge=0, description="the number past which it is true")
    again: Annotated[float, Field(ge=60)] | None = Field(
        default=None, description="seconds after which it is told once more while it lasts"
    )
    resolved: bool = Field(default=True, description="tell its end, too")


class WebhookConfig(Table):
    """An address that events are sent to, signed."""

    url: Secret = Field(description="where the address is kept")
    secret: Secret = Field(description="where the key of the signature is kept")
    events: tuple[str, ...] = Field(min_length=1, description="names of events")
    timeout: Annotated[float, Field(gt=0, le=60)] = Field(default=10.0, description="seconds")
    refusals: int = Field(default=5, ge=1, le=100, description="before an event is put aside")
    give_up: Annotated[float, Field(ge=60, le=604_800)] = Field(
        default=86_400.0, description="seconds after which what never arrived is put aside"
    )

    @field_validator("events")
    @classmethod
    def _known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if name not in EVENT_KINDS and not is_apps(name):
                raise ValueError(
                    f"there is no event {name!r}; there are: {', '.join(sorted(EVENT_KINDS))},"
                    f" and an app's own as {APP}NAME"
                )
        return names


class NotifyConfig(Table):
    """Messages out: who is told of trouble, by which way, and which events go to programs."""

    channels: Mapping[Channel, ChannelConfig] = Field(default_factory=dict)
    alerts: Mapping[str, AlertConfig] = Field(default_factory=dict)
    webhooks: Mapping[Channel, WebhookConfig] = Field(default_factory=dict)
    gather: Span = Field(default=5.0, description="seconds in which what belongs together comes")
    settle: Span = Field(default=30.0, description="seconds without it before an alert is over")
    zone: str = Field(default="UTC", description="times are told, and quiet hours kept, in it")
    quiet: QuietConfig | None = None

    @field_validator("zone")
    @classmethod
    def _a_zone(cls, value: str) -> str:
        zone_of(value)
        return value

    @field_validator("alerts")
    @classmethod
    def _known(cls, value: Mapping[str, AlertConfig]) -> Mapping[str, AlertConfig]:
        _known_alerts(tuple(value))
        return value
