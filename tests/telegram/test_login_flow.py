"""Logging in by code, with the cloud password, by QR, and across data centres."""

from __future__ import annotations

import base64
import time
import traceback
from collections.abc import AsyncIterator
from typing import Any

import pytest
from telethon import functions

from telewarden.errors import TelegramAuthError, TelegramRateLimitError, TelegramSessionError
from telewarden.loopback import CutConnection, Fault, LoopbackTelegram, ManualClock, RpcError
from telewarden.telegram import (
    CodeInfo,
    Gateway,
    LoggedIn,
    LoginFlow,
    PasswordNeeded,
    QrToken,
    ServerAddress,
    classify,
)

pytestmark = pytest.mark.telegram

CODE, PASSWORD = "22222", "open sesame"
WRONG_CODE, WRONG_PASSWORD = "31415", "open barley"


@pytest.fixture
def safe(line: Any) -> Any:
    """An account with a cloud password."""
    return line.tg.add_account("safe", phone="+9996620009", password=PASSWORD, hint="cave")


@pytest.fixture
async def flow(line: Any) -> AsyncIterator[LoginFlow]:
    """A login that is closed whatever happens."""
    async with LoginFlow(line.gateway, name="newcomer") as flow:
        yield flow


async def accept(line: Any, account: Any, shown: Any) -> None:
    """Scan a QR code with a device that is logged in."""
    assert isinstance(shown, QrToken)
    text = shown.url.partition("token=")[2]
    token = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    phone = await line.gateway.open("scanner", line.session(account), line.heard())
    await phone.call(functions.auth.AcceptLoginTokenRequest(token))


async def test_a_code_logs_in_and_the_session_opens(line: Any, flow: LoginFlow) -> None:
    sent = await flow.start_code(line.alice.phone)
    assert isinstance(sent, CodeInfo)
    assert sent.length == len(CODE)

    done = await flow.submit_code(f" {line.tg.sent_code(line.alice.phone)} ")

    assert isinstance(done, LoggedIn)
    assert (done.user_id, done.first_name) == (line.alice.id, "alice")
    client = await line.open(line.alice, session=done.session)
    assert await client.probe() >= 0
    assert len(line.tg.connections(line.alice)) == 1
    assert line.tg.stats.duplicate_keys == 0


async def test_a_cloud_password_is_asked_for_and_taken(
    line: Any, safe: Any, flow: LoginFlow
) -> None:
    await flow.start_code(safe.phone)

    asked = await flow.submit_code(CODE)
    assert asked == PasswordNeeded(hint="cave")
    done = await flow.submit_password(PASSWORD)

    assert done.user_id == safe.id
    assert (await line.open(safe, session=done.session)).user_id == safe.id


async def test_wrong_code_and_password_can_be_corrected_in_the_same_flow(
    safe: Any, flow: LoginFlow
) -> None:
    await flow.start_code(safe.phone)

    with pytest.raises(TelegramAuthError) as wrong_code:
        await flow.submit_code(WRONG_CODE)
    await flow.submit_code(CODE)
    with pytest.raises(TelegramAuthError) as wrong_password:
        await flow.submit_password(WRONG_PASSWORD)
    done = await flow.submit_password(PASSWORD)

    assert (wrong_code.value.kind, wrong_code.value.action) == ("login", "ask_code")
    assert (wrong_password.value.kind, wrong_password.value.name) == (
        "two_fa",
        "PASSWORD_HASH_INVALID",
    )
    assert done.user_id == safe.id


async def test_stale_password_parameters_are_fetched_once_more(
    line: Any, safe: Any, flow: LoginFlow
) -> None:
    await flow.start_code(safe.phone)
    await flow.submit_code(CODE)
    line.tg.faults.add(
        Fault(method="auth.checkPassword", action=RpcError("SRP_ID_INVALID"), times=1)
    )

    assert (await flow.submit_password(PASSWORD)).user_id == safe.id


async def test_a_resent_code_replaces_the_first(line: Any) -> None:
    clock = ManualClock()
    async with LoginFlow(line.gateway, clock=clock) as flow:
        first = await flow.start_code(line.alice.phone)
        clock.advance(60.0)
        again = await flow.resend_code()

        assert isinstance(first, CodeInfo)
        assert isinstance(again, CodeInfo)
        assert (first.kind, first.next_kind, first.resend_after) == ("app", "sms", 60.0)
        assert (again.kind, again.next_kind) == ("sms", "call")
        assert isinstance(await flow.submit_code(CODE), LoggedIn)


async def test_a_code_is_not_sent_again_before_its_time(line: Any) -> None:
    clock = ManualClock()
    async with LoginFlow(line.gateway, name="newcomer", clock=clock) as flow:
        await flow.start_code(line.alice.phone)
        clock.advance(59.0)
        with pytest.raises(TelegramRateLimitError, match=r"newcomer: .* sms, .* in 1 s") as early:
            await flow.resend_code()
        clock.advance(1.0)
        await flow.resend_code()
        with pytest.raises(TelegramRateLimitError, match=r"by call, .* in 60 s"):
            await flow.resend_code()  # each way has a time of its own

    assert (early.value.wait, early.value.deadline) == (1.0, clock())
    assert early.value.action == "park_action"
    assert line.tg.stats.calls["auth.resendCode"] == 1


async def test_a_code_is_not_sent_again_when_telegram_has_no_further_way(line: Any) -> None:
    clock = ManualClock()
    async with LoginFlow(line.gateway, clock=clock) as flow:
        await flow.start_code(line.alice.phone)
        for _ in range(2):
            clock.advance(60.0)
            await flow.resend_code()
        clock.advance(3_600.0)

        with pytest.raises(TelegramAuthError, match=r"no further way .* after call; hand in"):
            await flow.resend_code()
        assert isinstance(await flow.submit_code(CODE), LoggedIn)

    assert line.tg.stats.calls["auth.resendCode"] == 2


async def test_a_number_without_account_is_refused_with_advice(line: Any, flow: LoginFlow) -> None:
    await flow.start_code("+9996690000")

    with pytest.raises(TelegramAuthError) as caught:
        await flow.submit_code(CODE)

    assert caught.value.action == "stop_login"


@pytest.mark.parametrize(
    ("text", "error", "action"),
    [
        ("PHONE_NUMBER_BANNED", TelegramAuthError, "freeze"),
        ("PHONE_NUMBER_FLOOD", TelegramRateLimitError, "park_login"),
        ("SEND_CODE_UNAVAILABLE", TelegramRateLimitError, "park_login"),
        ("API_ID_INVALID", TelegramSessionError, "hold_api"),
        ("FLOOD_WAIT_500", TelegramRateLimitError, "park_method"),
    ],
)
@pytest.mark.crashes(logged="api refused", possible=True)
async def test_what_telegram_refuses_comes_as_our_error(
    line: Any, flow: LoginFlow, text: str, error: type[Exception], action: str
) -> None:
    line.tg.faults.add(Fault(method="auth.sendCode", action=RpcError(text), times=1))

    with pytest.raises(error) as caught:
        await flow.start_code(line.alice.phone)

    assert caught.value.action == action
    assert caught.value.session == "newcomer"
    assert line.tg.stats.calls["auth.sendCode"] == 1


async def test_a_restart_asked_by_telegram_is_made(line: Any, flow: LoginFlow) -> None:
    line.tg.faults.add(Fault(method="auth.sendCode", action=RpcError("AUTH_RESTART"), times=2))

    assert isinstance(await flow.start_code(line.alice.phone), CodeInfo)


async def test_no_secret_is_in_errors_reprs_or_logs(
    line: Any, safe: Any, flow: LoginFlow, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", logger="telewarden")
    await flow.start_code(safe.phone)
    with pytest.raises(TelegramAuthError) as caught:
        await flow.submit_code(WRONG_CODE)
    asked = await flow.submit_code(CODE)
    with pytest.raises(TelegramAuthError) as wrong:
        await flow.submit_password(WRONG_PASSWORD)
    done = await flow.submit_password(PASSWORD)

    held = repr({name: value for name, value in vars(flow).items() if name != "_phone"})
    texts = [held, repr(flow), repr(asked), repr(done), caplog.text]
    for error in (caught.value, wrong.value):
        texts += [repr(error), "".join(traceback.format_exception(error))]
        assert error.__cause__ is not None
        assert error.__cause__.request is None  # type: ignore[attr-defined]
    for secret in (WRONG_CODE, WRONG_PASSWORD, PASSWORD, done.string[20:60], safe.phone[1:]):
        assert [text for text in texts if secret in text] == []


async def test_a_scanned_qr_code_logs_in(line: Any, flow: LoginFlow) -> None:
    shown = await flow.start_qr()
    await accept(line, line.alice, shown)

    done = await flow.wait_qr()

    assert isinstance(done, LoggedIn)
    assert done.user_id == line.alice.id
    assert "token" not in repr(shown)


async def test_a_scanned_qr_code_with_a_cloud_password_asks_for_it(
    line: Any, safe: Any, flow: LoginFlow
) -> None:
    await accept(line, safe, await flow.start_qr())

    assert await flow.wait_qr() == PasswordNeeded(hint="cave")
    assert (await flow.submit_password(PASSWORD)).user_id == safe.id


async def test_a_qr_code_stays_the_same_while_it_lives(flow: LoginFlow) -> None:
    shown = await flow.start_qr()

    assert await flow.wait_qr(deadline=0.01) == shown


async def test_a_lost_line_in_a_login_is_our_error(line: Any, flow: LoginFlow) -> None:
    await flow.start_code(line.alice.phone)
    line.tg.faults.add(Fault(method="auth.signIn", action=CutConnection(), times=1))

    with pytest.raises(TelegramSessionError) as caught:
        await flow.submit_code(CODE)

    assert classify(caught.value).kind == "net"


@pytest.fixture
async def abroad(line: Any) -> AsyncIterator[tuple[Any, Any]]:
    """An account that lives in another data centre than the one that is dialled."""
    async with LoopbackTelegram(other_dcs=[4]) as tg:
        account = tg.add_account("carol", phone="+9996640001", dc_id=4, password=PASSWORD)
        server = ServerAddress(dc_id=tg.dc_id, host=tg.host, port=tg.port, pem=tg.pem)
        gateway = line.make_gateway(server=server)
        yield account, (tg, gateway)
        await gateway.close_all()


async def test_a_login_follows_its_account_to_another_data_centre(abroad: Any) -> None:
    carol, (_, gateway) = abroad
    async with LoginFlow(gateway) as flow:
        await flow.start_code(carol.phone)
        await flow.submit_code(CODE)
        done = await flow.submit_password(PASSWORD)

    assert done.session.dc_id == 4
    client = await gateway.open("carol", done.session, lambda _: None)
    assert await client.probe() >= 0


async def test_a_qr_login_follows_its_account_to_another_data_centre(
    line: Any, abroad: Any
) -> None:
    carol, (tg, gateway) = abroad
    async with LoginFlow(gateway) as flow:
        shown = await flow.start_qr()
        line.gateway, line.tg = gateway, tg
        await accept(line, carol, shown)
        assert isinstance(await flow.wait_qr(), PasswordNeeded)
        done = await flow.submit_password(PASSWORD)

    assert (done.user_id, done.session.dc_id) == (carol.id, 4)


@pytest.mark.parametrize("ahead", [-300.0, 60.0])
async def test_a_qr_code_lives_by_telegrams_clock_whatever_this_hosts_says(ahead: float) -> None:
    def wall() -> float:
        return time.time() - ahead

    async with LoopbackTelegram(clock=wall, wall=wall) as telegram:
        telegram.trust()
        dc_id, host, port = telegram.address
        gateway = Gateway(1, "hash", server=ServerAddress(dc_id=dc_id, host=host, port=port))
        async with LoginFlow(gateway) as flow:
            token = await flow.start_qr()
            again = await flow.wait_qr(deadline=0.01)
        await gateway.close_all()

    assert isinstance(token, QrToken)
    assert again == token
    assert 5 <= token.expires.timestamp() - time.time() <= 31
    assert telegram.stats.calls["auth.exportLoginToken"] == 1
