"""What a client may be registered with, and how a refusal is named (RFC 7591 2 and 3.2.2, RFC 8252 7, RULES 10)."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventlog.errors import Refusal
from services.token.domain.addresses import wrong_redirect
from services.token.domain.client import OPENID_SCOPES, Client
from services.token.domain.registration import check, completed, needs_secret

WEB = Client(
    id="web",
    grant_types=("authorization_code", "refresh_token"),
    scopes=("openid",),
    redirect_uris=("https://shop.example/callback",),
)
NATIVE = msgspec.structs.replace(WEB, id="native", confidential=False, redirect_uris=("com.example.shop:/callback",))
SELF = msgspec.structs.replace(WEB, id="self", self_registered=True)
KEY = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}


def refused(client: Client, **changes: Any) -> str:
    """The code of the refusal; empty where the client is taken."""
    try:
        check(completed(msgspec.structs.replace(client, **changes)))
    except Refusal as refusal:
        return refusal.code if refusal.kind.http == 422 else "another kind"
    return ""


@pytest.mark.parametrize(
    "uri",
    [
        "https://shop.example/callback",
        "https://shop.example:8443/a/b?c=d&e=%2F",
        "https://192.0.2.1/",
        "https://[2001:db8::1]/",
        "http://127.0.0.1/callback",
        "http://127.0.0.1:49152/callback",
        "http://[::1]/callback",
        "http://localhost:3000/callback",
    ],
)
async def test_any_client_may_be_sent_to_https_and_to_loopback(uri: str) -> None:
    for client in (WEB, NATIVE, SELF):
        assert refused(client, redirect_uris=(uri,)) == ""


@pytest.mark.parametrize("uri", ["com.example.shop:/callback", "com.example.shop://callback", "org.b-2.x:/a?b=c"])
async def test_only_a_public_client_has_a_scheme_of_its_own(uri: str) -> None:
    assert refused(NATIVE, redirect_uris=(uri,)) == ""
    assert refused(WEB, redirect_uris=(uri,)) == "invalid_redirect_uri"


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "/callback",
        "//shop.example/callback",
        "shop.example/callback",
        "https://",
        "https:///callback",
        "https:callback",
        "https://shop.example/callback#top",
        "https://shop.example/callback#",
        "https://*.shop.example/callback",
        "https://shop.example/*",
        "https://user@shop.example/callback",
        "https://user:password@shop.example/callback",
        "https://shop.example@evil.example/callback",
        "https://shop.example\\@evil.example/callback",
        "https://shop.example/ callback",
        " https://shop.example/callback",
        "https://shop.example/callback\n",
        "https://shop.example/\0",
        "https://shop.example/%zz",
        "https://sh\u00f6p.example/",
        "https://shop.example:port/",
        "https://shop.example:0/",
        "https://shop.example:65536/",
        "https://[::1/",
        "https://-/",
        "http://shop.example/callback",
        "http://127.0.0.1.evil.example/",
        "http://localhost.evil.example/",
        "http://10.0.0.1/",
        "javascript:alert(1)",
        "javascript://shop.example/%0aalert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "myapp:/callback",
        "myapp://callback",
        "com.:/callback",
        ".com:/callback",
        "https://shop.example/" + "x" * 2000,
    ],
)
async def test_nobody_is_sent_anywhere_else(uri: str) -> None:
    for client in (WEB, NATIVE):
        assert refused(client, redirect_uris=(uri,)) == "invalid_redirect_uri"
        good = client.redirect_uris[0]
        assert refused(client, redirect_uris=(good, uri)) == "invalid_redirect_uri"
        assert not uri or refused(client, post_logout_redirect_uris=(uri,)) == "invalid_client_metadata"


_PART = st.text(st.sampled_from("ab.:/?#@[]*\\% \t\n\0-_~%2Fjavascriptdatahttps127.0.0.1\u00e9"), max_size=30)


@given(scheme=st.sampled_from(["https:", "http:", "javascript:", "data:", "a.b:", "", "HTTPS:"]), rest=_PART)
def test_whatever_is_registered_is_absolute_and_plain(scheme: str, rest: str) -> None:
    uri = scheme + rest
    for confidential in (True, False):
        if wrong_redirect(uri, confidential):
            continue
        assert all(" " < char <= "~" for char in uri)
        assert not set(uri) & set("#*\\")
        kind = uri.partition(":")[0].lower()
        assert kind in ("https", "http") or ("." in kind and not confidential)
        if kind in ("https", "http"):
            authority = uri.partition("://")[2].partition("/")[0].partition("?")[0]
            assert authority
            assert "@" not in authority
        if kind == "http":
            assert authority.rpartition(":")[0] in ("127.0.0.1", "[::1]", "localhost", "") or authority == "127.0.0.1"


@given(st.text(max_size=60))
def test_no_text_breaks_the_rules(text: str) -> None:
    for confidential in (True, False):
        wrong_redirect(text, confidential)
    for field in ("logo_uri", "jwks_uri", "backchannel_logout_uri", "frontchannel_logout_uri", "sector", "name"):
        refused(WEB, **{field: text})
    refused(WEB, request_uris=(text,), cors_origins=(text,))


async def test_a_client_that_sends_people_to_sign_in_says_where_they_come_back() -> None:
    assert refused(WEB, redirect_uris=()) == "invalid_redirect_uri"
    assert refused(WEB, redirect_uris=(), grant_types=("client_credentials",)) == ""


async def test_who_sends_people_to_sign_in_and_names_no_scopes_has_those_of_openid_connect() -> None:
    assert completed(msgspec.structs.replace(WEB, scopes=())).scopes == OPENID_SCOPES
    assert completed(msgspec.structs.replace(WEB, scopes=("openid",))).scopes == ("openid",)
    assert completed(Client(id="machine", grant_types=("client_credentials",))).scopes == ()


@pytest.mark.parametrize(
    "right",
    [
        {"token_endpoint_auth_method": "client_secret_post"},
        {"token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": [KEY]}},
        {"token_endpoint_auth_method": "private_key_jwt", "jwks_uri": "https://shop.example/jwks"},
        {"require_pkce": False},
        {"id_token_alg": "PS256", "userinfo_alg": "EdDSA", "request_object_alg": "ES256"},
        {"frontchannel_logout_uri": "https://shop.example:443/leave"},
        {"backchannel_logout_uri": "https://elsewhere.example/out"},
        {"backchannel_logout_uri": "http://shop.internal/out"},
        {"logo_uri": "http://shop.example/logo.png#x"},
        {"request_uris": ("https://shop.example/request#abc",)},
        {"cors_origins": ("https://shop.example", "http://localhost:3000", "http://[::1]:3000")},
        {"default_max_age": 0},
        {"initiate_login_uri": "http://127.0.0.1:3000/start", "software_version": "2.1 \u00e4", "contacts": ("Ada",)},
        {"first_party": True, "direct_login": True, "scopes": ("watchword:admin",), "ask_consent": False},
    ],
)
async def test_what_the_specifications_allow_is_taken(right: dict[str, Any]) -> None:
    assert refused(WEB, **right) == ""


@pytest.mark.parametrize(
    "wrong",
    [
        {"token_endpoint_auth_method": "none"},
        {"token_endpoint_auth_method": "client_secret"},
        {"token_endpoint_auth_method": "private_key_jwt"},
        {"token_endpoint_auth_method": "self_signed_tls_client_auth"},
        {"confidential": False, "token_endpoint_auth_method": "client_secret_basic"},
        {"confidential": False, "require_pkce": False},
        {"jwks": {"keys": [KEY]}, "jwks_uri": "https://shop.example/jwks"},
        {"jwks": {}},
        {"jwks": {"keys": []}},
        {"jwks": {"keys": {}}},
        {"jwks": {"keys": ["x"]}},
        {"jwks": {"keys": [KEY | {"d": "secret"}]}},
        {"jwks": {"keys": [{"kty": "oct", "k": "secret"}]}},
        {"jwks": {"keys": [{"kty": ["OKP"]}]}},
        {"jwks": {"keys": [{"kty": "RSA", "n": "x"}]}},
        {"jwks_uri": "http://shop.example/jwks"},
        {"id_token_alg": "HS256"},
        {"id_token_alg": "none"},
        {"userinfo_alg": "none"},
        {"request_object_alg": "HS256"},
        {"subject_type": "private"},
        {"subject_type": ""},
        {"sector": "https://shop.example"},
        {"default_max_age": -1},
        {"initiate_login_uri": "http://shop.example/start"},
        {"software_id": "x" * 201},
        {"software_version": "\x1b[31m"},
        {"contacts": ("",)},
        {"contacts": ("a\nb",)},
        {"contacts": ("Ada",) * 101},
        {"default_acr_values": ("a b",)},
        {"token_endpoint_auth_method": "tls_client_auth"},
        {"token_endpoint_auth_signing_alg": "none"},
        {"require_pushed_authorization_requests": True, "dpop_bound_access_tokens": True, "userinfo_alg": "RS256"},
        {"frontchannel_logout_uri": "https://elsewhere.example/leave"},
        {"frontchannel_logout_uri": "https://shop.example:8443/leave"},
        {"frontchannel_logout_uri": "javascript:alert(1)"},
        {"backchannel_logout_uri": "https://shop.example/out#x"},
        {"backchannel_logout_uri": "ftp://shop.example/out"},
        {"logo_uri": "javascript:alert(1)"},
        {"client_uri": "data:text/html,x"},
        {"policy_uri": "/policy"},
        {"tos_uri": "https://user@shop.example/"},
        {"request_uris": ("http://shop.example/request",)},
        {"cors_origins": ("http://[",)},
        {"grant_types": ("implicit",)},
        {"redirect_uris": ("https://shop.example/",), "post_logout_redirect_uris": ("http://shop.example/",)},
        {"audiences": tuple(f"a{n}" for n in range(101))},
    ],
)
async def test_what_they_do_not_allow_is_refused(wrong: dict[str, Any]) -> None:
    assert refused(WEB, **wrong) == "invalid_client_metadata"


@pytest.mark.parametrize(
    "trusted",
    [
        {"first_party": True},
        {"first_party": True, "direct_login": True},
        {"ask_consent": False},
        {"grants": ("introspect:any",)},
        {"scopes": ("orders:read",)},
        {"scopes": ("watchword:account",)},
        {"grant_types": ("client_credentials",)},
        {"audiences": ("orders",)},
        {"backchannel_logout_uri": "http://shop.internal/out"},
    ],
)
async def test_who_registered_itself_is_never_trusted(trusted: dict[str, Any]) -> None:
    assert refused(SELF, **trusted) == "invalid_client_metadata"


async def test_who_registered_itself_need_not_use_pkce_if_confidential() -> None:
    assert refused(SELF, require_pkce=False) == ""
    assert refused(SELF, require_pkce=False, confidential=False) == "invalid_client_metadata"


async def test_under_fapi_2_rs256_signs_nothing() -> None:
    fapi: dict[str, Any] = {"require_pushed_authorization_requests": True, "dpop_bound_access_tokens": True}
    held = completed(msgspec.structs.replace(WEB, **fapi))
    assert (WEB.id_token_alg, completed(WEB).id_token_alg, held.id_token_alg) == ("RS256", "RS256", "ES256")
    assert completed(msgspec.structs.replace(WEB, id_token_alg="PS256", **fapi)).id_token_alg == "PS256"
    assert refused(WEB, access_token_alg="RS256", **fapi) == "invalid_client_metadata"


async def test_under_fapi_2_a_code_challenge_is_always_shown() -> None:
    fapi = {"require_pushed_authorization_requests": True, "dpop_bound_access_tokens": True, "id_token_alg": "PS256"}
    wanted = msgspec.structs.replace(WEB, require_pkce=False, **fapi)
    assert refused(wanted) == ""
    assert completed(wanted).require_pkce


async def test_only_who_proves_itself_by_a_secret_has_one() -> None:
    by = {
        method: needs_secret(msgspec.structs.replace(WEB, token_endpoint_auth_method=method))
        for method in ("", "client_secret_basic", "client_secret_jwt", "private_key_jwt", "tls_client_auth")
    }
    assert [method for method, needs in by.items() if needs] == ["", "client_secret_basic", "client_secret_jwt"]
    assert not needs_secret(NATIVE)
