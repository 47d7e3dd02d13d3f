"""What a client may be registered with: RFC 7591 2, OpenID Connect Dynamic Client Registration 2, RULES 8 to 10."""

import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from ipaddress import ip_address
from typing import Any

import msgspec

from services.token.domain import bearer, device, exchange
from services.token.domain.addresses import (
    host_of,
    origin_of,
    wrong_endpoint,
    wrong_origin,
    wrong_page,
    wrong_redirect,
    wrong_request_uri,
)
from services.token.domain.certificate import read_dn
from services.token.domain.client import FIRST_PARTY_SCOPES, OPENID_SCOPES, SUBJECT_TYPES, Client
from services.token.domain.errors import InvalidClientMetadata, InvalidRedirectUri
from services.token.domain.keyring import ALGORITHMS
from services.token.domain.response_type import CODE, IMPLICIT, implicit_rules
from watchword.folding import MAX_ACCESS_TOKEN_LIFE as MAX_LIFE

OWN_TOKENS = ("client_credentials", exchange.GRANT_TYPE, bearer.GRANT_TYPE)
"""Those that ask no person: for clients alone that prove who they are."""
GRANT_TYPES = (CODE, IMPLICIT, "refresh_token", device.GRANT_TYPE, *OWN_TOKENS)
ASKS_PEOPLE = frozenset({CODE, IMPLICIT, device.GRANT_TYPE})
SELF_GRANT_TYPES = ASKS_PEOPLE | {"refresh_token"}
"""Those of a client that registered itself: all of them ask a person."""
BY_MAC = "client_secret_jwt"
BY_SECRET = ("client_secret_basic", "client_secret_post", BY_MAC)
BY_KEY = ("private_key_jwt", "self_signed_tls_client_auth")
METHODS = ("none", *BY_SECRET, *BY_KEY, "tls_client_auth")
MAX_NAME = 200
MAX_CONTACT = 320
MAX_LIST = 100
MAX_AGE = 2**31
ID = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_SCOPE = re.compile(r"[!#-\[\]-~]{1,128}")
_AUDIENCE = re.compile(r"[!-~]{1,256}")
_GRANT = re.compile(r"[!-~]{1,128}")
_SEEN = re.compile(r"\*|[A-Za-z0-9][A-Za-z0-9_-]{0,63}(\.[A-Za-z0-9_-]{1,63})*(\.\*)?")
_ACR = re.compile(r"[!-~]{1,256}")
_SECTOR = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,252}[a-z0-9])?|[0-9a-f:.]*:[0-9a-f:.]*")
_CERTIFICATE_NAMES = (
    "tls_client_auth_subject_dn",
    *(f"tls_client_auth_san_{kind}" for kind in ("dns", "uri", "ip", "email")),
)
_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_MEMBERS = _PRIVATE | {
    *("kty", "use", "key_ops", "alg", "kid", "crv", "x", "y", "n", "e", "x5u", "x5c", "x5t", "x5t#S256"),
}
_KEY_TYPES = {"RSA": ("n", "e"), "EC": ("crv", "x", "y"), "OKP": ("crv", "x")}


def completed(client: Client) -> Client:
    """With the scopes of a client that names none, and the sector of a pairwise one; of its keys, what RFC 7517 to 7518
    know.
    """
    asks_people = not ASKS_PEOPLE.isdisjoint(client.grant_types)
    scopes = client.scopes or (OPENID_SCOPES if asks_people else ())
    pkce = client.require_pkce or client.held_to_fapi
    keys = _known(client.jwks)
    # RS256 is what a document that names none means (OpenID Connect Dynamic Client Registration 2), and RFC 7591 2 lets
    # it be replaced: under FAPI 2.0 it may sign nothing.
    id_alg = "ES256" if client.held_to_fapi and client.id_token_alg == "RS256" else client.id_token_alg
    sector = client.sector or (_shared_host(client) if client.pairwise else "")
    return msgspec.structs.replace(
        client, scopes=scopes, jwks=keys, require_pkce=pkce, id_token_alg=id_alg, sector=sector
    )


def _shared_host(client: Client) -> str:
    """The host of all redirect URIs; empty where they share none (OpenID Connect Core 8.1)."""
    hosts = {host_of(uri) for uri in client.redirect_uris}
    return hosts.pop() if len(hosts) == 1 else ""


def needs_secret(client: Client) -> bool:
    """Whether it proves itself by a secret that it is given."""
    return client.confidential and client.token_endpoint_auth_method in ("", *BY_SECRET)


def check(client: Client) -> None:
    """Raises InvalidRedirectUri or InvalidClientMetadata, which say the rule that is broken."""
    for reason in _redirects(client):
        raise InvalidRedirectUri(reason)
    for rules in _RULES:
        for rule, broken in rules(client):
            if broken:
                raise InvalidClientMetadata(rule)


Rules = Iterable[tuple[str, bool]]


def _redirects(client: Client) -> Iterator[str]:
    if len(client.redirect_uris) > MAX_LIST:
        yield f"at most {MAX_LIST} redirect URIs"
    for uri in client.redirect_uris:
        if wrong := wrong_redirect(uri, client.confidential):
            yield f"a redirect URI is {wrong}"
    if not {CODE, IMPLICIT}.isdisjoint(client.grant_types) and not client.redirect_uris:
        yield "a client with authorization_code or implicit has a redirect URI"


def _names(client: Client) -> Rules:
    yield "a client id does not begin with acc_", client.id.startswith("acc_")
    yield "client_id has 1 to 64 of A-Z a-z 0-9 _ . -", not ID.fullmatch(client.id)
    yield f"a name has at most {MAX_NAME} printable characters", not _is_word(client.name)
    yield "may_act is a client's id", bool(client.may_act) and not ID.fullmatch(client.may_act)
    yield "a grant is 1 to 128 visible ASCII characters", not _all(_GRANT, client.grants)
    yield "a scope is 1 to 128 of the characters of RFC 6749 3.3", not _all(_SCOPE, client.scopes)
    shown = (*client.visible_roles, *client.visible_groups)
    yield "what a client may see is a.b, a.*, or * of roles or groups", not _all(_SEEN, shown)
    yield "an audience is 1 to 256 visible ASCII characters", not _all(_AUDIENCE, client.audiences)
    yield "an acr value is 1 to 256 visible ASCII characters", not _all(_ACR, client.default_acr_values)
    for name in ("software_id", "software_version"):
        yield f"{name} has at most {MAX_NAME} printable characters", not _is_word(getattr(client, name))
    yield f"a contact has 1 to {MAX_CONTACT} printable characters", not all(map(_is_contact, client.contacts))
    lists = (getattr(client, name) for name in client.__struct_fields__)
    yield f"a list has at most {MAX_LIST} entries", any(isinstance(one, tuple) and len(one) > MAX_LIST for one in lists)


def _is_word(text: str) -> bool:
    return len(text) <= MAX_NAME and text.isprintable()


def _is_contact(text: str) -> bool:
    return 0 < len(text) <= MAX_CONTACT and text.isprintable()


def _addresses(client: Client) -> Rules:
    yield from _wrong("cors_origins", client.cors_origins, wrong_origin)
    yield from _wrong(
        "post_logout_redirect_uris",
        client.post_logout_redirect_uris,
        lambda uri: wrong_redirect(uri, client.confidential),
    )
    # OpenID Connect Back-Channel Logout 2.2: http for confidential clients, where the provider allows it.
    http = client.confidential and not client.self_registered
    yield from _wrong("backchannel_logout_uri", [client.backchannel_logout_uri], partial(wrong_endpoint, http=http))
    yield from _wrong("frontchannel_logout_uri", [client.frontchannel_logout_uri], wrong_endpoint)
    yield from _wrong("initiate_login_uri", [client.initiate_login_uri], wrong_endpoint)
    yield from _wrong("jwks_uri", [client.jwks_uri], wrong_endpoint)
    yield from _wrong("request_uris", client.request_uris, wrong_request_uri)
    for page in ("logo_uri", "client_uri", "policy_uri", "tos_uri"):
        yield from _wrong(page, [getattr(client, page)], wrong_page)
    # OpenID Connect Front-Channel Logout 1.0, 2
    page = client.frontchannel_logout_uri
    homes = {origin_of(uri) for uri in client.redirect_uris if host_of(uri)}
    yield "frontchannel_logout_uri has the origin of a redirect URI", bool(page) and origin_of(page) not in homes


def _wrong(name: str, addresses: Iterable[str], wrong: Callable[[str], str]) -> Rules:
    for address in addresses:
        if address and (reason := wrong(address)):
            yield f"{name}: {reason}", True


def _keys(client: Client) -> Rules:
    method = client.token_endpoint_auth_method
    yield "jwks or jwks_uri, not both (RFC 7591 2)", client.jwks is not None and bool(client.jwks_uri)
    yield "jwks holds public keys (RFC 7517), each RSA, EC or OKP", client.jwks is not None and not _public(client.jwks)
    yield f"{method} needs jwks or jwks_uri", method in BY_KEY and client.jwks is None and not client.jwks_uri


def _public(jwks: dict[str, Any]) -> bool:
    keys = jwks.get("keys")
    return isinstance(keys, list) and bool(keys) and len(keys) <= MAX_LIST and all(map(_is_public, keys))


def _known(jwks: dict[str, Any] | None) -> dict[str, Any] | None:
    """The keys with the members that a key has: a document from anywhere goes into an event no further than that."""
    if jwks is None or not isinstance(jwks.get("keys"), list):
        return jwks and {}
    keys = [_members(key) if isinstance(key, dict) else None for key in jwks["keys"]]
    return {"keys": keys}


def _members(key: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in key.items() if name in _MEMBERS and _is_text(value)}


def _is_text(value: Any) -> bool:
    return isinstance(value, str) or (isinstance(value, list) and all(isinstance(one, str) for one in value))


def _is_public(key: Any) -> bool:
    if not isinstance(key, dict) or not _PRIVATE.isdisjoint(key):
        return False
    members = _KEY_TYPES.get(key["kty"]) if isinstance(key.get("kty"), str) else None
    return members is not None and all(isinstance(key.get(name), str) and key[name] for name in members)


def _certificate(client: Client) -> Rules:
    """RFC 8705 2.1.2: just one name says whose certificate it is."""
    named = [name for name in _CERTIFICATE_NAMES if getattr(client, name)]
    by_name = client.token_endpoint_auth_method == "tls_client_auth"
    yield f"tls_client_auth needs just one of {', '.join(_CERTIFICATE_NAMES)}", by_name and len(named) != 1
    dn = client.tls_client_auth_subject_dn
    yield "tls_client_auth_subject_dn is as RFC 4514 writes it", bool(dn) and read_dn(dn) is None
    yield "tls_client_auth_san_ip is an IP address", not _is_ip(client.tls_client_auth_san_ip or "::")


def _is_ip(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _fapi(client: Client) -> Rules:
    """FAPI 2.0 Security Profile 5.3.2.1 and 5.4.1, for those with pushed requests and bound tokens."""
    if not client.held_to_fapi:
        return
    for alg in ("access_token_alg", "id_token_alg", "userinfo_alg"):
        yield f"{alg}: under FAPI 2 RS256 signs nothing", getattr(client, alg) == "RS256"


def _protocol(client: Client) -> Rules:
    method, algorithms = client.token_endpoint_auth_method, ", ".join(ALGORITHMS)
    yield f"grant types are among {', '.join(GRANT_TYPES)}", not set(client.grant_types) <= set(GRANT_TYPES)
    yield f"token_endpoint_auth_method is one of {', '.join(METHODS)}", method not in ("", *METHODS)
    yield "only a public client's method is none", bool(method) and (method == "none") is client.confidential
    for alg in ("access_token_alg", "id_token_alg"):
        yield f"{alg}: algorithms are {algorithms}", getattr(client, alg) not in ALGORITHMS
    assertions = ("", *ALGORITHMS, "HS256")
    yield "token_endpoint_auth_signing_alg is none of ours", client.token_endpoint_auth_signing_alg not in assertions
    yield f"userinfo_alg: algorithms are {algorithms}", client.userinfo_alg not in ("", *ALGORITHMS)
    signed = client.request_object_alg in ("", "none", *ALGORITHMS)
    yield f"request_object_alg: algorithms are none, {algorithms}", not signed
    yield f"an access token lives 1 to {MAX_LIFE} s", not 1 <= client.access_token_life <= MAX_LIFE
    yield "the leeway is 0 to 60 s", not 0 <= client.leeway <= 60
    yield "reuse ends the family or the account", client.reuse_ends not in ("family", "account")
    yield f"default_max_age is 0 to {MAX_AGE} s", not 0 <= (client.default_max_age or 0) <= MAX_AGE
    yield "a public client always shows a code challenge", not client.confidential and not client.require_pkce
    own_tokens = not client.confidential and bool(set(OWN_TOKENS) & set(client.grant_types))
    yield f"only a confidential client has {', '.join(OWN_TOKENS)}", own_tokens


def _pairwise(client: Client) -> Rules:
    """OpenID Connect Core 8.1; and what is the suite's own knows people by their ids."""
    yield f"subject_type is one of {', '.join(SUBJECT_TYPES)}", client.subject_type not in SUBJECT_TYPES
    yield "a sector is a host", bool(client.sector) and not _SECTOR.fullmatch(client.sector)
    if not client.pairwise:
        return
    yield "pairwise: without a sector (sector_identifier_uri) its redirect URIs share one host", not client.sector
    yield "a first-party client is not pairwise", client.first_party
    yield "a client with direct login is not pairwise", client.direct_login
    own = any(scope.startswith("watchword:") for scope in client.scopes)
    yield "a pairwise client has none of the suite's own scopes (watchword:…)", own


def _trust(client: Client) -> Rules:
    """RULES 10."""
    yield "only first-party clients log in directly", client.direct_login and not client.first_party
    own = bool(set(client.scopes) & FIRST_PARTY_SCOPES)
    yield "only first-party clients have the suite's own scopes", own and not client.first_party


def _self_registered(client: Client) -> Rules:
    """Whoever registered it themselves can change it: nothing of it is ever trusted beyond what people allow it."""
    if not client.self_registered:
        return
    yield "a client that registered itself is not first-party", client.first_party
    yield "a client that registered itself asks people", not client.ask_consent
    yield "a client that registered itself is granted nothing", bool(client.grants)
    yield f"scopes are among {', '.join(OPENID_SCOPES)}", not set(client.scopes) <= set(OPENID_SCOPES)
    yield (
        f"grant types are among {', '.join(sorted(SELF_GRANT_TYPES))}",
        not set(client.grant_types) <= SELF_GRANT_TYPES,
    )
    yield "a client that registered itself has no audience but the suite", bool(client.audiences)
    # Names of a sector go to its addresses only; a device has none.
    devices = client.pairwise and device.GRANT_TYPE in client.grant_types
    yield "a pairwise client that registered itself has no device_code", devices


def _all(spelling: re.Pattern[str], texts: Iterable[str]) -> bool:
    return all(spelling.fullmatch(text) for text in texts)


_RULES: tuple[Callable[[Client], Rules], ...] = (
    *(_names, _addresses, _keys, _certificate, _protocol, _fapi, _pairwise, implicit_rules, _trust, _self_registered),
)
