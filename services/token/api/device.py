"""POST /oauth2/device_authorization: decode, call, encode (RFC 8628 3.1)."""

from dataclasses import dataclass
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from chassis.limits import WindowLimits
from chassis.web import NO_STORE, Hot, Json, oauth_form
from services.token.api import answers
from services.token.api.asking import count
from services.token.api.client_auth import client_of
from services.token.commands.device import begin_device
from services.token.domain import SECOND
from services.token.domain.device import INTERVAL, LIFE
from services.token.ports import Token

PATH = "/oauth2/device_authorization"


@dataclass(frozen=True, slots=True)
class Devices:
    """The endpoint. `verification_uri` is identity's page, where people enter the code."""

    token: Token
    verification_uri: str
    limits: WindowLimits

    def endpoints(self) -> list[Hot]:
        """Served before FastAPI, and documented by it."""
        return [Hot("POST", PATH, self.begin, answers.DEVICE, answers.DeviceAuthorization)]

    async def begin(self, request: Request) -> Response:
        """What the device shows to whoever stands before it, and what it asks with meanwhile."""
        form = await oauth_form(request)
        client = await client_of(self.token, request, form)
        await count(self.limits, request, client)
        begun = await begin_device(self.token, client, form.get("scope"), form.all("resource"))
        answer = {
            "device_code": begun.device_code,
            "user_code": begun.user_code,
            "verification_uri": self.verification_uri,
            "verification_uri_complete": f"{self.verification_uri}?{urlencode({'user_code': begun.user_code})}",
            "expires_in": LIFE // SECOND,
            "interval": INTERVAL,
        }
        return Json(answer, headers=NO_STORE)
