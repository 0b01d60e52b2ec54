"""Sessions, worker groups, registry, journal and monitor as actors.

Owns what each of them does with its messages. Leaves supervision, disk and Telegram to the rooms
below, and every surface to those above.
"""

from __future__ import annotations

from .context import KeyRing, Kit, Settings
from .forwarding.actor import WorkerGroupActor
from .forwarding.group_spec import group_spec, groups_of
from .forwarding.messages import (
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
from .gateway import GatewayActor
from .health import HealthMonitorActor
from .journal import Journal, JournalActor, JournalStats
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
from .pair_handlers import Handed, HandlerFactory, Handlers, PairHandler
from .rate_limit import Pace
from .registry.actor import RegistryActor
from .registry.changes.pairs import AddPair, ChangePair, MovePairs, RemovePair
from .registry.events import (
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
from .registry.messages import (
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
from .registry.model import (
    Operation,
    OperationState,
    Part,
    RegistryLimits,
    SessionEntry,
    Standing,
)
from .registry.pair_events import PairAdded, PairChanged, PairRemoved, PairsMoved
from .registry.pair_plans import chosen
from .registry.placement import Candidate, Choice, best_session, chats_of, strangers
from .registry.session_specs import SessionPlan, session_spec
from .registry.snapshot import Board, RegistrySnapshot
from .registry.statistics import Ages, RegistryStatistics, statistics
from .session.actor import SessionActor
from .session.login import CancelLogin, Renew, ResendCode, StartQr, WaitQr
from .session.maintenance import GiveOut, LogOut, RestoreBackup, TakeBackup, TakeIn
from .session.online_waits import AwaitOnline
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
