"""The limit on open files (RLIMIT_NOFILE) and how many the sessions need.

Each session has a line, a lease and a claim. Past the limit connects, leases and pages fail one by
one, as if the network or the disk were at fault; so it is looked at before anything starts.
"""

from __future__ import annotations

import contextlib
import os
import resource
from typing import Final

from ..errors import OpenFilesError

PER_SESSION: Final = 3
BESIDE: Final = 200  # the database, the loop, the console and its 128 connections


def make_room(sessions: int) -> None:
    """Allow as many open files as so many sessions need.

    Raises:
        OpenFilesError: this process may not have so many.
    """
    needed = _open_now() + BESIDE + PER_SESSION * sessions
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < needed:
        if hard != resource.RLIM_INFINITY and hard < needed:
            raise OpenFilesError(sessions, needed=needed, allowed=hard)
        with contextlib.suppress(ValueError, OSError):  # what is allowed stays
            resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


def allow_all() -> None:
    """Allow as many open files as may be allowed, for a process that is all ours."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):  # what is allowed stays
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _open_now() -> int:
    with contextlib.suppress(OSError):
        return len(os.listdir("/proc/self/fd"))
    return 0
