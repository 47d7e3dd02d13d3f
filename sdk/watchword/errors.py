"""What can go wrong in the verifier: one small tree, with codes that stay."""

from typing import Literal

Code = Literal[
    "malformed",
    "header",
    "wrong_type",
    "algorithm",
    "unknown_key",
    "keys_unavailable",
    "signature",
    "missing_claim",
    "bad_claim",
    "issuer",
    "audience",
    "expired",
    "not_yet_valid",
    "issued_in_future",
    "life_too_long",
    "proof_required",
    "revoked",
    "stale",
]


class WatchwordError(Exception):
    """The root of what the SDK raises."""


class TokenRefused(WatchwordError):
    """The token is not accepted.

    `code` is stable and for programs; `description` is for people and holds nothing of the token. `temporary` says that
    the verifier lacks knowledge (answer 503), not that the token is bad (answer 401, RFC 6750 section 3.1).
    """

    def __init__(self, code: Code, description: str) -> None:
        super().__init__(f"{code}: {description}")
        self.code: Code = code
        self.description = description

    @property
    def temporary(self) -> bool:
        return self.code in ("stale", "keys_unavailable")


class UnusableKey(WatchwordError):
    """A JWK or public key that must not verify tokens; the message says why."""


class Unavailable(WatchwordError):
    """What has to be asked does not answer, or could not say."""


class TimeUnknown(WatchwordError):
    """The log's time has not been heard yet."""
