"""What the front door's tests share: ``telewarden`` as a process in a folder of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

import pytest

from telewarden.storage import MasterKey

from ..warm import TELEWARDEN, WarmPython

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
PIPES: Final[dict[str, Any]] = {
    "stdout": subprocess.PIPE,
    "stderr": subprocess.PIPE,
    "text": True,
}


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
        with self.launch(words, stdin=subprocess.PIPE, **PIPES) as process:
            try:
                printed, errors = process.communicate(typed, timeout=40)
            finally:
                process.kill()
        if words[:1] != ("keygen",):  # which is asked for one
            self.leaks.see(" ".join(words[:1]), printed + errors)
        return subprocess.CompletedProcess(words, process.returncode, printed, errors)

    def start(self, *words: str, **how: Any) -> subprocess.Popen[str]:
        """Start a command that goes on."""
        process = self.launch(words, **PIPES, **how)
        self.running.append(process)
        return process

    def launch(
        self,
        words: Sequence[str],
        *,
        under: Sequence[str] = (),
        before: str = "",
        environment: Mapping[str, str] | None = None,
        **how: Any,
    ) -> subprocess.Popen[Any]:
        """Start a command with these streams, in a Python that is fresh or warm.

        ``under`` is a program that starts it, and ``before`` a statement that it begins with.
        """
        told = self.environment if environment is None else environment
        is_new, odd = words[0] not in self.known, _of_python(told) != _of_python(os.environ)
        if (is_new or odd or under) and not before:
            self.known.add(words[0])
            command = [*under, sys.executable, "-m", "telewarden", *words]
            return subprocess.Popen(command, cwd=self.folder, env=told, **how)
        return self._warm.start(
            f"{before}\n{TELEWARDEN}", *words, folder=self.folder, environment=told, **how
        )

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


def _of_python(environment: Mapping[str, str]) -> dict[str, str]:
    """What a Python goes by from its beginning."""
    names = ("PYTHON", "LC_", "LANG")
    return {name: value for name, value in environment.items() if name.startswith(names)}


def short_socket(folder: Path) -> str:
    """A name for a socket that is short enough wherever pytest keeps its folders."""
    return os.path.relpath("/tmp", folder) + f"/tw-test-{os.getpid()}-{folder.name[-8:]}.sock"


@pytest.fixture
def shell(tmp_path: Path, leaks: Any, warm_python: WarmPython) -> Iterator[Shell]:
    it = Shell(tmp_path, leaks, warm_python)
    yield it
    it.close()
    leaks.see_files(tmp_path)
