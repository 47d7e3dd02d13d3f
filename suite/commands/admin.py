"""`watchword admin create`"""

from typing import Annotated

import typer

from chassis.rpc.client import ask
from suite.commands.common import Data
from suite.commands.reach import Json, asked
from suite.operator import Operator
from suite.screen import as_json
from watchword.identity.v1.identity_pb2 import FindAccountRequest
from watchword.policy.v1.policy_pb2 import CreateFirstAdministratorRequest

app = typer.Typer(help="The first administrator.", no_args_is_help=True)


@app.callback()
def admin() -> None:
    """The first administrator."""


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="The username of an account that exists.", show_default=False)],
    data: Data,
    json: Json = False,
) -> None:
    """Make an account the first administrator: once in a suite's life, as an event in policy's log.

    `up` has done it for the demo's `admin`, unless it was started with --no-demo.
    """

    async def make(peers: Operator) -> tuple[str, int]:
        found = await ask(peers.identity.FindAccount, FindAccountRequest(username=name))
        request = CreateFirstAdministratorRequest(account_id=found.account_id)
        return found.account_id, (await ask(peers.policy.CreateFirstAdministrator, request)).position

    account_id, position = asked(data, make)
    if json:
        as_json({"account_id": account_id, "position": position})
        return
    typer.echo(f"{name} ({account_id}) is the administrator, at position {position} of policy's log.")
