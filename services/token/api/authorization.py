"""AuthorizationService: decode, call, encode. Identity alone may ask (DESIGN, "Who goes there?")."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from google.protobuf.duration_pb2 import Duration
from google.protobuf.json_format import MessageToDict

from chassis import positions, rpc
from chassis.web.forms import Form, parse_form
from eventlog.errors import Refusal
from services.token.adapters.names import names_of
from services.token.api.grpc import Revoking
from services.token.commands.authorize import Asked, Destination, asked_for, begin, give_up, proceed
from services.token.commands.device import DeviceAsked, decide_device, look_up
from services.token.commands.grants import revoke_grant
from services.token.commands.logout import judge_logout
from services.token.commands.standing import Overtaken
from services.token.commands.userinfo import sign_userinfo
from services.token.domain import SECOND
from services.token.domain.authorization import OFFLINE, Choose, Consent, Decision, Login, SignedIn
from services.token.domain.client import Client
from services.token.domain.errors import NoSuchAddress
from services.token.domain.family import FAMILY, IDLE
from services.token.domain.logout import logout_page
from services.token.domain.redirects import origin
from services.token.parts import Involvement
from services.token.ports import Token
from services.token.queries import OwnKeys, clients, id_token_hint
from watchword.token.v1 import authorization_pb2 as pb
from watchword.token.v1 import authorization_pb2_grpc
from watchword.wire import from_timestamp, to_timestamp

_SERVICE = "watchword.token.v1.AuthorizationService"
ALLOWED = {
    f"{_SERVICE}/{method}": frozenset({"service/identity"})
    for method in (
        *("BeginAuthorization", "ContinueAuthorization", "JudgeLogout", "SignUserInfo"),
        *("ListLogoutPages", "RevokeGrant", "FindPerson"),
        *("LookUpDevice", "DecideDevice"),
    )
}


class AuthorizationRpc(authorization_pb2_grpc.AuthorizationServiceServicer):
    def __init__(self, token: Token, keys: OwnKeys, parts: Involvement, revoking: Revoking) -> None:
        self._token = token
        self._hints = partial(id_token_hint, token, keys)
        self._parts = parts
        self._revoking = revoking

    async def BeginAuthorization(
        self, request: pb.BeginAuthorizationRequest, context: Any
    ) -> pb.BeginAuthorizationResponse:
        try:
            form = _parsed(request.parameters)
            begun = await begin(self._token, form.values, form.all("resource"), self._hints)
        except NoSuchAddress as wrong:
            return pb.BeginAuthorizationResponse(error=_error(wrong))
        if isinstance(begun, Destination):
            return pb.BeginAuthorizationResponse(destination=_destination(begun))
        return pb.BeginAuthorizationResponse(asked=_asked(begun))

    async def ContinueAuthorization(
        self, request: pb.ContinueAuthorizationRequest, context: Any
    ) -> pb.ContinueAuthorizationResponse:
        try:
            if request.given_up:
                return _next(await give_up(self._token, request.handle))
            who = _who(request.signed_in) if request.HasField("signed_in") else None
            decision = _decision(request.signed_in) if request.HasField("signed_in") else None
            step = await proceed(self._token, request.handle, who, decision, rpc.by())
            answer = _next(step)
            if isinstance(step, Login | Choose | Consent):
                answer.asked.CopyFrom(_asked(await asked_for(self._token, request.handle)))
            return answer
        except NoSuchAddress as wrong:
            return pb.ContinueAuthorizationResponse(error=_error(wrong))

    async def JudgeLogout(self, request: pb.JudgeLogoutRequest, context: Any) -> pb.JudgeLogoutResponse:
        try:
            form = _parsed(request.parameters)
            asked = await judge_logout(self._token, form.values, self._hints)
        except NoSuchAddress as wrong:
            return pb.JudgeLogoutResponse(error=_error(wrong))
        return pb.JudgeLogoutResponse(
            asked=pb.LogoutAsked(
                client_id=asked.client_id,
                client_name=asked.client_name,
                session_id=asked.session_id,
                account_id=asked.account_id,
                post_logout_redirect_uri=asked.post_logout_redirect_uri,
                state=asked.state,
                ui_locales=asked.ui_locales,
            )
        )

    async def ListLogoutPages(self, request: pb.ListLogoutPagesRequest, context: Any) -> pb.ListLogoutPagesResponse:
        await self._level()
        found = await clients(self._token, await self._parts.clients_of(request.session_id))
        pages = [await self._page(client, request.session_id) for client in found]
        return pb.ListLogoutPagesResponse(uris=[page for page in pages if page])

    async def _page(self, client: Client, session_id: str) -> str:
        names = await names_of(self._token.log, client)
        return logout_page(self._token.issuer, client, names.session(session_id))

    async def RevokeGrant(self, request: pb.RevokeGrantRequest, context: Any) -> pb.RevokeGrantResponse:
        account_id, client_id = request.account_id, request.client_id
        position = await revoke_grant(self._token, self._parts, account_id, client_id, "taken_back", rpc.by())
        return pb.RevokeGrantResponse(position=await self._revoking.settled(position))

    async def _level(self) -> None:
        """What was written before the question shows in the answer."""
        await self._parts.level((await self._token.log.store.head()).position)

    async def SignUserInfo(self, request: pb.SignUserInfoRequest, context: Any) -> pb.SignUserInfoResponse:
        claims = MessageToDict(request.claims)
        return pb.SignUserInfoResponse(
            jwt=await sign_userinfo(self._token, request.client_id, request.account_id, claims)
        )

    async def FindPerson(self, request: pb.FindPersonRequest, context: Any) -> pb.FindPersonResponse:
        family = await self._token.log.fresh(FAMILY, request.family_id)
        return pb.FindPersonResponse(account_id=family.subject, session_id=family.session_id)

    async def LookUpDevice(self, request: pb.LookUpDeviceRequest, context: Any) -> pb.LookUpDeviceResponse:
        try:
            return pb.LookUpDeviceResponse(asked=_device(await look_up(self._token, request.user_code)))
        except NoSuchAddress as wrong:
            return pb.LookUpDeviceResponse(error=_error(wrong))

    async def DecideDevice(self, request: pb.DecideDeviceRequest, context: Any) -> pb.DecideDeviceResponse:
        who, decision = _who(request.signed_in), _decision(request.signed_in) or Decision(False)
        try:
            decided = await decide_device(self._token, request.user_code, who, decision, rpc.by())
        except NoSuchAddress as wrong:
            return pb.DecideDeviceResponse(error=_error(wrong))
        match decided:
            case Login():
                return pb.DecideDeviceResponse(login=pb.LoginNeeded())
            case Overtaken():
                return pb.DecideDeviceResponse(overtaken_by=decided.by)
        positions.note("token", decided.position)
        return pb.DecideDeviceResponse(allowed=decided.allowed, position=decided.position)


def _parsed(parameters: bytes) -> Form:
    """What cannot be read names no address that could be trusted."""
    try:
        return parse_form(parameters)
    except Refusal as refusal:
        raise NoSuchAddress(refusal.detail) from None


def _error(wrong: NoSuchAddress) -> pb.AuthorizationError:
    return pb.AuthorizationError(error=wrong.code, description=wrong.detail)


def _asked(begun: Asked) -> pb.AskedFor:
    request, asked = begun.request, _asking(begun.client, begun.expires_at)
    asked.handle, asked.login_hint, asked.display = begun.handle, request.login_hint, request.display
    asked.ui_locales.extend(request.ui_locales)
    asked.redirect_origin = origin(request.answering.redirect_uri)
    return asked


def _asking(client: Client, expires_at: int) -> pb.AskedFor:
    """Who asks."""
    return pb.AskedFor(
        expires_at=to_timestamp(expires_at),
        client_id=client.id,
        client_name=client.name,
        first_party=client.first_party,
        self_registered=client.self_registered,
        logo_uri=client.logo_uri,
        client_uri=client.client_uri,
        policy_uri=client.policy_uri,
        tos_uri=client.tos_uri,
    )


def _device(found: DeviceAsked) -> pb.DeviceAsked:
    scopes = found.request.scopes
    asked = _asking(found.client, found.request.expires_at)
    return pb.DeviceAsked(user_code=found.user_code, asked=asked, scopes=scopes, offline=_offline(scopes))


def _offline(scopes: Sequence[str]) -> Duration | None:
    return Duration(seconds=IDLE // SECOND) if OFFLINE in scopes else None


def _destination(going: Destination) -> pb.Destination:
    return pb.Destination(
        client_id=going.client_id,
        redirect_uri=going.to.redirect_uri,
        response_mode=going.to.response_mode,
        parameters=[pb.Parameter(name=name, value=value) for name, value in going.parameters],
    )


def _who(said: pb.SignedIn) -> SignedIn:
    return SignedIn(
        subject=said.account_id,
        session_id=said.session_id,
        session_position=said.session_position,
        seen=said.seen,
        auth_time=from_timestamp(said.auth_time),
        acr=said.acr,
        amr=tuple(said.amr),
        chosen=said.chosen,
    )


def _decision(said: pb.SignedIn) -> Decision | None:
    return Decision(said.decision.allow, tuple(said.decision.scopes)) if said.HasField("decision") else None


def _next(step: Destination | Login | Choose | Consent | Overtaken) -> pb.ContinueAuthorizationResponse:
    match step:
        case Destination():
            if step.position:
                positions.note("token", step.position)
            return pb.ContinueAuthorizationResponse(destination=_destination(step), position=step.position)
        case Login():
            return pb.ContinueAuthorizationResponse(login=pb.LoginNeeded(account_id=step.account_id))
        case Choose():
            return pb.ContinueAuthorizationResponse(choice=pb.ChoiceNeeded())
        case Overtaken():
            return pb.ContinueAuthorizationResponse(overtaken_by=step.by)
    offline = _offline((*step.scopes, *step.granted))
    consent = pb.ConsentNeeded(scopes=step.scopes, granted=step.granted, offline=offline)
    return pb.ContinueAuthorizationResponse(consent=consent)
