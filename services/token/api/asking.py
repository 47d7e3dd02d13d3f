"""How much is kept for a client before anybody has decided anything: pushed requests, and devices that wait."""

from starlette.requests import Request

from chassis.limits import WindowLimits, source_of
from services.token.domain.client import Client


async def count(limits: WindowLimits, request: Request, client: Client) -> None:
    """Counts a request under the client that proved itself. Anybody may use the name of one that proves nothing: there
    it counts under the address, so that nobody can lock another out.

    Raises Refusal `too_many_attempts`.
    """
    if client.confidential:
        await limits.take("requests", client.id)
    else:
        await limits.take("public_requests", source_of(request.client.host if request.client else ""))
