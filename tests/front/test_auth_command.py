"""``telewarden auth``: every code is used, a prompt that is left costs none, and it ends."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator

import pytest

from telewarden.loopback import LoopbackTelegram

from .conftest import Shell

pytestmark = [pytest.mark.console, pytest.mark.timeout(180)]  # several processes each

PHONE = "+9996620001"


@pytest.fixture
def telegram() -> Iterator[LoopbackTelegram]:
    with LoopbackTelegram.in_thread() as telegram:
        telegram.add_account("alice", phone=PHONE)
        yield telegram


@pytest.fixture
def running(shell: Shell, telegram: LoopbackTelegram) -> Iterator[subprocess.Popen[str]]:
    """A warden on a data centre of somebody else's, so that nobody logs its session in."""
    (shell.folder / "pub.pem").write_text(str(telegram.pem), encoding="ascii")
    elsewhere = f'[loopback]\nembedded = false\nport = {telegram.port}\npubkey = "pub.pem"\n'
    shell.write(**{"[loopback]\n": elsewhere})
    process = shell.start("run", "telewarden.toml", "--json")
    shell.until(process, '"after": "needs_login"')
    yield process
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)


def codes(telegram: LoopbackTelegram) -> int:
    return telegram.stats.calls["auth.sendCode"]


def test_three_wrong_codes_end_the_prompt_and_say_so(
    shell: Shell, telegram: LoopbackTelegram, running: subprocess.Popen[str]
) -> None:
    done = shell("auth", "telewarden.toml", "alice", typed="11111\n" * 9)

    assert done.returncode == 1, done
    assert done.stdout.count("login code") == 3
    assert "the login has ended: needs_login" in done.stderr
    early = shell("auth", "telewarden.toml", "alice", "--code", "11111")
    assert "to have one sent: telewarden auth alice" in early.stderr, early
    assert codes(telegram) == 1


def test_a_prompt_that_was_left_is_come_back_to_with_the_same_code(
    shell: Shell, telegram: LoopbackTelegram, running: subprocess.Popen[str]
) -> None:
    left = [shell("auth", "telewarden.toml", "alice", typed="") for _ in range(2)]
    code = telegram.sent_code(PHONE)

    done = shell("auth", "telewarden.toml", "alice", typed=f"{code}\n")

    assert [one.returncode for one in left] == [1, 1]
    assert codes(telegram) == 1
    assert done.returncode == 0, done
    assert "a login is under way" in done.stdout
    assert "alice is logged in" in done.stdout


def test_another_code_is_asked_for_when_that_is_wanted(
    shell: Shell, telegram: LoopbackTelegram, running: subprocess.Popen[str]
) -> None:
    shell("auth", "telewarden.toml", "alice", typed="")

    shell("auth", "telewarden.toml", "alice", "--new-code", typed="")

    assert codes(telegram) == 2


def test_status_is_shown_on_a_terminal_that_knows_ascii_alone(
    shell: Shell, running: subprocess.Popen[str]
) -> None:
    shell.environment |= {"PYTHONIOENCODING": "ascii", "LC_ALL": "C", "PYTHONUTF8": "0"}

    done = shell("status", "telewarden.toml")

    assert done.returncode == 0, done
    assert "alice" in done.stdout
