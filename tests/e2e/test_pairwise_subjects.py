"""Pairwise subjects (OpenID Connect Core 8.1) on a running suite: two applications cannot tell that they know the same
person, and whatever ends that person's session ends what both were given.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import jwt
import pytest
import pytest_asyncio
from google.protobuf.duration_pb2 import Duration
from httpx2 import AsyncClient

from tests.harness.applications import ask_token, registered
from tests.harness.backend import backend
from tests.harness.browsing import Browser
from tests.harness.listening import listening
from tests.harness.people import People, Person, claims
from tests.harness.reuse import judged
from tests.harness.running import Running
from tests.harness.visits import BACK, Visit

pytestmark = pytest.mark.over("feed")

OUT, FRAME = "https://app.example/out", "https://app.example/frame"
WITHIN = 20.0
MANY = 12


@pytest_asyncio.fixture
async def http() -> AsyncIterator[AsyncClient]:
    async with AsyncClient(timeout=30, trust_env=False) as http:
        yield http


@pytest_asyncio.fixture
async def browser(suite: Running) -> AsyncIterator[Browser]:
    async with AsyncClient(timeout=30, trust_env=False) as http:
        yield Browser.before(http, suite.url("identity"))


@pytest_asyncio.fixture
async def person(people: People) -> Person:
    return await people.register()


async def application(suite: Running, http: AsyncClient, sector: str, **more: Any) -> Visit:
    pairwise = {"subject_type": "pairwise", "sector": sector} if sector else {}
    wanted = {
        "name": "An app",
        "confidential": True,
        "grant_types": ["authorization_code", "refresh_token"],
        "scopes": ["openid", "offline_access"],
        "redirect_uris": [BACK],
        "post_logout_redirect_uris": [OUT],
    }
    return Visit(suite, http, await registered(suite, **wanted | pairwise | more))


async def userinfo(visit: Visit) -> Any:
    headers = {"Authorization": f"Bearer {visit.tokens['access_token']}"}
    return await visit.http.get(f"{visit.suite.url('identity')}/oauth2/userinfo", headers=headers)


async def refreshed(visit: Visit) -> Any:
    form = {"grant_type": "refresh_token", "refresh_token": visit.tokens["refresh_token"]}
    return await ask_token(visit.http, visit.suite, visit.client, **form)


async def test_two_sectors_know_a_person_by_two_names_and_one_sector_by_one(
    suite: Running, http: AsyncClient, browser: Browser, person: Person
) -> None:
    offered = (await http.get(f"{suite.url('token')}/.well-known/openid-configuration")).json()
    assert offered["subject_types_supported"] == ["public", "pairwise"]
    sectors = {"diary": "diary.example", "notes": "diary.example", "bank": "bank.example", "open": ""}
    visits = {name: await application(suite, http, sector) for name, sector in sectors.items()}
    signed = await application(suite, http, "diary.example", userinfo_alg="ES256")
    for visit in (*visits.values(), signed):
        await visit.enter(browser, person)
    said = {name: visit.identified for name, visit in visits.items()}
    assert said["open"]["sub"] == person.account_id
    for claim in ("sub", "sid"):
        assert said["diary"][claim] == said["notes"][claim]
        assert len({said[name][claim] for name in ("diary", "bank", "open")}) == 3
    for name, visit in visits.items():
        access = claims(visit.tokens["access_token"])
        assert (access["sub"], access["sid"]) == (said[name]["sub"], said[name]["sid"])
        assert ("spos" in access) is (name == "open")
        assert (await userinfo(visit)).json() == {"sub": said[name]["sub"]}
    jws = (await userinfo(signed)).text
    assert jwt.decode(jws, options={"verify_signature": False})["sub"] == said["diary"]["sub"]


async def test_a_hint_works_where_it_was_given_and_nowhere_else(
    suite: Running, http: AsyncClient, browser: Browser, person: Person, people: People
) -> None:
    diary, bank = [await application(suite, http, f"{name}.example") for name in ("diary", "bank")]
    for visit in (diary, bank):
        await visit.enter(browser, person)

    async def silently(visit: Visit, **more: str) -> dict[str, str]:
        page = await browser.open(visit.asking(prompt="none", **more))
        return dict(parse_qsl(urlsplit(page.left).query))

    hint = diary.tokens["id_token"]
    assert "code" in await silently(diary, id_token_hint=hint)
    assert (await silently(bank, id_token_hint=hint))["error"] == "invalid_request"
    asked = '{"id_token": {"sub": {"value": "%s"}}}'
    assert "code" in await silently(diary, claims=asked % diary.identified["sub"])
    for foreign in (bank.identified["sub"], person.account_id):
        assert (await silently(diary, claims=asked % foreign))["error"] == "login_required"
    left = await browser.open(f"{suite.url('identity')}/oauth2/logout?" + urlencode({"id_token_hint": hint}))
    assert left.title.startswith("You are signed out"), "nobody has to be asked"
    await bank.enter(browser, await people.register())
    assert (await silently(diary, id_token_hint=hint))["error"] == "login_required", "it is somebody else"


async def test_each_application_is_told_of_the_end_of_what_it_calls_the_session(
    suite: Running, http: AsyncClient, browser: Browser, person: Person
) -> None:
    async with listening() as endpoint:
        frames = {"frontchannel_logout_uri": FRAME, "frontchannel_logout_session_required": True}
        diary = await application(suite, http, "diary.example", backchannel_logout_uri=endpoint.url)
        bank = await application(suite, http, "bank.example", **frames)
        for visit in (diary, bank):
            await visit.enter(browser, person)
        asked = urlencode({"id_token_hint": diary.tokens["id_token"]})
        page = await browser.open(f"{suite.url('identity')}/oauth2/logout?{asked}")
        (frame,) = [attributes["src"] for tag, attributes in page.attributes if tag == "iframe"]
        assert dict(parse_qsl(urlsplit(frame).query))["sid"] == bank.identified["sid"]
        async with asyncio.timeout(WITHIN):
            while not endpoint.forms:
                await asyncio.sleep(0.02)
        told = await diary.read(endpoint.forms[0]["logout_token"])
        assert (told["sub"], told["sid"]) == (diary.identified["sub"], diary.identified["sid"])


@dataclass
class Entered:
    """Somebody who signed in at two applications by browser, and once besides, by themselves."""

    people: People
    person: Person
    browser: Browser
    visits: list[Visit]

    async def _own(self) -> dict[str, str]:
        return (await self.people.login(self.person)).bearer

    async def disabled(self) -> None:
        admin = await self.people.administrator()
        url = f"/v1/accounts/{self.person.account_id}/disable"
        answer = await self.people.post("identity", url, 0, admin.bearer, reason="a test")
        assert answer.json()["applied"] is True, answer.text

    async def signed_out(self) -> None:
        hint = urlencode({"id_token_hint": self.visits[0].tokens["id_token"]})
        await self.browser.open(f"{self.people.url('identity')}/oauth2/logout?{hint}")

    async def signed_out_everywhere(self) -> None:
        url = self.people.url("identity") + "/v1/sessions"
        assert (await self.people.http.delete(url, headers=await self._own())).status_code == 200

    async def one_session_ended(self) -> None:
        own, url = await self._own(), self.people.url("identity") + "/v1/sessions"
        listed = (await self.people.http.get(url, headers=own)).json()["sessions"]
        (other,) = [one["session_id"] for one in listed if not one["current"]]
        assert (await self.people.http.delete(f"{url}/{other}", headers=own)).status_code == 200

    async def password_changed(self) -> None:
        body = {"current_password": self.person.password, "new_password": "another correct horse battery 7"}
        url = self.people.url("identity") + "/v1/account/password"
        assert (await self.people.http.put(url, json=body, headers=await self._own())).status_code == 200

    async def revoked_at_token(self) -> None:
        await self.people.revoke(await self.people.administrator(), subject=self.person.account_id)

    async def reused(self) -> None:
        await refreshed(self.visits[0])
        answer = await judged(lambda: refreshed(self.visits[0]))
        assert answer.json()["error"] == "invalid_grant"


ENDS: list[Callable[[Entered], Awaitable[None]]] = [
    Entered.disabled,
    Entered.signed_out,
    Entered.signed_out_everywhere,
    Entered.one_session_ended,
    Entered.password_changed,
    Entered.revoked_at_token,
    Entered.reused,
]


@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.__name__)
async def test_whatever_ends_the_person_or_the_session_ends_what_they_were_given(
    suite: Running,
    http: AsyncClient,
    browser: Browser,
    person: Person,
    people: People,
    end: Callable[[Entered], Awaitable[None]],
) -> None:
    strict = {"reuse_ends": "account", "leeway": Duration()}
    sectors: dict[str, dict[str, Any]] = {
        "diary.example": strict,
        "bank.example": {"grant_types": ["authorization_code"]},
    }
    visits = [await application(suite, http, sector, **how) for sector, how in sectors.items()]
    async with backend(suite, f"pairwise-{end.__name__}", 5.0, suite.fleet.target("token")) as verifier:
        for visit in visits:
            await visit.enter(browser, person)
            assert await verifier.says(visit.tokens["access_token"]) == "accepted"
            assert (await userinfo(visit)).status_code == 200
        assert "refresh_token" not in visits[1].tokens
        await end(Entered(people, person, browser, visits))
        for visit in visits:
            token = visit.tokens["access_token"]
            await verifier.until_it_says(token, "revoked")
            await until_inactive(people, token)
            assert (await userinfo(visit)).status_code == 401
        assert (await refreshed(visits[0])).json()["error"] == "invalid_grant"


async def until_inactive(people: People, token: str) -> None:
    deadline = time.monotonic() + WITHIN
    while (await people.introspect(token))["active"]:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


def halves(codes: list[str]) -> tuple[list[str], list[str]]:
    return codes[:MANY], codes[MANY:]


async def test_a_family_that_begins_while_the_account_is_revoked_is_refused_or_ended(
    suite: Running, http: AsyncClient, browser: Browser, person: Person, people: People
) -> None:
    """In two processes on one database, with the revocation among them."""
    suite.second("token")
    diary, admin = await application(suite, http, "diary.example"), await people.administrator()
    await diary.enter(browser, person)
    codes = []
    for _ in range(2 * MANY):
        page = await browser.open(diary.asking(prompt="none"))
        codes.append(dict(parse_qsl(urlsplit(page.left).query))["code"])
    before, after = [[diary.redeem(code, turn % 2) for turn, code in enumerate(half)] for half in halves(codes)]
    revoking = people.revoke(admin, 0, subject=person.account_id)
    first, revoked, second = await asyncio.gather(asyncio.gather(*before), revoking, asyncio.gather(*after))
    for answer in (*first, *second):
        assert answer.status_code in (200, 400), answer.text
    given = [answer.json() for answer in (*first, *second) if answer.status_code == 200]
    for tokens in (*given, diary.tokens):
        assert claims(tokens["access_token"])["pos"] < revoked["position"]
        assert not (await people.introspect(tokens["access_token"]))["active"]
    for tokens in given:
        form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
        assert (await ask_token(http, suite, diary.client, **form)).json()["error"] == "invalid_grant"
