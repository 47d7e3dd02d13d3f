"""How a command reaches the services of a running suite, and what it advises where one refuses."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from eventlog.errors import Refusal
from suite import contract
from suite.commands.common import said_plainly
from suite.errors import Halt
from suite.operator import Operator, operator
from suite.place import Place

T = TypeVar("T")

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]

ADVICE = {
    "account_exists": "Choose another name.",
    "administrator_exists": "There is one first administrator; whom that person trusts gets the role `administrator`.",
    "certificates_unknown": "That service has not heard from token for a minute: `watchword status` says more.",
    "client_exists": "Choose another --id, or leave it out: then one is made.",
    "invalid_client_metadata": "`watchword clients create --help` says what there is.",
    "invalid_redirect_uri": "https://…, http://127.0.0.1/… or, with --public, com.example.app:/… ; to the letter.",
    "account_unknown": "`watchword users create NAME` makes one; where it exists, somebody lags: `watchword status`.",
    "expiry_in_the_past": "Of an export, `watchword policy import --restore` takes what has ended, too.",
    "group_in_use": "`watchword policy show group/ID` lists what refers to it: remove that first.",
    "group_unknown": "`watchword policy group define ID` makes it.",
    "may_not_share": "`watchword policy show RESOURCE` says whose it is, and who was given what.",
    "no_kafka": "`watchword up --kafka HOST:PORT` gives it one.",
    "not_assigned": "`watchword policy show HOLDER` lists what it holds, and where.",
    "not_there": "`watchword policy show THING` lists what is said of it.",
    "not_yet_applied": "Try again; `watchword status` shows who lags behind.",
    "version_unknown": "`watchword policy rules list` shows them.",
    "projection_unknown": "`watchword projections list` shows them.",
    "role_in_use": "`watchword policy show role/NAME` lists what refers to it: remove that first.",
    "role_unknown": "`watchword policy role define NAME --action …` makes it; `policy role list` lists them.",
    "roles_exclude_each_other": "`watchword policy unassign` takes one of them back.",
}


def asked(data: Path, question: Callable[[Operator], Awaitable[T]], *, code: int = 1) -> T:
    """What the services of the suite that runs on DIR answer to its operator.

    Ends the command with exit code `code` and a line on stderr where nothing runs there, or where a service refuses.
    """

    async def ask_them() -> T:
        async with reached(data) as peers:
            return await question(peers)

    with said_plainly(code):
        return asyncio.run(ask_them())


@asynccontextmanager
async def reached(data: Path) -> AsyncIterator[Operator]:
    """The services of the suite that runs on DIR. Raises Halt, with advice, where nothing runs or a service refuses."""
    place = Place(data.absolute())
    running = contract.read(place)
    try:
        async with operator(place, lambda name: running.api(name).grpc) as peers:
            yield peers
    except Refusal as refusal:
        raise Halt(advised(refusal, place)) from None


def advised(refusal: Refusal, place: Place) -> str:
    """The refusal, and what to do next."""
    if refusal.code == "peer_unavailable":
        return (
            f"the suite on {place.data} did not do it: {refusal.detail}\n"
            f"`watchword up --data {place.data}` starts it; if it runs, `watchword status` and {place.logs} say more."
        )
    advice = ADVICE.get(refusal.code)
    return f"{refusal}\n{advice}" if advice else str(refusal)
