"""What every test is held to at its end: no secret got out, and no crash that it did not declare.

No secret gets out: what the whole suite logs, prints, raises, shows and measures is looked at.

Keys and session strings are known by their looks, wherever a test has made them; codes, passwords
and an app's own hash by ``leaks.keep``. A test from which one got out fails at its end, and the
failure names the place and the kind, not the secret.

Crashes are looked for by ``telewarden.testing``; here are added those in processes that a test
starts, and an error that only shows when what nobody waited for is thrown away.
"""

from __future__ import annotations

import gc
import json
import logging
import os
import re
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import hypothesis
import psutil
import pytest

from telewarden.errors import TelewardenError
from telewarden.testing.crashes import Kind, Trouble
from telewarden.testing.plugin import WATCH

from .offline import stays_on_this_machine  # noqa: F401 - a fixture of every test
from .postgres_server import own_postgres, postgres  # noqa: F401 - fixtures of those who ask
from .warm import WarmPython

LOOKS: Final = {
    "a master key": re.compile(r"twk1_[A-Za-z0-9_-]{48}"),
    "a session string or a key in base64": re.compile(r"[A-Za-z0-9+/_-]{340}"),
    "a key in hex": re.compile(r"[0-9a-fA-F]{512}"),
    "a key's bytes": re.compile(r"(?:\\(?:x[0-9a-f]{2}|[ntr\\'])[^\\]{0,12}){96}"),
}
MEMORY: Final = "/dev/shm"  # Linux's; folders are made in it as in /tmp
ROOM: Final = 1 << 30  # bytes; four workers take a tenth of it at their worst
# The user's own key, and what a loopback data centre remembers: that is Telegram's side.
NOT_OURS: Final = ("master.key", "loopback")
# An example's time is the machine's, and a busy one must fail nothing.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")
VARIED: Final = 12  # different characters; a key has more, a filling of a test's fewer
WORTH_A_LOOK: Final = 32  # characters; a shorter text holds none of these


class Leaks(logging.Handler):
    """What got out during one test."""

    def __init__(self) -> None:
        super().__init__()
        self._kept: list[tuple[str, re.Pattern[str]]] = []
        self._texts: list[tuple[str, str]] = []
        self.found: list[str] = []

    def keep(self, what: str, *secrets: str) -> None:
        """Look for these, too: as words, for a code of five digits may be part of a number."""
        for secret in secrets:
            pattern = rf"(?<![\w.]){re.escape(secret)}(?![\w.])"
            self._kept.append((what, re.compile(pattern)))

    def see(self, place: str, text: str) -> None:
        """Something got out at ``place``."""
        self._texts.append((place, text))

    def see_files(self, folder: Path) -> None:
        """What lies on the disk; codes are not looked for in it, for any number may be one."""
        for path in folder.rglob("*"):
            if path.is_file() and not path.name.startswith(NOT_OURS):
                self._look(str(path.name), path.read_bytes().decode("latin-1"), kept=())

    def emit(self, record: logging.LogRecord) -> None:
        self.see(f"log record of {record.name}", self.format(record))

    def verdict(self) -> list[str]:
        """Where which kind of secret got out, once each."""
        for place, text in self._texts:
            self._look(place, text, kept=self._kept)
        self._texts.clear()
        return sorted(set(self.found))

    def _look(self, place: str, text: str, *, kept: Any) -> None:
        looks = LOOKS.items() if len(text) >= WORTH_A_LOOK else ()
        for what, pattern in looks:
            if any(len(set(found[0])) >= VARIED for found in pattern.finditer(text)):
                self.found.append(f"{what} in {place}")
        for what, pattern in kept:
            if pattern.search(text):
                self.found.append(f"{what} in {place}")


LEAKS: Final = pytest.StashKey[Leaks]()


@pytest.fixture(autouse=True)
def leaks(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, swept: None
) -> Iterator[Leaks]:
    """Notes what gets out while the test runs; looked through when it has ended."""
    noted = request.node.stash[LEAKS] = Leaks()
    raised = TelewardenError.__init__

    def raising(self: TelewardenError, *args: object) -> None:
        raised(self, *args)
        noted.see(type(self).__name__, str(self))

    monkeypatch.setattr(TelewardenError, "__init__", raising)
    logger, level = logging.getLogger("telewarden"), logging.getLogger("telewarden").level
    logger.setLevel(logging.DEBUG)
    logging.getLogger().addHandler(noted)
    yield noted
    logging.getLogger().removeHandler(noted)
    logger.setLevel(level)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and item.config.getoption("no_skips"):
        report.outcome, report.longrepr = "failed", f"skipped, which nothing may be: {_why(report)}"
    noted = item.stash.get(LEAKS, None)
    if report.when != "teardown" or noted is None:
        return report
    for place, text in report.sections:
        noted.see(place, text)
    if report.longrepr is not None:
        noted.see("traceback", str(report.longrepr))
    found = noted.verdict()
    if found and report.outcome == "passed":
        report.outcome = "failed"
        report.sections = []  # which may hold the secret
        report.longrepr = "secrets got out:\n" + "\n".join(f"  {one}" for one in found)
    return report


def _why(report: pytest.TestReport) -> str:
    place = report.longrepr
    return place[2] if isinstance(place, tuple) else str(place)


# Which tests are run


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--no-skips", action="store_true", help="fail a test that is skipped")
    only = "run the first test of each file, and what packaging is about"
    parser.addoption("--once", action="store_true", help=only)


@pytest.hookimpl(trylast=True)  # of what is selected otherwise
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("once"):
        return
    first = {item.path: item for item in reversed(items)}
    kept = {*first.values(), *(one for one in items if one.get_closest_marker("packaging"))}
    config.hook.pytest_deselected(items=[one for one in items if one not in kept])
    items[:] = [one for one in items if one in kept]


# Where tests write


@pytest.hookimpl(tryfirst=True)  # pytest's own looks where its folders are to be
def pytest_configure(config: pytest.Config) -> None:
    """Have tests and what they start write to memory, where there is enough of it.

    What they hold against the disk is what is written, not when it is safe from a power cut, and
    waiting for that is half of a warden's start. ``TMPDIR`` says otherwise. The folders' names are
    short, as a socket's path has to be, and go with the next run.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a shell's for what it runs behind
        signal.signal(signal.SIGINT, signal.default_int_handler)  # tests send it
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:  # nohup's: what tests start is to hear it
        signal.signal(signal.SIGHUP, lambda *_: None)
    if "TMPDIR" not in os.environ and is_roomy(MEMORY):
        os.environ["TMPDIR"] = tempfile.tempdir = MEMORY
    if config.option.basetemp is None:  # a worker has it from the one that started it
        for left in Path(tempfile.gettempdir()).glob("tw-*"):
            number = left.name.removeprefix("tw-")
            if number.isdigit() and not psutil.pid_exists(int(number)):
                shutil.rmtree(left, ignore_errors=True)
        config.option.basetemp = Path(tempfile.gettempdir(), f"tw-{os.getpid()}")


def is_roomy(folder: str) -> bool:
    """Whether a folder has the room for a run, and runs what lies in it."""
    try:
        there = os.statvfs(folder)
    except OSError:
        return False
    roomy = there.f_bavail * there.f_frsize >= ROOM and os.access(folder, os.W_OK)
    return roomy and not there.f_flag & os.ST_NOEXEC


# Crashes that the look-out for them cannot see by itself

IN_PROCESSES: Final = Path(__file__).parent / "processes"
LONG: Final = 0.02  # seconds; a shorter test leaves little behind, and there are thousands
HEAVY: Final = 0.01  # seconds of a look: what outlives tests, reports mostly, has piled up


@pytest.fixture(autouse=True, scope="session")
def processes(
    pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    """Has each Python that a test starts write down what goes wrong in it."""
    folder = tmp_path_factory.mktemp("troubles")
    if WATCH in pytestconfig.stash:
        pytestconfig.stash[WATCH].sources.append(lambda: told_by_processes(folder))
    path = os.pathsep.join(filter(None, (str(IN_PROCESSES), os.environ.get("PYTHONPATH"))))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", path)
        patch.setenv("TELEWARDEN_TEST_TROUBLES", str(folder))
        yield


@pytest.fixture(scope="session")
def warm_python(processes: None) -> Iterator[WarmPython]:
    """For programs of which many are started, and whose imports are not what the test is about."""
    with WarmPython() as python:
        yield python


def told_by_processes(folder: Path) -> list[Trouble]:
    """What they have written since the last look."""
    told = []
    for path in sorted(folder.glob("*.jsonl")):
        taken = path.rename(path.with_suffix(".taken"))  # it may be writing
        for line in taken.read_text(encoding="utf-8").splitlines():
            trouble = json.loads(line)
            for name in ("errors", "where"):
                trouble[name] = tuple(trouble[name])
            told.append(Trouble(**{**trouble, "kind": Kind[trouble["kind"]]}))
        taken.unlink()
    return told


def pytest_collection_finish() -> None:
    gc.collect()
    gc.freeze()  # what is there before the first test need not be looked at after each of them


@pytest.fixture(autouse=True)
def swept() -> Iterator[None]:
    """A task whose error nobody took says so when it goes: here, while it is known whose it was."""
    began = time.monotonic()
    yield
    if time.monotonic() - began > LONG:
        began = time.thread_time()
        gc.collect()
        if time.thread_time() - began > HEAVY:
            gc.freeze()


@pytest.fixture
def unprivileged() -> Iterator[Path]:
    """A folder of a user who is not root, with that user's rights for the test's length."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if os.geteuid() != 0:
            yield folder
            return
        os.chown(folder, 65534, 65534)
        os.seteuid(65534)
        try:
            yield folder
        finally:
            os.seteuid(0)
