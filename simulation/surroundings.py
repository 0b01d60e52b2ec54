"""Time and chance of the process, taken over before anything else is imported.

Telethon and the libraries below it ask the modules ``time``, ``os`` and ``random`` themselves, so
those answer from the simulation here while one runs, and as ever while none does.
"""

from __future__ import annotations

import os
import random
import secrets
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any, Final

__all__ = ["START", "TIME", "VirtualTime", "install", "real_monotonic"]

START: Final = 1_750_000_000.0  # epoch seconds at which every run begins

real_time, real_monotonic, real_sleep = time.time, time.monotonic, time.sleep
real_urandom: Callable[[int], bytes] = os.urandom


class VirtualTime:
    """What the clocks say: ``now`` is monotonic, the wall may be moved against it."""

    __slots__ = ("entropy", "now", "running", "sleep", "wall_offset")

    def __init__(self) -> None:
        self.running = False
        self.now = 0.0
        self.wall_offset = START
        self.entropy = random.Random(0)
        self.sleep: Callable[[float], None] = real_sleep

    def begin(self, seed: str) -> None:
        """Start at zero, with randomness of this seed."""
        self.now, self.wall_offset = 1000.0, START - 1000.0
        self.entropy = random.Random(f"entropy {seed}")
        random.seed(f"global {seed}")
        tempfile._name_sequence = None  # type: ignore[attr-defined]  # else a process's first run draws one more
        self.running = True

    def end(self) -> None:
        """Leave the clocks to the machine again."""
        self.running = False

    def wall(self) -> float:
        """Epoch seconds."""
        return self.now + self.wall_offset


TIME: Final = VirtualTime()


def _time() -> float:
    return TIME.now + TIME.wall_offset if TIME.running else real_time()


def _monotonic() -> float:
    return TIME.now if TIME.running else real_monotonic()


def _sleep(seconds: float) -> None:
    (TIME.sleep if TIME.running else real_sleep)(seconds)


def _urandom(size: int, /) -> bytes:
    return TIME.entropy.randbytes(size) if TIME.running else real_urandom(size)


def install() -> None:
    """Take over; before the product and Telethon are imported, who keep what they find."""
    if any(name.partition(".")[0] in ("telethon", "telewarden") for name in sys.modules):
        raise RuntimeError("import simulation.surroundings and install it before anything else")
    time.time, time.monotonic, time.perf_counter, time.sleep = (
        _time,
        _monotonic,
        _monotonic,
        _sleep,
    )
    time.time_ns = lambda: int(_time() * 1e9)
    time.monotonic_ns = lambda: int(_monotonic() * 1e9)
    os.urandom = _urandom
    random._urandom = _urandom  # type: ignore[attr-defined]
    secrets.token_bytes = lambda nbytes=None: _urandom(32 if nbytes is None else nbytes)
    seed_as_ever = random.Random.seed

    def seed(self: random.Random, a: Any = None, version: int = 2) -> None:
        if a is None and TIME.running:
            a = int.from_bytes(_urandom(16), "little")
        seed_as_ever(self, a, version)

    random.Random.seed = seed  # type: ignore[method-assign]
