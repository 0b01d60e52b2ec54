"""Who holds a lease, as others can read it.

Owns the facts beside a lock and their file. The lock alone decides; the facts explain.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from .process import command_line, host_name, is_alive, program_of, start_time

__all__ = ["LeaseHolder"]


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
    def here(cls, purpose: str, *, since: float | None = None) -> LeaseHolder:
        """Describe this process: ``LeaseHolder.here("forwarding")``."""
        pid = os.getpid()
        return cls(
            purpose=purpose,
            pid=pid,
            started=start_time(pid) or 0.0,
            host=host_name(),
            command=command_line(),
            since=time.time() if since is None else since,
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

    def save(self, path: Path) -> None:
        """Write the facts to ``path`` in one step, so that no reader sees half of them.

        Only who holds the lock may call this. Not synced: facts without their process are stale.
        """
        draft = f"{path}.new"
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            os.write(handle, json.dumps(asdict(self)).encode())
        finally:
            os.close(handle)
        os.replace(draft, path)

    @classmethod
    def load(cls, path: Path) -> LeaseHolder | None:
        """Return the facts at ``path``, or ``None`` where there are none that can be read."""
        try:
            facts = json.loads(path.read_bytes())
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
