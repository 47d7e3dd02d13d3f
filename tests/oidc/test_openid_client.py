"""openid-client, from npm: pointed at the issuer, it just works, as far up as pushed requests and bound tokens."""

import asyncio
import json
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from jwt.algorithms import ECAlgorithm

from tests.harness.browsing import Browser
from tests.harness.people import Person
from tests.oidc.conftest import Parties
from tests.oidc.party import OUT, Party, entered
from tests.oidc.programs import MODULES, NODE

SCRIPT = __file__.replace("test_openid_client.py", "openid_client.mjs")


@asynccontextmanager
async def relying(app: Party, **more: Any) -> AsyncIterator[Process]:
    """The script, for an application."""
    given = {"modules": str(MODULES), "issuer": app.issuer, "client_id": app.client.client_id}
    given |= {"client_secret": app.client.secret, "redirect_uri": app.back, "out": OUT} | more
    process = await asyncio.create_subprocess_exec(
        NODE, SCRIPT, json.dumps(given), stdin=PIPE, stdout=PIPE, stderr=PIPE
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def said(process: Process) -> Any:
    assert process.stdout is not None
    assert process.stderr is not None
    line = await asyncio.wait_for(process.stdout.readline(), 30)
    assert line, (await process.stderr.read()).decode()
    return json.loads(line)


async def logged_in(app: Party, browser: Browser, person: Person, **more: Any) -> Any:
    """What openid-client found."""
    async with relying(app, **more) as process:
        page = await entered(browser, (await said(process))["url"], person)
        assert process.stdin is not None
        process.stdin.write(json.dumps(page.left).encode() + b"\n")
        found = await said(process)
    assert found["claims"]["sub"] == found["userinfo"]["sub"] == person.account_id
    assert found["userinfo"]["preferred_username"] == person.username
    assert found["refused"] == "invalid_grant", "what it revoked is over"
    assert (await browser.open(found["end"])).left == OUT
    return found


@pytest.mark.parametrize("confidential", [True, False])
@pytest.mark.parametrize("par", [False, True])
async def test_an_application_with_openid_client(
    parties: Parties, browser: Browser, person: Person, confidential: bool, par: bool
) -> None:
    app = await parties(confidential=confidential, ask_consent=True)
    assert (await logged_in(app, browser, person, par=par))["token_type"] == "bearer"


async def test_with_keys_of_its_own(parties: Parties, browser: Browser, person: Person) -> None:
    """As FAPI 2.0 has it: private_key_jwt, a pushed request, tokens bound by DPoP with the server's nonces."""
    key = ECAlgorithm.to_jwk(generate_private_key(SECP256R1()), as_dict=True) | {"kid": "its"}
    public = {name: value for name, value in key.items() if name != "d"} | {"alg": "ES256", "use": "sig"}
    app = await parties(
        token_endpoint_auth_method="private_key_jwt",
        token_endpoint_auth_signing_alg="ES256",
        jwks={"keys": [public]},
        id_token_alg="ES256",
        require_pushed_authorization_requests=True,
        dpop_bound_access_tokens=True,
    )
    private = {name: key[name] for name in ("kty", "crv", "x", "y", "d", "kid")}
    found = await logged_in(app, browser, person, par=True, dpop=True, key=private)
    assert found["token_type"] == "dpop"
