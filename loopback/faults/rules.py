"""Fault rules: which requests and connections are struck, changeable at any time."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from ..rpc import RpcError
from ..stats import Stats
from ..world.records import Account
from .actions import (
    AcceptAndClose,
    AcceptAndStaySilent,
    Action,
    FloodWait,
    Refuse,
    action_to_json,
    kind_of,
)

_AT_THE_DOOR = (Refuse, AcceptAndClose, AcceptAndStaySilent)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What goes wrong, for whom and how often.

    Args:
        action: what happens.
        method: a pattern on TL names, ``messages.*`` or ``reqDHParams``; ``*`` is every one.
        account: only this account's requests (an ``Account`` or its id); None for everybody's.
        times: how often it strikes; None for as long as it stands.
        after: how many matching requests pass before the first strike.
    """

    action: Action
    method: str = "*"
    account: Account | int | None = None
    times: int | None = None
    after: int = 0

    def __post_init__(self) -> None:
        if self.times is not None and self.times < 1:
            raise ValueError(f"Fault.times is {self.times}; give 1 or more, or None for always")
        if self.after < 0:
            raise ValueError(f"Fault.after is {self.after}; give 0 or more")

    @property
    def account_id(self) -> int | None:
        """The id of the account it is limited to."""
        return self.account.id if isinstance(self.account, Account) else self.account


@dataclass(slots=True, kw_only=True, eq=False)
class Rule:
    """A fault that stands: its number, what it has seen and how often it struck."""

    id: int
    fault: Fault
    seen: int = 0
    struck: int = 0
    closed_until: float | None = field(default=None, repr=False)

    @property
    def spent(self) -> bool:
        """Whether it has struck as often as it should."""
        return self.fault.times is not None and self.struck >= self.fault.times

    def to_json(self) -> dict[str, object]:
        """The rule as a JSON object."""
        return {
            "id": self.id,
            "method": self.fault.method,
            "account": self.fault.account_id,
            "times": self.fault.times,
            "after": self.fault.after,
            "seen": self.seen,
            "struck": self.struck,
            "action": action_to_json(self.fault.action),
        }


class FaultRules:
    """The rules in force; the first that matches and is due strikes.

    Args:
        stats: where strikes are counted.
        clock: by which a ``FloodWait`` ends.
        on_change: called after rules came or went.
    """

    def __init__(
        self, stats: Stats, clock: Callable[[], float], on_change: Callable[[], None]
    ) -> None:
        self._stats, self._clock, self._on_change = stats, clock, on_change
        self._rules: dict[int, Rule] = {}
        self._next_id = 1

    def __bool__(self) -> bool:
        return bool(self._rules)

    def __len__(self) -> int:
        return len(self._rules)

    def __iter__(self) -> Iterator[Rule]:
        return iter(list(self._rules.values()))

    def add(self, fault: Fault) -> Rule:
        """Let a fault stand from now on."""
        rule = Rule(id=self._next_id, fault=fault)
        self._next_id += 1
        self._rules[rule.id] = rule
        self._on_change()
        return rule

    def remove(self, rule: Rule | int) -> bool:
        """Take a rule away, by itself or by number; False when it is gone already."""
        number = rule if isinstance(rule, int) else rule.id
        gone = self._rules.pop(number, None) is not None
        self._on_change()
        return gone

    def clear(self) -> None:
        """Take all rules away."""
        self._rules.clear()
        self._on_change()

    def refuses(self) -> bool:
        """Whether the ports are to be closed."""
        return any(isinstance(rule.fault.action, Refuse) for rule in self)

    def at_the_door(self) -> Action | None:
        """What a new connection meets."""
        return self._strike(
            rule
            for rule in self
            if isinstance(rule.fault.action, _AT_THE_DOOR)
            and not isinstance(rule.fault.action, Refuse)
        )

    def on_request(self, method: str, account_id: int | None) -> Action | None:
        """What a request meets; to be asked once for each request."""
        return self._strike(
            rule
            for rule in self
            if not isinstance(rule.fault.action, _AT_THE_DOOR)
            and rule.fault.account_id in (None, account_id)
            and fnmatchcase(method, rule.fault.method)
        )

    def _strike(self, candidates: Iterator[Rule]) -> Action | None:
        for rule in candidates:
            action = self._due(rule)
            if action is not None:
                self._stats.faults[kind_of(rule.fault.action)] += 1
                return action
        return None

    def _due(self, rule: Rule) -> Action | None:
        rule.seen += 1
        if rule.closed_until is not None:
            left = rule.closed_until - self._clock()
            if left > 0:
                self._stats.early += 1
                return RpcError(f"FLOOD_WAIT_{math.ceil(left)}")
            rule.closed_until = None
        if rule.seen <= rule.fault.after or rule.spent:
            return None
        rule.struck += 1
        action = rule.fault.action
        if isinstance(action, FloodWait):
            rule.closed_until = self._clock() + action.seconds
            return RpcError(f"FLOOD_WAIT_{math.ceil(action.seconds)}")
        return action
