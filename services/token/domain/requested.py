"""The `claims` parameter of an authorization request (OpenID Connect Core 5.5)."""

from collections.abc import Collection
from typing import Any

import msgspec

from services.token.domain.errors import AuthorizationRefused

MAX_CLAIMS = 50
BY_SCOPE = {
    "profile": frozenset(
        {
            *("name", "family_name", "given_name", "middle_name", "nickname", "preferred_username", "profile"),
            *("picture", "website", "gender", "birthdate", "zoneinfo", "locale", "updated_at"),
        }
    ),
    "email": frozenset({"email", "email_verified"}),
    "address": frozenset({"address"}),
    "phone": frozenset({"phone_number", "phone_number_verified"}),
}
"""OpenID Connect Core 5.4: what each scope lets an application know."""


class Requested(msgspec.Struct, frozen=True):
    """Claims by name, for the ID token and for userinfo; whom it has to be; and, where it is essential, how they signed
    in.
    """

    id_token: tuple[str, ...] = ()
    userinfo: tuple[str, ...] = ()
    subject: str = ""
    acr: tuple[str, ...] = ()

    @property
    def scopes(self) -> frozenset[str]:
        """The scopes that would let an application know them."""
        named = {*self.id_token, *self.userinfo}
        return frozenset(scope for scope, claims in BY_SCOPE.items() if not named.isdisjoint(claims))


def within(claims: Collection[str], scopes: Collection[str]) -> list[str]:
    """Those of the claims that one of the scopes lets an application know."""
    let = all_of(scopes)
    return [claim for claim in claims if claim in let]


def all_of(scopes: Collection[str]) -> list[str]:
    """All that the scopes let an application know."""
    return sorted(frozenset[str]().union(*(BY_SCOPE.get(scope, frozenset()) for scope in scopes)))


def read_claims(text: str | None) -> Requested:
    """Raises AuthorizationRefused for what is not as OpenID Connect has it. Members that it does not know are passed
    over.
    """
    if text is None:
        return Requested()
    try:
        said = msgspec.json.decode(text, type=dict[str, dict[str, dict[str, Any] | None]])
    except (msgspec.DecodeError, RecursionError):
        raise AuthorizationRefused("invalid_request", "claims is not JSON as OpenID Connect Core 5.5 has it") from None
    id_token, userinfo = said.get("id_token", {}), said.get("userinfo", {})
    if len(id_token) + len(userinfo) > MAX_CLAIMS:
        raise AuthorizationRefused("invalid_request", f"claims names more than {MAX_CLAIMS} claims")
    subject = (id_token.get("sub") or {}).get("value", "")
    if not isinstance(subject, str):
        raise AuthorizationRefused("invalid_request", "the value of sub in claims is no text")
    return Requested(tuple(sorted(id_token)), tuple(sorted(userinfo)), subject, _essential_acr(id_token.get("acr")))


def _essential_acr(asked: dict[str, Any] | None) -> tuple[str, ...]:
    """OpenID Connect Core 5.5.1.1: only where it is essential must one of the values be met."""
    if not asked or asked.get("essential") is not True:
        return ()
    values = asked.get("values", [asked["value"]] if "value" in asked else [])
    if not isinstance(values, list) or not all(isinstance(one, str) for one in values):
        raise AuthorizationRefused("invalid_request", "the values of acr in claims are no texts")
    return tuple(values)
