"""Token's authorization server, asked over gRPC."""

from collections.abc import Mapping, Sequence
from typing import Any

import grpc.aio

from chassis.rpc import ask
from eventlog.errors import unavailable
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
from watchword.token.v1 import authorization_pb2 as pb
from watchword.token.v1 import authorization_pb2_grpc
from watchword.wire import to_timestamp

PATIENCE = 4.0


class AuthorizationPeer:
    """See ports.Authorizations."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub: Any = authorization_pb2_grpc.AuthorizationServiceStub(channel)

    async def begin(self, parameters: bytes) -> Kept | Destination | Wrong:
        """See ports.Authorizations."""
        request = pb.BeginAuthorizationRequest(parameters=parameters)
        # A request that is kept twice is one that nobody comes back to.
        answer: pb.BeginAuthorizationResponse = await ask(
            self._stub.BeginAuthorization, request, timeout=PATIENCE, again=True
        )
        match answer.WhichOneof("result"):
            case "asked":
                return Kept(answer.asked.handle, asked_of(answer.asked))
            case "destination":
                return _destination(answer.destination)
            case "error":
                return Wrong(answer.error.error, answer.error.description)
        raise unknown()

    async def proceed(
        self, handle: str, signed_in: SignedIn | None = None, *, given_up: bool = False
    ) -> Step | Overtaken:
        """See ports.Authorizations."""
        request = pb.ContinueAuthorizationRequest(
            handle=handle, signed_in=None if signed_in is None else said_of(signed_in), given_up=given_up
        )
        return _step(await ask(self._stub.ContinueAuthorization, request, timeout=PATIENCE))

    async def sign_userinfo(self, client_id: str, account_id: str, claims: Mapping[str, Any]) -> str:
        """See ports.Authorizations."""
        request = pb.SignUserInfoRequest(client_id=client_id, account_id=account_id)
        request.claims.update(claims)
        answer: pb.SignUserInfoResponse = await ask(self._stub.SignUserInfo, request, timeout=PATIENCE, again=True)
        return answer.jwt

    async def person_of(self, family_id: str) -> tuple[str, str]:
        """See ports.Authorizations."""
        request = pb.FindPersonRequest(family_id=family_id)
        answer: pb.FindPersonResponse = await ask(self._stub.FindPerson, request, timeout=PATIENCE, again=True)
        return answer.account_id, answer.session_id

    async def judge_logout(self, parameters: bytes) -> SignOut | Wrong:
        """See ports.Authorizations."""
        request = pb.JudgeLogoutRequest(parameters=parameters)
        answer: pb.JudgeLogoutResponse = await ask(self._stub.JudgeLogout, request, timeout=PATIENCE, again=True)
        match answer.WhichOneof("result"):
            case "asked":
                return _sign_out(answer.asked)
            case "error":
                return Wrong(answer.error.error, answer.error.description)
        raise unknown()

    async def logout_pages(self, session_id: str) -> Sequence[str]:
        """See ports.Authorizations."""
        request = pb.ListLogoutPagesRequest(session_id=session_id)
        answer: pb.ListLogoutPagesResponse = await ask(
            self._stub.ListLogoutPages, request, timeout=PATIENCE, again=True
        )
        return tuple(answer.uris)

    async def revoke_grant(self, account_id: str, client_id: str) -> int:
        """See ports.Grants."""
        request = pb.RevokeGrantRequest(account_id=account_id, client_id=client_id)
        answer: pb.RevokeGrantResponse = await ask(self._stub.RevokeGrant, request, timeout=PATIENCE, again=True)
        return answer.position


def _step(answer: pb.ContinueAuthorizationResponse) -> Step | Overtaken:
    match answer.WhichOneof("result"):
        case "destination":
            return _destination(answer.destination)
        case "login":
            return LoginNeeded(asked_of(answer.asked), answer.login.account_id)
        case "choice":
            return ChoiceNeeded(asked_of(answer.asked))
        case "consent":
            consent = answer.consent
            offline = consent.offline.seconds if consent.HasField("offline") else 0
            return ConsentNeeded(asked_of(answer.asked), tuple(consent.scopes), tuple(consent.granted), offline)
        case "overtaken_by":
            return Overtaken(answer.overtaken_by)
        case "error":
            return Wrong(answer.error.error, answer.error.description)
    raise unknown()


def asked_of(asked: pb.AskedFor) -> Asked:
    """Who asks, and what pages show of it."""
    return Asked(
        client_id=asked.client_id,
        client_name=asked.client_name,
        first_party=asked.first_party,
        self_registered=asked.self_registered,
        logo_uri=asked.logo_uri,
        client_uri=asked.client_uri,
        policy_uri=asked.policy_uri,
        tos_uri=asked.tos_uri,
        login_hint=asked.login_hint,
        ui_locales=tuple(asked.ui_locales),
        redirect_origin=asked.redirect_origin,
    )


def _destination(destination: pb.Destination) -> Destination:
    parameters = tuple((one.name, one.value) for one in destination.parameters)
    return Destination(destination.redirect_uri, destination.response_mode, parameters, destination.client_id)


def said_of(signed_in: SignedIn) -> pb.SignedIn:
    """Who is signed in, as token is told."""
    session, decision = signed_in.session, signed_in.decision
    return pb.SignedIn(
        account_id=session.account_id,
        session_id=session.session_id,
        session_position=session.position,
        seen=session.seen,
        auth_time=to_timestamp(session.auth_time),
        acr=session.acr,
        amr=session.amr,
        chosen=signed_in.chosen,
        decision=None if decision is None else pb.Decision(allow=decision.allow, scopes=decision.scopes),
    )


def _sign_out(asked: pb.LogoutAsked) -> SignOut:
    return SignOut(
        client_id=asked.client_id,
        client_name=asked.client_name,
        session_id=asked.session_id,
        account_id=asked.account_id,
        redirect_uri=asked.post_logout_redirect_uri,
        state=asked.state,
        ui_locales=tuple(asked.ui_locales),
    )


def unknown() -> Exception:
    """A newer token may answer what this release does not know."""
    return unavailable("peer_unavailable", "token answered something that is not understood here")
