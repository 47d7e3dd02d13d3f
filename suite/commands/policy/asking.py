"""`watchword policy check` and `explain`: a decision, and why."""

import json as jsons
from typing import Annotated, Any

import typer
from google.protobuf.struct_pb2 import Struct

from chassis.rpc.client import ask
from suite.commands.common import Data
from suite.commands.policy.things import Action, Anywhere, AtLeast, Subject, Then, entity, meant, thing_of, waiting_for
from suite.commands.policy.trees import Names, explained, in_a_line, may
from suite.commands.reach import Json, asked
from suite.operator import Operator
from suite.screen import as_json, console
from watchword.policy.v1.policy_pb2 import AsOf, CheckRequest, CheckResponse, ExplainRequest, ExplainResponse

DENIED, NO_ANSWER = 1, 2


def _given(text: str) -> Struct:
    """A JSON object."""
    struct = Struct()
    try:
        struct.update(jsons.loads(text))
    except (ValueError, TypeError, AttributeError):
        raise typer.BadParameter('a JSON object, such as {"address": "10.0.0.1"}') from None
    return struct


Given = Annotated[
    Struct | None,
    typer.Option(
        "--given",
        metavar="JSON",
        parser=_given,
        help="What the caller says besides, for policies to look at: context.given.",
        show_default=False,
    ),
]
Session = Annotated[
    str | None,
    typer.Option("--session", metavar="ses_…", help="The session in which the subject acts.", show_default=False),
]


def check(
    subject: Subject,
    action: Action,
    data: Data,
    resource: Anywhere = None,
    as_of: Then = None,
    at_least: AtLeast = None,
    given: Given = None,
    session: Session = None,
    json: Json = False,
) -> None:
    """Ask whether somebody may do something. Exit code 0: allowed; 1: denied; 2: there is no answer, or wrong use."""

    async def question(peers: Operator) -> tuple[CheckRequest, CheckResponse]:
        request = await _question(peers, subject, action, resource, as_of, given, session)
        return request, await ask(peers.policy.Check, request, metadata=waiting_for(at_least))

    request, answer = asked(data, question, code=NO_ANSWER)
    if json:
        as_json(_decision(answer))
    else:
        typer.echo(in_a_line(answer, _names(request, subject)))
    raise typer.Exit(0 if answer.allowed else DENIED)


def explain(
    subject: Subject,
    action: Action,
    data: Data,
    resource: Anywhere = None,
    as_of: Then = None,
    at_least: AtLeast = None,
    given: Given = None,
    session: Session = None,
    json: Json = False,
) -> None:
    """Show why somebody may do something, or what is missing. Exit code as of `check`."""

    async def question(peers: Operator) -> tuple[CheckRequest, ExplainResponse]:
        request = await _question(peers, subject, action, resource, as_of, given, session)
        wanted = ExplainRequest(check=request)
        return request, await ask(peers.policy.Explain, wanted, metadata=waiting_for(at_least))

    request, answer = asked(data, question, code=NO_ANSWER)
    if json:
        as_json(_explanation(answer))
    else:
        head = may(answer.decision, subject, action, resource)
        console().print(explained(answer, request, head, _names(request, subject)))
    raise typer.Exit(0 if answer.decision.allowed else DENIED)


async def _question(
    peers: Operator,
    subject: str,
    action: str,
    resource: str | None,
    as_of: AsOf | None,
    given: Struct | None,
    session: str | None,
) -> CheckRequest:
    return CheckRequest(
        subject=entity(await meant(peers, subject)),
        action=action,
        resource=None if resource is None else entity(resource),
        as_of=as_of,
        given=given,
        session_id=session,
    )


def _names(request: CheckRequest, subject: str) -> Names:
    return {thing_of(request.subject): subject}


def _decision(answer: CheckResponse) -> dict[str, Any]:
    said: dict[str, Any] = {"allowed": answer.allowed, "code": answer.code, "because": list(answer.because)}
    said |= {"policies": list(answer.policies), "position": answer.position}
    return said | ({"acr": answer.acr} if answer.acr else {})


def _explanation(answer: ExplainResponse) -> dict[str, Any]:
    return _decision(answer.decision) | {
        "chains": [{"policy": one.policy, "steps": list(one.steps)} for one in answer.chains],
        "policies": [{"id": one.id, "text": one.text} for one in answer.policies],
        "missing": list(answer.missing),
    }
