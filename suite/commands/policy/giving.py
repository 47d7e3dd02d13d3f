"""`watchword policy assign`, `own`, `place`, `share`, `label` and their opposites: who has what, and where it lies."""

import secrets
from collections.abc import Sequence
from typing import Annotated

import typer

from suite.commands.common import Data
from suite.commands.policy.saying import facts_about, just, remove, write
from suite.commands.policy.things import HOLDER, Holder, On, Recall, Resource, Role, Until, meant
from suite.commands.reach import Json
from suite.errors import Halt
from suite.operator import Operator
from watchword.policy.v1 import facts_pb2 as pb

Labelled = Annotated[str, typer.Argument(metavar="THING", help=f"TYPE/ID, or {HOLDER}.", show_default=False)]
ShareId = Annotated[str, typer.Argument(metavar="ID", help="The share's id.", show_default=False)]


def assign(
    holder: Holder,
    role: Role,
    data: Data,
    on: On = None,
    until: Until = None,
    recall: Recall = False,
    json: Json = False,
) -> None:
    """Give a role to somebody, on everything or on one resource and all that lies in it."""

    async def made(peers: Operator) -> Sequence[pb.Fact]:
        given = pb.Assignment(holder=await meant(peers, holder), role=role, resource=on, expires_at=until)
        return [pb.Fact(assignment=given)]

    write(data, json, made, recall=recall)


def unassign(holder: Holder, role: Role, data: Data, on: On = None, recall: Recall = False, json: Json = False) -> None:
    """Take a role back, there where it was given."""

    async def made(peers: Operator) -> Sequence[pb.Fact]:
        return [pb.Fact(assignment=pb.Assignment(holder=await meant(peers, holder), role=role, resource=on))]

    remove(data, json, made, recall=recall)


def label(
    thing: Labelled,
    data: Data,
    level: Annotated[int, typer.Option("--level", min=0, max=1000, help="How secret, or how far trusted.")] = 0,
    category: Annotated[
        list[str] | None, typer.Option("--category", metavar="NAME", help="Repeatable.", show_default=False)
    ] = None,
    json: Json = False,
) -> None:
    """Label a subject or a resource. No role and no owner overrides a label."""

    async def made(peers: Operator) -> Sequence[pb.Fact]:
        return [pb.Fact(label=pb.Label(of=await meant(peers, thing), level=level, categories=category or ()))]

    write(data, json, made)


def unlabel(thing: Labelled, data: Data, json: Json = False) -> None:
    """Clear a label: level 0, no categories."""

    async def made(peers: Operator) -> Sequence[pb.Fact]:
        return [pb.Fact(label=pb.Label(of=await meant(peers, thing)))]

    remove(data, json, made)


def own(holder: Holder, resource: Resource, data: Data, json: Json = False) -> None:
    """Make somebody the owner of a resource, who may do everything with it, and share it."""

    async def made(peers: Operator) -> Sequence[pb.Fact]:
        return [pb.Fact(owner=pb.Owner(resource=resource, owner=await meant(peers, holder)))]

    write(data, json, made)


def disown(resource: Resource, data: Data, json: Json = False) -> None:
    """Leave a resource without an owner."""
    remove(data, json, just(pb.Fact(owner=pb.Owner(resource=resource))))


def place(
    resource: Resource,
    parent: Annotated[str, typer.Argument(metavar="PARENT", help="In which resource: TYPE/ID.", show_default=False)],
    data: Data,
    json: Json = False,
) -> None:
    """Put a resource into another: what is given or said of that holds for it, too."""
    write(data, json, just(pb.Fact(parent=pb.Parent(resource=resource, parent=parent))))


def displace(resource: Resource, data: Data, json: Json = False) -> None:
    """Take a resource out of what it lies in."""
    remove(data, json, just(pb.Fact(parent=pb.Parent(resource=resource))))


def share(
    resource: Resource,
    to: Annotated[str, typer.Argument(metavar="WITH", help=f"Whom: {HOLDER}.", show_default=False)],
    data: Data,
    action: Annotated[list[str], typer.Option("--action", metavar="ACTION", help="What they may do; repeatable.")],
    by: Annotated[
        str | None,
        typer.Option(
            "--by",
            metavar="HOLDER",
            help="Who gives it; its owner where absent, or whoever was given the share under it.",
            show_default=False,
        ),
    ] = None,
    pass_on: Annotated[bool, typer.Option("--pass-on", help="They may give it on.")] = False,
    under: Annotated[
        str, typer.Option("--under", metavar="ID", help="The share on which it rests.", show_default=False)
    ] = "",
    id_: Annotated[
        str, typer.Option("--id", help="What the share is called; a name is made where absent.", show_default=False)
    ] = "",
    until: Until = None,
    json: Json = False,
) -> None:
    """Share a resource with somebody, on behalf of its owner."""

    async def made(peers: Operator) -> Sequence[pb.Fact]:
        giver = await meant(peers, by) if by else await _giver(peers, resource, under)
        given = pb.Share(resource=resource, id=id_ or secrets.token_hex(4), by=giver, to=await meant(peers, to))
        given.MergeFrom(pb.Share(actions=action, pass_on=pass_on, under=under, expires_at=until))
        return [pb.Fact(share=given)]

    write(data, json, made)


def unshare(resource: Resource, share_id: ShareId, data: Data, json: Json = False) -> None:
    """Take a share back, and with it all that came of it."""
    remove(data, json, just(pb.Fact(share=pb.Share(resource=resource, id=share_id))))


async def _giver(peers: Operator, resource: str, under: str) -> str:
    """Raises Halt where nobody could give it."""
    said = await facts_about(peers, resource)
    for one in said:
        if under and one.share.resource == resource and one.share.id == under:
            return one.share.to
        if not under and one.owner.resource == resource:
            return one.owner.owner
    if under:
        raise Halt(f"{resource} has no share {under}: `watchword policy show {resource}` lists them")
    raise Halt(f"nobody owns {resource}: `watchword policy own HOLDER {resource}` says who does")
