"""AuthZEN searches over REST: what is found, a page at a time; explanations; and that no body makes an error."""

import asyncio
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import given, settings
from hypothesis import strategies as st

from services.policy.queries import search as searches
from tests.unit.policy.door import ADMIN, EVALUATE, SEARCH, Door, opened, own, persons
from tests.unit.policy.world import World
from tests.unit.sdk.fakes import ISSUER

ALICE, BOB = {"type": "account", "id": "acc_alice"}, {"type": "account", "id": "acc_bob"}
READ, WRITE = {"name": "document.read"}, {"name": "document.write"}
SUBJECT, RESOURCE, ACTION = (f"/access/v1/search/{what}" for what in ("subject", "resource", "action"))
WHO = {"subject": {"type": "account"}, "action": READ, "resource": {"type": "document", "id": "1"}}
WHERE = {"subject": ALICE, "action": READ, "resource": {"type": "document"}}
WHAT = {"subject": ALICE, "resource": {"type": "document", "id": "1"}}


@pytest_asyncio.fixture
async def door() -> AsyncIterator[Door]:
    async with opened(await small_world()) as door:
        yield door


async def small_world() -> World:
    world = World()
    world.meet("acc_alice", "acc_bob")
    await world.say({"kind": "role", "name": "viewer", "actions": ["document.read"]})
    await world.say({"kind": "role", "name": "clerk", "actions": ["policy.*"]})
    await world.say({"kind": "assignment", "holder": "account/acc_alice", "role": "clerk", "resource": "suite/policy"})
    await world.say({"kind": "role", "name": "editor", "actions": ["document.write"], "inherits": ["viewer"]})
    await world.say({"kind": "assignment", "holder": "account/acc_alice", "role": "editor", "resource": "folder/7"})
    await world.say({"kind": "assignment", "holder": "account/acc_bob", "role": "viewer", "resource": "document/1"})
    await world.say(
        *({"kind": "parent", "resource": f"document/{number}", "parent": "folder/7"} for number in range(5))
    )
    return world


async def found(door: Door, path: str, body: Any) -> list[str]:
    answer = await door.ask(path, body)
    assert answer.status_code == 200, answer.text
    results = answer.json()["results"]
    assert answer.json()["page"]["count"] == len(results)
    return [one.get("name") or f"{one['type']}/{one['id']}" for one in results]


async def test_a_search_finds_who_and_where_and_what(door: Door) -> None:
    assert await found(door, SUBJECT, WHO) == ["account/acc_alice", "account/acc_bob"]
    assert await found(door, RESOURCE, WHERE) == [f"document/{number}" for number in range(5)]
    assert await found(door, ACTION, WHAT) == ["document.read", "document.write"]
    assert list((await door.ask(RESOURCE, WHERE)).json()) == ["page", "context", "results"]


async def test_what_is_searched_for_has_no_name_and_one_that_is_said_is_ignored(door: Door) -> None:
    named = {"type": "account", "id": "acc_bob"}
    assert await found(door, SUBJECT, WHO | {"subject": named}) == ["account/acc_alice", "account/acc_bob"]
    assert len(await found(door, RESOURCE, WHERE | {"resource": {"type": "document", "id": "99"}})) == 5
    assert len(await found(door, ACTION, WHAT | {"action": {"name": 5}})) == 2


async def test_where_there_is_nothing_nothing_is_found(door: Door) -> None:
    assert await found(door, SUBJECT, WHO | {"subject": {"type": "spaceship"}}) == []
    assert await found(door, RESOURCE, WHERE | {"subject": {"type": "account", "id": "acc_nobody"}}) == []
    assert await found(door, ACTION, WHAT | {"subject": {"type": "Account", "id": ""}}) == []


async def pages(door: Door, path: str, body: dict[str, Any], page: dict[str, Any]) -> list[list[str]]:
    """All of them, as a reader goes on to the last."""
    got = []
    while True:
        answer = (await door.ask(path, body | {"page": page})).json()
        got.append([one.get("name") or one["id"] for one in answer["results"]])
        if not answer["page"]["next_token"]:
            return got
        page = {"token": answer["page"]["next_token"]}


async def test_pages_hold_as_many_as_were_asked_for_at_first(door: Door) -> None:
    assert await pages(door, RESOURCE, WHERE, {"limit": 2}) == [["0", "1"], ["2", "3"], ["4"]]
    assert await pages(door, SUBJECT, WHO, {"limit": 1}) == [["acc_alice"], ["acc_bob"]]
    assert await pages(door, ACTION, WHAT, {"limit": 1}) == [["document.read"], ["document.write"]]
    assert await pages(door, RESOURCE, WHERE, {"limit": 10**30}) == [["0", "1", "2", "3", "4"]]
    assert await pages(door, RESOURCE, WHERE, {"limit": None, "token": None}) == [["0", "1", "2", "3", "4"]]


async def test_a_page_of_none_says_whether_there_is_more(door: Door) -> None:
    none = (await door.ask(RESOURCE, WHERE | {"page": {"limit": 0}})).json()
    assert (none["results"], bool(none["page"]["next_token"])) == ([], True)
    nobody = WHERE | {"subject": BOB, "action": WRITE, "page": {"limit": 0}}
    assert (await door.ask(RESOURCE, nobody)).json()["page"] == {"next_token": "", "count": 0}


async def test_a_page_may_be_short_and_still_lead_on(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searches, "LOOKED_AT", 2)
    monkeypatch.setattr(searches, "AT_ONCE", 2)
    await door.world.say(
        {"kind": "label", "of": "document/0", "level": 9}, {"kind": "label", "of": "document/1", "level": 9}
    )
    assert await pages(door, RESOURCE, WHERE, {}) == [[], ["2", "3"], ["4"]]


async def test_a_page_goes_on_with_the_same_request_only(door: Door) -> None:
    token = (await door.ask(RESOURCE, WHERE | {"page": {"limit": 2}})).json()["page"]["next_token"]
    for other in (
        WHERE | {"action": WRITE, "page": {"token": token}},
        WHERE | {"subject": BOB, "page": {"token": token}},
        WHERE | {"context": {"ip": "::1"}, "page": {"token": token}},
        WHERE | {"page": {"token": token, "limit": 3}},
        WHERE | {"page": {"token": token[:-4]}},
        WHERE | {"page": {"token": "WyJ4IiwxMDAwMDAwMDAwMDAwMDAwMDAwMDAwMCwieCJd"}},
        WHERE | {"page": {"token": "äöü"}},
    ):
        answer = await door.ask(RESOURCE, other)
        assert (answer.status_code, answer.json()["code"]) == (400, "page_token_invalid")
    assert (await door.ask(RESOURCE, WHERE | {"page": {"token": token, "limit": 2}})).status_code == 200
    request, _, after = json.loads(urlsafe_b64decode(token))
    for limit in (-1, 10**30, "2", None):
        forged = urlsafe_b64encode(json.dumps([request, limit, after]).encode()).decode()
        answer = await door.ask(RESOURCE, WHERE | {"page": {"token": forged}})
        assert (answer.status_code, answer.json()["code"]) == (400, "page_token_invalid")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        *((SUBJECT, {name: one for name, one in WHO.items() if name != missing}) for missing in WHO),
        *((RESOURCE, {name: one for name, one in WHERE.items() if name != missing}) for missing in WHERE),
        *((ACTION, {name: one for name, one in WHAT.items() if name != missing}) for missing in WHAT),
        (SUBJECT, WHO | {"resource": {"type": "document"}}),
        (SUBJECT, WHO | {"subject": {}}),
        (RESOURCE, WHERE | {"subject": {"type": "account"}}),
        (RESOURCE, WHERE | {"page": []}),
        (RESOURCE, WHERE | {"page": {"limit": -1}}),
        (RESOURCE, WHERE | {"page": {"limit": "2"}}),
        (RESOURCE, WHERE | {"page": {"token": 5}}),
        (SUBJECT, WHO | {"context": {"watchword": {"access_token": "x"}}}),
        (SUBJECT, WHO | {"context": {"watchword": {"session_id": "x"}}}),
    ],
)
async def test_what_is_no_search_is_400(door: Door, path: str, body: Any) -> None:
    answer = await door.ask(path, body)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")


async def test_a_token_says_for_whom_is_searched_and_finds_nothing_where_it_does_not_hold(door: Door) -> None:
    of_bob = {"context": {"watchword": {"access_token": persons("acc_bob")}}}
    assert await found(door, RESOURCE, WHERE | of_bob) == ["document/1"]
    assert await found(door, ACTION, WHAT | of_bob) == ["document.read"]
    none = (await door.ask(RESOURCE, WHERE | {"context": {"watchword": {"access_token": "a.b.c"}}})).json()
    assert (none["results"], none["context"]["code"]) == ([], "token_refused")


async def test_what_was_found_at_another_time_is_found_for_it(door: Door) -> None:
    then = {"context": {"watchword": {"as_of": {"position": door.world.policy.applied}}}}
    await door.world.unsay({"kind": "parent", "resource": "document/0"})
    assert len(await found(door, RESOURCE, WHERE)) == 4
    assert len(await found(door, RESOURCE, WHERE | then)) == 5


async def test_an_explanation_names_chains_and_policies_or_what_is_missing(door: Door) -> None:
    may = {"subject": ALICE, "action": READ, "resource": {"type": "document", "id": "3"}}
    said = (await door.ask("/v1/explain", may)).json()
    assert said["decision"] is True
    steps = ["account/acc_alice", "editor", "inherits viewer", "on folder/7", "contains document/3"]
    assert said["chains"] == [{"policy": "role", "steps": steps}]
    assert [one["id"] for one in said["policies"]] == ["role"]
    assert "permit" in said["policies"][0]["text"]
    denied = (await door.ask("/v1/explain", may | {"subject": BOB})).json()
    assert (denied["decision"], denied["chains"]) == (False, [])
    assert denied["missing"] == ["viewer, which account/acc_bob holds on document/1, on document/3"]
    token = {"context": {"watchword": {"access_token": "a.b.c"}}}
    assert (await door.ask("/v1/explain", may | token)).json()["missing"] == ["token_refused"]


TEXT = st.text(max_size=8) | st.sampled_from(["account", "acc_alice", "document", "1", "document.read", "execute_all"])
LEAF = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT
ENTITIES = "subject action resource context page options evaluations type id name properties"
OURS = "watchword access_token session_id token_position as_of position token limit"
NAMES = st.sampled_from([*ENTITIES.split(), *OURS.split()])
VALUE: st.SearchStrategy[Any] = st.recursive(
    LEAF, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES | TEXT, inner, max_size=5), max_leaves=20
)
FACT = st.fixed_dictionaries(
    {"kind": st.sampled_from(["role", "assignment", "label", "share", "parent", "membership"])},
    optional=dict.fromkeys(("name", "holder", "role", "of", "resource", "expires_at", "actions", "id"), TEXT | VALUE),
)
NEAR = st.fixed_dictionaries(
    {},
    optional={
        "subject": st.just(ALICE) | VALUE,
        "action": st.just(READ) | VALUE,
        "resource": st.just({"type": "document", "id": "1"}) | VALUE,
        "context": st.dictionaries(NAMES, VALUE, max_size=3) | VALUE,
        "page": st.dictionaries(NAMES, VALUE, max_size=3) | VALUE,
        "evaluations": st.lists(VALUE, max_size=3) | VALUE,
        "options": VALUE,
    },
)
CHANGE = st.fixed_dictionaries({}, optional=dict.fromkeys(("write", "remove"), st.lists(FACT | VALUE, max_size=3)))
BODY = st.binary(max_size=100) | (NEAR | CHANGE | VALUE).map(lambda value: json.dumps(value).encode())
PATHS = ["/access/v1/evaluation", "/access/v1/evaluations", SUBJECT, RESOURCE, ACTION, "/v1/explain", "/v1/facts"]
EXPECTED = {200, 400, 401, 403, 404, 409, 413, 415, 422, 429}
BEARERS = st.sampled_from(
    [own(EVALUATE), own(SEARCH), own("orders:read"), persons("acc_alice", ADMIN, aud=ISSUER), "a.b.c"]
)


@settings(max_examples=300)
@given(path=st.sampled_from(PATHS), body=BODY, bearer=BEARERS)
def test_whatever_bytes_are_sent_the_answer_is_no_error_of_ours(path: str, body: bytes, bearer: str) -> None:
    async def send() -> None:
        async with opened(await small_world()) as door:
            headers = {"Authorization": f"Bearer {bearer}", "Content-Type": "application/json"}
            answer = await door.client.post(path, content=body, headers=headers)
            assert answer.status_code in EXPECTED, (answer.status_code, answer.text)
            assert answer.status_code != 200 or answer.headers["content-type"] == "application/json"

    asyncio.run(send())
