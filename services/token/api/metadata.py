"""What this authorization server offers, for programs (RFC 8414, OpenID Connect Discovery 1.0)."""

from collections.abc import Sequence
from typing import Any

from services.token.domain.assertion import BY_KEY
from services.token.domain.authorization import ACR
from services.token.domain.client import FIRST_PARTY_SCOPES, OPENID_SCOPES, SUBJECT_TYPES
from services.token.domain.keyring import ALGORITHMS
from services.token.domain.response_type import GRANTED_BY, IMPLICIT, RESPONSE_MODES

CLAIMS = ("sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "sid", "at_hash")
PROFILE = ("preferred_username", "name", "updated_at", "email", "email_verified")


def metadata(issuer: str, identity: str, grant_types: Sequence[str], registration: bool = False) -> dict[str, Any]:
    """The document. `identity` is where browsers reach identity: the issuer, where all stand under one origin."""
    registers = {"registration_endpoint": f"{issuer}/oauth2/register"} if registration else {}
    # Who may not register themselves cannot be registered for the others.
    types = [name for name, grant_type in GRANTED_BY.items() if registration or grant_type != IMPLICIT]
    return registers | {
        "issuer": issuer,
        "jwks_uri": f"{issuer}/.well-known/jwks.json",
        "authorization_endpoint": f"{identity}/oauth2/authorize",
        "token_endpoint": f"{issuer}/oauth2/token",
        "userinfo_endpoint": f"{identity}/oauth2/userinfo",
        "end_session_endpoint": f"{identity}/oauth2/logout",
        "check_session_iframe": f"{identity}/oauth2/session",
        "pushed_authorization_request_endpoint": f"{issuer}/oauth2/par",
        "device_authorization_endpoint": f"{issuer}/oauth2/device_authorization",
        "introspection_endpoint": f"{issuer}/oauth2/introspect",
        "revocation_endpoint": f"{issuer}/oauth2/revoke",
        "grant_types_supported": [*grant_types, *([IMPLICIT] if registration else [])],
        "require_pushed_authorization_requests": False,
        "response_types_supported": types,
        "response_modes_supported": list(RESPONSE_MODES),
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
        "backchannel_logout_supported": True,
        "backchannel_logout_session_supported": True,
        "frontchannel_logout_supported": True,
        "frontchannel_logout_session_supported": True,
        "claims_parameter_supported": True,
        "request_parameter_supported": True,
        "request_uri_parameter_supported": True,
        "require_request_uri_registration": True,
        "request_object_signing_alg_values_supported": [*BY_KEY, "none"],
        "subject_types_supported": list(SUBJECT_TYPES),
        "id_token_signing_alg_values_supported": list(ALGORITHMS),
        "userinfo_signing_alg_values_supported": list(ALGORITHMS),
        "acr_values_supported": [ACR],
        "prompt_values_supported": ["none", "login", "consent", "select_account"],
        "display_values_supported": ["page"],
        "claim_types_supported": ["normal"],
        "claims_supported": [*CLAIMS, *PROFILE],
        "scopes_supported": [*OPENID_SCOPES, *sorted(FIRST_PARTY_SCOPES)],
    }
