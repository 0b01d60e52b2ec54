"""Requests of a program travel to the owner of the session and are carried out by it."""

from __future__ import annotations

import asyncio
import io
from typing import Any

import pytest
from telethon import errors, functions
from telethon.tl import types

from telewarden.errors import LoginCallError, ShareRefusedError
from telewarden.loopback import Fault, FloodWait, RpcError

from .conftest import House

pytestmark = pytest.mark.session


async def test_a_program_is_the_account_without_its_key(house: House) -> None:
    async with house.client() as client:
        me = await client.get_me()

        assert me.phone.endswith("96620001")
        assert client.session.auth_key.key is None
        assert len(house.telegram.authorizations(house.account("+9996620001"))) == 1


async def test_what_a_program_sends_is_there(house: House) -> None:
    async with house.client() as client:
        sent = await client.send_message("@news_out", "**hello**")

        assert house.texts("news_out") == ["hello"]
        assert sent.id == house.chats["news_out"].messages[0].id


async def test_a_file_goes_up_and_comes_down_by_the_owner(house: House) -> None:
    data = bytes(range(256)) * 3000
    async with house.client() as client:
        sent = await client.send_file("@news_out", io.BytesIO(data), force_document=True)

        assert await client.download_media(sent, bytes) == data


async def test_a_file_of_another_data_centre_comes_by_the_owner(house: House) -> None:
    data = b"far" * 100_000
    async with house.client(session="carol") as client:
        sent = await client.send_file("me", io.BytesIO(data), force_document=True)
        migrate = RpcError("FILE_MIGRATE_2", 303)
        house.telegram.faults.add(Fault(method="upload.getFile", action=migrate, times=1))

        assert await client.download_media(sent, bytes) == data
    assert house.telegram.stats.calls["auth.importAuthorization"] == 1


async def test_errors_are_telethons_with_the_request(house: House) -> None:
    async with house.client() as client:
        with pytest.raises(errors.UsernameNotOccupiedError) as caught:
            await client(functions.contacts.ResolveUsernameRequest("nobody_of_that_name"))

        assert isinstance(caught.value.request, functions.contacts.ResolveUsernameRequest)


async def test_a_flood_is_telethons_too_and_is_kept_in_the_ledger(house: House) -> None:
    house.telegram.faults.add(Fault(method="help.getNearestDc", action=FloodWait(90), times=1))
    async with house.client(flood_sleep_threshold=0) as client, house.client("reader") as other:
        with pytest.raises(errors.FloodWaitError) as caught:
            await client(functions.help.GetNearestDcRequest())
        assert caught.value.seconds == 90

        with pytest.raises(errors.FloodWaitError) as early:  # which costs no packet any more
            await other(functions.help.GetNearestDcRequest())
        assert 80 <= early.value.seconds <= 90


@pytest.mark.parametrize(
    "request_",
    [
        functions.auth.LogOutRequest(),
        functions.auth.ExportLoginTokenRequest(1, "hash", []),
        functions.auth.ExportAuthorizationRequest(4),
        functions.account.ChangePhoneRequest("+1", "hash", "1"),
        functions.account.DeleteAccountRequest("no reason"),
        functions.account.ResetAuthorizationRequest(0),
        functions.DestroyAuthKeyRequest(),
    ],
    ids=lambda request: type(request).__name__,
)
async def test_what_concerns_the_login_is_refused(house: House, request_: Any) -> None:
    async with house.client() as client:
        with pytest.raises((ShareRefusedError, LoginCallError)):
            await client(request_)

        assert await client.get_me()


async def test_requests_together_have_their_answers_in_order(house: House) -> None:
    async with house.client() as client:
        names = ["news_in", "news_out"]
        found = await client([functions.contacts.ResolveUsernameRequest(one) for one in names])

        assert [chat.username for one in found for chat in one.chats] == names


async def test_an_ordered_list_stops_at_its_first_error(house: House) -> None:
    async with house.client() as client:
        peer = await client.get_input_entity("@news_out")
        wrong = types.InputPeerChannel(1, 1)
        texts = [(peer, "one"), (wrong, "two"), (peer, "three")]
        requests = [functions.messages.SendMessageRequest(chat, text) for chat, text in texts]

        with pytest.raises(errors.MultiError):
            await client(requests, ordered=True)

        assert house.texts("news_out") == ["one"]


async def test_a_connection_to_another_data_centre_is_closed_when_nobody_needs_it(
    house: House,
) -> None:
    async with house.client(session="carol") as client:
        sent = await client.send_file("me", io.BytesIO(b"far"), force_document=True)
        assert [bytes(part) async for part in client.iter_download(sent.media)] == [b"far"]
    (owner,) = (one for one in house.clients() if one.name == "carol")
    ((state, sender),) = owner._wire._borrowed_senders.values()
    assert sender.is_connected()

    state._zero_ts -= 3600.0  # as Telethon has it: some time after the last use
    owner._wire._ping_at = 0.0
    owner._wire._look()
    await house.until(lambda: not sender.is_connected())


async def test_hundreds_at_once_are_all_answered(house: House) -> None:
    async with house.client() as client:
        asked = [client(functions.help.GetNearestDcRequest()) for _ in range(300)]
        asked += [client.get_messages("@news_in", limit=1) for _ in range(50)]

        assert len(await asyncio.gather(*asked)) == 350
