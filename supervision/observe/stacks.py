"""Stacks of threads and tasks that do not come back: file, line and code, never a value."""

from __future__ import annotations

import asyncio
import sys
import traceback
from typing import Any


def thread_stack(ident: int | None) -> str:
    """The stack of a running thread, innermost last; empty when there is no such thread."""
    if ident is None:
        return ""
    frame = sys._current_frames().get(ident)  # noqa: SLF001 - there is no other way to see it
    return "" if frame is None else "".join(traceback.format_stack(frame))


def task_stack(task: asyncio.Task[Any] | None) -> str:
    """The stack of a task that waits, innermost last, through all that it awaits."""
    awaited: Any = None if task is None else task.get_coro()
    lines: list[str] = []
    while awaited is not None:
        frame = getattr(awaited, "cr_frame", None) or getattr(awaited, "gi_frame", None)
        if frame is not None:
            lines.extend(traceback.format_stack(frame, limit=1))
        awaited = getattr(awaited, "cr_await", None) or getattr(awaited, "gi_yieldfrom", None)
    return "".join(lines)
