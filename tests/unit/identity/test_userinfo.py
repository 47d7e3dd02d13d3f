"""What an application learns of a person: as far as the token's scope goes, and only while the session does."""

import hashlib
import secrets

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from tests.unit.identity.door import ORIGIN, Door
from tests.unit.identity.house import PASSWORD
from tests.unit.token.certified import Signer, escaped
from tests.unit.token.proving import Key, b64
from watchword.proof import Confirmation

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture
async def alice(door: Door) -> dict[str, str]:
    """Her account and her session."""
    await door.ask("POST", "/v1/accounts", {"username": "Alice", "password": PASSWORD, "email": "a@b.org"})
    return await door.log_in()


async def asked(door: Door, headers: dict[str, str]) -> dict[str, object]:
    response = await door.client.get("/oauth2/userinfo", headers=headers)
    assert response.status_code == 200, response.text
    assert response.headers["cache-control"] == "no-store"
    answer: dict[str, object] = response.json()
    return answer


@pytest.mark.parametrize(
    ("scopes", "more"),
    [
        ((), {}),
        (("profile",), {"preferred_username": "alice"}),
        (("email",), {"email": "a@b.org", "email_verified": False}),
        (("phone", "address"), {}),
    ],
)
async def test_it_says_what_the_scope_lets_be_known(
    door: Door, alice: dict[str, str], scopes: tuple[str, ...], more: dict[str, object]
) -> None:
    bearer = door.bearers.issue(alice["account_id"], alice["session_id"], "openid", *scopes)
    assert await asked(door, bearer) == {"sub": alice["account_id"]} | more


async def test_what_was_asked_for_by_name_is_said_and_nothing_else(door: Door, alice: dict[str, str]) -> None:
    bearer = door.bearers.issue(alice["account_id"], alice["session_id"], "openid", asked=("email", "password_hash"))
    assert await asked(door, bearer) == {"sub": alice["account_id"], "email": "a@b.org"}


async def test_without_openid_it_says_nothing(door: Door, alice: dict[str, str]) -> None:
    bearer = door.bearers.issue(alice["account_id"], alice["session_id"], "watchword:account")
    response = await door.client.get("/oauth2/userinfo", headers=bearer)
    assert response.status_code == 403
    assert 'error="insufficient_scope"' in response.headers["www-authenticate"]


async def test_the_token_may_come_in_a_form_and_never_in_the_address(door: Door, alice: dict[str, str]) -> None:
    bearer = door.bearers.issue(alice["account_id"], alice["session_id"], "openid")
    token = bearer["Authorization"].removeprefix("Bearer ")
    posted = await door.client.post("/oauth2/userinfo", content=f"access_token={token}", headers=FORM)
    assert posted.json() == {"sub": alice["account_id"]}
    shouted = {"Content-Type": "APPLICATION/X-WWW-FORM-URLENCODED; charset=UTF-8"}
    posted = await door.client.post("/oauth2/userinfo", content=f"access_token={token}", headers=shouted)
    assert posted.json() == {"sub": alice["account_id"]}
    twice = await door.client.post("/oauth2/userinfo", content=f"access_token={token}", headers=FORM | bearer)
    assert (twice.status_code, twice.json()["error"]) == (400, "invalid_request")
    for response in (
        await door.client.get(f"/oauth2/userinfo?access_token={token}"),
        await door.client.post("/oauth2/userinfo"),
    ):
        assert response.status_code == 401
        assert response.headers["www-authenticate"] == 'Bearer realm="watchword"'


async def test_it_ends_with_the_session(door: Door, alice: dict[str, str]) -> None:
    bearer = door.bearers.issue(alice["account_id"], alice["session_id"], "openid")
    lasting = door.bearers.issue(alice["account_id"], None, "openid", "offline_access")
    await door.ask("POST", "/v1/logout", {})
    response = await door.client.get("/oauth2/userinfo", headers=bearer)
    assert response.status_code == 401
    assert 'error="invalid_token"' in response.headers["www-authenticate"]
    assert await asked(door, lasting) == {"sub": alice["account_id"]}


def proof_of(door: Door, key: Key, bearer: dict[str, str], **changes: object) -> dict[str, str]:
    """The headers of a request that proves a key (RFC 9449 7.1)."""
    token = bearer["Authorization"].removeprefix("Bearer ")
    now = door.house.identity.log.now() // 1_000_000
    said = {"htm": "GET", "htu": f"{ORIGIN}/oauth2/userinfo", "jti": secrets.token_hex(8), "iat": now}
    said |= {"ath": b64(hashlib.sha256(token.encode()).digest())} | changes
    return {"Authorization": f"DPoP {token}", "DPoP": key.sign(said, typ="dpop+jwt", jwk=key.jwk)}


async def unproven(door: Door, headers: dict[str, str]) -> str:
    response = await door.client.get("/oauth2/userinfo", headers=headers)
    assert response.status_code == 401, response.text
    error: str = response.json()["error"]
    assert f'error="{error}"' in response.headers["www-authenticate"]
    return error


async def test_a_token_that_is_bound_to_a_key_opens_it_with_a_proof_each_time(
    door: Door, alice: dict[str, str]
) -> None:
    key, other = Key(), Key()
    bearer = door.bearers.issue(
        alice["account_id"], alice["session_id"], "openid", cnf=Confirmation(jkt=key.thumbprint)
    )
    good = proof_of(door, key, bearer)
    assert await asked(door, good) == {"sub": alice["account_id"]}
    assert await unproven(door, good) == "invalid_dpop_proof"
    assert await unproven(door, bearer) == "invalid_token"
    assert await unproven(door, proof_of(door, other, bearer)) == "invalid_token"
    for wrong in ({"ath": None}, {"ath": "x"}, {"htm": "POST"}, {"htu": f"{ORIGIN}/oauth2/token"}, {"iat": 0}):
        assert await unproven(door, proof_of(door, key, bearer, **wrong)) == "invalid_dpop_proof"
    assert await unproven(door, {"Authorization": good["Authorization"]}) == "invalid_dpop_proof"
    token = bearer["Authorization"].removeprefix("Bearer ")
    posted = await door.client.post("/oauth2/userinfo", content=f"access_token={token}", headers=FORM)
    assert posted.status_code == 401


async def test_the_answer_to_a_bad_proof_names_the_algorithms(door: Door, alice: dict[str, str]) -> None:
    response = await door.client.get("/oauth2/userinfo", headers={"Authorization": "DPoP x"})
    assert response.headers["www-authenticate"].startswith('DPoP realm="watchword", error="invalid_dpop_proof"')
    assert 'algs="ES256 PS256 EdDSA"' in response.headers["www-authenticate"]


async def test_a_token_that_is_bound_to_no_key_is_no_dpop_token(door: Door, alice: dict[str, str]) -> None:
    bearer = door.bearers.issue(alice["account_id"], alice["session_id"], "openid")
    assert await unproven(door, proof_of(door, Key(), bearer)) == "invalid_token"


async def test_a_token_that_is_bound_to_a_certificate_opens_it_to_who_shows_it(
    door: Door, alice: dict[str, str]
) -> None:
    certificate = Signer().client()
    x5t = b64(hashlib.sha256(certificate.public_bytes(Encoding.DER)).digest())
    bearer = door.bearers.issue(alice["account_id"], alice["session_id"], "openid", cnf=Confirmation(x5t=x5t))
    shows = {"X-Client-Certificate": escaped(certificate).decode()}
    assert await asked(door, bearer | shows) == {"sub": alice["account_id"]}
    assert await unproven(door, bearer) == "invalid_token"
    other = {"X-Client-Certificate": escaped(Signer().client()).decode()}
    assert await unproven(door, bearer | other) == "invalid_token"
    token = bearer["Authorization"].removeprefix("Bearer ")
    posted = await door.client.post("/oauth2/userinfo", content=f"access_token={token}", headers=FORM | shows)
    assert posted.json() == {"sub": alice["account_id"]}


async def test_a_client_that_is_registered_for_it_is_answered_by_a_jwt(door: Door, alice: dict[str, str]) -> None:
    bearer = door.bearers.issue(alice["account_id"], alice["session_id"], "openid", "email", client_id="signed")
    response = await door.client.get("/oauth2/userinfo", headers=bearer)
    assert response.headers["content-type"] == "application/jwt"
    claims = jwt.decode(response.text, options={"verify_signature": False})
    assert claims.items() >= {"sub": alice["account_id"], "aud": "signed", "email": "a@b.org"}.items()


async def test_a_client_that_calls_people_by_its_own_names_is_told_of_whom_token_says_and_by_that_name(
    door: Door, alice: dict[str, str]
) -> None:
    door.authorizations.families["fam_1"] = (alice["account_id"], alice["session_id"])
    door.authorizations.families["fam_2"] = (alice["account_id"], "")
    named = door.bearers.issue("acc_her_name", "her-session", "openid", "email", family_id="fam_1")
    away = door.bearers.issue("acc_her_name", None, "openid", family_id="fam_2")
    assert await asked(door, named) == {"sub": "acc_her_name", "email": "a@b.org", "email_verified": False}
    assert await asked(door, away) == {"sub": "acc_her_name"}
    signed = door.bearers.issue("acc_her_name", "her-session", "openid", client_id="signed", family_id="fam_1")
    answer = await door.client.get("/oauth2/userinfo", headers=signed)
    claims = jwt.decode(answer.text, options={"verify_signature": False})
    assert claims["sub"] == alice["account_id"], "by which token finds the name"
    unknown = door.bearers.issue(alice["account_id"], alice["session_id"], "openid", family_id="fam_none")
    assert await unproven(door, unknown) == "invalid_token"
    await door.ask("POST", "/v1/logout", {})
    assert await unproven(door, named) == "invalid_token"
    assert await asked(door, away) == {"sub": "acc_her_name"}


async def test_such_a_token_opens_nothing_but_userinfo(door: Door, alice: dict[str, str]) -> None:
    """Its subject is nobody's id, whatever its scope says."""
    door.authorizations.families["fam_1"] = (alice["account_id"], alice["session_id"])
    named = door.bearers.issue("acc_her_name", "her-session", "openid", "watchword:account", family_id="fam_1")
    away = door.bearers.issue("acc_her_name", None, "openid", "watchword:account", family_id="fam_1")
    for bearer in (named, away):
        for path in ("/v1/account", "/v1/sessions"):
            assert (await door.client.get(path, headers=bearer)).status_code == 401
