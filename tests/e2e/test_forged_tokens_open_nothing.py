"""No forged and no mangled access token is taken anywhere (RFC 8725, RULES 9), even where the suite's key signed it."""

import json
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.harness.calls import bearer, refused
from tests.harness.feeds import nothing_written
from tests.harness.forging import Forge, active_key, b64, forge
from tests.harness.people import People, claims
from tests.harness.running import Running
from watchword.token.v1 import token_pb2, token_pb2_grpc

pytestmark = pytest.mark.over("feed")

Mangle = Callable[[str, Forge, "Keys"], str]


class Keys:
    """The keys that the world may know of: the public ones, and the names of the others."""

    def __init__(self, jwks: dict[str, Any], refresh: str) -> None:
        self.public = {key["kid"]: key for key in jwks["keys"]}
        self.refresh = refresh

    def other(self, alg: str) -> str:
        return next(str(kid) for kid, key in self.public.items() if key["alg"] == alg)


def parts(token: str) -> tuple[str, str, str]:
    header, payload, signature = token.split(".")
    return header, payload, signature


def with_header(token: str, **members: Any) -> str:
    _, payload, signature = parts(token)
    whole = jwt.get_unverified_header(token) | members
    return f"{b64(json.dumps(whole).encode())}.{payload}.{signature}"


def as_hmac(token: str, key: Forge, secret: bytes) -> str:
    header = b64(json.dumps({"typ": "at+jwt", "alg": "HS256", "kid": key.kid}).encode())
    signing_input = f"{header}.{parts(token)[1]}"
    signature = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(signing_input.encode(), secret)
    return f"{signing_input}.{b64(signature)}"


def public_pem(key: Forge) -> bytes:
    pem: bytes = key.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return pem


def another_spelling(token: str) -> str:
    """The last character's unused bits say nothing, so other characters decode to the same bytes."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return token[:-1] + alphabet[alphabet.index(token[-1]) ^ 1]


def signed_raw(token: str, key: Forge, header: bytes | None = None, payload: bytes | None = None) -> str:
    own = {"typ": "at+jwt", "alg": key.alg, "kid": key.kid}
    return key.raw(header or json.dumps(own).encode(), payload or json.dumps(claims(token)).encode())


MANGLED: dict[str, Mangle] = {
    "alg none": lambda t, k, w: ".".join(parts(with_header(t, alg="none"))[:2]) + ".",
    "alg None": lambda t, k, w: ".".join(parts(with_header(t, alg="None"))[:2]) + ".",
    "no alg": lambda t, k, w: f"{b64(json.dumps({'typ': 'at+jwt', 'kid': k.kid}).encode())}.{parts(t)[1]}.",
    "HS256 with the public key": lambda t, k, w: as_hmac(t, k, public_pem(k)),
    "HS256 with the published key": lambda t, k, w: as_hmac(t, k, json.dumps(w.public[k.kid]).encode()),
    "HS256 with nothing": lambda t, k, w: as_hmac(t, k, b""),
    "another algorithm named": lambda t, k, w: with_header(t, alg="RS256"),
    "the key of another algorithm": lambda t, k, w: with_header(t, kid=w.other("RS256")),
    "another key of the same algorithm": lambda t, k, w: k.token(claims(t), kid="nobody"),
    "a refresh key": lambda t, k, w: k.token(claims(t), kid=w.refresh),
    "a path as kid": lambda t, k, w: k.token(claims(t), kid="../../../../dev/null"),
    "SQL as kid": lambda t, k, w: k.token(claims(t), kid="x' OR '1'='1"),
    "a number as kid": lambda t, k, w: k.token(claims(t), kid=1),
    "no kid": lambda t, k, w: k.token(claims(t), kid=None),
    "a key of its own": lambda t, k, w: k.token(claims(t), jwk=w.public[k.kid]),
    "an address of keys": lambda t, k, w: k.token(claims(t), jku="http://127.0.0.1:1/jwks.json"),
    "a certificate": lambda t, k, w: k.token(claims(t), x5c=["AAAA"]),
    "a critical extension": lambda t, k, w: k.token(claims(t), crit=["exp"], exp=1),
    "an unencoded payload": lambda t, k, w: k.token(claims(t), crit=["b64"], b64=False),
    "a member of the header twice": lambda t, k, w: signed_raw(
        t, k, header=b'{"typ":"at+jwt","alg":"ES256","kid":"x","kid":"%s"}' % k.kid.encode()
    ),
    "a claim twice": lambda t, k, w: signed_raw(
        t, k, payload=json.dumps(claims(t)).encode()[:-1] + b', "sub": "acc_another"}'
    ),
    "a payload that is a list": lambda t, k, w: signed_raw(t, k, payload=b"[]"),
    "a payload that is no JSON": lambda t, k, w: signed_raw(t, k, payload=b"sub=admin"),
    "a payload in UTF-16": lambda t, k, w: signed_raw(t, k, payload=json.dumps(claims(t)).encode("utf-16")),
    "nested without end": lambda t, k, w: signed_raw(t, k, payload=b"[" * 5_000),
    "another spelling": lambda t, k, w: another_spelling(t),
    "padded": lambda t, k, w: t + "==",
    "base64 of the other alphabet": lambda t, k, w: t.replace("-", "+").replace("_", "/") + "+",
    "cut short": lambda t, k, w: t[:-2],
    "a part more": lambda t, k, w: t + ".AAAA",
    "a part less": lambda t, k, w: ".".join(parts(t)[:2]),
    "encrypted, it says": lambda t, k, w: ".".join([parts(t)[0], "", *parts(t)[1:], ""]),
    "a signature of zeros": lambda t, k, w: ".".join(parts(t)[:2]) + "." + b64(bytes(64)),
    "an empty signature": lambda t, k, w: ".".join(parts(t)[:2]) + ".",
    "another payload": lambda t, k, w: ".".join(
        [parts(t)[0], b64(json.dumps(claims(t) | {"exp": 99}).encode()), parts(t)[2]]
    ),
    "very long": lambda t, k, w: t + "A" * 20_000,
    "dots": lambda t, k, w: "..",
    "a refresh token's beginning": lambda t, k, w: "wr1." + t,
}


async def test_no_forged_or_mangled_token_is_taken_anywhere(suite: Running, people: People) -> None:
    admin, key = await people.administrator(), await forge(suite)
    jwks = (await people.get("token", "/.well-known/jwks.json")).json()
    known, good = Keys(jwks, await active_key(suite, "HS256", "refresh")), key.token(claims(admin.access_token))
    assert (await people.introspect(good))["active"], "the forge makes good tokens"
    channel = suite.channel("token", "backend", "demo")
    stub: Any = token_pb2_grpc.TokenServiceStub(channel)
    async with nothing_written(suite):
        for what, mangle in MANGLED.items():
            token = mangle(good, key, known)
            assert token != good, what
            headers = {"Authorization": f"Bearer {token}"}
            subject = {"subject": "acc_another", "reason": "forged"}
            answers = [
                await people.get("identity", "/v1/account", headers=headers),
                await people.post("identity", "/v1/accounts/acc_x/disable", headers=headers, reason="forged"),
                await people.get("policy", "/v1/roles", headers=headers),
                await people.post("token", "/v1/revocations", 0, headers, **subject),
            ]
            for answer in answers:
                assert (answer.status_code, answer.json()["code"]) == (401, "invalid_token"), what
            assert await people.introspect(token) == {"active": False}, what
            assert not (await stub.Introspect(token_pb2.IntrospectRequest(token=token))).active, what
            listed = stub.ListClients(token_pb2.ListClientsRequest(), metadata=bearer(token))
            if len(token) < 8_000:
                assert await refused(listed) == ("UNAUTHENTICATED", "invalid_token"), what
    await channel.close()


async def test_signing_keys_leave_nothing_private_in_the_published_set(people: People) -> None:
    keys = (await people.get("token", "/.well-known/jwks.json")).json()["keys"]
    assert {key["alg"] for key in keys} == {"ES256", "RS256", "PS256", "EdDSA"}
    for key in keys:
        assert not {"d", "p", "q", "dp", "dq", "qi", "k"} & key.keys()
        assert (key["use"], key["kid"] != "") == ("sig", True)
