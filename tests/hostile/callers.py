"""Who sends hostile requests over REST, and what somebody knows who knows the suite well."""

import asyncio
import secrets
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import requests
from httpx2 import AsyncClient

from tests.harness.applications import machine, own_token, registered
from tests.harness.browsing import Browser
from tests.harness.people import PASSWORD
from tests.harness.running import Running
from tests.hostile.addresses import ADDRESSES, session_from
from tests.hostile.operations import ALIKE, ASKED, OF_RULES
from tests.oidc.party import ALLOW, party

KINDS = ("nobody", "cookie", "bearer", "administrator", "service", "machine", "nonsense")


def right_kind(operation: Any) -> str:
    """As whom an operation can be called."""
    if operation.label.endswith("/oauth2/userinfo"):
        return "identified"
    if operation.label in ASKED:
        return "machine"
    named = {scheme for by in operation.definition.raw["security"] for scheme in by}
    if "session" in named:
        return "cookie"
    if "bearer" in named:
        return "administrator"
    return "service" if operation.label == "POST /oauth2/introspect" else "nobody"


@dataclass
class Account:
    """A person who is logged in."""

    username: str
    account_id: str
    session_id: str
    csrf_token: str
    cookie: str
    access_token: str
    refresh_token: str


@dataclass(frozen=True)
class Allowed:
    """An application, and a token with the scope `openid`."""

    client_id: str
    access_token: str


class Callers:
    """One person at a time, an administrator, a client, and nobody."""

    def __init__(self, suite: Running) -> None:
        self._suite = suite
        self._sessions = [session_from(number) for number in range(ADDRESSES)]
        self._turn = 0
        self._person: Account | None = None
        self._admin: str | None = None
        self._scratch: str | None = None
        self._allowed: Allowed | None = None
        self._machine: str | None = None

    @property
    def session(self) -> requests.Session:
        """Of the next address; it holds no cookie."""
        self._turn += 1
        session = self._sessions[self._turn % ADDRESSES]
        session.cookies.clear()
        return session

    @property
    def person(self) -> Account:
        if self._person is None:
            username = f"user-{secrets.token_hex(6)}"
            self._post("/v1/accounts", {"username": username, "password": PASSWORD}, 201)
            self._person = self._login(username, PASSWORD)
        return self._person

    @property
    def administrator(self) -> str:
        if self._admin is None:
            self._admin = self._login(self._suite.admin.username, self._suite.admin.password).access_token
        return self._admin

    @property
    def scratch(self) -> str:
        """A client that may be changed and deleted."""
        if self._scratch is None:
            url, body = self._suite.url("token") + "/v1/clients", {"name": "scratch"}
            answer = self.session.post(url, json=body, headers=self.headers("administrator"), timeout=30)
            assert answer.status_code == 201, answer.text
            self._scratch = answer.json()["client_id"]
        return self._scratch

    @property
    def allowed(self) -> "Allowed":
        """An application that the person has let know who they are."""
        if self._allowed is None:
            self._allowed = asyncio.run(self._allow(self.person))
        return self._allowed

    @property
    def machine(self) -> str:
        """A token of a client that asks policy for itself."""
        if self._machine is None:
            self._machine = asyncio.run(self._ask_for_itself())
        return self._machine

    async def _ask_for_itself(self) -> str:
        async with AsyncClient(timeout=30, trust_env=False) as http:
            client = await machine(self._suite, scopes=["watchword:evaluate", "watchword:search"])
            return await own_token(http, self._suite, client)

    async def _allow(self, person: Account) -> "Allowed":
        identity = self._suite.url("identity")
        async with AsyncClient(timeout=30, trust_env=False) as http:
            app = await party(self._suite, http, ask_consent=True)
            http.cookies.set("watchword_session", person.cookie, domain="127.0.0.1")
            browser = Browser.before(http, identity)
            page = await browser.submit(await browser.open(app.asking()), ALLOW)
            tokens = (await app.redeem(app.said(page)["code"])).json()
        return Allowed(app.client.client_id, tokens["access_token"])

    def forget(self) -> None:
        """What was held may be worth nothing now."""
        self._person = self._admin = self._scratch = self._allowed = self._machine = None

    def headers(self, kind: str) -> dict[str, str]:
        """As whom a request comes."""
        service = self._suite.service
        match kind:
            case "cookie":
                return {"Cookie": f"watchword_session={self.person.cookie}", "X-CSRF-Token": self.person.csrf_token}
            case "bearer":
                return {"Authorization": f"Bearer {self.person.access_token}"}
            case "administrator":
                return {"Authorization": f"Bearer {self.administrator}"}
            case "machine":
                return {"Authorization": f"Bearer {self.machine}"}
            case "identified":
                return {"Authorization": f"Bearer {self.allowed.access_token}"}
            case "service":
                return {"Authorization": requests.auth._basic_auth_str(service.client_id, service.client_secret)}
            case "nonsense":
                return {"Authorization": "Bearer a.b.c", "Cookie": "watchword_session=a.b; =;;x"}
        return {}

    def good_body(self, label: str) -> dict[str, Any] | None:
        """One that the operation says yes to, where what is known does not suffice."""
        person, app = self.person, self._suite.app
        match label:
            case "POST /v1/accounts":
                username, email = f"user-{secrets.token_hex(6)}", "somebody@example.org"
                return {"username": username, "password": PASSWORD, "email": email}
            case "POST /v1/login":
                return {"username": person.username, "password": PASSWORD, "client_id": app}
            case "POST /oauth2/token":
                return {"grant_type": "refresh_token", "refresh_token": person.refresh_token, "client_id": app}
            case "POST /oauth2/introspect":
                return {"token": person.access_token}
            case "POST /oauth2/revoke":
                return {"token": person.access_token, "client_id": app}
            case "PUT /v1/account/password":
                return {"current_password": PASSWORD, "new_password": PASSWORD}
            case "POST /oauth2/authorize" | "POST /oauth2/par":
                return self._asking
            case "POST /oauth2/device_authorization":
                return {"client_id": self._device}
            case "POST /v1/revocations":
                return {"session_id": person.session_id, "reason": "a test", "wait": "applied"}
        return ALIKE.get(label)

    def good_query(self, label: str) -> dict[str, str] | None:
        """The same in an address."""
        return self._asking if label == "GET /oauth2/authorize" else None

    @cached_property
    def _asking(self) -> dict[str, str]:
        """An authorization request of an application that is known."""
        back = "https://app.example/callback"
        wanted = {"grant_types": ["authorization_code"], "scopes": ["openid"], "redirect_uris": [back]}
        client = asyncio.run(registered(self._suite, name="app", **wanted))
        challenge = {"code_challenge": "x" * 43, "code_challenge_method": "S256"}
        return {"client_id": client.client_id, "redirect_uri": back, "response_type": "code"} | challenge

    @cached_property
    def _device(self) -> str:
        """An application without a keyboard."""
        wanted = {"grant_types": ["urn:ietf:params:oauth:grant-type:device_code"], "scopes": ["openid"]}
        return asyncio.run(registered(self._suite, name="television", **wanted)).client_id

    def knows(self, label: str) -> dict[str, str]:
        """Values that make something of a request, by the names of members and parameters."""
        person = self.person
        if label in ASKED:
            return {}
        if "/v1/clients" in label:
            # What others use is not to be changed.
            return {"client_id": self.scratch}
        if "/v1/rules" in label:
            return {"version": self._activated()}
        if "/v1/grants" in label:
            return {"client_id": self.allowed.client_id}
        return {
            "username": person.username,
            "password": PASSWORD,
            "current_password": PASSWORD,
            "client_id": self._suite.app,
            "client_secret": "",
            "session_id": person.session_id,
            "account_id": person.account_id,
            "subject": person.account_id,
            "refresh_token": person.refresh_token,
            "token": person.access_token,
            "grant_type": "refresh_token",
            "scope": "",
            "resource": "",
        }

    def _activated(self) -> str:
        """A version of the rules that decides nothing else than the shipped ones, and is in force."""
        url, headers = f"{self._suite.url('policy')}/v1/rules", self.headers("administrator")
        answer = self.session.post(url, json=OF_RULES["POST /v1/rules"], headers=headers, timeout=30)
        assert answer.status_code == 200, answer.text
        version = str(answer.json()["version"])
        answer = self.session.post(f"{url}/versions/{version}/activate", json={}, headers=headers, timeout=30)
        assert answer.status_code == 200, answer.text
        return version

    def _login(self, username: str, password: str) -> Account:
        said = self._post("/v1/login", {"username": username, "password": password, "client_id": self._suite.app}, 200)
        body = said.json()
        return Account(
            username,
            body["account_id"],
            body["session_id"],
            body["csrf_token"],
            said.cookies["watchword_session"],
            body["access_token"],
            body["refresh_token"],
        )

    def _post(self, path: str, body: dict[str, str], status: int) -> requests.Response:
        answer = self.session.post(self._suite.url("identity") + path, json=body, timeout=30)
        assert answer.status_code == status, answer.text
        return answer
