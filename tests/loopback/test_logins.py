"""Logins of stock clients: key exchange, code, password, QR, sign-up, logging out."""

from __future__ import annotations

import asyncio

import pytest
from telethon import errors, functions, types

from telewarden.loopback import LoopbackTelegram

pytestmark = pytest.mark.loopback

PHONE = "+9996620009"


async def test_a_new_client_exchanges_keys_and_logs_in_by_code(tg, loopback_client):
    carol = tg.add_account("Carol", phone=PHONE)
    client = await loopback_client()

    await client.send_code_request(PHONE)
    me = await client.sign_in(PHONE, tg.sent_code(PHONE))

    assert me.id == carol.id
    assert tg.stats.keys >= 1  # one exchange in 256 fails on Telethon's side and is repeated
    assert len(tg.authorizations(carol)) == 1


async def test_a_minted_session_is_signed_in_without_a_key_exchange(tg, alice, loopback_client):
    client = await loopback_client(alice)

    assert (await client.get_me()).phone == "9996620001"
    assert tg.stats.keys == 0


async def test_a_session_string_saved_after_a_login_works_again(tg, loopback_client, connect):
    tg.add_account("Carol", phone=PHONE)
    client = await loopback_client()
    await client.send_code_request(PHONE)
    await client.sign_in(PHONE, "22222")
    string = client.session.save()
    exchanged = tg.stats.keys
    await client.disconnect()

    again = await connect(tg, string)

    assert (await again.get_me()).first_name == "Carol"
    assert tg.stats.keys == exchanged


async def test_a_wrong_code_is_refused_and_the_right_one_still_works(tg, loopback_client):
    tg.add_account("Carol", phone=PHONE)
    client = await loopback_client()
    await client.send_code_request(PHONE)

    with pytest.raises(errors.PhoneCodeInvalidError):
        await client.sign_in(PHONE, "11111")

    assert (await client.sign_in(PHONE, "22222")).first_name == "Carol"


async def test_a_code_dies_with_time(timed, clock, connect):
    timed.add_account("Carol", phone=PHONE)
    client = await connect(timed)
    await client.send_code_request(PHONE)

    clock.advance(301)

    with pytest.raises(errors.PhoneCodeExpiredError):
        await client.sign_in(PHONE, "22222")


async def test_a_code_dies_when_its_owner_types_it_into_a_chat(tg, loopback_client):
    carol = tg.add_account("Carol", phone=PHONE)
    other_device = await loopback_client(carol)
    client = await loopback_client()
    await client.send_code_request(PHONE)

    await other_device.send_message("me", "my code is 22222")

    with pytest.raises(errors.PhoneCodeExpiredError):
        await client.sign_in(PHONE, "22222")


async def test_two_step_verification_asks_for_the_password(tg, loopback_client):
    tg.add_account("Carol", phone=PHONE, password="correct horse")
    client = await loopback_client()
    await client.send_code_request(PHONE)

    with pytest.raises(errors.SessionPasswordNeededError):
        await client.sign_in(PHONE, "22222")
    with pytest.raises(errors.PasswordHashInvalidError):
        await client.sign_in(password="wrong")
    me = await client.sign_in(password="correct horse")

    assert me.first_name == "Carol"


async def test_a_password_is_set_changed_and_taken_away(tg, alice, loopback_client):
    client = await loopback_client(alice)

    await client.edit_2fa(new_password="first", hint="one")
    with pytest.raises(errors.PasswordHashInvalidError):
        await client.edit_2fa(current_password="wrong", new_password="second")
    await client.edit_2fa(current_password="first", new_password="second")
    assert alice.password is not None
    await client.edit_2fa(current_password="second")

    assert alice.password is None


async def test_a_stale_password_round_is_refused(tg, alice, loopback_client):
    alice_with_password = tg.add_account("Dora", phone="+9996620010", password="pw")
    client = await loopback_client(alice_with_password)
    given = types.InputCheckPasswordSRP(srp_id=1, A=bytes(256), M1=bytes(32))

    with pytest.raises(errors.SrpIdInvalidError):
        await client(functions.account.GetPasswordSettingsRequest(given))


async def test_a_code_goes_its_next_way_until_there_is_none(loopback_client):
    client = await loopback_client()
    sent = [await client.send_code_request(PHONE)]
    for _ in range(2):
        resend = functions.auth.ResendCodeRequest(PHONE, sent[-1].phone_code_hash)
        sent.append(await client(resend))

    with pytest.raises(errors.SendCodeUnavailableError):
        await client(functions.auth.ResendCodeRequest(PHONE, sent[-1].phone_code_hash))

    assert [(type(one.type), type(one.next_type), one.timeout) for one in sent] == [
        (types.auth.SentCodeTypeApp, types.auth.CodeTypeSms, 60),
        (types.auth.SentCodeTypeSms, types.auth.CodeTypeCall, 60),
        (types.auth.SentCodeTypeCall, type(None), None),
    ]


async def test_an_unknown_number_can_sign_up(tg, loopback_client):
    client = await loopback_client()
    sent = await client.send_code_request(PHONE)

    with pytest.raises(errors.PhoneNumberUnoccupiedError):
        await client.sign_in(PHONE, "22222")
    answer = await client(functions.auth.SignUpRequest(PHONE, sent.phone_code_hash, "Newcomer", ""))

    assert answer.user.first_name == "Newcomer"
    assert (await client.get_me()).id == answer.user.id
    assert tg.account(PHONE).id == answer.user.id


async def test_signing_up_without_the_right_code_is_refused(tg, loopback_client):
    client = await loopback_client()
    sent = await client.send_code_request(PHONE)

    with pytest.raises(errors.PhoneCodeInvalidError):
        await client(functions.auth.SignUpRequest(PHONE, sent.phone_code_hash, "Newcomer", ""))


async def test_a_qr_code_is_accepted_by_another_device(tg, alice, loopback_client):
    phone, desktop = await loopback_client(alice), await loopback_client()
    shown = await desktop.qr_login()
    waiting = asyncio.create_task(shown.wait(5))
    await asyncio.sleep(0)

    device = await phone(functions.auth.AcceptLoginTokenRequest(shown.token))
    me = await waiting

    assert me.id == alice.id
    assert device.device_model
    assert len(tg.authorizations(alice)) == 2


async def test_a_qr_login_with_two_step_verification_asks_for_the_password(tg, loopback_client):
    carol = tg.add_account("Carol", phone=PHONE, password="pw")
    phone, desktop = await loopback_client(carol), await loopback_client()
    shown = await desktop.qr_login()
    waiting = asyncio.create_task(shown.wait(5))
    await asyncio.sleep(0)

    await phone(functions.auth.AcceptLoginTokenRequest(shown.token))

    with pytest.raises(errors.SessionPasswordNeededError):
        await waiting
    assert (await desktop.sign_in(password="pw")).id == carol.id


async def test_a_qr_code_that_was_shown_too_long_is_refused(timed, clock, connect):
    carol = timed.add_account("Carol", phone=PHONE)
    phone, desktop = await connect(timed, carol), await connect(timed)
    shown = await desktop.qr_login()

    clock.advance(31)

    with pytest.raises(errors.AuthTokenExpiredError):
        await phone(functions.auth.AcceptLoginTokenRequest(shown.token))


async def test_a_bot_signs_in_by_its_token(tg, loopback_client):
    bot = tg.add_bot("Helper", "helper_bot")
    client = await loopback_client()

    me = await client.sign_in(bot_token=bot.bot_token)

    assert (me.id, me.bot) == (bot.id, True)


async def test_logging_out_ends_the_authorization(tg, alice, loopback_client, connect):
    string = tg.mint(alice)
    client = await connect(tg, string)

    await client.log_out()

    assert tg.authorizations(alice) == []
    again = await connect(tg, string)
    with pytest.raises(errors.AuthKeyUnregisteredError):
        await again(functions.updates.GetStateRequest())


async def test_an_account_elsewhere_sends_the_client_to_its_own_data_centre(connect):
    async with LoopbackTelegram(other_dcs=(4,)) as tg:
        tg.trust()
        carol = tg.add_account("Carol", phone=PHONE, dc_id=4)
        client = await connect(tg)

        await client.send_code_request(PHONE)
        me = await client.sign_in(PHONE, "22222")

        assert me.id == carol.id
        assert (client.session.dc_id, client.session.port) == (4, tg.ports[4])
        assert tg.stats.keys >= 2
        await client.disconnect()


async def test_a_banned_number_gets_no_code(tg, loopback_client):
    carol = tg.add_account("Carol", phone=PHONE)
    tg.ban(carol)
    client = await loopback_client()

    with pytest.raises(errors.PhoneNumberBannedError):
        await client.send_code_request(PHONE)


async def test_only_allowed_application_ids_may_log_in(tg, loopback_client):
    tg.allow_api_ids(1234)
    client = await loopback_client()

    with pytest.raises(errors.ApiIdInvalidError):
        await client.send_code_request(PHONE)


async def test_devices_are_listed_and_ended_from_another(tg, alice, loopback_client):
    first, second = await loopback_client(alice), await loopback_client(alice)
    listed = await first(functions.account.GetAuthorizationsRequest())
    [other] = [device for device in listed.authorizations if not device.current]

    await first(functions.account.ResetAuthorizationRequest(other.hash))

    with pytest.raises(errors.AuthKeyUnregisteredError):
        await second(functions.updates.GetStateRequest())
    assert len(tg.authorizations(alice)) == 1


async def test_a_login_of_today_may_not_end_others(tg, alice, loopback_client):
    await loopback_client(alice)
    fresh = await loopback_client()
    await fresh.send_code_request(alice.phone)
    await fresh.sign_in(alice.phone, "22222")

    with pytest.raises(errors.FreshResetAuthorisationForbiddenError):
        await fresh(functions.auth.ResetAuthorizationsRequest())


async def test_two_connections_on_one_key_kill_it(tg, alice, connect):
    string = tg.mint(alice)
    first = await connect(tg, string)

    with pytest.raises(errors.AuthKeyDuplicatedError):
        await connect(tg, string)

    with pytest.raises(errors.AuthKeyDuplicatedError):
        await first(functions.updates.GetStateRequest())
    assert tg.stats.duplicate_keys == 1
    assert tg.authorizations(alice) == []


async def test_two_connections_on_one_key_can_be_allowed(tg, alice, connect):
    tg.void_duplicates = False
    string = tg.mint(alice)

    first, second = await connect(tg, string), await connect(tg, string)

    assert (await first.get_me()).id == (await second.get_me()).id
    assert len(tg.connections(alice)) == 2


async def test_reconnecting_with_the_same_key_is_not_taken_for_a_duplicate(tg, alice, connect):
    string = tg.mint(alice)

    for _ in range(20):
        client = await connect(tg, string)
        await client.disconnect()
    client = await connect(tg, string)

    assert (await client.get_me()).id == alice.id
    assert tg.stats.duplicate_keys == 0
