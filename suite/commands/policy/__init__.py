"""`watchword policy …`: facts, rules, decisions, and why."""

from collections.abc import Callable, Mapping

import typer

from suite.commands.policy import asking, bulk, defining, giving, looking, rules, testing

DECISIONS: Mapping[str, Callable[..., None]] = {
    "check": asking.check,
    "explain": asking.explain,
    "who": looking.who,
    "what": looking.what,
    "actions": looking.actions,
    "test": testing.run,
}
FACTS: Mapping[str, Callable[..., None]] = {
    "show": bulk.show,
    "assign": giving.assign,
    "unassign": giving.unassign,
    "own": giving.own,
    "disown": giving.disown,
    "place": giving.place,
    "displace": giving.displace,
    "share": giving.share,
    "unshare": giving.unshare,
    "label": giving.label,
    "unlabel": giving.unlabel,
    "exclude": defining.exclude,
    "unexclude": defining.unexclude,
    "classify": defining.classify,
    "unclassify": defining.unclassify,
    "import": bulk.bring,
    "export": bulk.export,
}

app = typer.Typer(help="Who may do what, and why.", no_args_is_help=True)
for name, command in DECISIONS.items():
    app.command(name, rich_help_panel="Decisions")(command)
for name, command in FACTS.items():
    app.command(name, rich_help_panel="Facts")(command)
app.add_typer(defining.roles, name="role", rich_help_panel="Facts")
app.add_typer(defining.groups, name="group", rich_help_panel="Facts")
app.add_typer(rules.app, name="rules", rich_help_panel="Rules")
