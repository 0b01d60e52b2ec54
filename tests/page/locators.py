"""Where things are on the page, and what is waited for."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page


def row(page: Page, kind: str, text: str) -> Locator:
    """A row of one of the tables."""
    return page.locator(f".{kind} .body > .row", has_text=text)


def see(where: Locator, text: str) -> None:
    """Wait until a text is there."""
    where.get_by_text(text).first.wait_for()


def answer(page: Page, action: str) -> None:
    """Say yes to what is asked, and wait until it is done."""
    page.get_by_role("dialog").get_by_role("button", name=action, exact=True).click()
    page.get_by_role("dialog").wait_for(state="detached")
