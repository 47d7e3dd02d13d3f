"""Whether an access token is good: checked locally, against knowledge whose age is known."""

import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection
from datetime import timedelta
from typing import Final, Literal

from watchword.claims import Claims, read_claims
from watchword.clock import LogClock
from watchword.compact import Compact, decode_object, split
from watchword.dpop import ProofRefused, read_proof
from watchword.errors import TokenRefused, Unavailable
from watchword.keys import KeySource, VerificationKey
from watchword.proof import NOTHING, Proven, unproven
from watchword.revocations import Revocations
from watchword.transport import Transport
from watchword.used import MemoryUsedProofs, UsedProofs

WhenStale = Literal["deny", "introspect"]
Introspect = Callable[[str], Awaitable[bool]]


class AnyAudience:
    """Asks for no audience: for the issuer's own introspection, never to protect a resource."""


ANY_AUDIENCE: Final = AnyAudience()


class Verifier:
    """Verifies access tokens of one issuer for one audience (RFC 9068 section 4, RFC 8725).

    `age_ns` answers how old the revocations are, in ns, None where that is unknown (see `Freshness.age_ns`); past
    `max_staleness` a token is denied, or `introspect` is asked whether it is active (it raises `Unavailable` where it
    cannot say). `transport` tells which way revocations come. `clock` holds the log's time. `remember` bounds how many
    verified tokens are remembered by their hash; revocation, expiry and staleness are judged at every call. `used`
    remembers which DPoP proofs have come: this process's memory, where nothing else is given.
    """

    def __init__(
        self,
        *,
        issuer: str,
        audience: str | AnyAudience,
        keys: KeySource,
        revocations: Revocations,
        age_ns: Callable[[], int | None],
        clock: LogClock,
        max_staleness: timedelta = timedelta(seconds=5),
        when_stale: WhenStale = "deny",
        introspect: Introspect | None = None,
        max_access_token_life: timedelta = timedelta(minutes=60),
        skew: timedelta = timedelta(seconds=30),
        remember: int = 10_000,
        transport: Callable[[], Transport] = lambda: Transport("process"),
        used: UsedProofs | None = None,
    ) -> None:
        if not issuer or not audience:
            raise ValueError("an issuer and an audience are required")
        if (when_stale == "introspect") != (introspect is not None):
            raise ValueError('when_stale="introspect" and introspect go together')
        self._issuer = issuer
        self._audience = audience
        self._keys = keys
        self._revocations = revocations
        self._age_ns = age_ns
        self._clock = clock
        self._max_age_ns = _microseconds(max_staleness) * 1000
        self._introspect = introspect
        self._max_life_s = max_access_token_life // timedelta(seconds=1)
        self._skew_us = _microseconds(skew)
        self._remember = remember
        self._transport = transport
        self._used: UsedProofs = used or MemoryUsedProofs()
        self._verified: OrderedDict[bytes, Claims] = OrderedDict()

    @property
    def transport(self) -> Transport:
        """Which way revocations come now, and what hinders the way that was asked for."""
        return self._transport()

    async def verify(self, token: str, proven: Proven = NOTHING) -> Claims:
        """The claims of an access token that is good now; `TokenRefused` says what is wrong with any other.

        `proven` is what its presenter has shown besides: a token that is bound is refused without.
        """
        digest = hashlib.sha256(token.encode("utf-8", "replace")).digest()
        claims = self._verified.get(digest)
        if claims is None:
            claims = await self._open(token)
            self._keep(digest, claims)
        else:
            self._verified.move_to_end(digest)
        if claims.cnf is not None and not claims.cnf.proven_by(proven):
            raise unproven()
        if not self._judge(claims):
            await self._ask_issuer(token)
        return claims

    async def verify_dpop(
        self, token: str, proof: str, *, method: str, urls: Collection[str], x5t: str | None = None
    ) -> Claims:
        """The same for a token that came with a DPoP proof, for a request of that method (RFC 9449 7.1).

        `urls` are those under which the request's address is known: one's own, never what a Host header says. `x5t` is
        the certificate that was shown besides. Raises `TokenRefused`, and `ProofRefused` for a proof that is not good
        or was used before. Only the proof of a good token is remembered: whoever has none cannot fill that memory.
        """
        if not self._clock.known:
            raise TokenRefused("stale", "the log's time has not been heard yet")
        now = self._clock.now() // 1_000_000
        read = read_proof(proof, method=method, urls=urls, now=now, access_token=token)
        claims = await self.verify(token, Proven(read.jkt, x5t))
        if claims.cnf is None or claims.cnf.jkt is None:
            raise ProofRefused("the token is not bound to a key: it is a Bearer's")
        try:
            first = await self._used.claim(read, now)
        except Unavailable as error:
            raise ProofRefused("whether the DPoP proof was used before cannot be said now", temporary=True) from error
        if not first:
            raise ProofRefused("the DPoP proof was used before (jti)")
        return claims

    async def _open(self, token: str) -> Claims:
        compact = split(token)
        claims = self._proven(compact, await self._key(compact))
        if claims.iss != self._issuer:
            raise TokenRefused("issuer", "the token was issued by another")
        if isinstance(self._audience, str) and self._audience not in claims.aud:
            raise TokenRefused("audience", "the token is meant for others")
        if claims.exp - claims.iat > self._max_life_s:
            raise TokenRefused("life_too_long", "the token lives longer than any may")
        return claims

    async def _key(self, compact: Compact) -> VerificationKey:
        try:
            key = await self._keys.key(compact.kid)
        except Unavailable as error:
            raise TokenRefused("keys_unavailable", "the issuer's keys are not known yet") from error
        if key is None:
            raise TokenRefused("unknown_key", "the token is signed by an unknown key")
        return key

    def _proven(self, compact: Compact, key: VerificationKey) -> Claims:
        if compact.alg != key.alg:
            raise TokenRefused("algorithm", "the token's algorithm is not its key's")
        if not key.verifies(compact.signing_input, compact.signature):
            raise TokenRefused("signature", "the signature does not verify")
        try:
            payload = decode_object(compact.payload)
        except ValueError:
            raise TokenRefused("malformed", "the payload is not one JSON object") from None
        return read_claims(payload, key.kid)

    def _keep(self, digest: bytes, claims: Claims) -> None:
        self._verified[digest] = claims
        if len(self._verified) > self._remember:
            self._verified.popitem(last=False)

    def _judge(self, claims: Claims) -> bool:
        """Refuses what time or a revocation has ended; False where only the issuer can say."""
        ended = self._revocations.refuses(claims)
        if ended is not None:
            raise TokenRefused("revoked", f"the {ended} has been revoked")
        if not self._clock.known:
            return False
        now = self._clock.now()
        if claims.exp * 1_000_000 <= now:
            raise TokenRefused("expired", "the token has expired")
        if claims.iat * 1_000_000 > now + self._skew_us:
            raise TokenRefused("issued_in_future", "the token is issued in the future")
        if claims.nbf is not None and claims.nbf * 1_000_000 > now + self._skew_us:
            raise TokenRefused("not_yet_valid", "the token is not valid yet")
        age = self._age_ns()
        return age is not None and age <= self._max_age_ns

    async def _ask_issuer(self, token: str) -> None:
        if self._introspect is None:
            raise TokenRefused("stale", "what is known of revocations is too old")
        try:
            active = await self._introspect(token)
        except Unavailable as error:
            raise TokenRefused("stale", "revocations are not known, and the issuer did not answer") from error
        if not active:
            raise TokenRefused("revoked", "the issuer says that the token is not active")


def _microseconds(span: timedelta) -> int:
    return span // timedelta(microseconds=1)
