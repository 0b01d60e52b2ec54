"""Processes of which a test starts many, without what each would import: forked from one that has.

Each is a process of its own as if it had been started: memory, files, locks, its end by a signal.
"""

from __future__ import annotations

import json
import select
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

__all__ = ["Ended", "WarmPython"]

KEEPER: Final = """
import json, os, sys, traceback
import telewarden.telegram.client, telewarden.warden

def work(order):
    os.dup2(os.open(os.devnull, os.O_RDWR), 0)
    os.dup2(0, 1)
    os.dup2(os.open(order["errors"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), 2)
    sys.argv = ["-c", *order["arguments"]]
    try:
        exec(compile(order["program"], "<program>", "exec"), {"__name__": "__main__"})
        return 0
    except BaseException:
        traceback.print_exc()
        return 1

for line in sys.stdin:
    child = os.fork()
    if child == 0:
        os._exit(work(json.loads(line)))
    status = os.waitpid(child, 0)[1]
    print(os.waitstatus_to_exitcode(status), flush=True)
"""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended: as ``subprocess`` tells it, and what it said of it."""

    returncode: int
    stderr: str


class WarmPython:
    """Runs programs, one after the other, each in a process of its own."""

    def __init__(self, folder: Path) -> None:
        self._errors = folder / "errors"
        self._keeper = subprocess.Popen(
            [sys.executable, "-c", KEEPER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self._keeper.kill()
        self._keeper.communicate()

    def run(self, program: str, *arguments: object, within: float = 60.0) -> Ended:
        """Run a program's text until it ends, with these in ``sys.argv``."""
        assert self._keeper.stdin is not None
        assert self._keeper.stdout is not None
        order = {
            "program": program,
            "arguments": [*map(str, arguments)],
            "errors": str(self._errors),
        }
        self._keeper.stdin.write(json.dumps(order) + "\n")
        self._keeper.stdin.flush()
        assert select.select([self._keeper.stdout], [], [], within)[0], "it does not end"
        return Ended(int(self._keeper.stdout.readline()), self._errors.read_text("utf-8"))
