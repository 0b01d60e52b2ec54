"""What the front door's tests share: ``telewarden`` as a process in a folder of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from telewarden.storage import MasterKey

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
    """Runs ``telewarden`` in a folder, with a master key in the environment."""

    def __init__(self, folder: Path, leaks: Any) -> None:
        self.folder, self.leaks = folder, leaks
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
        done = subprocess.run(
            [sys.executable, "-m", "telewarden", *words],
            cwd=self.folder,
            env=self.environment,
            input=typed,
            capture_output=True,
            text=True,
            timeout=40,
            check=False,
        )
        if words[:1] != ("keygen",):  # which is asked for one
            self.leaks.see(" ".join(words[:1]), done.stdout + done.stderr)
        return done

    def start(self, *words: str, under: Sequence[str] = ()) -> subprocess.Popen[str]:
        """Start a command that goes on; ``under`` is a program that starts it."""
        process = subprocess.Popen(
            [*under, sys.executable, "-m", "telewarden", *words],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
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


def short_socket(folder: Path) -> str:
    """A name for a socket that is short enough wherever pytest keeps its folders."""
    return os.path.relpath("/tmp", folder) + f"/tw-test-{os.getpid()}-{folder.name[-8:]}.sock"


@pytest.fixture
def shell(tmp_path: Path, leaks: Any) -> Iterator[Shell]:
    it = Shell(tmp_path, leaks)
    yield it
    it.close()
    leaks.see_files(tmp_path)
