"""A pair's target at Discord: the real discord.py against a stand-in for Discord's API."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from typing import Any

import discord.http
import pytest
from telethon.tl.types import MessageEntityBold

from telewarden import Warden
from telewarden.errors import HandlerOptionsError
from telewarden.telegram import CopyChanged, DeadLettered, Forwarded, PairPaused

from .conftest import Newsroom
from .discord_stand_in import CHANNEL, GUILD, HOOK, SECRET, TOKEN, Discord, Refusal, busy
from .test_content import press

pytestmark = [pytest.mark.actors, pytest.mark.session]

ADDRESS = f"https://discord.com/api/webhooks/{HOOK}/{SECRET}"
OPTIONS = {
    "webhook": {"webhook": {"env": "DISCORD_WEBHOOK"}, "name": "News"},
    "bot": {"token": {"env": "DISCORD_TOKEN"}, "channel": str(CHANNEL)},
}


@pytest.fixture
async def there(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Discord]:
    monkeypatch.setenv("DISCORD_WEBHOOK", ADDRESS)
    monkeypatch.setenv("DISCORD_TOKEN", TOKEN)
    async with Discord() as stand_in:
        monkeypatch.setattr(discord.http.Route, "BASE", stand_in.base)
        yield stand_in


@pytest.fixture(params=OPTIONS)
def way(request: pytest.FixtureRequest) -> str:
    """By a webhook, and by a bot."""
    return str(request.param)


@pytest.fixture
async def bridge(newsroom: Newsroom, there: Discord, tables: Any, way: str) -> Newsroom:
    """Alice's pair posts to Discord."""
    assert there.base
    tables["pairs"][0] |= {"handler": "discord", "options": OPTIONS[way], "mode": "copy"}
    del tables["pairs"][0]["target"]
    newsroom.reconfigure(tables)
    await newsroom.start()
    return newsroom


async def test_messages_edits_and_deletions_go_to_discord(bridge: Newsroom, there: Discord) -> None:
    chat = bridge.chats["news_in"]
    bridge.telegram.post(chat, "both *are* said", entities=[MessageEntityBold(0, 4)])
    bridge.say("news_in", "two")
    await bridge.hears(Forwarded, source_id=2)
    assert there.contents == [r"**both** \*are\* said", "two"]

    chat.edit_message(chat.messages[0], "corrected")
    await bridge.hears(CopyChanged, gone=False)
    chat.delete_messages([chat.messages[1]])
    await bridge.hears(CopyChanged, gone=True)

    assert there.contents == ["corrected"]


async def test_nobody_is_called_by_what_a_message_says(bridge: Newsroom, there: Discord) -> None:
    bridge.say("news_in", "@everyone come")
    await bridge.hears(Forwarded, source_id=1)

    (message,) = there.messages.values()
    assert message["allowed_mentions"] == {"parse": []}


async def test_an_answer_refers_to_what_it_answers(
    bridge: Newsroom, there: Discord, way: str
) -> None:
    chat = bridge.chats["news_in"]
    bridge.say("news_in", "question")
    await bridge.hears(Forwarded, source_id=1)
    bridge.telegram.post(chat, "answer", reply_to=chat.messages[0])
    await bridge.hears(Forwarded, source_id=2)

    (first, _), (_, answer) = there.messages.items()
    if way == "bot":
        assert int(answer["message_reference"]["message_id"]) == first
    else:
        link = f"https://discord.com/channels/{GUILD}/{CHANNEL}/{first}"
        assert answer["content"] == f"-# ↪ {link}\nanswer"


async def test_what_is_too_long_for_a_message_is_an_embed_and_then_a_file(
    bridge: Newsroom, there: Discord
) -> None:
    texts = ["😀" * 1_999, "x" * 2_001, "_" * 4_000]
    bridge.say("news_in", *texts)
    await bridge.hears(Forwarded, source_id=3)

    short, longer, longest = there.messages.values()
    assert short["content"] == texts[0]
    assert longer["embeds"][0]["description"] == texts[1]
    assert longest["files"] == {"message.md": b"\\_" * 4_000}
    assert longest["embeds"][0]["description"].endswith("…")


async def test_photos_and_files_come_along_and_one_that_is_too_large_is_named(
    bridge: Newsroom, there: Discord, monkeypatch: pytest.MonkeyPatch
) -> None:
    chat = bridge.chats["news_in"]
    async with press(bridge) as client:
        await client.send_file(chat.peer_id, _file("plan_b.pdf", 700_000), caption="read this")
        await bridge.hears(Forwarded, source_id=1)
        monkeypatch.setattr("telewarden.bridges.discord.handler.MOST_BYTES", 1_000_000)
        await client.send_file(chat.peer_id, _file("film.mkv", 1_200_000))
        await bridge.hears(Forwarded, source_id=2)

    small, large = there.messages.values()
    assert small["content"] == "read this"
    assert {name: len(data) for name, data in small["files"].items()} == {"plan_b.pdf": 700_000}
    assert large["content"] == r"-# \[video film.mkv, 1.2 MB: too large\]"
    assert not large.get("files")


def _file(name: str, size: int) -> io.BytesIO:
    file = io.BytesIO(bytes(size))
    file.name = name
    return file


async def test_a_short_rate_limit_is_waited_out_and_a_long_one_is_the_pair_s_pause(
    bridge: Newsroom, there: Discord
) -> None:
    there.refusals = [busy(0.01)]
    bridge.say("news_in", "one")
    await bridge.hears(Forwarded, source_id=1)

    there.refusals = [Refusal(429, {"message": "banned"}, {"Retry-After": "240"})]
    bridge.say("news_in", "two")

    await bridge.waits(1, "Discord takes nothing for")
    assert there.contents == ["one"]


async def test_what_discord_will_not_have_is_a_dead_letter_and_the_next_goes_on(
    bridge: Newsroom, there: Discord
) -> None:
    there.refusals = [Refusal(400, {"code": 50035, "message": "Invalid Form Body"})]
    bridge.say("news_in", "one", "two")
    dead = await bridge.hears(DeadLettered)
    await bridge.hears(Forwarded, source_id=2)

    assert "Invalid Form Body" in dead.reason
    assert there.contents == ["two"]


async def test_a_pair_whose_webhook_or_channel_is_gone_pauses_and_keeps_its_messages(
    bridge: Newsroom, there: Discord
) -> None:
    there.refusals = [Refusal(404, {"code": 10015, "message": "Unknown Webhook"})]
    bridge.say("news_in", "one")
    paused = await bridge.hears(PairPaused)

    assert "Discord answers 404: Unknown Webhook" in paused.reason
    await bridge.warden.pairs.resume(1)
    await bridge.hears(Forwarded, source_id=1)
    assert there.contents == ["one"]


async def test_a_copy_that_is_gone_there_is_deleted_all_the_same(
    bridge: Newsroom, there: Discord
) -> None:
    chat = bridge.chats["news_in"]
    bridge.say("news_in", "one")
    await bridge.hears(Forwarded, source_id=1)
    there.messages.clear()

    chat.delete_messages([chat.messages[0]])

    await bridge.hears(CopyChanged, gone=True)


@pytest.mark.parametrize("way", ["bot"], indirect=True)
async def test_a_bot_s_message_whose_answer_is_lost_is_not_doubled(
    bridge: Newsroom, there: Discord
) -> None:
    there.refusals = [Refusal(502, taken=True)]
    bridge.say("news_in", "one")
    await bridge.hears(Forwarded, source_id=1)

    assert there.contents == ["one"]


@pytest.mark.parametrize("way", ["bot"], indirect=True)
async def test_a_token_that_discord_does_not_know_pauses_the_pair(
    bridge: Newsroom, there: Discord, monkeypatch: pytest.MonkeyPatch, tables: Any
) -> None:
    await bridge.stop()
    monkeypatch.setenv("DISCORD_TOKEN", "another")
    bridge.reconfigure(tables)
    await bridge.start()
    bridge.say("news_in", "one")

    paused = await bridge.hears(PairPaused)

    assert "does not know the bot's token" in paused.reason
    assert "another" not in paused.reason
    assert there.contents == []


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({}, "give exactly one"),
        ({"webhook": ADDRESS}, 'is a secret; name its place: webhook = { env = "NAME" }'),
        ({"webhook": {"env": "NOT_SET"}}, "the variable NOT_SET is not set"),
        ({"webhook": {"env": "DISCORD_TOKEN"}}, "is no address of a Discord webhook"),
        ({"token": {"env": "DISCORD_TOKEN"}}, "channel is missing"),
        ({"token": {"env": "DISCORD_TOKEN"}, "channel": "#news"}, "give a whole number"),
        (OPTIONS["webhook"] | {"colour": "red"}, "option colour is not known"),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
async def test_options_that_cannot_be_used_are_refused_before_anything_starts(
    there: Discord, tables: Any, options: dict[str, Any], why: str
) -> None:
    assert there.base
    tables["pairs"][0] |= {"handler": "discord", "options": options}
    del tables["pairs"][0]["target"]

    with pytest.raises(HandlerOptionsError, match=r"handler discord: option ") as refused:
        Warden(tables)

    assert why in str(refused.value)
    assert SECRET not in str(refused.value)


async def test_a_pair_is_added_and_changed_with_options_that_can_be_used_or_not_at_all(
    newsroom: Newsroom, there: Discord
) -> None:
    assert there.base
    warden = await newsroom.start()
    wanted = {"session": "alice", "source": "@news_in", "mode": "copy", "handler": "discord"}

    with pytest.raises(HandlerOptionsError, match="give exactly one"):
        await warden.pairs.add(**wanted, options={})
    plan = await warden.pairs.add(**wanted, options=OPTIONS["webhook"])
    with pytest.raises(HandlerOptionsError, match="the variable NOT_SET is not set"):
        await warden.pairs.change(plan.id, options={"webhook": {"env": "NOT_SET"}})

    newsroom.say("news_in", "one")
    await newsroom.hears(Forwarded, pair=plan.id)
    assert there.contents == ["one"]
