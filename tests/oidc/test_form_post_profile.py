"""What the Form Post Basic profile of the OpenID certification asks of a provider: the same, by a form."""

from tests.harness.browsing import Browser, Page
from tests.harness.people import Person, claims
from tests.oidc.conftest import Parties
from tests.oidc.party import ALLOW, Party, entered, sign_in

FORM = {"response_mode": "form_post"}


def posted(app: Party, page: Page) -> dict[str, str]:
    """What a page is about to post to the application, and nowhere else (OAuth 2.0 Form Post Response Mode 2)."""
    form = page.form
    assert (form.method, form.action) == ("POST", app.back)
    assert form.fields["iss"] == app.issuer
    assert not page.left
    headers = page.response.headers
    assert (headers["cache-control"], headers["content-type"]) == ("no-store", "text/html; charset=utf-8")
    assert page.has("script"), "goes on by itself"
    assert ("", "") in form.buttons, "and without a script by a button"
    return form.fields


async def test_form_post_server(app: Party, browser: Browser, person: Person) -> None:
    """oidcc-server, and -ensure-request-with-valid-pkce-succeeds."""
    said = posted(app, await entered(browser, app.asking(**FORM), person))
    assert {"code", "state", "iss"} <= set(said)
    tokens = (await app.redeem(said["code"])).json()
    assert claims(tokens["id_token"])["sub"] == person.account_id
    again = await app.redeem(said["code"])
    assert again.json()["error"] == "invalid_grant"


async def test_form_post_prompt_none_not_logged_in(app: Party, browser: Browser) -> None:
    """oidcc-prompt-none-not-logged-in: errors come the same way."""
    said = posted(app, await browser.open(app.asking(prompt="none", **FORM)))
    assert (said["error"], said["state"]) == ("login_required", "s")
    assert "code" not in said


async def test_form_post_prompt_none_logged_in(app: Party, browser: Browser, person: Person) -> None:
    """oidcc-prompt-none-logged-in"""
    await entered(browser, app.asking(**FORM), person)
    said = posted(app, await browser.open(app.asking(prompt="none", **FORM)))
    assert (await app.redeem(said["code"])).status_code == 200


async def test_form_post_what_is_wrong(app: Party, browser: Browser) -> None:
    """oidcc-response-type-missing, and what is asked for wrongly."""
    wrong: tuple[tuple[dict[str, str | None], str], ...] = (
        ({"response_type": None}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"scope": "nonsense"}, "invalid_scope"),
    )
    for more, error in wrong:
        assert posted(app, await browser.open(app.asking(**FORM | more)))["error"] == error


async def test_form_post_what_is_said_is_text(parties: Parties, browser: Browser, person: Person) -> None:
    """Whatever a state holds, it is a value in that form, and nothing else."""
    app = await parties(ask_consent=True)
    state = "\"><script>alert(1)</script>&'é"
    page = await sign_in(browser, await browser.open(app.asking(state=state, **FORM)), person)
    said = posted(app, await browser.submit(page, ALLOW))
    assert said["state"] == state
