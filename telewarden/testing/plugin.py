"""pytest fixtures for a loopback Telegram, and the check for undeclared crashes.

Found by pytest without being imported. Everything is imported where it is used, so that a project
which has Telewarden installed and uses none of it pays nothing. With ``telewarden_crashes = true``
a test fails at its end in which an actor crashed, a start failed, a message was dropped, a line at
ERROR was logged or an exception was handled by nobody, unless a mark ``crashes`` declares it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

import pytest

if TYPE_CHECKING:
    from telewarden.loopback import Account, LoopbackTelegram

    from .crashes import CrashWatch, Declaration

WATCH: Final[pytest.StashKey[CrashWatch]] = pytest.StashKey()
"""Where a run keeps its look-out, in ``config.stash``; absent when none was asked for."""

_PASSED: Final = pytest.StashKey[bool]()
_DECLARED: Final[pytest.StashKey[list[Declaration]]] = pytest.StashKey()
_MARK: Final = (
    "crashes(child, error, ..., *, start=None, dropped=None, logged=None, possible=False):"
    " say which crash, failed start, dropped message or line at ERROR the test is about"
)
_UNHANDLED: Final = ("UnhandledThreadException", "UnraisableException")

F = TypeVar("F", bound=Callable[..., Any])


def _async_fixture(function: F) -> F:
    """A fixture that works in pytest-asyncio's strict mode too, where there is pytest-asyncio."""
    try:
        from pytest_asyncio import fixture
    except ImportError:  # then nobody can ask for it, but importing this must not fail
        return cast("F", pytest.fixture(function))
    return cast("F", fixture(function))


def _forget_config() -> None:
    """Telethon keeps the list of data centres on its class: the next test has other ports."""
    from telethon import TelegramClient

    TelegramClient._config = None  # noqa: SLF001 - there is no public way


@_async_fixture
async def loopback_telegram() -> AsyncIterator[LoopbackTelegram]:
    """A Telegram of one's own on a free port, trusted by the Telethon of this process."""
    from telewarden.loopback import LoopbackTelegram

    _forget_config()
    async with LoopbackTelegram() as telegram:
        telegram.trust()
        yield telegram
    _forget_config()


@pytest.fixture
def loopback_telegram_thread() -> Iterator[LoopbackTelegram]:
    """The same in a thread of its own, for tests that are not asynchronous."""
    from telewarden.loopback import LoopbackTelegram

    _forget_config()
    with LoopbackTelegram.in_thread() as telegram:
        telegram.trust()
        yield telegram
    _forget_config()


@_async_fixture
async def loopback_client(
    loopback_telegram: LoopbackTelegram,
) -> AsyncIterator[Callable[..., Awaitable[Any]]]:
    """Connects stock Telethon clients and disconnects them when the test is over.

    ``client = await loopback_client(alice)`` is signed in already; without an account
    it has no key yet and must log in. Keyword arguments go to ``TelegramClient``.
    """
    from telethon import TelegramClient
    from telethon.sessions import StringSession

    clients: list[Any] = []

    async def connect(account: Account | None = None, **options: Any) -> Any:
        if account is None:
            session: Any = StringSession()
            session.set_dc(*loopback_telegram.address)
        else:
            session = StringSession(loopback_telegram.mint(account))
        client: Any = TelegramClient(session, 1, "loopback", **options)
        clients.append(client)
        await client.connect()
        return client

    yield connect
    for client in clients:
        await client.disconnect()


# The look-out for crashes


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a project ask for the look-out, which is off by default."""
    about = "fail a test in which an actor crashes, or the like, and no mark `crashes` says so"
    parser.addini("telewarden_crashes", about, type="bool", default=False)


def pytest_configure(config: pytest.Config) -> None:
    """Begin to look, if that was asked for."""
    config.addinivalue_line("markers", _MARK)
    if not config.getini("telewarden_crashes"):
        return
    from .crashes import CrashWatch

    watch = config.stash[WATCH] = CrashWatch()
    config.add_cleanup(watch.end)
    filters = config.getini("filterwarnings")  # what nobody handled is a warning of pytest's own
    filters[:0] = [f"error::pytest.Pytest{one}Warning" for one in _UNHANDLED]


def pytest_pycollect_makeitem(name: str, obj: object) -> None:
    """Refuse what a mark with nothing but a class makes of a test.

    pytest takes the class for what is marked, and the test becomes one of its instances, which
    nobody would run or miss.
    """
    if name.startswith("test") and isinstance(obj, BaseException):
        kind = type(obj).__name__
        pytest.fail(f'{name}: write @pytest.mark.crashes("*", {kind})', pytrace=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    """Remember whether a test came to a good end: else it need not do what it declares."""
    report = yield
    if report.when == "call":
        item.stash[_PASSED] = report.outcome == "passed" and not hasattr(report, "wasxfail")
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, object, object]:
    """Read what the test declares; a mark that does not say what fails it."""
    result = yield
    if WATCH in item.config.stash:
        try:
            item.stash[_DECLARED] = _declarations(item)
        except (ValueError, TypeError) as error:
            pytest.fail(f"@pytest.mark.crashes: {error}", pytrace=False)
    return result


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, object, object]:
    """Say what happened and was not declared, when all of the test's fixtures are gone."""
    result = yield
    watch = item.config.stash.get(WATCH, None)
    if watch is not None:
        from .crashes import judge

        passed = item.stash.get(_PASSED, False)
        meant = item.stash.get(_DECLARED, None) or []
        if said := judge(watch.take(), meant, passed=passed):
            pytest.fail(said, pytrace=False)
    return result


def _declarations(item: pytest.Item) -> list[Declaration]:
    """What its marks declare; a mark of its class or module is for some of the tests there."""
    from .crashes import declared

    found: list[Declaration] = []
    for node, mark in item.iter_markers_with_node("crashes"):
        shared = {} if node is item else {"possible": True}
        found += declared(*mark.args, **{**mark.kwargs, **shared})
    return found
