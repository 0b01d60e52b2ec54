"""Processes of which a test starts many, without what each would import: forked from one that has.

Each is a process of its own as if it had been started: memory, files, locks, its end by a signal.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self

__all__ = ["WarmPython"]

KEEPER: Final = """
import gc, json, os, sys
import telewarden.cli, telewarden.telegram.client, telewarden.warden

gc.collect()
gc.freeze()  # the pages of what is there are shared as long as nobody looks through it

def ready(order):
    os.chdir(order["folder"])
    os.environ.clear()
    os.environ.update(order["environment"])
    for number, way in enumerate((os.O_RDONLY, os.O_WRONLY, os.O_WRONLY)):
        handle = os.open(order["files"][number], way)
        os.dup2(handle, number)
        os.close(handle)
    sys.stdin = sys.__stdin__ = open(0, closefd=False)
    sys.argv = ["-c", *order["arguments"]]

for line in sys.stdin:
    child = os.fork()
    if child == 0:
        order = json.loads(line)
        ready(order)
        exec(compile(order["program"], "<program>", "exec"), {"__name__": "__main__"})
        sys.exit()
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class WarmPython:
    """Runs programs, one after the other, each in a process of its own."""

    def __init__(self, folder: Path) -> None:
        self._files = [folder / name for name in ("typed", "printed", "errors")]
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

    def run(
        self,
        program: str,
        *arguments: object,
        folder: Path | None = None,
        environment: Mapping[str, str] | None = None,
        typed: str | None = None,
        within: float = 60.0,
    ) -> subprocess.CompletedProcess[str]:
        """Run a program's text to its end, with these in ``sys.argv``; as ``subprocess.run``."""
        assert self._keeper.stdin is not None
        assert self._keeper.stdout is not None
        for file, text in zip(self._files, (typed or "", "", ""), strict=True):
            file.write_text(text, encoding="utf-8")
        words = [*map(str, arguments)]
        order = {
            "program": program,
            "arguments": words,
            "folder": str(folder or Path.cwd()),
            "environment": dict(environment or os.environ),
            "files": [*map(str, self._files)],
        }
        self._keeper.stdin.write(json.dumps(order) + "\n")
        self._keeper.stdin.flush()
        assert select.select([self._keeper.stdout], [], [], within)[0], "it does not end"
        code = int(self._keeper.stdout.readline())
        printed, errors = (file.read_text(encoding="utf-8") for file in self._files[1:])
        return subprocess.CompletedProcess(words, code, printed, errors)
