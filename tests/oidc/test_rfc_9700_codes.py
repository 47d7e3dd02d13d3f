"""RFC 9700, what concerns authorization requests, their answers, and codes. Each test is an attack that fails."""

import asyncio
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from grpc import StatusCode
from grpc.aio import AioRpcError

from tests.harness.applications import Application
from tests.harness.browsing import Page
from tests.harness.people import claims
from tests.oidc.party import Pkce, entered, sign_in
from tests.oidc.scene import EVIL, Scene


def came_nowhere(page: Page) -> bool:
    """The person is told what is wrong, and no browser leaves."""
    return not page.left and page.response.status_code == 400 and "location" not in page.response.headers


async def test_4_1_insufficient_redirect_uri_validation(scene: Scene) -> None:
    """4.1.3: character for character, whatever a URL library would make of it."""
    app = await scene.party(redirect_uris=["https://app.example/callback", "http://127.0.0.1/native"])
    tricks = (
        "https://app.example/callback/",
        "https://app.example/callback?next=https://evil.example",
        "https://app.example/callback#fragment",
        "https://app.example/callback/../open",
        "https://app.example/%63allback",
        "https://app.example:443/callback",
        "HTTPS://app.example/callback",
        "https://APP.example/callback",
        "https://app.example.evil.example/callback",
        "https://app.example@evil.example/callback",
        "https://evil.example\\@app.example/callback",
        "https://evil.example/https://app.example/callback",
        "https://app.example%2f@evil.example/callback",
        "//app.example/callback",
        "https://app.example/callback\u0000",
        " https://app.example/callback",
        "http://app.example/callback",
        "javascript:alert(1)//https://app.example/callback",
        "http://127.0.0.1:1@evil.example/native",
        "http://127.0.0.1:80.evil.example/native",
        "http://127.0.0.1:8080/other",
        "http://localhost:8080/native",
        "https://127.0.0.1:8080/native",
        "",
    )
    browser = await scene.browser()
    for trick in tricks:
        assert came_nowhere(await browser.open(app.asking(redirect_uri=trick))), trick


async def test_2_1_only_the_port_of_loopback_is_free(scene: Scene) -> None:
    """2.1, RFC 8252 7.3: the one exception from exact matching."""
    app = await scene.party(redirect_uris=["http://127.0.0.1/native", "http://[::1]/native"])
    browser = await scene.browser()
    for uri in ("http://127.0.0.1:49152/native", "http://[::1]:49152/native", "http://127.0.0.1/native"):
        page = await browser.open(app.asking(redirect_uri=uri, prompt="none"))
        assert page.left.startswith(f"{uri}?error=login_required")


async def test_2_1_repeated_parameters_name_no_second_address(scene: Scene) -> None:
    """RFC 6749 3.1: which of two would be meant?"""
    twice = f"{scene.app.asking()}&{urlencode({'redirect_uri': EVIL})}"
    assert came_nowhere(await (await scene.browser()).open(twice))
    assert came_nowhere(await (await scene.browser()).open(f"{scene.app.asking()}&client_id=other"))


async def test_2_1_2_no_token_comes_from_the_authorization_endpoint(scene: Scene) -> None:
    """2.1.2: the implicit grant and what is like it."""
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
    assert "implicit" not in said["grant_types_supported"]


async def test_2_6_no_cors_at_the_authorization_endpoint(scene: Scene) -> None:
    """2.6: it is for browsers to go to, not for scripts to read."""
    app = await scene.party(cors_origins=["https://app.example"])
    headers = {"Origin": "https://app.example", "Access-Control-Request-Method": "GET"}
    for method in ("OPTIONS", "GET"):
        answer = await scene.http.request(method, app.asking(), headers=headers)
        assert "access-control-allow-origin" not in answer.headers


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
    assert (await scene.app.redeem(code)).json()["error"] == "invalid_grant"
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


async def test_4_7_cross_site_request_forgery(scene: Scene) -> None:
    """4.7: state comes back as it was, whatever is in it; a form of ours that another site sends does nothing."""
    browser, state = await scene.browser(), "a b&code=evil#%00é\"'<script>"
    page = await browser.open(scene.app.asking(state=state))
    signed = {"username": scene.attacker.username, "password": scene.attacker.password}
    for origin in ("https://evil.example", "null"):
        headers = {"Origin": origin, "Sec-Fetch-Site": "cross-site"}
        forged = await browser.http.post(page.url, data=page.form.fields | signed, headers=headers)
        assert forged.status_code == 403
        assert "watchword_session" not in forged.headers.get("set-cookie", "")
    assert scene.app.said(await sign_in(browser, page, scene.victim))["state"] == state


async def test_4_7_a_form_of_another_browser(scene: Scene) -> None:
    """4.7: whoever has a form of the attacker's browser is not signed in as the attacker."""
    mine, theirs = await scene.browser(), await scene.browser()
    page, form = await mine.open(scene.app.asking()), await theirs.open(scene.app.asking())
    signed = {"username": scene.attacker.username, "password": scene.attacker.password}
    for url, fields in ((page.url, form.form.fields), (form.url, form.form.fields)):
        answer = await mine.http.post(url, data=fields | signed, headers={"Sec-Fetch-Site": "same-origin"})
        assert "watchword_session" not in answer.headers.get("set-cookie", "")


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


@pytest.mark.parametrize("uri", ["http://app.example/callback", "javascript:alert(1)", "https://a.example/#x", "/here"])
async def test_2_6_answers_go_through_no_plain_http(scene: Scene, uri: str) -> None:
    """2.6: but for loopback addresses of native apps; and nowhere that is no address of an application."""
    with pytest.raises(AioRpcError) as refused:
        await scene.party(redirect_uris=[uri])
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


async def test_4_11_open_redirection(scene: Scene) -> None:
    """4.11.2: nobody is sent to an address that was not registered, whatever else is wrong; nor after signing out."""
    app, browser = scene.app, await scene.browser()
    wrong: tuple[dict[str, str | None], ...] = (
        {},
        {"scope": "nonsense"},
        {"response_type": "nonsense"},
        {"prompt": "none"},
        {"response_mode": "form_post"},
        {"client_id": "nobody"},
        {"client_id": scene.theirs.client.client_id, "redirect_uri": app.back},
    )
    for more in wrong:
        assert came_nowhere(await browser.open(app.asking(**{"redirect_uri": EVIL} | more))), more
    out = f"{scene.suite.url('identity')}/oauth2/logout?"
    for named in ({}, {"client_id": app.client.client_id}):
        page = await browser.open(out + urlencode({"post_logout_redirect_uri": EVIL} | named))
        assert not page.left
        assert EVIL not in page.links.values()


async def test_4_11_2_whoever_registers_itself_is_no_redirector(scene: Scene) -> None:
    """4.11.2: a request that is wrong on purpose takes nobody to an address that only its owner vouches for."""
    said = (await scene.http.get(f"{scene.app.issuer}/.well-known/openid-configuration")).json()
    answer = await scene.http.post(said["registration_endpoint"], json={"redirect_uris": [EVIL]})
    assert answer.status_code == 201, answer.text
    made = answer.json()
    app, browser = scene.theirs.of(Application(made["client_id"], made["client_secret"])), await scene.browser()
    wrong: tuple[dict[str, str], ...] = (
        {"scope": "nonsense"},
        {"response_type": "token"},
        {"response_mode": "nonsense"},
        {"prompt": "none login"},
        {"max_age": "soon"},
        {"response_mode": "form_post", "scope": "nonsense"},
    )
    for more in wrong:
        assert came_nowhere(await browser.open(app.asking(**more))), more
    assert (await browser.open(app.asking())).has("input", name="password")
    assert app.said(await browser.open(app.asking(prompt="none")))["error"] == "login_required"


async def test_4_12_no_307(scene: Scene) -> None:
    """4.12: what was typed here is not sent on; every redirect is a 303."""
    app, browser = await scene.party(ask_consent=True), await scene.browser()
    headers = {"Origin": scene.suite.url("identity"), "Sec-Fetch-Site": "same-origin"}
    page = await browser.open(app.asking())
    signed = page.form.fields | {"username": scene.victim.username, "password": scene.victim.password}
    first = await browser.http.post(page.url, data=signed, headers=headers)
    consent = await browser.open(page.url)
    second = await browser.http.post(page.url, data=consent.form.fields | {"decision": "allow"}, headers=headers)
    third = await browser.http.post(
        app.asking().partition("?")[0], data=app.parameters(), headers={"Origin": "https://app.example"}
    )
    fourth = await browser.http.get(app.asking(prompt="none"))
    answers = [first, second, third, fourth]
    assert [one.status_code for one in answers] == [303] * 4
    assert second.headers["location"].startswith(app.back)
    assert not any(scene.victim.password in str(one.headers) for one in answers)


async def test_4_13_headers_of_a_reverse_proxy(scene: Scene) -> None:
    """4.13: whoever sends such headers without being a trusted proxy changes no address."""
    forged = {
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-For": "10.0.0.1",
        "Forwarded": "host=evil.example;proto=https",
        "X-Original-URL": "/",
        "X-Client-Cert": "anything",
    }
    for host in ({}, {"Host": "evil.example"}):
        headers = forged | host
        said = await scene.http.get(f"{scene.app.issuer}/.well-known/openid-configuration", headers=headers)
        assert "evil.example" not in said.text
        answer = await scene.http.get(scene.app.asking(prompt="none"), headers=headers)
        assert answer.headers["location"].startswith(f"{scene.app.back}?")
        assert "evil.example" not in answer.headers["location"]
        begun = await scene.http.get(scene.app.asking(), headers=headers)
        assert "evil.example" not in str(begun.headers)


async def test_4_16_clickjacking(scene: Scene) -> None:
    """4.16: no page of ours stands in a frame of somebody else's."""
    app, browser = await scene.party(ask_consent=True), await scene.browser()
    page = await browser.open(app.asking())
    consent = await sign_in(browser, page, scene.victim)
    chooser = await browser.open(app.asking(prompt="select_account"))
    trouble = await browser.open(app.asking(redirect_uri=EVIL))
    posting = await entered(browser, scene.app.asking(response_mode="form_post"), scene.victim)
    leaving = await browser.open(f"{scene.suite.url('identity')}/oauth2/logout")
    for one in (page, consent, chooser, trouble, posting, leaving):
        assert "frame-ancestors 'none'" in one.response.headers["content-security-policy"], one.title


async def test_4_17_in_browser_communication(scene: Scene) -> None:
    """4.17: nothing is told by postMessage; no such answer is offered, and pages run no script that could."""
    app, browser = scene.app, await scene.browser()
    for mode in ("web_message", "web_message.jwt", "relay"):
        page = await browser.open(app.asking(response_mode=mode))
        assert app.said(page)["error"] == "invalid_request"
    page = await entered(browser, app.asking(response_mode="form_post"), scene.victim)
    assert page.form.action == app.back, "a form goes to the registered address alone"
    assert "postMessage" not in page.response.text
    policy = page.response.headers["content-security-policy"]
    assert "form-action https://app.example;" in policy
    assert "'unsafe-inline'" not in policy


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
