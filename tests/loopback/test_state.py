"""What survives a restart of the data centre, and what its file must be."""

from __future__ import annotations

import json

import pytest
from telethon import errors, functions, types

from telewarden.errors import LoopbackStateError
from telewarden.loopback import LoopbackTelegram, RpcError

pytestmark = pytest.mark.loopback


async def test_a_restart_keeps_accounts_keys_chats_messages_and_random_ids(tmp_path, connect):
    state = tmp_path / "state.json"
    async with LoopbackTelegram(state=state) as tg:
        alice = tg.add_account("Alice", phone="+9996620001", password="pw")
        bob = tg.add_account("Bob", phone="+9996620002")
        news = tg.add_channel("News", owner=alice, members=[bob])
        string = tg.mint(alice)
        client = await connect(tg, string)
        await client.get_dialogs()
        peer = await client.get_input_entity(news.peer_id)
        first = functions.messages.SendMessageRequest(peer, "kept", random_id=5)
        await client(first)
        answered = await client.send_message("me", "a note")
        await client.send_message("me", "an answer", reply_to=answered.id)
        port = tg.port
        await client.disconnect()

    async with LoopbackTelegram(port=port, state=state) as tg:
        client = await connect(tg, string)
        dialogs = {dialog.title for dialog in await client.get_dialogs()}
        notes = await client.get_messages("me", limit=5)
        with pytest.raises(errors.RandomIdDuplicateError):
            await client._sender.send(first)
        after = await client.send_message(news.peer_id, "numbering goes on")
        await client.disconnect()

        assert dialogs == {"News", "Alice"}
        assert [note.raw_text for note in notes] == ["an answer", "a note"]
        assert notes[0].reply_to.reply_to_msg_id == notes[1].id
        assert after.id == 2
        assert tg.chat(news.peer_id).texts == ["kept", "numbering goes on"]
        assert tg.account("+9996620001").password is not None


async def test_a_restart_keeps_the_difference_that_a_client_has_yet_to_fetch(tmp_path, connect):
    state = tmp_path / "state.json"
    async with LoopbackTelegram(state=state) as tg:
        alice, bob = tg.add_account("Alice"), tg.add_account("Bob")
        tg.post(alice, "one", author=bob)
        string = tg.mint(alice)
        port = tg.port

    async with LoopbackTelegram(port=port, state=state) as tg:
        client = await connect(tg, string)
        told = await client(functions.updates.GetDifferenceRequest(pts=1, date=None, qts=0))
        await client.disconnect()

    assert [message.message for message in told.new_messages] == ["one"]


async def test_a_restart_keeps_what_is_dead_dead(tmp_path, connect):
    state = tmp_path / "state.json"
    async with LoopbackTelegram(state=state) as tg:
        alice = tg.add_account("Alice")
        string = tg.mint(alice)
        tg.void_key(alice, "AUTH_KEY_DUPLICATED")
        port = tg.port

    async with LoopbackTelegram(port=port, state=state) as tg:
        with pytest.raises(errors.AuthKeyDuplicatedError):
            await connect(tg, string)


async def test_a_change_is_in_the_file_soon_without_a_stop(tmp_path):
    state = tmp_path / "state.json"
    async with LoopbackTelegram(state=state) as tg:
        tg.add_account("Alice")
        tg._keeper.write()

        assert [a["first_name"] for a in json.loads(state.read_text())["accounts"]] == ["Alice"]


def test_the_file_is_the_owners_alone(tmp_path):
    state = tmp_path / "state.json"
    LoopbackTelegram(state=state)

    assert state.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", '{"format": 99}', '{"format": 1, "secret": "?"}'],
    ids=["empty", "a list", "no format", "another format", "damaged"],
)
def test_a_file_that_is_not_ours_is_refused_and_left_alone(tmp_path, content):
    state = tmp_path / "state.json"
    state.write_text(content)

    with pytest.raises(LoopbackStateError, match=r"state\.json"):
        LoopbackTelegram(state=state)
    assert state.read_text() == content


def test_a_place_that_cannot_be_written_is_named_at_once(tmp_path):
    with pytest.raises(LoopbackStateError, match="no such file or directory"):
        LoopbackTelegram(state=tmp_path / "nowhere" / "state.json")


def test_an_error_text_has_its_code_and_equals_its_like():
    assert RpcError("FLOOD_WAIT_3").code == 420
    assert RpcError("FLOOD_WAIT_3") == RpcError("FLOOD_WAIT_3", 420)
    assert RpcError("TIMEOUT", -503).code == -503


async def test_a_restart_keeps_how_a_message_is_shown(tmp_path, connect):
    state = tmp_path / "state.json"
    quote = types.InputReplyToMessage(0, quote_text="one")
    button = types.KeyboardInlineButton("go", types.InlineButtonTypeUrl("https://a.example/"))
    buttons = types.ReplyInlineMarkup([types.KeyboardInlineButtonRow([button])])
    async with LoopbackTelegram(state=state) as tg:
        alice = tg.add_account("Alice")
        news = tg.add_channel("News", owner=alice, username="news")
        first = tg.post(news, "one")
        tg.post(
            news,
            "two",
            reply_to=first,
            quote=quote,
            invert_media=True,
            further={"reply_markup": buttons, "post_author": "Ann"},
        )
        string, port = tg.mint(alice), tg.port

    async with LoopbackTelegram(port=port, state=state) as tg:
        client = await connect(tg, string)
        (read,) = await client.get_messages("news", limit=1)
        await client.disconnect()

    assert (read.reply_to.quote_text, read.invert_media, read.post_author) == ("one", True, "Ann")
    assert read.reply_markup.rows[0].buttons[0].type.url == "https://a.example/"


async def test_a_file_of_an_earlier_version_keeps_its_bots(tmp_path, connect):
    state = tmp_path / "state.json"
    async with LoopbackTelegram(state=state) as tg:
        tg.add_bot("Helper", "helper_bot")
    written = json.loads(state.read_text())
    for account in written["accounts"]:
        account["bot_token"] = account.pop("bot")["token"]
        del account["blocked"]
    state.write_text(json.dumps(written))

    async with LoopbackTelegram(state=state) as tg:
        tg.trust()
        client = await connect(tg)
        me = await client.sign_in(bot_token=written["accounts"][0]["bot_token"])
        await client.disconnect()

    assert me.username == "helper_bot"
