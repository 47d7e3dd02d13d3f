"""Clients: what may ask for which tokens."""

import msgspec

from eventlog.events import Event, Recorded
from eventlog.log import Fold
from services.token.domain.errors import InvalidScope, InvalidTarget, UnauthorizedClient
from services.token.domain.events import ClientRegistered, ClientRevoked

FIRST_PARTY_SCOPES = frozenset({"watchword:account", "watchword:admin"})


class Client(msgspec.Struct, frozen=True):
    """A registered client. `access_token_life` and `leeway` in seconds.

    `revoked_at` is a position: what it had below it is ended.
    """

    id: str = ""
    name: str = ""
    confidential: bool = True
    secret_hash: str | None = None
    grant_types: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    audiences: tuple[str, ...] = ()
    access_token_alg: str = "ES256"
    access_token_life: int = 720
    leeway: int = 10
    reuse_ends: str = "family"
    first_party: bool = False
    direct_login: bool = False
    grants: tuple[str, ...] = ()
    cors_origins: tuple[str, ...] = ()
    revoked_at: int = 0

    @property
    def known(self) -> bool:
        return bool(self.id)

    def may(self, grant_type: str) -> None:
        """Raises UnauthorizedClient where the client is not registered for the grant type."""
        if grant_type not in self.grant_types:
            raise UnauthorizedClient(f"the client is not registered for {grant_type}")

    def scope(self, asked: str | None, of: str | None = None) -> str:
        """The scope to give: what was asked for, all of it where nothing was. Never more than `of` and the
        registration allow.

        RFC 6749 3.3 and 6: a refresh may narrow, never widen.
        """
        allowed = [name for name in self.scopes if of is None or name in of.split()]
        if asked is None:
            return " ".join(allowed)
        wanted = asked.split()
        if not set(wanted) <= set(allowed):
            raise InvalidScope("the client may not have this scope here")
        return " ".join(name for name in allowed if name in wanted)

    def audience(self, resources: list[str], issuer: str) -> list[str]:
        """RFC 8707 2: what was asked for among the client's audiences, else its default, else the suite's own."""
        own = list(self.audiences) or [issuer]
        if not resources:
            return own[:1]
        if not set(resources) <= set(own):
            raise InvalidTarget
        return list(dict.fromkeys(resources))


def evolve_client(client: Client, event: Event, row: Recorded) -> Client:
    match event:
        case ClientRegistered():
            return Client(
                id=event.client_id,
                name=event.name,
                confidential=event.confidential,
                secret_hash=event.secret_hash,
                grant_types=tuple(event.grant_types),
                scopes=tuple(event.scopes),
                audiences=tuple(event.audiences),
                access_token_alg=event.access_token_alg,
                access_token_life=event.access_token_life,
                leeway=event.leeway,
                reuse_ends=event.reuse_ends,
                first_party=event.first_party,
                direct_login=event.direct_login,
                grants=tuple(event.grants),
                cors_origins=tuple(event.cors_origins),
            )
        case ClientRevoked():
            return msgspec.structs.replace(client, revoked_at=row.position)
    return client


CLIENT = Fold("client", Client(), evolve_client)
