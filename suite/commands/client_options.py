"""What an operator can say of an application: a row for each member of a client, for `create` and `update` alike."""

import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import typer

from suite.errors import Halt
from watchword.token.v1.token_pb2 import Client

Said = Mapping[str, Any]
"""By the names of Client; what no option says is not there."""


@dataclass(frozen=True)
class Member:
    """A member of Client and its option. `bounds` are of seconds."""

    name: str
    flag: str
    kind: type
    help: str
    metavar: str | None = None
    bounds: tuple[int, int] | None = None

    def parameter(self) -> inspect.Parameter:
        least, most = self.bounds or (None, None)
        option = typer.Option(self.flag, help=self.help, metavar=self.metavar, min=least, max=most, show_default=False)
        hint: Any = list[str] if self.kind is list else self.kind
        hint = Annotated[hint | None, option]
        return inspect.Parameter(self.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=hint)


MEMBERS = (
    Member(
        "grant_types",
        "--grant-type",
        list,
        "How it may get tokens: authorization_code, refresh_token, client_credentials, or device_code, token-exchange, "
        "jwt-bearer behind urn:ietf:params:oauth:grant-type: ; may be repeated. Absent, it follows: with a redirect "
        "URI people sign in; else a public one refreshes, another gets tokens for itself.",
        "TYPE",
    ),
    Member(
        "redirect_uris",
        "--redirect-uri",
        list,
        "Where people come back to once they have signed in, to the letter: https://…, http://127.0.0.1/… (any port) "
        "for an app on their machine, com.example.app:/… for one on their phone; may be repeated.",
        "URI",
    ),
    Member(
        "post_logout_redirect_uris",
        "--post-logout-redirect-uri",
        list,
        "Where they may come back to once they have signed out.",
        "URI",
    ),
    Member(
        "scopes",
        "--scope",
        list,
        "What it may ask for; may be repeated. Absent, an app that signs people in has openid profile email address "
        "phone offline_access.",
        "SCOPE",
    ),
    Member(
        "audiences",
        "--audience",
        list,
        "Whom its tokens may be meant for; the first is the default. May be repeated.",
        "AUD",
    ),
    Member(
        "token_endpoint_auth_method",
        "--auth-method",
        str,
        "How it proves who it is: client_secret_basic, client_secret_post, client_secret_jwt, private_key_jwt, "
        "tls_client_auth, self_signed_tls_client_auth. Absent: its secret, as a header or in the form.",
        "METHOD",
    ),
    Member("jwks", "--jwks", Path, "Its public keys, a JWK set in a file; for private_key_jwt and the like.", "FILE"),
    Member("jwks_uri", "--jwks-uri", str, "Where it publishes them, in place of --jwks.", "URI"),
    Member(
        "tls_client_auth_subject_dn", "--tls-subject", str, "The subject of its certificate, for tls_client_auth.", "DN"
    ),
    Member("tls_client_auth_san_dns", "--tls-dns", str, "Or a DNS name of its certificate.", "NAME"),
    Member(
        "visible_roles",
        "--sees-role",
        list,
        "A role that its tokens tell it of, where it is held on everything: a.b, all of a.*, or *. May be repeated.",
        "ROLE",
    ),
    Member("visible_groups", "--sees-group", list, "A group that its tokens tell it of. May be repeated.", "GROUP"),
    Member(
        "may_act",
        "--may-act",
        str,
        "The client that may exchange its tokens for its own (RFC 8693), besides those that they are meant for.",
        "CLIENT",
    ),
    Member(
        "dpop_bound_access_tokens", "--dpop/--no-dpop", bool, "Its tokens are bound to a key of its own (RFC 9449)."
    ),
    Member(
        "tls_client_certificate_bound_access_tokens",
        "--tls-bound/--no-tls-bound",
        bool,
        "Its tokens are bound to its certificate (RFC 8705).",
    ),
    Member(
        "require_pushed_authorization_requests",
        "--require-par/--no-require-par",
        bool,
        "It has to push its authorization requests (RFC 9126); with bound tokens it is held to FAPI 2.",
    ),
    Member(
        "require_pkce",
        "--pkce/--no-pkce",
        bool,
        "Each sign-in shows a code challenge (RFC 7636); the default, which only a confidential one may do without.",
    ),
    Member("first_party", "--first-party/--third-party", bool, "It is your own, and may have watchword:… scopes."),
    Member(
        "ask_consent", "--consent/--no-consent", bool, "People are asked before it gets what it wants; the default."
    ),
    Member(
        "direct_login",
        "--direct-login/--no-direct-login",
        bool,
        "It may send people's passwords to POST /v1/login; first-party only.",
    ),
    Member(
        "access_token_alg", "--alg", str, "What signs its access tokens: ES256 (default), RS256, PS256, EdDSA.", "ALG"
    ),
    Member(
        "access_token_life", "--life", int, "How long its access tokens live; 720 by default.", "SECONDS", (1, 3600)
    ),
    Member(
        "id_token_alg", "--id-token-alg", str, "What signs its ID tokens: RS256 (default), ES256, PS256, EdDSA.", "ALG"
    ),
    Member("userinfo_alg", "--userinfo-alg", str, "What signs userinfo's answers; plain JSON where absent.", "ALG"),
    Member("default_max_age", "--max-age", int, "How old a login it is content with.", "SECONDS", (0, 2**31)),
    Member(
        "leeway",
        "--leeway",
        int,
        "How long a lost answer to a refresh can be given again; 0: never. 10 by default.",
        "SECONDS",
        (0, 60),
    ),
    Member(
        "reuse_ends",
        "--reuse-ends",
        str,
        "What a reused refresh token ends: family (default), or account for all.",
        "WHAT",
    ),
    Member("grants", "--grant", list, "Such as introspect:any; may be repeated.", "GRANT"),
    Member(
        "cors_origins", "--cors-origin", list, "A web origin whose pages may call token, revoke and userinfo.", "ORIGIN"
    ),
    Member(
        "subject_type",
        "--subject-type",
        str,
        "public (default), or pairwise: it knows people by names that its sector alone has.",
        "TYPE",
    ),
    Member(
        "sector",
        "--sector",
        str,
        "For pairwise: the host whose applications share those names; that of its redirect URIs where absent.",
        "HOST",
    ),
    Member(
        "backchannel_logout_uri",
        "--backchannel-logout-uri",
        str,
        "Where it is told that a session ended, by POST.",
        "URI",
    ),
    Member("frontchannel_logout_uri", "--frontchannel-logout-uri", str, "Its page that signs the browser out.", "URI"),
    Member("logo_uri", "--logo-uri", str, "Its picture, for the page that asks people.", "URI"),
    Member("client_uri", "--client-uri", str, "Its home page.", "URI"),
    Member("policy_uri", "--policy-uri", str, "What it does with what it learns of people.", "URI"),
    Member("tos_uri", "--tos-uri", str, "Its terms of service.", "URI"),
    Member(
        "initiate_login_uri",
        "--initiate-login-uri",
        str,
        "Where others may send a person so that it starts their sign-in.",
        "URI",
    ),
    Member("contacts", "--contact", list, "Who answers for it, such as a mail address; may be repeated.", "WHOM"),
    Member("software_id", "--software-id", str, "The software of which it is an installation.", "ID"),
    Member("software_version", "--software-version", str, "Of which version that is.", "VERSION"),
    Member("default_acr_values", "--acr", list, "How it would have people sign in, where that can be had.", "ACR"),
    Member(
        "require_auth_time",
        "--auth-time/--no-auth-time",
        bool,
        "Its ID tokens must say when the person signed in; all do.",
    ),
    Member("request_uris", "--request-uri", list, "Where its requests may be fetched from (RFC 9101).", "URI"),
    Member("request_object_alg", "--request-object-alg", str, "What its requests are signed with.", "ALG"),
)


def describing(command: Callable[..., None]) -> Callable[..., None]:
    """The command with an option for each member; it is given what they say as `said`."""
    own = [one for one in inspect.signature(command, eval_str=True).parameters.values() if one.name != "said"]

    @wraps(command)
    def described(**given: Any) -> None:
        said = {one.name: given.pop(one.name) for one in MEMBERS}
        command(**given, said={name: value for name, value in said.items() if value is not None})

    parameters = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in own]
    parameters += [one.parameter() for one in MEMBERS]
    described.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    described.__annotations__ = {one.name: one.annotation for one in parameters}
    return described


def apply(client: Client, said: Said) -> None:
    """Makes a client what the options say; of what they do not say, it stays as it is. Raises Halt."""
    for name, value in said.items():
        match value:
            case Path():
                client.jwks.Clear()
                client.jwks.update(key_set(value))
            case list():
                client.ClearField(name)  # type: ignore[arg-type]
                getattr(client, name).extend(one for one in value if one)
            case int() if name in ("access_token_life", "leeway", "default_max_age"):
                getattr(client, name).FromSeconds(value)
            case _:
                setattr(client, name, value)


def key_set(path: Path) -> dict[str, Any]:
    """A JWK set. Raises Halt."""
    found = document(path)
    if not isinstance(found, dict) or not isinstance(found.get("keys"), list):
        raise Halt(f'{path} is no JWK set: {{"keys": […]}}')
    return found


def document(path: Path) -> Any:
    """What a file of JSON holds. Raises Halt."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise Halt(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise Halt(f"{path} is not JSON") from None
