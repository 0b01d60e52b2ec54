"""Accounts and what they say about themselves: names, usernames, contacts, devices."""

from __future__ import annotations

import pytest
from telethon import errors, functions, types

pytestmark = pytest.mark.loopback

account, contacts, users = functions.account, functions.contacts, functions.users


async def test_an_account_is_looked_up_and_a_wrong_one_is_left_empty(tg, alice, bob, connect):
    client = await connect(tg, alice)
    known = await client.get_input_entity("bobby")
    wrong = types.InputUser(bob.id, known.access_hash + 1)

    found = await client(users.GetUsersRequest([known, wrong]))
    full = await client(users.GetFullUserRequest(known))

    assert [type(one) for one in found] == [types.User, types.UserEmpty]
    assert full.users[0].first_name == "Bob"


async def test_a_username_is_taken_and_given_up(tg, alice, bob, connect):
    client, other = await connect(tg, alice), await connect(tg, bob)

    await client(account.UpdateUsernameRequest("alice_news"))
    found = await other.get_entity("alice_news")
    await client(account.UpdateUsernameRequest(""))

    assert found.id == alice.id
    with pytest.raises(errors.UsernameNotOccupiedError):
        await other(contacts.ResolveUsernameRequest("alice_news"))


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("bobby", errors.UsernameOccupiedError),
        ("alice", errors.UsernameNotModifiedError),
        ("a b", errors.UsernameInvalidError),
    ],
)
async def test_a_username_that_cannot_be_had_is_refused(tg, alice, bob, connect, name, error):
    client = await connect(tg, alice)

    with pytest.raises(error):
        await client(account.UpdateUsernameRequest(name))


async def test_whether_a_username_is_free_is_told_before(tg, alice, bob, connect):
    client = await connect(tg, alice)

    assert await client(account.CheckUsernameRequest("nobody_has_it"))
    assert not await client(account.CheckUsernameRequest("bobby"))
    with pytest.raises(errors.UsernameInvalidError):
        await client(account.CheckUsernameRequest("!"))


async def test_a_name_is_changed_for_everybody(tg, alice, bob, connect):
    client, other = await connect(tg, alice), await connect(tg, bob)

    await client(account.UpdateProfileRequest(first_name="Alicia"))

    assert (await other.get_entity("alice")).first_name == "Alicia"


async def test_somebody_is_found_by_phone_number(tg, alice, bob, connect):
    client = await connect(tg, alice)

    found = await client(contacts.ResolvePhoneRequest(bob.phone))

    assert found.users[0].id == bob.id
    with pytest.raises(errors.PhoneNotOccupiedError):
        await client(contacts.ResolvePhoneRequest("+9996629999"))


async def test_a_contact_is_added_by_who_it_is(tg, alice, bob, connect):
    client = await connect(tg, alice)

    await client(contacts.AddContactRequest("bobby", "Bob", "", ""))

    listed = await client(contacts.GetContactsRequest(hash=0))
    assert [one.user_id for one in listed.contacts] == [bob.id]


async def test_codes_that_their_owner_calls_off_are_dead(tg, alice, connect):
    client, fresh = await connect(tg, alice), await connect(tg)
    await fresh.send_code_request(alice.phone)

    await client(account.InvalidateSignInCodesRequest([tg.sent_code(alice.phone)]))

    with pytest.raises(errors.PhoneCodeExpiredError):
        await fresh.sign_in(alice.phone, tg.sent_code(alice.phone))


async def test_all_other_devices_are_ended_at_once(tg, alice, connect):
    mine, other = await connect(tg, alice), await connect(tg, alice)

    await mine(functions.auth.ResetAuthorizationsRequest())

    with pytest.raises(errors.SessionRevokedError):
        await other(functions.updates.GetStateRequest())
    assert len(tg.authorizations(alice)) == 1


async def test_a_device_that_is_not_there_cannot_be_ended(tg, alice, connect):
    client = await connect(tg, alice)

    with pytest.raises(errors.HashInvalidError):
        await client(account.ResetAuthorizationRequest(12345))


async def test_idle_devices_live_as_long_as_the_account_says(tg, alice, connect):
    client = await connect(tg, alice)

    await client(account.SetAuthorizationTTLRequest(30))

    listed = await client(account.GetAuthorizationsRequest())
    assert listed.authorization_ttl_days == 30
    with pytest.raises(errors.TtlDaysInvalidError):
        await client(account.SetAuthorizationTTLRequest(0))
