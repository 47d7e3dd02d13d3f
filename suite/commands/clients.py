"""`watchword clients create` and `watchword clients list`"""

from typing import Annotated

import typer

from chassis.rpc.client import ask
from suite.commands.common import Data, said_plainly
from suite.commands.reach import Json, asked
from suite.errors import Halt
from suite.screen import as_json, console, row, table
from watchword.token.v1.token_pb2 import Client, CreateClientRequest, ListClientsRequest

app = typer.Typer(help="Applications that are given tokens.", no_args_is_help=True)

Several = list[str] | None


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What people call it.", show_default=False)],
    data: Data,
    id_: Annotated[str, typer.Option("--id", help="Its client_id; one is made where absent.")] = "",
    public: Annotated[
        bool, typer.Option("--public", help="It runs where it can keep no secret: in a browser, on a phone.")
    ] = False,
    grant_type: Annotated[
        Several,
        typer.Option(metavar="TYPE", help="client_credentials, or refresh_token as --public has; may be repeated."),
    ] = None,
    scope: Annotated[Several, typer.Option(metavar="SCOPE", help="What it may ask for; may be repeated.")] = None,
    audience: Annotated[
        Several, typer.Option(metavar="AUD", help="Whom its tokens may be meant for; the first is the default.")
    ] = None,
    alg: Annotated[str, typer.Option(help="What signs its access tokens: ES256, RS256, PS256 or EdDSA.")] = "ES256",
    life: Annotated[
        int, typer.Option(metavar="SECONDS", help="How long its access tokens live.", min=1, max=3600)
    ] = 720,
    leeway: Annotated[
        int,
        typer.Option(
            metavar="SECONDS", help="How long a lost answer to a refresh can be given again; 0: never.", min=0, max=60
        ),
    ] = 10,
    reuse_ends: Annotated[
        str,
        typer.Option(metavar="WHAT", help="What a reused refresh token ends: its family, or the account's sessions."),
    ] = "family",
    first_party: Annotated[bool, typer.Option("--first-party", help="It is your own.")] = False,
    direct_login: Annotated[
        bool, typer.Option("--direct-login", help="It may send people's passwords to POST /v1/login; first-party only.")
    ] = False,
    grant: Annotated[Several, typer.Option(metavar="GRANT", help="Such as introspect:any; may be repeated.")] = None,
    cors_origin: Annotated[
        Several, typer.Option(metavar="ORIGIN", help="A browser origin that may call token and revoke.")
    ] = None,
    json: Json = False,
) -> None:
    """Register an application. Its secret is shown here, once: only a hash of it is kept."""
    with said_plainly():
        if not name.strip():
            raise Halt("empty; give the client a NAME that people know it by")
    client = Client(
        client_id=id_,
        name=name,
        confidential=not public,
        first_party=first_party,
        direct_login=direct_login,
        grant_types=grant_type or (["refresh_token"] if public else ["client_credentials"]),
        scopes=scope,
        audiences=audience,
        access_token_alg=alg,
        reuse_ends=reuse_ends,
        grants=grant,
        cors_origins=cors_origin,
    )
    client.access_token_life.FromSeconds(life)
    client.leeway.FromSeconds(leeway)
    made = asked(data, lambda peers: ask(peers.token.CreateClient, CreateClientRequest(client=client)))
    if json:
        secret = {"client_secret": made.client_secret} if made.client_secret else {}
        as_json(_plain(made.client) | secret | {"position": made.position})
        return
    typer.echo(f"client_id      {made.client.client_id}")
    if made.client_secret:
        typer.echo(f"client_secret  {made.client_secret}   (shown only here)")
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


def _kind(client: Client) -> str:
    kind = "confidential" if client.confidential else "public"
    return f"{kind}, first-party" if client.first_party else kind


def _plain(client: Client) -> dict[str, object]:
    return {
        "client_id": client.client_id,
        "name": client.name,
        "confidential": client.confidential,
        "first_party": client.first_party,
        "direct_login": client.direct_login,
        "grant_types": list(client.grant_types),
        "scopes": list(client.scopes),
        "audiences": list(client.audiences),
        "access_token_alg": client.access_token_alg,
        "access_token_life": client.access_token_life.ToSeconds(),
        "leeway": client.leeway.ToSeconds(),
        "reuse_ends": client.reuse_ends,
        "grants": list(client.grants),
        "cors_origins": list(client.cors_origins),
    }
