"""``telewarden init``: what it writes is what ``check`` likes and ``run`` runs."""

from __future__ import annotations

import signal
import tomllib
from pathlib import Path
from typing import Any

import pytest

from .conftest import Shell

pytestmark = [pytest.mark.console, pytest.mark.timeout(180)]  # several processes each

ANSWERS = """\
12x
12
{secret}
al-ice
alice
123
+12025550123
alice
bob
+12025550124

@a
@news_in

@news_out
carol
bob

"""


def empty(shell: Shell) -> Path:
    """A folder without a configuration, for the shell to be in."""
    shell.folder = shell.folder / "new"
    shell.folder.mkdir()
    return shell.folder / "telewarden.toml"


def tables(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))


def test_a_configuration_to_play_with_runs_as_it_is(shell: Shell) -> None:
    path = empty(shell)

    made, checked = shell("init", "--loopback"), shell("check")
    path.write_text(path.read_text(encoding="utf-8").replace("port = 9464", "port = 0"))
    process = shell.start("run")
    ready = shell("wait", "--ready")
    shell.until(process, "online by string")
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)

    assert made.stdout.endswith("run it with: telewarden run\n")
    assert "fine; 2 sessions, 1 pair" in checked.stdout
    assert ready.stdout == "2 of 2 sessions online\n"


def test_what_is_asked_and_answered_is_written(shell: Shell) -> None:
    path = empty(shell)
    secret = "0123456789abcdef0123456789abcdef"
    shell.leaks.keep("the api_hash", secret)

    made = shell("init", typed=ANSWERS.format(secret=secret))
    checked = shell("check")

    assert made.returncode == checked.returncode == 0, (made, checked)
    written = tables(path)
    assert written["telegram"] == {"api_id": 12, "api_hash": {"file": "api_hash.secret"}}
    assert [one["name"] for one in written["sessions"]] == ["alice", "bob"]
    assert written["pairs"] == [
        {"id": 1, "session": "bob", "source": "@news_in", "target": "@news_out"}
    ]
    for odd in ("'12x'", "'al-ice'", "phone is", "no other session", "'@a'", "''", "'carol'"):
        assert odd in made.stderr
    assert "telewarden auth bob" in made.stdout
    kept = shell.folder / "api_hash.secret"
    assert kept.read_text(encoding="utf-8") == f"{secret}\n"
    assert [one.stat().st_mode & 0o777 for one in (kept, path)] == [0o600, 0o600]
    kept.unlink()


def test_a_hash_that_stays_in_the_environment_is_named_as_missing(shell: Shell) -> None:
    empty(shell)
    shell.environment.pop("TELEGRAM_API_HASH", None)

    made = shell("init", typed="12\n\nalice\n+12025550123\n\n\n")

    assert made.returncode == 0, made
    assert "before it can run: telegram.api_hash: environment variable TELEGRAM_API_HASH" in (
        made.stdout
    )


def test_a_file_that_is_there_is_not_touched(shell: Shell) -> None:
    path = shell.folder / "telewarden.toml"
    before = path.read_bytes()

    done = shell("init", "--loopback")

    assert done.returncode == 2
    assert "is there already" in done.stderr
    assert path.read_bytes() == before


def test_a_place_that_cannot_be_written_is_refused_before_anything_is_asked(shell: Shell) -> None:
    done = shell("init", "telewarden.toml/new/a.toml")

    assert done.returncode == 2
    assert f"nothing can be written in {shell.folder / 'telewarden.toml'}; name" in done.stderr
    assert "api_id" not in done.stdout


def test_the_example_is_copied_with_its_storage_beside_it(shell: Shell) -> None:
    path = empty(shell).with_name("mine.toml")

    made, checked = shell("init", "mine.toml", "--example", "forwarding"), shell("check", path.name)

    assert made.returncode == 0, made
    assert "fine; 3 sessions, 4 pairs" in checked.stdout
    assert tables(path)["storage"]["folder"] == "var/forwarding"
    assert f"telewarden -c {path} run" in made.stdout
