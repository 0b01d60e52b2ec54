"""Sessions, worker groups, registry, journal and monitor as actors.

Owns what each of them does with its messages. Leaves supervision, disk and Telegram to the rooms
below, and every surface to those above.
"""

from __future__ import annotations

from ..storage import Operation, OperationState, Part
from .context import KeyLeases, Services, Settings
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
    SubmitEmail,
    SubmitPassword,
)
from .pair_handlers import HandlerFactory, HandlerRequest, Handlers, PairHandler
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
    BeginTransfer,
    ChangeMany,
    ChangeSession,
    CleanOperations,
    Deleted,
    DeleteSession,
    EndOperation,
    ItemOutcome,
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
from .registry.model import RegistryLimits, SessionEntry, SessionStatus
from .registry.pair_events import PairAdded, PairChanged, PairRemoved, PairsMoved
from .registry.pair_plans import chosen
from .registry.placement import Candidate, Choice, best_session, chats_of, in_flood, strangers
from .registry.session_specs import SessionPlan, session_spec
from .registry.snapshot import Board, RegistrySnapshot
from .registry.statistics import Ages, RegistryStatistics, statistics
from .session.actor import SessionActor
from .session.login.steps import CODES_A_DAY, CancelLogin, Renew, ResendCode, StartQr, WaitQr
from .session.maintenance import ExportLogin, ImportLogin, LogOut, RestoreBackup, TakeBackup
from .session.online_waits import AwaitOnline
from .waits import WaitLedger, with_waits

__all__ = [
    "CODES_A_DAY",
    "AddPair",
    "AdvanceOperation",
    "Ages",
    "AuditAsked",
    "AwaitOnline",
    "Backfill",
    "BeginOperation",
    "BeginTransfer",
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
    "ExportLogin",
    "GatewayActor",
    "HandlerFactory",
    "HandlerRequest",
    "Handlers",
    "HealthChanged",
    "HealthMonitorActor",
    "ImportLogin",
    "ItemOutcome",
    "Journal",
    "JournalActor",
    "JournalStats",
    "KeyLeases",
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
    "Services",
    "SessionActor",
    "SessionChanged",
    "SessionDeleted",
    "SessionEntry",
    "SessionPlan",
    "SessionRefAsked",
    "SessionRegistered",
    "SessionStatus",
    "SetParts",
    "Settings",
    "StartLogin",
    "StartQr",
    "SubmitCode",
    "SubmitEmail",
    "SubmitPassword",
    "TakeBackup",
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
    "in_flood",
    "session_spec",
    "statistics",
    "strangers",
    "with_waits",
]
