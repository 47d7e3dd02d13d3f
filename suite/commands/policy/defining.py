"""`watchword policy role …`, `group …`, `exclude`, `classify`: what there is."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated

import typer

from suite.commands.common import Data
from suite.commands.policy.saying import facts_about, just, remove, write
from suite.commands.policy.spelled import to_json
from suite.commands.policy.things import HOLDER, Recall, Until, meant
from suite.commands.reach import Json, asked
from suite.operator import Operator
from suite.screen import as_json, console, row, table
from watchword.policy.v1 import facts_pb2 as pb

roles = typer.Typer(help="What may be done, by names that can be given to somebody.", no_args_is_help=True)
groups = typer.Typer(help="Who belongs together.", no_args_is_help=True)

RoleName = Annotated[str, typer.Argument(metavar="NAME", help="The role, such as editor.", show_default=False)]
GroupId = Annotated[str, typer.Argument(metavar="GROUP", help="The group's id, such as staff.", show_default=False)]
Members = Annotated[list[str], typer.Argument(metavar="MEMBER...", help=f"Who: {HOLDER}.", show_default=False)]
Description = Annotated[str, typer.Option("--description", metavar="TEXT", help="What it is for.", show_default=False)]
Pattern = Annotated[str, typer.Argument(metavar="ACTION", help="a.b, or a.* for all of them.", show_default=False)]


class Mode(StrEnum):
    """What an action does to what it touches."""

    READS = "reads"
    WRITES = "writes"
    BOTH = "both"
    NEITHER = "neither"


@roles.command("define")
def define_role(
    name: RoleName,
    data: Data,
    action: Annotated[
        list[str], typer.Option("--action", metavar="ACTION", help="What it allows: a.b, a.* or *; repeatable.")
    ],
    inherits: Annotated[
        list[str] | None,
        typer.Option("--inherits", metavar="ROLE", help="A role whose actions it allows, too; repeatable."),
    ] = None,
    description: Description = "",
    json: Json = False,
) -> None:
    """Define a role. One that is there already is replaced: say all that it allows."""
    made = pb.Role(name=name, actions=action, inherits=inherits or (), description=description)
    write(data, json, just(pb.Fact(role=made)))


@roles.command("remove")
def remove_role(name: RoleName, data: Data, json: Json = False) -> None:
    """Remove a role that nothing refers to any longer."""
    remove(data, json, just(pb.Fact(role=pb.Role(name=name))))


@roles.command("list")
def list_roles(data: Data, json: Json = False) -> None:
    """List the roles, and what they allow."""
    found = asked(data, lambda peers: facts_about(peers, "role"))
    if json:
        as_json([to_json(one) for one in found])
        return
    shown = table("role", "allows", "inherits", "description")
    for one in found:
        row(shown, one.role.name, " ".join(one.role.actions), " ".join(one.role.inherits), one.role.description)
    console().print(shown)


@groups.command("define")
def define_group(group: GroupId, data: Data, description: Description = "", json: Json = False) -> None:
    """Define a group."""
    write(data, json, just(pb.Fact(group=pb.Group(id=group, description=description))))


@groups.command("remove")
def remove_group(group: GroupId, data: Data, json: Json = False) -> None:
    """Remove a group that has no members and is given nothing any longer."""
    remove(data, json, just(pb.Fact(group=pb.Group(id=group))))


@groups.command("list")
def list_groups(data: Data, json: Json = False) -> None:
    """List the groups. `watchword policy show group/ID` lists who is in one, and what it is given."""
    found = asked(data, lambda peers: facts_about(peers, "group"))
    if json:
        as_json([to_json(one) for one in found])
        return
    shown = table("group", "description")
    for one in found:
        row(shown, one.group.id, one.group.description)
    console().print(shown)


@groups.command("add")
def add_members(
    group: GroupId, members: Members, data: Data, until: Until = None, recall: Recall = False, json: Json = False
) -> None:
    """Add members to a group. A group may be in a group."""

    async def made(peers: Operator) -> Sequence[pb.Fact]:
        found = [await meant(peers, one) for one in members]
        return [pb.Fact(membership=pb.Membership(member=one, group=group, expires_at=until)) for one in found]

    write(data, json, made, recall=recall)


@groups.command("remove-member")
def remove_members(group: GroupId, members: Members, data: Data, recall: Recall = False, json: Json = False) -> None:
    """Take members out of a group."""

    async def made(peers: Operator) -> Sequence[pb.Fact]:
        found = [await meant(peers, one) for one in members]
        return [pb.Fact(membership=pb.Membership(member=one, group=group)) for one in found]

    remove(data, json, made, recall=recall)


def exclude(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the rule is called.", show_default=False)],
    excluded: Annotated[list[str], typer.Argument(metavar="ROLE ROLE...", help="The roles.", show_default=False)],
    data: Data,
    json: Json = False,
) -> None:
    """Let nobody hold two of these roles."""
    write(data, json, just(pb.Fact(exclusion=pb.Exclusion(name=name, roles=excluded))))


def unexclude(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the rule is called.", show_default=False)],
    data: Data,
    json: Json = False,
) -> None:
    """Take such a rule back."""
    remove(data, json, just(pb.Fact(exclusion=pb.Exclusion(name=name))))


def classify(
    pattern: Pattern,
    mode: Annotated[Mode, typer.Argument(help="What labels go by.", show_default=False)],
    data: Data,
    json: Json = False,
) -> None:
    """Say whether an action reads, writes, does both or neither, where its last word does not tell."""
    write(data, json, just(pb.Fact(action=pb.Action(pattern=pattern, mode=mode.value))))


def unclassify(pattern: Pattern, data: Data, json: Json = False) -> None:
    """Let an action's last word tell again."""
    remove(data, json, just(pb.Fact(action=pb.Action(pattern=pattern))))
