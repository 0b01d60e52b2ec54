"""Real Erlang: one node that answers one script after the other."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from .script import Script, erlang

__all__ = ["Oracle"]

SOURCE = Path(__file__).with_name("oracle.erl")


class Oracle:
    """Compiles and starts the node; a context manager.

    Raises:
        FileNotFoundError: there is no ``erl`` or ``erlc`` (Debian: ``erlang-base``).
    """

    def __init__(self) -> None:
        for command in ("erl", "erlc"):
            if shutil.which(command) is None:
                raise FileNotFoundError(f"{command} is missing; on Debian: apt install erlang-base")
        self._folder = tempfile.TemporaryDirectory()
        subprocess.run(["erlc", "-o", self._folder.name, str(SOURCE)], check=True)
        self._node = subprocess.Popen(
            # one scheduler: the script's own process runs when all others wait
            ["erl", "+S", "1:1", "-noshell", "-pa", self._folder.name, "-s", "oracle", "main"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "ERL_CRASH_DUMP_BYTES": "0"},
        )
        self._known: dict[str, Any] = {}
        self.asked = 0
        """How many scripts it has carried out."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._node.stdin is not None
        self._node.stdin.close()
        self._node.wait(10)
        if self._node.stdout is not None:
            self._node.stdout.close()
        self._folder.cleanup()

    def carry_out(self, script: Script, schedules: dict[int, tuple[Any, ...]]) -> list[Any]:
        """What Erlang answers; ``schedules`` orders what the steps do at once."""
        line = erlang(script, schedules)
        if line not in self._known:
            self._known[line] = self._ask(line)
        return self._known[line]  # type: ignore[no-any-return]

    def forget(self) -> None:
        """Keep no answers of scripts that are done with."""
        self._known.clear()

    def _ask(self, line: str) -> Any:
        assert self._node.stdin is not None
        assert self._node.stdout is not None
        self.asked += 1
        self._node.stdin.write(line)
        self._node.stdin.flush()
        answer = self._node.stdout.readline()
        if not answer:
            raise RuntimeError(f"the Erlang node has ended at {line}")
        return json.loads(answer)
