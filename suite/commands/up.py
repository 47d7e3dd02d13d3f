"""`watchword up`"""

from typing import Annotated, Any

import typer
from pydantic import TypeAdapter, ValidationError

from chassis.addresses import Networks, Url
from suite.commands.common import Data, said_plainly
from suite.errors import Halt
from suite.fleet import GRPC, REST, Fleet
from suite.kafka.choice import Kafka
from suite.ports import Address
from suite.report import Report
from suite.up import Options
from suite.up import up as run_up
from watchword.kafka.connection import PREFIX


def _listener(service: str, api: str) -> typer.models.OptionInfo:
    """An option that moves one listener. The environment names it as the service itself does."""
    option: typer.models.OptionInfo = typer.Option(
        f"--{service}-{api}",
        metavar="HOST:PORT",
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
    mtls_url: Annotated[
        str | None,
        typer.Option(metavar="URL", help="The origin at which that proxy asks clients for certificates (RFC 8705)."),
    ] = None,
    trusted_proxy: Annotated[
        list[str] | None,
        typer.Option(metavar="ADDRESS", help="A proxy whose forwarded headers are believed; may be repeated."),
    ] = None,
    kafka: Annotated[
        str | None,
        typer.Option(
            metavar="embedded|HOST:PORT,…",
            envvar="WATCHWORD_KAFKA",
            help="Publish the logs to Apache Kafka, and read each other's from there: `embedded` runs one in DIR on "
            "127.0.0.1:19092 (`embedded:PORT` elsewhere; it takes PORT and the one after it, and needs the extra "
            "`kafka`), else your own brokers.",
        ),
    ] = None,
    kafka_topics: Annotated[
        str,
        typer.Option(
            metavar="PREFIX",
            envvar="WATCHWORD_KAFKA_TOPICS",
            help="What the topics' names begin with, so that several suites share a cluster.",
        ),
    ] = PREFIX,
    demo: Annotated[
        bool, typer.Option("--demo/--no-demo", help="Seed an administrator, a user and two clients.")
    ] = True,
    identity_rest: Annotated[str, _listener("identity", "rest")] = str(REST["identity"]),
    identity_grpc: Annotated[str, _listener("identity", "grpc")] = str(GRPC["identity"]),
    token_rest: Annotated[str, _listener("token", "rest")] = str(REST["token"]),
    token_grpc: Annotated[str, _listener("token", "grpc")] = str(GRPC["token"]),
    policy_rest: Annotated[str, _listener("policy", "rest")] = str(REST["policy"]),
    policy_grpc: Annotated[str, _listener("policy", "grpc")] = str(GRPC["policy"]),
) -> None:
    """Run the whole suite on this machine, until Ctrl-C. No Docker, no root, no broker."""
    with said_plainly():
        fleet = Fleet(
            rest=_addresses("rest", identity=identity_rest, token=token_rest, policy=policy_rest),
            grpc=_addresses("grpc", identity=identity_grpc, token=token_grpc, policy=policy_grpc),
            public_url=None if public_url is None else _public_url("--public-url", public_url),
            mtls_url=None if mtls_url is None else _public_url("--mtls-url", mtls_url),
            trusted_proxies=tuple(_proxy(text) for text in trusted_proxy or ()),
            kafka=_kafka(kafka, kafka_topics),
        )
        run_up(Options(data, fleet, postgres, demo), Report())


def _kafka(brokers: str | None, topics: str) -> Kafka | None:
    if brokers is not None:
        return Kafka.parse(brokers, topics)
    if topics != PREFIX:
        raise Halt(f"--kafka-topics {topics!r} without --kafka: name the brokers too, such as --kafka embedded")
    return None


def _public_url(option: str, text: str) -> str:
    bare = text.rstrip("/")
    _refuse_unlike(Url, option, bare, "https://id.example.org")
    return bare


def _proxy(text: str) -> str:
    _refuse_unlike(Networks, "--trusted-proxy", text, "10.0.0.0/8")
    return text


def _refuse_unlike(wanted: Any, option: str, text: str, example: str) -> None:
    """The services would refuse it too, once PostgreSQL runs and by a variable's name."""
    if not text.strip():
        raise Halt(f"{option} is empty: leave it out, or name one such as {example}")
    try:
        TypeAdapter(wanted).validate_python(text)
    except ValidationError as wrong:
        reason = wrong.errors()[0]["msg"].removeprefix("Value error, ")
        raise Halt(f"{option} {text!r}: {reason}; such as {example}") from None


def _addresses(api: str, **texts: str) -> dict[str, Address]:
    return {name: _address(f"--{name}-{api}", text) for name, text in texts.items()}


def _address(option: str, text: str) -> Address:
    try:
        return Address.parse(text)
    except Halt as wrong:
        raise Halt(f"{option}: {wrong}") from None
