"""What an access token says (RFC 9068, with Watchword's `pos`, `spos`, `sid` and `fam`)."""

from collections.abc import Mapping

import msgspec

from watchword.errors import TokenRefused
from watchword.proof import Confirmation, read_confirmation

MAX_POSITION = 2**63 - 1
MAX_ACTORS = 16
"""Services through which a token can have come."""


class Prior(msgspec.Struct, frozen=True):
    """A token that another was exchanged for (RFC 8693), the client that had it, and the key that signed it."""

    jti: str
    client_id: str
    kid: str


class Claims(msgspec.Struct, frozen=True, kw_only=True):
    """A verified access token. Times are seconds since 1970 UTC, positions those of the log that is named.

    `pos` is the position in token's log at which it was issued, `spos` its session's in identity's log, `sid` the
    session, `fam` the refresh family, `kid` the key that signed it. `userinfo_claims` were asked for by name. `cnf` is
    what its presenter has to prove. `actors` are the services that act for `sub`, by their names in `act`, the one that
    acts now first (RFC 8693 4.1); `may_act` is one that may come to (4.4). What ends one of `prior` ends this token.
    """

    iss: str
    sub: str
    aud: tuple[str, ...]
    exp: int
    iat: int
    jti: str
    client_id: str
    scope: frozenset[str]
    pos: int
    kid: str
    sid: str | None = None
    spos: int | None = None
    fam: str | None = None
    auth_time: int | None = None
    acr: str | None = None
    amr: tuple[str, ...] = ()
    nbf: int | None = None
    userinfo_claims: tuple[str, ...] = ()
    cnf: Confirmation | None = None
    actors: tuple[str, ...] = ()
    may_act: str | None = None
    prior: tuple[Prior, ...] = ()

    @property
    def pairwise(self) -> bool:
        """Whether `sub` and `sid` are names that only the token's client knows, and no ids (OpenID Connect Core 8.1).

        A person's token has `spos` unless its client is to have nothing in common with others.
        """
        return self.fam is not None and self.spos is None


def read_claims(payload: Mapping[str, object], kid: str) -> Claims:
    """The claims of a payload whose signature by `kid` holds; refuses what is missing, mistyped, or bound to what
    nobody here could check.
    """
    return Claims(
        iss=_text(payload, "iss"),
        sub=_text(payload, "sub"),
        aud=_audience(payload),
        exp=_integer(payload, "exp"),
        iat=_integer(payload, "iat"),
        jti=_text(payload, "jti"),
        client_id=_text(payload, "client_id"),
        scope=_scope(payload),
        pos=_position(payload, "pos"),
        kid=kid,
        sid=_text(payload, "sid") if "sid" in payload else None,
        spos=_position(payload, "spos") if "spos" in payload else None,
        fam=_text(payload, "fam") if "fam" in payload else None,
        auth_time=_integer(payload, "auth_time") if "auth_time" in payload else None,
        acr=_text(payload, "acr") if "acr" in payload else None,
        amr=_texts(payload, "amr") if "amr" in payload else (),
        nbf=_integer(payload, "nbf") if "nbf" in payload else None,
        userinfo_claims=_texts(payload, "userinfo_claims") if "userinfo_claims" in payload else (),
        cnf=read_confirmation(payload["cnf"]) if "cnf" in payload else None,
        actors=_actors(payload) if "act" in payload else (),
        may_act=_party(payload, "may_act") if "may_act" in payload else None,
        prior=_prior(payload) if "prior" in payload else (),
    )


def _bad(payload: Mapping[str, object], name: str) -> TokenRefused:
    if name not in payload:
        return TokenRefused("missing_claim", f"the token has no {name}")
    return TokenRefused("bad_claim", f"{name} has a wrong type or value")


def _text(payload: Mapping[str, object], name: str) -> str:
    value = payload.get(name)
    if not value or type(value) is not str:
        raise _bad(payload, name)
    return value


def _integer(payload: Mapping[str, object], name: str) -> int:
    value = payload.get(name)
    if type(value) is not int or value < 0:
        raise _bad(payload, name)
    return value


def _position(payload: Mapping[str, object], name: str) -> int:
    value = payload.get(name)
    if type(value) is not int or not 1 <= value <= MAX_POSITION:
        raise _bad(payload, name)
    return value


def _texts(payload: Mapping[str, object], name: str) -> tuple[str, ...]:
    value = payload.get(name)
    if not isinstance(value, list):
        raise _bad(payload, name)
    texts = tuple(item for item in value if isinstance(item, str) and item)
    if not texts or len(texts) != len(value):
        raise _bad(payload, name)
    return texts


def _audience(payload: Mapping[str, object]) -> tuple[str, ...]:
    if isinstance(payload.get("aud"), str):
        return (_text(payload, "aud"),)
    return _texts(payload, "aud")


def _scope(payload: Mapping[str, object]) -> frozenset[str]:
    value = payload.get("scope")
    if not isinstance(value, str):
        raise _bad(payload, "scope")
    return frozenset(value.split(" ")) - {""}


def _party(payload: Mapping[str, object], name: str) -> str:
    value = payload.get(name)
    party = value.get("sub") if isinstance(value, dict) else None
    if not isinstance(party, str) or not party:
        raise _bad(payload, name)
    return party


def _actors(payload: Mapping[str, object]) -> tuple[str, ...]:
    """Each holds the one before it."""
    found: list[str] = []
    while "act" in payload:
        found.append(_party(payload, "act"))
        inner = payload["act"]
        if len(found) > MAX_ACTORS or not isinstance(inner, dict):
            raise _bad(payload, "act")
        payload = inner
    return tuple(found)


def _prior(payload: Mapping[str, object]) -> tuple[Prior, ...]:
    try:
        return msgspec.convert(payload["prior"], tuple[Prior, ...])
    except msgspec.ValidationError:
        raise _bad(payload, "prior") from None
