"""RFC 9700, what concerns access tokens, refresh tokens and clients. Each test is an attack that fails."""

import asyncio
import base64
import hashlib

import pytest
from grpc import StatusCode
from grpc.aio import AioRpcError
from httpx2 import Response

from tests.harness.people import People, claims
from tests.harness.reuse import judged
from tests.oidc.party import Party
from tests.oidc.proofs import Prover
from tests.oidc.scene import Scene


async def introspected(app: Party, token: str) -> dict[str, object]:
    """What an application is told of a token."""
    url = f"{app.issuer}/oauth2/introspect"
    found: dict[str, object] = (await app.http.post(url, data={"token": token}, auth=app.client.auth)).json()
    return found


async def refreshed(app: Party, refresh_token: str, **more: str) -> Response:
    return await app.ask(grant_type="refresh_token", refresh_token=refresh_token, **more)


async def test_2_3_a_token_is_for_its_audience(scene: Scene) -> None:
    """2.3, 4.10.2: what one resource server was shown opens nothing at another, ours included."""
    app = await scene.party(audiences=["https://one.example", "https://two.example"])
    code = await app.code(await scene.browser(), scene.victim, scope="profile", resource="https://one.example")
    token = (await app.redeem(code)).json()["access_token"]
    assert claims(token)["aud"] == "https://one.example"
    assert (await app.userinfo(token)).status_code == 401
    account = f"{scene.suite.url('identity')}/v1/account"
    assert (await app.http.get(account, headers={"Authorization": f"Bearer {token}"})).status_code in (401, 403)


async def test_2_3_no_audience_but_the_clients_own(scene: Scene) -> None:
    """2.3, RFC 8707: who asks for another's resource is told no, with a code and with a refresh token, too."""
    app, browser = await scene.party(audiences=["https://one.example"]), await scene.browser()
    page = await browser.open(app.asking(resource="https://two.example"))
    assert app.said(page)["error"] == "invalid_target"
    code = await app.code(browser, scene.victim)
    assert (await app.redeem(code, resource="https://two.example")).json()["error"] == "invalid_target"
    tokens = (await app.redeem(code)).json()
    widened = await refreshed(app, tokens["refresh_token"], resource="https://two.example")
    assert widened.json()["error"] == "invalid_target"


async def test_2_3_a_token_has_no_more_scope_than_was_granted(scene: Scene) -> None:
    """2.3, 4.14.2: a refresh narrows and never widens; nor does a consent page that was changed."""
    app, browser = await scene.party(ask_consent=True), await scene.browser()
    page = await browser.open(app.asking(scope="openid profile"))
    page = await browser.submit(page, username=scene.victim.username, password=scene.victim.password)
    wider = {"scope.email": "on", "scope.offline_access": "on", "scope.watchword:admin": "on"}
    left = await browser.submit(page, ("decision", "allow"), **wider)
    tokens = (await app.redeem(app.said(left)["code"])).json()
    assert tokens["scope"] == "openid profile"
    widened = await refreshed(app, tokens["refresh_token"], scope="openid profile email")
    assert widened.json()["error"] == "invalid_scope"
    assert (await refreshed(app, tokens["refresh_token"], scope="openid")).json()["scope"] == "openid"


async def test_2_5_client_authentication(scene: Scene) -> None:
    """2.5: a code alone is worth nothing without what proves its client."""
    code = await scene.app.code(await scene.browser(), scene.victim)
    url, client_id = f"{scene.app.issuer}/oauth2/token", scene.app.client.client_id
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": scene.app.back}
    form |= {"code_verifier": scene.app.pkce.verifier}
    for named in ({}, {"client_id": client_id}, {"client_id": client_id, "client_secret": "wrong"}):
        answer = await scene.http.post(url, data=form | named)
        assert (answer.status_code, answer.json()["error"]) in ((401, "invalid_client"), (400, "invalid_request"))
    answer = await scene.http.post(url, data=form, auth=(client_id, scene.theirs.client.secret))
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert (await scene.app.redeem(code)).status_code == 200


async def test_4_6_access_token_injection(scene: Scene) -> None:
    """4.6.1: the ID token says with which access token it came."""
    tokens = await scene.app.tokens(await scene.browser(), scene.victim)
    digest = hashlib.sha256(tokens["access_token"].encode()).digest()[:16]
    said = claims(tokens["id_token"])["at_hash"]
    assert said == base64.urlsafe_b64encode(digest).decode().rstrip("=")


async def test_4_9_a_token_of_another_kind(scene: Scene) -> None:
    """4.9.1, RFC 9068 2.1: an ID token, a refresh token or a code opens nothing as an access token."""
    browser = await scene.browser()
    code = await scene.app.code(browser, scene.victim)
    tokens = await scene.app.tokens(browser, scene.victim)
    for other in (tokens["id_token"], tokens["refresh_token"], code):
        assert (await scene.app.userinfo(other)).status_code == 401
        with_api = await scene.http.get(
            f"{scene.suite.url('identity')}/v1/account", headers={"Authorization": f"Bearer {other}"}
        )
        assert with_api.status_code == 401
    assert await introspected(scene.app, tokens["id_token"]) == {"active": False}
    for other in (tokens["access_token"], tokens["id_token"], code):
        assert (await refreshed(scene.app, other)).json()["error"] == "invalid_grant"
        assert (await scene.app.redeem(other + "x")).json()["error"] == "invalid_grant"


async def bound(scene: Scene, prover: Prover) -> tuple[Party, dict[str, str]]:
    """A native application whose tokens are bound to a key, and tokens of the victim."""
    app = await scene.party(dpop_bound_access_tokens=True, confidential=False)
    code = await app.code(await scene.browser(), scene.victim)
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": app.back}
    form |= {"code_verifier": app.pkce.verifier, "client_id": app.client.client_id}
    answer = await prover.post(app.http, f"{app.issuer}/oauth2/token", form)
    assert answer.status_code == 200, answer.text
    return app, answer.json()


def renewing(app: Party, tokens: dict[str, str]) -> tuple[str, dict[str, str]]:
    """Where to, and with which form."""
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    return f"{app.issuer}/oauth2/token", form | {"client_id": app.client.client_id}


async def test_4_10_1_a_bound_token_without_its_key(scene: Scene) -> None:
    """4.10.1, RFC 9449: it says its key, and opens nothing as a mere bearer's or with somebody else's key."""
    prover, thief = Prover(), Prover()
    app, tokens = await bound(scene, prover)
    assert tokens["token_type"] == "DPoP"
    assert claims(tokens["access_token"])["cnf"] == {"jkt": prover.thumbprint}
    assert (await app.userinfo(tokens["access_token"])).status_code == 401
    url = f"{scene.suite.url('identity')}/oauth2/userinfo"
    ath = base64.urlsafe_b64encode(hashlib.sha256(tokens["access_token"].encode()).digest()).decode().rstrip("=")
    for scheme in ("DPoP", "Bearer"):
        headers = {"Authorization": f"{scheme} {tokens['access_token']}"} | thief.proof("GET", url, ath=ath)
        assert (await scene.http.get(url, headers=headers)).status_code == 401


async def test_4_14_2_a_bound_refresh_token_without_its_key(scene: Scene) -> None:
    """4.14.2: of a public client, too, stolen it renews nothing, and the owner's goes on."""
    prover, thief = Prover(), Prover()
    app, tokens = await bound(scene, prover)
    url, form = renewing(app, tokens)
    assert (await app.http.post(url, data=form)).status_code == 400
    assert (await thief.post(app.http, url, form)).json()["error"] == "invalid_grant"
    assert (await prover.post(app.http, url, form)).status_code == 200


async def test_4_10_1_a_proof_that_was_seen(scene: Scene) -> None:
    """4.10.1, RFC 9449 11.1: a proof is good for one request, of its own address and method."""
    prover = Prover()
    app, tokens = await bound(scene, prover)
    url, form = renewing(app, tokens)
    proof = prover.proof("POST", url)
    answers = await asyncio.gather(*(app.http.post(url, data=form, headers=proof) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 400, 400, 400]
    for wrong in (prover.proof("GET", url), prover.proof("POST", f"{url}x")):
        assert (await app.http.post(url, data=form, headers=wrong)).json()["error"] == "invalid_dpop_proof"


async def test_4_14_2_a_refresh_token_of_a_public_client_rotates(scene: Scene) -> None:
    """4.14.2: used twice, by thief and owner in either order, nothing of it lives on."""
    app = await scene.party(confidential=False, leeway={"seconds": 0})
    tokens = await app.tokens(await scene.browser(), scene.victim)
    stolen = tokens["refresh_token"]
    thief = await refreshed(app, stolen)
    assert thief.status_code == 200
    assert thief.json()["refresh_token"] != stolen
    assert (await judged(lambda: refreshed(app, stolen))).json()["error"] == "invalid_grant"
    assert (await refreshed(app, thief.json()["refresh_token"])).json()["error"] == "invalid_grant"
    for token in (tokens["access_token"], thief.json()["access_token"]):
        assert await app.ends(token)


async def test_4_14_2_a_refresh_token_is_bound_to_its_client(scene: Scene) -> None:
    """4.14.2: another client's use renews nothing."""
    tokens = await scene.app.tokens(await scene.browser(), scene.victim)
    theirs = await judged(lambda: refreshed(scene.theirs, tokens["refresh_token"]))
    assert theirs.json()["error"] == "invalid_grant"


@pytest.mark.parametrize("scope", ["openid", "openid offline_access"])
async def test_4_14_2_a_refresh_token_ends_with_a_changed_password(scene: Scene, scope: str) -> None:
    """4.14.2: and with the access that the person takes back."""
    app = scene.app
    tokens = await app.tokens(await scene.browser(), scene.victim, scope=scope)
    async with People.of(scene.suite) as people:
        signed = await people.login(scene.victim)
        changed = {"current_password": scene.victim.password, "new_password": "another horse battery staple 7"}
        url = f"{scene.suite.url('identity')}/v1/account/password"
        answer = await people.http.put(url, json=changed, headers=signed.bearer)
        assert answer.status_code == 200, answer.text
    assert (await refreshed(app, tokens["refresh_token"])).json()["error"] == "invalid_grant"
    assert await app.ends(tokens["access_token"])


async def test_4_15_a_client_that_poses_as_a_person(scene: Scene) -> None:
    """4.15.1: no client has a person's id, and what it gets for itself is no person's."""
    with pytest.raises(AioRpcError) as refused:
        await scene.party(client_id=scene.victim.account_id)
    assert refused.value.code() is StatusCode.INVALID_ARGUMENT
    machine = await scene.party(grant_types=["client_credentials"], scopes=["openid"])
    answer = await machine.ask(grant_type="client_credentials")
    assert claims(answer.json()["access_token"])["sub"] == machine.client.client_id
    assert "id_token" not in answer.json()
    assert (await machine.userinfo(answer.json()["access_token"])).status_code in (401, 403)


async def test_client_confusion(scene: Scene) -> None:
    """Another client learns nothing of a token, and cannot end it (RFC 7662 2.2, RFC 7009 2.1)."""
    tokens = await scene.app.tokens(await scene.browser(), scene.victim)
    for token in (tokens["access_token"], tokens["refresh_token"]):
        assert await introspected(scene.theirs, token) == {"active": False}
        revoke = f"{scene.app.issuer}/oauth2/revoke"
        answer = await scene.http.post(revoke, data={"token": token}, auth=scene.theirs.client.auth)
        assert answer.status_code in (200, 400)
    assert (await introspected(scene.app, tokens["access_token"]))["active"] is True
    assert (await refreshed(scene.app, tokens["refresh_token"])).status_code == 200


async def test_nothing_secret_is_logged(scene: Scene) -> None:
    """4.3, and the issue's bar: no code, token, verifier, secret or password is in any log."""
    app, browser = scene.app, await scene.browser()
    code = await app.code(browser, scene.victim, state="the-state-of-this-test")
    tokens = (await app.redeem(code)).json()
    await app.redeem(code)
    await app.http.get(f"{scene.suite.url('identity')}/oauth2/userinfo?access_token={tokens['access_token']}")
    secrets = [code, app.pkce.verifier, app.client.secret, scene.victim.password]
    secrets += [tokens[name] for name in ("access_token", "refresh_token", "id_token")]
    secrets += list(browser.http.cookies.values())
    logs = [path.read_text(errors="replace") for path in scene.suite.place.logs.rglob("*.log")]
    assert logs
    assert not [secret[:6] for secret in secrets if any(secret in log for log in logs)]
