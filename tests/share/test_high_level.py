"""Telethon's own calls come out the same through the owner as through a login of one's own."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from telewarden.loopback import LoopbackTelegram

from .conftest import ALICE, CAROL, PRESS, House, shared_tables
from .high_level import CALLS, outcomes

pytestmark = [pytest.mark.session, pytest.mark.timeout(120)]


async def _outcomes(folder: Path, *, shared: bool) -> dict[str, Any]:
    """What comes of the calls in a house of their own."""
    await asyncio.to_thread(folder.mkdir)
    async with LoopbackTelegram(other_dcs=(4,)) as telegram:
        telegram.add_account("carol", phone=CAROL, dc_id=4)
        house = House(telegram, folder, shared_tables(folder))
        house.say("news_in", *(f"line {number}" for number in range(120)), "one two three")
        press, alice = house.account(PRESS), house.account(ALICE)
        telegram.post(alice, "a word", author=press)
        await house.start()
        await house.warden.session("alice").wait_online()
        try:
            async with house.client() if shared else house.own_client() as client:
                return await outcomes(client)
        finally:
            await house.warden.stop()


async def test_sixty_calls_come_out_the_same(tmp_path: Path) -> None:
    assert len(CALLS) >= 60
    own = await _outcomes(tmp_path / "own", shared=False)
    shared = await _outcomes(tmp_path / "shared", shared=True)

    different = {name: (own[name], shared[name]) for name in CALLS if own[name] != shared[name]}
    assert different == {}
    assert own["send"][0] == "bold and code"  # they were made, and not just refused alike
    refused = {name for name, one in own.items() if isinstance(one, tuple) and _is_error(one)}
    assert refused == REFUSED


def _is_error(outcome: tuple[Any, ...]) -> bool:
    return isinstance(outcome[0], str) and outcome[0].endswith("Error")


REFUSED = {
    # by Telethon
    "a chat not known",
    "kick nobody",
    "nobody",
    "not a request",
    "send nothing",
    # by Telegram
    "edit to the same",
    "leaving it",
    "send at a time",
    "send too much",
    "send where it may not",
    # by the loopback data centre, which does not have them
    "drafts",
    "the message replied to",
    "unpin",
}
"""Which of the calls end with an error, alike on both."""
