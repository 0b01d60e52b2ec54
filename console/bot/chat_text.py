"""Results of commands as text for a chat: tables line by line, long answers in parts. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from ..commands.shown import Block, Grid

PART: Final = 4000  # UTF-16 units of one message; Telegram takes 4096
PARTS: Final = 5  # messages of one answer
REST: Final = "... and {} lines more; the command line and the page show all"


def chat_text(blocks: Iterable[Block]) -> str:
    """A result in plain lines."""
    lines = [line for block in blocks for line in _lines(block)]
    return "\n".join(lines).strip() or "nothing to show"


def parts_of(text: str) -> list[str]:
    """A text in messages that Telegram takes, broken between lines where that is possible."""
    lines = [piece for line in text.split("\n") for piece in _pieces(line)]
    parts: list[str] = []
    for number, line in enumerate(lines):
        if parts and _units(parts[-1]) + _units(line) + 1 <= PART:
            parts[-1] += f"\n{line}"
        elif len(parts) < PARTS:
            parts.append(line)
        else:
            parts[-1] = _shortened(parts[-1], len(lines) - number)
            break
    return [part for part in parts if part.strip()]


def _lines(block: Block) -> Iterator[str]:
    if isinstance(block, str):
        yield block
    elif not block.rows:
        yield block.empty
    else:
        yield f"{block.title}:"
        for row in block.rows:
            yield _row(block, row)


def _row(grid: Grid, row: tuple[str, ...]) -> str:
    """``alice: health healthy, phase online``; empty cells and columns without a name are short."""
    named = [
        f"{column} {cell}".strip()
        for column, cell in zip(grid.columns[1:], row[1:], strict=True)
        if cell
    ]
    return f"- {row[0]}: {', '.join(named)}" if named else f"- {row[0]}"


def _shortened(part: str, left: int) -> str:
    """The last part that is sent, with how much is left out."""
    lines = part.split("\n")
    while len(lines) > 1 and _units("\n".join(lines)) + len(REST) + 12 > PART:
        lines.pop()
        left += 1
    return "\n".join((*lines, REST.format(left)))


def _pieces(line: str) -> Iterator[str]:
    while _units(line) > PART:
        cut = PART // 2  # no character has more than two units
        yield line[:cut]
        line = line[cut:]
    yield line


def _units(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2
