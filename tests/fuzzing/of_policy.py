"""What policy reads of strangers over REST: questions, searches, facts, and an organization's rules."""

import json

import msgspec

from chassis.web.strict import check_json
from services.policy.api.authzen.asked import Asked, ResourceSearch, asked, read
from services.policy.api.authzen.asked import Page as AskedPage
from services.policy.api.authzen.many import Evaluations, each, said_once, semantic
from services.policy.api.authzen.pages import begins, told
from services.policy.domain import spelled
from services.policy.domain.rules.check import problems
from services.policy.domain.rules.engine import Rules
from services.policy.domain.rules.given import known
from services.policy.queries.search import Page

ALICE = {"type": "account", "id": "acc_1"}
MANY = {
    "subject": ALICE,
    "context": {"ip": "::1", "watchword": {"as_of": {"position": 7}}},
    "evaluations": [{"action": {"name": "a.b"}, "resource": {"type": "document", "id": "7"}}, {"context": {"x": 0.5}}],
    "options": {"evaluations_semantic": "deny_on_first_deny"},
}
ODD = {"evaluations": [{}, None, 1, {"subject": ALICE | {"properties": {"a": [None, 1e300, 10**20]}}}]}
SEARCH = {
    "subject": ALICE,
    "action": {"name": "a.b", "properties": {"soft": True}},
    "resource": {"type": "document"},
    "page": {"limit": 2, "token": ""},
    "context": {"watchword": {"access_token": "a.b.c", "as_of": "2031-01-31T12:00:00Z", "session_id": "ses_1"}},
}
SHARE = {
    "kind": "share",
    "id": "s1",
    "resource": "document/9",
    "by": "account/acc_1",
    "to": "account/acc_2",
    "actions": ["document.read"],
    "pass_on": True,
    "under": "s0",
    "expires_at": "2031-01-31T12:00:00Z",
}
LABEL = {"kind": "label", "of": "document/9", "level": 3, "categories": ["finance"]}
QUESTIONS = tuple(json.dumps(one).encode() for one in (MANY, ODD))
SEARCHES = (json.dumps(SEARCH).encode(),)
FACTS = tuple(json.dumps(one).encode() for one in (SHARE, LABEL))


def questions(data: bytes) -> None:
    check_json(data)
    said = read(data, Evaluations)
    semantic(said)
    said_once(said)
    for one in each(said):
        if isinstance(one, Asked):
            msgspec.json.encode(known(one.question.given))


def search(data: bytes) -> None:
    check_json(data)
    said = read(data, ResourceSearch)
    asked(said)
    mark = begins(said)
    _, token = told(mark, Page(["document/1"], "document/1"))
    again = msgspec.structs.replace(said, page=AskedPage(token))
    assert begins(again).request == mark.request, "a page leads to the next"


def fact(data: bytes) -> None:
    check_json(data)
    made = spelled.read(json.loads(data))
    assert spelled.read(spelled.write(made)) == made, "what is written is read as the same"


def rules(data: bytes) -> None:
    """An organization's policies, and after a NUL its schema: what nothing is said against can be decided by."""
    policies, _, schema = data.decode(errors="replace").partition("\0")
    if not problems(policies, schema):
        Rules.of(policies, schema)
