"""A small authorization server that judges, asks and answers as token does, in memory."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import jwt

from eventlog.errors import Kind, Refusal
from eventlog.projection import Drop, MemoryRows
from services.identity.ports import (
    Asked,
    ChoiceNeeded,
    ConsentNeeded,
    Destination,
    Kept,
    LoginNeeded,
    Overtaken,
    SignedIn,
    SignOut,
    Step,
    Wrong,
)
from tests.unit.identity.house import SmallToken

APP = "https://app.example/callback"
OUT = "https://app.example/out"


@dataclass(frozen=True, slots=True)
class App:
    """An application. `asks`: its users are asked for consent; `about` is what it says of itself."""

    name: str = "An App"
    redirect_uri: str = APP
    asks: bool = True
    about: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class SmallAuthorizations:
    """Of a request it reads what these pages hang on; `whom` stands for an id_token_hint."""

    token: SmallToken
    apps: dict[str, App] = field(default_factory=lambda: {"one": App()})
    kept: dict[str, dict[str, str]] = field(default_factory=dict)
    grants: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    given: list[SignedIn] = field(default_factory=list)
    hints: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Sessions and accounts by id_token_hint."""
    pages: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """By which pages applications sign a browser out, by session."""
    families: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Accounts and sessions by family."""
    told: MemoryRows = field(default_factory=MemoryRows)

    async def begin(self, parameters: bytes) -> Kept | Destination | Wrong:
        self.token._answer()
        asked = _read(parameters)
        app = self.apps.get(asked.get("client_id", ""))
        if app is None:
            return Wrong("invalid_request", "the client is unknown")
        if asked.get("redirect_uri") != app.redirect_uri:
            return Wrong("invalid_request", "this redirect_uri is not registered for the client")
        if asked.get("response_type") != "code":
            return self._to(asked, {"error": "unsupported_response_type"})
        handle = secrets.token_urlsafe(32)
        self.kept[handle] = asked
        return Kept(handle, self._asked(asked))

    async def proceed(
        self, handle: str, signed_in: SignedIn | None = None, *, given_up: bool = False
    ) -> Step | Overtaken:
        self.token._answer()
        asked = self.kept.get(handle)
        if asked is None:
            return Wrong("request_expired", "this request was answered already, or has taken too long: start again")
        if given_up:
            return self._answered(handle, {"error": "access_denied"})
        prompt = asked.get("prompt", "").split()
        if signed_in is None or asked.get("whom", signed_in.session.account_id) != signed_in.session.account_id:
            if "none" in prompt:
                return self._answered(handle, {"error": "login_required"})
            return LoginNeeded(self._asked(asked), asked.get("whom", ""))
        if self.token.revoked.get(signed_in.session.account_id, 0) > signed_in.session.seen:
            return Overtaken(self.token.revoked[signed_in.session.account_id])
        if "login" in prompt and not signed_in.chosen:
            return LoginNeeded(self._asked(asked))
        if "select_account" in prompt and not signed_in.chosen:
            return ChoiceNeeded(self._asked(asked))
        return self._consent(handle, asked, signed_in)

    def _consent(self, handle: str, asked: dict[str, str], signed_in: SignedIn) -> Step:
        scopes = tuple(asked.get("scope", "openid").split())
        granted = self.grants.setdefault((signed_in.session.account_id, asked["client_id"]), set())
        if self.apps[asked["client_id"]].asks and not set(scopes) <= granted:
            if signed_in.decision is None:
                new = tuple(scope for scope in scopes if scope not in granted)
                offline = 14 * 24 * 3600 if "offline_access" in scopes else 0
                had = tuple(scope for scope in scopes if scope in granted)
                return ConsentNeeded(self._asked(asked), new, had, offline)
            if not signed_in.decision.allow:
                return self._answered(handle, {"error": "access_denied"})
            granted |= set(signed_in.decision.scopes) & set(scopes)
        self.given.append(signed_in)
        return self._answered(handle, {"code": f"code-{len(self.given)}"})

    async def sign_userinfo(self, client_id: str, account_id: str, claims: Mapping[str, Any]) -> str:
        return jwt.encode({**claims, "aud": client_id, "sub": account_id}, "", "none")

    async def person_of(self, family_id: str) -> tuple[str, str]:
        return self.families.get(family_id, ("", ""))

    async def judge_logout(self, parameters: bytes) -> SignOut | Wrong:
        self.token._answer()
        asked = _read(parameters)
        hint = self.hints.get(asked.get("id_token_hint", ""), ("", ""))
        if "id_token_hint" in asked and not hint[0]:
            return Wrong("invalid_request", "id_token_hint is no ID token of this issuer")
        if asked.get("post_logout_redirect_uri", OUT) != OUT:
            return Wrong("invalid_request", "this post_logout_redirect_uri is not registered for the client")
        return SignOut(
            client_id=asked.get("client_id", ""),
            client_name="An App" if "client_id" in asked else "",
            session_id=hint[0],
            account_id=hint[1],
            redirect_uri=asked.get("post_logout_redirect_uri", ""),
            state=asked.get("state", ""),
            ui_locales=tuple(asked.get("ui_locales", "").split()),
        )

    async def logout_pages(self, session_id: str) -> tuple[str, ...]:
        self.token._answer()
        return self.pages.get(session_id, ())

    async def revoke_grant(self, account_id: str, client_id: str) -> int:
        """What was granted is known from token's log, which identity follows."""
        self.token._answer()
        key = f"{account_id}/{client_id}"
        if self.told.get("grant", key) is None:
            raise Refusal(Kind.NOT_FOUND, "not_found", "there is no such grant")
        self.told.apply(Drop("grant", key))
        return 4711

    def _answered(self, handle: str, said: dict[str, str]) -> Destination:
        return self._to(self.kept.pop(handle), said)

    def _to(self, asked: dict[str, str], said: dict[str, str]) -> Destination:
        state = {"state": asked["state"]} if "state" in asked else {}
        answer = said | state | {"iss": "https://issuer.example"}
        told = asked["client_id"] if "code" in said and "openid" in asked.get("scope", "") else ""
        return Destination(asked["redirect_uri"], asked.get("response_mode", "query"), tuple(answer.items()), told)

    def _asked(self, asked: dict[str, str]) -> Asked:
        app = self.apps[asked["client_id"]]
        return Asked(
            client_id=asked["client_id"],
            client_name=app.name,
            login_hint=asked.get("login_hint", ""),
            ui_locales=tuple(asked.get("ui_locales", "").split()),
            redirect_origin=app.redirect_uri.rpartition("/")[0],
            **app.about,
        )


def _read(parameters: bytes) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(parameters.decode()).items()}
