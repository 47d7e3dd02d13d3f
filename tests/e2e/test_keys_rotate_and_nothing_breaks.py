"""Keys rotate while people work, and nothing that was valid fails; a compromised key opens nothing (RULES 8, 9)."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jwt
import pytest

from tests.harness.applications import machine, own_token, registered
from tests.harness.feeds import nothing_written
from tests.harness.forging import active_key, forge
from tests.harness.people import People, Signed, claims
from tests.harness.running import Running, clean_environment

ALGORITHMS = ("ES256", "RS256", "PS256", "EdDSA")
DOORS = (("identity", "/v1/account", 0), ("identity", "/v1/account", 1), ("policy", "/v1/roles", 0))


async def rotate(suite: Running, *options: str) -> dict[str, Any]:
    """`watchword keys rotate`, as an operator types it."""
    program = str(Path(sys.executable).with_name("watchword"))
    command = [program, "keys", "rotate", "--json", "--data", str(suite.place.data), *options]
    ran = await asyncio.to_thread(
        subprocess.run, command, env=clean_environment(), capture_output=True, text=True, timeout=60
    )
    assert ran.returncode == 0, ran.stderr
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


async def app(suite: Running, alg: str) -> str:
    """A first-party app whose access tokens are signed with `alg`."""
    made = await registered(
        suite,
        access_token_alg=alg,
        first_party=True,
        direct_login=True,
        grant_types=["refresh_token"],
        scopes=["watchword:account"],
    )
    return made.client_id


async def accepted(people: People, token: str, headers: dict[str, str] | None = None) -> list[object]:
    """What every process says of an access token: identity twice, policy, and token's introspection twice."""
    shown = {"Authorization": f"Bearer {token}"} | (headers or {})
    found: list[object] = []
    for service, path, where in DOORS:
        found.append((await people.get(service, path, where, headers=shown)).status_code)
    for where in (0, 1):
        answer = await people.http.post(
            people.url("token", where) + "/oauth2/introspect",
            data={"token": token},
            headers=headers,
            auth=(people.suite.service.client_id, people.suite.service.client_secret),
        )
        found.append(answer.json().get("active"))
    return found


GOOD: list[object] = [200, 200, 200, True, True]
BAD: list[object] = [401, 401, 401, False, False]


@dataclass
class Load:
    """Somebody who refreshes all the time, at either process of token, and shows each access token everywhere."""

    people: People
    client: str
    signed: Signed
    rounds: int = 0
    kids: set[str] = field(default_factory=set)
    keys: set[str] = field(default_factory=set)
    stop: bool = False

    async def run(self) -> None:
        refresh, access = self.signed.refresh_token, self.signed.access_token
        while not self.stop:
            before = access
            answer = await self.people.refresh(refresh, self.rounds % 2, self.client)
            assert answer.status_code == 200, answer.text
            refresh, access = answer.json()["refresh_token"], answer.json()["access_token"]
            assert await accepted(self.people, access) == GOOD, jwt.get_unverified_header(access)
            assert await accepted(self.people, before) == GOOD, jwt.get_unverified_header(before)
            self.kids.add(jwt.get_unverified_header(access)["kid"])
            self.keys.add(refresh.split(".")[1])
            self.rounds += 1

    async def goes_on(self) -> None:
        """Returns once it has gone round twice more from here."""
        wanted = self.rounds + 2
        async with asyncio.timeout(60):
            while self.rounds < wanted:
                await asyncio.sleep(0.02)


@asynccontextmanager
async def light_load(suite: Running, people: People) -> AsyncIterator[list[Load]]:
    """One app of each algorithm at work. Fails with whatever failed."""
    suite.second("identity")
    suite.second("token")
    person = await people.register()
    clients = [await app(suite, alg) for alg in ALGORITHMS]
    loads = [Load(people, client, await people.login(person, client=client)) for client in clients]
    async with asyncio.TaskGroup() as group:
        for load in loads:
            group.create_task(load.run())
        await all_go_on(loads)
        yield loads
        await all_go_on(loads)
        for load in loads:
            load.stop = True


async def all_go_on(loads: list[Load]) -> None:
    await asyncio.gather(*(load.goes_on() for load in loads))


async def test_under_load_every_key_rotates_and_nothing_that_was_valid_fails(suite: Running, people: People) -> None:
    async with light_load(suite, people) as loads:
        before = [await active_key(suite, alg) for alg in ALGORITHMS]
        refresh = await active_key(suite, "HS256", "refresh")
        rotated = await rotate(suite)
        await all_go_on(loads)
        await rotate(suite, "--refresh")
    states = {key["key_id"]: key["state"] for key in rotated["keys"]}
    assert [states[kid] for kid in before] == ["verifying"] * len(ALGORITHMS)
    after = [await active_key(suite, alg) for alg in ALGORITHMS]
    for load, old, new in zip(loads, before, after, strict=True):
        assert {old, new} <= load.kids, "both signed while it worked"
        assert {refresh, await active_key(suite, "HS256", "refresh")} <= load.keys
    published = {key["kid"] for key in (await people.get("token", "/.well-known/jwks.json")).json()["keys"]}
    assert {*before, *after} <= published


@pytest.mark.over("feed")
async def test_one_algorithm_rotates_alone(suite: Running) -> None:
    before = {alg: await active_key(suite, alg) for alg in ALGORITHMS}
    await rotate(suite, "--alg", "EdDSA")
    after = {alg: await active_key(suite, alg) for alg in ALGORITHMS}
    assert {alg for alg in ALGORITHMS if before[alg] != after[alg]} == {"EdDSA"}


@pytest.mark.over("feed")
@pytest.mark.parametrize("alg", ALGORITHMS)
async def test_a_clients_tokens_are_signed_as_it_was_registered_and_taken_everywhere(
    suite: Running, people: People, alg: str
) -> None:
    suite.second("identity")
    suite.second("token")
    signed = await people.login(await people.register(), client=await app(suite, alg))
    header = jwt.get_unverified_header(signed.access_token)
    assert header == {"alg": alg, "typ": "at+jwt", "kid": await active_key(suite, alg)}
    assert await accepted(people, signed.access_token) == GOOD
    client = await machine(suite, access_token_alg=alg)
    own = await own_token(people.http, suite, client)
    assert jwt.get_unverified_header(own)["alg"] == alg
    assert (await people.introspect(own))["active"]


@pytest.mark.parametrize("alg", ["ES256", "RS256"])
async def test_a_compromised_signing_key_opens_nothing_although_its_set_is_cached(
    suite: Running, people: People, alg: str
) -> None:
    suite.second("identity")
    suite.second("token")
    person, client = await people.register(), await app(suite, alg)
    signed, stolen = await people.login(person, client=client), await forge(suite, alg)
    assert await accepted(people, signed.access_token) == GOOD, "every process has the key at hand"
    rotated = await rotate(suite, "--alg", alg, "--compromised")
    seen = {"Watchword-Position": f"token={rotated['position']}"}
    assert await accepted(people, signed.access_token, seen) == BAD
    thiefs = stolen.token(claims(signed.access_token) | {"pos": 2**40, "jti": "tok_forged"})
    assert await accepted(people, thiefs, seen) == BAD, "not even with a position above"
    published = {key["kid"] for key in (await people.get("token", "/.well-known/jwks.json")).json()["keys"]}
    assert stolen.kid not in published
    refreshed = await people.refresh(signed.refresh_token, 1, client)
    assert refreshed.status_code == 200, "the family did not depend on it"
    assert await accepted(people, refreshed.json()["access_token"]) == GOOD
    assert await accepted(people, (await people.login(person, client=client)).access_token) == GOOD


@pytest.mark.over("feed")
async def test_an_older_refresh_key_is_dropped_by_its_id(suite: Running, people: People) -> None:
    person = await people.register()
    exposed = await people.login(person)
    await rotate(suite, "--refresh")
    later = await people.login(person)
    rotated = await rotate(suite, "--refresh", "--compromised", "--key", exposed.refresh_token.split(".")[1])
    states = {key["key_id"]: key["state"] for key in rotated["keys"]}
    assert states[exposed.refresh_token.split(".")[1]] == "compromised"
    assert states[later.refresh_token.split(".")[1]] == "active"
    assert (await people.refresh(exposed.refresh_token)).status_code == 400
    assert await people.introspect(exposed.access_token) == {"active": False}
    assert (await people.refresh(later.refresh_token)).status_code == 200


@pytest.mark.over("feed")
async def test_a_compromised_refresh_key_ends_its_families_and_no_others(suite: Running, people: People) -> None:
    suite.second("token")
    person = await people.register()
    earlier = await people.login(person)
    await rotate(suite, "--refresh")
    exposed, used = await people.login(person), await people.login(person)
    successor = (await people.refresh(used.refresh_token)).json()["refresh_token"]
    await rotate(suite, "--refresh", "--compromised")
    new = await people.login(person)
    async with nothing_written(suite):
        for token in (exposed.refresh_token, used.refresh_token, successor):
            for where in (0, 1):
                refused = await people.refresh(token, where)
                assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
    for signed in (exposed, used):
        assert await people.introspect(signed.access_token) == {"active": False}
    for signed in (earlier, new):
        assert (await people.introspect(signed.access_token))["active"]
        refreshed = await people.refresh(signed.refresh_token, 1)
        assert refreshed.status_code == 200
        assert refreshed.json()["refresh_token"].split(".")[1] == await active_key(suite, "HS256", "refresh")
