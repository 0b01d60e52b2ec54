"""The demo's output: a live screen in a terminal, plain lines elsewhere, JSON on request.

Owns output only; the story tells it what happens.
"""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Protocol, Self

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from ..terminal import sessions_table
from .tally import Tally

LINES_KEPT: Final = 12
TALL, WIDE = 40, 110  # lines and columns that the tree needs beside the rest


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """How it went; what ``--json`` prints."""

    sent: int
    forwarded: int
    lost: int
    doubled: int
    faults: tuple[Mapping[str, Any], ...]
    sessions: Mapping[str, str]
    repeated: int = 0
    problem: str = ""

    @property
    def good(self) -> bool:
        """Nothing lost, nothing doubled, every fault over, every session healthy."""
        return (
            not self.problem
            and self.lost == self.doubled == 0
            and self.sent > 0
            and all(health == "healthy" for health in self.sessions.values())
            and all(fault["recovered_by"] for fault in self.faults)
        )


class Show(Protocol):
    """Where the story goes."""

    def say(self, words: str, *, style: str = "") -> None:
        """Tell one thing that happened."""

    def update(self, state: Mapping[str, Any], tally: Tally) -> None:
        """Show how everything is now."""

    def end(self, summary: Summary) -> None:
        """Show how it went."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


def show_for(*, as_json: bool) -> Show:
    """The kind of show that fits where the output goes."""
    if as_json:
        return Quiet()
    console = Console()
    return Screen(console) if console.is_terminal else Lines()


@dataclass(slots=True)
class Quiet:
    """Nothing but the summary, as one JSON object."""

    def say(self, words: str, *, style: str = "") -> None:
        """Nothing is said."""

    def update(self, state: Mapping[str, Any], tally: Tally) -> None:
        """Nothing is shown."""

    def end(self, summary: Summary) -> None:
        """Print the object."""
        print(json.dumps(asdict(summary), indent=2))  # noqa: T201 - the command's output

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...


@dataclass(slots=True)
class Lines:
    """Plain lines with seconds in front, for logs and pipes."""

    console: Console = field(default_factory=lambda: Console(highlight=False, soft_wrap=True))
    began: float = field(default_factory=time.monotonic)

    def say(self, words: str, *, style: str = "") -> None:
        """Print a line."""
        stamp = f"{time.monotonic() - self.began:6.1f} s  "
        self.console.print(Text(stamp, style="dim") + Text(words, style=style))

    def update(self, state: Mapping[str, Any], tally: Tally) -> None:
        """A count now and then is what the story says by itself."""

    def end(self, summary: Summary) -> None:
        """Print the table."""
        self.console.print(summary_table(summary))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...


class Screen:
    """A live screen: tree, sessions, counters, and the last lines of the story."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._began = time.monotonic()
        self._lines: deque[Text] = deque(maxlen=LINES_KEPT)
        self._state: Mapping[str, Any] = {}
        self._tally = Tally(sent=0, forwarded=0, lost=0, doubled=0)
        self._live = Live(console=console, refresh_per_second=8, get_renderable=self._picture)

    def say(self, words: str, *, style: str = "") -> None:
        """Add a line at the bottom."""
        stamp = f"{time.monotonic() - self._began:6.1f} s  "
        self._lines.append(Text(stamp, style="dim") + Text(words, style=style))

    def update(self, state: Mapping[str, Any], tally: Tally) -> None:
        """Redraw with these."""
        self._state, self._tally = state, tally

    def end(self, summary: Summary) -> None:
        """Leave the table on the terminal."""
        self._live.stop()
        self._console.print(summary_table(summary))

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def _picture(self) -> Group:
        story = Panel(Group(*self._lines), title="what happens", border_style="dim")
        if self._console.height < TALL or self._console.width < WIDE:
            return Group(sessions_table(self._state), self._counters(), story)
        above = Table.grid(expand=True, padding=(0, 1))
        above.add_column(ratio=5)
        above.add_column(ratio=6)
        tree = Text(self._state.get("tree_text", "starting ..."), no_wrap=True, overflow="ellipsis")
        above.add_row(
            Panel(tree, title="tree", border_style="dim"),
            Group(sessions_table(self._state), self._counters()),
        )
        return Group(above, story)

    def _counters(self) -> Text:
        tally = self._tally
        on_the_way = Text(f"   on the way {tally.lost}", style="dim")
        doubled = Text(f"   doubled {tally.doubled}", style="red" if tally.doubled else "green")
        sent = Text(f"messages   sent {tally.sent}   forwarded {tally.forwarded}", style="bold")
        return sent + on_the_way + doubled


def summary_table(summary: Summary) -> Group:
    """The summary for people."""
    table = Table(title="faults", title_justify="left")
    for name in ("fault", "recovered by", "seconds"):
        table.add_column(name, justify="right" if name == "seconds" else "left")
    for fault in summary.faults:
        seconds = fault["seconds"]
        table.add_row(
            fault["fault"],
            fault["recovered_by"] or Text("not recovered", style="red"),
            "" if seconds is None else f"{seconds:.3f}",
        )
    numbers = (
        f"sent {summary.sent}, forwarded {summary.forwarded}, lost {summary.lost}, "
        f"doubled {summary.doubled}"
    )
    sessions = ", ".join(f"{name} {health}" for name, health in summary.sessions.items())
    verdict = Text("all is well", style="bold green")
    if not summary.good:
        verdict = Text(summary.problem or "not everything came back", style="bold red")
    return Group(table, Text(numbers), Text(f"sessions: {sessions}"), verdict)
