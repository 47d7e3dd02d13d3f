"""Device authorization (RFC 8628): what a device asks for is kept until somebody has decided on it."""

import secrets
from typing import NoReturn

import msgspec

from eventlog.errors import unavailable
from eventlog.log import Attempt, By
from services.token.adapters.codes import DEVICE_CODE, derived_code, open_code
from services.token.commands.authorize import audience_of, record_grant
from services.token.commands.awaited import Awaited
from services.token.commands.issue import Answered
from services.token.commands.redeem import Redeeming, give
from services.token.commands.standing import Overtaken, session_over
from services.token.domain import SECOND
from services.token.domain.authorization import Decision, Login, SignedIn, asked_scopes
from services.token.domain.binding import UNBOUND, Binding
from services.token.domain.client import CLIENT, Client
from services.token.domain.code import CODE, Code
from services.token.domain.device import (
    GRANT_TYPE,
    INTERVAL,
    LENGTH,
    LETTERS,
    LIFE,
    SLOWER,
    SLOWEST,
    DeviceRequest,
    allowed_scopes,
    judge_device,
    read_user_code,
    spelled,
)
from services.token.domain.errors import (
    AuthorizationPending,
    ExpiredToken,
    InvalidGrant,
    NoSuchAddress,
    SlowDown,
)
from services.token.domain.events import CodeDenied, CodeIssued
from services.token.domain.grant import GRANT, grant_key
from services.token.domain.keyring import KEYRING, REFRESH_RING
from services.token.ports import Token

USER_CODE, WAITING, ASKED, PACE = "user_code", "device", "device_asked", "device_pace"
JITTER = SECOND
"""How much too soon a question may come that was sent in time."""


class Begun(msgspec.Struct, frozen=True):
    """What a device is told (RFC 8628 3.2)."""

    device_code: str
    user_code: str

    def __repr__(self) -> str:
        return "Begun()"


class DeviceAsked(msgspec.Struct, frozen=True):
    """What a user code stands for."""

    user_code: str
    request: DeviceRequest
    client: Client

    def __repr__(self) -> str:
        return f"DeviceAsked({self.request.client_id!r})"


class Decided(msgspec.Struct, frozen=True):
    """Whether the device is given something, and where that stands."""

    allowed: bool
    position: int


async def begin_device(token: Token, client: Client, scope: str | None, resources: list[str]) -> Begun:
    """Keeps what a device asks for. Raises UnauthorizedClient, InvalidTarget, and AuthorizationRefused for a scope."""
    client.may(GRANT_TYPE)
    client.audience(resources, token.issuer)
    device_id = f"dev_{secrets.token_urlsafe(18)}"
    scopes = asked_scopes(client, scope)
    key = (await token.log.fresh(KEYRING, REFRESH_RING)).active
    if key is None:
        raise unavailable("keys_not_ready", "the keys of this service are being made")
    request = DeviceRequest(device_id, client.id, scopes, tuple(resources), key.id, token.log.now())
    device_code = await derived_code(token.vault, key.id, device_id, DEVICE_CODE)
    await token.kept.keep(WAITING, device_id, client.id.encode(), request.expires_at)
    return Begun(device_code, spelled(await _kept_under(token, request)))


async def _kept_under(token: Token, request: DeviceRequest) -> str:
    """A user code that stands for nothing else."""
    while True:
        code = "".join(secrets.choice(LETTERS) for _ in range(LENGTH))
        if await token.kept.claim(USER_CODE, code, request.expires_at):
            await token.kept.keep(USER_CODE, code, msgspec.msgpack.encode(request), request.expires_at)
            return code


async def look_up(token: Token, typed: str) -> DeviceAsked:
    """What a user code stands for. Raises NoSuchAddress where it stands for nothing, or does so no more."""
    code = read_user_code(typed)
    kept = await token.kept.find(USER_CODE, code) if code else None
    if not code or not kept:
        raise _unknown()
    request = msgspec.msgpack.decode(kept, type=DeviceRequest)
    return DeviceAsked(spelled(code), request, await token.log.fresh(CLIENT, request.client_id))


async def decide_device(
    token: Token, typed: str, who: SignedIn, decision: Decision, by: By
) -> Decided | Login | Overtaken:
    """Hands on what somebody who is signed in decided; of several decisions the first holds. Raises NoSuchAddress."""
    request = (await look_up(token, typed)).request

    async def decide(attempt: Attempt) -> bool | Login | Overtaken:
        if (await attempt.read(CODE, request.device_id)).known:
            raise _unknown()
        client = await attempt.read(CLIENT, request.client_id)
        if (ended := await session_over(token, attempt, who)) is not None:
            return ended
        scopes = allowed_scopes(request, decision) if GRANT_TYPE in client.grant_types else ()
        if not scopes:
            await attempt.write(CODE, request.device_id, _denied(request, who))
            return False
        granted = (await attempt.read(GRANT, grant_key(who.subject, client.id))).scopes
        if not set(scopes) <= set(granted):
            await record_grant(attempt, client, who, (*granted, *scopes))
        await attempt.write(CODE, request.device_id, _issued(token, client, request, who, scopes))
        return True

    outcome = await token.log.decide(by, decide)
    if not isinstance(outcome.value, bool):
        return outcome.value
    await token.kept.take(USER_CODE, read_user_code(typed) or "")
    return Decided(outcome.value, outcome.position)


def _denied(request: DeviceRequest, who: SignedIn) -> CodeDenied:
    return CodeDenied(
        code_id=request.device_id, client_id=request.client_id, subject=who.subject, session_id=who.session_id
    )


def _issued(token: Token, client: Client, request: DeviceRequest, who: SignedIn, scopes: tuple[str, ...]) -> CodeIssued:
    return CodeIssued(
        code_id=request.device_id,
        client_id=client.id,
        subject=who.subject,
        session_id=who.session_id,
        session_position=who.session_position,
        seen=who.seen,
        scope=" ".join(scopes),
        audience=audience_of(token, client, request.resources, scopes),
        redirect_uri="",
        auth_time=who.auth_time,
        acr=who.acr,
        amr=list(who.amr),
        refresh_key=request.key_id,
        expires_at=request.expires_at,
    )


async def poll(
    token: Token,
    client: Client,
    device_code: str,
    resources: list[str],
    by: By,
    awaited: Awaited,
    binding: Binding = UNBOUND,
) -> Answered:
    """The tokens, once somebody said yes; they are given once. Else raises AuthorizationPending, SlowDown,
    AccessDenied, ExpiredToken (RFC 8628 3.5), InvalidGrant for what is no device code of this client, and MayHaveWaited
    where nobody waits any more: the code stays as it is.
    """
    client.may(GRANT_TYPE)
    genuine = await open_code(token.vault, device_code, DEVICE_CODE)
    if not (await token.log.fresh(CODE, genuine.code_id)).known:
        await _wait(token, client, genuine.code_id)

    def judge(code: Code, client_id: str, now: int) -> None:
        judge_device(code, client_id, now)

    redeeming = Redeeming(GRANT_TYPE, judge)
    return await give(token, client, genuine, redeeming, resources, by, awaited, binding)


async def _wait(token: Token, client: Client, device_id: str) -> NoReturn:
    waiting = await token.kept.find(WAITING, device_id)
    if waiting is None:
        raise ExpiredToken
    if waiting.decode() != client.id:
        raise InvalidGrant("this device code is not valid")
    raise SlowDown if await _too_soon(token, device_id) else AuthorizationPending


async def _too_soon(token: Token, device_id: str) -> bool:
    """Whichever process is asked. Who was too soon has to wait for longer from then on."""
    pace, now = int(await token.kept.find(PACE, device_id) or INTERVAL), token.log.now()
    if await token.kept.claim(ASKED, device_id, now + pace * SECOND - JITTER):
        return False
    slower = min(pace + SLOWER, SLOWEST)
    await token.kept.keep(PACE, device_id, str(slower).encode(), now + LIFE)
    return True


def _unknown() -> NoSuchAddress:
    return NoSuchAddress("nothing waits for this code, or no more", "unknown_user_code")
