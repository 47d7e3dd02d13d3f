"""Every place where the suite reads what a stranger wrote, or what may have been damaged: what it may refuse with.

A target takes bytes, reads them as its decoder does, and lets through the refusals that the decoder documents. Anything
else that it raises is a bug, and so is what it asserts.
"""

from collections.abc import Callable
from dataclasses import dataclass

import msgspec
from cryptography.exceptions import InvalidTag
from google.protobuf.message import DecodeError

from eventlog.errors import Refusal
from eventlog.events import NewerVersion
from services.token.domain.errors import InvalidClient, InvalidGrant
from services.token.ports import NotFetched
from tests.fuzzing import of_logs, of_policy, of_requests, of_tokens, seeds
from watchword.dpop import ProofRefused
from watchword.errors import TokenRefused, UnusableKey
from watchword.folding import Unreadable
from watchword.kafka.records import BadRecord

Read = Callable[[bytes], object]


@dataclass(frozen=True)
class Target:
    """A decoder, what it refuses with, and inputs from which others are made; the first of them it reads."""

    read: Read
    refuses: tuple[type[Exception], ...]
    seeds: tuple[bytes, ...]

    def check(self, data: bytes) -> None:
        """Raises what the decoder must not."""
        try:
            self.read(data)
        except self.refuses:
            return


TARGETS: dict[str, Target] = {
    "rules": Target(of_policy.rules, (), seeds.RULES),
    "questions": Target(of_policy.questions, (Refusal,), of_policy.QUESTIONS),
    "search": Target(of_policy.search, (Refusal,), of_policy.SEARCHES),
    "fact": Target(of_policy.fact, (Refusal,), of_policy.FACTS),
    "access_token": Target(of_tokens.access_token, (TokenRefused,), seeds.ACCESS_TOKENS),
    "claims": Target(of_tokens.claims, (TokenRefused, ValueError), seeds.CLAIMS),
    "base64url": Target(of_tokens.base64url, (ValueError,), (b"AAEC_-8", b"")),
    "key_set": Target(of_tokens.key_set, (ValueError, UnusableKey), seeds.KEY_SETS),
    "refresh_token": Target(of_tokens.refresh_token, (InvalidGrant,), seeds.REFRESH_TOKENS),
    "cookie": Target(of_requests.cookie, (Refusal,), seeds.COOKIES),
    "form": Target(of_requests.form, (Refusal,), seeds.FORMS),
    "bearer": Target(of_requests.bearer, (Refusal,), (b"Bearer a.b.c", b"Basic YTpi")),
    "position": Target(of_requests.position, (Refusal,), (b"identity=812,token=4410", b"policy=0")),
    "address": Target(of_requests.address, (), (b"1.2.3.4, 10.0.0.2", b"2001:db8::1%eth0", b"::ffff:10.0.0.1")),
    "correlation": Target(of_requests.correlation, (), (b"00-" + b"a" * 32 + b"-" + b"b" * 16 + b"-01", b"an-id")),
    "target": Target(of_requests.target, (Refusal,), (b"/v1/accounts/%C3%A9/disable?x=%20", b"/livez")),
    "body": Target(of_requests.body, (Refusal,), seeds.BODIES),
    "name": Target(of_requests.name, (Refusal,), seeds.NAMES),
    "record": Target(of_logs.record, (BadRecord, Unreadable), seeds.RECORDS),
    "feed": Target(of_logs.feed, (DecodeError, Unreadable), seeds.FEED),
    "revocation": Target(of_logs.revocation, (DecodeError, ValueError), seeds.REVOCATIONS),
    "stored": Target(of_logs.stored, (NewerVersion, msgspec.ValidationError), seeds.STORED),
    "rpc": Target(of_requests.rpc, (Refusal,), (b"", b"\x0a\x05ses_x\x2a\x01r", b"\x0a\x03\x0a\x01r")),
    "wrapped": Target(of_logs.wrapped, (ValueError,), (seeds.WRAPPED,)),
    "assertion": Target(of_tokens.assertion, (ValueError, InvalidClient), seeds.ASSERTIONS),
    "proof": Target(of_tokens.proof, (ProofRefused,), seeds.PROOFS),
    "client_key": Target(of_tokens.client_key, (ValueError,), seeds.CLIENT_KEYS),
    "published": Target(of_tokens.published, (NotFetched,), seeds.PUBLISHED),
    "shown": Target(of_tokens.shown, (Refusal,), seeds.SHOWN),
    "fetched": Target(of_tokens.fetched, (NotFetched,), (b"https://client.example:8443/jwks?a=b#c", b"http://[::1]/")),
    "sealed": Target(of_logs.sealed, (InvalidTag, ValueError), (of_logs.SEALED,)),
}
