"""Drawing of what commands show: with rich on a terminal, as plain columns into a pipe.

rich is imported when something is drawn on a terminal.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from .console.commands.sessions import groups_grid, sessions_grid, waits_grid
from .console.commands.shown import STYLES, Block, Grid

if TYPE_CHECKING:
    from rich.table import Table


def plain(blocks: Iterable[Block]) -> Iterator[str]:
    """Lines of text, the columns of a table below each other; a table's title is left out."""
    for block in blocks:
        if isinstance(block, str):
            yield from block.splitlines() or [""]
        elif not block.rows:
            yield block.empty
        else:
            yield from _columns(block)


def _columns(block: Grid) -> Iterator[str]:
    rows = (block.columns, *block.rows)
    last = len(block.columns) - 1
    widths = [max(len(row[place]) for row in rows) for place in range(last)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        yield "  ".join((*cells, row[last])).rstrip()


def draw(blocks: Iterable[Block]) -> None:
    """Draw on the terminal that the standard output is."""
    from rich.console import Console

    console = Console(highlight=False)
    for block in blocks:
        if isinstance(block, str):
            console.print(block, markup=False, soft_wrap=True)
        elif block.rows:
            console.print(table(block))
        else:
            console.print(block.empty, style="dim", markup=False)


def table(block: Grid) -> Table:
    """A table as rich draws it."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    drawn = Table(title=block.title, title_justify="left", expand=block.wide >= 0, box=SIMPLE_HEAD)
    for place, name in enumerate(block.columns):
        numbers = all(row[place].isdigit() for row in block.rows) and bool(block.rows)
        wide = place == block.wide
        drawn.add_column(
            name,
            justify="right" if numbers else "left",
            no_wrap=not wide,
            ratio=1 if wide else None,
            overflow="fold",
        )
    for row in block.rows:
        drawn.add_row(*(Text(cell, style=STYLES.get(cell, "")) for cell in row))
    return drawn


def overview_tables(state: Mapping[str, Any]) -> Iterator[Table]:
    """Tables of a warden's state: sessions, pairs, and what waits."""
    yield table(sessions_grid(state))
    yield table(groups_grid(state))
    if state.get("waits"):
        yield table(waits_grid(state))


def sessions_table(state: Mapping[str, Any]) -> Table:
    """The table of sessions alone."""
    return table(sessions_grid(state))
