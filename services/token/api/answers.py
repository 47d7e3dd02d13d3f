"""What token takes and answers over REST, as /openapi.json shows it; the handlers read and write it for themselves."""

from typing import Any, Literal

from pydantic import BaseModel, Field

from chassis.web.described import ANYBODY, BEARER, CLIENT, Codes, refuses

_CLIENT: Codes = {400: ("invalid_request",), 401: ("invalid_client",)}


class _ByForm(BaseModel):
    """A client names itself here where there is no Authorization header."""

    client_id: str = Field(default="", description="of a public client, or with client_secret")
    client_secret: str = Field(default="")
    client_assertion_type: str = Field(default="", description="with client_assertion (RFC 7523 2.2)")
    client_assertion: str = Field(default="", description="a JWT that the client has signed")


class TokenForm(_ByForm):
    grant_type: Literal[
        "authorization_code",
        "refresh_token",
        "client_credentials",
        "urn:ietf:params:oauth:grant-type:device_code",
        "urn:ietf:params:oauth:grant-type:token-exchange",
        "urn:ietf:params:oauth:grant-type:jwt-bearer",
    ]
    code: str = Field(default="", description="for the grant authorization_code")
    redirect_uri: str = Field(default="", description="the one that the code was asked for with")
    code_verifier: str = Field(default="", description="what the code_challenge was made of (RFC 7636)")
    refresh_token: str = Field(default="", description="for the grant refresh_token")
    device_code: str = Field(default="", description="for the grant device_code (RFC 8628)")
    assertion: str = Field(default="", description="for the grant jwt-bearer: signed by the client (RFC 7523 2.1)")
    subject_token: str = Field(default="", description="for the grant token-exchange (RFC 8693)")
    subject_token_type: str = Field(default="")
    actor_token: str = Field(default="", description="a token of the client's own")
    actor_token_type: str = Field(default="")
    requested_token_type: str = Field(default="")
    audience: str = Field(default="", description="with token-exchange, as resource")
    scope: str = Field(default="", description="names with a space between; all that the client may have without")
    resource: str = Field(default="", description="an audience of the client (RFC 8707)")


class PresentedToken(_ByForm):
    token: str = Field(min_length=1, description="an access token or a refresh token")
    token_type_hint: str = Field(default="")


class PushForm(_ByForm):
    """An authorization request (RFC 6749 4.1.1), as the browser would bring it."""

    response_type: Literal["code"]
    redirect_uri: str = Field(default="")
    scope: str = Field(default="")
    state: str = Field(default="")
    code_challenge: str = Field(default="")
    code_challenge_method: Literal["S256"] = "S256"


class Pushed(BaseModel):
    """RFC 9126 2.2."""

    request_uri: str
    expires_in: int = Field(description="seconds")


class DeviceForm(_ByForm):
    """RFC 8628 3.1."""

    scope: str = Field(default="", description="names with a space between")
    resource: str = Field(default="", description="an audience of the client (RFC 8707)")


class DeviceAuthorization(BaseModel):
    """RFC 8628 3.2."""

    device_code: str
    user_code: str
    verification_uri: str
    verification_uri_complete: str
    expires_in: int = Field(description="seconds")
    interval: int = Field(description="seconds between two questions")


class Tokens(BaseModel):
    """RFC 6749 5.1."""

    access_token: str
    token_type: Literal["Bearer", "DPoP"]
    expires_in: int = Field(description="seconds")
    scope: str
    refresh_token: str = Field(default="")
    id_token: str = Field(default="", description="with the scope openid (OpenID Connect Core 2)")
    issued_token_type: str = Field(default="", description="of the grant token-exchange (RFC 8693 2.2.1)")


class Introspection(BaseModel):
    """RFC 7662 2.2: nothing but `active` of a token that is not, or that the client may not know of."""

    active: bool
    token_type: Literal["Bearer", "DPoP"] = "Bearer"
    iss: str = Field(default="")
    sub: str = Field(default="")
    aud: str | list[str] = Field(default="")
    exp: int = Field(default=0)
    iat: int = Field(default=0)
    nbf: int = Field(default=0)
    jti: str = Field(default="")
    client_id: str = Field(default="")
    scope: str = Field(default="")
    pos: int = Field(default=0, description="the position in token's log at which it was issued")
    sid: str = Field(default="", description="the session")
    spos: int = Field(default=0, description="the session's position in identity's log")
    fam: str = Field(default="", description="the refresh family")
    cnf: dict[str, str] = Field(default={}, description="what whoever presents it has to prove (RFC 9449, RFC 8705)")
    auth_time: int = Field(default=0)
    acr: str = Field(default="")
    amr: list[str] = Field(default=[])
    act: dict[str, Any] = Field(default={}, description="who acts for the subject (RFC 8693)")
    may_act: dict[str, Any] = Field(default={}, description="who may exchange it (RFC 8693)")


class PublicKey(BaseModel):
    """RFC 7517: `crv`, `x` and `y` of an elliptic curve, `n` and `e` of RSA."""

    kid: str
    kty: Literal["EC", "RSA", "OKP"]
    alg: Literal["ES256", "RS256", "PS256", "EdDSA"]
    use: Literal["sig"]
    crv: str = Field(default="")
    x: str = Field(default="")
    y: str = Field(default="")
    n: str = Field(default="")
    e: str = Field(default="")


class KeySet(BaseModel):
    keys: list[PublicKey]


class Metadata(BaseModel):
    """RFC 8414 2, OpenID Connect Discovery 1.0 3, RFC 9207 3."""

    issuer: str
    jwks_uri: str
    authorization_endpoint: str
    token_endpoint: str
    userinfo_endpoint: str
    end_session_endpoint: str
    check_session_iframe: str
    pushed_authorization_request_endpoint: str
    require_pushed_authorization_requests: bool
    device_authorization_endpoint: str
    introspection_endpoint: str
    revocation_endpoint: str
    registration_endpoint: str = Field(default="", description="where clients may register themselves (RFC 7591)")
    grant_types_supported: list[str]
    response_types_supported: list[str]
    response_modes_supported: list[str]
    code_challenge_methods_supported: list[str]
    authorization_response_iss_parameter_supported: bool
    backchannel_logout_supported: bool
    backchannel_logout_session_supported: bool
    frontchannel_logout_supported: bool
    frontchannel_logout_session_supported: bool
    claims_parameter_supported: bool
    request_parameter_supported: bool
    request_uri_parameter_supported: bool
    require_request_uri_registration: bool
    request_object_signing_alg_values_supported: list[str]
    acr_values_supported: list[str]
    prompt_values_supported: list[str]
    display_values_supported: list[str]
    claim_types_supported: list[str]
    claims_supported: list[str]
    subject_types_supported: list[str]
    id_token_signing_alg_values_supported: list[str]
    userinfo_signing_alg_values_supported: list[str]
    scopes_supported: list[str]
    token_endpoint_auth_methods_supported: list[str]
    introspection_endpoint_auth_methods_supported: list[str]
    revocation_endpoint_auth_methods_supported: list[str]
    token_endpoint_auth_signing_alg_values_supported: list[str]
    introspection_endpoint_auth_signing_alg_values_supported: list[str]
    revocation_endpoint_auth_signing_alg_values_supported: list[str]
    dpop_signing_alg_values_supported: list[str]
    tls_client_certificate_bound_access_tokens: bool
    mtls_endpoint_aliases: dict[str, str] = Field(default={}, description="where a client shows a certificate")


class Receipt(BaseModel):
    reader: str
    ms: float


class Revoked(BaseModel):
    """All but `position` is there with `wait: "applied"`."""

    position: int
    applied: list[Receipt] = Field(default=[])
    waiting: list[str] = Field(default=[])
    certain_at: str = Field(default="", description="RFC 3339: by then even a verifier that was cut off denies")


def _form(summary: str, form: type[BaseModel], codes: Codes) -> dict[str, Any]:
    content = {"application/x-www-form-urlencoded": {"schema": form.model_json_schema()}}
    body = {"summary": summary, "requestBody": {"required": True, "content": content}}
    merged = {status: [*_CLIENT.get(status, ()), *codes.get(status, ())] for status in _CLIENT.keys() | codes.keys()}
    return body | refuses(merged, [CLIENT, ANYBODY])


TOKEN = _form(
    "A token (RFC 6749)",
    TokenForm,
    {
        400: (
            *("invalid_grant", "invalid_scope", "invalid_target", "unauthorized_client", "unsupported_grant_type"),
            *("invalid_dpop_proof", "use_dpop_nonce"),
            *("authorization_pending", "slow_down", "access_denied", "expired_token"),
        )
    },
)
PUSH = _form(
    "An authorization request, pushed ahead of the browser (RFC 9126)",
    PushForm,
    {
        400: (
            "invalid_scope",
            "invalid_target",
            "unauthorized_client",
            "unsupported_response_type",
            "invalid_request_object",
            "invalid_dpop_proof",
            "use_dpop_nonce",
        ),
        429: ("too_many_attempts",),
    },
)
DEVICE = _form(
    "A code for a device, and one for whoever stands before it (RFC 8628)",
    DeviceForm,
    {400: ("invalid_scope", "invalid_target", "unauthorized_client"), 429: ("too_many_attempts",)},
)
INTROSPECT = _form("Introspection (RFC 7662)", PresentedToken, {400: ("unauthorized_client",)})
REVOKE = _form("Revocation (RFC 7009)", PresentedToken, {400: ("unauthorized_client",)})
JWKS = {"summary": "The keys that verify access tokens (RFC 7517)"}
METADATA = {"summary": "What this authorization server offers (RFC 8414)"}
REVOCATION = refuses(
    {
        401: ("authentication_required", "invalid_token"),
        403: ("insufficient_scope", "not_allowed"),
        404: ("not_found",),
    },
    [BEARER],
)
