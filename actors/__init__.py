"""Sessions, worker groups, registry, journal and monitor as actors.

Owns what each of them does with its messages. Leaves supervision, disk and Telegram to the rooms
below, and every surface to those above.
"""

from __future__ import annotations

from .gateway import GatewayActor
from .group import WorkerGroupActor
from .grouping import group_spec, groups_of
from .health import HealthMonitorActor
from .journal import Journal, JournalActor, JournalStats
from .kit import KeyRing, Kit, Settings
from .messages import (
    CallTelegram,
    OverviewAsked,
    PairPlan,
    Probe,
    Recover,
    Report,
    SessionRefAsked,
    StartLogin,
    SubmitCode,
    SubmitPassword,
)
from .pacing import Pace
from .registry import RegistryActor, SessionPlan, session_spec
from .session import SessionActor

__all__ = [
    "CallTelegram",
    "GatewayActor",
    "HealthMonitorActor",
    "Journal",
    "JournalActor",
    "JournalStats",
    "KeyRing",
    "Kit",
    "OverviewAsked",
    "Pace",
    "PairPlan",
    "Probe",
    "Recover",
    "RegistryActor",
    "Report",
    "SessionActor",
    "SessionPlan",
    "SessionRefAsked",
    "Settings",
    "StartLogin",
    "SubmitCode",
    "SubmitPassword",
    "WorkerGroupActor",
    "group_spec",
    "groups_of",
    "session_spec",
]
