"""RULES 6: where a revocation made at token could not be applied, nobody goes on in what it may have ended."""

import pytest

from eventlog.errors import Kind
from services.identity.commands.sessions import of_claims, of_cookie
from tests.unit.identity.house import House, refusal_of


@pytest.mark.parametrize("kind", ["session", "subject"])
async def test_a_session_that_may_have_been_ended_at_token_is_refused_until_that_is_known(
    house: House, kind: str
) -> None:
    account_id = await house.register()
    one = await house.log_in()
    house.parked.streams = frozenset({f"session/{one.session_id}" if kind == "session" else f"subject/{account_id}"})
    for attempt in (
        of_cookie(house.identity, one.cookie),
        of_cookie(house.another(), one.cookie),
        of_claims(house.identity, account_id, one.session_id),
    ):
        refused = await refusal_of(attempt)
        assert (refused.kind, refused.code) == (Kind.UNAVAILABLE, "parked")
    house.parked.streams = frozenset()
    assert (await of_cookie(house.identity, one.cookie)).session_id == one.session_id


async def test_an_account_that_may_have_been_revoked_starts_no_session(house: House) -> None:
    account_id = await house.register()
    house.parked.streams = frozenset({f"subject/{account_id}"})
    before = len(house.store.rows)
    assert (await refusal_of(house.log_in())).code == "parked"
    assert (await refusal_of(of_claims(house.identity, account_id, None))).code == "parked"
    assert len(house.store.rows) == before
    assert (await refusal_of(house.log_in(password="wrong"))).code == "invalid_credentials"


async def test_others_go_on(house: House) -> None:
    account_id = await house.register()
    one, two = await house.log_in(), await house.log_in()
    house.parked.streams = frozenset({f"session/{one.session_id}", "subject/acc_other", f"account/{account_id}"})
    assert (await of_cookie(house.identity, two.cookie)).session_id == two.session_id
    assert (await house.log_in()).account_id == account_id
