"""Grants: what a person lets a client have, until it is taken back. One stream for each account and client."""

import msgspec

from eventlog.events import Event, Recorded
from eventlog.log import Fold
from services.token.domain.events import GrantGiven, GrantRevoked


class Grant(msgspec.Struct, frozen=True):
    """`revoked_at` is a position: what was given below it is ended."""

    scopes: tuple[str, ...] = ()
    revoked_at: int = 0


def grant_key(subject: str, client_id: str) -> str:
    """Account ids hold no slash, so that no two pairs come to the same."""
    return f"{subject}/{client_id}"


def evolve_grant(grant: Grant, event: Event, row: Recorded) -> Grant:
    match event:
        case GrantGiven():
            return msgspec.structs.replace(grant, scopes=tuple(event.scopes))
        case GrantRevoked():
            return Grant((), row.position)
    return grant


GRANT = Fold("grant", Grant(), evolve_grant)
