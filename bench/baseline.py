"""What a team would write without Watchword: FastAPI, PyJWT with RS256, and a transaction a request.

`python -m bench.baseline DSN PORT` serves it. It is as quick as such a program is without being clever: asyncpg's pool,
uvloop, httptools, one process, the key parsed once, a secret compared by its SHA-256. It has no events, no revocation
that reaches anybody, no limits, no key rotation.
"""

import base64
import hashlib
import hmac
import secrets
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import asyncpg
import jwt
import uvicorn
from cryptography.hazmat.primitives.asymmetric import rsa
from fastapi import Depends, FastAPI, Form, HTTPException, Request

ISSUER = "http://baseline.example"
LIFE, REFRESH_LIFE = 720, 14 * 86400
SCHEMA = """
CREATE TABLE IF NOT EXISTS clients (client_id text PRIMARY KEY, secret_hash bytea NOT NULL, scope text NOT NULL);
CREATE TABLE IF NOT EXISTS access_tokens (
    jti text PRIMARY KEY, client_id text NOT NULL, subject text NOT NULL, scope text NOT NULL,
    issued_at timestamptz NOT NULL DEFAULT now(), expires_at timestamptz NOT NULL,
    revoked boolean NOT NULL DEFAULT false);
CREATE TABLE IF NOT EXISTS refresh_tokens (
    token_hash bytea PRIMARY KEY, family text NOT NULL, client_id text NOT NULL, subject text NOT NULL,
    scope text NOT NULL, expires_at timestamptz NOT NULL, used_at timestamptz, revoked boolean NOT NULL DEFAULT false);
CREATE INDEX IF NOT EXISTS refresh_family ON refresh_tokens (family);
"""

key = rsa.generate_private_key(public_exponent=65537, key_size=2048)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with asyncpg.create_pool(app.state.dsn, min_size=16, max_size=16) as pool:
        app.state.pool = pool
        yield


app = FastAPI(lifespan=_lifespan)


def _pool(request: Request) -> asyncpg.Pool:
    pool: asyncpg.Pool = request.app.state.pool
    return pool


def hashed(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _signed(client_id: str, subject: str, scope: str, jti: str) -> dict[str, Any]:
    now = int(time.time())
    claims = {
        "iss": ISSUER,
        "sub": subject,
        "aud": ISSUER,
        "client_id": client_id,
        "scope": scope,
        "iat": now,
        "exp": now + LIFE,
        "jti": jti,
    }
    token = jwt.encode(claims, key, algorithm="RS256", headers={"typ": "at+jwt", "kid": "k1"})
    return {"access_token": token, "token_type": "Bearer", "expires_in": LIFE, "scope": scope}


async def _client(connection: Any, request: Request) -> Any:
    """The client that authenticated by client_secret_basic."""
    try:
        given = base64.b64decode(request.headers["authorization"].removeprefix("Basic ")).decode()
    except (KeyError, ValueError):
        raise HTTPException(401, "invalid_client") from None
    client_id, _, secret = given.partition(":")
    row = await connection.fetchrow("SELECT * FROM clients WHERE client_id = $1", client_id)
    if row is None or not hmac.compare_digest(row["secret_hash"], hashed(secret)):
        raise HTTPException(401, "invalid_client")
    return row


async def _issue(connection: Any, client_id: str, subject: str, scope: str) -> dict[str, Any]:
    jti = secrets.token_urlsafe(16)
    await connection.execute(
        "INSERT INTO access_tokens (jti, client_id, subject, scope, expires_at)"
        " VALUES ($1, $2, $3, $4, now() + make_interval(secs => $5))",
        jti,
        client_id,
        subject,
        scope,
        LIFE,
    )
    return _signed(client_id, subject, scope, jti)


async def start_family(connection: Any, family: str, client_id: str, subject: str, scope: str) -> str:
    """A new refresh token of a family."""
    token = secrets.token_urlsafe(32)
    await connection.execute(
        "INSERT INTO refresh_tokens (token_hash, family, client_id, subject, scope, expires_at)"
        " VALUES ($1, $2, $3, $4, $5, now() + make_interval(secs => $6))",
        hashed(token),
        family,
        client_id,
        subject,
        scope,
        REFRESH_LIFE,
    )
    return token


@app.post("/oauth2/token")
async def token(
    request: Request,
    pool: Annotated[asyncpg.Pool, Depends(_pool)],
    grant_type: Annotated[str, Form()],
    refresh_token: Annotated[str | None, Form()] = None,
    client_id: Annotated[str | None, Form()] = None,
) -> dict[str, Any]:
    """client_credentials and refresh_token."""
    if grant_type == "client_credentials":
        async with pool.acquire() as connection, connection.transaction():
            client = await _client(connection, request)
            return await _issue(connection, client["client_id"], client["client_id"], client["scope"])
    if grant_type == "refresh_token" and refresh_token is not None:
        return await _refreshed(pool, refresh_token, client_id)
    raise HTTPException(400, "unsupported_grant_type")


async def _refreshed(pool: asyncpg.Pool, presented: str, client_id: str | None) -> dict[str, Any]:
    async with pool.acquire() as connection, connection.transaction():
        row = await connection.fetchrow(
            "SELECT *, expires_at < now() AS expired FROM refresh_tokens WHERE token_hash = $1 FOR UPDATE",
            hashed(presented),
        )
        if row is None or row["client_id"] != client_id or row["revoked"] or row["expired"]:
            raise HTTPException(400, "invalid_grant")
        if row["used_at"] is None:
            await connection.execute(
                "UPDATE refresh_tokens SET used_at = now() WHERE token_hash = $1", row["token_hash"]
            )
            said = row["family"], row["client_id"], row["subject"], row["scope"]
            following = await start_family(connection, *said)
            answer = await _issue(connection, row["client_id"], row["subject"], row["scope"])
            return answer | {"refresh_token": following}
        await connection.execute("UPDATE refresh_tokens SET revoked = true WHERE family = $1", row["family"])
    raise HTTPException(400, "invalid_grant")


@app.post("/oauth2/introspect")
async def introspect(
    request: Request, pool: Annotated[asyncpg.Pool, Depends(_pool)], token: Annotated[str, Form()]
) -> dict[str, Any]:
    """Whether a token is active."""
    async with pool.acquire() as connection, connection.transaction():
        await _client(connection, request)
        try:
            claims: dict[str, Any] = jwt.decode(token, key.public_key(), algorithms=["RS256"], audience=ISSUER)
        except jwt.PyJWTError:
            return {"active": False}
        row = await connection.fetchrow("SELECT revoked FROM access_tokens WHERE jti = $1", claims["jti"])
    return {"active": False} if row is None or row["revoked"] else {"active": True, **claims}


def main(dsn: str, port: str) -> None:
    """Serves until it is ended."""
    app.state.dsn = dsn
    uvicorn.run(
        app, host="127.0.0.1", port=int(port), loop="uvloop", http="httptools", access_log=False, log_level="error"
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
