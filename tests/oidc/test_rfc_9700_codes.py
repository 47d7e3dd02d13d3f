"""RFC 9700, what concerns codes, from the request to what they are redeemed for. Each test is an attack that fails."""

import asyncio
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from grpc import StatusCode
from grpc.aio import AioRpcError

from tests.harness.people import claims
from tests.harness.reuse import judged
from tests.oidc.party import Pkce, entered, sign_in
from tests.oidc.scene import EVIL, Scene


async def test_2_1_2_no_token_comes_from_the_authorization_endpoint(scene: Scene) -> None:
    """2.1.2: the implicit grant and what is like it, but for who registered themselves for it (test_implicit.py)."""
    browser = await scene.browser()
    for response_type in ("token", "id_token", "id_token token", "code token", "code id_token"):
        page = await browser.open(scene.app.asking(response_type=response_type, response_mode="fragment"))
        assert "error=unsupported_response_type" in page.left
        assert "token=" not in page.left.replace("_token", "")


async def test_2_4_resource_owner_password_credentials(scene: Scene) -> None:
    """2.4: never, whoever asks."""
    said = {"username": scene.victim.username, "password": scene.victim.password, "scope": "openid"}
    answer = await scene.app.ask(grant_type="password", **said)
    assert (answer.status_code, answer.json()["error"]) == (400, "unsupported_grant_type")


async def test_2_6_metadata_say_what_is_done(scene: Scene) -> None:
    """2.1.1, 2.6: S256 alone is named, and that answers say who gives them; on the issuer's own address."""
    said = (await scene.http.get(f"{scene.app.issuer}/.well-known/oauth-authorization-server")).json()
    assert said["code_challenge_methods_supported"] == ["S256"]
    assert said["authorization_response_iss_parameter_supported"] is True
    assert said["issuer"] == scene.app.issuer
    assert "password" not in said["grant_types_supported"]
    assert not {"token", "code token", "code id_token token"} & set(said["response_types_supported"])


async def test_4_2_credential_leakage_by_referrer(scene: Scene) -> None:
    """4.2.4: pages load nothing from others and send no referrer to others; no code is in their addresses."""
    app, browser = await scene.party(ask_consent=True), await scene.browser()
    page = await browser.open(app.asking(state="the-state"))
    seen = [page, await sign_in(browser, page, scene.victim), await browser.open(app.asking(redirect_uri=EVIL))]
    for one in seen:
        headers = one.response.headers
        assert headers.get_list("referrer-policy")[-1] in ("no-referrer", "same-origin")
        assert "default-src 'none'" in headers["content-security-policy"]
        loaded = [found.get("src") or found.get("href", "") for tag, found in one.attributes if tag != "a"]
        assert not [url for url in loaded if "//" in url]
    assert seen[1].form.buttons, "the consent page"
    for one in seen[:2]:
        assert not urlsplit(one.url).query
        assert "the-state" not in one.url
    left = await browser.submit(seen[1], ("decision", "allow"))
    assert left.response.headers["cache-control"] == "no-store"
    assert left.response.headers.get_list("referrer-policy")[-1] in ("no-referrer", "same-origin")


async def test_4_3_1_a_code_in_the_browser_history(scene: Scene) -> None:
    """4.3.1: it is good once; and it need not be in an address, with form_post."""
    browser = await scene.browser()
    code = await scene.app.code(browser, scene.victim)
    assert (await scene.app.redeem(code)).status_code == 200
    assert (await judged(lambda: scene.app.redeem(code))).json()["error"] == "invalid_grant"
    page = await browser.open(scene.app.asking(response_mode="form_post"))
    assert "code" in page.form.fields
    assert page.form.fields["code"] not in page.url


@pytest.mark.parametrize("service", ["identity", "token"])
async def test_4_3_2_no_token_is_taken_from_an_address(scene: Scene, service: str) -> None:
    """4.3.2: what is in a query is in histories and logs."""
    tokens = await scene.app.tokens(await scene.browser(), scene.victim)
    where = {"identity": "/oauth2/userinfo", "token": "/oauth2/introspect"}[service]
    parameter = {"identity": "access_token", "token": "token"}[service]
    url = f"{scene.suite.url(service)}{where}?{urlencode({parameter: tokens['access_token']})}"
    for method in ("GET", "POST"):
        assert (await scene.http.request(method, url)).status_code in (400, 401, 405)


async def test_4_4_mix_up(scene: Scene) -> None:
    """4.4.2.1, RFC 9207: every answer, a refusal as well, says whose it is, however it comes."""
    app, browser = scene.app, await scene.browser()
    refused = dict(parse_qsl(urlsplit((await browser.open(app.asking(prompt="none"))).left).query))
    given = await entered(browser, app.asking(), scene.victim)
    fragment = await browser.open(app.asking(response_mode="fragment"))
    posted = (await browser.open(app.asking(response_mode="form_post"))).form.fields
    said = [refused, app.said(given), dict(parse_qsl(urlsplit(fragment.left).fragment)), posted]
    assert {one["iss"] for one in said} == {app.issuer}
    assert all(("code" in one) != ("error" in one) for one in said)


async def test_4_5_code_injection(scene: Scene) -> None:
    """4.5.3.1: the attacker puts a stolen code into a login of their own, which has a verifier of its own."""
    stolen = await scene.app.code(await scene.browser(), scene.victim)
    answer = await scene.app.redeem(stolen, code_verifier=Pkce().verifier)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    assert "access_token" not in answer.text


async def test_4_5_a_code_of_another_client(scene: Scene) -> None:
    """4.5, RFC 6749 4.1.3: stolen, it is of no use at the attacker's own client, whatever they know of it."""
    stolen = await scene.app.code(await scene.browser(), scene.victim)
    theirs = await scene.theirs.redeem(stolen, redirect_uri=scene.app.back, code_verifier=scene.app.pkce.verifier)
    assert theirs.json()["error"] == "invalid_grant"
    own = await scene.app.redeem(stolen)
    assert own.status_code == 200, "nobody else's attempt takes it from its client"


async def test_4_5_3_2_the_nonce_is_the_requests(scene: Scene) -> None:
    """4.5.3.2: it comes back unchanged, in the ID token alone."""
    app, browser = scene.app, await scene.browser()
    page = await entered(browser, app.asking(nonce="n-0S6_WzA2Mj"), scene.victim)
    assert "nonce" not in app.said(page)
    assert claims((await app.redeem(app.said(page)["code"])).json()["id_token"])["nonce"] == "n-0S6_WzA2Mj"


async def test_2_1_1_a_code_for_another_redirect_uri(scene: Scene) -> None:
    """2.1.1, RFC 6749 4.1.3: the code goes with the address that it was sent to."""
    app = await scene.party(redirect_uris=["https://app.example/a", "https://app.example/b"])
    code = await app.code(await scene.browser(), scene.victim)
    assert (await app.redeem(code, redirect_uri="https://app.example/b")).json()["error"] == "invalid_grant"


async def test_4_8_pkce_downgrade(scene: Scene) -> None:
    """4.8.2: who takes the challenge out of a request is found out by the verifier, and no weaker one is taken."""
    app, browser = await scene.party(require_pkce=False), await scene.browser()
    bare = await app.code(browser, scene.victim, code_challenge=None, code_challenge_method=None)
    answer = await app.redeem(bare)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    bound = await app.code(browser, scene.victim)
    assert (await app.redeem(bound, code_verifier=None)).json()["error"] == "invalid_grant"
    for weaker in ("plain", "s256", "", None):
        page = await browser.open(app.asking(code_challenge=app.pkce.verifier[:43], code_challenge_method=weaker))
        assert app.said(page)["error"] == "invalid_request", weaker


async def test_2_1_1_public_clients_must_use_pkce(scene: Scene) -> None:
    """2.1.1: nobody can lift it for them."""
    app = await scene.party(confidential=False)
    page = await (await scene.browser()).open(app.asking(code_challenge=None, code_challenge_method=None))
    assert app.said(page)["error"] == "invalid_request"
    with pytest.raises(AioRpcError) as refused:
        await scene.party(confidential=False, require_pkce=False)
    assert refused.value.code() is StatusCode.INVALID_ARGUMENT


async def test_4_8_a_challenge_is_for_one_request(scene: Scene) -> None:
    """4.8, RFC 7636 4.6: a verifier that is not its own, however alike."""
    code = await scene.app.code(await scene.browser(), scene.victim)
    challenge = scene.app.pkce.asked["code_challenge"]
    verifier = scene.app.pkce.verifier
    for wrong in (challenge, verifier[:-1], f"{verifier}=", verifier.swapcase(), "", "a" * 129):
        assert (await scene.app.redeem(code, code_verifier=wrong)).json()["error"] in (
            "invalid_grant",
            "invalid_request",
        )


async def test_4_5_a_code_is_redeemed_once_by_many_at_once(scene: Scene) -> None:
    """RFC 6749 4.1.2: one of them at most is answered with tokens, and whatever it got has ended by then."""
    code = await scene.app.code(await scene.browser(), scene.victim)
    answers = await asyncio.gather(*(scene.app.redeem(code) for _ in range(8)))
    statuses = [answer.status_code for answer in answers]
    assert statuses.count(200) <= 1
    assert set(statuses) == {200, 400} or set(statuses) == {400}
    for answer in answers:
        if answer.status_code == 200:
            assert await scene.app.ends(answer.json()["access_token"])
