"""`watchword users create`, `disable` and `enable`"""

import secrets
import sys
from typing import Annotated

import typer

from chassis.rpc.client import ask
from suite.commands.common import Data, said_plainly
from suite.commands.reach import Json, asked
from suite.errors import Halt
from suite.operator import Operator
from suite.screen import as_json
from watchword.identity.v1.identity_pb2 import (
    CreateAccountRequest,
    DisableAccountRequest,
    DisableAccountResponse,
    EnableAccountRequest,
    EnableAccountResponse,
    FindAccountRequest,
)

app = typer.Typer(help="People's accounts.", no_args_is_help=True)

PATIENCE = 10.0

Name = Annotated[str, typer.Argument(help="The username.", show_default=False)]
Reason = Annotated[str, typer.Option(help="Why, for the event; no names, it is read by everybody who reads the log.")]


@app.command()
def create(
    name: Name,
    data: Data,
    email: Annotated[str | None, typer.Option(help="An e-mail address; it is kept sealed.")] = None,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input, up to the first line end.")
    ] = False,
    generate: Annotated[bool, typer.Option("--generate", help="Make a password and print it, once.")] = False,
    json: Json = False,
) -> None:
    """Create an account. The password is asked for, unless one of the options says where it comes from.

    It is no option itself: what stands in a command line, every user of the machine can read.
    """
    with said_plainly():
        password = _password(password_stdin, generate)
    request = CreateAccountRequest(username=name, password=password, email=email)
    made = asked(data, lambda peers: ask(peers.identity.CreateAccount, request, timeout=PATIENCE))
    if json:
        shown = {"account_id": made.account_id, "position": made.position}
        as_json(shown | ({"password": password} if generate else {}))
        return
    typer.echo(f"{name} is {made.account_id}, at position {made.position} of identity's log.")
    if generate:
        typer.echo(f"The password, shown only here: {password}")


@app.command()
def disable(name: Name, data: Data, reason: Reason = "disabled by the operator", json: Json = False) -> None:
    """Disable an account: it can no longer log in, and all its sessions and tokens end."""

    async def change(peers: Operator) -> DisableAccountResponse:
        found = await ask(peers.identity.FindAccount, FindAccountRequest(username=name))
        request = DisableAccountRequest(account_id=found.account_id, reason=reason)
        return await ask(peers.identity.DisableAccount, request)

    _say(f"{name} is disabled", asked(data, change), json)


@app.command()
def enable(name: Name, data: Data, reason: Reason = "enabled by the operator", json: Json = False) -> None:
    """Enable an account again: it can log in; what was ended stays ended."""

    async def change(peers: Operator) -> EnableAccountResponse:
        found = await ask(peers.identity.FindAccount, FindAccountRequest(username=name))
        request = EnableAccountRequest(account_id=found.account_id, reason=reason)
        return await ask(peers.identity.EnableAccount, request)

    _say(f"{name} is enabled", asked(data, change), json)


def _password(from_stdin: bool, generate: bool) -> str:
    try:
        password = _given(from_stdin, generate)
        password.encode()
    except UnicodeError:
        raise Halt("the password is not UTF-8 text") from None
    return password


def _given(from_stdin: bool, generate: bool) -> str:
    if from_stdin and generate:
        raise Halt("--password-stdin and --generate: choose one")
    if generate:
        return secrets.token_urlsafe(18)
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise Halt("there is no terminal to ask for a password: use --password-stdin or --generate")
    answer: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    return answer


def _say(what: str, answer: DisableAccountResponse | EnableAccountResponse, json: bool) -> None:
    if json:
        as_json({"position": answer.position, "applied": answer.applied})
        return
    typer.echo(f"{what}, at position {answer.position} of identity's log.")
    if not answer.applied:
        typer.echo("Token has not answered yet: what hangs from it ends as soon as token has read the event.")
