"""`watchword keys list` and `watchword keys rotate`"""

from collections.abc import Iterable
from typing import Annotated

import typer

from chassis.rpc.client import ask
from suite.commands.common import Data
from suite.commands.reach import Json, asked
from suite.screen import as_json, console, row, table
from watchword.token.v1.token_pb2 import Key, ListKeysRequest, RotateKeyRequest

app = typer.Typer(
    help="Keys that sign access tokens, and keys that make refresh tokens. Only their names leave token.",
    no_args_is_help=True,
)

PATIENCE = 20.0


@app.command("list")
def list_keys(data: Data, json: Json = False) -> None:
    """List the keys: published (next), active, verifying (until what they signed is over), gone."""
    keys = asked(data, lambda peers: ask(peers.token.ListKeys, ListKeysRequest())).keys
    _show(keys) if not json else as_json([_plain(key) for key in keys])


@app.command()
def rotate(
    data: Data,
    refresh: Annotated[
        bool, typer.Option("--refresh", help="Rotate the key of refresh tokens, not a signing key.")
    ] = False,
    alg: Annotated[
        str, typer.Option(metavar="ALG", help="Only the signing key of ES256, RS256, PS256 or EdDSA; all where absent.")
    ] = "",
    compromised: Annotated[
        bool,
        typer.Option(
            "--compromised",
            help="Somebody else may hold it: drop it at once. What it signed is refused everywhere; a refresh key ends "
            "its families, whose people log in again.",
        ),
    ] = False,
    key: Annotated[
        str,
        typer.Option(metavar="ID", help="With --compromised: drop this key, be it an older one that verifies still."),
    ] = "",
    json: Json = False,
) -> None:
    """Make the next key active. Without --compromised nothing that is valid fails: the old key verifies on."""
    if key and not compromised:
        raise typer.BadParameter("a key is named only where it is --compromised", param_hint="--key")
    request = RotateKeyRequest(refresh=refresh, alg=alg, compromised=compromised, key_id=key)
    answer = asked(data, lambda peers: ask(peers.token.RotateKey, request, timeout=PATIENCE))
    if json:
        as_json({"position": answer.position, "keys": [_plain(key) for key in answer.keys]})
        return
    _show(answer.keys)
    typer.echo(f"\nRotated, at position {answer.position} of token's log.")


def _show(keys: Iterable[Key]) -> None:
    shown = table("key", "purpose", "alg", "state", "since (UTC)")
    for key in keys:
        since = key.since.ToDatetime()
        style = "dim" if key.state in ("gone", "compromised") else None
        row(shown, key.key_id, key.purpose, key.alg, key.state, f"{since:%Y-%m-%d %H:%M:%S}", style=style)
    console().print(shown)


def _plain(key: Key) -> dict[str, str]:
    return {
        "key_id": key.key_id,
        "purpose": key.purpose,
        "alg": key.alg,
        "state": key.state,
        "since": key.since.ToJsonString(),
    }
