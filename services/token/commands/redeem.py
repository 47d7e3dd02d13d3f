"""The authorization_code grant (RFC 6749 4.1.3)."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import structlog

from eventlog.log import Attempt, By
from services.token.adapters.codes import PresentedCode, forged_code, open_code
from services.token.commands.awaited import Awaited
from services.token.commands.clients import proven
from services.token.commands.issue import Answered, Given, NewFamily, Signing, answer, begin_family
from services.token.commands.refresh import require_key
from services.token.commands.standing import session_over
from services.token.domain.authorization import OFFLINE
from services.token.domain.binding import UNBOUND, Binding
from services.token.domain.client import Client
from services.token.domain.code import CODE, Code, Shown, judge_redemption
from services.token.domain.errors import InvalidGrant, InvalidTarget, MayHaveWaited, Reused
from services.token.domain.events import CodeRedeemed, CodeReused
from services.token.domain.family import FAMILY, revoked
from services.token.domain.grant import GRANT, grant_key
from services.token.ports import Token

log = structlog.get_logger()


class Redeeming(msgspec.Struct, frozen=True):
    """By which grant type a code is redeemed, and what judges it: of the code, the client and the time now. `told` is
    what identity says of the person for the ID token, once it was asked.
    """

    grant_type: str
    judge: Callable[[Code, str, int], None]
    told: Mapping[str, Any] | None = None

    def __repr__(self) -> str:
        return f"Redeeming({self.grant_type!r})"


class Named(msgspec.Struct, frozen=True):
    """What the ID token is to say of whom. Nothing was written yet: identity has to be asked first."""

    subject: str
    claims: tuple[str, ...]


async def redeem(
    token: Token,
    client: Client,
    presented: str,
    shown: Shown,
    resources: list[str],
    by: By,
    awaited: Awaited,
    binding: Binding = UNBOUND,
) -> Answered:
    """The tokens for a code. Raises InvalidGrant: for a forged code nothing happens; one that was redeemed before
    (Reused) was stolen, or its thief was first, and what it gave is ended (RFC 6749 4.1.2, RFC 9700 4.5.2). The code
    stays as it is where Refusal `peer_unavailable` is raised, since identity cannot say what the ID token was to, or
    MayHaveWaited, since nobody waits any more.
    """

    def judge(code: Code, client_id: str, now: int) -> None:
        judge_redemption(code, client_id, shown, now, binding)

    genuine = await open_code(token.vault, presented)
    redeeming = Redeeming("authorization_code", judge)
    return await give(token, client, genuine, redeeming, resources, by, awaited, binding)


async def give(
    token: Token,
    client: Client,
    genuine: PresentedCode,
    redeeming: Redeeming,
    resources: list[str],
    by: By,
    awaited: Awaited,
    binding: Binding,
) -> Answered:
    """The tokens for a code whose secret has verified. Raises as `redeem` does."""

    async def decide(attempt: Attempt) -> Signing | Named | None:
        own = await proven(attempt, client)
        await require_key(attempt, genuine.key_id, forged_code)
        code = await attempt.read(CODE, genuine.code_id)
        if code.redeemed_at:
            if await awaited.may_be_given_up(attempt.now, token.ready_since()):
                raise MayHaveWaited
            await _end(attempt, code, client)
            return None
        own.may(redeeming.grant_type)
        redeeming.judge(code, own.id, attempt.now)
        await _still_stands(token, attempt, code, own)
        if code.id_token_claims and redeeming.told is None:
            return Named(code.subject, code.id_token_claims)
        if await awaited.left():
            raise MayHaveWaited
        given = _given(code, own, resources, binding, redeeming.told or {})
        signing = await begin_family(attempt, own, _session(code), given)
        family_id = signing.issue.family_id or ""
        redeemed = CodeRedeemed(code_id=code.id, client_id=own.id, family_id=family_id)
        await attempt.write(CODE, code.id, redeemed)
        return signing

    outcome = await token.log.decide(by, decide)
    if outcome.value is None:
        log.warning("code_reuse_detected", code_id=genuine.code_id, position=outcome.position)
        raise Reused(outcome.position, "this code was used before")
    if isinstance(outcome.value, Named):
        told = msgspec.structs.replace(redeeming, told=await _asked(token, outcome.value))
        return await give(token, client, genuine, told, resources, by, awaited, binding)
    return await answer(token, outcome.value, outcome.position, outcome.time)


async def _asked(token: Token, named: Named) -> Mapping[str, Any]:
    """What identity says of it, and nothing besides."""
    said = await token.people.claims(named.subject, named.claims)
    return {name: value for name, value in said.items() if name in named.claims}


async def _end(attempt: Attempt, code: Code, client: Client) -> None:
    """Each use says so; the family is ended once."""
    family = await attempt.read(FAMILY, code.family_id)
    reused = CodeReused(
        code_id=code.id,
        client_id=code.client_id,
        subject=code.subject,
        family_id=code.family_id,
        presented_by=client.id,
    )
    await attempt.write(CODE, code.id, reused)
    if not family.revoked_at:
        await attempt.write(FAMILY, family.id, revoked(family, "code_reuse"))


async def _still_stands(token: Token, attempt: Attempt, code: Code, client: Client) -> None:
    """All that the code hangs from is asked again, and guarded (RULES 7)."""
    grant = await attempt.read(GRANT, grant_key(code.subject, client.id))
    over = await session_over(token, attempt, code)
    if over is not None or code.issued_at < max(client.revoked_at, grant.revoked_at):
        raise InvalidGrant("this session is over")


def _session(code: Code) -> NewFamily:
    return NewFamily(
        client_id=code.client_id,
        subject=code.subject,
        session_id=code.session_id,
        session_position=code.session_position,
        seen=code.seen,
        auth_time=code.auth_time,
        acr=code.acr,
        amr=code.amr,
    )


def _given(code: Code, client: Client, resources: list[str], binding: Binding, told: Mapping[str, Any]) -> Given:
    """RFC 8707 2.2: the first access token may be for less than what was granted."""
    if not set(resources) <= set(code.audience):
        raise InvalidTarget
    return Given(
        scope=code.scope,
        audience=tuple(dict.fromkeys(resources)) or code.audience,
        offline=OFFLINE in code.scope.split() and "refresh_token" in client.grant_types,
        userinfo_claims=code.userinfo_claims,
        code_id=code.id,
        nonce=code.nonce,
        binding=binding,
        told=told,
    )
