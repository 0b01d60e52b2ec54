"""The commands at a real warden: typed, asked over its socket, shown."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from telewarden.cli import main

from .conftest import Shell

pytestmark = [pytest.mark.console, pytest.mark.timeout(180)]  # several processes each

HEAVY = (
    "telethon",
    "pykka",
    "pydantic",
    "starlette",
    "sqlite3",
    "cryptography",
    "asyncio",
    "h11",
    "segno",
    "telewarden.errors.supervision",
    "telewarden.console.commands.watching",
)


@pytest.fixture
def running(shell: Shell) -> Iterator[subprocess.Popen[str]]:
    """A warden whose alice is online."""
    process = shell.start("run", "--json")
    shell.until(process, '"SessionRecovered"')
    yield process
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)


def told(shell: Shell, *words: str) -> Any:
    """What a command prints as JSON; its exit code is 0."""
    done = shell(*words, "--json")
    assert done.returncode == 0, done
    return json.loads(done.stdout)


def said(shell: Shell, *words: str) -> str:
    done = shell(*words)
    assert done.returncode == 0, done
    return done.stdout


def test_a_session_is_registered_changed_found_and_deleted(
    shell: Shell, running: subprocess.Popen[str]
) -> None:
    made = said(shell, "register", "bob", "+9996620002", "--priority", "3", "--metadata", "team=b")
    changed = told(shell, "change", "bob", "--max-pairs", "5")
    listed = told(shell, "sessions", "--health", "unauthorized")["sessions"]
    best = told(shell, "optimal")
    unasked = shell("delete", "bob")
    gone = said(shell, "delete", "bob", "--yes")

    assert "telewarden auth bob" in made
    assert (changed["priority"], changed["max_pairs"], changed["metadata"]) == (3, 5, {"team": "b"})
    assert [one["name"] for one in listed] == ["bob"]
    assert best["name"] == "alice"
    assert (unasked.returncode, "give --yes" in unasked.stderr) == (2, True)
    assert gone == "bob is deleted; its backups are kept\n"
    assert [one["name"] for one in told(shell, "sessions")["sessions"]] == ["alice"]
    rows = told(shell, "audit", "--subject", "bob", "--since", "1h")["rows"]
    assert told(shell, "audit", "--since", "0s")["rows"] == []
    done = [(one["what"], one["who"]) for one in rows]
    assert done == [(what, "command line") for what in ("delete", "change", "register")]


def test_many_sessions_are_changed_with_one_command(
    shell: Shell, running: subprocess.Popen[str]
) -> None:
    for name, team in (("bob", "b"), ("carol", "c"), ("dave", "b")):
        said(shell, "register", name, "--metadata", f"team={team}")

    dry = said(shell, "change-many", "--where", "team=b", "--priority", "2", "--dry-run")
    untouched = [one["priority"] for one in told(shell, "sessions")["sessions"]]
    some = told(shell, "change-many", "--where", "team=b", "--priority", "2")["outcomes"]
    named = told(shell, "change-many", "alice", "bob", "--max-pairs", "7")["outcomes"]
    told(shell, "change-many", "--all", "--metadata", "reviewed=true")
    none = shell("change-many", "--where", "team=z", "--priority", "2")
    nothing, nobody = shell("change-many", "--all"), shell("change-many", "--priority", "2")

    assert "would be changed" in dry
    assert set(untouched) == {5}
    assert [(one["session"], one["changed"]) for one in some] == [("bob", True), ("dave", True)]
    assert [one["session"] for one in named] == ["alice", "bob"]
    now = {one["name"]: one for one in told(shell, "sessions")["sessions"]}
    assert [now[name]["priority"] for name in ("alice", "bob", "carol", "dave")] == [5, 2, 5, 2]
    assert [now[name]["max_pairs"] for name in ("alice", "bob", "carol")] == [7, 7, 30]
    assert all(one["metadata"] == {"reviewed": True} for one in now.values())
    assert (none.returncode, none.stdout) == (1, "no session is so\n")
    assert "nothing is to change" in nothing.stderr
    assert "name sessions, or give --all or --where" in nobody.stderr


def test_one_operation_that_is_over_is_removed(
    shell: Shell, running: subprocess.Popen[str]
) -> None:
    begun = told(shell, "operations", "begin", "audit")["id"]

    early = shell("operations", "remove", str(begun))
    said(shell, "operations", "end", str(begun), "finished")
    gone = said(shell, "operations", "remove", str(begun))
    again = shell("operations", "remove", str(begun))

    assert "is running; end it before it is removed" in early.stderr
    assert "which was finished, is forgotten" in gone
    assert (again.returncode, "there is no operation" in again.stderr) == (2, True)
    assert begun not in [one["id"] for one in told(shell, "operations", "list")["operations"]]


def test_a_login_is_kept_listed_restored_renewed_and_ended(
    shell: Shell, running: subprocess.Popen[str]
) -> None:
    kept = told(shell, "backup", "alice", "--reason", "before lunch")["backup"]
    listed = told(shell, "backups", "alice")["backups"]
    back = told(shell, "restore", "alice", str(kept["id"]), "--yes")
    renewing = said(shell, "renew", "alice")
    ended = told(shell, "logout", "alice", "--yes")

    assert listed[0] == kept | {"reason": "before lunch"}
    assert back["session"] == "alice"
    assert "alice: awaiting_code" in renewing
    assert ended["phase"] == "needs_login"
    assert shell("test").returncode == 1
    assert "alice: not good" in shell("test", "alice").stdout


def test_a_login_goes_out_and_the_database_is_copied(
    shell: Shell, running: subprocess.Popen[str]
) -> None:
    written = said(shell, "export", "alice", "out.session", "--yes")
    again = shell("export", "alice", "out.session", "--yes")
    nowhere = shell("export", "alice", "nowhere/out.session", "--yes")
    copied = told(shell, "database", "backup")
    turned = told(shell, "keys", "rotate", "--data", "--yes")

    assert written == f"{shell.folder / 'out.session'} is written\n"
    assert (shell.folder / "out.session").stat().st_mode & 0o777 == 0o600
    assert again.returncode == 2
    assert "is there already" in again.stderr
    assert nowhere.returncode == 2
    assert "cannot be written: No such file or directory; name a file in" in nowhere.stderr
    assert copied in told(shell, "database", "backups")["backups"]
    assert (turned["key"], turned["resealed"]) == ("data key", 1)


def test_what_can_be_looked_at_is_shown(shell: Shell, running: subprocess.Popen[str]) -> None:
    state = told(shell, "status", "alice")
    moments = {one["kind"] for one in told(shell, "history", "alice")["moments"]}
    operations = told(shell, "operations", "list", "--session", "alice")["operations"]
    stacks = told(shell, "stack")

    assert [one["session"] for one in state["sessions"]] == ["alice"]
    assert {"audit", "operation", "event"} <= moments
    assert "recovery" in {one["kind"] for one in operations}
    assert "MainThread" in " ".join(one["name"] for one in stacks["threads"])
    assert told(shell, "health")["overall"] == "healthy"
    assert told(shell, "test")["sessions"][0]["good"]
    assert told(shell, "tree")["tree"]["id"] == "warden"
    assert told(shell, "workers")["process"]["pid"] == running.pid
    assert told(shell, "floods") == {"floods": []}
    assert "online by string" in said(shell, "events", "--limit", "5")
    assert re.search(r"\[ok\] database: whole", shell("diagnostics").stdout)


def test_a_script_has_an_operation_of_its_own(shell: Shell, running: subprocess.Popen[str]) -> None:
    number = str(told(shell, "operations", "begin", "audit", "--steps", "2")["id"])
    said(shell, "operations", "part", number, "1", "the books")
    half = said(shell, "operations", "advance", number, "--step", "1", "--description", "reading")
    watching = shell.start("operations", "watch", number)
    assert watching.stderr is not None
    assert watching.stderr.readline() == "1/2  reading\n"
    told(shell, "operations", "end", number, "failed", "--error", "a page is missing")

    out, _ = watching.communicate(timeout=20)
    assert f"operation {number} (audit) is running, 1/2: reading" in half
    assert (watching.returncode, "a page is missing" in out) == (1, True)
    assert "the books" in out
    assert told(shell, "operations", "clean", "failed")["removed"]
    assert told(shell, "limits", "max_operations=500")["limits"]["max_operations"] == 500
    assert "max_operations" in said(shell, "limits")


def on_terminal(shell: Shell, *words: str, **environment: str) -> str:
    """What a command shows where a person looks."""
    ours, theirs = pty.openpty()
    told = {**shell.environment, "TERM": "xterm-256color", **environment}
    with shell.launch(
        words, environment=told, stdin=theirs, stdout=theirs, stderr=subprocess.PIPE
    ) as process:
        os.close(theirs)
        complaint = process.communicate(timeout=40)[1]
    with os.fdopen(ours, "rb", buffering=0) as terminal:
        shown = b""
        with contextlib.suppress(OSError):  # the other end is closed
            while piece := terminal.read(65536):
                shown += piece
    assert process.returncode == 0, complaint
    return shown.decode()


def test_colours_are_for_terminals_that_want_them(
    shell: Shell, running: subprocess.Popen[str]
) -> None:
    shell.environment.pop("NO_COLOR", None)

    coloured, plain = on_terminal(shell, "sessions"), on_terminal(shell, "sessions", NO_COLOR="1")
    piped = said(shell, "sessions")

    assert "\x1b[32mhealthy" in coloured
    assert "healthy" in plain
    assert not re.search(r"\x1b\[[0-9;]*3\d", plain)
    assert "\x1b" not in piped
    assert piped.startswith("session  health   phase ")


CHATS = """[loopback]
chats = [
  { username = "news_in", title = "News", owner = "press", members = ["alice"] },
  { username = "news_out", title = "Out", owner = "alice" },
]

[[loopback.accounts]]
name = "press"
phone = "+9996620009"
"""


@pytest.fixture
def with_chats(shell: Shell) -> None:
    """There are two chats for a pair of alice's."""
    shell.write(**{"[loopback]\n": CHATS})


def test_a_pair_takes_its_session_among_its_fields_and_nobody_elses_name(
    shell: Shell, with_chats: None, running: subprocess.Popen[str]
) -> None:
    way = ("source=@news_in", "target=@news_out")
    added = told(shell, "pairs", "add", *way, "session=alice", "pair=7")
    odd = [
        shell(*words)
        for words in (
            ("pairs", "add", *way, "who=ann"),
            ("pairs", "change", "7", "who=ann"),
            ("pairs", "change", "7", "session=alice"),
            ("limits", "who=ann"),
            ("limits", "max_operations=abc"),
            ("change", "alice"),
            ("pairs", "change", "7"),
        )
    ]

    assert (added["id"], added["session"]) == (7, "alice")
    assert [one.returncode for one in odd] == [2] * 7
    assert "no field 'who'" in odd[0].stderr
    assert odd[4].stderr.startswith("limits: max_operations is 'abc'; give a whole number")
    assert all("nothing is to change" in one.stderr for one in odd[5:])
    assert not any("unexpected" in one.stderr for one in odd)


def test_before_the_first_start_a_session_can_be_registered(shell: Shell) -> None:
    said(shell, "register", "bob", "+9996620002")

    phases = {
        command: {
            one.get("name") or one["session"]: (one["health"], one["phase"], one["reason"])
            for one in told(shell, command)["sessions"]
        }
        for command in ("status", "sessions")
    }

    never_ran = ("unauthorized", "needs_login", "there is no login")
    assert phases["status"] == phases["sessions"] == dict.fromkeys(("alice", "bob"), never_ran)


def test_before_the_first_start_nobody_uses_anything(shell: Shell) -> None:
    done = shell("safety-check")

    assert (done.returncode, done.stdout) == (0, "no session is stored\n")


def test_before_the_first_start_diagnostics_says_what_is_there_and_what_is_not(
    shell: Shell,
) -> None:
    looked, refused = shell("diagnostics"), shell("status")

    assert "there is none yet" in looked.stdout, looked
    assert looked.returncode != 2
    assert "the warden is not running; nothing is stored in" in refused.stderr


def test_a_safety_check_beside_a_warden_is_unsafe_and_names_it(
    shell: Shell, running: subprocess.Popen[str]
) -> None:
    done = shell("safety-check", "alice")

    assert done.returncode == 2
    assert f"alice: UNSAFE: in use by process {running.pid}" in done.stdout


def test_a_warden_is_waited_for_and_stopped(shell: Shell) -> None:
    early = shell("wait", "--timeout", "0s")
    process = shell.start("run")

    ready = said(shell, "wait", "--ready", "--timeout", "30s")
    stopped = said(shell, "stop")

    assert early.returncode == 1
    assert early.stderr.startswith("not ready within 0 s: no warden listens on ")
    assert ready == "1 of 1 sessions online\n"
    assert stopped == f"process {process.pid} stops\n"
    assert process.wait(timeout=20) == 0
    assert not (shell.folder / "control.sock").exists()


def test_a_stop_that_takes_longer_than_wished_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("telewarden.toml").write_text(
        '[telegram]\napi_id = 1\n[storage]\nfolder = "s"\n[console]\nsocket = "c.sock"\n'
        '[loopback]\n[[sessions]]\nname = "alice"\n',
        encoding="utf-8",
    )
    monkeypatch.setattr("sys.argv", ["telewarden", "stop", "--timeout", "0.1s", "--json"])

    with a_warden_that_never_ends("c.sock"), pytest.raises(SystemExit) as ended:
        main()

    printed = capsys.readouterr()
    assert ended.value.code == 1
    assert json.loads(printed.out)["error"]["type"] == "StillRunsError"
    assert printed.err == (
        "process 7 still runs 0.1 s after it was asked to stop; wait on, or end it at once:"
        " kill -9 7\n"
    )


@contextlib.contextmanager
def a_warden_that_never_ends(path: str) -> Iterator[None]:
    """Who says that it stops, as process 7, and does not."""
    said = b'{"pid": 7}'
    answer = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(said)

    def serve() -> None:
        caller, _ = listening.accept()
        with caller:
            caller.recv(65536)
            caller.sendall(answer + said)

    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen()
        thread = threading.Thread(target=serve)
        thread.start()
        yield
        thread.join()


def test_events_are_followed_until_the_end(shell: Shell, running: subprocess.Popen[str]) -> None:
    following = shell.start("events", "--follow", "--json")

    shell("register", "bob")

    assert "bob: registered" in json.loads(shell.until(following, "bob: registered"))["text"]
    following.send_signal(signal.SIGINT)
    following.communicate(timeout=20)


def test_followed_events_end_with_their_warden_which_is_said(
    shell: Shell, running: subprocess.Popen[str]
) -> None:
    following = shell.start("events", "--follow")
    shell.until(following, "alice")

    running.send_signal(signal.SIGTERM)

    assert "the warden has ended, and so have its events: " in following.communicate(timeout=20)[1]
    assert following.returncode == 1


@pytest.mark.parametrize(
    "place", ["--config", "before", "first word", "variable", "folder", "own folder"]
)
def test_the_configuration_is_found(shell: Shell, tmp_path: Path, place: str) -> None:
    path = shell.folder / "telewarden.toml"
    elsewhere = shell.folder / "elsewhere"
    own = elsewhere / "config" / "telewarden"
    own.mkdir(parents=True)
    shell.environment["XDG_CONFIG_HOME"] = str(own.parent)
    words: tuple[str, ...] = ("check",)
    match place:
        case "--config":
            words = ("check", "--config", str(path))
        case "before":
            words = ("-c", str(path), "check")
        case "first word":
            words = ("check", "--json", str(path))
        case "variable":
            shell.environment["TELEWARDEN_CONFIG"] = str(path)
        case "own folder":
            path.rename(own / "telewarden.toml")
    if place != "folder":
        shell.folder = elsewhere

    done = shell(*words)

    assert done.returncode == 0, done
    assert "1" in done.stdout


def test_no_configuration_is_said_with_every_place_that_was_looked_at(shell: Shell) -> None:
    (shell.folder / "telewarden.toml").unlink()
    shell.environment["XDG_CONFIG_HOME"] = str(shell.folder / "config")

    done = shell("status")

    assert done.returncode == 2
    for word in ("--config", "TELEWARDEN_CONFIG", "telewarden.toml", str(shell.folder), "init"):
        assert word in done.stderr


def test_an_unknown_session_is_answered_with_the_nearest(
    shell: Shell, running: subprocess.Popen[str]
) -> None:
    for words in (
        ("status", "alcie"),
        ("backup", "alcie"),
        ("change", "alcie", "--priority", "1"),
        ("floods", "alcie"),
        ("operations", "list", "--session", "alcie"),
    ):
        done = shell(*words)
        assert done.returncode == 2
        assert "there is no session 'alcie'; did you mean alice?" in done.stderr, words


def test_an_error_is_json_for_programs(shell: Shell) -> None:
    shell.write(**{"api_id = 1": 'api_id = "x"'})

    broken, away = shell("check", "--json"), shell("floods", "--json")

    assert json.loads(broken.stdout)["error"]["type"] == "ConfigError"
    assert json.loads(away.stdout)["error"]["type"] == "WardenUnreachableError"
    assert (broken.returncode, away.returncode) == (2, 2)


def test_a_command_to_a_warden_imports_nothing_that_it_does_not_need(
    shell: Shell, running: subprocess.Popen[str]
) -> None:
    code = (
        "import sys; sys.argv = ['telewarden', 'status'];"
        "from telewarden.cli import app\n"
        "try: app()\n"
        f"finally: print(sorted(set({HEAVY!r}) & set(sys.modules)), file=sys.stderr)"
    )

    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=shell.folder,
        env={k: v for k, v in shell.environment.items() if not k.startswith("COVERAGE")},
        capture_output=True,
        text=True,
        check=False,
        timeout=40,
    )

    assert "alice" in done.stdout
    assert done.stderr.strip() == "[]"


def test_completion_prints_a_script_that_completes(shell: Shell) -> None:
    script = said(shell, "completion", "bash")
    shell.environment |= {
        "_TELEWARDEN_COMPLETE": "complete_bash",
        "COMP_WORDS": "telewarden pairs pa",
        "COMP_CWORD": "2",
    }
    done = shell("completion")

    assert "_TELEWARDEN_COMPLETE" in script
    assert done.stdout.split() == ["pause"]


@pytest.fixture
def stopped(shell: Shell) -> Shell:
    """A store with alice's login, and no warden."""
    process = shell.start("run", "--json")
    shell.until(process, '"SessionRecovered"')
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    return shell


def test_without_a_warden_the_store_is_worked_on(stopped: Shell) -> None:
    kept = told(stopped, "backup", "alice", "--reason", "at rest")["backup"]
    said(stopped, "register", "bob", "--priority", "2")
    said(stopped, "export", "alice", "out.session", "--yes")
    state = told(stopped, "status")
    rows = told(stopped, "audit", "--limit", "2")["rows"]

    assert kept in told(stopped, "backups", "alice")["backups"]
    assert (state["ready"], state["readiness"].startswith("no warden runs")) == (False, True)
    assert [one["session"] for one in state["sessions"]] == ["alice", "bob"]
    assert [(one["what"], one["who"]) for one in rows] == [
        ("export", "command line"),
        ("register", "command line"),
    ]
    assert told(stopped, "safety-check")["exit_code"] == 0
    assert said(stopped, "keys", "rotate", "--data", "--yes").startswith("the data key is changed")


def test_what_a_killed_warden_left_is_told_and_cleared(shell: Shell) -> None:
    process = shell.start("run", "--json")
    shell.until(process, '"SessionRecovered"')
    process.kill()
    process.communicate(timeout=20)

    found, cleared, after = (
        shell("safety-check", *more) for more in (("alice",), ("alice", "--clear"), ("alice",))
    )

    assert [one.returncode for one in (found, cleared, after)] == [1, 0, 0]
    assert "CAUTION: left behind by process" in found.stdout
    assert "safety-check --clear" in found.stdout


def test_what_only_a_warden_can_do_says_that_none_runs(stopped: Shell) -> None:
    for words in (("tree",), ("renew", "alice"), ("stop",), ("health",)):
        done = stopped(*words)
        assert done.returncode == 2
        assert "telewarden run" in done.stderr, words


def test_a_command_that_has_the_folder_is_named_to_a_second(
    stopped: Shell, running: subprocess.Popen[str]
) -> None:
    """The control socket of another configuration of the same folder: nobody listens there."""
    text = (stopped.folder / "telewarden.toml").read_text(encoding="utf-8")
    other = re.sub(r"socket = .*", 'socket = "other.sock"', text)
    (stopped.folder / "other.toml").write_text(other, encoding="utf-8")

    done = stopped("register", "other.toml", "bob")

    assert done.returncode == 2
    assert f"process {running.pid}" in done.stderr


def test_the_lines_of_a_run_have_one_clock_plain_values_and_a_last_word(shell: Shell) -> None:
    begun = time.time()
    process = shell.start("run", "--json")
    shell.until(process, '"SessionRecovered"')
    shell("register", "bob", "+9996620077")
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=20)

    lines = [json.loads(line) for line in out.splitlines()]
    assert all(begun <= one["at"] <= time.time() for one in lines)
    assert not re.search(r"\b\w+\(\w+=", out), out  # as a Python repr has it
    assert "+9996620077" not in out
    assert (lines[-1]["event"], lines[-1]["code"]) == ("Ended", 0)


def test_the_lines_of_a_run_have_dates_and_a_last_word(shell: Shell) -> None:
    process = shell.start("run")
    shell.until(process, "online by string")
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=20)

    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} all stopped", out.splitlines()[-1])
