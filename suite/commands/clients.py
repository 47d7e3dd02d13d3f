"""`watchword clients create`, `list`, `show`, `update`, `rotate-secret` and `delete`"""

import json as jsons
from pathlib import Path
from typing import Annotated, Any

import typer
from google.protobuf.duration_pb2 import Duration
from google.protobuf.json_format import MessageToDict
from google.protobuf.struct_pb2 import Struct
from google.protobuf.timestamp_pb2 import Timestamp

from chassis.rpc.client import ask
from eventlog.errors import Refusal
from suite.commands.client_options import Said, apply, describing, document
from suite.commands.common import Data, said_plainly
from suite.commands.reach import Json, advised, asked
from suite.errors import Halt
from suite.operator import Operator
from suite.place import Place
from suite.screen import as_json, console, plain, row, table
from watchword.token.v1.token_pb2 import (
    Client,
    CreateClientRequest,
    CreateClientResponse,
    DeleteClientRequest,
    GetClientRequest,
    ListClientsRequest,
    RotateClientSecretRequest,
    UpdateClientRequest,
)

app = typer.Typer(help="Applications that are given tokens.", no_args_is_help=True)

DAY = 86_400
Id = Annotated[str, typer.Argument(metavar="ID", help="The client_id.", show_default=False)]


@app.command()
@describing
def create(
    said: Said,
    data: Data,
    name: Annotated[str | None, typer.Argument(help="What people call it.", show_default=False)] = None,
    id_: Annotated[str, typer.Option("--id", help="Its client_id; one is made where absent.", show_default=False)] = "",
    public: Annotated[
        bool, typer.Option("--public", help="It runs where it can keep no secret: in a browser, on a phone.")
    ] = False,
    from_: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="FILE",
            help="Bring applications from elsewhere, with their ids, secrets and keys: a JSON document in the terms of "
            "RFC 7591, or a list of them. Of a secret only a hash is kept.",
            show_default=False,
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Register an application. Its secret is shown here, once: only a hash of it is kept."""
    with said_plainly():
        if from_ is not None:
            if name is not None or id_ or public or said:
                raise Halt("--from FILE says all of an application; leave the other options out")
            requests = [CreateClientRequest(document=jsons.dumps(one).encode()) for one in _documents(from_)]
        else:
            requests = [CreateClientRequest(client=_new(name or "", id_, public, said))]
    made, refused = asked(data, lambda peers: _create(peers, requests))
    if json:
        shown = [_plain(one.client) | _secret(one) | {"position": one.position} for one in made]
        as_json(shown if from_ is not None else shown[0])
    else:
        for one in made:
            _show_made(one)
    if refused is not None:
        with said_plainly():
            raise Halt(f"document {len(made) + 1} of {len(requests)}: {advised(refused, Place(data.absolute()))}")


def _new(name: str, id_: str, public: bool, said: Said) -> Client:
    if not name.strip():
        raise Halt("empty; give the client a NAME that people know it by")
    client = Client(client_id=id_, name=name, confidential=not public)
    apply(client, said)
    if not client.grant_types:
        client.grant_types.extend(_usual_grants(client))
    return client


def _usual_grants(client: Client) -> list[str]:
    if client.redirect_uris:
        return ["authorization_code", "refresh_token"]
    return ["client_credentials"] if client.confidential else ["refresh_token"]


def _documents(path: Path) -> list[Any]:
    found = document(path)
    documents = found if isinstance(found, list) else [found]
    if not documents or not all(isinstance(one, dict) for one in documents):
        raise Halt(f"{path} holds neither a document in the terms of RFC 7591 nor a list of them")
    return documents


async def _create(
    peers: Operator, requests: list[CreateClientRequest]
) -> tuple[list[CreateClientResponse], Refusal | None]:
    """Those that were registered, and why the next was not: what was shown once must not be lost for it."""
    made: list[CreateClientResponse] = []
    for request in requests:
        try:
            made.append(await ask(peers.token.CreateClient, request))
        except Refusal as refusal:
            if not made:
                raise
            return made, refusal
    return made, None


def _show_made(made: CreateClientResponse) -> None:
    typer.echo(f"client_id      {plain(made.client.client_id)}")
    if made.client_secret:
        typer.echo(f"client_secret  {made.client_secret}   (shown only here)")
    if made.ignored:
        typer.echo(f"ignored        {plain(', '.join(made.ignored))}")
    typer.echo(f"Registered, at position {made.position} of token's log.")


@app.command("list")
def list_clients(data: Data, json: Json = False) -> None:
    """List the applications."""
    clients = asked(data, lambda peers: ask(peers.token.ListClients, ListClientsRequest())).clients
    if json:
        as_json([_plain(client) for client in clients])
        return
    shown = table("client_id", "name", "kind", "grant types", "scopes", "alg", "life s", numbers=["life s"])
    for client in clients:
        grants, scopes = " ".join(client.grant_types), " ".join(client.scopes)
        life = client.access_token_life.ToSeconds()
        row(shown, client.client_id, client.name, _kind(client), grants, scopes, client.access_token_alg, life)
    console().print(shown)


@app.command()
def show(client_id: Id, data: Data, json: Json = False) -> None:
    """Show all that an application is registered with. What says nothing is left out."""
    client = asked(data, lambda peers: ask(peers.token.GetClient, GetClientRequest(client_id=client_id))).client
    if json:
        as_json(_plain(client))
        return
    shown = table("member", "value")
    for name, value in _plain(client).items():
        if value not in ("", [], None):
            row(shown, name, " ".join(value) if isinstance(value, list) else value)
    console().print(shown)


@app.command()
@describing
def update(
    said: Said,
    client_id: Id,
    data: Data,
    name: Annotated[str | None, typer.Option("--name", help="What people call it.", show_default=False)] = None,
    json: Json = False,
) -> None:
    """Change an application: what the options say. One that may be repeated replaces all it had; "" empties it.

    What it was given before is judged by what it is now, in every process, from the next request on.
    """
    with said_plainly():
        if not said and name is None:
            raise Halt("name what to change: `watchword clients update --help` says what there is")
    said = said if name is None else {**said, "name": name}
    made = asked(data, lambda peers: _update(peers, client_id, said))
    if json:
        as_json(_plain(made.client) | _secret(made) | {"position": made.position})
        return
    if made.client_secret:
        typer.echo(f"client_secret  {made.client_secret}   (shown only here)")
    changed = f"Changed, at position {made.position} of token's log." if made.position else "It is so already."
    typer.echo(changed)


async def _update(peers: Operator, client_id: str, said: Said) -> Any:
    client = (await ask(peers.token.GetClient, GetClientRequest(client_id=client_id))).client
    apply(client, said)
    return await ask(peers.token.UpdateClient, UpdateClientRequest(client=client))


@app.command("rotate-secret")
def rotate_secret(
    client_id: Id,
    data: Data,
    overlap: Annotated[
        int,
        typer.Option(
            metavar="SECONDS",
            help="How long the secret before is good as well, until the application has the new one; 0 after a leak.",
            min=0,
            max=90 * DAY,
        ),
    ] = DAY,
    json: Json = False,
) -> None:
    """Give an application a new secret, shown here, once. A secret before the last one is good no more."""
    request = RotateClientSecretRequest(client_id=client_id)
    request.overlap.FromSeconds(overlap)
    made = asked(data, lambda peers: ask(peers.token.RotateClientSecret, request))
    until = made.old_secret_until.ToJsonString() if made.HasField("old_secret_until") else ""
    if json:
        shown = {"client_id": client_id, "client_secret": made.client_secret, "position": made.position}
        as_json(shown | ({"old_secret_until": until} if until else {}))
        return
    typer.echo(f"client_secret  {made.client_secret}   (shown only here)")
    typer.echo(f"The secret before is good until {until}." if until else "The secret before is good no more.")


@app.command()
def delete(client_id: Id, data: Data, json: Json = False) -> None:
    """Delete an application: all that it was given ends, and its client_id is never given again."""
    made = asked(data, lambda peers: ask(peers.token.DeleteClient, DeleteClientRequest(client_id=client_id)))
    if json:
        as_json({"position": made.position})
        return
    typer.echo(f"Deleted, at position {made.position} of token's log.")


def _kind(client: Client) -> str:
    kind = "confidential" if client.confidential else "public"
    if client.self_registered:
        return f"{kind}, self-registered"
    return f"{kind}, first-party" if client.first_party else kind


def _secret(made: Any) -> dict[str, str]:
    return {"client_secret": made.client_secret} if made.client_secret else {}


def _plain(client: Client) -> dict[str, Any]:
    """By the names of the contract; durations in seconds, times as RFC 3339 has them."""
    fields = Client.DESCRIPTOR.fields
    there = [field.name for field in fields if field.message_type is None or client.HasField(field.name)]  # type: ignore[arg-type]
    return {name: _value(getattr(client, name)) for name in there}


def _value(value: Any) -> Any:
    match value:
        case Duration():
            return value.ToSeconds()
        case Timestamp():
            return value.ToJsonString()
        case Struct():
            return MessageToDict(value)
        case str() | bool() | int():
            return value
    return list(value)
