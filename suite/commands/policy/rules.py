"""`watchword policy rules write`, `check`, `dry-run`, `activate`, `rollback`, `list` and `show`"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from google.protobuf.json_format import MessageToDict

from chassis.rpc.client import ask
from suite.commands.common import Data, said_plainly
from suite.commands.reach import Json, asked
from suite.errors import Halt
from suite.operator import Operator
from suite.screen import as_json, console, plain, row, table
from watchword.policy.v1 import rules_pb2 as pb

app = typer.Typer(
    help="An organization's own policies in Cedar, over the shipped ones: versions that are written, then activated.",
    no_args_is_help=True,
)

PATIENCE = 60.0

Policies = Annotated[
    Path, typer.Argument(metavar="FILE", help="All policies, in Cedar (docs/policy.md).", show_default=False)
]
Schema = Annotated[
    Path | None,
    typer.Option("--schema", metavar="FILE", help="What is added to the shipped schema, in Cedar's schema language."),
]


@app.command()
def write(
    policies: Policies,
    data: Data,
    schema: Schema = None,
    note: Annotated[str, typer.Option(metavar="TEXT", help="What this version is for.")] = "",
    json: Json = False,
) -> None:
    """Write a version: nothing is decided by it before `activate`. What is written already keeps its number.

    Where something is wrong, each place is a line FILE:LINE:COLUMN on stderr, nothing is written, the exit code is 1.
    """
    texts = _texts(policies, schema)

    async def check_and_write(peers: Operator) -> tuple[Sequence[pb.RuleProblem], pb.WriteRulesResponse | None]:
        checked = await ask(peers.rules.CheckRules, pb.CheckRulesRequest(**texts), timeout=PATIENCE)
        if checked.problems:
            return checked.problems, None
        request = pb.WriteRulesRequest(**texts, note=note)
        return (), await ask(peers.rules.WriteRules, request, timeout=PATIENCE)

    wrong, written = asked(data, check_and_write)
    if written is None:
        raise _refused(wrong, policies, schema, json)
    if json:
        as_json({"version": written.version, "position": written.position})
        return
    typer.echo(
        f"Version {written.version} is written; `watchword policy rules activate {written.version}` makes it decide."
    )


@app.command()
def check(policies: Policies, data: Data, schema: Schema = None, json: Json = False) -> None:
    """Say what is wrong in policies and schema, as `write` would; exit code 1 where something is."""
    request = pb.CheckRulesRequest(**_texts(policies, schema))
    wrong = asked(data, lambda peers: ask(peers.rules.CheckRules, request, timeout=PATIENCE)).problems
    if wrong:
        raise _refused(wrong, policies, schema, json)
    if json:
        as_json({"problems": []})
        return
    typer.echo("Nothing is wrong.")


@app.command("dry-run")
def dry_run(
    data: Data,
    policies: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="Policies that are not written.", show_default=False)
    ] = None,
    schema: Schema = None,
    version: Annotated[
        int | None, typer.Option(metavar="N", min=0, help="A version that is written; 0: the shipped policies alone.")
    ] = None,
    json: Json = False,
) -> None:
    """Show which decisions would change: what was asked lately is decided by other rules, on the facts of now."""
    if (policies is None) is (version is None):
        raise typer.BadParameter("name either a FILE or a --version")
    if policies is None and schema is not None:
        raise typer.BadParameter("a version has a schema of its own", param_hint="--schema")
    if policies is None:
        request = pb.DryRunRulesRequest(version=version or 0)
    else:
        request = pb.DryRunRulesRequest(draft=pb.CheckRulesRequest(**_texts(policies, schema)))
    answer = asked(data, lambda peers: ask(peers.rules.DryRunRules, request, timeout=PATIENCE))
    if json:
        as_json(
            {"asked": answer.asked, "position": answer.position, "changes": [_plain(one) for one in answer.changes]}
        )
        return
    _show_changes(answer)


@app.command()
def activate(
    version: Annotated[int, typer.Argument(metavar="N", min=0, help="0: the shipped policies alone.")],
    data: Data,
    json: Json = False,
) -> None:
    """Make a version decide, in every process from one position of policy's log on."""
    request = pb.ActivateRulesRequest(version=version)
    answer = asked(data, lambda peers: ask(peers.rules.ActivateRules, request, timeout=PATIENCE))
    _say_active(version, answer.position, json)


@app.command()
def rollback(data: Data, json: Json = False) -> None:
    """Make the version decide that did before; again, and it is the one before that."""
    answer = asked(data, lambda peers: ask(peers.rules.RollBackRules, pb.RollBackRulesRequest(), timeout=PATIENCE))
    _say_active(answer.version, answer.position, json)


@app.command("list")
def list_rules(data: Data, json: Json = False) -> None:
    """List the versions, the newest first, and say which one decides."""
    answer = asked(data, lambda peers: ask(peers.rules.ListRules, pb.ListRulesRequest()))
    if json:
        as_json({"active": answer.active, "versions": [_plain(one) for one in answer.versions]})
        return
    shown = table("version", "written (UTC)", "sha256", "note", numbers=["version"])
    for one in answer.versions:
        style = "bold" if one.version == answer.active else None
        written = one.written_at.ToDatetime()
        row(shown, one.version, f"{written:%Y-%m-%d %H:%M:%S}", one.sha256[:12], one.note, style=style)
    if answer.versions:
        console().print(shown)
    typer.echo(f"Version {answer.active} decides." if answer.active else "The shipped policies decide alone.")


@app.command()
def show(
    data: Data,
    version: Annotated[
        int | None,
        typer.Argument(metavar="[N]", min=0, help="0: the shipped ones.", show_default="the one that decides"),
    ] = None,
    schema: Annotated[bool, typer.Option("--schema", help="Print the schema instead.")] = False,
    json: Json = False,
) -> None:
    """Print the policies of a version, as they were written."""
    request = pb.GetRulesRequest(version=version)
    answer = asked(data, lambda peers: ask(peers.rules.GetRules, request))
    if json:
        as_json(_plain(answer.version) | {"policies": answer.policies, "schema": answer.schema})
        return
    _print(answer.schema if schema else answer.policies)


def _texts(policies: Path, schema: Path | None) -> dict[str, str]:
    with said_plainly():
        return {"policies": _read(policies), "schema": "" if schema is None else _read(schema)}


def _read(path: Path) -> str:
    """Raises Halt. Line ends stay as they are, so that places are right."""
    try:
        return path.read_bytes().decode()
    except OSError as error:
        raise Halt(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise Halt(f"{path} is not UTF-8 text: byte {error.start}") from None


def _refused(wrong: Sequence[pb.RuleProblem], policies: Path, schema: Path | None, json: bool) -> typer.Exit:
    files = {"policies": policies, "schema": schema}
    if json:
        as_json({"problems": [{"file": str(files[one.part]), **_plain(one)} for one in wrong]})
    else:
        for one in wrong:
            advice = f": {one.advice}" if one.advice else ""
            typer.echo(plain(f"{files[one.part]}:{one.line}:{one.column}: {one.what}{advice}"), err=True)
    return typer.Exit(1)


def _print(text: str) -> None:
    """As it was written, so that a file of it is the same; on a terminal, without what could command that."""
    if sys.stdout.isatty():
        text = "\n".join(plain(line.expandtabs()) for line in text.split("\n"))
    typer.echo(text, nl=not text.endswith("\n"))


def _say_active(version: int, position: int, json: bool) -> None:
    if json:
        as_json({"version": version, "position": position})
        return
    which = f"Version {version} decides" if version else "The shipped policies decide alone"
    typer.echo(f"{which}, from position {position} of policy's log on.")


def _show_changes(answer: pb.DryRunRulesResponse) -> None:
    if not answer.changes:
        typer.echo(f"None of {answer.asked} decisions would change.")
        return
    typer.echo(f"Of {answer.asked} decisions these {len(answer.changes)} would change:")
    shown = table("subject", "action", "resource", "before", "after", "by")
    for one in answer.changes:
        resource = f"{one.resource.type}/{one.resource.id}" if one.HasField("resource") else "everything"
        by = ", ".join(one.after.policies or one.before.policies)
        row(shown, f"{one.subject.type}/{one.subject.id}", one.action, resource, one.before.code, one.after.code, by)
    console().print(shown)


def _plain(message: Any) -> dict[str, Any]:
    """A message as JSON, with the names that the contract has; what is absent is left out."""
    said: dict[str, Any] = MessageToDict(message, preserving_proto_field_name=True)
    return {name: int(value) if name == "position" else value for name, value in said.items()}
