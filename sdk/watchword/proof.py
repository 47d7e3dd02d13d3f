"""What a token is bound to, and what its presenter has proven: a key (RFC 9449) or a certificate (RFC 8705)."""

from typing import Final

import msgspec

from watchword.errors import TokenRefused

_MEMBERS = {"jkt": "jkt", "x5t#S256": "x5t"}


class Confirmation(msgspec.Struct, frozen=True):
    """A token's `cnf` (RFC 7800): the thumbprint of a key, the SHA-256 of a certificate, or both; base64url."""

    jkt: str | None = None
    x5t: str | None = None

    def proven_by(self, shown: "Proven") -> bool:
        """Whether all that the token is bound to has been proven."""
        if shown is ANY_PROOF:
            return True
        return (self.jkt is None or self.jkt == shown.jkt) and (self.x5t is None or self.x5t == shown.x5t)

    @property
    def cnf(self) -> dict[str, str]:
        """As the claim says it."""
        said = {member: getattr(self, name) for member, name in _MEMBERS.items()}
        return {member: value for member, value in said.items() if value is not None}


class Proven(msgspec.Struct, frozen=True):
    """What the presenter of a token has proven, as `Confirmation` says it; None where nothing was."""

    jkt: str | None = None
    x5t: str | None = None


NOTHING: Final = Proven()
ANY_PROOF: Final = Proven("*", "*")
"""Asks for no proof: for the issuer's own introspection, never to protect a resource."""


def read_confirmation(cnf: object) -> Confirmation:
    """Refuses a way of confirming that is not known here: nobody could say whether it was proven."""
    if not isinstance(cnf, dict) or not cnf or not cnf.keys() <= _MEMBERS.keys():
        raise unproven()
    if not all(isinstance(value, str) and value for value in cnf.values()):
        raise unproven()
    return Confirmation(**{_MEMBERS[member]: value for member, value in cnf.items()})


def unproven() -> TokenRefused:
    return TokenRefused("proof_required", "the token is bound to a proof that is not checked here, or was not given")
