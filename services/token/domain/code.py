"""Authorization codes (RFC 6749 4.1.2): good once, for a minute, for the client that asked and nobody else."""

import base64
import hashlib
import hmac
import re

import msgspec

from eventlog.events import Event, Recorded
from eventlog.log import Fold
from services.token.domain import MINUTE
from services.token.domain.binding import UNBOUND, Binding
from services.token.domain.errors import InvalidGrant
from services.token.domain.events import CodeDenied, CodeIssued, CodeRedeemed

LIFE = MINUTE
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")


class Code(msgspec.Struct, frozen=True):
    """A code: what was decided when it was issued. Times in µs; `issued_at`, `redeemed_at` and `denied_at` are
    positions."""

    id: str = ""
    client_id: str = ""
    subject: str = ""
    session_id: str = ""
    session_position: int = 0
    seen: int = 0
    scope: str = ""
    audience: tuple[str, ...] = ()
    redirect_uri: str = ""
    auth_time: int = 0
    acr: str = ""
    amr: tuple[str, ...] = ()
    expires_at: int = 0
    code_challenge: str | None = None
    nonce: str | None = None
    jkt: str | None = None
    userinfo_claims: tuple[str, ...] = ()
    id_token_claims: tuple[str, ...] = ()
    issued_at: int = 0
    redeemed_at: int = 0
    family_id: str = ""
    denied_at: int = 0

    @property
    def known(self) -> bool:
        return bool(self.id)


class Shown(msgspec.Struct, frozen=True):
    """What comes with a code at the token endpoint."""

    redirect_uri: str | None
    verifier: str | None


def judge_redemption(code: Code, client_id: str, shown: Shown, now: int, binding: Binding = UNBOUND) -> None:
    """Raises InvalidGrant unless the code is this client's, fresh, and shown by whoever asked for it (RFC 6749 4.1.3).

    A verifier without a challenge is refused, too: somebody took the challenge out of the request (RFC 9700 4.8.2).
    """
    if not code.known or code.client_id != client_id:
        raise InvalidGrant("this code is not valid")
    if now >= code.expires_at:
        raise InvalidGrant("this code has expired")
    if code.jkt not in (None, binding.jkt):
        # RFC 9449 10
        raise InvalidGrant("the DPoP key is not the one that the code was asked for with (dpop_jkt)")
    if shown.redirect_uri not in (code.redirect_uri, None if code.code_challenge else code.redirect_uri):
        raise InvalidGrant("redirect_uri is not the one that the code was asked for with")
    if (code.code_challenge is None) != (shown.verifier is None):
        raise InvalidGrant("code_verifier does not go with the authorization request")
    if code.code_challenge is not None and not _answers(shown.verifier or "", code.code_challenge):
        raise InvalidGrant("code_verifier does not fit the code_challenge")


def _answers(verifier: str, challenge: str) -> bool:
    """RFC 7636 4.6, S256."""
    if not _VERIFIER.fullmatch(verifier):
        return False
    digest = hashlib.sha256(verifier.encode("ascii")).digest()
    return hmac.compare_digest(base64.urlsafe_b64encode(digest).rstrip(b"=").decode(), challenge)


def evolve_code(code: Code, event: Event, row: Recorded) -> Code:
    match event:
        case CodeIssued():
            said = msgspec.structs.asdict(event) | {"id": event.code_id, "issued_at": row.position}
            return msgspec.convert(said, Code)
        case CodeRedeemed():
            return msgspec.structs.replace(code, redeemed_at=row.position, family_id=event.family_id)
        case CodeDenied():
            return Code(id=event.code_id, client_id=event.client_id, subject=event.subject, denied_at=row.position)
    return code


CODE = Fold("code", Code(), evolve_code)
