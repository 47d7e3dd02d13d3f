"""What is read of tokens, keys, proofs and certificates, and of what a client publishes."""

import json

from chassis.web.certificates import client_certificate, take_certificate
from eventlog.sealing import Wrapping
from services.token.adapters.authorities import vouched_for
from services.token.adapters.client_keys import read_set
from services.token.adapters.fetch import Fetcher
from services.token.adapters.refresh_secrets import open_refresh_token
from services.token.adapters.vault import EncryptedVault, MemoryWrappedKeys
from services.token.domain.assertion import TYPES, judge_assertion
from services.token.domain.certificate import holds, names
from services.token.domain.keyring import REFRESH
from services.token.ports import NotFetched
from tests.fuzzing import seeds
from tests.fuzzing.inputs import LOOP, latin, request, text
from watchword.claims import read_claims
from watchword.compact import decode_base64url, decode_object, split
from watchword.dpop import read_proof
from watchword.errors import UnusableKey
from watchword.jwks import read_key_set
from watchword.signed import read_public_key, read_signed, thumbprint


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


LOOP.run_until_complete(_kept())


def refresh_token(data: bytes) -> None:
    found = LOOP.run_until_complete(open_refresh_token(_VAULT, text(data)))
    assert data == seeds.refresh_token(found.key_id, found.family_id, found.generation), "one spelling"


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
        LOOP.run_until_complete(Fetcher(resolve=_nowhere).get(text(data)))
    except NotFetched as refused:
        if "network" not in str(refused):
            raise
