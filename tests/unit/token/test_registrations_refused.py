"""What no client registers itself with, and the names by which it is refused (RFC 7591 3.2.2)."""

from typing import Any

import pytest

from tests.unit.token.registering import KEYS, SHOP, Door, door

__all__ = ["door"]


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"redirect_uris": []}, "invalid_redirect_uri"),
        ({"redirect_uris": ["https://shop.example/#x"]}, "invalid_redirect_uri"),
        ({"redirect_uris": ["http://shop.example/"]}, "invalid_redirect_uri"),
        ({"redirect_uris": ["com.example.shop:/cb"]}, "invalid_redirect_uri"),
        ({"redirect_uris": "https://shop.example/"}, "invalid_client_metadata"),
        ({"redirect_uris": [1]}, "invalid_client_metadata"),
        ({"grant_types": ["client_credentials"], "response_types": []}, "invalid_client_metadata"),
        ({"grant_types": ["implicit"], "redirect_uris": []}, "invalid_redirect_uri"),
        ({"grant_types": ["implicit"], "redirect_uris": ["http://127.0.0.1/callback"]}, "invalid_client_metadata"),
        ({"grant_types": ["implicit"], "dpop_bound_access_tokens": True}, "invalid_client_metadata"),
        ({"grant_types": ["implicit"], "response_types": ["code", "id_token"]}, "invalid_client_metadata"),
        ({"response_types": ["code", "id_token"]}, "invalid_client_metadata"),
        ({"response_types": [["code"]]}, "invalid_client_metadata"),
        ({"grant_types": ["authorization_code"], "response_types": []}, "invalid_client_metadata"),
        ({"grant_types": ["refresh_token"], "response_types": ["code"]}, "invalid_client_metadata"),
        ({"response_types": ["token"]}, "invalid_client_metadata"),
        ({"response_types": "code"}, "invalid_client_metadata"),
        ({"scope": "openid watchword:admin"}, "invalid_client_metadata"),
        ({"scope": ["openid"]}, "invalid_client_metadata"),
        ({"application_type": "desktop"}, "invalid_client_metadata"),
        ({"token_endpoint_auth_method": "private_key_jwt"}, "invalid_client_metadata"),
        ({"token_endpoint_auth_method": "password"}, "invalid_client_metadata"),
        ({"jwks": KEYS, "jwks_uri": "https://shop.example/jwks"}, "invalid_client_metadata"),
        ({"jwks": "x"}, "invalid_client_metadata"),
        ({"id_token_signed_response_alg": "none"}, "invalid_client_metadata"),
        ({"client_name": 5}, "invalid_client_metadata"),
        ({"client_name": "a\u202eb"}, "invalid_client_metadata"),
        ({"default_max_age": "1"}, "invalid_client_metadata"),
        ({"contacts": "ops@shop.example"}, "invalid_client_metadata"),
        ({"initiate_login_uri": "http://shop.example/"}, "invalid_client_metadata"),
        ({"software_id": "a\nb"}, "invalid_client_metadata"),
        ({"logo_uri": "javascript:alert(1)"}, "invalid_client_metadata"),
        ({"backchannel_logout_uri": "http://10.0.0.1/"}, "invalid_client_metadata"),
        (
            {"subject_type": "pairwise", "redirect_uris": ["https://a.example/cb", "https://b.example/cb"]},
            "invalid_client_metadata",
        ),
    ],
)
async def test_wrong_metadata_is_refused_by_the_names_of_rfc_7591(door: Door, wrong: Any, error: str) -> None:
    assert await door.refused(SHOP | wrong) == error


@pytest.mark.parametrize("kind", ["alg", "enc"])
@pytest.mark.parametrize(
    "what", ["id_token_encrypted_response", "userinfo_encrypted_response", "request_object_encryption"]
)
async def test_encryption_that_is_not_offered_is_refused_by_name(door: Door, what: str, kind: str) -> None:
    asked = {f"{what}_{kind}": "RSA-OAEP-256" if kind == "alg" else "A256GCM"}
    answer = await door.ask("POST", body=SHOP | asked)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_client_metadata")
    assert answer.json()["error_description"].startswith(f"{what}_{kind}: ")
    assert set(asked) - (await door.registered(**dict.fromkeys(asked))).keys()


async def test_a_software_statement_is_refused_and_not_passed_over(door: Door) -> None:
    assert await door.refused(SHOP | {"software_statement": "a.b.c"}) == "unapproved_software_statement"
    assert "software_statement" not in await door.registered(software_statement=None)


async def test_a_refusal_names_the_member_as_the_document_does(door: Door) -> None:
    answer = await door.ask("POST", body=SHOP | {"client_name": 5})
    assert answer.json()["error_description"].startswith("client_name: ")
    answer = await door.ask("POST", body=SHOP | {"redirect_uris": [1]})
    assert answer.json()["error_description"].startswith("redirect_uris: ")


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"null", b"{", b'{"a":1,"a":2}', b"\xff", b"[" * 5000, b'{"a":"\\u0000"}']
)
async def test_what_is_no_json_object_is_refused(door: Door, body: bytes) -> None:
    answer = await door.http.post("/oauth2/register", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["error"] in ("invalid_request", "invalid_client_metadata")
    form = await door.http.post("/oauth2/register", data={"client_name": "x"})
    assert (form.status_code, form.json()["code"]) == (415, "unsupported_media_type")
