"""`watchword revoke`"""

from typing import Annotated

import typer

from chassis.rpc.client import ask
from eventlog.errors import Kind, Refusal
from suite.commands.common import Data, said_plainly
from suite.commands.reach import Json, asked
from suite.errors import Halt
from suite.operator import Operator
from suite.screen import as_json, console, row, table
from watchword.identity.v1.identity_pb2 import FindAccountRequest
from watchword.token.v1.token_pb2 import RevokeRequest, RevokeResponse

PATIENCE = 15.0


def revoke(
    data: Data,
    session: Annotated[str | None, typer.Option(metavar="ses_…", help="End one browser session or login.")] = None,
    family: Annotated[str | None, typer.Option(metavar="fam_…", help="End one lineage of refresh tokens.")] = None,
    subject: Annotated[
        str | None, typer.Option(metavar="NAME|acc_…", help="End all that an account has; it may log in again.")
    ] = None,
    client: Annotated[
        str | None, typer.Option(metavar="cli_…", help="End all that an application holds, for everybody.")
    ] = None,
    reason: Annotated[str, typer.Option(help="Why, for the event.")] = "revoked by the operator",
    wait: Annotated[
        bool, typer.Option("--wait", help="Answer when all who verify tokens have applied it; exit 1 if one has not.")
    ] = False,
    json: Json = False,
) -> None:
    """End what was given out: it, and everything that hangs from it. What is given out afterwards is good.

    Once this has answered, token refreshes nothing of it, and says so when asked. Everybody else refuses as soon as the
    event has reached them, which --wait shows.
    """
    with said_plainly():
        request = _request(session, family, subject, client)
    request.reason, request.wait_applied = reason, wait
    answer = asked(data, lambda peers: _revoked(peers, request))
    _print_json(answer, wait) if json else _print(answer, wait)
    if answer.waiting:
        raise typer.Exit(1)


async def _revoked(peers: Operator, request: RevokeRequest) -> RevokeResponse:
    """A subject that is no account's id is looked up as a username, and else taken for a client's id."""
    if request.subject and not request.subject.startswith("acc_"):
        try:
            found = await ask(peers.identity.FindAccount, FindAccountRequest(username=request.subject))
            request.subject = found.account_id
        except Refusal as refusal:
            if refusal.kind is not Kind.NOT_FOUND:
                raise
    return await ask(peers.token.Revoke, request, timeout=PATIENCE)


def _request(session: str | None, family: str | None, subject: str | None, client: str | None) -> RevokeRequest:
    match session, family, subject, client:
        case str(), None, None, None:
            return RevokeRequest(session_id=session)
        case None, str(), None, None:
            return RevokeRequest(family_id=family)
        case None, None, str(), None:
            return RevokeRequest(subject=subject)
        case None, None, None, str():
            return RevokeRequest(client_id=client)
    raise Halt("name what to end by one of --session, --family, --subject and --client")


def _print(answer: RevokeResponse, wait: bool) -> None:
    typer.echo(f"Revoked, at position {answer.position} of token's log.")
    if not wait:
        return
    shown = table("applied by", "after ms", numbers=["after ms"])
    for receipt in answer.applied:
        row(shown, receipt.reader, f"{receipt.after.ToMicroseconds() / 1000:.1f}")
    for reader in answer.waiting:
        row(shown, reader, "not yet", style="bold red")
    console().print(shown)
    typer.echo(f"Certain at {answer.certain_at.ToJsonString()}: then even a verifier that was cut off denies.")


def _print_json(answer: RevokeResponse, wait: bool) -> None:
    made: dict[str, object] = {"position": answer.position}
    if wait:
        made["applied"] = [{"reader": one.reader, "ms": one.after.ToMicroseconds() / 1000} for one in answer.applied]
        made["waiting"] = list(answer.waiting)
        made["certain_at"] = answer.certain_at.ToJsonString()
    as_json(made)
