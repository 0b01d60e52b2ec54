"""Events of the registry, one frozen value a fact; ``at`` is epoch seconds.

A change tells its fields' names and values before and after, a phone number only as changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from ...storage import Operation
from ...supervision import Event, frozen
from ...telegram import Health
from .model import RegistryLimits


@frozen
class RegistryEvent(Event):
    """Something in the registry has changed, and is on disk."""

    child: str = "registry"


@frozen
class SessionRegistered(RegistryEvent):
    """There is a new session."""

    session: str
    who: str


@frozen
class SessionChanged(RegistryEvent):
    """Some of a session's fields have other values."""

    session: str
    who: str
    before: Mapping[str, object] = field(repr=False)
    after: Mapping[str, object] = field(repr=False)


@frozen
class SessionDeleted(RegistryEvent):
    """A session is gone; ``moved`` says which pair went to which session."""

    session: str
    who: str
    moved: Mapping[int, str]


@frozen
class HealthChanged(RegistryEvent):
    """A session's health has another word."""

    session: str
    before: Health
    after: Health
    reason: str


@frozen
class LimitsChanged(RegistryEvent):
    """The registry was reconfigured."""

    before: RegistryLimits
    after: RegistryLimits


@frozen
class OperationEvent(RegistryEvent):
    """Something about one operation; ``operation`` is how it is now."""

    operation: Operation


@frozen
class OperationStarted(OperationEvent):
    """It began."""


@frozen
class OperationProgressed(OperationEvent):
    """It took a step, or says something else about itself."""


@frozen
class OperationEnded(OperationEvent):
    """It finished, failed or was cancelled."""


@frozen
class OperationStuck(OperationEvent):
    """It has made no progress for a long while; told once, until it makes some."""


@frozen
class OperationRemoved(OperationEvent):
    """It is not kept any longer."""
