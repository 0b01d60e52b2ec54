"""A warden whose sessions go through proxies: all, one, none; and what it says when one is down."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from telethon import functions

from telewarden import Warden, safe_session
from telewarden.diagnostics import Finding, Level, diagnose
from telewarden.errors import SecretMissingError, TelegramSessionError
from telewarden.loopback import LoopbackMtproxy
from telewarden.supervision import CauseCleared, CausePaused
from telewarden.telegram import Phase, PhaseChanged, SessionRecovered

from ..proxy_server import TROUBLES, ProxyServer
from .conftest import ALICE, BOB, LOOK_EVERY, Newsroom

pytestmark = [pytest.mark.actors, pytest.mark.session]

LOGIN = ("forwarder", "open sesame, please")
MANY = 8
MTPROXY = "ee" + "0123456789abcdef" * 2 + b"www.example.org".hex()


@pytest.fixture
async def proxy(leaks: Any, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ProxyServer]:
    """A proxy that asks for a login; the password is in ``PROXY_PASSWORD``."""
    leaks.keep("a proxy's password", LOGIN[1])
    monkeypatch.setenv("PROXY_PASSWORD", LOGIN[1])
    async with ProxyServer("socks5", LOGIN) as server:
        yield server


def with_login(server: ProxyServer) -> dict[str, Any]:
    return {**server.table, "username": LOGIN[0], "password": {"env": "PROXY_PASSWORD"}}


def peers(newsroom: Newsroom, phone: str) -> set[int]:
    """The ports that an account's clients come from."""
    found = set()
    for connection in newsroom.telegram.connections(newsroom.account(phone)):
        assert connection._transport is not None
        found.add(connection._transport.get_extra_info("peername")[1])
    return found


async def test_all_sessions_go_through_the_proxy_but_one_that_has_its_own_way(
    newsroom: Newsroom, tables: dict[str, Any], proxy: ProxyServer
) -> None:
    async with ProxyServer("http") as other:
        tables["telegram"]["proxy"] = with_login(proxy)
        tables["sessions"][1]["proxy"] = other.table
        newsroom.reconfigure(tables)
        await newsroom.start()
        newsroom.say("news_in", "hello")
        await newsroom.arrives("news_out", "hello")
        ways = (peers(newsroom, ALICE), peers(newsroom, BOB))
        before = newsroom.telegram.stats.connects
        both = len(proxy.out_ports), len(other.out_ports)
        await newsroom.stop()

        assert ways[0] <= proxy.out_ports
        assert ways[1] <= other.out_ports
        assert all(ways)
        assert sum(both) == before  # the logins, too

        tables["sessions"][0]["proxy"] = {"kind": "direct"}
        newsroom.reconfigure(tables)
        await newsroom.start(signed_in=False)
        await newsroom.pairs_ready()

        assert peers(newsroom, ALICE).isdisjoint(proxy.out_ports)
        assert len(proxy.out_ports) == both[0]
        await newsroom.stop()


@pytest.mark.parametrize("by", ["link", "fields"])
async def test_all_sessions_go_through_an_mtproxy_and_come_back_by_it(
    newsroom: Newsroom,
    tables: dict[str, Any],
    leaks: Any,
    monkeypatch: pytest.MonkeyPatch,
    by: str,
) -> None:
    dcs = {dc: ("127.0.0.1", port) for dc, port in newsroom.telegram.ports.items()}
    async with LoopbackMtproxy(dcs, MTPROXY) as server:
        leaks.keep("an MTProxy's secret", MTPROXY[2:34])
        monkeypatch.setenv("MTPROXY", server.link if by == "link" else MTPROXY)
        ways = {"link": {"env": "MTPROXY"}}
        if by == "fields":
            ways = {"host": "127.0.0.1", "port": server.port, "secret": {"env": "MTPROXY"}}
        tables["telegram"]["proxy"] = {"kind": "mtproto", **ways}
        newsroom.reconfigure(tables)
        await newsroom.start()
        newsroom.say("news_in", "hello")
        await newsroom.arrives("news_out", "hello")

        await server.stop()
        newsroom.say("news_in", "meanwhile")
        await server.start()
        await newsroom.arrives("news_out", "hello", "meanwhile")

        assert server.accepted == newsroom.telegram.stats.connects
        assert server.refused == 0
        await newsroom.stop()


async def test_a_link_that_is_none_keeps_the_warden_from_starting_and_is_not_repeated(
    newsroom: Newsroom, tables: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MTPROXY", f"tg://proxy?server=proxy.example&secret={MTPROXY}")
    tables["telegram"]["proxy"] = {"kind": "mtproto", "link": {"env": "MTPROXY"}}
    newsroom.reconfigure(tables)

    with pytest.raises(SecretMissingError, match=r"telegram\.proxy\.link: what is there") as caught:
        await newsroom.start()

    assert "names no port" in str(caught.value)
    assert MTPROXY[2:34] not in str(caught.value)


async def test_a_proxy_that_is_down_is_named_and_the_session_comes_back_by_itself(
    newsroom: Newsroom, tables: dict[str, Any], proxy: ProxyServer
) -> None:
    tables["sessions"][0]["proxy"] = with_login(proxy)
    newsroom.reconfigure(tables)
    warden = await newsroom.start()
    asked, since = newsroom.telegram.stats.calls["auth.sendCode"], newsroom.mark()

    await proxy.stop()
    waits = await newsroom.hears(PhaseChanged, since=since, session="alice", after=Phase.WAITING)
    report = await warden.session("alice").report()
    newsroom.say("news_in", "meanwhile")
    newsroom.say("market_in", "undisturbed")
    await newsroom.arrives("market_out", "undisturbed")
    tried = len([e for e in newsroom.heard[since:] if isinstance(e, PhaseChanged)])
    await proxy.start()
    await newsroom.hears(SessionRecovered, since=since, session="alice")
    await newsroom.arrives("news_out", "meanwhile")

    place = f"socks5 proxy 127.0.0.1:{proxy.port}"
    assert waits.reason.startswith(f"PROXY_UNREACHABLE: {place} cannot be reached (Connection ref")
    assert "start it" in waits.reason
    assert report.health in {"unhealthy", "unknown"}
    assert tried < 50
    assert newsroom.telegram.stats.calls["auth.sendCode"] == asked
    assert await warden._access.journal().do(lambda store: store.latches()) == []


@pytest.mark.parametrize("trouble", TROUBLES)
async def test_no_trouble_of_a_proxy_harms_a_session(
    newsroom: Newsroom, tables: dict[str, Any], proxy: ProxyServer, trouble: str
) -> None:
    tables["telegram"] |= {"proxy": with_login(proxy), "connect_deadline": 1.0}
    newsroom.reconfigure(tables)
    warden = await newsroom.start()
    string, since = await warden.session("alice").export_string(), newsroom.mark()

    proxy.trouble = trouble
    await proxy.cut()
    waits = await newsroom.hears(PhaseChanged, since=since, session="alice", after=Phase.WAITING)
    newsroom.say("news_in", "meanwhile")
    proxy.trouble = None
    await newsroom.hears(SessionRecovered, since=since, session="alice")
    await newsroom.arrives("news_out", "meanwhile")

    # Here the client's time is shorter than the proxy's, which tells one silence from the other.
    assert waits.reason.split(":")[0].replace("PROXY_LINE_S", "PROXY_S") == trouble.replace(
        "PROXY_LINE_S", "PROXY_S"
    )
    assert f"socks5 proxy 127.0.0.1:{proxy.port}" in waits.reason
    assert await warden.session("alice").export_string() == string
    assert newsroom.telegram.stats.duplicate_keys == 0


async def test_a_wrong_password_of_a_proxy_harms_no_session(
    newsroom: Newsroom,
    tables: dict[str, Any],
    proxy: ProxyServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await newsroom.start()
    await newsroom.stop()
    connects, since = newsroom.telegram.stats.connects, newsroom.mark()
    tables["telegram"]["proxy"] = with_login(proxy)
    newsroom.reconfigure(tables)
    monkeypatch.setenv("PROXY_PASSWORD", "another")

    await newsroom.start(signed_in=False)
    for name in ("alice", "bob"):
        waits = await newsroom.hears(PhaseChanged, since=since, session=name, after=Phase.WAITING)
        assert waits.reason.startswith("PROXY_LOGIN_REFUSED: socks5 proxy 127.0.0.1:")
    await newsroom.stop()
    refused = newsroom.telegram.stats.connects - connects
    monkeypatch.setenv("PROXY_PASSWORD", LOGIN[1])
    await newsroom.start(signed_in=False)
    await newsroom.pairs_ready()

    assert refused == 0


async def test_a_dead_proxy_is_one_outage_for_those_who_go_through_it(
    newsroom: Newsroom, tables: dict[str, Any], proxy: ProxyServer
) -> None:
    tables["telegram"]["proxy"] = with_login(proxy)
    tables["telegram"]["connects_per_second"] = 1_000.0
    tables["sessions"] = [{"name": f"s{n}", "phone": f"+99966210{n:02d}"} for n in range(MANY)] + [
        {"name": "direct", "phone": "+9996621099", "proxy": {"kind": "direct"}}
    ]
    tables["pairs"] = []
    newsroom.reconfigure(tables)
    warden = await newsroom.start(signed_in=False)
    for one in tables["sessions"]:
        account = newsroom.telegram.add_account(one["name"], phone=one["phone"])
        await warden.session(one["name"]).import_string(newsroom.telegram.mint(account))
        await newsroom.hears(SessionRecovered, session=one["name"])
    since = newsroom.mark()

    await proxy.stop()
    paused = await newsroom.hears(CausePaused, since=since)
    newsroom.telegram.cut(newsroom.account("+9996621099"))
    await newsroom.hears(SessionRecovered, since=since, session="direct")
    await newsroom.hears(PhaseChanged, since=since, after=Phase.WAITING)
    async with asyncio.timeout(30):
        while not (
            said := [
                e.reason
                for e in newsroom.heard[since:]
                if isinstance(e, PhaseChanged) and e.reason.startswith("SHARED_OUTAGE")
            ]
        ):
            await asyncio.sleep(LOOK_EVERY)
    await proxy.start()
    cleared = await newsroom.hears(CauseCleared, since=since)
    for n in range(MANY):
        await newsroom.hears(SessionRecovered, since=since, session=f"s{n}")

    assert paused.cause == cleared.cause == f"socks5 proxy 127.0.0.1:{proxy.port}"
    assert paused.cause in said[0]


async def test_a_block_of_a_script_goes_the_way_of_its_session(
    newsroom: Newsroom, tables: dict[str, Any], proxy: ProxyServer
) -> None:
    await newsroom.start()
    await newsroom.stop()
    tables["sessions"][0]["proxy"] = with_login(proxy)
    newsroom.reconfigure(tables)
    connects = newsroom.telegram.stats.connects

    async with safe_session(newsroom.config, "alice", server=newsroom.server) as alice:
        await alice.call(functions.help.GetConfigRequest())
    proxy.trouble = "PROXY_NO_WAY"
    with pytest.raises(TelegramSessionError, match="alice: PROXY_NO_WAY: socks5 proxy"):
        async with safe_session(newsroom.config, "alice", server=newsroom.server):
            raise AssertionError("never reached")

    assert newsroom.telegram.stats.connects - connects == len(proxy.out_ports) == 1


async def test_a_password_that_is_not_there_is_said_at_the_start(
    newsroom: Newsroom, tables: dict[str, Any], proxy: ProxyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PROXY_PASSWORD")
    tables["sessions"][0]["proxy"] = with_login(proxy)
    newsroom.reconfigure(tables)

    with pytest.raises(
        SecretMissingError, match=r"proxy of session alice.password: .* PROXY_PASSWORD is not set"
    ):
        async with Warden(newsroom.config, server=newsroom.server):
            raise AssertionError("never reached")


def of(findings: tuple[Finding, ...], area: str) -> list[Finding]:
    return [one for one in findings if one.area == area]


async def test_a_diagnosis_looks_through_each_proxy_and_shows_no_secret(
    newsroom: Newsroom, tables: dict[str, Any], proxy: ProxyServer, leaks: Any
) -> None:
    async with ProxyServer("http") as other:
        tables["telegram"]["proxy"] = with_login(proxy)
        tables["sessions"][1]["proxy"] = other.table
        newsroom.reconfigure(tables)
        other.trouble = "PROXY_NO_WAY"

        found = await asyncio.to_thread(diagnose, newsroom.config, server=newsroom.server)

        well, ill = of(found.findings, "proxy")
        leaks.see("a diagnosis", str(found) + json.dumps(found.as_json()))
        assert of(found.findings, "network") == []  # nobody goes there directly
        assert (well.level, ill.level) == (Level.OK, Level.PROBLEM)
        assert well.what.startswith(f"data centre reached by socks5 proxy 127.0.0.1:{proxy.port}")
        assert ill.what.startswith(f"http proxy 127.0.0.1:{other.port} does not get to 127.0.0.1:")
        assert ill.steps[0] == "let it connect there, or use another"
        assert LOGIN[0] not in str(found)


async def test_a_diagnosis_tells_of_a_password_that_is_missing(
    newsroom: Newsroom, tables: dict[str, Any], proxy: ProxyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PROXY_PASSWORD")
    tables["telegram"]["proxy"] = with_login(proxy)
    newsroom.reconfigure(tables)

    found = await asyncio.to_thread(diagnose, newsroom.config, server=newsroom.server)

    (one,) = of(found.findings, "proxy")
    assert one.level is Level.PROBLEM
    assert "telegram.proxy.password: environment variable PROXY_PASSWORD is not set" in one.what
