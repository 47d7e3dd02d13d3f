"""Services as the commands talk to them, in memory: what was said to them can be looked at."""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from eventlog.errors import Kind, Refusal
from watchword.identity.v1 import identity_pb2, identity_pb2_grpc
from watchword.log.v1 import log_pb2, log_pb2_grpc
from watchword.policy.v1 import policy_pb2, policy_pb2_grpc
from watchword.token.v1 import token_pb2, token_pb2_grpc


@dataclass
class Accounts(identity_pb2_grpc.IdentityServiceServicer):
    """Passwords and whether disabled, by username."""

    known: dict[str, list[Any]] = field(default_factory=dict)

    async def CreateAccount(self, request: Any, context: Any) -> identity_pb2.CreateAccountResponse:
        if request.username in self.known:
            raise Refusal(Kind.CONFLICT, "account_exists", "this username is taken")
        self.known[request.username] = [request.password, False]
        return identity_pb2.CreateAccountResponse(account_id=f"acc_{request.username}", position=2)

    async def FindAccount(self, request: Any, context: Any) -> identity_pb2.FindAccountResponse:
        if request.username not in self.known:
            raise Refusal(Kind.NOT_FOUND, "account_unknown", "there is no such account")
        return identity_pb2.FindAccountResponse(account_id=f"acc_{request.username}")

    async def DisableAccount(self, request: Any, context: Any) -> identity_pb2.DisableAccountResponse:
        self.known[request.account_id.removeprefix("acc_")][1] = True
        return identity_pb2.DisableAccountResponse(position=3, applied=False)

    async def EnableAccount(self, request: Any, context: Any) -> identity_pb2.EnableAccountResponse:
        self.known[request.account_id.removeprefix("acc_")][1] = False
        return identity_pb2.EnableAccountResponse(position=4, applied=True)

    async def GetClaims(self, request: Any, context: Any) -> identity_pb2.GetClaimsResponse:
        return identity_pb2.GetClaimsResponse()


@dataclass
class Tokens(token_pb2_grpc.TokenServiceServicer):
    """Clients, the documents that brought some, and what was asked of keys and revocation."""

    documents: list[Any] = field(default_factory=list)
    clients: list[token_pb2.Client] = field(default_factory=list)
    rotations: list[token_pb2.RotateKeyRequest] = field(default_factory=list)
    revocations: list[token_pb2.RevokeRequest] = field(default_factory=list)
    laggards: list[str] = field(default_factory=list)
    certificates: set[str] = field(default_factory=set)
    """The fingerprints of those that have been revoked."""

    async def CreateClient(self, request: Any, context: Any) -> token_pb2.CreateClientResponse:
        client = token_pb2.Client()
        client.CopyFrom(request.client)
        if request.document:
            self.documents.append(json.loads(request.document))
            client.client_id = self.documents[-1].get("client_id", "")
        if client.client_id in {one.client_id for one in self.clients} - {""}:
            raise Refusal(Kind.CONFLICT, "client_exists", f"there is a client {client.client_id} already")
        client.client_id = client.client_id or "cli_made"
        self.clients.append(client)
        secret = "s3cret" if client.confidential else ""
        return token_pb2.CreateClientResponse(client=client, client_secret=secret, position=7)

    async def GetClient(self, request: Any, context: Any) -> token_pb2.GetClientResponse:
        return token_pb2.GetClientResponse(client=self._find(request.client_id))

    async def UpdateClient(self, request: Any, context: Any) -> token_pb2.UpdateClientResponse:
        self._find(request.client.client_id).CopyFrom(request.client)
        return token_pb2.UpdateClientResponse(client=request.client, position=11)

    async def RotateClientSecret(self, request: Any, context: Any) -> token_pb2.RotateClientSecretResponse:
        self._find(request.client_id)
        seconds = request.overlap.ToSeconds()
        until = Timestamp(seconds=1_900_000_000 + seconds) if seconds else None
        return token_pb2.RotateClientSecretResponse(client_secret="n3w", old_secret_until=until, position=12)

    async def DeleteClient(self, request: Any, context: Any) -> token_pb2.DeleteClientResponse:
        self.clients.remove(self._find(request.client_id))
        return token_pb2.DeleteClientResponse(position=13)

    def _find(self, client_id: str) -> token_pb2.Client:
        found = next((one for one in self.clients if one.client_id == client_id), None)
        if found is None:
            raise Refusal(Kind.NOT_FOUND, "not_found", "there is no such client")
        return found

    async def ListClients(self, request: Any, context: Any) -> token_pb2.ListClientsResponse:
        return token_pb2.ListClientsResponse(clients=self.clients)

    async def ListKeys(self, request: Any, context: Any) -> token_pb2.ListKeysResponse:
        since = Timestamp(seconds=1_900_000_000)
        key = token_pb2.Key(key_id="k1", purpose="signing", alg="ES256", state="active", since=since)
        return token_pb2.ListKeysResponse(keys=[key])

    async def RotateKey(self, request: Any, context: Any) -> token_pb2.RotateKeyResponse:
        self.rotations.append(request)
        return token_pb2.RotateKeyResponse(keys=(await self.ListKeys(None, context)).keys, position=8)

    async def Revoke(self, request: Any, context: Any) -> token_pb2.RevokeResponse:
        self.revocations.append(request)
        receipt = token_pb2.Receipt(reader="policy/1", after=Duration(nanos=1_500_000))
        certain = Timestamp(seconds=1_900_000_000)
        return token_pb2.RevokeResponse(position=9, applied=[receipt], waiting=self.laggards, certain_at=certain)

    async def RevokeCertificate(self, request: Any, context: Any) -> token_pb2.RevokeCertificateResponse:
        self.certificates.add(request.fingerprint)
        return token_pb2.RevokeCertificateResponse(position=10)


@dataclass
class Roles(policy_pb2_grpc.PolicyServiceServicer):
    """The first administrator."""

    first: str = ""

    async def CreateFirstAdministrator(self, request: Any, context: Any) -> Any:
        if self.first:
            raise Refusal(Kind.PRECONDITION, "administrator_exists", "the first administrator has been created before")
        self.first = request.account_id
        return policy_pb2.CreateFirstAdministratorResponse(position=3)


@dataclass
class Projected(log_pb2_grpc.ProjectionServiceServicer):
    """Projections as the test says that they are."""

    shown: list[log_pb2.Projection] = field(default_factory=list)
    looked: asyncio.Event = field(default_factory=asyncio.Event)

    async def ListProjections(self, request: Any, context: Any) -> log_pb2.ListProjectionsResponse:
        self.looked.set()
        return log_pb2.ListProjectionsResponse(projections=self.shown)

    async def RebuildProjection(self, request: Any, context: Any) -> log_pb2.RebuildProjectionResponse:
        """Where it is to be seen how far it is, it goes on until somebody has looked."""
        named = self._named(request.name)
        if named.HasField("rebuilt"):
            await self.looked.wait()
        return log_pb2.RebuildProjectionResponse(applied=named.head)

    async def RetryParked(self, request: Any, context: Any) -> log_pb2.RetryParkedResponse:
        one = self._named(request.name)
        return log_pb2.RetryParkedResponse(applied_events=1, parked_events=one.parked_events)

    def _named(self, name: str) -> log_pb2.Projection:
        found = next((one for one in self.shown if one.name == name), None)
        if found is None:
            raise Refusal(Kind.NOT_FOUND, "projection_unknown", f"no projection {name!r} here")
        return found


@dataclass
class Relayed(log_pb2_grpc.RelayServiceServicer):
    """A relay as the test says that it is; asked to republish, it has done so when it is looked at next."""

    shown: log_pb2.Relay | None = None
    wishes: list[int] = field(default_factory=list)

    async def GetRelay(self, request: Any, context: Any) -> log_pb2.GetRelayResponse:
        answer = log_pb2.GetRelayResponse(relay=self.shown)
        if self.shown is not None:
            self.shown.ClearField("republish_from")
        return answer

    async def Republish(self, request: Any, context: Any) -> log_pb2.RepublishResponse:
        if self.shown is None:
            raise Refusal(Kind.PRECONDITION, "no_kafka", "this service was given no Kafka to publish to")
        self.wishes.append(request.from_position)
        self.shown.republish_from = request.from_position
        return log_pb2.RepublishResponse()
