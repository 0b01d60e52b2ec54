"""Clients on the loopback data centre: opening, telling, losing, closing."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from telethon import errors as tgerrors
from telethon import functions, types

from telewarden.errors import (
    SessionStringDamagedError,
    TelegramRateLimitError,
    TelegramSessionError,
)
from telewarden.loopback import (
    AcceptAndClose,
    AcceptAndStaySilent,
    CutConnection,
    Fault,
    Refuse,
    RpcError,
    Silence,
    TransportError,
)
from telewarden.telegram import (
    Action,
    Arrived,
    ErrorClass,
    Gateway,
    LoginFlow,
    Lost,
    OutageLimit,
    ServerAddress,
    WardenSession,
    classify,
)

pytestmark = pytest.mark.telegram

STATE = functions.updates.GetStateRequest


async def test_a_minted_session_opens_and_answers(line: Any) -> None:
    client = await line.open(line.alice)

    assert client.user_id == line.alice.id
    assert client.alive
    assert await client.probe() < 5.0


async def test_a_message_in_a_channel_is_told(line: Any) -> None:
    heard = line.heard()
    await line.open(line.alice, heard)

    posted = line.tg.post(line.news, "hello", author=line.bob)

    (arrived,) = await heard.until(Arrived)
    assert arrived.message.chat == line.news.peer_id
    assert (arrived.message.id, arrived.message.text) == (posted.id, "hello")
    assert "hello" not in repr(arrived)


async def test_messages_are_told_in_order(line: Any) -> None:
    heard = line.heard()
    await line.open(line.alice, heard)

    for number in range(50):
        line.tg.post(line.news, str(number), author=line.bob)

    told = await heard.until(Arrived, 50)
    assert [one.message.text for one in told] == [str(number) for number in range(50)]


async def test_a_second_opening_closes_the_first(line: Any) -> None:
    session, heard = line.session(line.alice), line.heard()
    first = await line.open(line.alice, heard, session=session)

    second = await line.open(line.alice, session=session)

    assert await second.probe() >= 0
    assert not first.alive
    assert heard.of(Lost) == [Lost(None)]
    assert len(line.tg.connections(line.alice)) == 1
    assert line.tg.stats.duplicate_keys == 0


async def test_one_key_under_two_names_has_one_connection(line: Any) -> None:
    string = line.tg.mint(line.alice)

    await asyncio.gather(
        *(
            line.gateway.open(name, WardenSession.from_string(string), line.heard())
            for name in ("one", "two", "three")
        )
    )

    assert len(line.gateway.clients) == 1
    assert len(line.tg.connections(line.alice)) == 1
    assert line.tg.stats.duplicate_keys == 0
    assert await line.gateway.clients[0].probe() >= 0


async def test_a_cut_line_is_told_once_with_its_cause(line: Any) -> None:
    heard = line.heard()
    client = await line.open(line.alice, heard)

    line.tg.cut(line.alice)

    (lost,) = await heard.until(Lost)
    assert classify(lost.reason).kind is ErrorClass.NET
    assert await client.disconnected is lost.reason
    assert not client.alive
    with pytest.raises(ConnectionError):
        await client.call(STATE())


async def test_a_call_under_way_fails_when_the_line_is_cut(line: Any) -> None:
    client = await line.open(line.alice)
    line.tg.faults.add(Fault(method="updates.getState", action=CutConnection()))

    with pytest.raises(ConnectionError) as caught:
        await client.call(STATE())

    assert classify(caught.value).kind is ErrorClass.NET


async def test_a_cancelled_or_late_call_leaves_nothing_behind(line: Any) -> None:
    client = await line.open(line.alice)
    line.tg.faults.add(Fault(method="updates.getState", action=Silence()))

    with pytest.raises(TimeoutError, match="GetStateRequest"):
        await client.call(STATE(), deadline=0.05)
    task = asyncio.create_task(client.call(STATE()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    sender = client._wire._sender
    assert not [one for one in sender._pending_state.values() if isinstance(one.request, STATE)]
    assert not sender._send_queue._deque


async def test_nothing_is_retried_or_slept_over(line: Any) -> None:
    client = await line.open(line.alice)
    for text in ("FLOOD_WAIT_3", "RPC_CALL_FAIL", "RANDOM_ID_DUPLICATE", "USER_MIGRATE_4"):
        line.tg.faults.add(Fault(method="updates.getState", action=RpcError(text, 500), times=1))
    before = line.tg.stats.calls["updates.getState"]

    for kind in (ErrorClass.FLOOD, ErrorClass.SRV, ErrorClass.DELIVERED, ErrorClass.INTERNAL):
        with pytest.raises(tgerrors.RPCError) as caught:
            await client.call(STATE(), deadline=2.0)
        assert classify(caught.value).kind is kind

    assert await client.probe(deadline=2.0) >= 0  # no flood is remembered against the method
    assert line.tg.stats.calls["updates.getState"] == before + 5


@pytest.mark.parametrize(
    ("action", "kind"),
    [
        (Refuse(), ErrorClass.NET),
        (AcceptAndClose(), ErrorClass.NET),
        (AcceptAndStaySilent(), ErrorClass.NET),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_a_bad_door_is_one_try_and_the_true_error(
    line: Any, action: Any, kind: ErrorClass
) -> None:
    session = line.session(line.alice)
    rule = line.tg.faults.add(Fault(action=action))

    with pytest.raises(OSError) as caught:
        await line.gateway.open("alice", session, line.heard(), deadline=0.5)

    assert classify(caught.value).kind is kind
    assert rule.struck <= 1
    assert line.gateway.clients == ()
    line.tg.faults.remove(rule)
    assert (await line.open(line.alice, session=session)).alive


@pytest.mark.parametrize(
    ("action", "kind", "latched"),
    [
        (RpcError("AUTH_KEY_UNREGISTERED", 401), ErrorClass.REVOKED, True),
        (RpcError("SESSION_REVOKED", 401), ErrorClass.REVOKED, True),
        (RpcError("USER_DEACTIVATED_BAN", 401), ErrorClass.BANNED, True),
        (RpcError("AUTH_KEY_DUPLICATED", 406), ErrorClass.DUP, True),
        (RpcError("FLOOD_WAIT_30", 420), ErrorClass.FLOOD, False),
        (RpcError("No workers running", -500), ErrorClass.SRV, False),
        (TransportError(-404), ErrorClass.LOGIN, False),
        (TransportError(-404, raw=True), ErrorClass.LOGIN, False),
        (TransportError(-429), ErrorClass.FLOOD, False),
        (TransportError(-429, raw=True), ErrorClass.FLOOD, False),
        (CutConnection(), ErrorClass.NET, False),
    ],
    ids=str,
)
async def test_opening_raises_the_true_error_and_leaves_nothing_open(
    line: Any, action: Any, kind: ErrorClass, latched: bool
) -> None:
    heard = line.heard()
    line.tg.faults.add(Fault(method="updates.getState", action=action, times=1))

    with pytest.raises(Exception) as caught:
        await line.open(line.alice, heard)

    verdict = classify(caught.value)
    assert (verdict.kind, verdict.latches_key) == (kind, latched)
    assert heard.told == []
    assert line.gateway.clients == ()


async def test_a_revoked_session_is_told_by_the_probe(line: Any) -> None:
    heard = line.heard()
    client = await line.open(line.alice, heard)

    line.tg.revoke(line.alice)

    with pytest.raises((tgerrors.RPCError, ConnectionError)):
        await client.probe()
    (lost,) = await heard.until(Lost)
    assert classify(lost.reason).kind is ErrorClass.REVOKED


async def test_two_gateways_on_one_key_are_noticed_as_telegram_does(line: Any) -> None:
    session = line.session(line.alice)
    await line.open(line.alice, session=session)
    other = line.make_gateway()

    with pytest.raises(tgerrors.RPCError) as caught:
        await other.open("copy", WardenSession.from_string(session.to_string()), line.heard())

    assert line.tg.stats.duplicate_keys == 1
    assert classify(caught.value).kind is ErrorClass.DUP


async def test_what_was_missed_comes_after_the_next_opening(line: Any) -> None:
    session, heard = line.session(line.alice), line.heard()
    await line.open(line.alice, heard, session=session)
    line.tg.post(line.news, "one", author=line.bob)
    await heard.until(Arrived)
    await line.gateway.close("alice")
    line.tg.post(line.news, "two", author=line.bob)

    later = line.heard()
    await line.open(line.alice, later, session=session)

    (arrived,) = await later.until(Arrived)
    assert arrived.message.text == "two"


async def test_what_was_missed_comes_after_a_restart_from_the_journal(line: Any) -> None:
    session, heard = line.session(line.alice), line.heard()
    await line.open(line.alice, heard, session=session)
    line.tg.post(line.news, "one", author=line.bob)
    await heard.until(Arrived)
    changes = session.take_changes()
    assert changes is not None
    await line.gateway.close("alice")
    line.tg.post(line.news, "two", author=line.bob)

    restored = WardenSession.from_string(changes.string or session.to_string())
    restored.load_states({at: one for at, one in changes.states.items() if one is not None})
    restored.load_entities(changes.entities)
    restored.user_id = changes.user_id
    later = line.heard()
    await line.open(line.alice, later, session=restored)

    (arrived,) = await later.until(Arrived)
    assert arrived.message.text == "two"


async def test_a_known_session_opens_in_one_round_trip(line: Any) -> None:
    session = line.session(line.alice)
    await line.open(line.alice, session=session)
    await line.gateway.close("alice")
    before = sum(line.tg.stats.calls.values())

    await line.open(line.alice, session=session)

    calls = sum(line.tg.stats.calls.values()) - before
    assert calls <= 2  # getState inside initConnection, and perhaps already getDifference


@pytest.mark.crashes(logged="listener failed session=alice")
async def test_a_listener_that_raises_does_not_stop_updates(
    line: Any, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[Any] = []

    def listener(told: Any) -> None:
        seen.append(told)
        raise RuntimeError("no")

    client = await line.gateway.open("alice", line.session(line.alice), listener)
    for text in ("one", "two"):
        line.tg.post(line.news, text, author=line.bob)
    async with asyncio.timeout(30):
        while len(seen) < 2:
            await client.probe()

    assert "listener failed" in caplog.text


async def test_cancelling_an_opening_leaves_no_connection(line: Any) -> None:
    line.tg.faults.add(Fault(method="updates.getState", action=Silence()))

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await line.open(line.alice)

    assert line.gateway.clients == ()
    assert line.tg.connections(line.alice) == []


async def test_a_deaf_server_is_cut_off_at_the_deadline(line: Any) -> None:
    client = await line.open(line.alice)

    assert await client.close(deadline=5.0)
    assert await client.close(deadline=5.0)  # again is harmless


def test_no_repr_tells_a_secret() -> None:

    server = ServerAddress(dc_id=2, host="127.0.0.1", port=1, pem=None)
    assert "sesame" not in repr(Gateway(7, "sesame", server=server))


async def test_sending_a_message_to_a_channel(line: Any) -> None:
    client = await line.open(line.bob)
    await client.learn_chats()

    request = functions.messages.SendMessageRequest(
        peer=client.peer(line.news.peer_id), message="hi", random_id=5
    )
    await client.call(request)
    with pytest.raises(tgerrors.RPCError) as caught:
        await client.call(request)

    assert classify(caught.value).kind is ErrorClass.DELIVERED
    assert line.news.texts == ["hi"]
    assert isinstance(client.peer(line.bob.id), types.InputPeerSelf)


async def test_a_session_without_key_is_refused_before_any_packet(line: Any) -> None:
    with pytest.raises(SessionStringDamagedError, match="no key"):
        await line.gateway.open("alice", WardenSession(), line.heard())

    assert line.tg.connections() == []


async def test_an_address_that_is_crowded_is_left_alone(line: Any) -> None:
    line.tg.faults.add(Fault(method="updates.getState", action=TransportError(-429), times=1))
    with pytest.raises(BufferError):
        await line.open(line.alice)
    connects = line.tg.stats.connects

    with pytest.raises(TelegramRateLimitError) as caught:
        await line.open(line.bob)

    verdict = classify(caught.value)
    assert (verdict.kind, verdict.action) == (ErrorClass.FLOOD, Action.COOL_ADDRESS)
    assert 0 < (verdict.wait or 0) <= 300
    assert line.tg.stats.connects == connects


async def test_when_telegram_counts_too_many_from_here_no_address_of_it_is_tried(
    line: Any,
) -> None:
    client = await line.open(line.alice)
    elsewhere = line.session(line.bob)
    elsewhere.set_dc(4, "127.0.0.2", line.tg.port)
    line.tg.faults.add(Fault(method="updates.getState", action=TransportError(-429), times=1))
    with pytest.raises(BufferError):
        await client.probe()
    await client.disconnected

    with pytest.raises(TelegramRateLimitError, match="takes no more connections from this host"):
        await line.open(line.bob, session=elsewhere)


async def test_closing_everything_ends_a_login_under_way(line: Any) -> None:
    flow = LoginFlow(line.gateway)
    await flow.start_code(line.alice.phone)

    await line.gateway.close_all()

    with pytest.raises(TelegramSessionError):
        await flow.submit_code("22222")
    await flow.close()


async def test_a_try_that_is_cancelled_does_not_end_an_outage(line: Any) -> None:
    gateway = line.make_gateway(outage_limit=OutageLimit(sessions=1))
    rule = line.tg.faults.add(Fault(method="connect", action=AcceptAndClose()))
    with pytest.raises((OSError, EOFError)):
        await gateway.open("alice", line.session(line.alice), line.heard())
    line.tg.faults.remove(rule)
    line.tg.faults.add(Fault(method="connect", action=AcceptAndStaySilent()))
    looking = asyncio.ensure_future(gateway.open("alice", line.session(line.alice), line.heard()))
    async with asyncio.timeout(30):
        while line.tg.stats.connects < 2:
            await asyncio.sleep(0.005)

    looking.cancel()
    await asyncio.wait({looking})

    with pytest.raises(TelegramSessionError, match="no packet was sent"):
        await gateway.open("bob", line.session(line.bob), line.heard())
    assert line.tg.stats.connects == 2
