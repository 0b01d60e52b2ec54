"""Whom a shared cause holds back, and the timers that let them go.

``policy.circuit_breaker`` decides; this carries it out, in the loop.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Hashable
from functools import partial
from typing import Final, Protocol

from ..clock import Clock, Timer
from ..observe.events import CauseCleared, CausePaused, CauseProbed, Event
from ..policy.circuit_breaker import CauseState, Circuit, CircuitBreaker
from .states import ChildState

DOWN_FOR_GOOD: Final = frozenset({ChildState.STOPPED, ChildState.QUARANTINED, ChildState.GONE})


class HeldChild(Protocol):
    """A child that a shared cause holds back."""

    @property
    def path(self) -> str:
        """Where it lives in the tree."""
        ...

    @property
    def state(self) -> ChildState:
        """What it is doing."""
        ...


class HeldRestart:
    """A held-back child's turn in the queue; ``cancel`` gives it up."""

    __slots__ = ("_causes", "_key", "go", "slot")

    def __init__(
        self, causes: SharedCauses, key: Hashable, slot: HeldChild, go: Callable[[], object]
    ) -> None:
        self._causes, self._key, self.slot, self.go = causes, key, slot, go

    def cancel(self) -> None:
        """It does not wait any more."""
        self._causes.leave(self._key, self.slot.path)


class SharedCauses:
    """One circuit for each cause that has been heard of and is not clear."""

    def __init__(
        self,
        policy: CircuitBreaker,
        *,
        clock: Clock,
        rng: random.Random,
        publish: Callable[[Event], object],
    ) -> None:
        self._policy, self._clock, self._rng, self._publish = policy, clock, rng, publish
        self._circuits: dict[Hashable, Circuit] = {}
        self._timers: dict[Hashable, Timer] = {}
        self._held: dict[tuple[Hashable, str], HeldRestart] = {}
        self._probes: dict[Hashable, HeldChild] = {}

    def failed(self, key: Hashable, child: str, now: float) -> bool:
        """Count a failure for a cause, and tell whether its child is to be held back."""
        circuit = self._circuit(key)
        before = circuit.state
        held = circuit.failed(child, now)
        if circuit.state is CauseState.PAUSED and before is not CauseState.PAUSED:
            self._probes.pop(key, None)
            seconds = (circuit.until or now) - now
            self._publish(CausePaused(at=now, child=child, cause=str(key), seconds=seconds))
        self._wind(key, circuit)
        return held

    def hold(self, key: Hashable, slot: HeldChild, go: Callable[[], object]) -> HeldRestart:
        """Call ``go`` when the child at ``slot`` may come back."""
        held = self._held[key, slot.path] = HeldRestart(self, key, slot, go)
        circuit = self._circuit(key)
        circuit.join(slot.path, self._clock.now())
        self._wind(key, circuit)
        return held

    def leave(self, key: Hashable, child: str) -> None:
        """A held-back child does not come back by itself."""
        if self._held.pop((key, child), None) is not None and key in self._circuits:
            self._circuits[key].leave(child, self._clock.now())
            self._wind(key, self._circuits[key])

    def states(self) -> dict[str, tuple[str, int]]:
        """Of each cause that is not clear: its state, and how many wait for it."""
        return {
            str(key): (circuit.state.value, len(circuit.waiting))
            for key, circuit in list(self._circuits.items())
            if circuit.state is not CauseState.CLEAR
        }

    def close(self) -> None:
        """Let nobody go any more; the tree has ended."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def _circuit(self, key: Hashable) -> Circuit:
        if key not in self._circuits:
            self._circuits[key] = Circuit(self._policy, self._rng)
        return self._circuits[key]

    def _wind(self, key: Hashable, circuit: Circuit) -> None:
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()
        if circuit.until is not None:
            delay = max(0.0, circuit.until - self._clock.now())
            self._timers[key] = self._clock.call_later(delay, partial(self._due, key))

    def _due(self, key: Hashable) -> None:
        circuit, now = self._circuits[key], self._clock.now()
        probe = self._probes.get(key)
        if probe is not None and probe.state in DOWN_FOR_GOOD:
            circuit.leave(probe.path, now)  # it will prove nothing any more
        proven = probe is not None and probe.state is ChildState.RUNNING
        before = circuit.state
        for child in circuit.due(now, proven=proven):
            held = self._held.pop((key, child))
            if circuit.state is CauseState.PROBING:
                self._probes[key] = held.slot
                self._publish(CauseProbed(at=now, child=child, cause=str(key)))
            held.go()
        if circuit.state is CauseState.CLEAR:
            self._probes.pop(key, None)
            del self._circuits[key]
            if before is not CauseState.CLEAR:
                self._publish(CauseCleared(at=now, child="", cause=str(key)))
        self._wind(key, circuit)
