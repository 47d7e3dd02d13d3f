"""Every way that is known to confuse a verifier of JWTs, each by its name: tokens that must open nothing.

All are made by whoever has the keys that they are signed with, so that only what is named is wrong with them.
"""

from tests.harness.confusions.forms import FORMS
from tests.harness.confusions.given import Confusion, Given
from tests.harness.confusions.headers import ALGORITHMS, KEYS, TYPES
from tests.harness.confusions.signatures import N256, SIGNATURES, es256, pair
from tests.harness.confusions.spellings import MEMBERS, NUMBERS, SPELLINGS

__all__ = ["CONFUSIONS", "TAKEN", "Confusion", "Given"]

CONFUSIONS: dict[str, Confusion] = {
    f"{what} / {name}": made
    for what, table in {
        "algorithm": ALGORITHMS,
        "key": KEYS,
        "type": TYPES,
        "member": MEMBERS,
        "spelling": SPELLINGS,
        "signature": SIGNATURES,
        "number": NUMBERS,
        "form": FORMS,
    }.items()
    for name, made in table.items()
}

TAKEN: dict[str, Confusion] = {
    # RFC 9068 4 and RFC 2045: a media type, in any letters, with or without `application/`.
    "typ AT+JWT": lambda g: g.good(typ="AT+JWT"),
    "typ application/at+jwt": lambda g: g.good(typ="application/at+jwt"),
    "typ Application/AT+JWT": lambda g: g.good(typ="Application/AT+JWT"),
    # RFC 7515 4: what a header says besides is passed over, unless it is critical.
    "a member that nobody knows": lambda g: g.good(x=1),
    # RFC 7518 3.4 knows no lower s: signers write either, so either is taken. What is revoked is the jti, of both.
    "the other s": lambda g: es256(g, lambda r, s: pair(r, N256 - s)),
    **{f"{alg} as it should be": lambda g, alg=alg: g.good(alg) for alg in ("ES256", "RS256", "PS256", "EdDSA")},  # type: ignore[misc]
}
"""What may look like a confusion, and is none."""
