"""Drawing of a QR code in a terminal, two modules to a character.

The colours are set, black on white, so that it can be scanned from a light terminal and a dark one,
also with ``NO_COLOR``: they are what the code says.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from itertools import zip_longest
from typing import Final

BLACK_ON_WHITE: Final = "\x1b[38;5;16;48;5;231m"
PLAIN: Final = "\x1b[0m"
BORDER: Final = 2  # modules of white around it; the terminal's own margin does the rest
HALVES: Final = {(False, False): " ", (True, False): "▀", (False, True): "▄", (True, True): "█"}


def half_blocks(text: str) -> Iterator[str]:
    """The lines of the QR code that holds ``text``, without colours: ink is black."""
    import segno  # not before it is needed: help is to come at once

    code = segno.make(text, error="l", micro=False)
    rows = [[bool(module) for module in row] for row in code.matrix_iter(border=BORDER)]
    white = [False] * len(rows[0])
    for upper, lower in zip_longest(rows[::2], rows[1::2], fillvalue=white):
        yield "".join(HALVES[pair] for pair in zip(upper, lower, strict=True))


def can_draw() -> bool:
    """Whether the standard output is a terminal that knows colours and half blocks."""
    if not sys.stdout.isatty() or os.environ.get("TERM", "dumb") == "dumb":
        return False
    try:
        "".join(HALVES.values()).encode(sys.stdout.encoding)
    except UnicodeEncodeError:
        return False
    return True


class QrCode:
    """One QR code on the terminal, drawn anew in its place; into a pipe its address goes."""

    def __init__(self) -> None:
        self._drawn = 0

    def show(self, url: str, expires: float) -> None:
        """Show a code in the place of the last one."""
        if not can_draw():
            self._say(f"open or scan by {_clock(expires)}: {url}\n")
            return
        lines = [f"{BLACK_ON_WHITE}{line}{PLAIN}" for line in half_blocks(url)]
        lines.append(f"changes at {_clock(expires)}; Ctrl-C ends it, and costs nothing")
        above = f"\x1b[{self._drawn}A\x1b[J" if self._drawn else ""
        self._say(above + "".join(f"{line}\n" for line in lines))
        self._drawn = len(lines)

    def clear(self) -> None:
        """Take the last one away: it is good for nothing any more."""
        if self._drawn:
            self._say(f"\x1b[{self._drawn}A\x1b[J")
            self._drawn = 0

    def _say(self, text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()


def _clock(at: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(at))
