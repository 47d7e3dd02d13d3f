"""A replica of token is killed in the middle of a refresh: the retry at the other gives the same successor."""

import asyncio
import json
from pathlib import Path
from typing import Any

from httpx2 import AsyncClient, Response, TransportError

from tests.harness.detour import Detour, detour
from tests.harness.nginx import LISTENS, NAMED, nginx
from tests.harness.people import People, Signed, claims
from tests.harness.ports import free_ports
from tests.harness.replicas import Replicas
from tests.harness.reuse import judged

THROUGH_NGINX, FIRST, SECOND = 0, 1, 2


async def test_the_retry_at_the_other_gives_the_same_successor_and_a_replay_is_still_theft(replicas: Replicas) -> None:
    async with People.of(replicas) as people, detour(str(replicas.fleets[0].rest["token"])) as way:
        signed = await people.login(await people.register())
        way.hold()
        asked = asyncio.create_task(refresh(people.http, f"http://{way.target}", replicas, signed))
        lost = await answer_of(way)
        replicas.kill("token", 0)
        assert isinstance(await asked, TransportError)
        try:
            retried = await people.refresh(signed.refresh_token, SECOND)
            assert_same_successor(lost, retried)
            assert (await people.refresh(retried.json()["refresh_token"], SECOND)).status_code == 200
        finally:
            await replicas.started("token", 0)
        await assert_theft(people, signed, retried.json()["access_token"])


async def test_nginx_never_sends_a_refresh_twice_and_its_client_may(replicas: Replicas, tmp_path: Path) -> None:
    async with People.of(replicas) as people, detour(str(replicas.fleets[0].rest["token"])) as way:
        changed = {NAMED["token"][0]: way.target, LISTENS: f"127.0.0.1:{free_ports(1)[0]}"}
        with nginx(tmp_path / "nginx", {**replicas.front.places, **changed}) as front:
            way.hold()
            signed, asked = await caught(people, replicas, front.url, way)
            lost = await answer_of(way)
            replicas.kill("token", 0)
            answer = await asked
            assert isinstance(answer, Response)
            assert answer.status_code == 502
            try:
                retried = await refresh(people.http, front.url, replicas, signed)
                assert isinstance(retried, Response)
                assert_same_successor(lost, retried)
            finally:
                await replicas.started("token", 0)


async def caught(
    people: People, replicas: Replicas, url: str, way: Detour
) -> tuple[Signed, "asyncio.Task[Response | TransportError]"]:
    """A refresh through nginx whose answer is kept on its way from the first process."""
    while True:
        signed = await people.login(await people.register())
        asked = asyncio.create_task(refresh(people.http, url, replicas, signed))
        while not asked.done():
            if way.kept:
                return signed, asked
            await asyncio.sleep(0.01)


async def refresh(http: AsyncClient, url: str, replicas: Replicas, signed: Signed) -> Response | TransportError:
    """As a client that is told what became of it."""
    form = {"grant_type": "refresh_token", "refresh_token": signed.refresh_token, "client_id": replicas.app}
    try:
        return await http.post(f"{url}/oauth2/token", data=form)
    except TransportError as error:
        return error


async def answer_of(way: Detour) -> dict[str, Any]:
    """The whole answer that is kept: the rotation is in the log, and nobody has heard of it."""
    async with asyncio.timeout(20):
        while True:
            head, _, body = way.said.partition(b"\r\n\r\n")
            if head and body.endswith(b"}"):
                assert head.startswith(b"HTTP/1.1 200"), head
                said: dict[str, Any] = json.loads(body)
                return said
            await asyncio.sleep(0.01)


def assert_same_successor(lost: dict[str, Any], retried: Response) -> None:
    assert retried.status_code == 200, retried.text
    again = retried.json()
    assert again["refresh_token"] == lost["refresh_token"]
    first, second = claims(lost["access_token"]), claims(again["access_token"])
    assert first["jti"] != second["jti"]
    assert first["pos"] < second["pos"]


async def assert_theft(people: People, signed: Signed, access_token: str) -> None:
    """The ancestor is used once more; then its family is over everywhere."""
    replay = await judged(lambda: people.refresh(signed.refresh_token, FIRST))
    assert (replay.status_code, replay.json()["error"]) == (400, "invalid_grant")
    position = {"Watchword-Position": replay.headers["Watchword-Position"]}
    for where in (THROUGH_NGINX, FIRST, SECOND):
        assert not (await people.introspect(access_token, where, position))["active"]
