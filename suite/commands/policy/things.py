"""What the commands are told: subjects and resources, times and positions."""

from datetime import UTC, datetime
from typing import Annotated

import typer
from google.protobuf.timestamp_pb2 import Timestamp

from chassis import positions
from chassis.rpc.client import ask
from suite.operator import Operator
from watchword.identity.v1.identity_pb2 import FindAccountRequest
from watchword.policy.v1.policy_pb2 import AsOf, Entity

MAX_POSITION = 2**63 - 1
WHO = "a username, or account/…, client/…, service/…"
HOLDER = f"{WHO}, group/…"


def _thing(text: str) -> str:
    if not all(text.partition("/")):
        raise typer.BadParameter("a thing is TYPE/ID, such as document/9")
    return text


def _time(text: str) -> Timestamp:
    """A time without a zone is UTC."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(
            "a time is spelled 2026-12-31T12:00:00Z, or 2026-12-31 for when that day begins"
        ) from None
    stamp = Timestamp()
    stamp.FromDatetime(time if time.tzinfo else time.replace(tzinfo=UTC))
    return stamp


def _as_of(text: str) -> AsOf:
    if not (text.isascii() and text.isdecimal()):
        return AsOf(time=_time(text))
    if int(text) > MAX_POSITION:
        raise typer.BadParameter("no log is so long")
    return AsOf(position=int(text))


Subject = Annotated[str, typer.Argument(metavar="SUBJECT", help=f"Who: {WHO}.", show_default=False)]
Holder = Annotated[str, typer.Argument(metavar="HOLDER", help=f"Who: {HOLDER}.", show_default=False)]
Role = Annotated[str, typer.Argument(metavar="ROLE", help="The role's name.", show_default=False)]
Action = Annotated[str, typer.Argument(metavar="ACTION", help="Such as document.read.", show_default=False)]
Resource = Annotated[str, typer.Argument(metavar="RESOURCE", parser=_thing, help="TYPE/ID.", show_default=False)]
Anywhere = Annotated[
    str | None,
    typer.Argument(metavar="RESOURCE", parser=_thing, help="TYPE/ID; everything where absent.", show_default=False),
]
On = Annotated[
    str | None,
    typer.Option(
        "--on", metavar="RESOURCE", parser=_thing, help="TYPE/ID; everything where absent.", show_default=False
    ),
]
Until = Annotated[
    Timestamp | None,
    typer.Option("--until", metavar="TIME", parser=_time, help="When it ends; never where absent.", show_default=False),
]
Recall = Annotated[
    bool,
    typer.Option("--recall", help="End the tokens and sessions that whoever is concerned has until now, too."),
]
Then = Annotated[
    AsOf | None,
    typer.Option(
        "--as-of",
        metavar="TIME|POSITION",
        parser=_as_of,
        help="Ask about another time: a time, or a position of policy's log.",
        show_default=False,
    ),
]
AtLeast = Annotated[
    int | None,
    typer.Option(
        "--at-least",
        metavar="POSITION",
        min=0,
        help="Wait until this position of policy's log has been applied.",
        show_default=False,
    ),
]


async def meant(peers: Operator, said: str) -> str:
    """The TYPE/ID of who is meant. Raises Refusal `account_unknown` for a username that nobody has."""
    type_, slash, id_ = said.partition("/")
    if slash and (type_ != "account" or id_.startswith("acc_")):
        return said
    found = await ask(peers.identity.FindAccount, FindAccountRequest(username=id_ if slash else said))
    return f"account/{found.account_id}"


def entity(thing: str) -> Entity:
    """Of TYPE/ID."""
    type_, _, id_ = thing.partition("/")
    return Entity(type=type_, id=id_)


def thing_of(entity: Entity) -> str:
    """TYPE/ID."""
    return f"{entity.type}/{entity.id}"


def waiting_for(position: int | None) -> tuple[tuple[str, str], ...]:
    """The metadata that has a service answer once it has applied this position of policy's log."""
    return () if position is None else ((positions.HEADER, positions.render({"policy": position})),)
