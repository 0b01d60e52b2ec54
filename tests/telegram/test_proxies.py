"""Through a proxy goes every byte, or none: and what is wrong with it is told by its name."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest
from telethon import functions

from telewarden.errors import (
    ProxySupportMissingError,
    TelegramError,
    TelegramRateLimitError,
    TelegramSessionError,
)
from telewarden.loopback import Fault, LoopbackTelegram, TransportError
from telewarden.telegram import (
    SHARED_OUTAGE,
    Action,
    ConnectLimit,
    Deadlines,
    ErrorClass,
    LoginFlow,
    MtproxySecret,
    OutageLimit,
    Proxies,
    Proxy,
    ProxyKind,
    classify,
    to_telewarden,
)
from telewarden.telegram.connecting.connect_limit import ConnectQueue
from telewarden.telegram.proxies import Route

from ..proxy_server import TROUBLES, ProxyServer
from .conftest import Heard, Line

pytestmark = pytest.mark.telegram

LOGIN = ("forwarder", "open sesame, please")
NOWHERE = "-no-such-name-"  # which no resolver is asked for
KINDS = [
    ("socks5", None),
    ("socks5", LOGIN),
    ("socks4", None),
    ("socks4", LOGIN),
    ("http", None),
    ("http", LOGIN),
]
NAMES = [f"{kind}{'' if login is None else ' with a login'}" for kind, login in KINDS]


def proxy_of(server: ProxyServer, login: tuple[str, str] | None = None) -> Proxy:
    user, password = login or (None, None)
    return Proxy(
        kind=ProxyKind(server.kind),
        host="127.0.0.1",
        port=server.port,
        username=user,
        password=None if server.kind == "socks4" else password,
    )


def peers(telegram: LoopbackTelegram) -> set[int]:
    """The ports that the data centre's clients come from."""
    found = set()
    for connection in telegram.connections():
        assert connection._transport is not None
        found.add(connection._transport.get_extra_info("peername")[1])
    return found


@pytest.fixture
async def server(request: pytest.FixtureRequest, leaks: Any) -> AsyncIterator[ProxyServer]:
    """A proxy; give its kind and login as an indirect parameter."""
    leaks.keep("a proxy's password", LOGIN[1])
    kind, login = getattr(request, "param", ("socks5", None))
    async with ProxyServer(kind, login) as server:
        yield server


@pytest.mark.parametrize("server", KINDS, ids=NAMES, indirect=True)
async def test_every_byte_of_a_session_goes_through_its_proxy(
    line: Line, server: ProxyServer
) -> None:
    line.gateway = line.make_gateway(proxies=Proxies(default=proxy_of(server, server.login)))

    alice = await line.open(line.alice)
    await alice.call(functions.help.GetConfigRequest())
    seen = peers(line.tg)
    await alice.close()

    assert server.targets == [("127.0.0.1", line.tg.port)]
    assert line.tg.stats.connects == len(server.out_ports) == 1
    assert seen == server.out_ports
    assert server.bytes_up > 500
    assert server.bytes_down > 500


@pytest.mark.parametrize("server", KINDS[::2], ids=NAMES[::2], indirect=True)
async def test_a_login_goes_through_it_also_to_another_data_centre(
    line: Line, server: ProxyServer
) -> None:
    async with LoopbackTelegram(other_dcs=(4,)) as telegram:
        far = telegram.add_account("far", phone="+9996640001", dc_id=4)
        there = Line(telegram)
        gateway = there.make_gateway(proxies=Proxies(default=proxy_of(server)))
        async with LoginFlow(gateway, name="far") as flow:
            await flow.start_code(far.phone)
            entered: Any = await flow.submit_code(telegram.sent_code(far.phone) or "")
        await gateway.close_all()

        assert entered.user_id == far.id
        assert telegram.stats.connects == len(server.out_ports) == 2
        assert {port for _, port in server.targets} == set(telegram.ports.values())


async def test_what_telethon_connects_to_itself_goes_through_it_too(
    line: Line, server: ProxyServer
) -> None:
    async with LoopbackTelegram(other_dcs=(4,)) as telegram:
        there = Line(telegram)
        there.gateway = there.make_gateway(proxies=Proxies(default=proxy_of(server)))
        alice = await there.open(there.alice)

        dc = await alice._wire._get_dc(4)
        borrowed = alice._wire._connection(
            dc.ip_address, dc.port, 4, loggers=alice._wire._log, proxy=alice._wire._proxy
        )
        await borrowed.connect(timeout=5)
        await borrowed.disconnect()
        await there.gateway.close_all()

        assert ("127.0.0.1", telegram.ports[4]) in server.targets
        assert telegram.stats.connects == len(server.out_ports) == 2


@pytest.mark.parametrize("server", KINDS[::2], ids=NAMES[::2], indirect=True)
async def test_what_is_sent_does_not_wait_for_more(line: Line, server: ProxyServer) -> None:
    sock = await proxy_of(server).connect("127.0.0.1", line.tg.port, timeout=5)

    with sock:
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert sock.gettimeout() == 0.0


@pytest.mark.parametrize("server", KINDS[4:5], ids=NAMES[4:5], indirect=True)
async def test_what_follows_the_head_of_an_http_answer_is_left_for_the_line(
    server: ProxyServer,
) -> None:
    server.answer = b"HTTP/1.0 200 OK\r\nVia: a test\r\n\r\nmore"

    with await proxy_of(server).connect("::1", 443, timeout=5) as sock:
        left = await asyncio.get_running_loop().sock_recv(sock, 100)

    assert left == b"more"


@pytest.mark.parametrize(
    "said", [b"HTTP/1.1 two\r\n\r\n", b"HTTP/1.1 " + b"2" * 20_000, b"HTTP/9 200 OK\r\n\r\n"]
)
@pytest.mark.parametrize("server", KINDS[4:5], ids=NAMES[4:5], indirect=True)
async def test_an_answer_that_is_no_http_is_no_way_through(
    server: ProxyServer, said: bytes
) -> None:
    server.answer = said

    with pytest.raises(ConnectionError, match="does not speak that"):
        await proxy_of(server).connect("127.0.0.1", 443, timeout=5)


async def test_a_session_has_its_own_way_and_so_has_the_client_beside_it(
    line: Line, server: ProxyServer
) -> None:
    proxies = Proxies(by_session={line.alice.first_name: proxy_of(server)})
    line.gateway = line.make_gateway(proxies=proxies)

    await line.open(line.bob)
    directly = server.accepted
    await line.open(line.alice)
    await line.gateway.open(f"{line.alice.first_name}:proof", line.session(line.alice), Heard())

    assert directly == 0
    assert len(server.out_ports) == 2
    assert proxies.of("bob:proof") is None


async def closed_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@pytest.mark.parametrize("trouble", TROUBLES)
@pytest.mark.parametrize("server", KINDS[::2], ids=NAMES[::2], indirect=True)
async def test_trouble_of_a_proxy_is_the_networks_and_names_it(
    line: Line, server: ProxyServer, trouble: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("telewarden.telegram.mtproto.sender.CONNECT_WITHIN", 0.2)
    proxy = proxy_of(server)
    line.gateway = line.make_gateway(
        proxies=Proxies(default=proxy), deadlines=Deadlines(connect=0.5)
    )
    session, server.trouble = line.session(line.alice), trouble

    with pytest.raises(ConnectionError) as caught:
        await line.open(line.alice, session=session)

    verdict, told = classify(caught.value), to_telewarden(caught.value, session="alice")
    assert verdict.name == trouble
    assert (verdict.kind, verdict.action) == (ErrorClass.NET, Action.RECONNECT)
    assert not verdict.terminal
    assert f"{server.kind} proxy 127.0.0.1:{server.port}" in verdict.advice
    assert isinstance(told, TelegramSessionError)
    assert str(told) == f"alice: {trouble}: {verdict.advice}"
    server.trouble = None
    assert (await line.open(line.alice, session=session)).alive


@pytest.mark.parametrize("kind", ProxyKind)
async def test_a_proxy_that_is_not_there_is_named(line: Line, kind: ProxyKind) -> None:
    secret = MtproxySecret(bytes(16)) if kind is ProxyKind.MTPROTO else None
    proxy = Proxy(kind=kind, host="127.0.0.1", port=await closed_port(), secret=secret)
    line.gateway = line.make_gateway(proxies=Proxies(default=proxy))

    with pytest.raises(ConnectionError, match=r"cannot be reached \(Connection refused\)") as one:
        await line.open(line.alice)
    lost = Proxy(kind=kind, host=NOWHERE, port=1, secret=secret)
    with pytest.raises(ConnectionError, match=rf"{NOWHERE}:1 cannot be reached"):
        await lost.connect("127.0.0.1", 1, timeout=5)

    assert classify(one.value).name == "PROXY_UNREACHABLE"


@pytest.mark.parametrize("given", [None, (LOGIN[0] + "x", "another")], ids=["none", "wrong"])
@pytest.mark.parametrize("server", KINDS[1::2], ids=NAMES[1::2], indirect=True)
async def test_a_wrong_login_is_the_proxys_trouble_and_harms_no_session(
    line: Line, server: ProxyServer, given: tuple[str, str] | None
) -> None:
    line.gateway = line.make_gateway(proxies=Proxies(default=proxy_of(server, given)))

    with pytest.raises(ConnectionError) as caught:
        await line.open(line.alice)
    with pytest.raises(TelegramError, match="does not take the user name") as in_login:
        async with LoginFlow(line.gateway, name="alice") as flow:
            await flow.start_code(line.alice.phone)

    verdict = classify(caught.value)
    assert (verdict.name, verdict.kind) == ("PROXY_LOGIN_REFUSED", ErrorClass.NET)
    assert in_login.value.name == "PROXY_LOGIN_REFUSED"
    assert server.refused == 2
    assert line.tg.stats.connects == 0


async def test_what_telegram_says_through_a_proxy_stays_what_it_is(
    line: Line, server: ProxyServer
) -> None:
    line.gateway = line.make_gateway(proxies=Proxies(default=proxy_of(server)))
    line.tg.revoke(line.alice)
    session = line.session(line.alice)
    line.tg.revoke(line.alice)

    with pytest.raises(Exception) as caught:
        await line.open(line.alice, session=session)

    assert classify(caught.value).kind is ErrorClass.REVOKED


async def test_a_dead_proxy_pauses_only_the_sessions_that_go_through_it(
    line: Line, server: ProxyServer
) -> None:
    told: list[tuple[str, str | None]] = []
    async with ProxyServer("socks5") as other:
        dead, fine = proxy_of(server), proxy_of(other)
        ways: dict[str, Proxy | None] = {f"d{n}": dead for n in range(4)}
        line.gateway = line.make_gateway(
            proxies=Proxies(by_session={**ways, "f": fine}),
            outage_limit=OutageLimit(sessions=3),
            on_outage=lambda *facts: told.append(facts),
        )
        server.trouble = "PROXY_CLOSED"
        for n in range(3):
            with pytest.raises(ConnectionError):
                await line.gateway.open(f"d{n}", line.session(line.alice), Heard())
        accepted = server.accepted

        with pytest.raises(
            TelegramSessionError, match=f"socks5 proxy 127.0.0.1:{server.port}"
        ) as no:
            await line.gateway.open("d3", line.session(line.alice), Heard())
        calm = asyncio.ensure_future(line.gateway.wait_outage_over("d3"))
        await line.gateway.open("f", line.session(line.alice), Heard())
        await line.gateway.open("direct", line.session(line.alice), Heard())
        waits = not calm.done()
        server.trouble = None
        await line.gateway.open("d2", line.session(line.alice), Heard())  # the scout
        await calm
        await line.gateway.open("d3", line.session(line.alice), Heard())

        assert no.value.name == SHARED_OUTAGE
        assert waits
        assert server.accepted == accepted + 2
        assert told == [(str(dead), "d2"), (str(dead), None)]


async def test_what_lies_behind_a_proxy_is_an_outage_of_that_way_alone(
    line: Line, server: ProxyServer
) -> None:
    told: list[tuple[str, str | None]] = []
    proxy = proxy_of(server)
    line.gateway = line.make_gateway(
        proxies=Proxies(default=proxy, by_session={"direct": None}),
        outage_limit=OutageLimit(sessions=3),
        on_outage=lambda *facts: told.append(facts),
    )
    server.trouble = "PROXY_NO_WAY"
    for n in range(3):
        with pytest.raises(ConnectionError):
            await line.gateway.open(f"d{n}", line.session(line.alice), Heard())
    await line.gateway.open("direct", line.session(line.alice), Heard())

    with pytest.raises(TelegramSessionError, match="fails for many"):
        await line.gateway.open("d9", line.session(line.alice), Heard())

    assert told == [(f"address 127.0.0.1 by {proxy}", "d2")]


async def test_connects_are_counted_for_each_proxy_by_itself() -> None:
    now = [0.0]

    async def sleep(seconds: float) -> None:
        now[0] += seconds

    queue = ConnectQueue(ConnectLimit(rate=1.0, burst=2), clock=lambda: now[0], sleep=sleep)
    one, two = (Proxy(kind=ProxyKind.HTTP, host=host, port=1) for host in ("one", "two"))
    for _ in range(2):
        for way in (None, one, two):
            await queue.acquire(Route("a", way))
    together = now[0]
    queue.back_off(Route("a", one), 60.0)
    await queue.acquire(Route("a", two))

    assert (together, now[0]) == (0.0, 1.0)
    assert [queue.backoff_left(Route("a", way)) > 0 for way in (None, one, two)] == [
        False,
        True,
        False,
    ]


async def test_too_many_connections_by_a_proxy_let_alone_what_goes_another_way(
    line: Line, server: ProxyServer
) -> None:
    proxy = proxy_of(server)
    line.gateway = line.make_gateway(
        proxies=Proxies(default=proxy, by_session={"direct": None}),
    )
    client = await line.gateway.open("alice", line.session(line.alice), Heard())
    line.tg.faults.add(Fault(method="updates.getState", action=TransportError(-429), times=1))
    with pytest.raises(BufferError):
        await client.probe()
    await client.disconnected

    with pytest.raises(TelegramRateLimitError, match=f"no more connections from {proxy}"):
        await line.gateway.open("bob", line.session(line.bob), Heard())
    await line.gateway.open("direct", line.session(line.bob), Heard())


def test_a_proxy_shows_neither_user_nor_password() -> None:
    proxy = Proxy(
        kind=ProxyKind.SOCKS5, host="::1", port=1080, username=LOGIN[0], password=LOGIN[1]
    )
    shown = (
        f"{proxy} {proxy!r} {Proxies(default=proxy)!r} {Route('a', proxy)!r} {Route('a', proxy)}"
    )

    assert str(proxy) == "socks5 proxy [::1]:1080"
    assert LOGIN[0] not in shown
    assert LOGIN[1] not in shown


def test_without_python_socks_a_socks_proxy_is_refused_and_an_http_one_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "python_socks", None)

    Proxy(kind=ProxyKind.HTTP, host="one", port=1)
    with pytest.raises(ProxySupportMissingError, match=r"pip install 'telewarden\[proxy\]'"):
        Proxy(kind=ProxyKind.SOCKS5, host="one", port=1)
