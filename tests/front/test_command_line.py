"""The command line as its user meets it: processes, exit codes, one clear sentence."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import telewarden
from telewarden.cli.grammar import NO_JSON
from telewarden.console.commands.document import HEAD
from telewarden.errors import DrillError, WrongMasterKeyError
from telewarden.storage import MasterKey

from .conftest import Shell

pytestmark = pytest.mark.console


def test_help_names_every_command_and_every_command_has_help(shell: Shell) -> None:
    top = shell("--help").stdout

    for command in (
        "run",
        "demo",
        "check",
        "auth",
        "status",
        "tree",
        "recover",
        "drill",
        "keygen",
        "pairs",
        "reassign",
    ):
        assert command in top
        assert shell(command, "--help").returncode == 0
    assert shell("loopback", "serve", "--help").returncode == 0


def test_help_does_not_wait_for_telethon() -> None:
    code = "import sys, telewarden.cli; print(sorted({'telethon', 'pydantic'} & set(sys.modules)))"

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=20
    )

    assert done.stdout.strip() == "[]"


def refused(done: subprocess.CompletedProcess[str], *words: str) -> None:
    """Exit code 2 and one line with these words; no traceback."""
    assert done.returncode == 2, done
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert all(word in done.stderr for word in words), done.stderr


def test_a_wrong_configuration_is_refused_with_its_place(shell: Shell) -> None:
    shell.write(**{'phone = "+9996620001"\n\n[loop': 'phone = "12"\n\n[loop'})

    refused(shell("run", "telewarden.toml"), "telewarden.toml", "line 14", "phone", "'12'")


PAIR = """
[[pairs]]
id = 1
session = "alice"
source = "@news_in"
target = "@news_out"

[loop"""


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ('target = "@news_out"', 'handler = "telepathy"', "there is no handler 'telepathy'"),
        ('target = "@news_out"', 'target = "@News_In"', "source and target are the same chat"),
        ('target = "@news_out"', "target = 0", "target is 0, which is no chat"),
        ("id = 1", 'id = 1\ndeny = { patterns = ["("] }', "'(' is no regular expression"),
    ],
)
def test_check_refuses_the_pairs_that_run_would_refuse(
    shell: Shell, before: str, after: str, said: str
) -> None:
    shell.write(**{"\n[loop": PAIR.replace(before, after)})

    refused(shell("check", "telewarden.toml"), said)
    refused(shell("run", "telewarden.toml"), said)


def test_a_ring_is_refused_by_check_however_its_chats_are_spelled(shell: Shell) -> None:
    back = PAIR.replace("id = 1", "id = 2").removesuffix("\n[loop")
    back = back.replace("@news_in", "https://t.me/News_Out/5").replace(
        '"@news_out"', '"tg://resolve?domain=news_in"'
    )
    shell.write(**{"\n[loop": back + PAIR})

    refused(shell("check", "telewarden.toml"), "make a ring", "say ring = true in each of them")


def test_a_pair_that_is_added_while_nothing_runs_is_told_to_be_not_found_yet(shell: Shell) -> None:
    way = (
        "--session",
        "alice",
        "source=t.me/+AbCdEfGhIj123456",
        "target=@nobody_here",
        "join=true",
    )

    added = shell("pairs", "add", "telewarden.toml", *way)
    listed = shell("pairs", "list", "telewarden.toml")

    assert added.returncode == 0, added
    assert "its chats have not been found yet" in added.stdout
    assert "`telewarden pairs why 1`" in added.stdout
    assert "https://t.me/+AbCd... -> @nobody_here" in listed.stdout


HTTP = 'proxy = { kind = "http", host = "one.example", port = 3128, username = "me", password = '
SOCKS = 'proxy = { kind = "socks5", host = "two.example", port = 1080, username = "me", password = '


def with_proxies(shell: Shell) -> None:
    """One for all, its password in a file, and one of alice's own, its in the environment."""
    shell.write(
        **{
            "api_id = 1": 'api_id = 1\n' + HTTP + '{ file = "proxy.secret" } }',
            'phone = "+9996620001"\n\n[loop': 'phone = "+9996620001"\n'
            + SOCKS + '{ env = "PROXY_PASSWORD" } }\n\n[loop',
        }
    )  # fmt: skip


def without_python_socks(shell: Shell) -> None:
    """Hide the package from the processes that the shell starts."""
    (shell.folder / "sitecustomize.py").write_text(
        "import sys; sys.modules['python_socks'] = None", encoding="utf-8"
    )
    home = str(Path(next(iter(telewarden.__path__))).parent)
    shell.environment["PYTHONPATH"] = os.pathsep.join((str(shell.folder), home))


def test_check_names_every_proxy_that_cannot_be_used_in_a_sentence_each(shell: Shell) -> None:
    with_proxies(shell)
    without_python_socks(shell)

    done, told = shell("check", "telewarden.toml"), shell("check", "telewarden.toml", "--json")

    file, package, variable = done.stderr.splitlines()
    assert (done.returncode, done.stdout) == (2, "")
    assert file.startswith("telewarden.toml: telegram.proxy.password: file ")
    assert "socks5 proxy two.example:1080: the package python-socks is not installed" in package
    assert "proxy of session alice.password: environment variable PROXY_PASSWORD" in variable
    assert (told.returncode, json.loads(told.stdout)["ok"]) == (2, False)
    assert [f"telewarden.toml: {one}" for one in json.loads(told.stdout)["problems"]] == [
        file,
        package,
        variable,
    ]


def test_check_is_content_with_proxies_whose_passwords_and_package_are_there(shell: Shell) -> None:
    with_proxies(shell)
    shell.leaks.keep("a proxy's password", "open sesame, please")
    shell.environment["PROXY_PASSWORD"] = "open sesame, please"
    (shell.folder / "proxy.secret").write_text("another one", encoding="utf-8")

    done = shell("check", "telewarden.toml")

    assert done.returncode == 0, done.stderr
    assert "fine; 1 session," in done.stdout


def test_a_missing_configuration_is_refused(shell: Shell) -> None:
    refused(shell("run", "nowhere.toml"), "nowhere.toml", "No such file")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nosuch"], "No such command 'nosuch'"),
        (["--bogus", "status"], "No such option: --bogus"),
        (["status", "--bogus"], "No such option: --bogus"),
        (["stop", "extra", "more"], "unexpected extra argument"),
        (["pairs", "pause", "-12"], "-12 is taken for an option; give a number without a minus."),
    ],
)
def test_words_that_cannot_be_read_are_refused_as_json_too(
    shell: Shell, words: list[str], said: str
) -> None:
    plain, told = shell(*words), shell(*words, "--json")

    assert (plain.returncode, plain.stdout, told.returncode) == (2, "", 2)
    assert said in plain.stderr
    assert said in json.loads(told.stdout)["error"]["message"]


def test_the_page_of_commands_names_those_without_json() -> None:
    sentence = HEAD.partition('message": ...}}`. ')[2].partition(" have no `--json`")[0]

    assert set(re.findall(r"`(.+?)`", sentence)) == NO_JSON


def test_a_missing_master_key_is_refused(shell: Shell) -> None:
    del shell.environment["TELEWARDEN_TEST_KEY"]

    refused(shell("run", "telewarden.toml"), "TELEWARDEN_TEST_KEY", "is not set", "bring it back")


@pytest.mark.crashes("journal", start=WrongMasterKeyError)
def test_a_wrong_master_key_is_refused_and_nothing_is_touched(shell: Shell) -> None:
    process = shell.start("run", "telewarden.toml", "--json")
    shell.until(process, '"after": "online"')
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    database = shell.folder / "store" / "telewarden.db"
    before = database.read_bytes()
    shell.environment["TELEWARDEN_TEST_KEY"] = MasterKey.generate()

    typed, for_programs = shell("run", "telewarden.toml"), shell("run", "telewarden.toml", "--json")
    refused(typed, "master key")
    assert typed.stdout == ""  # its sentence is the only one
    assert json.loads(for_programs.stdout)["error"]["type"] == "WrongMasterKeyError"
    for words in (["status"], ["sessions"], ["pairs", "list"]):
        refused(shell(*words, "telewarden.toml"), "master key")

    assert database.read_bytes() == before


def test_an_occupied_port_is_refused(shell: Shell) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        shell.write(**{"port = 0": f"port = {port}"})

        refused(shell("run", "telewarden.toml"), f"127.0.0.1:{port}", "another program listens")


def test_a_folder_that_is_none_is_refused(shell: Shell) -> None:
    (shell.folder / "store").write_text("a file", encoding="utf-8")

    refused(shell("run", "telewarden.toml"), "store", "no folder")


def test_run_serves_answers_and_ends_on_sigterm(shell: Shell) -> None:
    process = shell.start("run", "telewarden.toml")
    shell.until(process, "online by string")

    state = shell("status", "telewarden.toml", "--json")
    tree = shell("tree", "telewarden.toml")
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)

    told: dict[str, Any] = json.loads(state.stdout)
    assert [(one["session"], one["health"]) for one in told["sessions"]] == [("alice", "healthy")]
    assert "session:alice" in tree.stdout
    assert process.returncode == 0


def test_status_without_a_warden_says_how_to_start_one(shell: Shell) -> None:
    refused(shell("status", "telewarden.toml"), "telewarden run")


@pytest.mark.crashes("*:alice/session", DrillError)
def test_a_drill_on_a_running_warden_brings_the_session_back(shell: Shell) -> None:
    process = shell.start("run", "telewarden.toml", "--json")
    shell.until(process, '"SessionRecovered"')

    struck = shell("drill", "telewarden.toml", "sessions/session:alice/session")
    back = json.loads(shell.until(process, '"SessionRecovered"'))

    assert struck.returncode == 0
    assert back["cause"] == "crash"


def test_auth_logs_a_session_in_by_code(shell: Shell) -> None:
    shell.write(**{"[loopback]\n": "[loopback]\ncode = '33333'\n"})
    process = shell.start("run", "telewarden.toml", "--json")
    shell.until(process, '"SessionRecovered"')

    done = shell("auth", "telewarden.toml", "alice")

    assert done.returncode == 0
    assert "online already" in done.stdout


def test_keygen_prints_a_key_that_can_be_used() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "telewarden", "keygen"],
        capture_output=True,
        text=True,
        check=True,
        timeout=20,
    )

    assert MasterKey.from_text(done.stdout) is not None
    assert done.stdout.startswith("twk1_")


def test_a_loopback_data_centre_runs_alone_and_ends_on_sigterm(shell: Shell) -> None:
    process = shell.start("loopback", "serve", "--port", "0", "--pubkey", "pub.pem")
    line = shell.until(process, "ready")

    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)

    assert "port=" in line
    assert "pubkey=pub.pem" in line
    assert (shell.folder / "pub.pem").read_text().startswith("-----BEGIN RSA PUBLIC KEY-----")
    assert process.returncode == 0
