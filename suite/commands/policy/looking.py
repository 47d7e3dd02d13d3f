"""`watchword policy who`, `what` and `actions`: who may, on what, and which actions."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeVar

import typer

from chassis.rpc.client import ask
from suite.commands.common import Data
from suite.commands.policy.things import Action, Anywhere, AtLeast, Subject, Then, entity, meant, thing_of, waiting_for
from suite.commands.reach import Json, asked
from suite.operator import Operator
from suite.screen import as_json, plain
from watchword.policy.v1.policy_pb2 import (
    CheckRequest,
    SearchActionsRequest,
    SearchResourcesRequest,
    SearchSubjectsRequest,
)

R = TypeVar("R", SearchActionsRequest, SearchResourcesRequest, SearchSubjectsRequest)
PAGE = 1000
PATIENCE = 30.0
SUBJECTS = ("account", "client", "service")


def who(
    action: Action,
    data: Data,
    resource: Anywhere = None,
    type_: Annotated[
        list[str] | None,
        typer.Option("--type", metavar="TYPE", help="Of which type; repeatable.", show_default=", ".join(SUBJECTS)),
    ] = None,
    as_of: Then = None,
    at_least: AtLeast = None,
    json: Json = False,
) -> None:
    """List who may do an action on a resource."""

    async def found(peers: Operator) -> list[str]:
        about = None if resource is None else entity(resource)
        return [
            thing_of(one)
            for each in type_ or SUBJECTS
            for one in await _pages(
                peers.policy.SearchSubjects,
                SearchSubjectsRequest(subject_type=each, action=action, resource=about, as_of=as_of, page_size=PAGE),
                "subjects",
                at_least,
            )
        ]

    _print(asked(data, found), "Nobody may.", json)


def what(
    subject: Subject,
    action: Action,
    type_: Annotated[str, typer.Argument(metavar="TYPE", help="Of which type, such as document.", show_default=False)],
    data: Data,
    as_of: Then = None,
    at_least: AtLeast = None,
    json: Json = False,
) -> None:
    """List the resources on which somebody may do an action, of those that facts speak of."""

    async def found(peers: Operator) -> list[str]:
        check = CheckRequest(subject=entity(await meant(peers, subject)), action=action, as_of=as_of)
        request = SearchResourcesRequest(check=check, resource_type=type_, page_size=PAGE)
        return [thing_of(one) for one in await _pages(peers.policy.SearchResources, request, "resources", at_least)]

    _print(asked(data, found), "There is none.", json)


def actions(
    subject: Subject,
    data: Data,
    resource: Anywhere = None,
    as_of: Then = None,
    at_least: AtLeast = None,
    json: Json = False,
) -> None:
    """List the actions that somebody may do on a resource, of those that facts name."""

    async def found(peers: Operator) -> list[str]:
        about = None if resource is None else entity(resource)
        check = CheckRequest(subject=entity(await meant(peers, subject)), resource=about, as_of=as_of)
        request = SearchActionsRequest(check=check, page_size=PAGE)
        return await _pages(peers.policy.SearchActions, request, "actions", at_least)

    _print(asked(data, found), "There is none.", json)


async def _pages(search: Callable[..., Awaitable[Any]], request: R, found: str, at_least: int | None) -> list[Any]:
    """All that a search finds, page after page."""
    every: list[Any] = []
    while True:
        page: Any = await ask(search, request, timeout=PATIENCE, metadata=waiting_for(at_least))  # type: ignore[arg-type]
        every += getattr(page, found)
        if not page.next_page_token:
            return every
        request.page_token = page.next_page_token


def _print(found: list[str], none: str, json: bool) -> None:
    if json:
        as_json(found)
        return
    for one in found:
        typer.echo(plain(one))
    if not found:
        typer.echo(none)
