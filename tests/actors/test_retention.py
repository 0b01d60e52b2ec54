"""What was forgotten is neither lost nor doubled: whole wardens, with pruning in between.

The data centre forgets its random ids as well, so that what is sent twice is there twice.
"""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

from telewarden.loopback import Message
from telewarden.storage import RowsPruned
from telewarden.telegram import BackfillProgress

from .conftest import LOOK_EVERY, SOON, Newsroom

pytestmark = [pytest.mark.actors, pytest.mark.session]

IN, OUT = "market_in", "market_out"  # pair 2 copies
PAIR = 2


@pytest.fixture
async def forgetful(newsroom: Newsroom, tables: Any) -> Newsroom:
    """A newsroom that forgets what was delivered a thousandth of a second ago."""
    tables["storage"] |= {"keep_delivered": 0.001}
    newsroom.reconfigure(tables)
    return newsroom


async def forget(newsroom: Newsroom) -> None:
    """Prune, and have the data centre forget too; what is just being written down comes first."""
    warden = newsroom.warden
    async with asyncio.timeout(SOON):
        while True:
            await warden.retention.prune()
            counts = await warden._access.stored(lambda store: store.outbox_counts())
            if counts.done == 0 and counts.pending == 0:
                break
            await asyncio.sleep(LOOK_EVERY)
    newsroom.telegram._engine.world.sent.clear()


async def backfilled(newsroom: Newsroom, *, after: int = 0) -> int:
    """Have the whole past read; returns how many messages of it were found to be sent."""
    since = newsroom.mark()
    await newsroom.warden.pairs.backfill(PAIR, after=after)
    progress = await newsroom.hears(BackfillProgress, since=since, pair=PAIR, done=True)
    return int(progress.found)


async def test_a_forgotten_message_is_not_sent_again_by_a_backfill(forgetful: Newsroom) -> None:
    forgetful.say(IN, "before the pair")
    await forgetful.start()
    forgetful.say(IN, "one", "two")
    await forgetful.arrives(OUT, "one", "two")
    await forget(forgetful)

    assert await backfilled(forgetful, after=1) == 0
    assert await backfilled(forgetful) == 1

    await forgetful.arrives(OUT, "one", "two", "before the pair")
    await forget(forgetful)
    await forgetful.stop()
    await forgetful.start()
    assert await backfilled(forgetful) == 0
    assert forgetful.texts(OUT) == ["one", "two", "before the pair"]


async def test_edits_and_deletions_of_what_was_forgotten_are_passed_over(
    forgetful: Newsroom,
) -> None:
    await forgetful.start()
    forgetful.say(IN, "one", "two", "three")
    await forgetful.arrives(OUT, "one", "two", "three")
    await forget(forgetful)
    source = forgetful.chats[IN]
    one, two, three = source.messages

    source.edit_message(one, "one, changed")
    source.delete_messages([two])
    forgetful.say(IN, "four")
    await forgetful.arrives(OUT, "one", "two", "three", "four")
    await forgetful.stop()
    source.delete_messages([three])
    await forgetful.start()
    forgetful.say(IN, "five")

    await forgetful.arrives(OUT, "one", "two", "three", "four", "five")


async def test_an_answer_to_what_was_forgotten_is_sent_plain(forgetful: Newsroom) -> None:
    await forgetful.start()
    forgetful.say(IN, "question")
    await forgetful.arrives(OUT, "question")
    await forget(forgetful)
    await forgetful.stop()
    await forgetful.start()

    question = forgetful.chats[IN].messages[0]
    forgetful.telegram.post(forgetful.chats[IN], "answer", reply_to=question)

    await forgetful.arrives(OUT, "question", "answer")
    assert forgetful.chats[OUT].messages[1].reply_to is None


async def test_what_went_is_told_counted_and_an_operation_when_asked_for(
    forgetful: Newsroom,
) -> None:
    warden = await forgetful.start()
    forgetful.say(IN, "one", "two")
    await forgetful.arrives(OUT, "one", "two")
    since = forgetful.mark()
    await forgetful.until(lambda: warden.exporter.counters()["forwarded"] >= 2)

    await forget(forgetful)

    told = [one for one in forgetful.heard[since:] if isinstance(one, RowsPruned)]
    operation = warden.operations.list(kind="prune")[-1]
    assert sum(one.outbox for one in told) == 2
    assert 'telewarden_rows_pruned_total{kind="outbox"} 2.0' in (
        warden.exporter.render()[0].decode()
    )
    assert operation.state == "finished"
    assert operation.parts[0].text.startswith("outbox: ")


class Story:
    """What a reader of the target should see, whatever happens at the source and to the warden."""

    def __init__(self, newsroom: Newsroom, seed: int) -> None:
        self.newsroom, self.chance = newsroom, random.Random(seed)
        self.copies: list[list[Any]] = []  # the source's message, what the copy says, forgotten
        self.said = 0

    async def tell(self, steps: int) -> None:
        deeds = (self.say, self.say, self.edit, self.delete, self.forget, self.backfill)
        for _ in range(steps):
            await self.chance.choice((*deeds, self.restart))()
            await self.settled()

    async def settled(self) -> None:
        def as_told() -> bool:
            return self.newsroom.texts(OUT) == [text for _, text, _ in self.copies]

        try:
            await self.newsroom.until(as_told)
        except TimeoutError:
            assert self.newsroom.texts(OUT) == [text for _, text, _ in self.copies]

    async def say(self) -> None:
        for _ in range(self.chance.randint(1, 3)):
            self.said += 1
            self.newsroom.say(IN, f"message {self.said}")
            message = self.newsroom.chats[IN].messages[-1]
            self.copies.append([message, message.text, False])

    def _some(self) -> list[Any] | None:
        there = self.newsroom.chats[IN].messages
        known = [copy for copy in self.copies if copy[0] in there]
        return self.chance.choice(known) if known else None

    async def edit(self) -> None:
        if (copy := self._some()) is not None:
            message: Message = copy[0]
            self.newsroom.chats[IN].edit_message(message, f"{message.text}, again")
            copy[1] = copy[1] if copy[2] else message.text

    async def delete(self) -> None:
        if (copy := self._some()) is not None:
            self.newsroom.chats[IN].delete_messages([copy[0]])
            self.copies = [one for one in self.copies if one is not copy or copy[2]]

    async def forget(self) -> None:
        await forget(self.newsroom)
        for copy in self.copies:
            copy[2] = True

    async def backfill(self) -> None:
        assert await backfilled(self.newsroom) == 0

    async def restart(self) -> None:
        await self.newsroom.stop()
        await self.newsroom.start()


@pytest.mark.parametrize("seed", range(4))
async def test_a_random_story_reads_right_with_forgetting_in_between(
    forgetful: Newsroom, seed: int
) -> None:
    await forgetful.start()

    await Story(forgetful, seed).tell(30)
