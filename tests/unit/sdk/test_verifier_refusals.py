"""What the verifier accepts, and every reason for which it refuses (RFC 9068, RFC 8725, RULES 9)."""

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.unit.sdk.fakes import ISSUER, NOW, PRIVATE_KEYS, Bench, base64url, claims, sign, sign_raw
from watchword import (
    ANY_AUDIENCE,
    LogClock,
    Revocations,
    StaticKeys,
    TokenRefused,
    Unavailable,
    VerificationKey,
    Verifier,
)
from watchword.errors import Code


async def refusal(token: str, bench: Bench | None = None) -> Code:
    with pytest.raises(TokenRefused) as caught:
        await (bench or Bench()).verifier.verify(token)
    assert len(token) < 10 or token not in str(caught.value)
    return caught.value.code


@pytest.mark.parametrize("alg", ["ES256", "RS256", "PS256", "EdDSA"])
async def test_a_good_token_of_every_algorithm_is_accepted(alg: str) -> None:
    found = await Bench().verifier.verify(sign(claims(auth_time=NOW, acr="1", amr=["pwd"]), alg))
    assert (found.sub, found.pos, found.spos, found.sid, found.fam) == ("acc_1", 100, 50, "ses_1", "fam_1")
    assert (found.aud, found.scope) == (("orders",), frozenset({"orders:read", "orders:write"}))
    assert (found.kid, found.auth_time, found.acr, found.amr) == (alg, NOW, "1", ("pwd",))


@pytest.mark.parametrize("typ", ["AT+JWT", "application/at+jwt"])
async def test_the_media_type_may_be_spelled_as_rfc_9068_allows(typ: str) -> None:
    assert (await Bench().verifier.verify(sign(claims(), typ=typ))).jti == "tok_1"


@pytest.mark.parametrize("typ", ["JWT", "logout+jwt", "id_token+jwt", "", None, 7])
async def test_an_id_token_never_passes_as_an_access_token(typ: Any) -> None:
    assert await refusal(sign(claims(), typ=typ)) == "wrong_type"


@pytest.mark.parametrize(
    "header",
    [{"crit": ["b64"], "b64": True}, {"crit": []}, {"jwk": {"kty": "EC"}}, {"jku": "https://x"}, {"x5u": "https://x"}],
)
async def test_critical_extensions_and_keys_that_a_token_brings_along_are_refused(header: dict[str, Any]) -> None:
    assert await refusal(sign(claims(), **header)) == "header"


@pytest.mark.parametrize("kid", [None, "", 7])
async def test_a_token_names_its_key(kid: Any) -> None:
    assert await refusal(sign(claims(), kid=kid)) == "header"


async def test_an_unknown_key_is_refused() -> None:
    assert await refusal(sign(claims(), kid="other")) == "unknown_key"


async def test_a_key_verifies_under_its_own_algorithm_alone() -> None:
    assert await refusal(sign(claims(), "RS256", kid="PS256")) == "algorithm"
    assert await refusal(sign(claims(), "ES256", kid="RS256")) == "algorithm"


@pytest.mark.parametrize("alg", ["none", "None", "HS256", "ES384", "", 7, None])
async def test_no_other_algorithm_is_taken_from_a_header(alg: Any) -> None:
    header = json.dumps({"typ": "at+jwt", "alg": alg, "kid": "ES256"}).encode()
    assert await refusal(sign_raw(header, json.dumps(claims()).encode())) == "algorithm"


async def test_a_public_key_is_never_an_hmac_secret() -> None:
    header = json.dumps({"typ": "at+jwt", "alg": "HS256", "kid": "ES256"}).encode()
    secret = PRIVATE_KEYS["ES256"].public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert await refusal(sign_raw(header, json.dumps(claims()).encode(), "HS256", secret)) == "algorithm"


async def test_another_keys_signature_is_refused() -> None:
    assert await refusal(sign(claims(), key=ec.generate_private_key(ec.SECP256R1()))) == "signature"


@pytest.mark.parametrize("alg", ["ES256", "EdDSA"])
@pytest.mark.parametrize("mangle", [lambda s: s[:-1], lambda s: s + b"\0", lambda s: b"", lambda s: b"\0" * 64])
async def test_a_signature_of_another_length_or_value_is_refused(alg: str, mangle: Any) -> None:
    signing_input, _, signature = sign(claims(), alg).rpartition(".")
    raw = base64.urlsafe_b64decode(signature + "==")
    assert await refusal(f"{signing_input}.{base64url(mangle(raw)).decode()}") == "signature"


@pytest.mark.parametrize("segment", [0, 1, 2])
async def test_only_the_canonical_spelling_of_base64url_is_read(segment: int) -> None:
    parts = sign(claims(), kid="ES256").split(".")
    for other in (parts[segment] + "=", parts[segment] + "\n", "+" + parts[segment][1:], respelled(parts[segment])):
        token = ".".join([*parts[:segment], other, *parts[segment + 1 :]])
        assert await refusal(token) == "malformed"


def respelled(segment: str) -> str:
    """The same bytes with other unused bits in the last character, or a length that none has."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    if len(segment) % 4 == 0:
        return segment + "A"
    return segment[:-1] + alphabet[alphabet.index(segment[-1]) ^ 1]


@pytest.mark.parametrize("token", ["", "a", "a.b", "..", "....", "a.b.c.d", "é.é.é", "\ud800.a.b", "x" * 9000])
async def test_what_is_no_token_is_malformed(token: str) -> None:
    assert await refusal(token) == "malformed"


@pytest.mark.parametrize(
    "text",
    [b"[]", b"7", b"null", b"{", b"\xff", b'{"pos": NaN}', b'{"a":' * 1500, b'{"pos": ' + b"9" * 5000 + b"}"],
)
async def test_a_header_or_payload_that_is_no_json_object_is_malformed(text: bytes) -> None:
    assert await refusal(sign(text)) == "malformed"
    assert await refusal(sign_raw(text, b"{}")) == "malformed"


async def test_a_member_named_twice_is_refused_at_every_depth() -> None:
    body = json.dumps(claims())
    header = b'{"typ":"at+jwt","alg":"ES256","kid":"ES256"'
    assert await refusal(sign(f'{{"sub":"acc_2",{body[1:]}'.encode())) == "malformed"
    assert await refusal(sign(f'{{"x":{{"y":1,"y":2}},{body[1:]}'.encode())) == "malformed"
    assert await refusal(sign_raw(header + b',"kid":"ES256"}', body.encode())) == "malformed"


@pytest.mark.parametrize("name", ["iss", "sub", "aud", "exp", "iat", "jti", "client_id", "scope", "pos"])
async def test_every_required_claim_is_required(name: str) -> None:
    assert await refusal(sign(claims(**{name: None}))) == "missing_claim"


def deep(actors: int) -> dict[str, Any]:
    """So many services, each acting for the one inside."""
    return {"sub": "a"} | ({"act": deep(actors - 1)} if actors > 1 else {})


async def test_who_acts_for_whom_is_read_from_the_outside_in() -> None:
    said = claims(act={"sub": "orders", "act": {"sub": "gateway"}}, may_act={"sub": "stock"})
    read = await Bench().verifier.verify(sign(said))
    assert (read.actors, read.may_act) == (("orders", "gateway"), "stock")
    assert len((await Bench().verifier.verify(sign(claims(act=deep(16))))).actors) == 16


WRONG: dict[str, list[Any]] = {
    "pos": [0, -1, True, 1.0, "1", 2**63, [1]],
    "spos": [0, True, "1", 1.5],
    "exp": [str(NOW), NOW + 0.5, True, -1],
    "iat": [str(NOW), NOW + 0.5, False],
    "aud": [[], [7], {}, "", [""], ["orders", None]],
    "scope": [["orders:read"], 7],
    "amr": ["pwd", [], [7]],
    "auth_time": ["now"],
    "may_act": ["orders", {}, {"sub": 7}, ["orders"]],
    "act": ["orders", {}, {"sub": ""}, {"sub": "a", "act": "b"}, {"sub": "a", "act": {}}, deep(17)],
    "prior": [{}, "tok_1", ["tok_1"], [{"jti": "tok_1", "client_id": "a"}], [{"jti": 7, "client_id": "a", "kid": "k"}]],
    **{name: ["", 7, ["x"]] for name in ("sub", "jti", "client_id", "sid", "fam", "acr")},
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in WRONG.items() for value in values])
async def test_a_claim_of_a_wrong_type_is_refused(name: str, value: Any) -> None:
    assert await refusal(sign(claims(**{name: value}))) == "bad_claim"


async def test_another_issuers_token_is_refused() -> None:
    assert await refusal(sign(claims(iss=ISSUER + "/"))) == "issuer"


async def test_a_token_for_others_is_refused() -> None:
    assert await refusal(sign(claims(aud="billing"))) == "audience"
    assert await refusal(sign(claims(aud=["billing", "orders2"]))) == "audience"
    assert (await Bench().verifier.verify(sign(claims(aud=["billing", "orders"])))).aud == ("billing", "orders")


def test_a_verifier_has_no_default_audience() -> None:
    parts: dict[str, Any] = {
        "keys": StaticKeys([]),
        "revocations": Revocations(),
        "age_ns": lambda: 0,
        "clock": LogClock(),
    }
    with pytest.raises(TypeError):
        Verifier(issuer=ISSUER, **parts)
    with pytest.raises(ValueError, match="audience"):
        Verifier(issuer=ISSUER, audience="", **parts)
    Verifier(issuer=ISSUER, audience=ANY_AUDIENCE, **parts)


async def test_a_token_is_refused_from_its_expiry_on_by_the_logs_time() -> None:
    bench, token = Bench(), sign(claims(exp=NOW + 720))
    bench.monotonic.forward(719.9)
    await bench.verifier.verify(token)
    bench.monotonic.forward(0.1)
    assert await refusal(token, bench) == "expired"


async def test_a_token_from_the_future_is_refused() -> None:
    assert await refusal(sign(claims(iat=NOW + 31, exp=NOW + 720))) == "issued_in_future"
    await Bench().verifier.verify(sign(claims(iat=NOW + 30, exp=NOW + 720)))
    assert await refusal(sign(claims(nbf=NOW + 31))) == "not_yet_valid"


async def test_no_token_lives_longer_than_an_hour_whatever_it_says() -> None:
    await Bench().verifier.verify(sign(claims(exp=NOW + 3600)))
    assert await refusal(sign(claims(exp=NOW + 3601))) == "life_too_long"


@pytest.mark.parametrize("cnf", [{"x5t#S256": "x"}, {"jkt": "x"}, {}, 7])
async def test_a_token_bound_to_a_proof_is_refused_where_the_proof_is_not_checked(cnf: Any) -> None:
    assert await refusal(sign(claims(cnf=cnf))) == "proof_required"
    assert await refusal(sign(json.dumps(claims()).replace("{", '{"cnf":null,', 1).encode())) == "proof_required"


async def test_a_verifier_without_any_keys_says_that_it_lacks_them() -> None:
    class Away:
        async def key(self, kid: str) -> VerificationKey | None:
            raise Unavailable("no key set yet")

    clock = LogClock()
    verifier = Verifier(
        issuer=ISSUER, audience="orders", keys=Away(), revocations=Revocations(), age_ns=lambda: 0, clock=clock
    )
    with pytest.raises(TokenRefused) as caught:
        await verifier.verify(sign(claims()))
    assert (caught.value.code, caught.value.temporary) == ("keys_unavailable", True)
