"""Progress bars on a terminal's standard error, of what takes longer than a second.

None is drawn into a pipe, nor where JSON is wanted. rich is imported when a bar is drawn.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

AFTER: Final = 1.0  # seconds; what is done sooner needs no bar


class Bar:
    """One bar; it moves to and fro as long as nobody has said how far it is."""

    def __init__(self, words: str) -> None:
        self._words, self._done, self._total = words, 0, 0
        self._lock = threading.Lock()
        self._drawn: tuple[Progress, TaskID] | None = None
        self._ended = False

    def step(self, done: int, total: int, words: str) -> None:
        """So much is done of so much, and this is being done now."""
        with self._lock:
            self._done, self._total, self._words = done, total, words
            self._tell()

    def draw(self) -> None:
        """Show it from now on. Thread-safe."""
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            SpinnerColumn,
            TextColumn,
            TimeElapsedColumn,
        )

        with self._lock:
            if self._ended:
                return
            progress = Progress(
                SpinnerColumn(),
                TextColumn("{task.description}", markup=False),
                BarColumn(bar_width=24),
                *((MofNCompleteColumn(),) if self._total else ()),
                TimeElapsedColumn(),
                console=Console(stderr=True),
                transient=True,
            )
            self._drawn = progress, progress.add_task(self._words, total=None)
            self._tell()
            progress.start()

    def end(self) -> None:
        """Take it away; no trace stays."""
        with self._lock:
            self._ended = True
            if self._drawn is not None:
                self._drawn[0].stop()

    def _tell(self) -> None:
        if self._drawn is not None:
            progress, task = self._drawn
            total = self._total or None
            progress.update(task, completed=self._done, total=total, description=self._words)


@contextlib.contextmanager
def bar(words: str, *, wanted: bool = True) -> Iterator[Bar]:
    """A bar for the length of a block, once that has taken a second."""
    one = Bar(words)
    timer = threading.Timer(AFTER, one.draw)
    timer.daemon = True
    if wanted and sys.stderr.isatty():
        timer.start()
    try:
        yield one
    finally:
        timer.cancel()
        one.end()
