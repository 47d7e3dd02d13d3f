"""The command `watchword`. Each command is a file in suite/commands that reads its arguments and calls."""

from typing import Any

import typer
from typer.core import TyperGroup

from suite.commands import (
    admin,
    certs,
    clients,
    events,
    kafka,
    keys,
    policy,
    projections,
    relay,
    revoke,
    status,
    tour,
    up,
    users,
)


class Group(TyperGroup):
    """Takes text only: what is not UTF-8 in an argument could be neither sent nor printed."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """See TyperGroup. Raises BadParameter with its position: the argument itself cannot be shown."""
        for position, argument in enumerate(args, 1):
            try:
                argument.encode()
            except UnicodeEncodeError:
                raise typer.BadParameter(f"argument {position} is not UTF-8 text") from None
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=Group,
    name="watchword",
    help="Who goes there? Runs Watchword on one machine, and operates it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
)
app.command("up")(up.up)
app.command("kafka")(kafka.kafka)
app.command("tour")(tour.tour)
app.command("status")(status.status)
app.add_typer(events.app, name="events")
app.add_typer(users.app, name="users")
app.add_typer(clients.app, name="clients")
app.add_typer(keys.app, name="keys")
app.command("revoke")(revoke.revoke)
app.add_typer(admin.app, name="admin")
app.add_typer(policy.app, name="policy")
app.add_typer(projections.app, name="projections")
app.add_typer(relay.app, name="relay")
app.add_typer(certs.app, name="certs")
