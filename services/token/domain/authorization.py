"""Authorization requests (RFC 6749 4.1.1, OpenID Connect Core 3.1.2): what is asked for, and what comes next.

A request is judged once. Then each step is a pure function of the request, of who is signed in, of what they decided.
"""

from collections.abc import Mapping, Sequence

import msgspec

from services.token.domain import SECOND
from services.token.domain.authorization_rules import RULES
from services.token.domain.client import Client
from services.token.domain.errors import AuthorizationRefused, InvalidTarget, NoSuchAddress
from services.token.domain.names import PLAIN, Names
from services.token.domain.redirects import registered
from services.token.domain.requested import Requested, all_of, read_claims, within
from services.token.domain.response_type import RESPONSE_MODES, gives_tokens, type_of

ACR = "urn:watchword:acr:password"
OPENID, OFFLINE = "openid", "offline_access"
Parameters = Mapping[str, str]


class Refuse(msgspec.Struct, frozen=True):
    """The client is told no, in the words of RFC 6749 4.1.2.1 or OpenID Connect Core 3.1.2.6."""

    error: str
    description: str


class Answering(msgspec.Struct, frozen=True):
    """How a client is answered, whatever the answer is."""

    redirect_uri: str
    response_mode: str
    state: str | None


class AuthorizationRequest(msgspec.Struct, frozen=True):
    """A request that was found good. `asked_at` in µs by the log's time, `max_age` in seconds; `account_id` is whom it
    has to be, where it says so; `pushed` the address under which it was pushed (RFC 9126); `named` are the scopes of
    claims that it asks for by name, where it does not ask for those scopes. One that was not is kept for what its
    client is told once somebody has signed in: `refused`.
    """

    client_id: str
    answering: Answering
    scopes: tuple[str, ...]
    asked_at: int
    nonce: str | None = None
    code_challenge: str | None = None
    prompt: frozenset[str] = frozenset()
    max_age: int | None = None
    login_hint: str = ""
    account_id: str = ""
    ui_locales: tuple[str, ...] = ()
    display: str = ""
    resources: tuple[str, ...] = ()
    claims: Requested = Requested()
    named: tuple[str, ...] = ()
    pushed: str = ""
    dpop_jkt: str | None = None
    response_type: str = "code"
    refused: Refuse | None = None

    @property
    def wants(self) -> tuple[str, ...]:
        """What a person is asked for: to ask for a claim by name is to ask for what its scope would let it know."""
        return (*self.scopes, *self.named)

    @property
    def silent(self) -> bool:
        """Whether nobody may be asked anything."""
        return "none" in self.prompt

    def id_token_claims(self, scopes: Sequence[str]) -> list[str]:
        """What the ID token says of a person who grants `scopes`: all of it, where no access token goes with it
        (OpenID Connect Core 5.4).
        """
        return all_of(scopes) if self.response_type == "id_token" else within(self.claims.id_token, scopes)


class SignedIn(msgspec.Struct, frozen=True):
    """Who is signed in, by identity's word: see NewFamily. `chosen`: the person was shown this session and chose it."""

    subject: str
    session_id: str
    session_position: int
    seen: int
    auth_time: int
    acr: str
    amr: tuple[str, ...]
    chosen: bool = False


class Decision(msgspec.Struct, frozen=True):
    """What a person decided, and which scopes they grant."""

    allow: bool
    scopes: tuple[str, ...] = ()


class Login(msgspec.Struct, frozen=True):
    """Somebody has to sign in; `account_id` says who, where it matters."""

    account_id: str = ""


class Choose(msgspec.Struct, frozen=True):
    """The person has to choose with which account to go on."""


class Consent(msgspec.Struct, frozen=True):
    """The person has to be asked for `scopes`; `granted` are those that they granted before."""

    scopes: tuple[str, ...]
    granted: tuple[str, ...]


class Give(msgspec.Struct, frozen=True):
    """The client is given a code for what it asked for of these scopes. `consented`: the person has just said so."""

    scopes: tuple[str, ...]
    consented: bool


Step = Login | Choose | Consent | Refuse | Give


def answering(client: Client, asked: Parameters) -> Answering:
    """Whereto any answer goes. Raises NoSuchAddress where that is not sure: then nothing is redirected."""
    uri = asked.get("redirect_uri")
    if uri is None:
        if len(client.redirect_uris) != 1 or OPENID in asked.get("scope", "").split():
            raise NoSuchAddress("the request does not say where its answer goes: redirect_uri is missing")
        uri = client.redirect_uris[0]
    elif not registered(uri, client.redirect_uris):
        raise NoSuchAddress("this redirect_uri is not registered for the client")
    mode = asked.get("response_mode", "query")
    return Answering(uri, mode if mode in RESPONSE_MODES else "query", asked.get("state"))


def judge(
    client: Client, asked: Parameters, resources: Sequence[str], hinted: str, now: int, names: Names = PLAIN
) -> AuthorizationRequest:
    """The request, where it is good. `hinted` is the account that its id_token_hint names, `names` are the client's.

    Raises NoSuchAddress, and AuthorizationRefused for what the client is told.
    """
    to = answering(client, asked)
    for rule, error in RULES:
        if rule(client, asked):
            raise AuthorizationRefused(*error)
    claims = read_claims(asked.get("claims"))
    named = names.whom(claims.subject)
    if hinted and named not in ("", hinted):
        raise AuthorizationRefused("invalid_request", "claims and id_token_hint name two accounts")
    _allowed_resources(client, resources)
    scopes, tokens = asked_scopes(client, asked.get("scope")), gives_tokens(asked)
    return AuthorizationRequest(
        client_id=client.id,
        answering=to,
        # What outlives the session comes to the token endpoint alone (OpenID Connect Core 11).
        scopes=tuple(name for name in scopes if name != OFFLINE or not tokens),
        asked_at=now,
        nonce=asked.get("nonce"),
        code_challenge=None if tokens else asked.get("code_challenge"),
        prompt=frozenset(asked.get("prompt", "").split()),
        max_age=_max_age(client, asked),
        login_hint=asked.get("login_hint", ""),
        account_id=hinted or named,
        ui_locales=tuple(asked.get("ui_locales", "").split()),
        display=asked.get("display", ""),
        resources=tuple(resources),
        claims=claims,
        named=tuple(name for name in client.authorizable if name in claims.scopes and name not in scopes),
        dpop_jkt=None if tokens else asked.get("dpop_jkt"),
        response_type=type_of(asked["response_type"]),
    )


def asked_scopes(client: Client, scope: str | None) -> tuple[str, ...]:
    """What is asked for, as far as it is understood and the client may have it (OpenID Connect Core 3.1.2.1).

    Without the parameter: all that the client may have, but for what names a person or outlives the session.
    """
    allowed = client.authorizable
    if scope is None:
        return tuple(name for name in allowed if name not in (OPENID, OFFLINE))
    asked = scope.split()
    found = tuple(name for name in allowed if name in asked)
    if not found:
        raise AuthorizationRefused("invalid_scope", "the client may have none of these scopes")
    return found


def _allowed_resources(client: Client, resources: Sequence[str]) -> None:
    try:
        client.audience(list(resources), "")
    except InvalidTarget as wrong:
        raise AuthorizationRefused("invalid_target", wrong.detail) from None


def _max_age(client: Client, asked: Parameters) -> int | None:
    return int(asked["max_age"]) if "max_age" in asked else client.default_max_age


def before_login(request: AuthorizationRequest) -> Login | Refuse:
    """What comes next where nobody is signed in whom it could be for."""
    if request.claims.acr and ACR not in request.claims.acr:
        return Refuse("unmet_authentication_requirements", "nobody can sign in here in one of these ways")
    if request.silent:
        return Refuse("login_required", "nobody is signed in whom this could be for")
    return Login(request.account_id)


def next_step(
    request: AuthorizationRequest,
    client: Client,
    granted: Sequence[str],
    who: SignedIn,
    decision: Decision | None,
    now: int,
) -> Step:
    """What comes next. `granted` are the scopes that the person granted the client before."""
    unmet = request.claims.acr and who.acr not in request.claims.acr
    if unmet or not _lately_enough(request, who, now) or request.account_id not in ("", who.subject):
        return before_login(request)
    if request.refused is not None:
        return request.refused
    if "select_account" in request.prompt and not who.chosen and who.auth_time < request.asked_at:
        return Choose()
    return _consent(request, client, granted, decision)


def _lately_enough(request: AuthorizationRequest, who: SignedIn, now: int) -> bool:
    if "login" in request.prompt and who.auth_time < request.asked_at:
        return False
    return request.max_age is None or now - who.auth_time <= max(request.max_age * SECOND, now - request.asked_at)


def _consent(
    request: AuthorizationRequest, client: Client, granted: Sequence[str], decision: Decision | None
) -> Refuse | Consent | Give:
    asks = client.ask_consent and not client.first_party and not set(request.wants) <= set(granted)
    if not asks and "consent" not in request.prompt:
        return Give(request.wants, consented=False)
    if request.silent:
        return Refuse("consent_required", "the person has to be asked first")
    if decision is None:
        known = tuple(scope for scope in request.wants if scope in granted)
        return Consent(tuple(scope for scope in request.wants if scope not in granted), known)
    # Never more than was asked for, whatever the page sent back.
    allowed = tuple(scope for scope in request.wants if scope in decision.scopes or scope == OPENID)
    if not decision.allow or set(request.scopes).isdisjoint(allowed):
        return Refuse("access_denied", "the person said no")
    return Give(allowed, consented=True)
