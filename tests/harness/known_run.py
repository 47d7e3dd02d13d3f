"""A run that uses known values in every way that people and their mistakes do, and remembers each answer."""

import base64
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import grpc.aio
import httpx2
import pytest

from chassis.rpc import ask
from suite.operator import operator
from tests.harness.needles import Needle, spelled
from tests.harness.people import People, Person, Signed, signed
from tests.harness.reuse import judged
from tests.harness.running import Running
from watchword.identity.v1 import identity_pb2
from watchword.token.v1 import token_pb2

ADDRESS = "127.83.41.7"


def unique(what: str) -> str:
    """A value that is nowhere else, and is spelled alike in a URL, in JSON and in a form."""
    return f"{what}-{secrets.token_hex(12)}"


@dataclass(repr=False)
class Known:
    """The values, and the bodies of all answers that were no success."""

    username: str = field(default_factory=lambda: unique("name"))
    email: str = field(default_factory=lambda: f"{unique('mail')}@example.org")
    agent: str = field(default_factory=lambda: unique("agent"))
    password: str = field(default_factory=lambda: unique("first"))
    new_password: str = field(default_factory=lambda: unique("second"))
    wrong_password: str = field(default_factory=lambda: unique("wrong"))
    told_to_token: str = field(default_factory=lambda: unique("told"))
    typed_as_name: str = field(default_factory=lambda: unique("misplaced"))
    account_id: str = ""
    client_secret: str = ""
    cookies: list[str] = field(default_factory=list)
    refresh_tokens: list[str] = field(default_factory=list)
    access_tokens: list[str] = field(default_factory=list)
    errors: list[httpx2.Response] = field(default_factory=list)
    refusals: list[grpc.aio.AioRpcError] = field(default_factory=list)

    def passwords(self) -> list[Needle]:
        named = {"password": self.password, "new password": self.new_password, "wrong password": self.wrong_password}
        named["password typed as a name"] = self.typed_as_name
        return [needle for name, value in named.items() for needle in spelled(name, value)]

    def misplaced(self) -> list[Needle]:
        """A password that token was sent itself, where there is no place for one: its memory may hold what came in."""
        return spelled("password told to token", self.told_to_token)

    def bearing(self) -> list[Needle]:
        """What opens something to whoever has it."""
        cookies = [cookie.partition(".")[2] for cookie in self.cookies]
        refresh = [token.rpartition(".")[2] for token in self.refresh_tokens]
        access = [token.rpartition(".")[2] for token in self.access_tokens]
        named = {"client secret": [self.client_secret], "cookie": cookies, "refresh token": refresh}
        named["access token's signature"] = access
        return [needle for name, values in named.items() for one in set(values) for needle in spelled(name, one)]

    def personal(self) -> list[Needle]:
        """What says who somebody is, and where they were."""
        return [*self.names(), *spelled("address", ADDRESS), *spelled("agent", self.agent)]

    def names(self) -> list[Needle]:
        return [*spelled("username", self.username), *spelled("e-mail", self.email)]


async def use_everything(suite: Running) -> Known:
    """Registers, logs in, refreshes, loses an answer, is robbed, changes the password, logs out; and gets it wrong."""
    known = Known()
    transport = httpx2.AsyncHTTPTransport(local_address=ADDRESS)
    headers = {"User-Agent": known.agent}
    async with httpx2.AsyncClient(transport=transport, headers=headers, timeout=30, trust_env=False) as http:
        people = People(suite, http)
        person = await _register(people, known)
        login = await _login(people, known, person)
        await _refresh(people, known, login)
        await _be_robbed(people, known, person)
        await _change_password(people, known, login)
        await _as_a_client(people, known)
        await _get_it_wrong(people, known, login)
        await _get_it_wrong_over_grpc(people, known)
        await _log_out(people, login)
        await _login(people, known, Person(known.username, known.new_password, known.account_id))
    return known


async def _register(people: People, known: Known) -> Person:
    body = {"username": known.username, "password": known.password, "email": known.email}
    answer = await people.post("identity", "/v1/accounts", **body)
    assert answer.status_code == 201, answer.text
    known.account_id = answer.json()["account_id"]
    known.errors.append(await people.post("identity", "/v1/accounts", **body))
    return Person(known.username, known.password, known.account_id)


async def _login(people: People, known: Known, person: Person) -> Signed:
    answer = await people.try_login(person.username, person.password, client=people.suite.app)
    assert answer.status_code == 200, answer.text
    login = signed(answer)
    known.cookies += _opening(login.cookies)
    _remember(known, answer)
    people.http.cookies.clear()
    return login


def _opening(cookies: Mapping[str, str]) -> list[str]:
    """But for the one that pages of others may read (OpenID Connect Session Management), which opens nothing."""
    return [value for name, value in cookies.items() if name != "watchword_browser"]


def _remember(known: Known, answer: httpx2.Response) -> str:
    assert answer.status_code == 200, answer.text
    known.refresh_tokens.append(answer.json()["refresh_token"])
    known.access_tokens.append(answer.json()["access_token"])
    return known.refresh_tokens[-1]


async def _refresh(people: People, known: Known, login: Signed) -> None:
    token = login.refresh_token
    for _ in range(2):
        lost, token = token, _remember(known, await people.refresh(token))
    assert _remember(known, await people.refresh(lost)) == token
    assert (await people.introspect(known.access_tokens[-1]))["active"]
    assert (await people.get("identity", "/v1/sessions", headers=login.bearer)).status_code == 200


async def _be_robbed(people: People, known: Known, person: Person) -> None:
    login = await _login(people, known, person)
    await _refresh(people, known, login)
    stolen = await judged(lambda: people.refresh(login.refresh_token))
    assert stolen.status_code == 400
    known.errors.append(stolen)


async def _change_password(people: People, known: Known, login: Signed) -> None:
    headers = _in_session(login)
    url = people.url("identity") + "/v1/account/password"
    for current in (known.wrong_password, known.password):
        body = {"current_password": current, "new_password": known.new_password}
        answer = await people.http.put(url, json=body, headers=headers)
        known.errors += [answer] if answer.status_code != 200 else []
    assert answer.status_code == 200, answer.text
    known.cookies += _opening(answer.cookies)
    login.cookies.update(answer.cookies)
    people.http.cookies.clear()


def _in_session(login: Signed) -> dict[str, str]:
    cookies = "; ".join(f"{name}={value}" for name, value in login.cookies.items())
    return {"Cookie": cookies, "X-CSRF-Token": login.csrf_token}


async def _as_a_client(people: People, known: Known) -> None:
    async with operator(people.suite.place, people.suite.fleet.target) as peers:
        client = token_pb2.Client(name="known", confidential=True, grant_types=["client_credentials"])
        made = await ask(peers.token.CreateClient, token_pb2.CreateClientRequest(client=client))
        await ask(peers.token.RotateKey, token_pb2.RotateKeyRequest(refresh=True))
        await ask(peers.token.RotateKey, token_pb2.RotateKeyRequest())
    known.client_secret = made.client_secret
    url, grant = people.url("token") + "/oauth2/token", {"grant_type": "client_credentials"}
    by_post = {"client_id": made.client.client_id, "client_secret": made.client_secret}
    for answer in (
        await people.http.post(url, data=grant, auth=(made.client.client_id, made.client_secret)),
        await people.http.post(url, data=grant | by_post),
    ):
        assert answer.status_code == 200, answer.text
        known.access_tokens.append(answer.json()["access_token"])
    mixed = f"Basic {base64.b64encode(made.client_secret.encode()).decode()}"
    known.errors += [
        await people.http.post(url, data=grant, auth=("nobody", made.client_secret)),
        await people.http.post(url, data=grant | by_post, headers={"Authorization": mixed}),
        await people.http.post(url, data=grant, headers={"Authorization": mixed}),
        await people.http.post(url, data={"grant_type": made.client_secret} | by_post),
        await people.http.post(url, data=grant | by_post | {"scope": made.client_secret}),
        await people.http.post(url, content=f"client_secret={made.client_secret}&client_secret={made.client_secret}"),
    ]


async def _get_it_wrong(people: People, known: Known, login: Signed) -> None:
    """What people type into the wrong place, what programs send in the wrong form, what thieves try."""
    identity, token = people.url("identity"), people.url("token")
    password, refresh, told = known.new_password, known.refresh_tokens[-1], known.told_to_token
    mangled = refresh[:-2] + ("AA" if refresh[-2:] != "AA" else "BB")
    json = {"Content-Type": "application/json"}
    wrong: list[dict[str, Any]] = [
        {"url": f"{identity}/v1/login", "json": {"username": known.username, "password": known.wrong_password}},
        {"url": f"{identity}/v1/login", "json": {"username": known.typed_as_name, "password": password}},
        {"url": f"{identity}/v1/login", "json": {"username": {"a": known.username}, "password": [password]}},
        {"url": f"{identity}/v1/login", "json": {"username": known.username, "password": password * 200}},
        {"url": f"{identity}/v1/login", "json": {"username": known.username, password: known.email}},
        {"url": f"{identity}/v1/login", "content": f'{{"password": "{password}", ', "headers": json},
        {"url": f"{identity}/v1/login", "content": f"password={password}"},
        {"url": f"{identity}/v1/login?password={password}", "json": {}},
        {"url": f"{identity}/v1/{password}", "json": {}},
        {"url": f"{identity}/v1/accounts", "json": {"username": known.email, "password": "x", "email": password}},
        {"url": f"{identity}/v1/logout", "headers": {"Cookie": f"watchword_session={known.cookies[0]}x"}, "json": {}},
        {"url": f"{identity}/v1/logout", "headers": _in_session(login) | {"X-CSRF-Token": password}, "json": {}},
        {"url": f"{identity}/v1/accounts/{known.username}/disable", "headers": login.bearer, "json": {"reason": "x"}},
        {"url": f"{token}/oauth2/token", "data": {"grant_type": "refresh_token", "refresh_token": mangled}},
        {"url": f"{token}/oauth2/token", "data": {"grant_type": "password", "password": told}},
        {"url": f"{token}/oauth2/token?refresh_token={refresh}", "content": refresh},
        {"url": f"{token}/oauth2/introspect", "data": {"token": refresh, "client_id": people.suite.app}},
        {"url": f"{token}/oauth2/revoke", "data": {"token": mangled, "client_id": refresh}},
        {"url": f"{token}/v1/revocations", "json": {"subject": {"a": refresh}}, "headers": login.bearer},
        {
            "url": f"{token}/v1/revocations",
            "json": {"reason": told},
            "headers": {"Authorization": refresh},
        },
    ]
    for one in wrong:
        answer = await people.http.post(**one)
        assert 400 <= answer.status_code < 500, (one["url"], answer.status_code)
        known.errors.append(answer)
        people.http.cookies.clear()


async def _get_it_wrong_over_grpc(people: People, known: Known) -> None:
    password, refresh = known.new_password, known.refresh_tokens[-1]
    account = identity_pb2.CreateAccountRequest
    async with operator(people.suite.place, people.suite.fleet.target) as peers:
        wrong: list[tuple[Any, Any]] = [
            (peers.identity.CreateAccount, account(username=known.username, password=password, email=known.email)),
            (peers.identity.CreateAccount, account(username=f"{known.username}x", password=known.username[:8])),
            (peers.identity.CreateAccount, account(username="", password=password)),
            (peers.identity.FindAccount, identity_pb2.FindAccountRequest(username=password)),
            (peers.identity.DisableAccount, identity_pb2.DisableAccountRequest(account_id=refresh, reason=password)),
            (peers.token.Revoke, token_pb2.RevokeRequest(family_id=refresh)),
            (peers.token.Revoke, token_pb2.RevokeRequest(client_id=known.client_secret)),
            (peers.token.RotateKey, token_pb2.RotateKeyRequest(alg=known.client_secret)),
        ]
        for method, request in wrong:
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await method(request)
            known.refusals.append(refused.value)


async def _log_out(people: People, login: Signed) -> None:
    answer = await people.post("identity", "/v1/logout", headers=_in_session(login))
    assert answer.status_code == 200, answer.text
