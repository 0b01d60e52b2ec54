"""Every way in which Telegram sends a login code: what it is, and the step that comes next."""

from __future__ import annotations

import inspect
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from telethon.tl import types

from telewarden.errors import TelegramAuthError, TelegramRateLimitError, TelegramSessionError
from telewarden.loopback import (
    CutConnection,
    Fault,
    LoopbackTelegram,
    ManualClock,
    RpcError,
    ServiceNotice,
)
from telewarden.telegram import (
    CodeInfo,
    CodeStep,
    LoggedIn,
    LoginFlow,
    PasswordNeeded,
    ServerAddress,
)
from telewarden.telegram.login.sent_codes import CODE_WAYS, OPEN, facts_of, money

pytestmark = pytest.mark.telegram

CODE = "22222"
MAIL = "ann@example.org"


@pytest.fixture
async def flow(line: Any) -> AsyncIterator[LoginFlow]:
    async with LoginFlow(line.gateway, name="newcomer") as flow:
        yield flow


def test_every_way_of_the_layer_has_a_row() -> None:
    prefix = "SentCodeType"
    told = {
        name.removeprefix(prefix).lower()
        for name, one in vars(types.auth).items()
        if inspect.isclass(one) and name.startswith(prefix)
    }
    others = {
        name.removeprefix("SentCode").lower()
        for name, one in vars(types.auth).items()
        if inspect.isclass(one) and name.startswith("SentCode") and not name.startswith(prefix)
    }

    assert told <= set(CODE_WAYS)
    assert others == {"", "success", "paymentrequired"}  # a type, no code at all, and
    assert set(CODE_WAYS) - told == {"paymentrequired", "emailsetup"}


WAYS = [
    ("app", "app", "other devices", CodeStep.CODE),
    ("sms", "sms", "by SMS", CodeStep.CODE),
    ("call", "call", "says the code", CodeStep.CODE),
    ("flash_call", "flashcall", r"like \+99966\*{5}, is the code", CodeStep.CODE),
    ("missed_call", "missedcall", "the last 5 digits .* begins with .99966", CodeStep.CODE),
    ("email", "emailcode", r"by e-mail to a\*\*\*@example.org\.", CodeStep.CODE),
    ("fragment", "fragmentsms", "https://fragment.com/number/88800000001/code", CodeStep.CODE),
    ("word", "smsword", "A word was sent by SMS, beginning with l", CodeStep.CODE),
    ("phrase", "smsphrase", "A phrase was sent by SMS, beginning with seven", CodeStep.CODE),
]


@pytest.mark.parametrize(("way", "kind", "says", "step"), WAYS, ids=[way for way, *_ in WAYS])
async def test_a_code_is_told_by_its_way_and_logs_in(
    line: Any, flow: LoginFlow, way: str, kind: str, says: str, step: CodeStep
) -> None:
    line.tg.send_codes_by(line.alice, way, email=MAIL)

    sent = await flow.start_code(line.alice.phone)
    with pytest.raises(TelegramAuthError) as wrong:
        await flow.submit_code("31415")
    done = await flow.submit_code(line.tg.sent_code(line.alice.phone))

    assert isinstance(sent, CodeInfo)
    assert (sent.kind, sent.step) == (kind, step)
    assert sent.says.startswith(sent.explanation)
    assert re.search(says, sent.explanation)
    assert wrong.value.action == "ask_code"
    assert isinstance(done, LoggedIn)


@pytest.mark.parametrize("way", [way for way, *_ in WAYS])
@pytest.mark.parametrize("executed", [False, True], ids=["request", "answer"])
async def test_a_line_that_is_cut_costs_no_code(
    line: Any, flow: LoginFlow, way: str, executed: bool
) -> None:
    line.tg.send_codes_by(line.alice, way, email=MAIL)
    await flow.start_code(line.alice.phone)
    cut = Fault(method="auth.signIn", action=CutConnection(executed=executed), times=1)
    line.tg.faults.add(cut)
    code = line.tg.sent_code(line.alice.phone)

    with pytest.raises(TelegramSessionError):
        await flow.submit_code(code)
    if executed:  # the answer is lost: the code is spent
        with pytest.raises(TelegramAuthError, match="The code is void"):
            await flow.submit_code(code)
    else:
        assert isinstance(await flow.submit_code(code), LoggedIn)

    assert line.tg.stats.calls["auth.sendCode"] == 1


@pytest.mark.parametrize("way", [way for way, *_ in WAYS])
async def test_a_code_that_comes_too_late_is_void(line: Any, way: str) -> None:
    clock = ManualClock()
    async with LoopbackTelegram(clock=clock) as tg:
        tg.trust()
        alice = tg.add_account("alice", phone="+9996620001")
        tg.send_codes_by(alice, way, email=MAIL)
        server = ServerAddress(dc_id=tg.dc_id, host=tg.host, port=tg.port, pem=tg.pem)
        async with LoginFlow(line.make_gateway(server=server)) as flow:
            await flow.start_code(alice.phone)
            clock.advance(301.0)
            with pytest.raises(TelegramAuthError, match="The code is void: too old"):
                await flow.submit_code(tg.sent_code(alice.phone) or "")


async def test_an_address_is_set_up_proven_and_then_the_code_comes_there(
    line: Any, flow: LoginFlow
) -> None:
    line.tg.send_codes_by(line.alice, "setup_email", "email")

    asked = await flow.start_code(line.alice.phone)
    assert isinstance(asked, CodeInfo)
    assert (asked.kind, asked.step) == ("setupemailrequired", CodeStep.EMAIL)
    refused = []
    for address in ("nonsense", "ann@disposable.invalid"):
        with pytest.raises(TelegramAuthError) as caught:
            await flow.submit_email(address)
        refused.append(caught.value.name)
    proof = await flow.submit_email(f" {MAIL} ")
    assert (proof.kind, proof.step) == ("emailsetup", CodeStep.CODE)
    assert "a***@example.org" in proof.says
    with pytest.raises(TelegramAuthError, match="newest e-mail"):
        await flow.submit_code("31415")
    sent = await flow.submit_code(line.tg.sent_code(line.alice.phone))
    done = await flow.submit_code(line.tg.sent_code(line.alice.phone))

    assert refused == ["EMAIL_INVALID", "EMAIL_NOT_ALLOWED"]
    assert isinstance(sent, CodeInfo)
    assert sent.kind == "emailcode"
    assert isinstance(done, LoggedIn)
    assert line.alice.login_email == MAIL


@pytest.mark.parametrize("proven", [False, True], ids=["of the address", "of the login"])
async def test_a_code_that_comes_too_late_to_a_new_address_is_void(line: Any, proven: bool) -> None:
    clock = ManualClock()
    async with LoopbackTelegram(clock=clock) as tg:
        tg.trust()
        alice = tg.add_account("alice", phone="+9996620001")
        tg.send_codes_by(alice, "setup_email", "email")
        server = ServerAddress(dc_id=tg.dc_id, host=tg.host, port=tg.port, pem=tg.pem)
        async with LoginFlow(line.make_gateway(server=server)) as flow:
            await flow.start_code(alice.phone)
            await flow.submit_email(MAIL)
            if proven:
                await flow.submit_code(tg.sent_code(alice.phone) or "")
            clock.advance(301.0)
            with pytest.raises(TelegramAuthError, match="The code is void: too old"):
                await flow.submit_code(tg.sent_code(alice.phone) or "")

    assert alice.login_email == (MAIL if proven else None)


async def test_a_code_that_comes_too_late_after_the_next_way_is_void(line: Any) -> None:
    clock = ManualClock()
    async with LoopbackTelegram(clock=clock) as tg:
        tg.trust()
        alice = tg.add_account("alice", phone="+9996620001")
        tg.send_codes_by(alice, "firebase", "sms")
        server = ServerAddress(dc_id=tg.dc_id, host=tg.host, port=tg.port, pem=tg.pem)
        async with LoginFlow(line.make_gateway(server=server), clock=clock) as flow:
            await flow.start_code(alice.phone)
            clock.advance(60.0)
            await flow.resend_code()
            clock.advance(301.0)
            with pytest.raises(TelegramAuthError, match="The code is void: too old"):
                await flow.submit_code(tg.sent_code(alice.phone) or "")


async def test_a_proof_of_an_address_that_nobody_waits_for_any_more_is_void(
    line: Any, flow: LoginFlow
) -> None:
    line.tg.send_codes_by(line.alice, "setup_email", "email")
    await flow.start_code(line.alice.phone)
    await flow.submit_email(MAIL)
    gone = Fault(method="account.verifyEmail", action=RpcError("EMAIL_VERIFY_EXPIRED"), times=1)
    line.tg.faults.add(gone)

    with pytest.raises(TelegramAuthError, match="has expired; begin the login again"):
        await flow.submit_code(line.tg.sent_code(line.alice.phone))


async def test_a_code_that_is_for_sale_is_refused_with_the_amount_and_nothing_is_paid(
    line: Any, flow: LoginFlow
) -> None:
    line.tg.send_codes_by(line.alice, "payment")

    with pytest.raises(TelegramAuthError, match=r"1\.99 USD .* nothing is paid.* QR code") as told:
        await flow.start_code(line.alice.phone)

    assert told.value.name == "SENT_CODE_PAYMENT_REQUIRED"
    assert line.tg.stats.calls["auth.checkPaidAuth"] == 0


@pytest.mark.parametrize(
    ("ways", "step", "advice"),
    [
        (("firebase", "sms"), CodeStep.RESEND, "next way"),
        (("firebase",), CodeStep.QR, "QR code"),
    ],
)
async def test_an_sms_for_official_apps_leads_to_the_next_way_or_to_a_qr_code(
    line: Any, ways: tuple[str, ...], step: CodeStep, advice: str
) -> None:
    clock = ManualClock()
    line.tg.send_codes_by(line.alice, *ways)
    async with LoginFlow(line.gateway, clock=clock) as flow:
        sent = await flow.start_code(line.alice.phone)
        assert isinstance(sent, CodeInfo)
        assert sent.step is step
        assert advice in sent.advice
        if step is CodeStep.RESEND:
            clock.advance(60.0)
            assert (await flow.resend_code()).kind == "sms"  # type: ignore[union-attr]


async def test_a_token_of_an_earlier_login_logs_in_without_a_code(
    line: Any, flow: LoginFlow
) -> None:
    line.alice.gives_tokens = True
    await flow.start_code(line.alice.phone)
    first = await flow.submit_code(CODE)
    assert isinstance(first, LoggedIn)
    token = first.terms.future_token
    assert token is not None
    assert token.hex() not in repr(first)

    async with LoginFlow(line.gateway) as again:
        second = await again.start_code(line.alice.phone, tokens=[b"old", token])
    async with LoginFlow(line.gateway) as spent:
        third = await spent.start_code(line.alice.phone, tokens=[token])

    assert isinstance(second, LoggedIn)
    assert second.terms.future_token not in (None, token)
    assert isinstance(third, CodeInfo)


async def test_a_token_of_an_account_with_a_password_leaves_that_alone_to_be_given(
    line: Any, flow: LoginFlow
) -> None:
    safe = line.tg.add_account("safe", phone="+9996620009", password="open sesame")
    safe.gives_tokens = True
    await flow.start_code(safe.phone)
    await flow.submit_code(CODE)
    token = (await flow.submit_password("open sesame")).terms.future_token

    async with LoginFlow(line.gateway) as again:
        asked = await again.start_code(safe.phone, tokens=[token or b""])
        done = await again.submit_password("open sesame")

    assert isinstance(asked, PasswordNeeded)
    assert isinstance(done, LoggedIn)


async def test_a_login_says_for_how_long_it_is_granted(line: Any, flow: LoginFlow) -> None:
    line.alice.relogin_days = 7
    await flow.start_code(line.alice.phone)

    done = await flow.submit_code(CODE)

    assert isinstance(done, LoggedIn)
    assert (done.terms.relogin_days, done.terms.password_wanted) == (7, True)
    assert done.terms.parallel == 1


async def test_a_password_that_is_being_reset_says_from_when_on_there_is_none(
    line: Any, flow: LoginFlow
) -> None:
    safe = line.tg.add_account("safe", phone="+9996620009", password="open sesame")
    until = datetime.fromtimestamp(line.tg.reset_password(safe, days=3), tz=UTC)
    await flow.start_code(safe.phone)

    asked = await flow.submit_code(CODE)

    assert isinstance(asked, PasswordNeeded)
    assert asked.reset_at == until
    assert f"from {until:%Y-%m-%d %H:%M} UTC on" in asked.says


async def test_a_code_that_is_too_old_says_so(line: Any, flow: LoginFlow) -> None:
    await flow.start_code(line.alice.phone)
    line.tg.faults.add(Fault(method="auth.signIn", action=RpcError("PHONE_CODE_EXPIRED"), times=1))

    with pytest.raises(TelegramAuthError, match="The code is void: too old"):
        await flow.submit_code(CODE)


@pytest.mark.parametrize("text", ["PHONE_NUMBER_FLOOD", "PHONE_PASSWORD_FLOOD"])
async def test_a_flood_of_codes_says_from_when_on_another_may_be_asked_for(
    line: Any, text: str
) -> None:
    clock = ManualClock()
    line.tg.faults.add(Fault(method="auth.sendCode", action=RpcError(text), times=1))
    async with LoginFlow(line.gateway, clock=clock) as flow:
        with pytest.raises(TelegramRateLimitError) as early:
            await flow.start_code(line.alice.phone)

    until = datetime.fromtimestamp(clock() + 86_400, tz=UTC)
    assert str(early.value).endswith(f"Not before {until:%Y-%m-%d %H:%M} UTC.")
    assert early.value.deadline == clock() + 86_400


async def test_the_text_beside_a_refused_step_is_in_its_error(line: Any, flow: LoginFlow) -> None:
    notice = ServiceNotice("Use the newest app.", error="UPDATE_APP_TO_LOGIN")
    line.tg.faults.add(Fault(method="auth.sendCode", action=notice, times=1))

    with pytest.raises(Exception, match=r"UPDATE_APP_TO_LOGIN.* Telegram says: Use the newest app"):
        await flow.start_code(line.alice.phone)


@pytest.mark.parametrize(
    ("told", "facts"),
    [
        (types.auth.SentCodeTypeSmsWord(), {}),
        (types.auth.SentCodeTypeFragmentSms("", 5), {}),
        (
            types.auth.SentCodeTypeEmailCode(
                "a***@b.c", 6, reset_pending_date=datetime(2026, 12, 1, 8, 30, tzinfo=UTC)
            ),
            {
                "email": "a***@b.c",
                "reset": "; a change of that address is under way until 2026-12-01 08:30 UTC",
            },
        ),
    ],
)
def test_what_is_not_told_is_left_open(told: Any, facts: dict[str, str]) -> None:
    assert facts_of(told) == facts
    for kind in CODE_WAYS:
        says = CodeInfo(kind=kind).says
        assert "{" not in says
        assert "None" not in says
    assert OPEN["url"] in CodeInfo(kind="fragmentsms").explanation
    assert "some new way" in CodeInfo(kind="some new way").explanation


@pytest.mark.parametrize(
    ("amount", "currency", "said"),
    [(199, "USD", "1.99 USD"), (25_000, "VND", "25000 VND"), (50, "XTR", "50 XTR")],
)
def test_a_sum_is_written_as_people_write_it(amount: int, currency: str, said: str) -> None:
    assert money(amount, currency) == said
