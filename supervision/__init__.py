"""Supervision for Pykka actors: a tree that starts, watches, restarts and stops them as OTP does.

Owns hosts (loop and thread), mailboxes, stable references, strategies, budgets, timers and events.
Knows Pykka and tenacity; leaves disks, networks and what the actors do to others.
"""

from .budget import RestartBudget, RestartLedger
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
from .directive import Directive, Quarantine, Verdict, WaitUntil, directives
from .dynamic import DynamicSupervisor
from .errands import TimerHandle
from .events import (
    BudgetExhausted,
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
    Event,
    MessageDropped,
    ObserverFailed,
)
from .exits import Exit, ExitKind, Restart
from .groupspec import DynamicSpec, SupervisorSpec
from .ladder import Exhausted, Failed, Finished, Ladder, Recovered, Rung, Terminal, Try
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
from .stream import EventStream, Subscription
from .supervisor import Supervisor
from .tree import Tree

__all__ = [
    "Answer",
    "AutoShutdown",
    "BudgetExhausted",
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
    "Clock",
    "CountChildren",
    "DeadLetter",
    "DeadLetters",
    "DeleteChild",
    "Directive",
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
    "Host",
    "Ignore",
    "Ladder",
    "LoopActor",
    "ManualClock",
    "MessageDropped",
    "MonotonicClock",
    "ObserverFailed",
    "Phase",
    "Quarantine",
    "Recovered",
    "Restart",
    "RestartBudget",
    "RestartChild",
    "RestartLedger",
    "Rung",
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
    "Terminal",
    "TerminateChild",
    "TimerHandle",
    "Tree",
    "Try",
    "Verdict",
    "WaitUntil",
    "WhichChild",
    "WhichChildren",
    "ask_async",
    "directives",
]
