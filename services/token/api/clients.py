"""TokenService, as far as it is about clients: decode, call, encode."""

from typing import TYPE_CHECKING, Any

from chassis import positions, rpc
from eventlog.errors import Kind, Refusal
from services.token.api.documents import read_document
from services.token.api.wire import micros, to_client, wanted_client
from services.token.commands.client_changes import delete_client, find_client, rotate_secret, update_client
from services.token.commands.clients import register_client
from services.token.domain.client import Client
from services.token.domain.document import Read, read_import
from services.token.domain.registration import ID
from services.token.known_clients import KnownClients
from services.token.ports import Token
from services.token.queries import clients
from watchword.token.v1 import token_pb2, token_pb2_grpc
from watchword.wire import to_timestamp

if TYPE_CHECKING:
    from services.token.api.grpc import Revoking

_SERVICE = "watchword.token.v1.TokenService"

ACTIONS = {
    f"{_SERVICE}/CreateClient": "token.client.create",
    f"{_SERVICE}/GetClient": "token.client.show",
    f"{_SERVICE}/UpdateClient": "token.client.update",
    f"{_SERVICE}/RotateClientSecret": "token.client.rotate_secret",
    f"{_SERVICE}/DeleteClient": "token.client.delete",
    f"{_SERVICE}/ListClients": "token.client.list",
}
ALLOWED = {method: {rpc.ADMINISTRATOR} for method in ACTIONS}


class ClientsRpc(token_pb2_grpc.TokenServiceServicer):
    """The part of TokenService that administers clients."""

    _token: Token
    _registered: KnownClients
    _revoking: "Revoking"

    async def CreateClient(
        self, request: token_pb2.CreateClientRequest, context: Any
    ) -> token_pb2.CreateClientResponse:
        by = await rpc.administrator(context)
        read = _read(request)
        made = await register_client(self._token, read.client, by, read.secret or None)
        positions.note("token", made.position)
        return token_pb2.CreateClientResponse(
            client=to_client(made.client), client_secret=made.secret, position=made.position, ignored=read.ignored
        )

    async def GetClient(self, request: token_pb2.GetClientRequest, context: Any) -> token_pb2.GetClientResponse:
        await rpc.administrator(context)
        return token_pb2.GetClientResponse(client=to_client(await find_client(self._token, _id(request.client_id))))

    async def UpdateClient(
        self, request: token_pb2.UpdateClientRequest, context: Any
    ) -> token_pb2.UpdateClientResponse:
        by = await rpc.administrator(context)
        made = await update_client(self._token, _named(wanted_client(request.client)), by)
        positions.note("token", made.position)
        return token_pb2.UpdateClientResponse(
            client=to_client(made.client), client_secret=made.secret, position=made.position
        )

    async def RotateClientSecret(
        self, request: token_pb2.RotateClientSecretRequest, context: Any
    ) -> token_pb2.RotateClientSecretResponse:
        by = await rpc.administrator(context)
        made = await rotate_secret(self._token, _id(request.client_id), micros(request.overlap), by)
        positions.note("token", made.position)
        response = token_pb2.RotateClientSecretResponse(client_secret=made.secret, position=made.position)
        if made.client.old_secret_until:
            response.old_secret_until.CopyFrom(to_timestamp(made.client.old_secret_until))
        return response

    async def DeleteClient(
        self, request: token_pb2.DeleteClientRequest, context: Any
    ) -> token_pb2.DeleteClientResponse:
        by = await rpc.administrator(context)
        position = await delete_client(self._token, _id(request.client_id), by)
        return token_pb2.DeleteClientResponse(position=await self._revoking.settled(position))

    async def ListClients(self, request: token_pb2.ListClientsRequest, context: Any) -> token_pb2.ListClientsResponse:
        await rpc.administrator(context)
        found = await clients(self._token, self._registered.ids())
        return token_pb2.ListClientsResponse(clients=map(to_client, found))


def _read(request: token_pb2.CreateClientRequest) -> Read:
    if not request.document:
        return Read(wanted_client(request.client), secret=request.client_secret)
    if request.HasField("client") or request.client_secret:
        raise Refusal(Kind.INVALID, "invalid_request", "a document stands in place of client and client_secret")
    return read_import(read_document(request.document))


def _named(client: Client) -> Client:
    _id(client.id)
    return client


def _id(client_id: str) -> str:
    """What no client is called is not looked for. Raises Refusal `invalid_request`."""
    if not ID.fullmatch(client_id):
        raise Refusal(Kind.INVALID, "invalid_request", "client_id is not a client's id")
    return client_id
