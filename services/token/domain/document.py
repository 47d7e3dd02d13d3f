"""A client in the terms of RFC 7591 2, OpenID Connect Dynamic Client Registration 2 and their kin, as JSON objects."""

from collections.abc import Mapping
from typing import Any

import msgspec

from services.token.domain.addresses import host_of, wrong_endpoint
from services.token.domain.client import Client
from services.token.domain.errors import InvalidClientMetadata, UnapprovedSoftwareStatement
from services.token.domain.response_type import CODE, GRANTED_BY, IMPLICIT, type_of

_NAMES = {
    "client_name": "name",
    "id_token_signed_response_alg": "id_token_alg",
    "userinfo_signed_response_alg": "userinfo_alg",
    "request_object_signing_alg": "request_object_alg",
}
"""What is called otherwise there."""
_SAME = frozenset(
    {
        *("redirect_uris", "grant_types", "token_endpoint_auth_method", "token_endpoint_auth_signing_alg", "jwks"),
        *("jwks_uri", "logo_uri", "client_uri", "policy_uri", "tos_uri", "subject_type", "default_max_age"),
        *("post_logout_redirect_uris", "request_uris", "backchannel_logout_uri", "frontchannel_logout_uri"),
        *("frontchannel_logout_session_required", "require_pushed_authorization_requests"),
        *("dpop_bound_access_tokens", "tls_client_certificate_bound_access_tokens", "tls_client_auth_subject_dn"),
        *("tls_client_auth_san_dns", "tls_client_auth_san_uri", "tls_client_auth_san_ip", "tls_client_auth_san_email"),
        *("default_acr_values", "require_auth_time", "contacts", "initiate_login_uri"),
        *("software_id", "software_version"),
    }
) & frozenset(Client.__struct_fields__)
_OTHERS = frozenset({"scope", "response_types", "application_type", "sector_identifier_uri"})
_OPERATORS = frozenset(
    {
        *("first_party", "direct_login", "audiences", "access_token_alg", "access_token_life", "leeway", "reuse_ends"),
        *("grants", "cors_origins", "require_pkce", "ask_consent", "sector", "may_act"),
        *("visible_roles", "visible_groups"),
    }
)
"""What only an operator's document says, under our own names."""
_ENCRYPTED = (
    *("id_token_encrypted_response_alg", "id_token_encrypted_response_enc"),
    *("userinfo_encrypted_response_alg", "userinfo_encrypted_response_enc"),
    *("request_object_encryption_alg", "request_object_encryption_enc"),
)
"""What asks for encryption, which is not offered: whoever relies on it must not be told that they have it."""
MEMBERS = _NAMES.keys() | _SAME | _OTHERS | _OPERATORS | {*_ENCRYPTED, "client_id", "client_secret"}
"""All that is read of a document."""
Document = Mapping[str, Any]


class Read(msgspec.Struct, frozen=True):
    """What a document says. `sector_uri` is where its redirect URIs are published, with others of the same sector."""

    client: Client
    sector_uri: str = ""
    secret: str = ""
    ignored: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Read({self.client.id!r})"


def read_registration(document: Document) -> Read:
    """What a client says of itself. What is not known is ignored (RFC 7591 2); what only an operator says is, too.

    Raises InvalidClientMetadata, UnapprovedSoftwareStatement.
    """
    if document.get("software_statement") is not None:
        # What it says would come before what the document says (RFC 7591 3.1.1): without it the client is another.
        raise UnapprovedSoftwareStatement
    said = _said(document)
    confidential = said.get("token_endpoint_auth_method") != "none"
    # RFC 9700 2.1.1 is for the client to follow; what certifies providers registers confidential ones without PKCE.
    own = {"self_registered": True, "require_pkce": not confidential}
    return Read(_client(said | own), _text(document, "sector_identifier_uri"))


def read_import(document: Document) -> Read:
    """A client that an operator brings from elsewhere, with its id and its secret. Raises InvalidClientMetadata."""
    operators = {name: value for name, value in document.items() if name in _OPERATORS and value is not None}
    said = _said(document) | {"id": _text(document, "client_id"), "sector": _sector(document)}
    client = _client(said | operators)
    return Read(
        client,
        secret=_text(document, "client_secret"),
        ignored=tuple(sorted(document.keys() - MEMBERS)),
    )


def _sector(document: Document) -> str:
    """The operator's word is enough: what is published there was asked by whoever registered the client."""
    uri = _text(document, "sector_identifier_uri")
    if uri and (wrong := wrong_endpoint(uri)):
        raise InvalidClientMetadata(f"sector_identifier_uri: {wrong}")
    return host_of(uri)


def _said(document: Document) -> dict[str, Any]:
    """By the names of Client. RFC 7592 2.2: null is as good as absent."""
    named = {name: _NAMES.get(name, name) for name in document if name in _NAMES or name in _SAME}
    said = {ours: document[name] for name, ours in named.items() if document[name] is not None}
    method = said.setdefault("token_endpoint_auth_method", "client_secret_basic")
    said["confidential"] = method != "none"
    said["grant_types"] = _agreed(document, said.get("grant_types", [CODE]))
    if scope := _text(document, "scope"):
        said["scopes"] = scope.split()
    if _text(document, "application_type") not in ("", "web", "native"):
        raise InvalidClientMetadata("application_type is web or native")
    for name in _ENCRYPTED:
        if document.get(name) is not None:
            raise InvalidClientMetadata(f"{name}: encryption is not offered")
    return said


def _agreed(document: Document, grant_types: Any) -> Any:
    """RFC 7591 2.1: response types and grant types need each other."""
    types = document.get("response_types")
    if types is None or not isinstance(grant_types, list):
        return grant_types
    if not isinstance(types, list) or not all(isinstance(one, str) and type_of(one) in GRANTED_BY for one in types):
        raise InvalidClientMetadata(f"response_types are among {', '.join(GRANTED_BY)}")
    if {GRANTED_BY[type_of(one)] for one in types} != {one for one in (CODE, IMPLICIT) if one in grant_types}:
        raise InvalidClientMetadata(
            "response_types and grant_types do not agree: code goes with authorization_code, the others with implicit"
        )
    return grant_types


def _client(said: dict[str, Any]) -> Client:
    try:
        return msgspec.convert(said, Client)
    except msgspec.ValidationError as error:
        raise InvalidClientMetadata(_where(str(error))) from None
    except UnicodeEncodeError:
        raise InvalidClientMetadata("a text holds characters that no text has") from None


def _where(reason: str) -> str:
    """The words of msgspec, with the member under the name that the document has."""
    theirs = {ours: name for name, ours in _NAMES.items()} | {"id": "client_id", "scopes": "scope"}
    what, _, at = reason.partition(" - at `$.")
    name = at.strip("`").partition("[")[0]
    return f"{theirs.get(name, name)}: {what}" if name else what


def _text(document: Document, name: str) -> str:
    value = document.get(name)
    if value is not None and not isinstance(value, str):
        raise InvalidClientMetadata(f"{name}: Expected `str`")
    return value or ""


def written(client: Client) -> dict[str, Any]:
    """What is registered (RFC 7591 3.2.1). What says nothing is left out."""
    said = {name: getattr(client, _NAMES.get(name, name)) for name in (*_NAMES, *sorted(_SAME))}
    said["token_endpoint_auth_method"] = client.token_endpoint_auth_method or _default_method(client)
    said["scope"] = " ".join(client.scopes)
    kept = {name: value for name, value in said.items() if value is not False and value not in ("", (), None)}
    asks = [name for name, grant_type in GRANTED_BY.items() if grant_type in client.grant_types]
    return {"client_id": client.id} | kept | {"grant_types": client.grant_types, "response_types": asks}


def _default_method(client: Client) -> str:
    return "client_secret_basic" if client.confidential else "none"
