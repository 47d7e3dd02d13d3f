"""The pages of the device flow (RFC 8628) in Chromium, from the code to the end; axe finds nothing serious on any."""

from typing import Any

import pytest

from tests.harness.people import Person
from tests.oidc.chromium import LOOKS, Chromium, chromium, listened, looked_at, sign_in
from tests.oidc.conftest import Parties
from tests.oidc.party import Party

__all__ = ["chromium"]

GRANT = "urn:ietf:params:oauth:grant-type:device_code"


async def begun(television: Party) -> dict[str, Any]:
    """A device has asked for a code."""
    url, form = f"{television.issuer}/oauth2/device_authorization", {"scope": "openid profile offline_access"}
    answer = await television.http.post(url, data=form, auth=television.client.auth)
    assert answer.status_code == 200, answer.text
    said: dict[str, Any] = answer.json()
    return said


@pytest.fixture
async def television(parties: Parties) -> Party:
    return await parties(name="A television", grant_types=[GRANT, "refresh_token"])


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("decision", ["allow", "deny"])
async def test_a_device_is_decided_on_by_keyboard(
    chromium: Chromium, television: Party, person: Person, look: str, decision: str
) -> None:
    device = await begun(television)
    page = await (await chromium.new_context(**LOOKS[look])).new_page()
    complaints, seen = listened(page), {}
    await page.goto(device["verification_uri"])
    await page.locator("input[name=user_code]:focus").wait_for()
    await page.keyboard.type("BBBB-BBBB")
    await page.keyboard.press("Enter")
    await page.wait_for_selector(".problem")
    seen["code, wrong"] = await looked_at(page)
    await page.fill("input[name=user_code]", device["user_code"].lower())
    await page.keyboard.press("Enter")
    await page.wait_for_selector("input[name=password]")
    seen["sign in"] = await looked_at(page)
    await sign_in(page, person)
    await page.wait_for_selector(f"text={device['user_code']}")
    seen["connect"] = await looked_at(page)
    await page.focus(f"button[name=decision][value={decision}]")
    await page.keyboard.press("Enter")
    await page.wait_for_selector("form", state="detached")
    seen["done"] = await looked_at(page)
    assert {what: wrong for what, wrong in seen.items() if wrong} == {}
    answer = await television.ask(grant_type=GRANT, device_code=device["device_code"])
    assert answer.json().get("error", "") == ("" if decision == "allow" else "access_denied")
    # Chromium tells of every answer that is an error.
    assert not [one for one in complaints if "status of 4" not in one]


async def test_a_code_that_is_over_says_so_and_what_to_do(
    chromium: Chromium, television: Party, person: Person
) -> None:
    device = await begun(television)
    page, other = await chromium.new_page(), await chromium.new_page()
    for one in (page, other):
        await one.goto(device["verification_uri_complete"])
        await one.click("button.primary")
        await one.wait_for_selector("input[name=password]")
        await sign_in(one, person)
        await one.wait_for_selector("button[name=decision][value=allow]")
    await other.click("button[name=decision][value=deny]")
    await other.wait_for_selector("form", state="detached")
    await page.click("button[name=decision][value=allow]")
    await page.wait_for_selector("text=This code is no longer good")
    assert await looked_at(page) == []
    answer = await television.ask(grant_type=GRANT, device_code=device["device_code"])
    assert answer.json()["error"] == "access_denied"
