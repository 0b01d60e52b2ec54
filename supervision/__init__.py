"""Supervision for Pykka actors: a tree that starts, watches, restarts and stops them as OTP does.

Owns hosts (loop and thread), mailboxes, stable references, strategies, restart limits, timers and
events. Knows Pykka and tenacity; leaves disks, networks and what the actors do to others. Begin
reading with ``supervisor/base.py``.
"""

from .clock import Clock, ManualClock, MonotonicClock
from .event_probe import EventProbe
from .fencing import FencingToken, current_fencing_token
from .frozen import frozen
from .observe.crash_history import CrashHistory, PastCrash
from .observe.event_stream import EventStream, Subscription, check_callback, every_tree
from .observe.events import (
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
    IntensityExceeded,
    LoopResumed,
    LoopStalled,
    MessageDropped,
    ObserverFailed,
)
from .observe.line_limit import LineLimit
from .observe.loop_watchdog import EXIT_ABANDONED, LoopWatch, LoopWatchdog, leave_process
from .observe.stop_report import StopEntry, StopReport
from .policy.circuit_breaker import CauseState, CircuitBreaker, FailureWindow
from .policy.directive import (
    AnyDirective,
    Directive,
    Quarantine,
    SharedCause,
    WaitUntil,
    directives,
)
from .policy.exit_reason import Exit, ExitKind, Restart
from .policy.recovery_ladder import (
    Exhausted,
    Failed,
    Finished,
    Ladder,
    Recovered,
    Rung,
    Terminal,
    Try,
)
from .policy.restart_intensity import RestartIntensity, RestartWindow
from .policy.strategy import Strategy
from .policy.token_bucket import TokenBucket
from .runtime.actor_tasks import TimerHandle
from .runtime.failures import Drill, Ignore
from .runtime.future import Answer
from .runtime.loop_actor import LoopActor
from .runtime.loop_thread import LoopThread, run_in_loop
from .runtime.monitor import Down, Terminated, Watch, watch
from .runtime.refs import Ask, StableRef, ask_async
from .runtime.states import ChildState
from .runtime.tree_context import DeadLetter, DeadLetters
from .spec.child_spec import AutoShutdown, ChildSpec, Host, Shutdown, Sibling
from .spec.supervisor_spec import DynamicSpec, SupervisorSpec
from .supervisor.dynamic import DynamicSupervisor
from .supervisor.messages import (
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
from .supervisor.static import Supervisor
from .tree import Tree
from .tree_snapshot import Snapshot

__all__ = [
    "EXIT_ABANDONED",
    "Answer",
    "AnyDirective",
    "Ask",
    "AutoShutdown",
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
    "ChildState",
    "ChildStopped",
    "ChildStuck",
    "CircuitBreaker",
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
    "FailureWindow",
    "FencingToken",
    "Finished",
    "GetChildSpec",
    "Host",
    "Ignore",
    "IntensityExceeded",
    "Ladder",
    "LineLimit",
    "LoopActor",
    "LoopResumed",
    "LoopStalled",
    "LoopThread",
    "LoopWatch",
    "LoopWatchdog",
    "ManualClock",
    "MessageDropped",
    "MonotonicClock",
    "ObserverFailed",
    "PastCrash",
    "Quarantine",
    "Recovered",
    "Restart",
    "RestartChild",
    "RestartIntensity",
    "RestartWindow",
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
    "Terminal",
    "TerminateChild",
    "Terminated",
    "TimerHandle",
    "TokenBucket",
    "Tree",
    "Try",
    "WaitUntil",
    "Watch",
    "WhichChild",
    "WhichChildren",
    "ask_async",
    "check_callback",
    "current_fencing_token",
    "directives",
    "every_tree",
    "frozen",
    "leave_process",
    "run_in_loop",
    "watch",
]
