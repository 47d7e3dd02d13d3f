"""Every place where the suite reads what a stranger wrote, or what may have been damaged: what it may refuse with.

A target takes bytes, reads them as its decoder does, and lets through the refusals that the decoder documents. Anything
else that it raises is a bug, and so is what it asserts.
"""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_network

import msgspec
from cryptography.exceptions import InvalidTag
from google.protobuf.message import DecodeError
from pydantic import BaseModel, ValidationError
from starlette.requests import Request

from chassis import positions
from chassis.auth import bearer_of
from chassis.limits import source_of
from chassis.rpc.strict import fit, strictly
from chassis.telemetry import correlate
from chassis.web.certificates import client_certificate, take_certificate
from chassis.web.edge import client_address
from chassis.web.forms import parse_form
from chassis.web.gate import check_target
from chassis.web.strict import check_json
from eventlog.errors import Refusal
from eventlog.events import NewerVersion, Registry
from eventlog.feed.wire import to_row
from eventlog.sealing import MemorySealKeys, Sealer, Wrapping
from services.identity.api.callers import SESSION, Cookies
from services.identity.api.rest import Login, NewPassword, Reason, Registration
from services.identity.domain.events import events as identity_events
from services.identity.domain.names import compared, normalise, read_email, read_password
from services.identity.domain.session import read_cookie
from services.policy.domain.events import policy_events
from services.policy.domain.rules.check import problems
from services.policy.domain.rules.engine import Rules
from services.token.adapters.authorities import vouched_for
from services.token.adapters.client_keys import read_set
from services.token.adapters.fetch import Fetcher
from services.token.adapters.refresh_secrets import open_refresh_token
from services.token.adapters.vault import EncryptedVault, MemoryWrappedKeys
from services.token.api.rest import Revocation
from services.token.domain.assertion import TYPES, judge_assertion
from services.token.domain.certificate import holds, names
from services.token.domain.errors import InvalidClient, InvalidGrant
from services.token.domain.events import events as token_events
from services.token.domain.keyring import REFRESH
from services.token.ports import NotFetched
from tests.fuzzing import of_policy, seeds
from watchword.chain import GENESIS, link
from watchword.claims import read_claims
from watchword.compact import decode_base64url, decode_object, split
from watchword.dpop import ProofRefused, read_proof
from watchword.errors import TokenRefused, UnusableKey
from watchword.folding import Unreadable, fold
from watchword.jwks import read_key_set
from watchword.kafka.records import BadRecord, Record, parse
from watchword.log.v1 import log_pb2
from watchword.signed import read_public_key, read_signed, thumbprint
from watchword.token.v1 import token_pb2
from watchword.wire import from_message

Read = Callable[[bytes], object]
BODIES: tuple[type[BaseModel], ...] = (Registration, Login, NewPassword, Reason, Revocation)
REGISTRIES: tuple[Registry, ...] = (identity_events, token_events, policy_events)


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


def latin(data: bytes) -> str:
    """As HTTP servers give headers."""
    return data.decode("latin-1")


def text(data: bytes) -> str:
    """As JSON and protobuf give text."""
    return data.decode("utf-8", "replace")


def request(*headers: tuple[bytes, bytes], target: bytes = b"/") -> Request:
    path, _, query = target.partition(b"?")
    scope = {"type": "http", "method": "GET", "path": latin(path), "raw_path": path, "query_string": query}
    return Request(scope | {"headers": list(headers), "client": ("10.0.0.1", 1)})


def access_token(data: bytes) -> None:
    for token in (latin(data), text(data)):
        split(token)


def base64url(data: bytes) -> None:
    assert seeds.b64(decode_base64url(data)) == data, "one spelling"


def only_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    assert len(dict(pairs)) == len(pairs), "a member stands twice in what was taken"
    return dict(pairs)


def claims(data: bytes) -> None:
    read = decode_object(data)
    assert repr(read) == repr(json.loads(data.decode(), object_pairs_hook=only_once)), "read in one way"
    said = read_claims(read, "k")
    assert said.sub
    assert said.aud
    assert 0 < said.pos < 2**63


_VAULT = EncryptedVault(Wrapping(bytes(32)), MemoryWrappedKeys())


async def _kept() -> None:
    await _VAULT.keep("k", REFRESH, seeds.REFRESH_KEY)


_LOOP = asyncio.new_event_loop()
_LOOP.run_until_complete(_kept())


def refresh_token(data: bytes) -> None:
    found = _LOOP.run_until_complete(open_refresh_token(_VAULT, text(data)))
    assert data == seeds.refresh_token(found.key_id, found.family_id, found.generation), "one spelling"


def cookie(data: bytes) -> None:
    for secure in (False, True):
        value = Cookies(secure).of(request((b"cookie", data)), SESSION)
        if value is not None:
            session_id, secret = read_cookie(value)
            assert (len(session_id), len(secret)) == (26, 43)


def form(data: bytes) -> None:
    values = parse_form(data).values
    assert all(values.values())
    assert "\0" not in str(values)


def bearer(data: bytes) -> None:
    bearer_of(request((b"authorization", data)).headers)


def position(data: bytes) -> None:
    for header in (latin(data), text(data)):
        found = positions.parse(header)
        assert positions.parse(positions.render(found)) == found


def address(data: bytes) -> None:
    asked = request((b"x-forwarded-for", data))
    found = client_address(asked.scope, asked.headers, [ip_network("10.0.0.0/8")])
    assert found is not None
    source_of(found[0])
    source_of(latin(data))


def correlation(data: bytes) -> None:
    assert correlate(latin(data)).isprintable()
    assert correlate(None, latin(data)).isprintable()


def target(data: bytes) -> None:
    check_target(request(target=data).scope)


def body(data: bytes) -> None:
    check_json(data)
    value = json.loads(data)
    for shape in BODIES:
        try:
            shape.model_validate(value)
        except ValidationError:
            continue


def name(data: bytes) -> None:
    typed = text(data)
    compared(typed)
    read_password(typed)
    normal = normalise(typed)
    assert normalise(normal) == normal, "names compare in one form"
    read_email(typed)


def record(data: bytes) -> None:
    key, value, *rest = [*data.split(b"\n"), b""]
    headers = [(latin(line.partition(b":")[0]), line.partition(b":")[2]) for line in rest if line]
    read = parse(key or None, value, headers)
    if isinstance(read, Record):
        assert len(link(GENESIS, read)) == 32
        fold(read)


def feed(data: bytes) -> None:
    fold(to_row(log_pb2.Event.FromString(data)))


def revocation(data: bytes) -> None:
    message = token_pb2.WatchRevocationsResponse.FromString(data)
    for one in message.revocations:
        from_message(one)


def stored(data: bytes) -> None:
    type_, _, both = data.partition(b"\n")
    public, _, sealed = both.partition(b"\n")
    for registry in REGISTRIES:
        registry.decode(text(type_), public, sealed or None)


def rpc(data: bytes) -> None:
    for message in (token_pb2.RevokeRequest, log_pb2.ReadRequest, token_pb2.CreateClientRequest):
        decode = strictly(message.FromString)
        assert decode is not None
        fit(decode(data))


def wrapped(data: bytes) -> None:
    Wrapping(bytes(32)).unwrap("k", data)


_SEALER = Sealer(Wrapping(bytes(32)), MemorySealKeys())
_SEALED = _LOOP.run_until_complete(_SEALER.seal("k", "account/x", 1, b"a secret"))


def sealed(data: bytes) -> None:
    _LOOP.run_until_complete(_SEALER.open("k", "account/x", 1, data))


def key_set(data: bytes) -> None:
    for key in read_key_set(data).values():
        assert not key.verifies(b"a.b", bytes(64))


def assertion(data: bytes) -> None:
    signed = read_signed(latin(data), TYPES)
    judge_assertion(signed.claims, seeds.BANK, seeds.ISSUER, [], seeds.NOW * 1_000_000)


def proof(data: bytes) -> None:
    found = read_proof(latin(data), method="POST", urls=[seeds.ISSUER], now=seeds.NOW)
    assert found.jkt == seeds.PROOF_KEY.thumbprint, "nobody else has signed"


def client_key(data: bytes) -> None:
    jwk = decode_object(data)
    for alg in ("ES256", "PS256", "EdDSA", "RS256"):
        try:
            read_public_key(jwk, alg)
        except UnusableKey:
            continue
        assert len(thumbprint(jwk)) == 43


def published(data: bytes) -> None:
    assert all(isinstance(key, dict) for key in read_set(data))


def shown(data: bytes) -> None:
    scope = request((b"x-client-certificate", data)).scope
    take_certificate(scope, b"x-client-certificate", True)
    certificate = client_certificate(scope)
    if certificate is not None:
        for client in seeds.CERTIFIED:
            names(client, certificate)
        holds({"x5c": ["AA=="]}, certificate)
        vouched_for(seeds.AUTHORITY.pem, certificate, seeds.SHOWN_AT)


async def _nowhere(host: str, port: int) -> list[str]:
    assert host
    assert 0 < port < 65536
    return []


def fetched(data: bytes) -> None:
    try:
        _LOOP.run_until_complete(Fetcher(resolve=_nowhere).get(text(data)))
    except NotFetched as refused:
        if "network" not in str(refused):
            raise


def rules(data: bytes) -> None:
    """An organization's policies, and after a NUL its schema: what nothing is said against can be decided by."""
    policies, _, schema = data.decode(errors="replace").partition("\0")
    if not problems(policies, schema):
        Rules.of(policies, schema)


TARGETS: dict[str, Target] = {
    "rules": Target(rules, (), seeds.RULES),
    "questions": Target(of_policy.questions, (Refusal,), of_policy.QUESTIONS),
    "search": Target(of_policy.search, (Refusal,), of_policy.SEARCHES),
    "fact": Target(of_policy.fact, (Refusal,), of_policy.FACTS),
    "access_token": Target(access_token, (TokenRefused,), seeds.ACCESS_TOKENS),
    "claims": Target(claims, (TokenRefused, ValueError), seeds.CLAIMS),
    "base64url": Target(base64url, (ValueError,), (b"AAEC_-8", b"")),
    "key_set": Target(key_set, (ValueError, UnusableKey), seeds.KEY_SETS),
    "refresh_token": Target(refresh_token, (InvalidGrant,), seeds.REFRESH_TOKENS),
    "cookie": Target(cookie, (Refusal,), seeds.COOKIES),
    "form": Target(form, (Refusal,), seeds.FORMS),
    "bearer": Target(bearer, (Refusal,), (b"Bearer a.b.c", b"Basic YTpi")),
    "position": Target(position, (Refusal,), (b"identity=812,token=4410", b"policy=0")),
    "address": Target(address, (), (b"1.2.3.4, 10.0.0.2", b"2001:db8::1%eth0", b"::ffff:10.0.0.1")),
    "correlation": Target(correlation, (), (b"00-" + b"a" * 32 + b"-" + b"b" * 16 + b"-01", b"an-id")),
    "target": Target(target, (Refusal,), (b"/v1/accounts/%C3%A9/disable?x=%20", b"/livez")),
    "body": Target(body, (Refusal,), seeds.BODIES),
    "name": Target(name, (Refusal,), seeds.NAMES),
    "record": Target(record, (BadRecord, Unreadable), seeds.RECORDS),
    "feed": Target(feed, (DecodeError, Unreadable), seeds.FEED),
    "revocation": Target(revocation, (DecodeError, ValueError), seeds.REVOCATIONS),
    "stored": Target(stored, (NewerVersion, msgspec.ValidationError), seeds.STORED),
    "rpc": Target(rpc, (Refusal,), (b"", b"\x0a\x05ses_x\x2a\x01r", b"\x0a\x03\x0a\x01r")),
    "wrapped": Target(wrapped, (ValueError,), (seeds.WRAPPED,)),
    "assertion": Target(assertion, (ValueError, InvalidClient), seeds.ASSERTIONS),
    "proof": Target(proof, (ProofRefused,), seeds.PROOFS),
    "client_key": Target(client_key, (ValueError,), seeds.CLIENT_KEYS),
    "published": Target(published, (NotFetched,), seeds.PUBLISHED),
    "shown": Target(shown, (Refusal,), seeds.SHOWN),
    "fetched": Target(fetched, (NotFetched,), (b"https://client.example:8443/jwks?a=b#c", b"http://[::1]/")),
    "sealed": Target(sealed, (InvalidTag, ValueError), (_SEALED,)),
}
