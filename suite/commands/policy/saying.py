"""Makes facts so, or not so, and says at which position of policy's log."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path

import grpc.aio
import typer

from chassis.rpc.client import ask
from chassis.rpc.status import refusal_of
from suite.commands.policy.spelled import in_words, to_json
from suite.commands.reach import asked
from suite.operator import Operator
from suite.screen import as_json, plain
from watchword.policy.v1.facts_pb2 import Fact
from watchword.policy.v1.policy_pb2 import ExportFactsRequest, ExportFactsResponse, WriteFactsRequest

PATIENCE = 30.0

Make = Callable[[Operator], Awaitable[Sequence[Fact]]]


def write(data: Path, json: bool, make: Make, *, recall: bool = False) -> None:
    """Has these facts written together, and prints them."""
    _change(data, json, make, "write", recall)


def remove(data: Path, json: bool, make: Make, *, recall: bool = False) -> None:
    """Has these facts removed together; what names them suffices."""
    _change(data, json, make, "remove", recall)


def just(*facts: Fact) -> Make:
    """Facts for which nothing has to be looked up."""

    async def made(peers: Operator) -> Sequence[Fact]:
        return facts

    return made


def _change(data: Path, json: bool, make: Make, what: str, recall: bool) -> None:
    async def change(peers: Operator) -> tuple[Sequence[Fact], int]:
        facts = await make(peers)
        request = WriteFactsRequest(recall=recall)
        getattr(request, what).extend(facts)
        return facts, (await ask(peers.policy.WriteFacts, request, timeout=PATIENCE)).position

    facts, position = asked(data, change)
    if json:
        as_json({what: [to_json(one) for one in facts], "position": position})
        return
    for one in facts if what == "write" else ():
        typer.echo(f"{plain(in_words(one))}.")
    typer.echo(f"{'It is so' if what == 'write' else 'Removed'}, at position {position} of policy's log.")


async def facts_about(peers: Operator, about: str) -> Sequence[Fact]:
    """The facts that speak of a thing; see ExportFactsRequest. Raises Refusal."""
    return [fact async for page in exported(peers, about) for fact in page.facts]


async def exported(peers: Operator, about: str = "") -> AsyncIterator[ExportFactsResponse]:
    """All facts, or those about a thing, as they come. Raises Refusal."""
    call = peers.policy.ExportFacts(ExportFactsRequest(about=about))
    try:
        async for page in call:
            yield page
    except grpc.aio.AioRpcError as error:
        raise refusal_of(error) from None
    finally:
        call.cancel()
