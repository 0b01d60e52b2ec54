"""Sessions, worker groups, registry, journal and monitor as actors.

Owns what each of them does with its messages. Leaves supervision, disk and Telegram to the rooms
below, and every surface to those above.
"""

from __future__ import annotations

from .care import GiveOut, LogOut, RestoreBackup, TakeBackup, TakeIn
from .choosing import Candidate, Choice, best_session
from .entries import (
    Operation,
    OperationState,
    Part,
    RegistryLimits,
    SessionEntry,
    Standing,
)
from .gateway import GatewayActor
from .group import WorkerGroupActor
from .grouping import group_spec, groups_of
from .health import HealthMonitorActor
from .journal import Journal, JournalActor, JournalStats
from .kit import KeyRing, Kit, Settings
from .logins import CancelLogin, Renew, ResendCode, StartQr, WaitQr
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
from .registry import RegistryActor
from .registry_facts import (
    HealthChanged,
    LimitsChanged,
    OperationEnded,
    OperationEvent,
    OperationProgressed,
    OperationRemoved,
    OperationStarted,
    OperationStuck,
    RegistryEvent,
    SessionChanged,
    SessionDeleted,
    SessionRegistered,
)
from .registry_messages import (
    AdvanceOperation,
    AuditAsked,
    BeginOperation,
    ChangeMany,
    ChangeSession,
    CleanOperations,
    Deleted,
    DeleteSession,
    EndOperation,
    ItemOutcome,
    Limited,
    PairsPlanned,
    PutPart,
    ReconfigureRegistry,
    RegisterSession,
    RegistryWrite,
    SetParts,
    What,
)
from .registry_snapshot import Board, RegistrySnapshot
from .session import SessionActor
from .statistics import Ages, RegistryStatistics, statistics
from .subtrees import SessionPlan, session_spec

__all__ = [
    "AdvanceOperation",
    "Ages",
    "AuditAsked",
    "BeginOperation",
    "Board",
    "CallTelegram",
    "CancelLogin",
    "Candidate",
    "ChangeMany",
    "ChangeSession",
    "Choice",
    "CleanOperations",
    "DeleteSession",
    "Deleted",
    "EndOperation",
    "GatewayActor",
    "GiveOut",
    "HealthChanged",
    "HealthMonitorActor",
    "ItemOutcome",
    "Journal",
    "JournalActor",
    "JournalStats",
    "KeyRing",
    "Kit",
    "Limited",
    "LimitsChanged",
    "LogOut",
    "Operation",
    "OperationEnded",
    "OperationEvent",
    "OperationProgressed",
    "OperationRemoved",
    "OperationStarted",
    "OperationState",
    "OperationStuck",
    "OverviewAsked",
    "Pace",
    "PairPlan",
    "PairsPlanned",
    "Part",
    "Probe",
    "PutPart",
    "ReconfigureRegistry",
    "Recover",
    "RegisterSession",
    "RegistryActor",
    "RegistryEvent",
    "RegistryLimits",
    "RegistrySnapshot",
    "RegistryStatistics",
    "RegistryWrite",
    "Renew",
    "Report",
    "ResendCode",
    "RestoreBackup",
    "SessionActor",
    "SessionChanged",
    "SessionDeleted",
    "SessionEntry",
    "SessionPlan",
    "SessionRefAsked",
    "SessionRegistered",
    "SetParts",
    "Settings",
    "Standing",
    "StartLogin",
    "StartQr",
    "SubmitCode",
    "SubmitPassword",
    "TakeBackup",
    "TakeIn",
    "WaitQr",
    "What",
    "WorkerGroupActor",
    "best_session",
    "group_spec",
    "groups_of",
    "session_spec",
    "statistics",
]
