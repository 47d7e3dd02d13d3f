"""The command `watchword`. Each command is a file in suite/commands that reads its arguments and calls."""

import typer

from suite.commands import certs, up

app = typer.Typer(
    name="watchword",
    help="Who goes there? Runs Watchword on one machine, and operates it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
)
app.command("up")(up.up)
app.add_typer(certs.app, name="certs")
