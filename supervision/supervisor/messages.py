"""The commands of a supervisor, as messages; each docstring says what the answer is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pykka

from ..policy.exit_reason import Exit, Restart
from ..runtime.refs import Ask
from ..runtime.states import ChildState
from ..spec.child_spec import ChildSpec


@dataclass(frozen=True, slots=True)
class StartChild(Ask[pykka.ActorRef[Any]]):
    """Describe and start one more child. Answers its stable reference once it runs.

    Raises:
        ChildRunningError: that id runs already; the error has the reference.
        ChildPresentError: that id is known, and stopped, restarting or quarantined.
        ChildStartError: it did not start; nothing of it is kept.
        TooManyChildrenError: a dynamic supervisor is full.
        InvalidSpecError: the description does not fit this supervisor; looked at before its id.
    """

    spec: ChildSpec


@dataclass(frozen=True, slots=True)
class TerminateChild(Ask[Exit]):
    """Stop a child, within its ``shutdown``, or call off its pending restart. Answers its ``Exit``.

    Under a static supervisor it stays known and can be restarted, unless it is temporary; under a
    dynamic one it is forgotten. Siblings that wait for it to be started stay down, too.

    Raises:
        ChildNotFoundError: no such id.
    """

    id: str


@dataclass(frozen=True, slots=True)
class RestartChild(Ask[pykka.ActorRef[Any]]):
    """Start a stopped child again, or release one from quarantine. Answers its reference.

    With ``force`` a running child is stopped first, and a pending restart happens now. Counts
    towards no intensity. One that only waits for a sibling's restart is started, too.

    Raises:
        ChildNotFoundError, ChildRunningError, ChildRestartingError, ChildStartError.
    """

    id: str
    force: bool = False


@dataclass(frozen=True, slots=True)
class DeleteChild(Ask[None]):
    """Forget a child that is not running. Answers ``None``.

    Raises:
        ChildNotFoundError, ChildRunningError, ChildRestartingError.
    """

    id: str


@dataclass(frozen=True, slots=True)
class WhichChildren(Ask["tuple[ChildInfo, ...]"]):
    """Answers a tuple of ``ChildInfo``, in start order."""


@dataclass(frozen=True, slots=True)
class WhichChild(Ask["ChildInfo"]):
    """Answers one ``ChildInfo``; raises ``ChildNotFoundError``."""

    id: str


@dataclass(frozen=True, slots=True)
class CountChildren(Ask["ChildCounts"]):
    """Answers ``ChildCounts``."""


@dataclass(frozen=True, slots=True)
class GetChildSpec(Ask[ChildSpec]):
    """Answers the ``ChildSpec``; raises ``ChildNotFoundError``."""

    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildInfo:
    """A child as its supervisor sees it now."""

    id: str
    ref: pykka.ActorRef[Any]
    state: ChildState
    restart: Restart
    supervises: bool
    incarnation: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildCounts:
    """How many children are described, up now (not those just starting), supervisors, workers."""

    specs: int
    active: int
    supervisors: int
    workers: int
