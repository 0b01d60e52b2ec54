"""What a supervisor is: strategy, children, intensity; refused by name when wrong (S30).

Plain values: nothing is started or looked up here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field

from ...errors import InvalidSpecError
from ..policy.restart_intensity import RestartIntensity
from ..policy.strategy import Strategy
from .child_spec import AutoShutdown, ChildSpec, Sibling


@dataclass(frozen=True, slots=True, kw_only=True)
class SupervisorSpec:
    """A supervisor with a fixed list of children, started in that order and stopped in reverse."""

    strategy: Strategy = Strategy.ONE_FOR_ONE
    children: tuple[ChildSpec, ...] = ()
    intensity: RestartIntensity = field(default_factory=RestartIntensity)
    auto_shutdown: AutoShutdown = AutoShutdown.NEVER

    def __post_init__(self) -> None:
        _check_kind("SupervisorSpec.strategy", self.strategy, Strategy)
        _check_kind("SupervisorSpec.children", self.children, tuple)
        for child in self.children:
            _check_kind("SupervisorSpec.children", child, ChildSpec)
        _check_kind("SupervisorSpec.intensity", self.intensity, RestartIntensity)
        _check_kind("SupervisorSpec.auto_shutdown", self.auto_shutdown, AutoShutdown)
        twice = sorted(i for i, n in Counter(c.id for c in self.children).items() if n > 1)
        if twice:
            raise InvalidSpecError("SupervisorSpec.children", twice, "each id once")
        known = {child.id for child in self.children}
        for child in self.children:
            check_significance(child, self.auto_shutdown)
            check_siblings(child, known)


@dataclass(frozen=True, slots=True, kw_only=True)
class DynamicSpec:
    """A supervisor whose children come and go by command, each alone, stopped all at once.

    ``max_children`` counts restarting and stopped children too; ``None`` is no limit.
    """

    intensity: RestartIntensity = field(default_factory=RestartIntensity)
    max_children: int | None = None

    def __post_init__(self) -> None:
        _check_kind("DynamicSpec.intensity", self.intensity, RestartIntensity)
        if self.max_children is not None and self.max_children < 0:
            raise InvalidSpecError("DynamicSpec.max_children", self.max_children, "0 or more")


def check_significance(child: ChildSpec, auto_shutdown: AutoShutdown) -> None:
    """Refuse a significant child under a supervisor that never ends for one.

    Raises:
        InvalidSpecError: it is significant, and ``auto_shutdown`` is NEVER.
    """
    if child.significant and auto_shutdown is AutoShutdown.NEVER:
        raise InvalidSpecError(
            f"ChildSpec.significant of {child.id}", True, "False, or another auto_shutdown"
        )


def check_siblings(child: ChildSpec, known: Collection[str]) -> None:
    """Refuse a child whose arguments name a sibling that nobody knows.

    Raises:
        InvalidSpecError: a ``Sibling`` is not among the ``known`` ids.
    """
    for value in (*child.args, *child.kwargs.values()):
        if isinstance(value, Sibling) and value.id not in known:
            allowed = f"one of {sorted(known)}"
            raise InvalidSpecError(f"Sibling in ChildSpec.args of {child.id}", value.id, allowed)


def _check_kind(name: str, value: object, kind: type) -> None:
    if not isinstance(value, kind):
        raise InvalidSpecError(name, value, f"a {kind.__name__}")
