"""Policy over REST as it runs: two processes on one database, asked as AuthZEN 1.0 says, and told facts."""

from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
import pytest_asyncio

from chassis.trust import SessionRevoked
from services.policy.projections import AccountRegistered, SessionStarted
from tests.harness.calls import refused
from tests.integration.policy_suite import ADMIN, SUITE, Policy, Suite, question
from watchword.policy.v1 import policy_pb2 as pb

pytestmark = pytest.mark.asyncio(loop_scope="module")

ALICE, BOB = {"type": "service", "id": "alice"}, {"type": "service", "id": "bob"}
READ, WRITE = {"name": "read"}, {"name": "write"}
ONE, TWO = {"type": "record", "id": "record-1"}, {"type": "record", "id": "record-2"}
FIXTURE = [
    {"kind": "role", "name": "reader", "actions": ["read"]},
    {"kind": "role", "name": "writer", "actions": ["write"], "inherits": ["reader"]},
    {"kind": "assignment", "holder": "service/alice", "role": "writer", "resource": "record/record-1"},
    {"kind": "assignment", "holder": "service/bob", "role": "reader", "resource": "record/record-1"},
]
"""That of AuthZEN's certification scenario, as far as it looks at nobody's properties; its users are services here."""


class Asking:
    """One process, asked by a client for itself."""

    def __init__(self, suite: Suite, policy: Policy, http: httpx2.AsyncClient) -> None:
        self._suite, self.policy, self._http = suite, policy, http

    async def ask(self, path: str, body: Any, **headers: str) -> httpx2.Response:
        scope = "watchword:evaluate watchword:search"
        bearer = self._suite.bearer("pep", scope, client_id="pep")
        sent = {"authorization": f"Bearer {bearer}"} | headers
        return await self._http.post(f"{self.policy.rest}{path}", json=body, headers=sent)

    async def evaluate(self, subject: Any, action: Any, resource: Any, **headers: str) -> dict[str, Any]:
        body = {"subject": subject, "action": action, "resource": resource}
        answer = await self.ask("/access/v1/evaluation", body, **headers)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def change(self, **body: Any) -> dict[str, str]:
        """The header by which another process is asked for what is so then."""
        bearer = {"authorization": f"Bearer {self._suite.bearer(ADMIN)}"}
        answer = await self._http.post(f"{self.policy.rest}/v1/facts", json=body, headers=bearer)
        assert answer.status_code == 200, answer.text
        assert answer.headers["watchword-position"] == f"policy={answer.json()['position']}"
        return {"watchword-position": answer.headers["watchword-position"]}

    async def facts(self, **query: Any) -> list[Any]:
        """All pages."""
        bearer, got = {"authorization": f"Bearer {self._suite.bearer(ADMIN)}"}, []
        while True:
            answer = await self._http.get(f"{self.policy.rest}/v1/facts", params=query, headers=bearer)
            assert answer.status_code == 200, answer.text
            got += answer.json()["facts"]
            if not (token := answer.json()["next_page_token"]):
                return got
            query["page_token"] = token


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def both(suite: Suite) -> AsyncIterator[tuple[Asking, Asking]]:
    """Two processes, in whose suite acc_admin is the first administrator, and the scenario's facts are said."""
    await suite.identity.up()
    await suite.token.up()
    await suite.identity.says(AccountRegistered(account_id=ADMIN), f"account/{ADMIN}")
    first, second = await suite.start(), await suite.start()
    async with suite.caller(first, "operator/admin") as operator:
        request = pb.CreateFirstAdministratorRequest(account_id=ADMIN)
        await operator.policy.CreateFirstAdministrator(request, wait_for_ready=True)
        await operator.until("allowed", f"account/{ADMIN}", "policy.facts.write", resource=SUITE)
    async with httpx2.AsyncClient(trust_env=False, timeout=30) as http:
        one, two = Asking(suite, first, http), Asking(suite, second, http)
        said = await one.change(write=FIXTURE)
        assert (await two.evaluate(ALICE, READ, ONE, **said))["decision"] is True
        yield one, two


async def test_the_decisions_of_the_certification_scenario(both: tuple[Asking, Asking]) -> None:
    for asking in both:
        for subject, action, expected in (
            (ALICE, READ, True),
            (ALICE, WRITE, True),
            (BOB, READ, True),
            (BOB, WRITE, False),
        ):
            assert (await asking.evaluate(subject, action, ONE))["decision"] is expected
        body = {"subject": BOB, "resource": ONE, "evaluations": [{"action": READ}, {"action": WRITE}, {}]}
        answer = (await asking.ask("/access/v1/evaluations", body)).json()
        assert [one["decision"] for one in answer["evaluations"]] == [True, False, False]


async def test_the_searches_of_the_certification_scenario(both: tuple[Asking, Asking]) -> None:
    for asking in both:
        who = await asking.ask(
            "/access/v1/search/subject", {"subject": {"type": "service"}, "action": READ, "resource": ONE}
        )
        assert who.json()["results"] == [ALICE, BOB]
        body = {"subject": ALICE, "action": READ, "resource": {"type": "record"}}
        assert (await asking.ask("/access/v1/search/resource", body)).json()["results"] == [ONE]
        what = await asking.ask("/access/v1/search/action", {"subject": ALICE, "resource": ONE})
        assert what.json()["results"] == [READ, WRITE]


async def test_a_page_that_one_process_began_another_goes_on_with(both: tuple[Asking, Asking]) -> None:
    first, second = both
    body = {"subject": {"type": "service"}, "action": READ, "resource": ONE}
    begun = (await first.ask("/access/v1/search/subject", body | {"page": {"limit": 1}})).json()
    token = {"page": {"token": begun["page"]["next_token"]}}
    rest = (await second.ask("/access/v1/search/subject", body | token)).json()
    assert (begun["results"], rest["results"], rest["page"]["next_token"]) == ([ALICE], [BOB], "")


async def test_what_one_process_was_told_another_answers_by_at_least(both: tuple[Asking, Asking]) -> None:
    first, second = both
    held = {"kind": "assignment", "holder": "service/bob", "role": "writer", "resource": "record/record-2"}
    for _ in range(5):
        said = await first.change(write=[held])
        assert (await second.evaluate(BOB, WRITE, TWO, **said))["decision"] is True
        said = await second.change(remove=[held])
        assert (await first.evaluate(BOB, WRITE, TWO, **said))["decision"] is False


async def test_both_tell_what_was_so_before(both: tuple[Asking, Asking]) -> None:
    first, _ = both
    held = {"kind": "assignment", "holder": "service/alice", "role": "writer", "resource": "record/record-2"}
    said = await first.change(write=[held])
    gone = await first.change(remove=[held])
    then = {"context": {"watchword": {"as_of": {"position": int(said["watchword-position"].split("=")[1])}}}}
    body = {"subject": ALICE, "action": WRITE, "resource": TWO}
    for asking in both:
        assert (await asking.evaluate(ALICE, WRITE, TWO, **gone))["decision"] is False
        assert (await asking.ask("/access/v1/evaluation", body | then)).json()["decision"] is True
        found = await asking.ask("/access/v1/search/resource", body | then | {"resource": {"type": "record"}})
        assert found.json()["results"] == [ONE, TWO]
        for beyond, code in ((10**6, "position_unknown"), (2**63 - 1, "position_unknown"), (2**63, "invalid_request")):
            late = {"context": {"watchword": {"as_of": {"position": beyond}}}}
            refused = await asking.ask("/access/v1/evaluation", body | late)
            assert (refused.status_code, refused.json()["code"]) == (400, code)


async def test_a_position_beyond_all_is_unknown_over_grpc_too(suite: Suite, both: tuple[Asking, Asking]) -> None:
    async with suite.caller(both[0].policy) as backend:
        for position in (10**6, 2**63 - 1, 2**63, 2**64 - 1):
            check = question("service/alice", "read", as_of=pb.AsOf(position=position))
            assert await refused(backend.policy.Check(check)) == ("INVALID_ARGUMENT", "position_unknown")


async def test_a_token_in_a_revoked_session_is_denied_by_both(suite: Suite, both: tuple[Asking, Asking]) -> None:
    first, second = both
    await suite.identity.says(SessionStarted(session_id="ses_1", account_id=ADMIN, seen=0), "session/ses_1")
    before = await suite.token.says(SessionRevoked(session_id="ses_another"))
    token = suite.bearer(ADMIN, "orders:read", aud="orders", sid="ses_1", client_id="shop", pos=before)
    body = {"subject": ALICE, "action": WRITE, "resource": TWO, "context": {"watchword": {"access_token": token}}}
    for asking in both:
        assert (await asking.ask("/access/v1/evaluation", body)).json()["decision"] is True
    position = await suite.token.says(SessionRevoked(session_id="ses_1"), "session/ses_1")
    for asking in both:
        answer = await asking.ask("/access/v1/evaluation", body, **{"watchword-position": f"token={position}"})
        assert answer.json()["context"]["code"] == "session_revoked"
    for log in (first.policy.log, second.policy.log):
        assert token not in log.read_text()


async def test_both_list_the_facts_as_they_were_written(both: tuple[Asking, Asking]) -> None:
    many = [{"kind": "group", "id": f"list-{number}"} for number in range(7)]
    said = await both[0].change(write=many)
    for asking in both:
        await asking.evaluate(ALICE, READ, ONE, **said)
        found = await asking.facts(page_size=3)
        assert [one for one in found if one["kind"] == "group"] == many
        assert all(one in found for one in FIXTURE)
        assert await asking.facts(kind="group", page_size=2) == many


async def test_where_policy_is_asked_is_never_what_a_request_says(both: tuple[Asking, Asking]) -> None:
    for asking in both:
        async with httpx2.AsyncClient(trust_env=False) as http:
            url = f"{asking.policy.rest}/.well-known/authzen-configuration"
            answer = await http.get(url, headers={"host": "evil.example", "x-forwarded-host": "evil.example"})
        assert answer.json()["policy_decision_point"] == asking.policy.rest
        assert "evil" not in answer.text
