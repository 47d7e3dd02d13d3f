"""Inputs that the decoders take: what is made of them is nearly right, and gets further than noise."""

import base64
import hashlib
import hmac
import json
import uuid
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding
from jwt.algorithms import ECAlgorithm

from eventlog.sealing import Wrapping
from tests.unit.token.certified import Signer, escaped
from tests.unit.token.proving import Key
from tests.unit.token.world import SERVICE, SetClock
from watchword.kafka.records import Heartbeat, Record, headers_of, heartbeat_headers
from watchword.log.v1 import log_pb2
from watchword.revocations import Revocation
from watchword.token.v1 import token_pb2
from watchword.wire import to_message

GOLDEN = Path(__file__).parents[1] / "golden"
REFRESH_KEY = bytes(range(32))


def b64(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def refresh_token(key: str, family: str, generation: int) -> bytes:
    signed = f"wr1.{key}.{family}.{generation}".encode()
    return signed + b"." + b64(hmac.digest(REFRESH_KEY, signed, hashlib.sha256))


CLAIMS = (
    json.dumps(
        {
            "iss": "https://issuer.example",
            "sub": "acc_1",
            "aud": ["orders", "stock"],
            "exp": 1_900_000_720,
            "iat": 1_900_000_000,
            "nbf": 1_900_000_000,
            "jti": "tok_1",
            "client_id": "app",
            "scope": "orders:read",
            "pos": 100,
            "sid": "ses_1",
            "spos": 50,
            "fam": "fam_1",
            "auth_time": 1,
            "acr": "1",
            "amr": ["pwd"],
        }
    ).encode(),
)
_HEADER = b64(b'{"typ":"at+jwt","alg":"ES256","kid":"k"}')
ACCESS_TOKENS = tuple(b".".join((_HEADER, b64(payload), b64(bytes(64)))) for payload in CLAIMS)
REFRESH_TOKENS = (refresh_token("k", "fam_1", 1), refresh_token("k", "f", 10**17))
COOKIES = tuple(
    name + b"=ses_" + b"A" * 22 + b"." + b"B" * 43 + b'; other="a b\\"'
    for name in (b"watchword_session", b"__Host-watchword_session")
)
FORMS = (
    b"grant_type=refresh_token&refresh_token=wr1.a&client_id=app&scope=a+b%20c&resource=https%3A%2F%2Fx",
    b"token=%C3%A9&token_type_hint=",
)
BODIES = (
    b'{"username": "walter", "password": "seven \\u00e9 otters", "email": "w@example.org"}',
    b'{"username": "walter", "password": "x", "client_id": null}',
    b'{"current_password": "a", "new_password": "b"}',
    b'{"session_id": "ses_1", "reason": "lost", "wait": "applied"}',
    b'[1, -0.5e3, true, {"a": {"a": []}}]',
)
NAMES = (b"w@example.org", b"walter", "\uff21l\u0131ce".encode(), "\u05d0\u05d1".encode(), "e\u0301".encode())

_LOG = str(uuid.UUID(int=7))
_EVENT = Record(
    log_id=_LOG,
    service="token",
    position=42,
    stream="family/f1",
    version=3,
    type="watchword.token.family.revoked.v1",
    time=1_700_000_000_000_001,
    command_id="c-1",
    actor="acc_1",
    correlation_id="k-1",
    body=b'{"family_id":"f1","reason":"x"}',
    sealed_hash=bytes(32),
    chain_hash=bytes(32),
)
_BEAT = Heartbeat(log_id=_LOG, service="token", position=42, time=1_700_000_001_000_000, chain_hash=bytes(32))


def _record(key: bytes, value: bytes, headers: list[tuple[str, bytes]]) -> bytes:
    return b"\n".join((key, value, *(name.encode() + b":" + one for name, one in headers)))


RECORDS = (
    _record(b"family/f1", _EVENT.body, headers_of(_EVENT, "00-" + "a" * 32 + "-" + "b" * 16 + "-01")),
    _record(b"", b"{}", heartbeat_headers(_BEAT)),
)
FEED = (
    log_pb2.Event(
        position=42, stream="family/f1", stream_version=3, type=_EVENT.type, body=_EVENT.body, chain_hash=bytes(32)
    ).SerializeToString(),
)
REVOCATIONS = (
    token_pb2.WatchRevocationsResponse(
        revocations=[to_message(Revocation("subject", "acc_1", 7, 10**15, 10**15, 3, "ses_1"))], position=7
    ).SerializeToString(),
)


def _stored() -> tuple[bytes, ...]:
    """Every version of every event that was ever written."""
    lines = [json.loads(line) for path in sorted(GOLDEN.glob("*.jsonl")) for line in path.read_text().splitlines()]
    return tuple(
        b"\n".join(
            (one["type"].encode(), json.dumps(one["body"]).encode(), json.dumps(one.get("sealed") or {}).encode())
        )
        for one in lines
    )


STORED = _stored()
WRAPPED = Wrapping(bytes(32)).wrap("k", bytes(32))


_EDWARDS = b64(ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key().public_bytes_raw()).decode()


def _key_set() -> bytes:
    public = ec.derive_private_key(7, ec.SECP256R1()).public_key()
    elliptic = ECAlgorithm.to_jwk(public, as_dict=True) | {"kid": "a", "alg": "ES256", "use": "sig"}
    rsa = {"kty": "RSA", "n": b64(b"\xff" * 256).decode(), "e": "AQAB", "kid": "b", "alg": "RS256", "use": "sig"}
    edwards = {"kty": "OKP", "crv": "Ed25519", "x": _EDWARDS, "kid": "c", "alg": "EdDSA", "use": "sig"}
    return json.dumps({"keys": [elliptic, rsa | {"key_ops": ["verify"]}, edwards]}).encode()


KEY_SETS = (_key_set(),)


NOW = 1_900_000_000
ISSUER = "https://id.example/oauth2/token"
BANK = msgspec.structs.replace(SERVICE, id="bank", token_endpoint_auth_method="private_key_jwt")
PROOF_KEY = Key()
_ASSERTED = {"iss": "bank", "sub": "bank", "aud": [ISSUER], "exp": NOW + 60, "iat": NOW, "jti": "j"}
_PROVEN = {"htm": "POST", "htu": ISSUER + "?a=b", "jti": "j", "iat": NOW, "nonce": "n"}
ASSERTIONS = tuple(PROOF_KEY.sign(_ASSERTED, kid="k", typ=typ).encode() for typ in ("JWT", "client-authentication+jwt"))
PROOFS = (PROOF_KEY.sign(_PROVEN, typ="dpop+jwt", jwk=PROOF_KEY.jwk).encode(),)
CLIENT_KEYS = tuple(json.dumps(Key(alg, kid="k").jwk).encode() for alg in ("ES256", "EdDSA", "RS256"))
PUBLISHED = (b'{"keys":[' + b",".join(CLIENT_KEYS) + b"]}",)
AUTHORITY = Signer()
SHOWN_AT = SetClock().time
_NAMED = AUTHORITY.client("CN=x", x509.DNSName("x.example"), x509.UniformResourceIdentifier("https://x.example"))
SHOWN = (escaped(_NAMED), b":" + base64.b64encode(AUTHORITY.client().public_bytes(Encoding.DER)) + b":")
CERTIFIED = tuple(
    msgspec.structs.replace(SERVICE, **{f"tls_client_auth_{name}": value})
    for name, value in (("subject_dn", "CN=x"), ("san_dns", "x.example"), ("san_uri", "https://x.example"))
)

RULES = (
    (
        b'@id("readers") permit (principal is account in group::"staff", action in [Action::"a.b"], resource)\n'
        b'when { context has acr && ["mfa"].contains(context.acr) } unless { context.given has a };\0'
        b'type Given = { a?: Long }; entity c in [c]; action "a.*" in ["*"];\n'
        b'action "a.b" in ["a.*"] appliesTo { principal: [account], resource: [c], context: Asked };'
    ),
    b"forbid (principal, action, resource) when { if context.reads then true else context.now < -3 };",
)
