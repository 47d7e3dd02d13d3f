"""`watchword certs issue` and `watchword certs revoke`"""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from chassis.rpc.client import ask
from suite.authority import Authority, Issued, Kind, uri
from suite.commands.common import Data, said_plainly
from suite.commands.reach import reached
from suite.databases import SERVICES
from suite.errors import Halt
from suite.operator import OPERATOR
from suite.place import Place
from watchword.token.v1.token_pb2 import GrantCallerRequest, RevokeCertificateRequest, RevokeCertificateResponse

app = typer.Typer(help="Certificates of backends and operators.", no_args_is_help=True)

_SERVICE: Kind = "service"
_NEEDED: dict[str, Kind] = {
    uri("operator", OPERATOR): "operator",
    **{uri(_SERVICE, name): _SERVICE for name in SERVICES},
}

Name = Annotated[str, typer.Argument(help="Whom it names, such as billing: a-z, 0-9 and hyphens.", show_default=False)]


@app.command()
def issue(
    name: Name,
    data: Data,
    for_operator: Annotated[
        bool, typer.Option("--operator", help="An operator's: it may call the administrative RPCs.")
    ] = False,
    grant: Annotated[
        list[str] | None,
        typer.Option(
            metavar="GRANT",
            help="What it may do beyond the default, such as introspect:any or "
            "watchword.log.v1.EventLogService/Read; may be repeated, and replaces earlier grants.",
        ),
    ] = None,
) -> None:
    """Make a certificate: a backend's for 90 days, or an operator's. The suite must run for --grant only."""
    with said_plainly():
        place = _place(data)
        issued = Authority(place).issue(name, operator=for_operator)
        if grant:
            asyncio.run(_grant(data, issued, grant))
    typer.echo(f"{issued.uri}\n  certificate  {issued.cert}\n  key          {issued.key}")
    typer.echo(f"  authority    {place.ca / 'ca.pem'}\n  fingerprint  {issued.fingerprint}")
    typer.echo(f"  until        {issued.expires:%Y-%m-%d %H:%M} UTC")


@app.command()
def revoke(
    name: Name,
    data: Data,
    reason: Annotated[str, typer.Option(help="Why, for the event.")] = "revoked by the operator",
) -> None:
    """Revoke the certificate of that name. It holds at the next call; the files stay.

    The suite cannot do without the operator's own and its services': those are made anew at once.
    """
    with said_plainly():
        authority = Authority(_place(data))
        found = authority.find(name)
        answer = asyncio.run(_revoke(data, found, reason))
        replacement = authority.renew(_NEEDED[found.uri], name) if found.uri in _NEEDED else None
    typer.echo(f"{found.uri} ({found.fingerprint}) is revoked, at position {answer.position} of token's log")
    for receipt in answer.applied:
        typer.echo(f"  applied by {receipt.reader} after {receipt.after.ToMilliseconds()} ms")
    for reader in answer.waiting:
        typer.echo(f"  {reader} has not answered yet")
    if replacement is not None:
        typer.echo(f"A new one is in its place: {replacement.cert} ({replacement.fingerprint})")
    if name in SERVICES:
        typer.echo(f"{name} still runs with the old one, and its peers refuse it: start `watchword up` anew")


def _place(data: Data) -> Place:
    place = Place(data.absolute())
    if not (place.ca / "ca.key").exists():
        raise Halt(
            f"there is no authority in {place.ca}: `watchword up --data {place.data}` makes one at its first start"
        )
    return place


async def _grant(data: Path, issued: Issued, grants: list[str]) -> None:
    async with reached(data) as peers:
        await ask(peers.token.GrantCaller, GrantCallerRequest(uri=issued.uri, grants=grants))


async def _revoke(data: Path, found: Issued, reason: str) -> RevokeCertificateResponse:
    async with reached(data) as peers:
        request = RevokeCertificateRequest(fingerprint=found.fingerprint, reason=reason, wait_applied=True)
        return await ask(peers.token.RevokeCertificate, request, timeout=10.0)
