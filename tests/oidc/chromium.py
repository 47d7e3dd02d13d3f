"""Debian's Chromium, led by Playwright: what its user does, what it complains of, and what axe finds."""

from collections.abc import AsyncIterator
from typing import Any

import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright
from playwright.async_api import TimeoutError as Late

from tests.harness.people import Person
from tests.oidc.programs import AXE, program

Chromium = Browser
SERIOUS = ("serious", "critical")


@pytest_asyncio.fixture
async def chromium() -> AsyncIterator[Chromium]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program("chromium"))
        yield browser
        await browser.close()


LOOKS: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light"},
    "dark, on a phone": {"color_scheme": "dark", "viewport": {"width": 360, "height": 640}, "locale": "de-DE"},
}


def listened(page: Page) -> list[str]:
    """What the browser complains of: a policy that was broken, a script that failed."""
    said: list[str] = []
    page.on("console", lambda one: said.append(one.text) if one.type in ("error", "warning") else None)
    page.on("pageerror", lambda one: said.append(str(one)))
    return said


async def sign_in(page: Page, person: Person) -> None:
    """By keyboard: the first field gets the focus, which on a busy machine is a while after the page is there."""
    await page.locator("input[name=username]:focus").wait_for()
    await page.keyboard.type(person.username)
    await page.keyboard.press("Tab")
    await page.keyboard.type(person.password)
    await page.keyboard.press("Enter")


async def arrives(page: Page, address: str) -> None:
    """Waits until the browser is there. Where it does not get there, says what it shows instead."""
    try:
        await page.wait_for_url(address)
    except Late as late:
        raise AssertionError(f"not at {address} but at {page.url}: {await page.inner_text('body')}") from late


async def found_by_axe(page: Page) -> list[str]:
    """What axe calls serious of a page. Its script comes by the debugger: the page's policy allows none."""
    await page.evaluate(AXE.read_text())
    result: dict[str, Any] = await page.evaluate("() => axe.run()")
    assert result["passes"], "axe looked at nothing"
    wrong = [one for one in result["violations"] if one["impact"] in SERIOUS]
    return [f"{one['id']}: {node['html'][:120]}" for one in wrong for node in one["nodes"]]


async def looked_at(page: Page) -> list[str]:
    """What is wrong with a page as a person has it before them."""
    wrong = await found_by_axe(page)
    width = await page.evaluate("() => document.documentElement.scrollWidth - innerWidth")
    return [*wrong, f"{width} pixels too wide"] if width > 0 else wrong
