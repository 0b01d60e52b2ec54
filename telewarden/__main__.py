"""``python -m telewarden``, and the command ``telewarden``.

Hears SIGTERM before anything else is imported: as a container's first process a program gets no
signal that it does not listen to.
"""

from __future__ import annotations

import gc
import signal
import sys
from types import FrameType


def main() -> None:
    """Run the command line."""
    signal.signal(signal.SIGTERM, _leave)
    gc.disable()
    from .cli import main as run

    gc.freeze()  # what is imported stays: neither collections nor the exit look at it
    gc.enable()
    run()


def _leave(number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + number)


if __name__ == "__main__":
    main()
