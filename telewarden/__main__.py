"""``python -m telewarden``, and the command ``telewarden``.

Hears SIGTERM before anything else is imported: as a container's first process a program gets no
signal that it does not listen to.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
from types import FrameType


def main() -> None:
    """Run the command line."""
    signal.signal(signal.SIGTERM, _leave)
    gc.disable()
    runs = "run" in sys.argv and signal.getsignal(signal.SIGHUP) is signal.SIG_DFL
    if runs and not any(map(os.isatty, range(3))):
        signal.signal(signal.SIGHUP, _not_yet)
    from .cli import main as run

    gc.freeze()  # what is imported stays: neither collections nor the exit look at it
    gc.enable()
    run()


def _leave(number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + number)


def _not_yet(_number: int, _frame: FrameType | None) -> None:
    """A reload is asked for before the configuration was read the first time."""


if __name__ == "__main__":
    main()
