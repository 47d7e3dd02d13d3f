"""Access tokens."""

import msgspec

from eventlog.events import Event
from services.token.domain.events.registry import Issue, events


@events.event("token.issued")
class TokenIssued(Issue):
    """An access token was made, at a login or for client credentials; these have no session and no family."""


@events.event("token.exchanged")
class TokenExchanged(Issue, kw_only=True):
    """A service that was sent an access token got one with which it acts for the subject elsewhere (RFC 8693).

    It hangs from the same family and session, and ends with each token that it came from.
    """

    actors: list[str]
    """Through whom it came: the application that acts with it now, then those that did before."""
    prior_tokens: list[str]
    """The access tokens that it came from: the one that was exchanged, then those which that one came from."""
    prior_clients: list[str]
    """The applications that those were given to, in the same order."""
    prior_keys: list[str] = msgspec.field(default_factory=list)
    """The keys that those were signed with, in the same order."""


@events.event("token.revoked")
class TokenRevoked(Event):
    """One access token is ended, nothing else."""

    token_id: str
    subject: str
    client_id: str
    reason: str
