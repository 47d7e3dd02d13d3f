"""`watchword up`"""

from typing import Annotated

import typer

from suite.commands.common import Data, said_plainly
from suite.fleet import GRPC, REST, Fleet
from suite.ports import Address
from suite.report import Report
from suite.up import Options
from suite.up import up as run_up


def _address(text: str) -> Address:
    try:
        return Address.parse(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def _listener(service: str, api: str) -> typer.models.OptionInfo:
    """An option that moves one listener. The environment names it as the service itself does."""
    option: typer.models.OptionInfo = typer.Option(
        f"--{service}-{api}",
        metavar="HOST:PORT",
        parser=_address,
        envvar=f"WATCHWORD_{service.upper()}_{api.upper()}",
        help=f"Where {service} serves {'gRPC' if api == 'grpc' else 'REST'}.",
    )
    return option


def up(
    data: Data,
    postgres: Annotated[
        str | None,
        typer.Option(
            metavar="DSN",
            envvar="WATCHWORD_POSTGRES",
            help="Your own PostgreSQL, by a role that may create roles and databases, in place of one in DIR.",
        ),
    ] = None,
    public_url: Annotated[
        str | None,
        typer.Option(metavar="URL", help="The one origin under which a proxy serves all three; it becomes the issuer."),
    ] = None,
    trusted_proxy: Annotated[
        list[str] | None,
        typer.Option(metavar="ADDRESS", help="A proxy whose forwarded headers are believed; may be repeated."),
    ] = None,
    demo: Annotated[
        bool, typer.Option("--demo/--no-demo", help="Seed an administrator, a user and two clients.")
    ] = True,
    identity_rest: Annotated[Address, _listener("identity", "rest")] = REST["identity"],
    identity_grpc: Annotated[Address, _listener("identity", "grpc")] = GRPC["identity"],
    token_rest: Annotated[Address, _listener("token", "rest")] = REST["token"],
    token_grpc: Annotated[Address, _listener("token", "grpc")] = GRPC["token"],
    policy_rest: Annotated[Address, _listener("policy", "rest")] = REST["policy"],
    policy_grpc: Annotated[Address, _listener("policy", "grpc")] = GRPC["policy"],
) -> None:
    """Run the whole suite on this machine, until Ctrl-C. No Docker, no root, no broker."""
    fleet = Fleet(
        rest={"identity": identity_rest, "token": token_rest, "policy": policy_rest},
        grpc={"identity": identity_grpc, "token": token_grpc, "policy": policy_grpc},
        public_url=public_url.rstrip("/") if public_url else None,
        trusted_proxies=tuple(trusted_proxy or ()),
    )
    with said_plainly():
        run_up(Options(data, fleet, postgres, demo), Report())
