"""Through an MTProxy of each kind: every byte, or none; and no word of its secret."""

from __future__ import annotations

import asyncio
import base64
import sys
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from telethon import TelegramClient, functions
from telethon.network import ConnectionTcpMTProxyIntermediate
from telethon.network import ConnectionTcpMTProxyRandomizedIntermediate as Randomized
from telethon.sessions import StringSession

from telewarden.loopback import Fault, LoopbackMtproxy, LoopbackTelegram, TransportError
from telewarden.telegram import (
    BadSecretError,
    Deadlines,
    ErrorClass,
    LoginFlow,
    MtproxySecret,
    Proxies,
    Proxy,
    ProxyKind,
    classify,
)
from telewarden.telegram.mtproxy.faketls import Records, greeting, records
from telewarden.telegram.mtproxy.obfuscation import ObfuscatedStream

from .conftest import Line

pytestmark = pytest.mark.telegram

KEY = "00112233445566778899aabbccddeeff"
OTHER = "ff" + KEY[2:]
SITE = "www.example.org"
TLS = f"ee{KEY}{SITE.encode().hex()}"
SECRETS = {"plain": KEY, "padded": f"dd{KEY}", "tls": TLS}
each_secret = pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS)


@pytest.fixture
async def server(line: Line, secret: str, leaks: Any) -> AsyncIterator[LoopbackMtproxy]:
    leaks.keep("an MTProxy's secret", KEY)
    async with LoopbackMtproxy(addresses(line.tg), secret) as server:
        yield server


def addresses(telegram: LoopbackTelegram) -> dict[int, tuple[str, int]]:
    return {dc: (telegram.host, port) for dc, port in telegram.ports.items()}


def proxy_of(server: LoopbackMtproxy, secret: str | None = None) -> Proxy:
    return Proxy(
        kind=ProxyKind.MTPROTO,
        host="127.0.0.1",
        port=server.port,
        secret=MtproxySecret.parse(secret or server.secret),
    )


# The way


@each_secret
async def test_a_session_works_through_it(line: Line, server: LoopbackMtproxy) -> None:
    line.gateway = line.make_gateway(proxies=Proxies(default=Proxy.of_link(server.link)))
    heard = line.heard()

    alice = await line.open(line.alice, heard)
    for _ in range(50):  # frames of every length between two bounds
        await alice.call(functions.help.GetConfigRequest())
    line.tg.post(line.news, "long " * 700, author=line.bob)
    await asyncio.wait_for(_came(heard), 20)
    await alice.close()

    assert (server.accepted, server.refused, server.wanted) == (1, 0, [2])
    assert line.tg.stats.connects == 1


async def _came(heard: Any) -> None:
    while not heard.told:
        await asyncio.sleep(0)


@each_secret
async def test_a_key_is_agreed_upon_through_it_also_with_another_data_centre(secret: str) -> None:
    async with LoopbackTelegram(other_dcs=(4,)) as telegram:
        far = telegram.add_account("far", phone="+9996640001", dc_id=4)
        async with LoopbackMtproxy(addresses(telegram), secret) as server:
            gateway = Line(telegram).make_gateway(proxies=Proxies(default=proxy_of(server)))
            async with LoginFlow(gateway, name="far") as flow:
                await flow.start_code(far.phone)
                entered: Any = await flow.submit_code(telegram.sent_code(far.phone) or "")
            await gateway.close_all()

            assert entered.user_id == far.id
            assert server.wanted == [2, 4]
            assert telegram.stats.connects == 2


@each_secret
async def test_what_telethon_connects_to_itself_goes_through_it_too(secret: str) -> None:
    async with (
        LoopbackTelegram(other_dcs=(4,)) as telegram,
        LoopbackMtproxy(addresses(telegram), secret) as server,
    ):
        there = Line(telegram)
        there.gateway = there.make_gateway(proxies=Proxies(default=proxy_of(server)))
        alice = await there.open(there.alice)

        sender = await alice._wire._create_exported_sender(4)
        await alice._wire._call(sender, functions.help.GetConfigRequest())
        await sender.disconnect()
        await there.gateway.close_all()

        assert server.wanted == [2, 4]


@pytest.mark.parametrize(
    ("secret", "connection"),
    [(KEY, ConnectionTcpMTProxyIntermediate), (f"dd{KEY}", Randomized)],
    ids=["plain", "padded"],
)
async def test_the_proxy_is_one_that_telethon_itself_gets_through(
    line: Line, secret: str, connection: type
) -> None:
    """What Telethon 1.45 can do; to a secret that looks like TLS it has no connection."""
    async with LoopbackMtproxy(addresses(line.tg), secret, padding=3) as server:
        session = StringSession(line.tg.mint(line.alice))
        proxy = ("127.0.0.1", server.port, secret)
        client: Any = TelegramClient(session, 1, "any", connection=connection, proxy=proxy)
        await client.connect()
        me = await client.get_me()
        await client.disconnect()

    assert me.id == line.alice.id
    assert server.wanted == [2]


REAL = """\
import asyncio, sys
from mtproxy.config import Config
from mtproxy.mtproto import DataCenter
from mtproxy.proxy.connection_handler import ConnectionHandler
from mtproxy.utils import User

asyncio.streams.IncompleteReadError = asyncio.IncompleteReadError  # its name until Python 3.10
port, secret, secure = int(sys.argv[1]), sys.argv[2], sys.argv[3] == "dd"
DataCenter.IPV4, DataCenter.PORT = ["127.0.0.1"] * 5, port
config = Config(
    fast_mode=False, prefer_ipv6=False, secure_only=secure, client_handshake_timeout=10,
    client_keepalive=600, client_ack_timeout=300, server_connect_timeout=10,
    to_client_buffer_size=131072, to_server_buffer_size=65536, block_mode=True,
    reply_check_length=100,
)
config.users = [User("one", secret)]

async def main():
    meet = lambda reader, writer: ConnectionHandler.create(reader, writer, config=config)
    server = await asyncio.start_server(meet, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()

asyncio.run(main())
"""


@pytest.mark.parametrize("kind", ["", "dd"], ids=["plain", "padded"])
async def test_a_session_and_a_login_go_through_a_proxy_that_others_wrote(
    line: Line, kind: str
) -> None:
    """PyPI's ``mtproxy``; of those that look like TLS there is none to install."""
    async with LoopbackMtproxy(addresses(line.tg), "") as obfuscated:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-W", "ignore", "-c", REAL, str(obfuscated.port), KEY, kind),
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdout is not None
        try:
            port = int(await asyncio.wait_for(process.stdout.readline(), 20))
            proxy = Proxy.of_link(f"tg://proxy?server=127.0.0.1&port={port}&secret={kind}{KEY}")
            line.gateway = line.make_gateway(proxies=Proxies(default=proxy))
            alice = await line.open(line.alice)
            await alice.call(functions.help.GetConfigRequest())
            async with LoginFlow(line.gateway, name="bob") as flow:
                await flow.start_code(line.bob.phone)
                entered: Any = await flow.submit_code(line.tg.sent_code(line.bob.phone) or "")
            await line.gateway.close_all()
        finally:
            process.kill()
            await process.communicate()

    assert entered.user_id == line.bob.id
    assert obfuscated.accepted == line.tg.stats.connects == 2


@each_secret
@pytest.mark.parametrize("code", [-404, -429])
async def test_a_code_of_telegrams_is_read_through_it_as_without_it(
    line: Line, server: LoopbackMtproxy, code: int
) -> None:
    said = []
    for proxy in (None, proxy_of(server)):
        gateway = line.make_gateway(proxies=Proxies(default=proxy))
        line.tg.faults.add(Fault(method="*", times=1, action=TransportError(code)))
        with pytest.raises(Exception) as caught:
            await gateway.open("alice", line.session(line.alice), line.heard())
        said.append((type(caught.value), classify(caught.value)))
        await gateway.close_all()

    assert said[0] == said[1]


# Never past it


@each_secret
@pytest.mark.parametrize("wrong", ["key", "kind"])
async def test_with_another_secret_nothing_gets_through_and_nothing_goes_directly(
    line: Line, server: LoopbackMtproxy, secret: str, wrong: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("telewarden.telegram.mtproto.sender.CONNECT_WITHIN", 2.0)
    given = secret.replace(KEY, OTHER)
    if wrong == "kind":
        given = KEY if secret != KEY else f"ee{KEY}{SITE.encode().hex()}"
    proxy = proxy_of(server, given)
    line.gateway = line.make_gateway(
        proxies=Proxies(default=proxy), deadlines=Deadlines(connect=2.0)
    )

    with pytest.raises(ConnectionError) as caught:
        await line.open(line.alice)

    verdict = classify(caught.value)
    assert verdict.kind is ErrorClass.NET
    assert verdict.name.startswith("PROXY_")
    assert f"mtproto proxy 127.0.0.1:{server.port}" in verdict.advice
    assert server.accepted == line.tg.stats.connects == 0
    assert KEY not in repr(proxy) + str(proxy) + str(caught.value) + repr(proxy.secret)


@pytest.mark.parametrize("secret", [TLS])
@pytest.mark.parametrize("wrong", ["key", "domain", "clock"])
async def test_a_greeting_without_a_proof_is_named(
    line: Line, server: LoopbackMtproxy, wrong: str
) -> None:
    domain = "elsewhere.example" if wrong == "domain" else SITE
    given = f"ee{OTHER if wrong == 'key' else KEY}{domain.encode().hex()}"
    if wrong == "clock":
        server._wall = lambda: time.time() + 3600

    with pytest.raises(ConnectionError, match="does not prove that it knows the secret") as caught:
        await proxy_of(server, given).connect("127.0.0.1", 443, timeout=5)

    assert classify(caught.value).name == "PROXY_SECRET_REFUSED"
    assert server.refused == 1


@pytest.mark.parametrize("answer", ["a site's", "the same again"])
async def test_a_site_that_answers_as_tls_does_is_not_taken_for_the_proxy(answer: str) -> None:
    said: list[bytes] = []

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        hello = await reader.readexactly(517)
        said.append(hello)
        random = hello[11:43] if answer == "the same again" else bytes(32)
        body = b"\x02\x00\x00\x26\x03\x03" + random + b"\x00\x13\x01\x00"
        records_ = b"\x16\x03\x03" + len(body).to_bytes(2, "big") + body
        writer.write(records_ + b"\x14\x03\x03\x00\x01\x01" + b"\x17\x03\x03\x00\x01\x00")
        said.append(await reader.read())
        writer.close()

    async with await asyncio.start_server(meet, "127.0.0.1", 0) as site:
        port = site.sockets[0].getsockname()[1]
        proxy = Proxy.of_link(f"tg://proxy?server=127.0.0.1&port={port}&secret={TLS}")
        with pytest.raises(ConnectionError, match="does not prove that it knows the secret"):
            await proxy.connect("127.0.0.1", 443, timeout=5)
        async with asyncio.timeout(20):
            while len(said) < 2:
                await asyncio.sleep(0)

    assert said[1] == b""  # nothing of Telegram's


@each_secret
async def test_a_line_that_the_proxy_ends_is_the_proxys_and_comes_back(
    line: Line, server: LoopbackMtproxy
) -> None:
    line.gateway = line.make_gateway(proxies=Proxies(default=proxy_of(server)))
    session = line.session(line.alice)
    alice = await line.open(line.alice, session=session)
    server.cut()
    await asyncio.wait_for(alice.disconnected, 20)
    await server.stop()

    with pytest.raises(ConnectionError) as caught:
        await line.open(line.alice, session=session)
    await server.start()
    back = await line.open(line.alice, session=session)

    assert classify(caught.value).name == "PROXY_UNREACHABLE"
    assert back.alive
    assert line.tg.stats.connects == server.accepted == 2


# Secrets, links, the stream


@pytest.mark.parametrize(
    ("text", "padded", "domain"),
    [
        (KEY, False, None),
        (KEY.upper(), False, None),
        ("dd" + KEY, True, None),
        (TLS, True, SITE),
        (base64.urlsafe_b64encode(bytes.fromhex(TLS)).decode().rstrip("="), True, SITE),
        (base64.b64encode(bytes.fromhex("dd" + KEY)).decode(), True, None),
        ("dd" + KEY[2:], False, None),  # a plain one that begins with dd
    ],
)
def test_a_secret_is_read_as_links_write_it(text: str, padded: bool, domain: str | None) -> None:
    secret = MtproxySecret.parse(text)

    assert (secret.padded, secret.domain, len(secret.key)) == (padded, domain, 16)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "dd",
        KEY[:-1],
        KEY[:-2],
        KEY + "00",
        f"ee{KEY}",
        f"ee{KEY}20",
        f"ee{KEY}2e2e",
        "no secret!",
    ],
)
def test_what_is_no_secret_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(BadSecretError) as caught:
        MtproxySecret.parse(text)

    assert len(text) < 3 or text not in str(caught.value)


@pytest.mark.parametrize(
    "link",
    [
        f"tg://proxy?server=proxy.example&port=443&secret={TLS}",
        f"https://t.me/proxy?server=proxy.example&port=443&secret={TLS}",
        f"https://t.me/proxy/?port=443&secret={TLS}&server=proxy.example\n",
    ],
)
def test_a_link_says_all_of_a_proxy(link: str) -> None:
    proxy = Proxy.of_link(link)

    assert str(proxy) == "mtproto proxy proxy.example:443"
    assert proxy.secret == MtproxySecret.parse(TLS)


@pytest.mark.parametrize(
    ("link", "why"),
    [
        (f"tg://socks?server=a&port=1&secret={KEY}", "no link to a proxy"),
        (f"https://t.me.example/proxy?server=a&port=1&secret={KEY}", "no link to a proxy"),
        (f"tg://proxy?port=1&secret={KEY}", "names no server"),
        (f"tg://proxy?server=a&port=0&secret={KEY}", "names no port"),
        (f"tg://proxy?server=a&port=99999&secret={KEY}", "names no port"),
        ("tg://proxy?server=a&port=1", "no MTProxy secret"),
    ],
)
def test_a_link_that_names_no_proxy_is_refused(link: str, why: str) -> None:
    with pytest.raises(BadSecretError, match=why) as caught:
        Proxy.of_link(link)

    assert KEY not in str(caught.value)


def test_a_greeting_is_as_long_as_a_browsers_and_is_never_the_same() -> None:
    secret = MtproxySecret.parse(TLS)
    long = MtproxySecret(secret.key, padded=True, domain=".".join(["a" * 60] * 4))
    one, two, far = greeting(secret), greeting(secret), greeting(long)

    assert len(one) == len(two) == 517
    assert one[11:43] != two[11:43]
    assert SITE.encode() in one
    assert int.from_bytes(far[3:5], "big") == len(far) - 5


def test_records_are_taken_apart_wherever_they_are_cut() -> None:
    data = bytes(range(256)) * 300
    sent, taken = records(data, first=True), Records()

    found = b"".join(taken.feed(sent[at : at + 7]) for at in range(0, len(sent), 7))

    assert found == data
    assert sent.startswith(b"\x14\x03\x03\x00\x01\x01\x17\x03\x03\x40\x00")


def test_a_stream_never_begins_as_another_protocol_does() -> None:
    starts = iter([b"GET " + bytes(60), b"\xef" + bytes(63), b"abcd" + bytes(60), bytes(range(64))])

    begun = ObfuscatedStream(MtproxySecret(bytes(16)), 2, entropy=lambda _: next(starts)).begin()

    assert begun[:56] == bytes(range(56))
