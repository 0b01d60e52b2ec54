"""Login of an account from the page: code, cloud password, QR code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

from .conftest import LOOKER, OPERATOR

if TYPE_CHECKING:
    from .conftest import OpenPage, Page

pytestmark = [pytest.mark.console, pytest.mark.session]


async def step(client: httpx.AsyncClient, name: str, secret: str | None = None) -> Any:
    given = {"session": "alice", "step": name} | ({} if secret is None else {"secret": secret})
    answer = await client.post("api/commands/login", json=given, timeout=60)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def online(client: httpx.AsyncClient) -> bool:
    return bool((await step(client, "look"))["phase"] == "online")


async def test_a_login_by_code_and_password_echoes_neither(
    page_of: OpenPage, tokens: list[dict[str, Any]], caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        page_of(password="correct horse", tokens=tokens) as page,
        page.logged_in(OPERATOR) as ann,
    ):
        started = await step(ann, "start")
        asked = await step(ann, "code", "22222")
        done = await step(ann, "password", "correct horse")
        await page.until(lambda: online(ann))
        trail = await ann.post("api/commands/audit", json={"what": "login"})

    assert (started["phase"], asked["phase"]) == ("awaiting_code", "awaiting_password")
    assert started["says"]
    assert {row["who"] for row in trail.json()["rows"]} == {"page: ann"}
    assert "correct horse" not in caplog.text + trail.text + str([started, asked, done])


async def test_a_login_by_qr_code_shows_its_modules_and_goes_on_with_the_scan(page: Page) -> None:
    async with page.logged_in(OPERATOR) as ann:
        shown = await step(ann, "qr")
        looked = await step(ann, "look")
        page.telegram.scan_qr(page.account, shown["qr"]["url"])
        done = await step(ann, "scan")
        await page.until(lambda: online(ann))

    rows = shown["qr"]["rows"]
    assert shown["phase"] == "awaiting_qr"
    assert looked["qr"] == shown["qr"]
    assert {len(row) for row in rows} == {len(rows)}
    assert rows[0].startswith("1111111")
    assert set("".join(rows)) == {"0", "1"}
    assert shown["qr"]["expires"] > 0
    assert done["qr"] is None


async def test_who_may_only_look_logs_nobody_in(page: Page) -> None:
    async with page.logged_in(LOOKER) as leo:
        answer = await leo.post("api/commands/login", json={"session": "alice", "step": "qr"})

    assert (answer.status_code, answer.json()["error"]["type"]) == (403, "ReadOnly")
