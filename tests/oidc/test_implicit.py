"""Tokens by the authorization endpoint (OpenID Connect Core 3.2): in a form alone, for whoever registered for it."""

from typing import Any

import pytest
import pytest_asyncio
from httpx2 import AsyncClient

from services.token.domain.said import half_hash
from tests.harness.browsing import Browser, Page
from tests.harness.people import Person
from tests.harness.running import Running
from tests.oidc.keyed import Keyed, keyed, verified
from tests.oidc.party import entered

BOTH: dict[str, Any] = {"response_type": "id_token token", "response_mode": "form_post"}
ALONE = BOTH | {"response_type": "id_token"}


@pytest_asyncio.fixture
async def client(suite: Running, http: AsyncClient) -> Keyed:
    """One that has registered itself for the code and for these."""
    types: dict[str, Any] = {
        "grant_types": ["authorization_code", "implicit"],
        "response_types": ["code", "id_token", "id_token token"],
    }
    client = await keyed(suite, http, **types)
    assert {name: client.told[name] for name in types} == types
    return client


def posted(client: Keyed, page: Page) -> dict[str, str]:
    """What a page is about to post to the application."""
    assert (page.form.method, page.form.action, page.left) == ("POST", client.back, "")
    assert page.response.headers["cache-control"] == "no-store"
    assert (page.form.fields["iss"], page.form.fields["state"]) == (client.issuer, "s")
    return page.form.fields


@pytest.mark.parametrize("response_type", ["id_token token", "token id_token"])
async def test_tokens_come_in_a_form_and_stand_in_no_address(
    client: Keyed, browser: Browser, person: Person, response_type: str
) -> None:
    page = await entered(browser, client.asking(**BOTH | {"response_type": response_type}), person)
    said = posted(client, page)
    assert said.keys() - {"session_state"} == {
        *("access_token", "token_type", "expires_in", "scope", "id_token", "state", "iss"),
    }
    assert said["token_type"] == "Bearer"
    assert not any(said[name] in page.url for name in ("access_token", "id_token"))
    told = await verified(client, said["id_token"])
    assert (told["nonce"], told["sub"]) == ("n", person.account_id)
    assert told["at_hash"] == half_hash(said["access_token"], "RS256"), "nobody can put in another's access token"
    assert (await client.userinfo(said["access_token"])).json()["sub"] == person.account_id


async def test_an_id_token_alone_says_all_that_was_granted(client: Keyed, browser: Browser, person: Person) -> None:
    """OpenID Connect Core 5.4: there is no userinfo for it."""
    said = posted(client, await entered(browser, client.asking(**ALONE, scope="openid profile"), person))
    assert said.keys() - {"session_state"} == {"id_token", "state", "iss"}
    told = await verified(client, said["id_token"])
    assert told["preferred_username"] == person.username
    assert "email" not in told


async def test_nothing_outlives_the_session(
    suite: Running, http: AsyncClient, browser: Browser, person: Person
) -> None:
    """OpenID Connect Core 11: `offline_access` is for what comes to the token endpoint."""
    client = await keyed(
        suite,
        http,
        grant_types=["authorization_code", "implicit", "refresh_token"],
        response_types=["code", "id_token token"],
    )
    asked = client.asking(**BOTH, scope="openid offline_access", prompt="consent")
    said = posted(client, await entered(browser, asked, person))
    assert said["scope"] == "openid"
    assert "refresh_token" not in said


async def test_the_session_takes_them_with_it(client: Keyed, browser: Browser, person: Person) -> None:
    said = posted(client, await entered(browser, client.asking(**BOTH), person))
    page = await browser.open(f"{client.suite.url('identity')}/oauth2/logout?id_token_hint={said['id_token']}")
    assert not page.has("input", name="password")
    assert await client.ends(said["access_token"])


@pytest.mark.parametrize(
    "wrong",
    [
        {"response_mode": None},
        {"response_mode": "fragment"},
        {"response_mode": "query"},
        {"nonce": None},
        {"nonce": ""},
        {"scope": "profile"},
        {"response_type": "token"},
        {"response_type": "code id_token"},
        {"response_type": "code token"},
        {"response_type": "none"},
    ],
)
async def test_nothing_else_is_answered_with_tokens(client: Keyed, browser: Browser, wrong: dict[str, Any]) -> None:
    """And by a client that nobody vouched for, nobody is sent anywhere (RFC 9700 4.11.2)."""
    page = await browser.open(client.asking(**BOTH | wrong))
    assert (page.left, page.response.status_code) == ("", 400)
    assert "location" not in page.response.headers


async def test_who_did_not_register_for_them_has_none(suite: Running, http: AsyncClient, browser: Browser) -> None:
    client = await keyed(suite, http)
    for asked in (BOTH, ALONE):
        said = posted(client, await browser.open(client.asking(**asked, prompt="none")))
        assert said["error"] == "unsupported_response_type"
