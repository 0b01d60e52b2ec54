"""What the front door's tests share: ``telewarden`` as a process in a folder of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest

from telewarden.storage import MasterKey

from ..warm import WarmPython

CONFIG = """\
[telegram]
api_id = 1

[storage]
folder = "store"
master_key = {{ env = "TELEWARDEN_TEST_KEY" }}

[console]
port = {port}
socket = "{socket}"

[[sessions]]
name = "alice"
phone = "+9996620001"

[loopback]

[[loopback.accounts]]
name = "alice"
phone = "+9996620001"
"""

KEY = MasterKey.generate()


class Shell:
    """Runs ``telewarden`` in a folder, with a master key in the environment.

    A command is a fresh Python the first time. After that it is forked from one that has imported
    what each imports, which takes longer than most of them.
    """

    known: ClassVar[set[str]] = set()

    def __init__(self, folder: Path, leaks: Any, warm_python: WarmPython) -> None:
        self.folder, self.leaks, self._warm = folder, leaks, warm_python
        self.environment = {**os.environ, "TELEWARDEN_TEST_KEY": KEY, "COLUMNS": "100"}
        self.running: list[subprocess.Popen[str]] = []
        self.write()

    def write(self, **changes: str) -> Path:
        text = CONFIG.format(port=0, socket=short_socket(self.folder))
        for right, wrong in changes.items():
            text = text.replace(right, wrong)
        path = self.folder / "telewarden.toml"
        path.write_text(text, encoding="utf-8")
        return path

    def __call__(self, *words: str, typed: str | None = None) -> subprocess.CompletedProcess[str]:
        fresh = words[0] not in self.known or self._imports_otherwise
        done = self._fresh(words, typed) if fresh else self._forked(words, typed)
        self.known.add(words[0])
        if words[:1] != ("keygen",):  # which is asked for one
            self.leaks.see(" ".join(words[:1]), done.stdout + done.stderr)
        return done

    @property
    def _imports_otherwise(self) -> bool:
        return self.environment["PYTHONPATH"] != os.environ["PYTHONPATH"]

    def _fresh(self, words: Sequence[str], typed: str | None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "telewarden", *words],
            cwd=self.folder,
            env=self.environment,
            input=typed,
            capture_output=True,
            text=True,
            timeout=40,
            check=False,
        )

    def _forked(self, words: Sequence[str], typed: str | None) -> subprocess.CompletedProcess[str]:
        return self._warm.run(
            "import runpy; runpy.run_module('telewarden', run_name='__main__', alter_sys=True)",
            *words,
            folder=self.folder,
            environment=self.environment,
            typed=typed,
        )

    def start(self, *words: str, under: Sequence[str] = (), **how: Any) -> subprocess.Popen[str]:
        """Start a command that goes on; ``under`` is a program that starts it."""
        process = subprocess.Popen(
            [*under, sys.executable, "-m", "telewarden", *words],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **how,
        )
        self.running.append(process)
        return process

    def until(self, process: subprocess.Popen[str], words: str) -> str:
        assert process.stdout is not None
        for line in process.stdout:
            if words in line:
                return line
        pytest.fail(f"it ended without saying {words!r}: {process.communicate()}")

    def close(self) -> None:
        for process in self.running:
            if process.poll() is None:
                process.kill()
            for text in process.communicate():
                self.leaks.see("its output", text or "")
        (self.folder / short_socket(self.folder)).unlink(missing_ok=True)  # of who was killed


def short_socket(folder: Path) -> str:
    """A name for a socket that is short enough wherever pytest keeps its folders."""
    return os.path.relpath("/tmp", folder) + f"/tw-test-{os.getpid()}-{folder.name[-8:]}.sock"


@pytest.fixture
def shell(tmp_path: Path, leaks: Any, warm_python: WarmPython) -> Iterator[Shell]:
    it = Shell(tmp_path, leaks, warm_python)
    yield it
    it.close()
    leaks.see_files(tmp_path)
