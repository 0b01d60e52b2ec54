"""A machine's clock that is set makes no line deaf: what Telegram says is heard, and answered."""

from __future__ import annotations

import time
from typing import Any

import pytest
from telethon import functions

from telewarden.telegram import Arrived

pytestmark = pytest.mark.telegram

NEAREST = functions.help.GetNearestDcRequest()


@pytest.mark.parametrize("step", [-86_400.0, -3_600.0, -31.0, 31.0, 301.0, 3_600.0, 86_400.0])
async def test_a_wall_clock_that_is_set_changes_nothing_for_a_line(
    line: Any, monkeypatch: pytest.MonkeyPatch, step: float
) -> None:
    heard, wall = line.heard(), time.time
    client = await line.open(line.alice, heard)

    monkeypatch.setattr(time, "time", lambda: wall() + step)
    line.tg.post(line.news, "told after the step", author=line.bob)
    (arrived,) = await heard.until(Arrived)
    answer = await client.call(NEAREST)
    monkeypatch.undo()

    assert arrived.message.text == "told after the step"
    assert answer.this_dc == 2
    assert client.alive


@pytest.mark.parametrize("step", [-86_400.0, -3_600.0, 3_600.0, 86_400.0])
async def test_a_machine_that_slept_hears_on_too(line: Any, step: float) -> None:
    heard = line.heard()
    client = await line.open(line.alice, heard)

    client._wire._sender._state._base += step  # as after a pause that no clock of it has noticed
    line.tg.post(line.news, "told after the pause", author=line.bob)
    (arrived,) = await heard.until(Arrived)
    answer = await client.call(NEAREST)

    assert arrived.message.text == "told after the pause"
    assert answer.this_dc == 2
    assert client.alive


async def test_telegrams_time_is_known_from_what_it_says(line: Any) -> None:
    client = await line.open(line.alice)

    assert client.told_time is not None
    assert abs(client.told_time + time.monotonic() - time.time()) <= 2.0
