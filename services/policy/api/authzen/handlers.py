"""The endpoints: decode, call, encode."""

from collections.abc import Callable, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from chassis.auth import EVALUATE, SEARCH
from chassis.web import Hot, Json
from eventlog.errors import Refusal
from services.policy.api.askers import Askers
from services.policy.api.authzen import described, many
from services.policy.api.authzen.answers import decided, found, searched, why
from services.policy.api.authzen.asked import (
    ActionSearch,
    Asked,
    Evaluation,
    ResourceSearch,
    Search,
    SubjectSearch,
    asked,
    read,
    subject_type,
    wrong,
)
from services.policy.api.authzen.pages import begins, told, wanted
from services.policy.api.tokens import Tokens
from services.policy.domain.decision import Decision
from services.policy.queries import Answers, Decisions, Moment
from services.policy.queries.search import Searches

MAX_AGE = 300
CONFIGURATION = "/.well-known/authzen-configuration"
PATHS = {
    "access_evaluation_endpoint": "/access/v1/evaluation",
    "access_evaluations_endpoint": "/access/v1/evaluations",
    "search_subject_endpoint": "/access/v1/search/subject",
    "search_resource_endpoint": "/access/v1/search/resource",
    "search_action_endpoint": "/access/v1/search/action",
}


class AuthzenApi:
    """The handlers. `url` is where this service is reached: never what a request says of that."""

    def __init__(self, askers: Askers, decisions: Decisions, searches: Searches, tokens: Tokens, url: str) -> None:
        self._askers = askers
        self._decisions = decisions
        self._searches = searches
        self._tokens = tokens
        self._url = url

    def endpoints(self) -> list[Hot]:
        """Served before FastAPI, and documented by it."""
        evaluation, evaluations, subject, resource, action = PATHS.values()
        return [
            Hot("POST", evaluation, self.evaluation, described.EVALUATION, described.Decided),
            Hot(
                "POST",
                evaluations,
                self.evaluations,
                described.EVALUATIONS,
                described.DecidedAll,
                judges_texts=True,
            ),
            Hot("POST", subject, self.search_subject, described.SEARCH_SUBJECT, described.FoundThings),
            Hot("POST", resource, self.search_resource, described.SEARCH_RESOURCE, described.FoundThings),
            Hot("POST", action, self.search_action, described.SEARCH_ACTION, described.FoundActions),
            Hot("POST", "/v1/explain", self.explain, described.EXPLAIN, described.Explained),
            Hot("GET", CONFIGURATION, self.metadata, described.METADATA, described.Configuration),
        ]

    async def evaluation(self, request: Request) -> Response:
        await self._askers.admit(request.headers, EVALUATE)
        return await self._one(await request.body())

    async def evaluations(self, request: Request) -> Response:
        await self._askers.admit(request.headers, EVALUATE)
        body = await request.body()
        said = many.read_many(body)
        named, moment = many.semantic(said), many.said_once(said)
        if not said.evaluations:
            return await self._one(body)
        items = many.each(said)
        answered = await self._each(items, moment)
        ended = many.until(named, answered.decisions)
        shown = [
            decided(one, answered.position, item.detail if isinstance(item, Refusal) else "")
            for one, item in zip(ended, items, strict=False)
        ]
        return Json({"evaluations": shown})

    async def search_subject(self, request: Request) -> Response:
        await self._askers.admit(request.headers, SEARCH)
        said = read(await request.body(), SubjectSearch)
        wants = asked(said)
        if wants.token or wants.question.session_id is not None or wants.question.token_position is not None:
            raise wrong("who it is, is what is searched for")
        search, kind = self._searches.subjects, subject_type(said.subject.type)
        return await self._found(said, wants, lambda question, page: search(kind, question, page))

    async def search_resource(self, request: Request) -> Response:
        await self._askers.admit(request.headers, SEARCH)
        said = read(await request.body(), ResourceSearch)
        search = self._searches.resources
        return await self._found(said, asked(said), lambda question, page: search(said.resource.type, question, page))

    async def search_action(self, request: Request) -> Response:
        await self._askers.admit(request.headers, SEARCH)
        said = read(await request.body(), ActionSearch)
        return await self._found(said, asked(said), self._searches.actions)

    async def explain(self, request: Request) -> Response:
        await self._askers.admit(request.headers, SEARCH)
        wants = asked(read(await request.body(), Evaluation))
        question = await self._tokens.subject(wants.question, wants.token)
        if isinstance(question, Decision):
            return Json(why(question, self._decisions.position, [question.code]))
        decision, missing, rules = await self._decisions.explained(question, wants.moment)
        texts = [(name, rules.explain(name)) for name in decision.policies]
        return Json(why(decision, self._decisions.true_at(wants.moment), missing, texts))

    async def metadata(self, request: Request) -> Response:
        """Authorization API 1.0, 9.1."""
        known = {"policy_decision_point": self._url} | {name: f"{self._url}{path}" for name, path in PATHS.items()}
        return Json(known, headers={"Cache-Control": f"public, max-age={MAX_AGE}"})

    async def _one(self, body: bytes) -> Response:
        wants = asked(read(body, Evaluation))
        answered = await self._each([wants], wants.moment)
        (decision,) = answered.decisions
        return Json(decided(decision, answered.position))

    async def _each(self, items: Sequence[Asked | Refusal], moment: Moment | None) -> Answers:
        """What is no question denies itself, and nothing else."""
        right = [(one.question, one.token) for one in items if isinstance(one, Asked)]
        answered = await self._tokens.answers(self._decisions, right, moment)
        answers = iter(answered.decisions)
        shown = [Decision(False, "malformed") if isinstance(one, Refusal) else next(answers) for one in items]
        return Answers(shown, answered.position)

    async def _found(self, said: Search, wants: Asked, search: Callable[..., Any]) -> Response:
        """Nothing is found for a token that does not hold."""
        mark = begins(said)
        question = await self._tokens.subject(wants.question, wants.token)
        if isinstance(question, Decision):
            return Json(searched([], "", self._decisions.position, question.code))
        results, token = told(mark, await search(question, wanted(mark, wants.moment)))
        return Json(searched(found(said, results), token, self._decisions.true_at(wants.moment)))
