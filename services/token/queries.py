"""Answers: introspection, the published keys, who has applied a revocation."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import msgspec

from eventlog.errors import unavailable
from eventlog.projection import Rows
from eventlog.readers import Reader, Readers
from services.token.adapters.names import names_of
from services.token.adapters.refresh_secrets import PREFIX, open_refresh_token
from services.token.domain import SECOND
from services.token.domain.client import CLIENT, Client
from services.token.domain.errors import InvalidGrant
from services.token.domain.family import FAMILY, IDLE, Lineage, Presented
from services.token.domain.grant import GRANT, Grant, grant_key
from services.token.domain.keyring import ALGORITHMS, KEYRING, REFRESH_RING, Keyring, signing_ring
from services.token.domain.revocation import SESSION, SUBJECT, Session, hangs_from
from services.token.domain.said import IdTokenHint, acting
from services.token.made import Made
from services.token.ports import Token
from watchword.claims import Claims
from watchword.compact import decode_object, split
from watchword.errors import TokenRefused, UnusableKey
from watchword.keys import VerificationKey, read_jwk
from watchword.proof import ANY_PROOF
from watchword.verifier import Verifier

INTROSPECT_ANY = "introspect:any"
TABLE_PATIENCE = 5.0
PAGE = 256
DEFAULT_STALENESS = 5 * SECOND
ID_TOKEN = frozenset({"jwt"})
INACTIVE: dict[str, Any] = {"active": False}


class Asker(msgspec.Struct, frozen=True):
    """Who introspects: a client by its id, or a certificate by its URI, with what it was granted."""

    id: str
    grants: frozenset[str]

    def may_know(self, claims: Claims) -> bool:
        """RULES 9: the token's own client, one of its audience, or one that may introspect any."""
        return self.id == claims.client_id or self.id in claims.aud or INTROSPECT_ANY in self.grants


async def introspect(token: Token, verifier: Verifier, presented: str, asker: Asker) -> Mapping[str, Any]:
    """RFC 7662 2.2. Whoever may not know of a token learns that it is not active, and nothing more.

    Nor is one active that hangs from a parked stream of identity's log.
    Raises Refusal `verification_unavailable` where only this process's knowledge is too old to say.
    """
    if presented.startswith(PREFIX):
        return await _introspect_refresh(token, presented, asker)
    claims = await known(verifier, presented)
    if claims is None or not asker.may_know(claims) or token.parked.holds(*hangs_from(*await whose(token, claims))):
        return INACTIVE
    return _describe(claims)


async def known(verifier: Verifier, presented: str) -> Claims | None:
    """The claims of an access token that is good now, None of any other.

    Raises Refusal `verification_unavailable` where it cannot be told: a token that may be good is not called bad.
    """
    try:
        return await verifier.verify(presented, ANY_PROOF)
    except TokenRefused as refused:
        if refused.temporary:
            raise unavailable("verification_unavailable", refused.description) from None
        return None


async def whose(token: Token, claims: Claims) -> tuple[str, str | None]:
    """The account and the session of a token that has verified, by their ids: its family knows, whatever it says."""
    if not claims.pairwise or claims.fam is None:
        return claims.sub, claims.sid
    # Of a family neither ever changes.
    _, family = await token.log.state(FAMILY, claims.fam)
    return family.subject, family.session_id or None


def _described(claims: Claims) -> dict[str, Any]:
    said = {name: value for name, value in msgspec.structs.asdict(claims).items() if value not in (None, ())}
    said["aud"] = claims.aud[0] if len(claims.aud) == 1 else list(claims.aud)
    said["scope"] = " ".join(sorted(claims.scope))
    said.pop("kid")
    said.pop("prior", None)
    if actors := said.pop("actors", ()):
        # RFC 8693 4.3
        said["act"] = acting(actors)
    if claims.may_act is not None:
        said["may_act"] = {"sub": claims.may_act}
    token_type = "Bearer"
    if claims.cnf is not None:
        # RFC 9449 6.2, RFC 8705 3.2: whoever is asked for this token has to check the proof.
        said["cnf"] = claims.cnf.cnf
        token_type = "Bearer" if claims.cnf.jkt is None else "DPoP"
    return {"active": True, "token_type": token_type} | said


# A verifier gives the same claims for a token that it has seen, so that what they say is put together once.
_describe = Made(_described)


async def _introspect_refresh(token: Token, presented: str, asker: Asker) -> dict[str, Any]:
    found = await genuine(token, presented)
    if found is None:
        return INACTIVE
    family = await token.log.fresh(FAMILY, found.family_id)
    if family.client_id != asker.id or found.generation != family.generation:
        return INACTIVE
    lineage = Lineage(
        family,
        Session() if family.offline else await token.log.fresh(SESSION, family.session_id),
        await token.log.fresh(SUBJECT, family.subject),
        await token.log.fresh(CLIENT, family.client_id),
        await token.log.fresh(GRANT, grant_key(family.subject, family.client_id)) if family.code_id else Grant(),
    )
    if lineage.ended(token.log.now()) or family.key_of(found.generation) != found.key_id:
        return INACTIVE
    if token.parked.holds(*hangs_from(family.subject, family.session_id)):
        return INACTIVE
    names = await names_of(token.log, lineage.client)
    return {
        "active": True,
        "client_id": family.client_id,
        "sub": names.subject(family.subject),
        "scope": family.scope,
        "exp": min(family.expires_at, family.rotated_at + IDLE) // SECOND,
        "sid": names.session(family.session_id),
        "fam": family.id,
    }


async def genuine(token: Token, presented: str) -> Presented | None:
    """What a refresh token says whose secret verifies, None of any other: a key that was dropped verifies nothing."""
    try:
        found = await open_refresh_token(token.vault, presented)
    except InvalidGrant:
        return None
    key = (await token.log.fresh(KEYRING, REFRESH_RING)).find(found.key_id)
    return found if key is not None and key.verifies else None


class OwnKeys:
    """The keys of this service as a verifier finds them, and as the world does (RFC 7517)."""

    def __init__(self, token: Token) -> None:
        self._token = token
        self._parsed: dict[str, VerificationKey] = {}

    async def key(self, kid: str) -> VerificationKey | None:
        """See watchword.keys.KeySource. A key that this process does not know may have been made by another."""
        if kid not in self._parsed:
            await self.jwks()
        return self._parsed.get(kid)

    async def ever(self, kid: str) -> VerificationKey | None:
        """A key that signs or has signed; None of one that was compromised, and of one that never was."""
        found = next((key for ring in await self._rings() if (key := ring.find(kid)) is not None), None)
        if found is None or found.public_key is None or found.state == "compromised":
            return None
        return _read(found.public_key)

    async def _rings(self) -> Sequence[Keyring]:
        return await self._token.log.fresh_each(KEYRING, [signing_ring(alg) for alg in ALGORITHMS])

    async def jwks(self) -> dict[str, Any]:
        """The key set: what is published, signs or verifies still."""
        keys = [key for ring in await self._rings() for key in _public(ring)]
        # Of a key id there is one key for ever, and parsing it costs more than all else here.
        self._parsed = {key["kid"]: self._parsed.get(key["kid"]) or _read(key) for key in keys}
        return {"keys": keys}


async def id_token_hint(token: Token, keys: OwnKeys, presented: str) -> IdTokenHint | None:
    """What a hint says; None where it is no ID token of this issuer, or names what is none of the names of its client
    (OpenID Connect Core 8.1).

    Its key may be gone: people sign out of sessions that are older than any rotation (RP-Initiated Logout 1.0, 4).
    """
    try:
        compact = split(presented, ID_TOKEN)
        key = await keys.ever(compact.kid)
        if key is None or key.alg != compact.alg or not key.verifies(compact.signing_input, compact.signature):
            return None
        said = decode_object(compact.payload)
    except (TokenRefused, ValueError):
        return None
    texts = [said.get(name, "") for name in ("iss", "sub", "aud", "sid")]
    if not all(isinstance(text, str) for text in texts) or texts[0] != token.issuer:
        return None
    return await _by_ids(token, IdTokenHint(*map(str, texts[1:])))


async def _by_ids(token: Token, hint: IdTokenHint) -> IdTokenHint | None:
    names = await names_of(token.log, await token.log.fresh(CLIENT, hint.client_id))
    subject, session_id = names.account_of(hint.subject), names.session_of(hint.session_id)
    return None if subject is None or session_id is None else IdTokenHint(subject, hint.client_id, session_id)


def _public(ring: Keyring) -> list[dict[str, Any]]:
    return [key.public_key for key in ring.keys if key.verifies and key.public_key is not None]


def _read(jwk: dict[str, Any]) -> VerificationKey:
    try:
        return read_jwk(jwk)
    except UnusableKey as error:
        raise ValueError(f"key {jwk.get('kid')} of this service's own log cannot be used") from error


class Receipts(msgspec.Struct, frozen=True):
    """Who has applied a revocation, after how many ms, who has not, and by when even one that was cut off denies
    (µs).
    """

    applied: Sequence[tuple[str, float]]
    waiting: Sequence[str]
    certain_at: int


async def receipts(token: Token, readers: Readers, position: int, timeout: float) -> Receipts:
    """Waits until every reader has applied `position`, at most `timeout` seconds, and says who has.

    One that vanishes meanwhile is named among those who have not, but no longer waited for than it may trust what it
    knows.
    """
    rows = await token.log.store.read(position - 1, 1)
    made = rows[0].time
    applied: dict[str, float] = {}
    expected: set[str] = set()
    longest = 0
    deadline = asyncio.get_running_loop().time() + timeout
    while True:
        now = token.log.now()
        live = await readers.live(now)
        longest = max([longest, *(reader.max_staleness for reader in live)])
        for reader in live:
            if _has(reader, position) and reader.name not in applied:
                applied[reader.name] = max(0, min(reader.seen_at, now) - made) / 1000
        expected |= {reader.name for reader in live}
        waiting = sorted(expected - applied.keys())
        if all(reader.name in applied for reader in live) or asyncio.get_running_loop().time() > deadline:
            return Receipts(sorted(applied.items()), waiting, made + (longest or DEFAULT_STALENESS))
        await asyncio.sleep(0.005)


def _has(reader: Reader, position: int) -> bool:
    return reader.applied >= position and not reader.parked


async def clients(token: Token, ids: Sequence[str]) -> list[Client]:
    """Those that there are, as they stand now."""
    found = [await token.log.fresh(CLIENT, client_id) for client_id in ids]
    return [client for client in found if client.known]


class FamiliesByKey:
    """The families whose current refresh token a key derives, once the table has applied all that is in the log now."""

    def __init__(self, token: Token, table: Rows) -> None:
        self._token = token
        self._table = table

    async def __call__(self, key_id: str) -> AsyncIterator[list[str]]:
        """A page at a time: a key may derive those of everybody. Raises Refusal `not_yet_applied`."""
        await self._level()
        after = ""
        while page := await self._table.keys("family", key_id, after, PAGE):
            yield page
            after = page[-1]

    async def _level(self) -> None:
        head = (await self._token.log.store.head()).position
        try:
            async with asyncio.timeout(TABLE_PATIENCE):
                while (await self._table.checkpoint()).position < head:
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise unavailable("not_yet_applied", "the table of families lags behind: ask again") from None
