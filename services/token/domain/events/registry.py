"""The registry of token's events, and what all that issue a token say."""

from eventlog.events import Event, Instant, Registry

events = Registry("token")


class Issue(Event, kw_only=True):
    """What an access token says: the answer to "which tokens were live then". Its base, not an event itself."""

    token_id: str
    """Which access token: its `jti`. The token itself is in no event."""
    client_id: str
    """The application (OAuth client) that it is about or was given to."""
    subject: str
    """Whom the token speaks for: an account's id (`acc_…`), or the client's own for client credentials."""
    audience: list[str]
    """The services that the token is for: its `aud`."""
    scope: str
    """What it was given for: scopes with spaces between, as in RFC 6749 3.3."""
    expires_at: Instant
    """Until when it holds unless it is ended before, RFC 3339 in UTC with six decimals."""
    session_id: str | None = None
    """The session of identity that it hangs from (`ses_…`), which opens nothing."""
    family_id: str | None = None
    """The lineage of refresh tokens that it hangs from (`fam_…`), which opens nothing."""
    jkt: str | None = None
    """The thumbprint of the key that its holder has to prove (RFC 9449, RFC 7638)."""
    x5t: str | None = None
    """The SHA-256 of the certificate that its holder has to show (RFC 8705), base64url."""
    may_act: str | None = None
    """The application that may exchange it for a token of its own (RFC 8693 4.4), besides those that it is for."""
