"""Identity over REST, through the whole ASGI application: bodies, statuses, codes, cookies."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any

import httpx2
import pytest
import pytest_asyncio
from starlette.datastructures import Headers

from chassis.auth import ADMIN, scoped
from chassis.kept import MemoryKept
from chassis.proofs import Proofs
from chassis.readiness import Readiness
from chassis.web import application
from eventlog.errors import Kind, Refusal, unavailable
from eventlog.projection import Put
from services.identity.api.callers import Callers, Cookies
from services.identity.api.rest import Api
from services.identity.api.userinfo import UserInfo
from tests.unit.identity.house import OTHER_PASSWORD, PASSWORD, House, SmallToken
from tests.unit.identity.small_authorizations import SmallAuthorizations
from watchword.claims import Claims
from watchword.proof import NOTHING, Confirmation, Proven

ORIGIN = "http://127.0.0.1:8401"


class SmallBearers:
    """Bearers by their text: `<account> <session> <scope>`; policy allows the accounts in `administrators`."""

    def __init__(self) -> None:
        self.known: dict[str, Claims] = {}
        self.administrators: set[str] = set()
        self.policy_answers = True

    def issue(
        self,
        account_id: str,
        session_id: str | None,
        *scopes: str,
        asked: tuple[str, ...] = (),
        cnf: Confirmation | None = None,
        client_id: str = "app",
        family_id: str | None = None,
    ) -> dict[str, str]:
        """Of a family, without a position of the session: the token of a pairwise client."""
        bearer = f"bearer-{len(self.known)}"
        self.known[f"Bearer {bearer}"] = Claims(
            iss="i",
            sub=account_id,
            aud=("i",),
            exp=1,
            iat=0,
            jti=bearer,
            client_id=client_id,
            scope=frozenset(scopes),
            pos=1,
            kid="k",
            sid=session_id,
            fam=family_id,
            userinfo_claims=asked,
            cnf=cnf,
        )
        return {"Authorization": f"Bearer {bearer}"}

    async def claims(self, headers: Headers, *scopes: str) -> Claims:
        claims = self.known.get(headers.get("authorization", ""))
        if claims is None:
            raise Refusal(Kind.UNAUTHENTICATED, "invalid_token", "not one of ours")
        return scoped(claims, *scopes)

    async def verified(self, bearer: str, proven: Proven = NOTHING) -> Claims:
        claims = await self.claims(Headers({"authorization": f"Bearer {bearer}"}), *self.known_scopes)
        if claims.cnf is not None and not claims.cnf.proven_by(proven):
            raise Refusal(Kind.UNAUTHENTICATED, "invalid_token", "bound to a proof that was not given")
        return claims

    @property
    def known_scopes(self) -> frozenset[str]:
        return frozenset().union(*(claims.scope for claims in self.known.values()))

    async def administrator(self, headers: Headers, action: str) -> Claims:
        if "authorization" not in headers:
            raise Refusal(Kind.UNAUTHENTICATED, "authentication_required", "this needs a bearer token")
        claims = await self.claims(headers, ADMIN)
        if not self.policy_answers:
            raise unavailable("policy_unavailable", "policy does not answer")
        if claims.sub not in self.administrators:
            raise Refusal(Kind.FORBIDDEN, "not_allowed", "policy does not allow it")
        return claims


@dataclass(slots=True)
class Door:
    house: House
    bearers: SmallBearers
    client: httpx2.AsyncClient
    authorizations: SmallAuthorizations
    csrf: str = ""

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> httpx2.Response:
        if self.csrf:
            headers.setdefault("X-CSRF-Token", self.csrf)
        return await self.client.request(method, path, json=body, headers=headers)

    async def log_in(self, username: str = "alice", **more: str) -> dict[str, Any]:
        response = await self.ask("POST", "/v1/login", {"username": username, "password": PASSWORD} | more)
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        self.csrf = answer["csrf_token"]
        return answer


class LiveQueries:
    """Folds the whole log for each question."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def list_sessions(self, person: Any) -> Any:
        return await (await self._house.queries()).list_sessions(person)

    async def signed_userinfo(self, client_id: str) -> bool:
        return client_id == "signed"

    async def notices(self, person: Any) -> Any:
        return await (await self._house.queries()).notices(person)


def door_of(house: House, secure: bool = False) -> Door:
    bearers, authorizations = SmallBearers(), SmallAuthorizations(SmallToken())
    queries: Any = LiveQueries(house)
    now = house.identity.log.now
    callers = Callers(house.identity, bearers, Cookies(secure))
    app = application(
        title="identity",
        readiness=Readiness(),
        origins=frozenset({ORIGIN}),
        routers=[Api(callers, queries).router()],
        hot=UserInfo(callers, Proofs(MemoryKept(now), now, [ORIGIN]), queries, authorizations).endpoints(),
        trusted_proxies=(ip_network("192.0.2.7"),),
        certificate_header="X-Client-Certificate",
    )
    base = ORIGIN.replace("http", "https") if secure else ORIGIN
    transport = httpx2.ASGITransport(app=app, client=("192.0.2.7", 1234))
    return Door(house, bearers, httpx2.AsyncClient(transport=transport, base_url=base), authorizations)


@pytest_asyncio.fixture
async def door(house: House) -> AsyncIterator[Door]:
    made = door_of(house)
    async with made.client:
        yield made


def said(response: httpx2.Response) -> tuple[int, str]:
    assert response.headers["content-type"] == "application/problem+json"
    return response.status_code, response.json()["code"]


async def test_the_way_of_a_person_from_registration_to_logout(door: Door) -> None:
    made = await door.ask("POST", "/v1/accounts", {"username": "Alice", "password": PASSWORD, "email": "a@b.org"})
    assert made.status_code == 201
    assert set(made.json()) == {"account_id", "position"}
    assert made.headers["watchword-position"] == f"identity={made.json()['position']}"
    login = await door.log_in()
    assert set(login) == {"account_id", "session_id", "csrf_token", "position"}
    assert login["account_id"] == made.json()["account_id"]
    account = (await door.ask("GET", "/v1/account")).json()
    assert account == {
        "account_id": login["account_id"],
        "username": "alice",
        "email": "a@b.org",
        "session_id": login["session_id"],
        "csrf_token": login["csrf_token"],
        "notices": [],
    }
    listed = (await door.ask("GET", "/v1/sessions")).json()["sessions"]
    assert set(listed[0]) == {"session_id", "started", "last_seen", "address", "agent", "current"}
    assert (listed[0]["session_id"], listed[0]["address"]) == (login["session_id"], "192.0.2.7")
    logout = await door.ask("POST", "/v1/logout")
    assert logout.status_code == 200
    assert logout.json()["applied"] is True
    assert "watchword_session" not in door.client.cookies
    assert said(await door.ask("GET", "/v1/account")) == (401, "unauthenticated")


async def test_a_first_party_app_gets_tokens_with_the_session(door: Door) -> None:
    await door.house.register()
    login = await door.log_in(client_id="app")
    assert (login["token_type"], login["expires_in"], login["scope"]) == ("Bearer", 720, "watchword:account")
    assert login["access_token"]
    assert login["refresh_token"]


async def test_an_app_that_may_not_is_refused_and_gets_no_cookie(door: Door) -> None:
    await door.house.register()
    body = {"username": "alice", "password": PASSWORD, "client_id": "third-party"}
    response = await door.ask("POST", "/v1/login", body)
    assert said(response) == (400, "unauthorized_client")
    assert "set-cookie" not in response.headers


async def test_the_refusals_of_registration_and_login_have_their_codes(door: Door) -> None:
    await door.house.register()
    taken = await door.ask("POST", "/v1/accounts", {"username": "ALICE", "password": PASSWORD})
    assert said(taken) == (409, "account_exists")
    weak = await door.ask("POST", "/v1/accounts", {"username": "bob", "password": "password"})
    assert said(weak) == (422, "password_too_weak")
    for _ in range(5):
        wrong = await door.ask("POST", "/v1/login", {"username": "alice", "password": "wrong"})
        assert said(wrong) == (401, "invalid_credentials")
    limited = await door.ask("POST", "/v1/login", {"username": "alice", "password": PASSWORD})
    assert said(limited) == (429, "too_many_attempts")
    assert int(limited.headers["retry-after"]) >= 1


async def test_a_full_hashing_queue_is_said_with_retry_after(door: Door) -> None:
    await door.house.register()
    door.house.hasher._queue = 0
    full = await door.ask("POST", "/v1/login", {"username": "alice", "password": PASSWORD})
    assert said(full) == (503, "overloaded")
    assert int(full.headers["retry-after"]) >= 1
    assert (await door.client.get("/livez")).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"username": "alice"},
        {"username": 1, "password": PASSWORD},
        {"username": "alice", "password": None},
        {"username": "alice", "password": PASSWORD, "email": "nonsense"},
        {"username": "", "password": PASSWORD},
        {"username": "a b", "password": PASSWORD},
        {"username": "alice", "password": "x" * 1025},
        {"username": "alice", "password": "x" * 5000},
        ["alice"],
        "alice",
        None,
    ],
)
async def test_malformed_bodies_change_nothing_and_repeat_no_secret(door: Door, body: Any) -> None:
    response = await door.ask("POST", "/v1/accounts", body)
    assert response.status_code in (400, 415, 422)
    assert response.json()["code"]
    assert PASSWORD not in response.text
    assert door.house.store.rows == []


async def test_cookies_are_for_the_browser_alone(house: House) -> None:
    await house.register()
    for secure, name in ((False, "watchword_session"), (True, "__Host-watchword_session")):
        door = door_of(house, secure)
        response = await door.client.post("/v1/login", json={"username": "alice", "password": PASSWORD})
        given = next(one for one in response.headers.get_list("set-cookie") if one.startswith(f"{name}="))
        assert "HttpOnly" in given
        assert "SameSite=lax" in given
        assert "Path=/" in given
        assert ("Secure" in given) == secure
        assert "Domain" not in given
        secret = given.partition("=")[2].partition(";")[0].partition(".")[2]
        assert len(secret) == 43
        await door.client.aclose()


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/v1/logout", None),
        ("DELETE", "/v1/sessions", None),
        ("DELETE", "/v1/sessions/ses_x", None),
        ("PUT", "/v1/account/password", {"current_password": PASSWORD, "new_password": OTHER_PASSWORD}),
    ],
)
async def test_a_cookies_changes_need_the_sessions_own_csrf_token(
    door: Door, method: str, path: str, body: Any
) -> None:
    await door.house.register()
    others = (await door.log_in())["csrf_token"]
    door.client.cookies.clear()
    await door.log_in()
    for token in ("", "x", others, "\u00e9"):
        headers = [(b"X-CSRF-Token", token.encode())]
        response = await door.client.request(method, path, json=body, headers=headers)
        assert said(response) == (403, "csrf_token_invalid")
    response = await door.client.request(method, path, json=body)
    assert said(response) == (403, "csrf_token_invalid")
    assert (await door.ask("GET", "/v1/account")).status_code == 200


async def test_other_sites_are_refused_login_included(door: Door) -> None:
    await door.house.register()
    body = {"username": "alice", "password": PASSWORD}
    assert (await door.ask("POST", "/v1/login", body, Origin="https://evil.example")).status_code == 403
    assert (await door.ask("POST", "/v1/login", body, **{"Sec-Fetch-Site": "cross-site"})).status_code == 403
    assert (await door.ask("POST", "/v1/login", body, Origin=ORIGIN)).status_code == 200


async def test_with_an_authorization_header_the_cookie_is_ignored(door: Door) -> None:
    await door.house.register()
    await door.log_in()
    assert said(await door.ask("GET", "/v1/account", Authorization="Bearer nonsense")) == (401, "invalid_token")
    assert said(await door.ask("GET", "/v1/account", Authorization="Basic eDp5")) == (401, "invalid_token")


async def test_a_bearer_sees_its_own_account_and_no_csrf_token(door: Door) -> None:
    await door.house.register()
    login = await door.log_in()
    door.client.cookies.clear()
    door.csrf = ""
    bearer = door.bearers.issue(login["account_id"], login["session_id"], "watchword:account")
    account = (await door.ask("GET", "/v1/account", **bearer)).json()
    assert (account["account_id"], account["session_id"]) == (login["account_id"], login["session_id"])
    assert "csrf_token" not in account
    listed = (await door.ask("GET", "/v1/sessions", **bearer)).json()["sessions"]
    assert [one["current"] for one in listed] == [True]
    assert (await door.ask("POST", "/v1/logout", **bearer)).status_code == 200
    assert said(await door.ask("GET", "/v1/account", **bearer)) == (401, "unauthenticated")


async def test_a_bearer_without_the_scope_opens_nothing(door: Door) -> None:
    account_id = await door.house.register()
    login = await door.log_in()
    bearer = door.bearers.issue(account_id, login["session_id"], "openid", "watchword:evaluate")
    for method, path in (("GET", "/v1/account"), ("GET", "/v1/sessions"), ("DELETE", "/v1/sessions")):
        assert said(await door.ask(method, path, **bearer)) == (403, "insufficient_scope")


async def test_a_password_change_keeps_this_browser_and_ends_the_others(door: Door) -> None:
    await door.house.register()
    await door.log_in()
    other = door_of(door.house)
    await other.log_in()
    old = door.client.cookies["watchword_session"]
    body = {"current_password": PASSWORD, "new_password": OTHER_PASSWORD}
    changed = await door.ask("PUT", "/v1/account/password", body)
    assert changed.status_code == 200
    assert changed.json()["position"]
    assert door.client.cookies["watchword_session"] != old
    assert (await door.ask("GET", "/v1/account")).status_code == 200
    assert said(await other.ask("GET", "/v1/account")) == (401, "unauthenticated")
    assert len((await door.ask("GET", "/v1/sessions")).json()["sessions"]) == 1
    await other.client.aclose()


async def test_one_of_the_others_is_ended_and_then_all(door: Door) -> None:
    await door.house.register()
    first = await door.log_in()
    door.client.cookies.clear()
    await door.log_in()
    ended = await door.ask("DELETE", f"/v1/sessions/{first['session_id']}")
    assert (ended.status_code, ended.json()["applied"]) == (200, True)
    assert said(await door.ask("DELETE", "/v1/sessions/ses_none")) == (404, "session_unknown")
    everywhere = await door.ask("DELETE", "/v1/sessions")
    assert everywhere.status_code == 200
    assert said(await door.ask("GET", "/v1/account")) == (401, "unauthenticated")


async def test_where_token_is_down_applied_says_so(door: Door) -> None:
    await door.house.register()
    await door.log_in()
    door.house.token.answers = False
    assert (await door.ask("POST", "/v1/logout")).json()["applied"] is False
    assert said(await door.ask("GET", "/v1/account")) == (401, "unauthenticated")


async def test_administrators_disable_and_enable_by_bearer_alone(door: Door) -> None:
    account_id = await door.house.register()
    admin = await door.house.register("root-admin")
    login = await door.log_in()
    path = f"/v1/accounts/{account_id}/disable"
    assert said(await door.ask("POST", path, {"reason": "x"})) == (401, "authentication_required")
    owner = door.bearers.issue(account_id, login["session_id"], "watchword:account")
    assert said(await door.ask("POST", path, {"reason": "x"}, **owner)) == (403, "insufficient_scope")
    bearer = door.bearers.issue(admin, None, "watchword:admin")
    assert said(await door.ask("POST", path, {"reason": "x"}, **bearer)) == (403, "not_allowed")
    door.bearers.administrators.add(admin)
    door.bearers.policy_answers = False
    assert said(await door.ask("POST", path, {"reason": "x"}, **bearer)) == (503, "policy_unavailable")
    door.bearers.policy_answers = True
    assert said(await door.ask("POST", path, {}, **bearer)) == (422, "invalid_request")
    done = await door.ask("POST", path, {"reason": "left the company"}, **bearer)
    assert (done.status_code, done.json()["applied"]) == (200, True)
    assert door.house.store.rows[-1].actor == admin
    assert said(await door.ask("GET", "/v1/account")) == (401, "unauthenticated")
    enabled = await door.ask("POST", f"/v1/accounts/{account_id}/enable", {"reason": "back"}, **bearer)
    assert enabled.json()["position"] == len(door.house.store.rows)
    await door.log_in()
    unknown = await door.ask("POST", "/v1/accounts/acc_none/disable", {"reason": "x"}, **bearer)
    assert said(unknown) == (404, "account_unknown")


async def test_a_person_is_told_of_a_reused_refresh_token(door: Door) -> None:
    account_id = await door.house.register()
    await door.log_in()
    notice = {"code": "refresh_reuse_detected", "at": "2026-01-01T00:00:00.000000Z", "client_id": "app"}
    door.house.told.apply(Put("notice", "1", notice, belongs=account_id))
    door.house.told.apply(Put("notice", "2", notice, belongs="acc_other"))
    assert (await door.ask("GET", "/v1/account")).json()["notices"] == [notice]
