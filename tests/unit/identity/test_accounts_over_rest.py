"""What a person, a bearer and an administrator do with an account over REST."""

from eventlog.projection import Put
from tests.unit.identity.door import Door, door_of, said
from tests.unit.identity.house import OTHER_PASSWORD, PASSWORD


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
