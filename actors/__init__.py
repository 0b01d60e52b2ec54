"""Sessions, worker groups, registry, journal and monitor as actors.

Owns what each of them does with its messages. Leaves supervision, disk and Telegram to the rooms
below, and every surface to those above.
"""

from __future__ import annotations

from .assignments import chosen
from .care import GiveOut, LogOut, RestoreBackup, TakeBackup, TakeIn
from .choosing import Candidate, Choice, best_session, chats_of, strangers
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
from .handlers import Handed, HandlerFactory, Handlers, PairHandler
from .health import HealthMonitorActor
from .journal import Journal, JournalActor, JournalStats
from .kit import KeyRing, Kit, Settings
from .logins import CancelLogin, Renew, ResendCode, StartQr, WaitQr
from .messages import (
    CallTelegram,
    LookInto,
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
from .online_waits import AwaitOnline
from .pacing import Pace
from .pair_changes import AddPair, ChangePair, MovePairs, RemovePair
from .pair_facts import PairAdded, PairChanged, PairRemoved, PairsMoved
from .pair_orders import (
    Backfill,
    ConfirmPair,
    DoubtAsked,
    DropDead,
    PairOrder,
    PausePair,
    ReleasePair,
    ResumePair,
    RetryDead,
)
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
    LendPairs,
    Limited,
    PairPlanAsked,
    PairPlansAsked,
    PutPart,
    ReconfigureRegistry,
    RegisterSession,
    RegistryWrite,
    ServeAgain,
    SetParts,
    What,
    check_who,
)
from .registry_snapshot import Board, RegistrySnapshot
from .session import SessionActor
from .statistics import Ages, RegistryStatistics, statistics
from .subtrees import SessionPlan, session_spec
from .waits import WaitLedger, with_waits

__all__ = [
    "AddPair",
    "AdvanceOperation",
    "Ages",
    "AuditAsked",
    "AwaitOnline",
    "Backfill",
    "BeginOperation",
    "Board",
    "CallTelegram",
    "CancelLogin",
    "Candidate",
    "ChangeMany",
    "ChangePair",
    "ChangeSession",
    "Choice",
    "CleanOperations",
    "ConfirmPair",
    "DeleteSession",
    "Deleted",
    "DoubtAsked",
    "DropDead",
    "EndOperation",
    "GatewayActor",
    "GiveOut",
    "Handed",
    "HandlerFactory",
    "Handlers",
    "HealthChanged",
    "HealthMonitorActor",
    "ItemOutcome",
    "Journal",
    "JournalActor",
    "JournalStats",
    "KeyRing",
    "Kit",
    "LendPairs",
    "Limited",
    "LimitsChanged",
    "LogOut",
    "LookInto",
    "MovePairs",
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
    "PairAdded",
    "PairChanged",
    "PairHandler",
    "PairOrder",
    "PairPlan",
    "PairPlanAsked",
    "PairPlansAsked",
    "PairRemoved",
    "PairsMoved",
    "Part",
    "PausePair",
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
    "ReleasePair",
    "RemovePair",
    "Renew",
    "Report",
    "ResendCode",
    "RestoreBackup",
    "ResumePair",
    "RetryDead",
    "ServeAgain",
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
    "WaitLedger",
    "WaitQr",
    "What",
    "WorkerGroupActor",
    "best_session",
    "chats_of",
    "check_who",
    "chosen",
    "group_spec",
    "groups_of",
    "session_spec",
    "statistics",
    "strangers",
    "with_waits",
]
