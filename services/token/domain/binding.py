"""What a token is bound to: the key of a DPoP proof (RFC 9449 6), a certificate (RFC 8705 3), or nothing."""

import msgspec


class Binding(msgspec.Struct, frozen=True):
    """`jkt` is the thumbprint of a key (RFC 7638), `x5t` the SHA-256 of a certificate; both base64url, or empty."""

    jkt: str = ""
    x5t: str = ""

    def __bool__(self) -> bool:
        return bool(self.jkt or self.x5t)

    @property
    def cnf(self) -> dict[str, str]:
        """The claim (RFC 7800 3.1)."""
        said = {"jkt": self.jkt, "x5t#S256": self.x5t}
        return {name: value for name, value in said.items() if value}

    @property
    def said(self) -> dict[str, str]:
        """As events say it: what is absent is not named."""
        return {name: value for name, value in (("jkt", self.jkt), ("x5t", self.x5t)) if value}

    def held_by(self, shown: "Binding") -> bool:
        """Whether whoever has proven `shown` holds all that this one names."""
        return self.jkt in ("", shown.jkt) and self.x5t in ("", shown.x5t)

    def renewed_by(self, shown: "Binding") -> bool:
        """Whether `shown` proves in the same ways, perhaps with another key."""
        return bool(shown.jkt or not self.jkt) and bool(shown.x5t or not self.x5t)


UNBOUND = Binding()


def binding_of(jkt: str | None, x5t: str | None) -> Binding:
    """What an event says."""
    return Binding(jkt or "", x5t or "") if jkt or x5t else UNBOUND
