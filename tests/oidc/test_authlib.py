"""Authlib, in an application of its Starlette integration: pointed at the issuer, it just works."""

from typing import Any

from authlib.integrations.starlette_client import OAuth
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.harness.browsing import Browser
from tests.harness.people import Person
from tests.oidc.conftest import Parties
from tests.oidc.party import Party, entered
from tests.oidc.served import free_site, serving


class OneVisitor:
    """The session of the only browser that comes."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._session: dict[str, Any] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["session"] = self._session
        await self._app(scope, receive, send)


def application(app: Party) -> ASGIApp:
    """As Authlib's documentation has it, and a page that refreshes."""
    oauth = OAuth()
    oauth.register(
        "watchword",
        client_id=app.client.client_id,
        client_secret=app.client.secret,
        server_metadata_url=f"{app.issuer}/.well-known/openid-configuration",
        client_kwargs={"scope": "openid profile offline_access", "code_challenge_method": "S256"},
    )

    async def login(request: Request) -> Response:
        answer: Response = await oauth.watchword.authorize_redirect(request, app.back)
        return answer

    async def callback(request: Request) -> Response:
        token = await oauth.watchword.authorize_access_token(request)
        said = {"id_token": token["userinfo"], "userinfo": await oauth.watchword.userinfo(token=token)}
        request.session["token"] = token
        return JSONResponse(said)

    async def later(request: Request) -> Response:
        """The access token has expired: the library gets another by itself."""
        token = dict(request.session["token"]) | {"expires_at": 1}
        return JSONResponse(await oauth.watchword.userinfo(token=token))

    async def logout(request: Request) -> Response:
        hint = request.session["token"]["id_token"]
        answer: Response = await oauth.watchword.logout_redirect(request, f"{app.back}/out", id_token_hint=hint)
        return answer

    routes = [Route(f"/{one.__name__}", one) for one in (login, callback, later, logout)]
    return OneVisitor(Starlette(routes=routes))


async def test_an_application_with_authlib(parties: Parties, browser: Browser, person: Person) -> None:
    site, port = free_site()
    back = f"{site}/callback"
    app = await parties(redirect_uris=[back], post_logout_redirect_uris=[f"{back}/out"], ask_consent=True)
    browser.at |= {site}
    async with serving(application(app), port):
        page = await entered(browser, f"{site}/login", person)
        said = page.response.json()
        assert said["id_token"]["sub"] == said["userinfo"]["sub"] == person.account_id
        assert said["userinfo"]["preferred_username"] == person.username
        again = await browser.open(f"{site}/later")
        assert again.response.json()["sub"] == person.account_id
        silent = await browser.open(f"{site}/login")
        assert silent.response.json()["id_token"]["sub"] == person.account_id
        out = await browser.open(f"{site}/logout")
        assert out.url.startswith(f"{back}/out?state=")
        assert (await browser.open(f"{site}/login")).has("input", name="password")
