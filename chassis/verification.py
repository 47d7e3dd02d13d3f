"""Verifying bearers in a service other than token: by the issuer's published keys, and what token's log has revoked."""

import httpx2

from chassis.process import Process
from chassis.settings import ServiceSettings, WrongSetting
from chassis.trust import Trust
from eventlog.projection import MemoryProjection
from watchword import AnyAudience, JwksKeys, LogClock, Verifier


async def verifier(
    settings: ServiceSettings,
    process: Process,
    trust: Trust,
    trusted: MemoryProjection,
    audience: str | AnyAudience | None = None,
) -> Verifier:
    """Accepts the suite's own audience, unless another is named. Its time is that of token's log, as `trusted` hears.

    Raises WrongSetting.
    """
    client = await process.enter(httpx2.AsyncClient(trust_env=False))
    try:
        keys = JwksKeys(settings.jwks, client, allow_http=settings.jwks_allow_http)
    except ValueError as error:
        raise WrongSetting(f"WATCHWORD_{process.service.upper()}_JWKS_URL: {error}") from None
    clock = LogClock()
    trusted.on_time(clock.observe)
    return Verifier(
        issuer=settings.issuer,
        audience=audience or settings.issuer,
        keys=keys,
        revocations=trust.revocations,
        age_ns=trusted.age_ns,
        clock=clock,
    )
