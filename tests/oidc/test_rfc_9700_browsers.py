"""RFC 9700, what concerns where browsers are sent and what other sites can do. Each test is an attack that fails."""

from urllib.parse import urlencode

import pytest
from grpc import StatusCode
from grpc.aio import AioRpcError

from tests.harness.applications import Application
from tests.harness.browsing import Page
from tests.oidc.party import entered, sign_in
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


async def test_2_6_no_cors_at_the_authorization_endpoint(scene: Scene) -> None:
    """2.6: it is for browsers to go to, not for scripts to read."""
    app = await scene.party(cors_origins=["https://app.example"])
    headers = {"Origin": "https://app.example", "Access-Control-Request-Method": "GET"}
    for method in ("OPTIONS", "GET"):
        answer = await scene.http.request(method, app.asking(), headers=headers)
        assert "access-control-allow-origin" not in answer.headers


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


@pytest.mark.parametrize("uri", ["http://app.example/callback", "javascript:alert(1)", "https://a.example/#x", "/here"])
async def test_2_6_answers_go_through_no_plain_http(scene: Scene, uri: str) -> None:
    """2.6: but for loopback addresses of native apps; and nowhere that is no address of an application."""
    with pytest.raises(AioRpcError) as refused:
        await scene.party(redirect_uris=[uri])
    assert refused.value.code() is StatusCode.INVALID_ARGUMENT


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
