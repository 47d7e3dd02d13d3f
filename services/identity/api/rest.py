"""Identity over REST."""

from dataclasses import asdict, dataclass
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from chassis import positions
from chassis.telemetry import correlation_id
from chassis.web import Json
from eventlog.log import By
from services.identity.api import answers
from services.identity.api.callers import Callers
from services.identity.commands import Done
from services.identity.commands.accounts import Applicant, disable_account, enable_account, register
from services.identity.commands.login import Credentials, LoggedIn, log_in
from services.identity.commands.password import change_password
from services.identity.commands.sessions import Person, csrf_token, end_session, sign_out
from services.identity.domain.session import unauthenticated
from services.identity.queries import Queries

# Longer ones are refused by their own rules, in bytes; this keeps the nonsense out.
Text = Annotated[str, Field(max_length=4096, repr=False)]
Username = Annotated[str, Field(min_length=1, max_length=1024)]


class Body(BaseModel):
    """A member that is not known here is refused: it would be a misspelling that nobody notices."""

    model_config = ConfigDict(extra="forbid")


class Registration(Body):
    username: Username
    password: Text
    email: Annotated[str, Field(max_length=320, pattern=r"^[^@\s]+@[^@\s]+$")] | None = None


class Login(Body):
    username: Username
    password: Text
    client_id: Annotated[str, Field(min_length=1, max_length=256)] | None = None


class NewPassword(Body):
    current_password: Text
    new_password: Text


class Reason(Body):
    reason: Annotated[str, Field(min_length=1, max_length=200)]


@dataclass(frozen=True, slots=True)
class Api:
    """The handlers."""

    callers: Callers
    queries: Queries

    async def register(self, request: Request, body: Registration) -> Response:
        """Makes an account."""
        identity, source = self.callers.identity, self.callers.browser(request).source
        await identity.limits.take("registration", source)
        applicant = Applicant(body.username, body.password, body.email, source)
        made = await register(identity, correlation_id(), applicant)
        return self._at(made.position, {"account_id": made.account_id}, status=201)

    async def login(self, request: Request, body: Login) -> Response:
        """Starts a session; with the id of a client with direct login, gives tokens as well."""
        credentials = Credentials(body.username, body.password, body.client_id)
        identity = self.callers.identity
        logged_in = await log_in(identity, correlation_id(), credentials, self.callers.browser(request))
        answer = {
            "account_id": logged_in.account_id,
            "session_id": logged_in.session_id,
            "csrf_token": await csrf_token(identity.log, logged_in.session_id),
        }
        response = self._at(logged_in.position, answer | _tokens(logged_in))
        self.callers.cookies.give_login(response, logged_in.cookie, logged_in.device)
        return response

    async def account(self, request: Request) -> Response:
        """Who the caller is, and what they ought to know."""
        person = await self.callers.person(request)
        answer: dict[str, Any] = {"account_id": person.account.id, "username": person.account.username}
        if person.account.email:
            answer["email"] = person.account.email
        if person.session_id:
            answer["session_id"] = person.session_id
        if person.by_cookie and person.session_id:
            answer["csrf_token"] = await csrf_token(self.callers.identity.log, person.session_id)
        return Json(answer | {"notices": await self.queries.notices(person)})

    async def password(self, request: Request, body: NewPassword) -> Response:
        """Changes the password, and ends the other sessions."""
        person, browser = await self.callers.person(request), self.callers.browser(request)
        changed = await change_password(
            self.callers.identity,
            correlation_id(),
            person,
            body.current_password,
            body.new_password,
            browser.source,
        )
        response = self._done(changed.done)
        if changed.cookie:
            self.callers.cookies.give_session(response, changed.cookie)
        return response

    async def sessions(self, request: Request) -> Response:
        """The caller's sessions."""
        person = await self.callers.person(request)
        return Json({"sessions": [asdict(one) for one in await self.queries.list_sessions(person)]})

    async def end_session(self, request: Request, session_id: str) -> Response:
        """Ends one of the caller's sessions."""
        person = await self.callers.person(request)
        account_id = person.account.id
        done = await end_session(self.callers.identity, _by(account_id), account_id, session_id, "ended_by_owner")
        return self._ended(person, done) if session_id == person.session_id else self._done(done)

    async def end_sessions(self, request: Request) -> Response:
        """Ends all of the caller's sessions, this one too."""
        person = await self.callers.person(request)
        account_id = person.account.id
        return self._ended(person, await sign_out(self.callers.identity, _by(account_id), account_id))

    async def logout(self, request: Request) -> Response:
        """Ends the caller's session."""
        person = await self.callers.person(request)
        if person.session_id is None:
            raise unauthenticated()
        account_id = person.account.id
        done = await end_session(self.callers.identity, _by(account_id), account_id, person.session_id, "logout")
        return self._ended(person, done)

    async def disable(self, request: Request, account_id: str, body: Reason) -> Response:
        """Ends the account's sessions and lets nobody in; for administrators."""
        by = await self.callers.administrator(request, "identity.account.disable")
        return self._done(await disable_account(self.callers.identity, by, account_id, body.reason))

    async def enable(self, request: Request, account_id: str, body: Reason) -> Response:
        """Lets the person log in again; for administrators."""
        by = await self.callers.administrator(request, "identity.account.enable")
        return self._done(await enable_account(self.callers.identity, by, account_id, body.reason))

    def _ended(self, person: Person, done: Done) -> Response:
        """The caller's own session is over. Beside a bearer, a cookie may be another's: it stays as it is."""
        response = self._done(done)
        if person.by_cookie:
            self.callers.cookies.drop_session(response)
        return response

    def _done(self, done: Done) -> Response:
        return self._at(done.position, {"applied": done.applied})

    def _at(self, position: int, answer: dict[str, Any], status: int = 200) -> Response:
        positions.note("identity", position)
        return Json(answer | {"position": position}, status)

    def router(self) -> APIRouter:
        """The routes."""
        router = APIRouter(prefix="/v1")
        route = router.add_api_route
        route(
            "/accounts",
            self.register,
            methods=["POST"],
            status_code=201,
            response_model=answers.Registered,
            openapi_extra=answers.REGISTER,
        )
        route(
            "/login",
            self.login,
            methods=["POST"],
            response_model=answers.LoggedIn,
            openapi_extra=answers.LOGIN,
        )
        route("/logout", self.logout, methods=["POST"], **_done(answers.person(changes=True)))
        route(
            "/account",
            self.account,
            methods=["GET"],
            response_model=answers.Caller,
            openapi_extra=answers.person(),
        )
        route("/account/password", self.password, methods=["PUT"], **_done(answers.PASSWORD))
        route(
            "/sessions",
            self.sessions,
            methods=["GET"],
            response_model=answers.Sessions,
            openapi_extra=answers.person(),
        )
        route("/sessions", self.end_sessions, methods=["DELETE"], **_done(answers.person(changes=True)))
        route("/sessions/{session_id}", self.end_session, methods=["DELETE"], **_done(answers.ONE_SESSION))
        route("/accounts/{account_id}/disable", self.disable, methods=["POST"], **_done(answers.ADMINISTRATOR))
        route("/accounts/{account_id}/enable", self.enable, methods=["POST"], **_done(answers.ADMINISTRATOR))
        return router


def _done(described: dict[str, Any]) -> dict[str, Any]:
    return {"response_model": answers.Done, "openapi_extra": described}


def _by(account_id: str) -> By:
    return By(account_id, correlation_id())


def _tokens(logged_in: LoggedIn) -> dict[str, Any]:
    tokens = logged_in.tokens
    if tokens is None:
        return {}
    return {
        "access_token": tokens.access_token,
        "token_type": "Bearer",
        "expires_in": tokens.expires_in,
        "refresh_token": tokens.refresh_token,
        "scope": tokens.scope,
    }
