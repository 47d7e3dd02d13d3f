"""`watchword policy test`: expected decisions in files, for a team's CI."""

import subprocess
from pathlib import Path
from typing import Annotated

import typer

from suite.commands.reach import Json
from suite.fleet import INTERPRETER

MODULE = "services.policy.testfiles"


def run(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="YAML (docs/policy.md).", show_default=False)],
    junit: Annotated[
        Path | None,
        typer.Option("--junit", metavar="FILE", help="Write the results as JUnit XML, too.", show_default=False),
    ] = None,
    json: Json = False,
) -> None:
    """Check that facts give the decisions that are expected: without a suite, a network or a database.

    Exit code 0: all do; 1: some do not; 2: a file is wrong. It runs policy's own code, as `up` does.
    """
    said = ["--json"] if json else []
    said += [] if junit is None else [f"--junit={junit}"]
    ended = subprocess.run([*INTERPRETER, MODULE, *said, "--", *map(str, files)], check=False)
    raise typer.Exit(ended.returncode)
