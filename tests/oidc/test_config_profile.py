"""What the Config profile of the OpenID certification asks of a provider: discovery and keys."""

import jwt
from httpx2 import AsyncClient

from tests.harness.running import Running


async def test_config(suite: Running, http: AsyncClient) -> None:
    """oidcc-discovery-endpoint-verification: the Config profile."""
    issuer = suite.url("token")
    answer = await http.get(f"{issuer}/.well-known/openid-configuration")
    said = answer.json()
    assert (answer.status_code, said["issuer"]) == (200, issuer)
    assert said == (await http.get(f"{issuer}/.well-known/oauth-authorization-server")).json()
    required = {"authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri", "scopes_supported"}
    lists = {"response_types_supported", "subject_types_supported", "id_token_signing_alg_values_supported"}
    assert required | lists | {"claims_supported", "end_session_endpoint"} <= set(said)
    assert "RS256" in said["id_token_signing_alg_values_supported"]
    assert "public" in said["subject_types_supported"]
    assert "code" in said["response_types_supported"]
    assert {"query", "fragment", "form_post"} == set(said["response_modes_supported"])
    assert said["authorization_response_iss_parameter_supported"] is True


async def test_jwks(suite: Running, http: AsyncClient) -> None:
    """oidcc-discovery, VerifyJWKs: keys have names of their own and nothing private."""
    keys = (await http.get(f"{suite.url('token')}/.well-known/jwks.json")).json()["keys"]
    assert len({one["kid"] for one in keys}) == len(keys)
    assert not any({"d", "p", "q", "dp", "dq", "qi", "k"} & set(one) for one in keys)
    assert {"RS256", "ES256"} <= {one["alg"] for one in keys}
    assert all(jwt.PyJWK(one).key for one in keys)
