"""The owner of a lease, as other processes can read it.

Owns the facts in a lock file. The lock alone decides; the facts explain.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from .process_info import command_line, host_name, is_alive, program_of, start_time

SIZE: Final = 4096  # bytes; the facts have some 200
END: Final = b"\n"  # what follows is left of facts that were longer


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseHolder:
    """One process that holds, or held, a session's key."""

    purpose: str
    pid: int
    started: float  # when the process started, epoch seconds
    host: str
    command: str
    since: float  # when the lease was taken, epoch seconds

    @classmethod
    def current(cls, purpose: str, *, since: float | None = None) -> LeaseHolder:
        """Describe this process: ``LeaseHolder.current("forwarding")``."""
        return cls(
            purpose=purpose,
            since=time.time() if since is None else since,
            **_of_this_process(os.getpid()),
        )

    @classmethod
    def of(cls, pid: int, purpose: str) -> LeaseHolder:
        """Describe another process of this machine, as far as it lets itself be looked at."""
        started = start_time(pid) or 0.0
        return cls(
            purpose=purpose,
            pid=pid,
            started=started,
            host=host_name(),
            command=program_of(pid),
            since=started,
        )

    @property
    def local(self) -> bool:
        """Whether it was taken on this machine, so that its process can be looked up."""
        return self.host == host_name()

    @property
    def alive(self) -> bool:
        """Whether its process still runs here (number and start time both match)."""
        return self.local and is_alive(self.pid, self.started)

    def __str__(self) -> str:
        when = datetime.fromtimestamp(self.since, tz=UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        return f"process {self.pid} on {self.host} ({self.command}: {self.purpose}) since {when}"

    def save(self, handle: int) -> None:
        """Write the facts into the lock file that is open as ``handle``; a reader sees them whole.

        Only who holds the lock may call this. Not synced: facts without their process are stale.
        """
        facts = {name: getattr(self, name) for name in FIELDS}
        os.pwrite(handle, json.dumps(facts).encode() + END, 0)

    @classmethod
    def load(cls, path: Path) -> LeaseHolder | None:
        """Return the facts at ``path``, or ``None`` where there are none that can be read."""
        try:
            handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:
            return None
        try:
            return cls.read(handle)
        finally:
            os.close(handle)

    @classmethod
    def read(cls, handle: int) -> LeaseHolder | None:
        """Return the facts in an open lock file, or ``None`` where there are none."""
        try:
            text = os.pread(handle, SIZE, 0).partition(END)[0]
            facts = json.loads(text) if text else {}
            return cls(
                purpose=str(facts["purpose"]),
                pid=int(facts["pid"]),
                started=float(facts["started"]),
                host=str(facts["host"]),
                command=str(facts["command"]),
                since=float(facts["since"]),
            )
        except (OSError, ValueError, TypeError, KeyError, OverflowError):
            return None


FIELDS: Final = tuple(one.name for one in fields(LeaseHolder))


@lru_cache(maxsize=1)
def _of_this_process(pid: int) -> dict[str, Any]:
    """What does not change while a process lives; asking the system takes longer than a lease."""
    return {
        "pid": pid,
        "started": start_time(pid) or 0.0,
        "host": host_name(),
        "command": command_line(),
    }
