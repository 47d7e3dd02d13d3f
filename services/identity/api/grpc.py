"""IdentityService: people's administration, for operators and administrators; and what token says of people."""

from typing import Any

from chassis import positions, rpc
from chassis.telemetry import correlation_id
from eventlog.errors import Kind, Refusal
from services.identity.commands import Done, Identity
from services.identity.commands.accounts import Applicant, disable_account, enable_account, register
from services.identity.commands.names import find, key_of
from services.identity.domain.account import ACCOUNT, known
from services.identity.domain.profile import profile
from watchword.identity.v1 import identity_pb2, identity_pb2_grpc

_SERVICE = "watchword.identity.v1.IdentityService"

ALLOWED: rpc.Allowed = {
    f"{_SERVICE}/{method}": {rpc.ADMINISTRATOR}
    for method in ("CreateAccount", "DisableAccount", "EnableAccount", "FindAccount")
} | {f"{_SERVICE}/GetClaims": frozenset({"service/token"})}
ACTIONS = {
    f"{_SERVICE}/CreateAccount": "identity.account.create",
    f"{_SERVICE}/DisableAccount": "identity.account.disable",
    f"{_SERVICE}/EnableAccount": "identity.account.enable",
    f"{_SERVICE}/FindAccount": "identity.account.find",
}
MAX_REASON = 200


class IdentityRpc(identity_pb2_grpc.IdentityServiceServicer):
    """Each method wants an administrator, but for the one that token asks."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity

    async def CreateAccount(
        self, request: identity_pb2.CreateAccountRequest, context: Any
    ) -> identity_pb2.CreateAccountResponse:
        """Makes an account for somebody."""
        by = await rpc.administrator(context)
        email = request.email if request.HasField("email") else None
        applicant = Applicant(request.username, request.password, email, by.actor)
        made = await register(self._identity, correlation_id(), applicant, by.actor)
        positions.note("identity", made.position)
        return identity_pb2.CreateAccountResponse(account_id=made.account_id, position=made.position)

    async def DisableAccount(
        self, request: identity_pb2.DisableAccountRequest, context: Any
    ) -> identity_pb2.DisableAccountResponse:
        """Ends the account's sessions and lets nobody in."""
        by = await rpc.administrator(context)
        done = _noted(await disable_account(self._identity, by, request.account_id, _reason(request.reason)))
        return identity_pb2.DisableAccountResponse(position=done.position, applied=done.applied)

    async def EnableAccount(
        self, request: identity_pb2.EnableAccountRequest, context: Any
    ) -> identity_pb2.EnableAccountResponse:
        """Lets the person log in again."""
        by = await rpc.administrator(context)
        done = _noted(await enable_account(self._identity, by, request.account_id, _reason(request.reason)))
        return identity_pb2.EnableAccountResponse(position=done.position, applied=done.applied)

    async def FindAccount(
        self, request: identity_pb2.FindAccountRequest, context: Any
    ) -> identity_pb2.FindAccountResponse:
        """The account that has a username."""
        await rpc.administrator(context)
        log = self._identity.log
        account = known(await find(log, await key_of(log, request.username)))
        return identity_pb2.FindAccountResponse(account_id=account.id, disabled=account.disabled)

    async def GetClaims(self, request: identity_pb2.GetClaimsRequest, context: Any) -> identity_pb2.GetClaimsResponse:
        """What an application was let know of somebody by name (OpenID Connect Core 5.5)."""
        account = known(await self._identity.log.fresh(ACCOUNT, request.account_id))
        said = profile(account, (), request.names)
        response = identity_pb2.GetClaimsResponse()
        response.claims.update({name: said[name] for name in request.names if name in said})
        return response


def _reason(reason: str) -> str:
    if not 0 < len(reason) <= MAX_REASON:
        raise Refusal(Kind.INVALID, "invalid_request", f"a reason has 1 to {MAX_REASON} characters")
    return reason


def _noted(done: Done) -> Done:
    positions.note("identity", done.position)
    return done
