"""Supervision for Pykka actors: a tree that starts, watches, restarts and stops them as OTP does.

Owns hosts (loop and thread), mailboxes, stable references, strategies, budgets, timers and events.
Knows Pykka and tenacity; leaves disks, networks and what the actors do to others.
"""

from .budget import RestartBudget, RestartLedger
from .bulkhead import Bulkhead, CauseState
from .clock import Clock, ManualClock, MonotonicClock
from .commands import (
    ChildCounts,
    ChildInfo,
    CountChildren,
    DeleteChild,
    GetChildSpec,
    RestartChild,
    StartChild,
    TerminateChild,
    WhichChild,
    WhichChildren,
)
from .directive import Directive, Quarantine, SharedCause, Verdict, WaitUntil, directives
from .dynamic import DynamicSupervisor
from .errands import TimerHandle
from .events import (
    BudgetExhausted,
    CauseCleared,
    CausePaused,
    CauseProbed,
    ChildAbandoned,
    ChildFailed,
    ChildForgotten,
    ChildIgnored,
    ChildQuarantined,
    ChildReleased,
    ChildRestarting,
    ChildResumed,
    ChildStarted,
    ChildStartFailed,
    ChildStopped,
    ChildStuck,
    Event,
    LoopResumed,
    LoopStalled,
    MessageDropped,
    ObserverFailed,
)
from .exits import Exit, ExitKind, Restart
from .fact import fact
from .groupspec import DynamicSpec, SupervisorSpec
from .history import CrashHistory, PastCrash
from .ladder import Exhausted, Failed, Finished, Ladder, Recovered, Rung, Terminal, Try
from .line_limit import LineLimit
from .loopactor import LoopActor
from .phases import Phase
from .probe import EventProbe
from .realm import DeadLetter, DeadLetters
from .refs import StableRef, ask_async
from .reply import Answer
from .signals import Drill, Ignore
from .snapshot import Snapshot
from .spec import AutoShutdown, ChildSpec, Host, Shutdown, Sibling
from .stopreport import StopEntry, StopReport
from .strategy import Strategy
from .stream import EventStream, Subscription, check_callback, every_tree
from .supervisor import Supervisor
from .term import Term, current_term
from .tree import Tree
from .watchdog import LEFT_BEHIND, LoopWatch, LoopWatchdog, leave_process
from .watching import Down, Gone, Watch, watch

__all__ = [
    "LEFT_BEHIND",
    "Answer",
    "AutoShutdown",
    "BudgetExhausted",
    "Bulkhead",
    "CauseCleared",
    "CausePaused",
    "CauseProbed",
    "CauseState",
    "ChildAbandoned",
    "ChildCounts",
    "ChildFailed",
    "ChildForgotten",
    "ChildIgnored",
    "ChildInfo",
    "ChildQuarantined",
    "ChildReleased",
    "ChildRestarting",
    "ChildResumed",
    "ChildSpec",
    "ChildStartFailed",
    "ChildStarted",
    "ChildStopped",
    "ChildStuck",
    "Clock",
    "CountChildren",
    "CrashHistory",
    "DeadLetter",
    "DeadLetters",
    "DeleteChild",
    "Directive",
    "Down",
    "Drill",
    "DynamicSpec",
    "DynamicSupervisor",
    "Event",
    "EventProbe",
    "EventStream",
    "Exhausted",
    "Exit",
    "ExitKind",
    "Failed",
    "Finished",
    "GetChildSpec",
    "Gone",
    "Host",
    "Ignore",
    "Ladder",
    "LineLimit",
    "LoopActor",
    "LoopResumed",
    "LoopStalled",
    "LoopWatch",
    "LoopWatchdog",
    "ManualClock",
    "MessageDropped",
    "MonotonicClock",
    "ObserverFailed",
    "PastCrash",
    "Phase",
    "Quarantine",
    "Recovered",
    "Restart",
    "RestartBudget",
    "RestartChild",
    "RestartLedger",
    "Rung",
    "SharedCause",
    "Shutdown",
    "Sibling",
    "Snapshot",
    "StableRef",
    "StartChild",
    "StopEntry",
    "StopReport",
    "Strategy",
    "Subscription",
    "Supervisor",
    "SupervisorSpec",
    "Term",
    "Terminal",
    "TerminateChild",
    "TimerHandle",
    "Tree",
    "Try",
    "Verdict",
    "WaitUntil",
    "Watch",
    "WhichChild",
    "WhichChildren",
    "ask_async",
    "check_callback",
    "current_term",
    "directives",
    "every_tree",
    "fact",
    "leave_process",
    "watch",
]
