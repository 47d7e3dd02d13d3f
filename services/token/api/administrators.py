"""What administrators do here, as policy is asked about it."""

from chassis.rpc.callers import Authorize

_TOKEN = "watchword.token.v1.TokenService"
_PROJECTIONS = "watchword.log.v1.ProjectionService"

ACTIONS = {
    f"{_TOKEN}/Revoke": "token.revoke",
    f"{_TOKEN}/CreateClient": "token.client.create",
    f"{_TOKEN}/ListClients": "token.client.list",
    f"{_TOKEN}/ListKeys": "token.key.list",
    f"{_TOKEN}/RotateKey": "token.key.rotate",
    f"{_PROJECTIONS}/ListProjections": "token.projection.list",
    f"{_PROJECTIONS}/RebuildProjection": "token.projection.rebuild",
    f"{_PROJECTIONS}/RetryParked": "token.projection.retry",
}


def administered(authorize: Authorize) -> Authorize:
    """Asks policy about an action by its name rather than its method."""

    async def named(bearer: str, method: str) -> str:
        return await authorize(bearer, ACTIONS[method])

    return named
