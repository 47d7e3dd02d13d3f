"""What the FAPI 2.0 Security Profile (final) asks of an authorization server: its tokens, one test for each module.

As test_fapi_profile.py. Codes and pushed requests that have expired (attempt-to-use-expired-auth-code,
par-attempt-to-use-expired-request_uri) are in tests/unit/token, by a clock that is set.
"""

import time
from dataclasses import replace
from typing import Any

import jwt
import pytest
import pytest_asyncio
from httpx2 import AsyncClient, Response

from tests.harness import reuse
from tests.harness.browsing import Browser
from tests.harness.people import Person, claims
from tests.harness.running import Running
from tests.oidc.fapi import Fapi, fapi
from tests.oidc.proofs import Prover
from tests.unit.token.proving import Key, forged


@pytest_asyncio.fixture
async def bank(suite: Running, http: AsyncClient) -> Fapi:
    return await fapi(suite, http)


@pytest_asyncio.fixture
async def code(bank: Fapi, browser: Browser, person: Person) -> str:
    return await bank.code(browser, person)


def redeeming(bank: Fapi, code: str, **more: str) -> dict[str, str]:
    verifier = {"code_verifier": bank.pkce.verifier}
    return {"grant_type": "authorization_code", "code": code, "redirect_uri": bank.back} | verifier | more


async def shown(bank: Fapi, form: dict[str, str], prover: Prover | None = None) -> Response:
    """What the token endpoint answers to a form with a proof."""
    return await (prover or bank.prover).post(bank.http, f"{bank.issuer}/oauth2/token", form)


def said(answer: Response) -> tuple[int, str]:
    assert answer.headers["content-type"].startswith("application/json")
    return answer.status_code, answer.json()["error"]


async def test_the_servers_nonce_uses_nothing_up(bank: Fapi, code: str) -> None:
    """RFC 9449 8: the plan sends the same assertion with a new proof; once that was taken, it is good no more."""
    form = redeeming(bank, code) | bank.proven()
    url = f"{bank.issuer}/oauth2/token"
    first = await bank.http.post(url, data=form, headers=bank.prover.proof("POST", url))
    assert said(first) == (400, "use_dpop_nonce")
    bank.prover.nonce = first.headers["dpop-nonce"]
    second = await bank.http.post(url, data=form, headers=bank.prover.proof("POST", url))
    assert second.status_code == 200, second.text
    third = await bank.http.post(url, data=form, headers=bank.prover.proof("POST", url))
    assert said(third) == (401, "invalid_client")


async def test_client_id_in_token_endpoint(bank: Fapi, code: str, suite: Running, http: AsyncClient) -> None:
    """ensure-client-id-in-token-endpoint: the id of the second client, signed by the key of the first."""
    me = (await fapi(suite, http)).client.client_id
    form = redeeming(bank, code) | bank.proven(iss=me, sub=me) | {"client_id": me}
    assert said(await shown(bank, form)) == (401, "invalid_client")


async def test_holder_of_key_required(bank: Fapi, code: str) -> None:
    """ensure-holder-of-key-required"""
    url = f"{bank.issuer}/oauth2/token"
    answer = await bank.http.post(url, data=redeeming(bank, code) | bank.proven())
    assert said(answer) == (400, "invalid_request")


async def test_code_is_bound_to_client(bank: Fapi, code: str, suite: Running, http: AsyncClient) -> None:
    """ensure-authorization-code-is-bound-to-client"""
    other = await fapi(suite, http)
    assert said(await shown(other, redeeming(bank, code) | other.proven())) == (400, "invalid_grant")


async def test_reuse_of_a_code(bank: Fapi, code: str) -> None:
    """attempt-reuse-authorization-code-after-one-second: and what it gave is ended."""
    tokens = (await bank.redeem(code)).json()
    assert said(await reuse.judged(lambda: bank.redeem(code))) == (400, "invalid_grant")
    assert await bank.ends(tokens["access_token"])


@pytest.mark.parametrize("verifier", [None, "incorrect" * 6])
async def test_pkce_code_verifier(bank: Fapi, code: str, verifier: str | None) -> None:
    """ensure-pkce-code-verifier-required, par-incorrect-pkce-code-verifier-rejected"""
    assert said(await bank.redeem(code, code_verifier=verifier)) == (400, "invalid_grant")


async def judged(bank: Fapi, code: str, assertion: str) -> tuple[int, str]:
    """What both endpoints say of an assertion."""
    form = bank.proven() | {"client_assertion": assertion}
    pushed = await bank.push(form)
    answer = await shown(bank, redeeming(bank, code) | form)
    assert said(pushed) == said(answer)
    return said(answer)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"exp": -300}, id="ensure-client-assertion-with-exp-is-5-minutes-in-past-fails"),
        pytest.param({"aud": "https://example.com"}, id="ensure-client-assertion-with-wrong-aud-fails"),
        pytest.param({"sub": None}, id="ensure-client-assertion-with-no-sub-fails"),
        pytest.param({"aud": "/oauth2/par"}, id="par-test-par-endpoint-url-as-audience-fails"),
        pytest.param({"aud": "/oauth2/token"}, id="par-test-token-endpoint-url-as-audience-fails"),
        pytest.param({"aud": ["", "https://other1.example.com"]}, id="par-test-array-as-audience-fails"),
        pytest.param({"iat": 65, "nbf": 65, "exp": 125}, id="nbf-over-60-seconds-in-the-future-fails"),
        pytest.param({"jti": None}, id="no jti"),
        pytest.param({"exp": None}, id="no exp"),
    ],
)
async def test_client_assertion(bank: Fapi, code: str, changes: dict[str, Any]) -> None:
    """Their ids are the modules': none of these proves anybody, at PAR and at the token endpoint."""
    now, issuer = int(time.time()), bank.issuer

    def made(value: Any) -> Any:
        match value:
            case int():
                return now + value
            case str() if value.startswith("/"):
                return issuer + value
            case [*several]:
                return [one or issuer for one in several]
        return value

    assertion = bank.assertion(**{name: made(value) for name, value in changes.items()})
    assert await judged(bank, code, assertion) == (401, "invalid_client")


async def test_client_assertion_of_a_clock_that_is_ahead(bank: Fapi) -> None:
    """par-ensure-jwt-client-assertions-nbf-8-seconds-in-the-future-is-accepted"""
    for seconds in (8, 10):
        now = int(time.time()) + seconds
        answer = await bank.push(bank.proven(iat=now, nbf=now, exp=now + 60))
        assert answer.status_code == 201, answer.text


async def test_client_assertion_algorithms(bank: Fapi, code: str, suite: Running, http: AsyncClient) -> None:
    """ensure-signed-client-assertion-with-RS256-fails; nor is one taken that nobody signed."""
    key = Key("PS256", kid="one")
    other = await fapi(suite, http, jwks={"keys": [{name: key.jwk[name] for name in ("kty", "n", "e", "kid")}]})

    def signed(alg: str) -> str:
        return jwt.encode(claims(other.assertion()), key.private, alg, {"kid": "one"})

    assert await judged(other, code, signed("RS256")) == (401, "invalid_client")
    assert (await other.push(other.proven() | {"client_assertion": signed("PS256")})).status_code == 201
    assert await judged(bank, code, forged({"alg": "none"}, claims(bank.assertion()))) == (401, "invalid_client")


async def test_client_assertion_in_token_endpoint(bank: Fapi, code: str) -> None:
    """ensure-client-assertion-in-token-endpoint: without one nobody has said who they are."""
    form = redeeming(bank, code, client_id=bank.client.client_id)
    assert said(await shown(bank, form)) == (401, "invalid_client")


@pytest.mark.parametrize("changes", [{"nbf": 0, "exp": 300}, {"iat": -10}, {"iat": 10}])
async def test_dpop_proof_times(bank: Fapi, code: str, changes: dict[str, int]) -> None:
    """check-dpop-proof-nbf-exp, ensure-dpop-proof-with-iat-is-10seconds-before-succeeds, -after-succeeds"""
    url, form = f"{bank.issuer}/oauth2/token", redeeming(bank, code) | bank.proven()
    asked = await bank.http.post(url, data=form, headers=bank.prover.proof("POST", url))
    bank.prover.nonce = asked.headers["dpop-nonce"]
    times = {name: int(time.time()) + seconds for name, seconds in changes.items()}
    answer = await bank.http.post(url, data=form, headers=bank.prover.proof("POST", url, **times))
    assert answer.status_code == 200, answer.text
    headers = bank.shown(answer.json()["access_token"], "DPoP", **times)
    assert (await bank.http.get(bank.resource, headers=headers)).status_code == 200


async def test_mismatched_dpop_key_at_the_token_endpoint(bank: Fapi, browser: Browser, person: Person) -> None:
    """ensure-token-endpoint-fails-with-mismatched-dpop-jkt, -with-mismatched-dpop-proof-jkt"""
    code = await bank.code(browser, person, dpop_jkt=bank.prover.thumbprint)
    assert said(await shown(bank, redeeming(bank, code) | bank.proven(), Prover())) == (400, "invalid_grant")


async def test_access_token_type_header_case_sensitivity(bank: Fapi, code: str) -> None:
    """access-token-type-header-case-sensitivity"""
    token = (await bank.redeem(code)).json()["access_token"]
    for scheme in ("dPOp", "DPOP", "dpop"):
        assert (await bank.http.get(bank.resource, headers=bank.shown(token, scheme))).status_code == 200


class Resource:
    """Userinfo, shown one token with any proof."""

    def __init__(self, bank: Fapi, token: str) -> None:
        self.bank, self.token = bank, token
        self.head: dict[str, Any] = {"typ": "dpop+jwt", "jwk": bank.prover.public}

    def claims(self, **changes: Any) -> dict[str, Any]:
        made = self.bank.shown(self.token)["DPoP"]
        said: dict[str, Any] = jwt.decode(made, options={"verify_signature": False}) | changes
        return {name: value for name, value in said.items() if value is not None}

    def proof(self, header: dict[str, Any] | None = None, **changes: Any) -> str:
        """A good one, but for what is changed; None takes a claim out."""
        return jwt.encode(self.claims(**changes), self.bank.prover.key, "ES256", header or self.head)

    async def opens(self, *proofs: str, scheme: str = "DPoP") -> bool:
        headers = [("Authorization", f"{scheme} {self.token}"), *(("DPoP", one) for one in proofs)]
        answer = await self.bank.http.get(self.bank.resource, headers=headers)
        assert answer.status_code in (200, 400, 401), answer.text
        return answer.status_code == 200


async def test_dpop_negative_tests(bank: Fapi, code: str) -> None:
    """dpop-negative-tests"""
    at = Resource(bank, (await bank.redeem(code)).json()["access_token"])
    now, public = int(time.time()), bank.prover.public
    other = Prover().proof("GET", bank.resource, ath=at.claims()["ath"])["DPoP"]
    wrong: list[tuple[str, ...]] = [
        (at.proof(), at.proof()), ("x",), (f"{at.proof()}x",), (), (other,),
        (at.proof({"typ": None, "jwk": public}),), (at.proof({"typ": "JWT", "jwk": public}),),
        (at.proof({"typ": "dpop+jwt"}),), (at.proof({"typ": "dpop+jwt", "jwk": public | {"d": "AAAA"}}),),
        (forged({"alg": "none"} | at.head, at.claims()),), (f"{at.proof()[:-8]}AAAAAAAA",),
        *((at.proof(**{name: None}),) for name in ("jti", "htm", "htu", "iat", "ath")),
        (at.proof(htm="PUT"),), (at.proof(htu="https://example.com/"),), (at.proof(ath="x"),),
        (at.proof(iat=now + 3600),), (at.proof(iat=now - 3600),),
    ]  # fmt: skip
    for number, proofs in enumerate(wrong):
        assert not await at.opens(*proofs), number
    fine = [at.proof(), at.proof(htu=f"{bank.resource}?a=b#c"), at.proof(at.head | {"extra": "header"}, extra="claim")]
    fine.append(at.proof(htu=bank.resource.replace("http://", "HTTP://")))
    for number, one in enumerate(fine):
        assert await at.opens(one), number
    assert not await at.opens(fine[0]), "the same jti again"
    assert not await at.opens(at.proof(), scheme="Bearer")
    assert not await at.opens(scheme="Bearer")
    assert await at.opens(at.proof()), "a good one is good still"


async def test_refresh_token(bank: Fapi, browser: Browser, person: Person, suite: Running, http: AsyncClient) -> None:
    """refresh-token: it does not rotate, wants a proof, of any key (RFC 9449 5), and is of no use to another client."""
    tokens = await bank.tokens(browser, person, scope="openid offline_access", prompt="consent")
    renewing = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    again = await bank.ask(**renewing)
    assert again.status_code == 200, again.text
    assert again.json().get("refresh_token", tokens["refresh_token"]) == tokens["refresh_token"]
    assert (await bank.userinfo(again.json()["access_token"])).status_code == 200
    same = ("iss", "sub", "aud", "auth_time")
    first, second = claims(tokens["id_token"]), claims(again.json()["id_token"])
    assert [second[name] for name in same] == [first[name] for name in same]
    bare = await bank.http.post(f"{bank.issuer}/oauth2/token", data=renewing | bank.proven())
    assert said(bare) == (400, "invalid_request")
    assert (await bank.ask(**renewing)).status_code == 200, "nothing was used up by that"
    newer = replace(bank, prover=Prover())
    moved = (await newer.ask(**renewing)).json()["access_token"]
    assert (await newer.userinfo(moved)).status_code == 200
    assert (await bank.userinfo(moved)).status_code == 401
    other = await fapi(suite, http)
    assert said(await other.ask(**renewing)) == (400, "invalid_grant")
