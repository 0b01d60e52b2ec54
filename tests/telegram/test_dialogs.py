"""The chats of an account: what is none, or cannot be read, hides no other."""

from __future__ import annotations

from typing import Any

import pytest

from telewarden.loopback import Unknown
from telewarden.telegram import dialogs_in, dialogs_request

pytestmark = [pytest.mark.telegram, pytest.mark.crashes(logged="layer drift", possible=True)]


async def test_a_community_among_the_dialogs_is_passed_over(line: Any) -> None:
    line.alice.communities = ("The community",)
    client = await line.open(line.alice)

    assert await client.learn_chats() == 2
    told = dialogs_in(await client.call(dialogs_request(10)))

    assert [one.title for one in told] == ["News"]


async def test_a_chat_whose_newest_message_cannot_be_read_hides_none_that_is_newer(
    line: Any,
) -> None:
    old = line.tg.add_group("Old", owner=line.bob, members=[line.alice])
    line.tg.post(old, "of a later layer", media=Unknown())
    line.tg.post(line.news, "newer than it")
    client = await line.open(line.alice)

    assert await client.learn_chats() == 1

    assert client.peer(line.news.peer_id).channel_id == line.news.id
