"""Faults on request: each kind, seen from stock Telethon; rules by method, account and count."""

from __future__ import annotations

import asyncio

import pytest
from telethon import errors, functions

from telewarden.loopback import (
    AcceptAndClose,
    AcceptAndStaySilent,
    BadChecksum,
    BadMessage,
    BadMsgKey,
    BadSalt,
    CutConnection,
    Delay,
    Fault,
    FloodWait,
    Noise,
    Refuse,
    RpcError,
    Silence,
    StallReading,
    StallWriting,
    TransportError,
    VoidKey,
)

pytestmark = pytest.mark.loopback

STATE = functions.updates.GetStateRequest
SHORT = 0.15  # seconds after which an answer that should not come has not come


async def ask(client) -> object:
    """A raw question, past everything that Telethon does about errors."""
    async with asyncio.timeout(30):
        return await client._sender.send(STATE())


async def gets_no_answer(client) -> bool:
    try:
        async with asyncio.timeout(SHORT):
            await client._sender.send(STATE())
    except TimeoutError:
        return True
    return False


def getstate(action: object, **more: object) -> Fault:
    return Fault(method="updates.getState", action=action, **more)


@pytest.mark.parametrize(
    ("text", "error", "code"),
    [
        ("FLOOD_WAIT_3", errors.FloodWaitError, 420),
        ("SLOWMODE_WAIT_7", errors.SlowModeWaitError, 420),
        ("RPC_CALL_FAIL", errors.RpcCallFailError, 500),
        ("AUTH_KEY_DUPLICATED", errors.AuthKeyDuplicatedError, 406),
        ("SESSION_REVOKED", errors.SessionRevokedError, 401),
        ("USER_DEACTIVATED_BAN", errors.UserDeactivatedBanError, 401),
        ("CHANNEL_PRIVATE", errors.ChannelPrivateError, 400),
        ("CHAT_WRITE_FORBIDDEN", errors.ChatWriteForbiddenError, 403),
        ("ALLOW_PAYMENT_REQUIRED_5", errors.ForbiddenError, 403),
        ("SOMETHING_NEW", errors.BadRequestError, 400),
    ],
)
async def test_any_error_can_be_asked_for_by_its_text(
    tg, alice, loopback_client, text, error, code
):
    client = await loopback_client(alice)
    tg.faults.add(getstate(RpcError(text), times=1))

    with pytest.raises(error) as caught:
        await ask(client)

    assert caught.value.code == code
    await ask(client)


async def test_a_rule_strikes_one_account_so_often_and_after_so_many(
    tg, alice, bob, loopback_client
):
    client, other = await loopback_client(alice), await loopback_client(bob)
    rule = tg.faults.add(
        Fault(method="updates.*", account=alice, times=2, after=1, action=RpcError("TIMEOUT"))
    )

    outcomes = []
    for _ in range(5):
        await ask(other)
        try:
            await ask(client)
            outcomes.append("ok")
        except errors.TimedOutError:
            outcomes.append("struck")

    assert outcomes == ["ok", "struck", "struck", "ok", "ok"]
    assert (rule.seen, rule.struck) == (5, 2)
    assert tg.stats.faults == {"rpc_error": 2}


async def test_a_rule_that_is_removed_strikes_no_more(tg, alice, loopback_client):
    client = await loopback_client(alice)
    rule = tg.faults.add(getstate(RpcError("TIMEOUT")))
    with pytest.raises(errors.TimedOutError):
        await ask(client)

    assert tg.faults.remove(rule)

    await ask(client)
    assert not tg.faults.remove(rule)


async def test_an_error_after_the_deed_has_done_the_deed(tg, alice, loopback_client):
    news = tg.add_channel("News", owner=alice)
    client = await loopback_client(alice)
    await client.get_dialogs()
    peer = await client.get_input_entity(news.peer_id)
    tg.faults.add(
        Fault(method="messages.sendMessage", action=RpcError("CHAT_INVALID", executed=True))
    )

    with pytest.raises(errors.ChatInvalidError):
        await client(functions.messages.SendMessageRequest(peer, "sent all the same"))

    assert news.texts == ["sent all the same"]


@pytest.mark.parametrize(
    "action",
    [
        CutConnection(executed=True),
        Noise(executed=True),
        BadChecksum(executed=True),
        TransportError(-429, executed=True),
    ],
    ids=repr,
)
@pytest.mark.crashes(logged="telethon.network", possible=True)
async def test_an_answer_lost_after_the_deed_makes_its_repeat_a_duplicate(
    tg, alice, loopback_client, action
):
    news = tg.add_channel("News", owner=alice)
    client = await loopback_client(alice, retry_delay=0)
    await client.get_dialogs()
    peer = await client.get_input_entity(news.peer_id)
    tg.faults.add(Fault(method="messages.sendMessage", action=action, times=1))

    with pytest.raises(errors.RandomIdDuplicateError):
        await client._sender.send(functions.messages.SendMessageRequest(peer, "once", random_id=9))

    assert news.texts == ["once"]


@pytest.mark.parametrize(
    "action",
    [Silence(executed=True), BadMsgKey(executed=True), Delay(60, executed=True)],
    ids=repr,
)
async def test_an_answer_that_never_comes_may_have_done_the_deed(
    tg, alice, loopback_client, action
):
    client = await loopback_client(alice)
    tg.faults.add(Fault(method="messages.sendMessage", action=action, times=1))

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(SHORT):
            await client.send_message("me", "done")

    assert [message.text for message in tg.history(alice)] == ["done"]


async def test_a_flood_closes_the_method_and_counts_who_comes_early(timed, clock, connect):
    alice = timed.add_account("Alice")
    client = await connect(timed, alice)
    timed.faults.add(getstate(FloodWait(3), times=1))

    waits = []
    for turn in (0, 1, 1):
        clock.advance(turn)
        with pytest.raises(errors.FloodWaitError) as caught:
            await ask(client)
        waits.append(caught.value.seconds)
    clock.advance(1)

    await ask(client)
    assert waits == [3, 2, 1]
    assert timed.stats.early == 2


async def test_a_delayed_answer_comes_late_and_holds_up_nothing_else(tg, alice, loopback_client):
    client = await loopback_client(alice)
    tg.faults.add(getstate(Delay(SHORT), times=1))
    order = []

    async def late() -> None:
        await ask(client)
        order.append("late")

    waiting = asyncio.create_task(late())
    await asyncio.sleep(0)
    await client.get_me()
    order.append("other")
    await waiting

    assert order == ["other", "late"]


async def test_silence_loses_one_answer_and_no_other(tg, alice, loopback_client):
    client = await loopback_client(alice)
    tg.faults.add(getstate(Silence(), times=1))

    assert await gets_no_answer(client)
    await ask(client)


@pytest.mark.crashes(logged="Automatic reconnection failed")
async def test_a_cut_connection_ends_a_client_that_does_not_reconnect(tg, alice, loopback_client):
    client = await loopback_client(alice, auto_reconnect=False)
    tg.faults.add(getstate(CutConnection(), times=1))

    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await ask(client)
    assert tg.connections(alice) == []


async def test_a_client_that_reconnects_repeats_the_request_after_a_cut(tg, alice, loopback_client):
    client = await loopback_client(alice, retry_delay=0)
    tg.faults.add(getstate(CutConnection(), times=1))

    await ask(client)

    assert tg.stats.connects == 2


@pytest.mark.crashes(logged="Automatic reconnection failed")
async def test_cutting_by_hand_drops_the_accounts_connections(tg, alice, bob, loopback_client):
    client = await loopback_client(alice, auto_reconnect=False)
    await loopback_client(bob)

    assert tg.cut(alice) == 1

    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await client.disconnected
    assert len(tg.connections(bob)) == 1


@pytest.mark.parametrize("action", [BadChecksum(), Noise(), Noise(count=4096)], ids=repr)
@pytest.mark.crashes(logged="telethon.network", possible=True)
async def test_what_is_no_answer_makes_the_client_reconnect_and_repeat(
    tg, alice, loopback_client, action
):
    client = await loopback_client(alice, retry_delay=0)
    tg.faults.add(getstate(action, times=1))

    await ask(client)

    assert tg.stats.connects >= 2  # noise may read as several bad frames, and cost several connects
    assert tg.stats.duplicate_keys == 0


async def test_an_answer_with_a_wrong_msg_key_is_ignored(tg, alice, loopback_client):
    client = await loopback_client(alice)
    tg.faults.add(getstate(BadMsgKey(), times=1))

    assert await gets_no_answer(client)
    await ask(client)
    assert tg.stats.connects == 1


async def test_a_changed_salt_makes_the_client_repeat_with_the_new_one(tg, alice, loopback_client):
    client = await loopback_client(alice)
    tg.faults.add(getstate(BadSalt(), times=1))

    await ask(client)

    assert tg.stats.calls["updates.getState"] == 3  # one at connecting, one refused, one repeated


async def test_a_wrong_salt_is_refused_and_the_request_repeated_once(tg, alice, loopback_client):
    client = await loopback_client(alice)
    client._sender._state.salt = 1

    await client.send_message("me", "once")

    assert client._sender._state.salt == tg.authorizations(alice)[0].salt
    assert [message.text for message in tg.history(alice)] == ["once"]


async def test_a_bad_message_notice_fails_the_request(tg, alice, loopback_client):
    client = await loopback_client(alice)
    tg.faults.add(getstate(BadMessage(64), times=1))

    with pytest.raises(errors.BadMessageError):
        await ask(client)


async def test_transport_404_says_that_the_key_is_unknown(tg, alice, loopback_client):
    client = await loopback_client(alice, auto_reconnect=False)
    tg.faults.add(getstate(TransportError(-404), times=1))

    with pytest.raises(errors.AuthKeyNotFound):
        await ask(client)


async def test_transport_429_makes_the_client_reconnect(tg, alice, loopback_client):
    client = await loopback_client(alice, retry_delay=0)
    tg.faults.add(getstate(TransportError(-429), times=1))

    await ask(client)

    assert tg.stats.connects == 2


async def test_transport_429_without_a_frame_disconnects_it(tg, alice, loopback_client):
    client = await loopback_client(alice)
    tg.faults.add(getstate(TransportError(-429, raw=True), times=1))

    with pytest.raises(errors.InvalidBufferError) as caught:
        await ask(client)
    assert caught.value.code == 429


async def test_a_voided_key_is_dead_for_good(tg, alice, loopback_client):
    client = await loopback_client(alice)
    tg.faults.add(getstate(VoidKey("SESSION_REVOKED"), times=1))

    for _ in range(2):
        with pytest.raises(errors.SessionRevokedError):
            await ask(client)
    assert tg.authorizations(alice) == []


async def test_a_forgotten_key_is_answered_404(tg, alice, loopback_client):
    client = await loopback_client(alice, auto_reconnect=False)
    tg.faults.add(getstate(VoidKey(None), times=1))

    with pytest.raises(errors.AuthKeyNotFound):
        await ask(client)


async def test_revoking_nudges_a_connected_client_to_find_out(tg, alice, connect):
    string = tg.mint(alice)
    first = await connect(tg, string)
    await first.get_me()
    await first.disconnect()
    client = await connect(tg, alice)

    tg.revoke(alice)

    async with asyncio.timeout(30):
        await client.disconnected
    assert isinstance(client._updates_error, errors.SessionRevokedError)


async def test_a_silently_voided_key_is_found_out_by_a_raw_question_only(
    tg, alice, loopback_client
):
    client = await loopback_client(alice)
    tg.void_key(alice, "SESSION_REVOKED")

    assert await client.get_me() is None
    with pytest.raises(errors.SessionRevokedError):
        await ask(client)


async def test_a_dead_key_hears_of_nothing_more(tg, alice, bob, connect):
    string = tg.mint(alice)
    client = await connect(tg, string)
    tg.void_key(alice)
    tg.post(alice, "while connected", author=bob)
    await client.disconnect()
    again = await connect(tg, string)

    tg.post(alice, "after coming back", author=bob)

    assert await again.get_me() is None
    assert tg.stats.pushes == 0


async def test_a_banned_account_hears_so_in_every_answer(tg, alice, loopback_client):
    client = await loopback_client(alice)
    tg.ban(alice)

    with pytest.raises(errors.UserDeactivatedBanError):
        await ask(client)
    tg.unban(alice)
    await ask(client)


async def test_doors_that_open_and_close_in_a_hurry_end_as_they_were_left(tg, alice, connect):
    for _ in range(5):
        tg.faults.remove(tg.faults.add(Fault(action=Refuse())))

    client = await connect(tg, alice)

    assert await client.get_me()


@pytest.mark.usefixtures("telethon_leaks")
async def test_a_port_that_refuses_opens_again_when_the_rule_goes(tg, alice, connect):
    rule = tg.faults.add(Fault(action=Refuse()))
    with pytest.raises(ConnectionError):
        await connect(tg, alice, connection_retries=0, retry_delay=0)

    tg.faults.remove(rule)

    client = await connect(tg, alice)
    assert await client.get_me()


async def test_a_port_that_accepts_and_closes_fails_the_key_exchange(tg, connect):
    tg.faults.add(Fault(action=AcceptAndClose(), times=1))

    with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
        await connect(tg, retry_delay=0)

    assert (await connect(tg)).is_connected()


async def test_a_port_that_accepts_and_stays_silent_hangs_the_client(tg, alice, connect):
    tg.faults.add(Fault(action=AcceptAndStaySilent(), times=1))

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(SHORT):
            await connect(tg, alice)


@pytest.mark.parametrize("step", ["reqPqMulti", "reqDHParams", "setClientDHParams"])
async def test_each_step_of_the_key_exchange_can_be_cut(tg, connect, step):
    tg.faults.add(Fault(method=step, action=CutConnection(reset=True), times=1))

    await connect(tg, retry_delay=0)

    assert tg.stats.connects == 2
    assert tg.stats.keys >= 1  # 1 exchange in 256 fails on Telethon's side and is repeated


@pytest.mark.parametrize("action", [StallReading, StallWriting])
async def test_a_stalled_server_answers_when_it_goes_on(tg, alice, loopback_client, action):
    client = await loopback_client(alice)
    tg.faults.add(getstate(action(SHORT), times=1))

    loop = asyncio.get_running_loop()
    began = loop.time()
    await ask(client)

    assert loop.time() - began >= SHORT * 0.9
    await ask(client)


@pytest.mark.parametrize("action", [StallReading(), StallWriting()], ids=repr)
async def test_a_server_stalled_for_good_answers_nothing_more(tg, alice, loopback_client, action):
    client = await loopback_client(alice)
    tg.faults.add(getstate(action, times=1))

    assert await gets_no_answer(client)
    assert await gets_no_answer(client)


async def test_a_client_that_leaves_a_stalled_connection_is_no_second_owner(tg, alice, connect):
    string = tg.mint(alice)
    client = await connect(tg, string)
    tg.faults.add(getstate(StallReading(), times=1))
    await gets_no_answer(client)
    await client.disconnect()

    again = await connect(tg, string)

    assert await again.get_me()
    assert tg.stats.duplicate_keys == 0


async def test_a_ping_can_go_unanswered(tg, alice, loopback_client):
    client = await loopback_client(alice)
    tg.faults.add(Fault(method="ping", action=Silence(), times=1))

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(SHORT):
            await client._sender.send(functions.PingRequest(1))
    assert (await client._sender.send(functions.PingRequest(2))).ping_id == 2


@pytest.mark.crashes(logged="handler failed method=updates.getState")
async def test_a_bug_in_a_handler_is_an_answer_and_not_a_closed_connection(
    tg, alice, loopback_client, caplog
):
    client = await loopback_client(alice)

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    engine = tg._engine
    engine.handlers = {**engine.handlers, STATE: broken}
    with pytest.raises(errors.ServerError):
        await ask(client)

    assert tg.stats.crashes == 1
    assert len(tg.connections(alice)) == 1


@pytest.mark.parametrize(
    "given", [{"times": 0}, {"after": -1}], ids=["no times at all", "after less than none"]
)
def test_a_rule_that_could_never_strike_is_refused(given):
    with pytest.raises(ValueError, match="Fault"):
        Fault(action=Silence(), **given)
