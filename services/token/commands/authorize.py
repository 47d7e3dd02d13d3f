"""Authorization requests: judged once and kept, then followed to a code or a refusal (OpenID Connect Core 3.1.2)."""

import base64
import hashlib
import secrets
from collections.abc import Sequence

import msgspec

from eventlog.log import Attempt, By
from services.token.adapters.codes import derived_code
from services.token.commands.implicit import redeem_at_once
from services.token.commands.issue import refresh_key
from services.token.commands.push import PREFIX, PUSHED, pulled
from services.token.commands.request_objects import Hints, judged, opened
from services.token.commands.standing import Overtaken, session_over
from services.token.domain import MINUTE
from services.token.domain.authorization import (
    OPENID,
    Answering,
    AuthorizationRequest,
    Choose,
    Consent,
    Decision,
    Give,
    Login,
    Parameters,
    Refuse,
    SignedIn,
    answering,
    before_login,
    next_step,
)
from services.token.domain.client import CLIENT, Client
from services.token.domain.code import CODE, LIFE
from services.token.domain.errors import AuthorizationRefused, NoSuchAddress, UnsignedRequest
from services.token.domain.events import CodeIssued, GrantGiven
from services.token.domain.grant import GRANT, grant_key
from services.token.domain.requested import within
from services.token.ports import Token

KEPT = 10 * MINUTE
REQUEST = "authorization"


class Destination(msgspec.Struct, frozen=True):
    """Where the browser goes, and with what. `position` is the code's, 0 where there is none; `client_id` says who is
    told by it that somebody is signed in (OpenID Connect), '' where nobody is.
    """

    to: Answering
    parameters: tuple[tuple[str, str], ...]
    position: int = 0
    client_id: str = ""

    def __repr__(self) -> str:
        return f"Destination({self.to.redirect_uri!r}, {[name for name, _ in self.parameters]})"


class Asked(msgspec.Struct, frozen=True):
    """A request that is kept until `expires_at`. Who has the handle goes on with it."""

    handle: str
    request: AuthorizationRequest
    client: Client
    expires_at: int

    def __repr__(self) -> str:
        return f"Asked({self.request.client_id!r})"


async def begin(token: Token, asked: Parameters, resources: Sequence[str], hints: Hints) -> Asked | Destination:
    """Judges a request and keeps it. Raises NoSuchAddress where the client cannot be told what is wrong with it."""
    client, heard = await token.log.fresh(CLIENT, asked.get("client_id", "")), asked
    if not client.known:
        raise NoSuchAddress("the client is unknown")
    try:
        if asked.get("request_uri", "").startswith(PREFIX):
            request = await pulled(token, client, asked["request_uri"])
        elif client.require_pushed_authorization_requests:
            raise AuthorizationRefused("invalid_request", "the client pushes its requests, and this is none (RFC 9126)")
        else:
            said = await opened(token, client, asked, resources)
            heard = said.parameters
            request = await judged(token, client, said, hints)
    except AuthorizationRefused as refused:
        to = _whereto(client, heard, refused)
        if not client.self_registered or heard.get("prompt") == "none":
            return refusal(token, to, refused.code, refused.detail)
        request = _told_later(token, client, to, refused)
    handle, expires_at = secrets.token_urlsafe(32), request.asked_at + KEPT
    await token.kept.keep(REQUEST, handle, msgspec.msgpack.encode(request), expires_at)
    return Asked(handle, request, client, expires_at)


def _told_later(token: Token, client: Client, to: Answering, refused: AuthorizationRefused) -> AuthorizationRequest:
    """RFC 9700 4.11.2: nobody vouched for that address, so that nobody is sent there who has not been asked anything.
    Raises NoSuchAddress: a person is told. Only what profiles want clients to learn (OpenID Connect Core 3.1.2.6) waits
    until somebody has signed in.
    """
    if not isinstance(refused, UnsignedRequest):
        raise NoSuchAddress(refused.detail, refused.code) from None
    why = Refuse(refused.code, refused.detail)
    return AuthorizationRequest(client.id, to, (), token.log.now(), refused=why)


def _whereto(client: Client, asked: Parameters, refused: AuthorizationRefused) -> Answering:
    """Where what is wrong may be told; a person is told that, and not that nobody else can be."""
    answered = refused.answered if isinstance(refused, UnsignedRequest) else {}
    try:
        return answering(client, {**asked, **answered})
    except NoSuchAddress as nowhere:
        raise (nowhere if "redirect_uri" in asked else NoSuchAddress(refused.detail, refused.code)) from None


async def proceed(
    token: Token, handle: str, who: SignedIn | None, decision: Decision | None, by: By
) -> Destination | Login | Choose | Consent | Overtaken:
    """What comes next for a request that is kept; it is answered once. Raises NoSuchAddress where it is no more."""
    request = await _kept(token, handle)
    step = before_login(request) if who is None else await _for(token, handle, request, who, decision, by)
    if isinstance(step, Refuse):
        await _answer_once(token, handle)
        return refusal(token, request.answering, step.error, step.description)
    return step


async def asked_for(token: Token, handle: str) -> Asked:
    """What a request that is kept asks for. Raises NoSuchAddress where it is no more."""
    request = await _kept(token, handle)
    return Asked(handle, request, await token.log.fresh(CLIENT, request.client_id), request.asked_at + KEPT)


async def give_up(token: Token, handle: str) -> Destination:
    """Whoever was asked to sign in does not want to (RFC 6749 4.1.2.1). Raises NoSuchAddress."""
    request = await _kept(token, handle)
    await _answer_once(token, handle)
    return refusal(token, request.answering, "access_denied", "nobody signed in")


async def _kept(token: Token, handle: str) -> AuthorizationRequest:
    kept = await token.kept.find(REQUEST, handle)
    if kept is None:
        raise _answered()
    return msgspec.msgpack.decode(kept, type=AuthorizationRequest)


async def _answer_once(token: Token, handle: str) -> None:
    if await token.kept.take(REQUEST, handle) is None:
        raise _answered()


def _answered() -> NoSuchAddress:
    return NoSuchAddress("this request was answered already, or has taken too long: start again", "request_expired")


async def _for(
    token: Token, handle: str, request: AuthorizationRequest, who: SignedIn, decision: Decision | None, by: By
) -> Destination | Login | Choose | Consent | Refuse | Overtaken:
    """The next step for somebody who is signed in: all that it rests on is guarded, in the append of the code."""
    code_id = _code_id(request.pushed or handle)

    async def decide(attempt: Attempt) -> Login | Choose | Consent | Refuse | Overtaken | CodeIssued:
        if (await attempt.read(CODE, code_id)).known:
            raise _answered()
        client = await attempt.read(CLIENT, request.client_id)
        if (over := await session_over(token, attempt, who)) is not None:
            return Refuse("login_required", "the session is over") if request.silent else over
        grant = await attempt.read(GRANT, grant_key(who.subject, client.id))
        step = next_step(request, client, grant.scopes, who, decision, attempt.now)
        if not isinstance(step, Give):
            return step
        if step.consented and not set(step.scopes) <= set(grant.scopes):
            await record_grant(attempt, client, who, (*grant.scopes, *step.scopes))
        issued = await _issued(token, attempt, client, request, who, step, code_id)
        await attempt.write(CODE, code_id, issued)
        return issued

    outcome = await token.log.decide(by, decide)
    issued = outcome.value
    if not isinstance(issued, CodeIssued):
        return issued
    await token.kept.take(REQUEST, handle)
    if request.pushed:
        await token.kept.take(PUSHED, request.pushed)
    if request.response_type == "code":
        said = {"code": await derived_code(token.vault, issued.refresh_key, code_id)}
        position = outcome.position
    else:
        said, position = await redeem_at_once(token, issued, request.response_type, by)
    told = _to(token, request.answering, said, position)
    return msgspec.structs.replace(told, client_id=issued.client_id) if OPENID in issued.scope.split() else told


def _code_id(secret: str) -> str:
    """One request has one code, whichever process is asked, however often."""
    return f"code_{base64.urlsafe_b64encode(hashlib.sha256(secret.encode()).digest()[:18]).decode()}"


async def record_grant(attempt: Attempt, client: Client, who: SignedIn, scopes: Sequence[str]) -> None:
    """The scopes are all that the client may have of that person from now on."""
    given = GrantGiven(subject=who.subject, client_id=client.id, scopes=list(dict.fromkeys(scopes)))
    await attempt.write(GRANT, grant_key(who.subject, client.id), given)


async def _issued(
    token: Token,
    attempt: Attempt,
    client: Client,
    request: AuthorizationRequest,
    who: SignedIn,
    step: Give,
    code_id: str,
) -> CodeIssued:
    scopes = [scope for scope in request.scopes if scope in step.scopes]
    return CodeIssued(
        code_id=code_id,
        client_id=client.id,
        subject=who.subject,
        session_id=who.session_id,
        session_position=who.session_position,
        seen=who.seen,
        scope=" ".join(scopes),
        audience=audience_of(token, client, request.resources, scopes),
        redirect_uri=request.answering.redirect_uri,
        auth_time=who.auth_time,
        acr=who.acr,
        amr=list(who.amr),
        refresh_key=(await refresh_key(attempt)).id,
        expires_at=attempt.now + LIFE,
        code_challenge=request.code_challenge,
        nonce=request.nonce,
        jkt=request.dpop_jkt,
        userinfo_claims=within(request.claims.userinfo, step.scopes),
        id_token_claims=request.id_token_claims(step.scopes),
    )


def audience_of(token: Token, client: Client, resources: Sequence[str], scopes: Sequence[str]) -> list[str]:
    """RFC 8707; and the issuer where userinfo is to take the token, too."""
    audience = client.audience(list(resources), token.issuer)
    userinfo = [token.issuer] if OPENID in scopes else []
    return list(dict.fromkeys([*audience, *userinfo]))


def refusal(token: Token, to: Answering, error: str, description: str) -> Destination:
    """What a client is told (RFC 6749 4.1.2.1)."""
    return _to(token, to, {"error": error, "error_description": description})


def _to(token: Token, to: Answering, said: dict[str, str], position: int = 0) -> Destination:
    """RFC 9207: every answer names its issuer, so that a client that talks to several takes none for another's."""
    state = {} if to.state is None else {"state": to.state}
    return Destination(to, tuple((said | state | {"iss": token.issuer}).items()), position)
