"""The gates of a tree: whom a shared cause holds back, and the timers that let them go.

``bulkhead`` decides; this carries it out, in the loop.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Hashable
from functools import partial

from ..clock import Clock, Timer
from ..observe.events import CauseCleared, CausePaused, CauseProbed, Event
from ..policy.circuit_breaker import Bulkhead, CauseState, Gate
from .child_slot import Place
from .states import Phase

__all__ = ["Gates", "Ticket"]


class Ticket:
    """A held-back child's place in the queue; ``cancel`` gives it up."""

    __slots__ = ("_gates", "_key", "go", "place")

    def __init__(self, gates: Gates, key: Hashable, place: Place, go: Callable[[], object]) -> None:
        self._gates, self._key, self.place, self.go = gates, key, place, go

    def cancel(self) -> None:
        """It does not wait any more."""
        self._gates.leave(self._key, self.place.path)


class Gates:
    """One gate for each cause that has been heard of and is not clear."""

    def __init__(
        self,
        policy: Bulkhead,
        *,
        clock: Clock,
        rng: random.Random,
        publish: Callable[[Event], object],
    ) -> None:
        self._policy, self._clock, self._rng, self._publish = policy, clock, rng, publish
        self._gates: dict[Hashable, Gate] = {}
        self._timers: dict[Hashable, Timer] = {}
        self._tickets: dict[tuple[Hashable, str], Ticket] = {}
        self._probes: dict[Hashable, Place] = {}

    def failed(self, key: Hashable, child: str, now: float) -> bool:
        """Count a failure for a cause, and tell whether its child is to be held back."""
        gate = self._gate(key)
        before = gate.state
        held = gate.failed(child, now)
        if gate.state is CauseState.PAUSED and before is not CauseState.PAUSED:
            self._probes.pop(key, None)
            seconds = (gate.until or now) - now
            self._publish(CausePaused(at=now, child=child, cause=str(key), seconds=seconds))
        self._wind(key, gate)
        return held

    def hold(self, key: Hashable, place: Place, go: Callable[[], object]) -> Ticket:
        """Call ``go`` when the child at ``place`` may come back."""
        ticket = self._tickets[key, place.path] = Ticket(self, key, place, go)
        gate = self._gate(key)
        gate.join(place.path, self._clock.now())
        self._wind(key, gate)
        return ticket

    def leave(self, key: Hashable, child: str) -> None:
        """A held-back child does not come back by itself."""
        if self._tickets.pop((key, child), None) is not None and key in self._gates:
            self._gates[key].leave(child, self._clock.now())
            self._wind(key, self._gates[key])

    def states(self) -> dict[str, tuple[str, int]]:
        """Of each cause that is not clear: its state, and how many wait for it."""
        return {
            str(key): (gate.state.value, len(gate.waiting))
            for key, gate in list(self._gates.items())
            if gate.state is not CauseState.CLEAR
        }

    def close(self) -> None:
        """Let nobody go any more; the tree has ended."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def _gate(self, key: Hashable) -> Gate:
        if key not in self._gates:
            self._gates[key] = Gate(self._policy, self._rng)
        return self._gates[key]

    def _wind(self, key: Hashable, gate: Gate) -> None:
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()
        if gate.until is not None:
            delay = max(0.0, gate.until - self._clock.now())
            self._timers[key] = self._clock.call_later(delay, partial(self._due, key))

    def _due(self, key: Hashable) -> None:
        gate, now = self._gates[key], self._clock.now()
        probe = self._probes.get(key)
        if probe is not None and probe.phase in {Phase.STOPPED, Phase.QUARANTINED, Phase.GONE}:
            gate.leave(probe.path, now)  # it will prove nothing any more
        proven = probe is not None and probe.phase is Phase.RUNNING
        before = gate.state
        for child in gate.due(now, proven=proven):
            ticket = self._tickets.pop((key, child))
            if gate.state is CauseState.PROBING:
                self._probes[key] = ticket.place
                self._publish(CauseProbed(at=now, child=child, cause=str(key)))
            ticket.go()
        if gate.state is CauseState.CLEAR:
            self._probes.pop(key, None)
            del self._gates[key]
            if before is not CauseState.CLEAR:
                self._publish(CauseCleared(at=now, child="", cause=str(key)))
        self._wind(key, gate)
