"""A token that is bound to its holder's key is of no use to whoever finds it (RFC 9449, RFC 7523, RFC 8705)."""

import asyncio
import hashlib
import secrets
import time
from typing import Any

import httpx2
import pytest

import watchword
from services.token.domain.assertion import TYPE
from tests.harness.applications import machine
from tests.harness.people import People
from tests.harness.running import Running
from tests.unit.token.proving import Key, b64


class Holder:
    """A client that proves itself by one key, and its tokens by another."""

    def __init__(self, suite: Running, http: httpx2.AsyncClient, client_id: str, own: Key) -> None:
        self.suite, self.http, self.client_id, self.own, self.key = suite, http, client_id, own, Key()
        self.nonce: str | None = None

    @property
    def endpoint(self) -> str:
        return f"{self.suite.url('token')}/oauth2/token"

    def proof(self, url: str, method: str = "POST", token: str | None = None, key: Key | None = None) -> str:
        said = {"htm": method, "htu": url, "jti": secrets.token_hex(8), "iat": int(time.time()), "nonce": self.nonce}
        if token is not None:
            said["ath"] = b64(hashlib.sha256(token.encode()).digest())
        by = key or self.key
        return by.sign(said, typ="dpop+jwt", jwk=by.jwk)

    def assertion(self) -> str:
        now = int(time.time())
        said = {"iss": self.client_id, "sub": self.client_id, "aud": self.suite.url("token"), "exp": now + 60}
        return self.own.sign(said | {"iat": now, "jti": secrets.token_hex(8)})

    async def ask(self, assertion: str | None = None, proof: str | None = None) -> httpx2.Response:
        form = {"grant_type": "client_credentials", "client_assertion_type": TYPE}
        form["client_assertion"] = assertion or self.assertion()
        answer = await self.http.post(self.endpoint, data=form, headers={"DPoP": proof} if proof else {})
        self.nonce = answer.headers.get("dpop-nonce", self.nonce)
        return answer


@pytest.fixture
async def holder(suite: Running, people: People) -> Any:
    own = Key(kid="own")
    wanted = {"token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": [own.jwk]}}
    client = await machine(suite, dpop_bound_access_tokens=True, scopes=["orders:read"], **wanted)
    assert client.secret == ""
    async with httpx2.AsyncClient(trust_env=False) as http:
        yield Holder(suite, http, client.client_id, own)


def said(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]


async def test_a_bound_token_is_given_for_a_proof_with_the_servers_nonce(holder: Holder, people: People) -> None:
    assert said(await holder.ask()) == (400, "invalid_request")
    assert said(await holder.ask(proof=holder.proof(holder.endpoint))) == (400, "use_dpop_nonce")
    assert holder.nonce
    answer = await holder.ask(proof=holder.proof(holder.endpoint))
    assert (answer.status_code, answer.json()["token_type"]) == (200, "DPoP")
    told = await people.introspect(answer.json()["access_token"])
    assert told["cnf"] == {"jkt": holder.key.thumbprint}


async def test_what_was_used_once_is_used_up(holder: Holder) -> None:
    await holder.ask(proof=holder.proof(holder.endpoint))
    proof, assertion = holder.proof(holder.endpoint), holder.assertion()
    answers = await asyncio.gather(*(holder.ask(proof=proof) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [200, *[400] * 7]
    proofs = [holder.proof(holder.endpoint) for _ in range(8)]
    answers = await asyncio.gather(*(holder.ask(assertion, proof) for proof in proofs))
    assert sorted(answer.status_code for answer in answers) == [200, *[401] * 7]


async def test_a_bound_token_opens_nothing_as_a_bearers(holder: Holder) -> None:
    await holder.ask(proof=holder.proof(holder.endpoint))
    token = (await holder.ask(proof=holder.proof(holder.endpoint))).json()["access_token"]
    userinfo = f"{holder.suite.url('identity')}/oauth2/userinfo"
    for headers in (
        {"Authorization": f"Bearer {token}"},
        {"Authorization": f"DPoP {token}"},
        {"Authorization": f"DPoP {token}", "DPoP": holder.proof(userinfo, "GET", token, Key())},
        {"Authorization": f"DPoP {token}", "DPoP": holder.proof(userinfo, "GET")},
        {"Authorization": f"DPoP {token}", "DPoP": holder.proof(holder.endpoint, "GET", token)},
    ):
        assert (await holder.http.get(userinfo, headers=headers)).status_code == 401
    held = {"Authorization": f"DPoP {token}", "DPoP": holder.proof(userinfo, "GET", token)}
    # With the right proof it is the token's own: that it may not read a profile is another question.
    assert said(await holder.http.get(userinfo, headers=held)) in ((403, "insufficient_scope"), (401, "invalid_token"))
    assert (await holder.http.get(userinfo, headers=held)).json()["error"] == "invalid_dpop_proof"


async def test_a_backend_takes_a_bound_token_with_its_proof_and_each_proof_once(holder: Holder) -> None:
    await holder.ask(proof=holder.proof(holder.endpoint))
    token = (await holder.ask(proof=holder.proof(holder.endpoint))).json()["access_token"]
    suite, url = holder.suite, "https://orders.example/orders"
    backend = suite.contract.backend
    assert backend is not None
    async with watchword.connect(
        issuer=suite.url("token"),
        audience=suite.url("token"),
        token_grpc=suite.fleet.target("token"),
        ca=suite.contract.ca,
        cert=backend.cert,
        key=backend.key,
    ) as verifier:
        proof = holder.proof(url, "GET", token)
        claims = await verifier.verify_dpop(token, proof, method="GET", urls=[url])
        assert claims.client_id == holder.client_id
        with pytest.raises(watchword.ProofRefused, match="used before"):
            await verifier.verify_dpop(token, proof, method="GET", urls=[url])
        with pytest.raises(watchword.TokenRefused, match="proof_required"):
            await verifier.verify(token)


async def test_discovery_says_how_clients_prove_themselves(suite: Running) -> None:
    async with httpx2.AsyncClient(trust_env=False) as http:
        offered = (await http.get(f"{suite.url('token')}/.well-known/openid-configuration")).json()
    methods = offered["token_endpoint_auth_methods_supported"]
    assert {"none", "private_key_jwt", "client_secret_jwt", "self_signed_tls_client_auth"} <= set(methods)
    assert "tls_client_auth" not in methods, "no authority is named here"
    assert offered["dpop_signing_alg_values_supported"] == ["ES256", "PS256", "EdDSA"]
    assert "mtls_endpoint_aliases" not in offered
