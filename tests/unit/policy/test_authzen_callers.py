"""AuthZEN: who may ask, and how a request is named."""

import pytest

from tests.unit.policy.door import ADMIN, EVALUATE, SEARCH, Door, own, persons
from tests.unit.policy.evaluations import ASKING, LOOKING, MAY, ONE, door
from tests.unit.sdk.fakes import ISSUER

__all__ = ["door"]


@pytest.mark.parametrize("path", ASKING + LOOKING)
async def test_who_asks_says_who_it_is(door: Door, path: str) -> None:
    anonymous = await door.client.post(path, json=MAY)
    assert (anonymous.status_code, anonymous.json()["code"]) == (401, "authentication_required")
    forged = await door.client.post(path, json=MAY, headers={"Authorization": f"Bearer {own(EVALUATE)[:-8]}AAAAAAAA"})
    assert (forged.status_code, forged.json()["code"]) == (401, "invalid_token")
    assert "Bearer" in forged.headers["www-authenticate"]
    elsewhere = await door.ask(path, MAY, Authorization=f"Bearer {own(f'{EVALUATE} {SEARCH}', aud='orders')}")
    assert elsewhere.status_code == 401


@pytest.mark.parametrize("path", ASKING + LOOKING)
async def test_only_a_client_with_the_scope_asks_and_never_a_person(door: Door, path: str) -> None:
    right, other = (EVALUATE, SEARCH) if path in ASKING else (SEARCH, EVALUATE)
    both = f"{EVALUATE} {SEARCH} {ADMIN}"
    refused = {
        "the other scope": own(other),
        "an administrator's scope": own(ADMIN),
        "a person": persons("acc_alice", both, aud=ISSUER),
        "a person without a session": persons("acc_alice", both, aud=ISSUER, sid=None),
        "a client in a session": own(both, sid="ses_1"),
        "a client for another": own(both, client_id="another"),
        "a client through another": own(both, act={"sub": "another"}),
    }
    for what, token in refused.items():
        answer = await door.ask(path, MAY, Authorization=f"Bearer {token}")
        assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_scope"), what
    assert (await door.ask(path, MAY, right)).status_code == 200


async def test_a_request_is_named_in_its_answer_whatever_that_is(door: Door) -> None:
    named = {"X-Request-ID": "bfe9eb29 ab87/%00;'"}
    for path in ASKING + LOOKING[:3]:
        assert (await door.ask(path, MAY, **named)).headers["x-request-id"] == "bfe9eb29 ab87/%00;'"
        assert (await door.ask(path, {}, **named)).headers["x-request-id"] == "bfe9eb29 ab87/%00;'"
        unknown = await door.client.post(path, content=b"{", headers=named)
        assert (unknown.status_code, unknown.headers["x-request-id"]) == (400, "bfe9eb29 ab87/%00;'")
    assert "x-request-id" not in (await door.ask(ONE, MAY)).headers
