"""`watchword kafka`"""

from pathlib import Path
from typing import Annotated

import typer

from suite.commands.common import named, said_plainly
from suite.kafka.choice import DEFAULT
from suite.ports import Address
from suite.report import Report


def kafka(
    data: Annotated[
        Path,
        typer.Option("--data", metavar="DIR", parser=named, help="Where it keeps its data; it may not exist yet."),
    ],
    port: Annotated[
        int,
        typer.Option(metavar="PORT", min=1, max=65_534, help="Its port on loopback; the one after it is its own too."),
    ] = DEFAULT.port,
    wipe: Annotated[bool, typer.Option("--wipe", help="Begin with an empty broker.")] = False,
    heap: Annotated[str, typer.Option(metavar="SIZE", help="Java's memory, such as 256m.")] = "512m",
) -> None:
    """Run Apache Kafka alone on 127.0.0.1, until Ctrl-C. It needs the extra `kafka`."""
    from suite.kafka.alone import Options, alone

    with said_plainly():
        alone(Options(data, Address(DEFAULT.host, port), wipe, heap), Report())
