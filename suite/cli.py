"""The command `watchword`. Each command is a file in suite/commands that reads its arguments and calls."""

import typer

from suite.commands import admin, certs, clients, events, keys, projections, revoke, status, tour, up, users

app = typer.Typer(
    name="watchword",
    help="Who goes there? Runs Watchword on one machine, and operates it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
)
app.command("up")(up.up)
app.command("tour")(tour.tour)
app.command("status")(status.status)
app.add_typer(events.app, name="events")
app.add_typer(users.app, name="users")
app.add_typer(clients.app, name="clients")
app.add_typer(keys.app, name="keys")
app.command("revoke")(revoke.revoke)
app.add_typer(admin.app, name="admin")
app.add_typer(projections.app, name="projections")
app.add_typer(certs.app, name="certs")
