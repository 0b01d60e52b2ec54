"""One meaning for each exit code, whichever command it is.

0 done; 1 it was begun and did not go well, or what was looked at is not well; 2 nothing was done.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from telewarden.cli import main
from telewarden.cli.grammar import NO_CONFIG
from telewarden.console.commands.catalogue import offered
from telewarden.console.commands.document import HEAD
from telewarden.console.commands.model import Command, Needs, Surface
from telewarden.console.commands.parameters import Kind, Parameter

from .conftest import Shell

pytestmark = pytest.mark.console

COMMANDS = offered(Surface.LINE)
REFUSED = 2
ITS_OWN = {"safety-check"}  # its codes are its verdicts
VALUES = {Kind.INTEGER: "1", Kind.NAME: "alice", Kind.SPAN: "1h", Kind.FIELDS: "priority=1"}
BEGINS_A_STORE = {"import", "pairs add", "register"}
CONFIG = """\
[telegram]
api_id = 1
[storage]
folder = "store"
master_key = { file = "master.key", create = true }
[console]
port = 0
socket = "c.sock"
[loopback]
"""


def ids(command: Command) -> str:
    return command.slug


def value(parameter: Parameter) -> str:
    return parameter.choices[0] if parameter.choices else VALUES.get(parameter.kind, "x")


def typed(command: Command) -> list[str]:
    """The command with a value for each parameter that it must have."""
    required = [one for one in command.parameters if one.required]
    places = [value(one) for one in required if not one.option]
    options = [word for one in required if one.option for word in (one.long, value(one))]
    return [*command.words, *places, *options]


@pytest.fixture
def code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What the command line exits with, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.delenv("TELEWARDEN_CONFIG", raising=False)

    def typed_in(*words: str) -> int:
        monkeypatch.setattr("sys.argv", ["telewarden", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0)

    return typed_in


@pytest.mark.parametrize("command", COMMANDS, ids=ids)
def test_words_that_cannot_be_read_end_with_2(
    command: Command, code: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert code(*typed(command), "--no-such-option") == REFUSED
    assert "--no-such-option" in capsys.readouterr().err


@pytest.mark.parametrize("command", COMMANDS, ids=ids)
def test_a_configuration_that_is_not_there_or_wrong_ends_with_2(
    command: Command, code: Any, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    if command.name in NO_CONFIG | {"identify", "migrate"}:
        return  # they have none
    assert code(*typed(command)) == REFUSED
    assert "telewarden init" in capsys.readouterr().err
    (tmp_path / "telewarden.toml").write_text("[telegram]\napi_id = 'x'\n", encoding="utf-8")
    yes = ["--yes"] if command.question else []
    assert code(*typed(command), *yes) == REFUSED
    assert "telewarden.toml: " in capsys.readouterr().err


@pytest.mark.parametrize(
    "command", [one for one in COMMANDS if one.needs is not Needs.NOTHING and one.result], ids=ids
)
def test_what_needs_a_warden_or_its_store_ends_with_2_without(
    command: Command, code: Any, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "telewarden.toml").write_text(CONFIG, encoding="utf-8")
    ends = {"diagnostics": 0, "safety-check": 0, "register": 0}.get(command.name, REFUSED)

    assert code(*typed(command), "--json", *(["--yes"] if command.question else [])) == ends
    told = capsys.readouterr()

    if ends == REFUSED:
        assert set(json.loads(told.out)["error"]) == {"type", "message"}
    if ends == REFUSED and command.name not in BEGINS_A_STORE:
        assert "telewarden " in told.err  # the way out
        assert not (tmp_path / "store").exists()


@pytest.mark.parametrize("command", COMMANDS, ids=ids)
def test_a_result_that_is_not_well_ends_with_1_and_the_help_says_so(command: Command) -> None:
    told = "xit code 1" in command.more or command.name in ITS_OWN

    assert (command.exit_code is not None) <= told


def test_what_a_warden_refuses_ends_with_2_and_the_answer_no_too(shell: Shell) -> None:
    process = shell.start("run", "--json")
    shell.until(process, '"SessionRecovered"')

    for words, why in (
        (["reassign", "all_from:ghost", "alice"], "there is no session 'ghost'"),
        (["reassign", "1", "alise"], "did you mean alice?"),
        (["change", "alise", "--priority", "3"], "did you mean alice?"),
        (["pairs", "pause", "99"], "there is no pair 99"),
        (["pairs", "pause", "1", "--for", "0"], "seconds (--for) is '0'; give seconds"),
        (["pairs", "pause", "1", "--for", "99999d"], "is '99999d'; give seconds, or a time as"),
        (["audit", "--since", "99999w"], "since is '99999w'; give a date"),
        (["pairs", "dead", "--pair", "99"], "there is no pair 99"),
        (["pairs", "retry", "1", "5"], "there is no dead letter 5 of pair 1"),
        (["pairs", "drop", "1", "5", "--yes"], "there is no dead letter 5 of pair 1"),
        (["operations", "watch", "99"], "see those there are with: telewarden operations list"),
        (["import", "alice", ""], "import: file is ''; give a path"),
        (["export", "alice", "", "--yes"], "export: file is ''; give a path"),
        (["--config", "", "status"], "status: config is ''; give the path of a file"),
        (["restore", "alice", "99", "--yes"], "there is no backup"),
        (["alerts", "silence", "SessionDwon"], "did you mean SessionDown"),
        (["alerts", "silence", "SessionDown:alise"], "did you mean alice?"),
        (["alerts", "test", "nobody"], "[notify.channels]"),
        (["webhooks", "dead", "nobody"], "[notify.webhooks]"),
        (["operations", "watch", "99"], "there is no operation 99"),
        (["delete", "alice"], "give --yes"),
    ):
        done = shell(*words)
        assert (done.returncode, why in done.stderr) == (REFUSED, True), done


def test_the_page_of_commands_says_what_each_means() -> None:
    said = HEAD.partition("**Exit codes.** ")[2].partition("\n\n")[0].replace("\n", " ")

    assert "1 it was begun and did not go well, or what was looked at is not well;" in said
    assert "2 nothing was done:" in said
