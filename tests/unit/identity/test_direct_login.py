"""Direct login: tokens with the session, or neither."""

import asyncio

from eventlog.log import By
from services.identity.commands.accounts import disable_account, enable_account
from services.identity.commands.password import change_password
from services.identity.commands.sessions import of_cookie
from tests.unit.identity.house import OTHER_PASSWORD, PASSWORD, House, refusal_of

BY = By("operator/admin", "test")


async def test_an_app_of_the_operators_own_gets_tokens(house: House) -> None:
    await house.register()
    logged_in = await house.log_in(client_id="app")
    assert logged_in.tokens is not None
    assert house.token.families[0].position == logged_in.position


async def test_an_app_known_not_to_be_allowed_leaves_no_session(house: House) -> None:
    await house.register()
    house.token.known_apps["third-party"] = False
    before = len(house.store.rows)
    assert (await refusal_of(house.log_in(client_id="third-party"))).code == "unauthorized_client"
    assert len(house.store.rows) == before


async def test_an_app_that_token_refuses_leaves_no_live_session(house: House) -> None:
    await house.register()
    assert (await refusal_of(house.log_in(client_id="unheard-of"))).code == "unauthorized_client"
    assert (await house.names_of_events())[-2:] == ["session.started", "session.ended"]


async def test_without_token_there_is_no_session_either_and_the_attempt_does_not_count(house: House) -> None:
    await house.register()
    house.token.answers = False
    for _ in range(12):
        assert (await refusal_of(house.log_in(client_id="app"))).code == "peer_unavailable"
    assert (await house.names_of_events())[-1] == "session.ended"
    house.token.answers = True
    assert (await house.log_in(client_id="app")).tokens is not None


async def test_a_login_overtaken_by_a_revocation_at_token_starts_anew_within_the_request(house: House) -> None:
    account_id = await house.register()
    revoked_at = house.token.revoke_subject(account_id)
    logged_in = await house.log_in(client_id="app")
    assert house.token.families[0].seen >= revoked_at
    assert house.token.families[0].session_id == logged_in.session_id
    assert (await house.names_of_events()).count("session.ended") == 1


async def test_where_the_revocation_is_not_applied_in_time_there_is_no_session(house: House) -> None:
    account_id = await house.register()
    house.token.revoke_subject(account_id)
    house.token.follows = False
    assert (await refusal_of(house.log_in(client_id="app"))).code == "not_yet_applied"
    assert (await house.names_of_events())[-1] == "session.ended"


async def delayed(house: House) -> "asyncio.Task[object]":
    """A login that waits between identity and token."""
    house.token.let_through = asyncio.Event()
    login: asyncio.Task[object] = asyncio.ensure_future(house.log_in(client_id="app"))
    await asyncio.wait_for(house.token.arrived.wait(), 5)
    return login


async def test_a_delayed_login_overtaken_by_a_disable_gives_no_token(house: House) -> None:
    account_id = await house.register()
    login = await delayed(house)
    await disable_account(house.another(), BY, account_id, "test")
    await enable_account(house.another(), BY, account_id, "test")
    assert house.token.let_through is not None
    house.token.let_through.set()
    assert (await refusal_of(login)).code == "invalid_credentials"
    assert house.token.families == []


async def test_a_delayed_login_overtaken_by_a_password_change_gives_no_token(house: House) -> None:
    await house.register()
    owner = await of_cookie(house.identity, (await house.log_in()).cookie)
    login = await delayed(house)
    await change_password(house.another(), "test", owner, PASSWORD, OTHER_PASSWORD, "192.0.2.9")
    assert house.token.let_through is not None
    house.token.let_through.set()
    assert (await refusal_of(login)).code == "invalid_credentials"
    assert house.token.families == []
    house.token.let_through = None
    assert (await house.log_in(password=OTHER_PASSWORD, client_id="app")).tokens is not None
