"""Results about the warden's process, its worker groups and its tree."""

from __future__ import annotations

from .base import Result
from .sessions import GroupStatus


class Process(Result):
    """The warden's process; times in seconds, ``memory`` in bytes."""

    pid: int
    uptime: float
    memory: int
    processor: float


class Workers(Result):
    """The worker groups, and the process that they run in."""

    groups: tuple[GroupStatus, ...]
    process: Process


class Node(Result):
    """A child of the supervisor tree, and those below it; times in seconds."""

    id: str
    path: str
    actor: str
    host: str
    state: str
    why: str
    incarnation: int
    restarts: int
    restarts_left: int | None
    seconds: float
    resumes_in: float | None
    waiting: int
    children: tuple[Node, ...]


class Tree(Result):
    """The supervisor tree, as a drawing and as data."""

    text: str
    tree: Node


class Drilled(Result):
    """The child that was struck."""

    child: str


class ConfigChange(Result):
    """A key that says something else; none stands for a table that is not there."""

    key: str
    old: str | None
    new: str | None


class Reloaded(Result):
    """What a reload has changed, and what only a restart takes over."""

    applied: tuple[ConfigChange, ...]
    needs_restart: tuple[ConfigChange, ...]


class Stopping(Result):
    """The process that stops."""

    pid: int


class Stack(Result):
    """Where one thread or task is: its frames, the innermost last."""

    name: str
    frames: tuple[str, ...]


class Stacks(Result):
    """What every thread and task is at."""

    threads: tuple[Stack, ...]
    tasks: tuple[Stack, ...]
