"""Refusals of an authorization server, named as the standards name them (RFC 6749 5.2, RFC 7591 3.2.2, RFC 8707 2)."""

from collections.abc import Mapping

from eventlog.errors import Kind, Refusal


class InvalidGrant(Refusal):
    def __init__(self, detail: str) -> None:
        super().__init__(Kind.INVALID, "invalid_grant", detail)


class Reused(InvalidGrant):
    """A refresh token or a code was used before; `position` is that of the revocation it led to."""

    def __init__(self, position: int, detail: str = "this refresh token was used before, or is another's") -> None:
        super().__init__(detail)
        self.position = position


class MayHaveWaited(Refusal):
    """A request that its client may have given up, to ask again elsewhere: nothing is given for it, and nothing ended.

    Whoever means it asks again.
    """

    def __init__(self) -> None:
        detail = "the request may have waited, and its client gone on meanwhile: ask again"
        super().__init__(Kind.UNAVAILABLE, "request_waited", detail, 1)


class AheadOfLog(InvalidGrant):
    """A genuine refresh token that this log does not know of: it was restored from a backup. An alarm, not theft."""

    def __init__(self) -> None:
        super().__init__("this refresh token is not known here")


class TooManyKeys(Refusal):
    """So many keys of a ring verify still that one more may not be read."""

    def __init__(self, most: int) -> None:
        detail = f"{most} keys of the ring verify still: wait until some expire"
        super().__init__(Kind.PRECONDITION, "too_many_keys", detail)


class InvalidClient(Refusal):
    def __init__(self, detail: str = "the client is unknown, or did not prove who it is") -> None:
        super().__init__(Kind.UNAUTHENTICATED, "invalid_client", detail)


class InvalidScope(Refusal):
    def __init__(self, detail: str) -> None:
        super().__init__(Kind.INVALID, "invalid_scope", detail)


class InvalidTarget(Refusal):
    def __init__(self, detail: str = "the client may not ask for a token for this resource") -> None:
        super().__init__(Kind.INVALID, "invalid_target", detail)


class UnauthorizedClient(Refusal):
    def __init__(self, detail: str) -> None:
        super().__init__(Kind.INVALID, "unauthorized_client", detail)


class UnsupportedGrantType(Refusal):
    def __init__(self) -> None:
        super().__init__(Kind.INVALID, "unsupported_grant_type", "there is no such grant_type here")


class InvalidRequest(Refusal):
    def __init__(self, detail: str) -> None:
        super().__init__(Kind.INVALID, "invalid_request", detail)


class NoSuchAddress(Refusal):
    """An authorization request whose answer may go nowhere: the person is told, and no browser is redirected."""

    def __init__(self, detail: str, code: str = "invalid_request") -> None:
        super().__init__(Kind.INVALID, code, detail)


class AuthorizationRefused(Refusal):
    """An authorization request that is not as it should be: the client is told (RFC 6749 4.1.2.1)."""

    def __init__(self, error: str, detail: str) -> None:
        super().__init__(Kind.INVALID, error, detail)


class UnsignedRequest(AuthorizationRefused):
    """A request object that nobody signed, in the request itself (OpenID Connect Core 3.1.2.6).

    `answered` are the parameters in it that say how its client reads answers: `state` and `response_mode`.
    """

    def __init__(self, answered: Mapping[str, str]) -> None:
        detail = "an unsigned request object is taken from a registered request_uri alone"
        super().__init__("request_not_supported", detail)
        self.answered = answered


class AuthorizationPending(Refusal):
    """RFC 8628 3.5."""

    def __init__(self) -> None:
        super().__init__(Kind.INVALID, "authorization_pending", "nobody has decided yet: ask again")


class SlowDown(Refusal):
    """RFC 8628 3.5."""

    def __init__(self) -> None:
        super().__init__(Kind.INVALID, "slow_down", "asked too soon: wait five seconds longer from now on")


class ExpiredToken(Refusal):
    """RFC 8628 3.5."""

    def __init__(self) -> None:
        super().__init__(Kind.INVALID, "expired_token", "nobody has decided in time: start again")


class AccessDenied(Refusal):
    """RFC 8628 3.5."""

    def __init__(self) -> None:
        super().__init__(Kind.INVALID, "access_denied", "the person said no")


class InvalidDpopProof(Refusal):
    """RFC 9449 5."""

    def __init__(self, detail: str) -> None:
        super().__init__(Kind.INVALID, "invalid_dpop_proof", detail)


class UseDpopNonce(Refusal):
    """RFC 9449 8."""

    def __init__(self) -> None:
        super().__init__(Kind.INVALID, "use_dpop_nonce", "the DPoP proof needs the nonce that DPoP-Nonce says")


class InvalidRedirectUri(Refusal):
    def __init__(self, detail: str) -> None:
        super().__init__(Kind.UNPROCESSABLE, "invalid_redirect_uri", detail)


class InvalidClientMetadata(Refusal):
    def __init__(self, detail: str) -> None:
        super().__init__(Kind.UNPROCESSABLE, "invalid_client_metadata", detail)


class UnapprovedSoftwareStatement(Refusal):
    def __init__(self) -> None:
        reason = "no publisher of software statements is trusted here: register without one"
        super().__init__(Kind.UNPROCESSABLE, "unapproved_software_statement", reason)


class SessionOver(Refusal):
    """The session was ended at identity: nothing is issued for it again."""

    def __init__(self) -> None:
        super().__init__(Kind.PRECONDITION, "session_ended", "the session has been ended")


class Unknown(Refusal):
    def __init__(self, what: str) -> None:
        super().__init__(Kind.NOT_FOUND, "not_found", f"there is no such {what}")
