"""``telewarden auth --qr``: drawn, scanned by a phone, drawn anew, left; and renewals."""

from __future__ import annotations

import contextlib
import itertools
import re
import signal
import subprocess
from collections.abc import Callable, Iterator

import pytest
import segno

from telewarden.cli.auth import MOST_CODES
from telewarden.cli.qr_code import half_blocks
from telewarden.console import ControlClient
from telewarden.loopback import Limits, LoopbackTelegram

from .conftest import Shell
from .terminal import Terminal

pytestmark = [pytest.mark.console, pytest.mark.timeout(180)]  # several processes each

ALICE, BOB = "+9996620001", "+9996620002"
PASSWORD = "correct horse"
PROMPT = "from telewarden.telegram.login import flow; flow.QR_LEAST = 0.2"
INK = {" ": (0, 0), "▀": (1, 0), "▄": (0, 1), "█": (1, 1)}
BLACK_ON_WHITE = "\x1b[38;5;16;48;5;231m"
Typing = Callable[..., Terminal]


@pytest.fixture
def life() -> float:
    """Seconds for which a code is good."""
    return 30.0


@pytest.fixture
def telegram(life: float) -> Iterator[LoopbackTelegram]:
    with LoopbackTelegram.in_thread(limits=Limits(token_life=life)) as telegram:
        telegram.add_account("alice", phone=ALICE)
        telegram.add_account("bob", phone=BOB, password=PASSWORD)
        yield telegram


@pytest.fixture
def running(shell: Shell, telegram: LoopbackTelegram) -> Iterator[subprocess.Popen[str]]:
    """A warden on a data centre of somebody else's, so that nobody logs its sessions in."""
    (shell.folder / "pub.pem").write_text(str(telegram.pem), encoding="ascii")
    elsewhere = f'[loopback]\nembedded = false\nport = {telegram.port}\npubkey = "pub.pem"\n'
    bob = f'[[sessions]]\nname = "bob"\nphone = "{BOB}"\n\n'
    shell.write(**{"[loopback]\n": bob + elsewhere})
    process = shell.start("run", "telewarden.toml", "--json", before=PROMPT)
    shell.until(process, '"after": "needs_login"')
    shell.until(process, '"after": "needs_login"')
    yield process
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)


@pytest.fixture
def typing(shell: Shell, running: subprocess.Popen[str]) -> Iterator[Typing]:
    opened: list[Terminal] = []

    def open_(*words: str, **environment: str) -> Terminal:
        opened.append(Terminal(shell, *words, **environment))
        return opened[-1]

    yield open_
    for one in opened:
        one.close()
        shell.leaks.see("its terminal", one.seen)


@pytest.fixture
def client(shell: Shell, running: subprocess.Popen[str]) -> ControlClient:
    toml = (shell.folder / "telewarden.toml").read_text(encoding="utf-8")
    found = re.search(r'socket = "(.*)"', toml)
    assert found is not None
    return ControlClient(shell.folder / found[1])


def drawn(screen: str) -> list[list[int]]:
    """The modules of the code that a screen shows, without the white around them."""
    lines = re.findall(re.escape(BLACK_ON_WHITE) + "(.*?)\x1b\\[0m", screen)
    rows = itertools.chain.from_iterable(
        zip(*(INK[sign] for sign in line), strict=True) for line in lines
    )
    inked = [list(row) for row in rows]
    while not any(inked[-1]):
        inked.pop()
    while not any(inked[0]):
        inked.pop(0)
    left, right = inked[0].index(1), len(inked[0]) - inked[0][::-1].index(1)
    return [row[left:right] for row in inked]


def code_of(url: str) -> list[list[int]]:
    return [list(row) for row in segno.make(url, error="l", micro=False).matrix]


def scan(telegram: LoopbackTelegram, client: ControlClient, session: str, phone: str) -> None:
    """What the owner does with a phone that is logged in: once more, if a code has just expired."""
    account = next(one for one in telegram.accounts if one.phone == phone)
    with contextlib.suppress(ValueError):
        return telegram.scan_qr(account, client.login(session, "look")["qr"]["url"])
    return scan(telegram, client, session, phone)


@pytest.mark.parametrize("length", [10, 53, 100])
def test_every_module_is_drawn_where_it_belongs(length: int) -> None:
    text = "x" * length

    lines = [f"{BLACK_ON_WHITE}{line}\x1b[0m" for line in half_blocks(text)]

    assert drawn("\n".join(lines)) == code_of(text)
    assert all(" " in {line[0], line[-1]} for line in half_blocks(text))


def test_a_code_that_is_scanned_logs_in_without_a_login_code(
    telegram: LoopbackTelegram, typing: Typing, client: ControlClient
) -> None:
    terminal = typing("auth", "alice", "--qr", NO_COLOR="1")
    screen = terminal.until("Ctrl-C ends it")
    url = client.login("alice", "look")["qr"]["url"]
    scan(telegram, client, "alice", ALICE)
    terminal.until("alice is logged in")

    assert drawn(screen) == code_of(url)
    assert terminal.ended() == 0
    assert telegram.stats.calls["auth.sendCode"] == 0


@pytest.mark.parametrize("life", [1.0])
def test_a_code_that_expires_is_drawn_anew_in_its_place(
    telegram: LoopbackTelegram, typing: Typing, client: ControlClient
) -> None:
    terminal = typing("auth", "alice", "--qr")
    first = terminal.until("Ctrl-C ends it")
    second = terminal.until("Ctrl-C ends it")
    scan(telegram, client, "alice", ALICE)

    assert drawn(first) != drawn(second)
    assert f"\x1b[{first.count(BLACK_ON_WHITE) + 1}A\x1b[J" in second
    terminal.until("alice is logged in")


def test_the_cloud_password_is_asked_for_after_the_scan_and_not_shown(
    telegram: LoopbackTelegram, typing: Typing, client: ControlClient
) -> None:
    terminal = typing("auth", "bob", "--qr")
    terminal.until("Ctrl-C ends it")
    scan(telegram, client, "bob", BOB)
    terminal.until("bob: cloud password: ")
    echoes = terminal.echoes
    terminal.type(PASSWORD)
    terminal.until("bob is logged in")

    assert not echoes
    assert PASSWORD not in terminal.seen


def test_ctrl_c_ends_a_login_by_qr_code_and_spends_nothing(
    telegram: LoopbackTelegram, typing: Typing, client: ControlClient
) -> None:
    terminal = typing("auth", "alice", "--qr")
    terminal.until("Ctrl-C ends it")
    terminal.interrupt()
    terminal.until("no login code was spent")

    assert terminal.ended() == 1
    assert client.login("alice", "look")["phase"] == "needs_login"
    assert telegram.stats.calls["auth.sendCode"] == 0


def test_into_a_pipe_goes_the_address_that_the_code_holds(
    shell: Shell, telegram: LoopbackTelegram, client: ControlClient
) -> None:
    process = shell.start("auth", "alice", "--qr")
    line = shell.until(process, "tg://login?token=")
    scan(telegram, client, "alice", ALICE)

    said, _ = process.communicate(timeout=40)
    assert "open or scan by" in line
    assert "alice is logged in" in said


def test_answers_that_are_piped_in_are_asked_for_on_lines_of_their_own(
    shell: Shell, telegram: LoopbackTelegram, client: ControlClient
) -> None:
    shell("auth", "bob", typed="")

    done = shell("auth", "bob", typed=f"{telegram.sent_code(BOB)}\n{PASSWORD}\n")

    assert (done.returncode, done.stderr) == (0, ""), done
    assert {"bob: login code:", "bob: cloud password:"} <= set(done.stdout.splitlines())


@pytest.mark.parametrize("life", [0.2])
def test_codes_that_nobody_scans_come_to_an_end(
    shell: Shell, telegram: LoopbackTelegram, client: ControlClient
) -> None:
    done = shell("auth", "alice", "--qr", typed="")

    assert done.returncode == 1, done
    assert done.stdout.count("tg://login?token=") == MOST_CODES
    assert "nobody has scanned 10 codes; alice: the login by QR code is left" in done.stderr
    assert client.login("alice", "look")["phase"] == "needs_login"


def test_another_accounts_phone_changes_nothing(
    shell: Shell, telegram: LoopbackTelegram, client: ControlClient
) -> None:
    process = shell.start("auth", "alice", "--qr")
    shell.until(process, "tg://login?token=")
    scan(telegram, client, "alice", ALICE)
    process.communicate(timeout=40)
    assert shell("renew", "alice", "--qr").stdout.startswith("alice: awaiting_qr")

    process = shell.start("auth", "alice")
    shell.until(process, "tg://login?token=")
    stranger = telegram.add_account("carol")
    telegram.scan_qr(stranger, client.login("alice", "look")["qr"]["url"])
    _, complaint = process.communicate(timeout=40)

    assert process.returncode == 2
    assert "this login is not session alice's account" in complaint
    assert client.login("alice", "look")["phase"] == "online"


def test_a_renewal_is_finished_by_auth(
    shell: Shell, telegram: LoopbackTelegram, client: ControlClient
) -> None:
    shell("auth", "alice", typed="")
    shell("auth", "alice", typed=f"{telegram.sent_code(ALICE)}\n")
    begun = shell("renew", "alice")

    done = shell("auth", "alice", typed=f"{telegram.sent_code(ALICE)}\n")
    again = shell("auth", "alice", typed="")

    assert "go on with: telewarden auth alice" in begun.stdout
    assert "alice: a login is under way" in done.stdout
    assert "alice is logged in" in done.stdout
    assert telegram.stats.calls["auth.sendCode"] == 2
    assert again.stdout == "alice is online already\n"
