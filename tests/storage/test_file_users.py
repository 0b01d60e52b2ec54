"""Who has a file open: live processes, this one too, by what the file is and not by its name."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from telewarden.storage import FileUsers, file_users

pytestmark = pytest.mark.storage

Spawn = Callable[..., "subprocess.Popen[bytes]"]


def opened(spawn: Spawn, path: Path) -> subprocess.Popen[bytes]:
    process = spawn(
        "import sys; file = open(sys.argv[1]); print('open', flush=True); sys.stdin.read()",
        str(path),
    )
    assert process.stdout is not None
    process.stdout.readline()
    return process


def test_a_file_that_was_renamed_since_is_still_that_file(tmp_path: Path, spawn: Spawn) -> None:
    path, there = tmp_path / "a.session", tmp_path / "b.session"
    path.touch()
    process = opened(spawn, path)
    path.rename(there)
    path.touch()

    (user,) = file_users(there).users

    assert user.pid == process.pid
    assert user.alive
    assert file_users(path).users == ()


def test_our_own_process_is_found_and_a_missing_file_is_nobodys(tmp_path: Path) -> None:
    path = tmp_path / "a.session"
    with path.open("w"):
        found = file_users(path)

    assert [one.pid for one in found.users] == [os.getpid()]
    assert "this same process has the file open" in str(found)
    assert file_users(path).users == ()
    assert file_users(tmp_path / "b.session") == FileUsers()


def test_processes_of_other_users_are_counted(unprivileged: Path) -> None:
    path = unprivileged / "a.session"
    path.touch()

    found = file_users(path)

    assert found.users == ()
    assert found.unseen > 0
