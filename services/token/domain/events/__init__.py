"""The events of token's log. Sealed fields never leave the service.

Security teams read these words in docs/events. A field is described where its name first stands: one name means one
thing in a whole log.
"""

from services.token.domain.events.clients import (
    CallerGranted,
    CertificateRevoked,
    ClientDeleted,
    ClientRegistered,
    ClientRevoked,
    ClientSecretRotated,
    ClientUpdated,
    ClientUsed,
    Described,
)
from services.token.domain.events.codes import (
    CodeDenied,
    CodeIssued,
    CodeRedeemed,
    CodeReused,
    GrantGiven,
    GrantRevoked,
)
from services.token.domain.events.endings import LogoutBegun, LogoutGivenUp, LogoutTold, SessionRevoked, SubjectRevoked
from services.token.domain.events.families import (
    FamilyRevoked,
    FamilyStarted,
    PairwiseBegun,
    PairwiseEnded,
    RefreshRetried,
    RefreshRotated,
    RefreshUsed,
    ReuseDetected,
)
from services.token.domain.events.keys import KeyActivated, KeyCompromised, KeyPublished, KeyRemoved, KeyRetired
from services.token.domain.events.registry import Issue, events
from services.token.domain.events.tokens import TokenExchanged, TokenIssued, TokenRevoked

__all__ = [
    "CallerGranted",
    "CertificateRevoked",
    "ClientDeleted",
    "ClientRegistered",
    "ClientRevoked",
    "ClientSecretRotated",
    "ClientUpdated",
    "ClientUsed",
    "CodeDenied",
    "CodeIssued",
    "CodeRedeemed",
    "CodeReused",
    "Described",
    "FamilyRevoked",
    "FamilyStarted",
    "GrantGiven",
    "GrantRevoked",
    "Issue",
    "KeyActivated",
    "KeyCompromised",
    "KeyPublished",
    "KeyRemoved",
    "KeyRetired",
    "LogoutBegun",
    "LogoutGivenUp",
    "LogoutTold",
    "PairwiseBegun",
    "PairwiseEnded",
    "RefreshRetried",
    "RefreshRotated",
    "RefreshUsed",
    "ReuseDetected",
    "SessionRevoked",
    "SubjectRevoked",
    "TokenExchanged",
    "TokenIssued",
    "TokenRevoked",
    "events",
]
