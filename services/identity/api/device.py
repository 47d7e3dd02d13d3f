"""/device: somebody enters the code that a device shows, and says whether it may have what it asks for (RFC 8628)."""

from dataclasses import dataclass

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from chassis import positions
from chassis.telemetry import correlation_id
from chassis.web import Form
from eventlog.errors import Kind, Refusal
from services.identity.api import requests
from services.identity.api.callers import SESSION
from services.identity.api.consent import decision_of, lasts
from services.identity.api.signin import BLANK, Problem, typed
from services.identity.api.site import Site, Trouble
from services.identity.api.way import MAX_SHOWN, pictured, shown
from services.identity.commands.connect import decide, look_up
from services.identity.commands.login import log_in
from services.identity.commands.sessions import Visitor
from services.identity.ports import Connected, Device, Devices, Ended, Wrong

PATH = "/device"
CONFIRM = f"{PATH}/confirm"
KEPT = "watchword_user_code"
LIFE = 600
MAX_TYPED = 64


@dataclass(frozen=True, slots=True)
class DevicePages:
    """The handlers."""

    site: Site
    devices: Devices

    async def enter(self, request: Request) -> Response:
        """Where the code is entered. One that came with the address is filled in, and asks for nothing by itself."""
        return self._enter(request, request.query_params.get("user_code", ""))

    async def entered(self, request: Request) -> Response:
        """Looks the code up. A browser that has found one is given a cookie that nobody but this service can write."""
        form = await self.site.own_form(request)
        code, there = (form.get("user_code") or "")[:MAX_TYPED], await self.site.visitor(request)
        callers = self.site.callers
        try:
            session_id = there.session.id if there else ""
            found = await look_up(callers.identity, self.devices, code, callers.browser(request), session_id)
        except Refusal as refusal:
            if refusal.kind is not Kind.TOO_MANY:
                raise
            problem = Problem.of(refusal)
            text = str(problem.shown(self.site.say(request), form)["problem"])
            return problem.on(self._enter(request, code, text, problem.status))
        if isinstance(found, Wrong):
            return self._enter(request, code, self.site.say(request)("device.unknown"), 422)
        response = self.site.to(CONFIRM)
        proof = await self.site.proof(_kept_as(found.user_code))
        self.site.cookies.give(response, KEPT, f"{found.user_code}.{proof}", LIFE)
        return response

    async def page(self, request: Request) -> Response:
        """Signs in whoever is nobody yet, and asks."""
        device, there = await self._found(request), await self.site.visitor(request)
        if there is None or "other" in request.query_params:
            return await self._sign_in_page(request, device)
        return await self._ask(request, device, there)

    async def answer(self, request: Request) -> Response:
        """What the person said."""
        form = await self.site.own_form(request)
        device, there = await self._found(request), await self.site.visitor(request)
        if form.get("page") == "signin":
            return await self._sign_in(request, form, device)
        decision = decision_of(form)
        if there is None or decision is None or not await self.site.fits(_asked(device, there), form.get("form")):
            return self.site.to(f"{CONFIRM}?stale=1")
        cookie = self.site.cookies.of(request, SESSION)
        decided = await decide(self.site.callers.identity, self.devices, device.user_code, cookie, decision)
        return self._over(request, decided)

    def _enter(self, request: Request, code: str, problem: str = "", status: int = 200) -> Response:
        values = {"problem": problem, "code": code[:MAX_TYPED], "action": self.site.pages.base + PATH}
        return self.site.show("device", self.site.say(request), values, status=status)

    async def _ask(self, request: Request, device: Device, there: Visitor) -> Response:
        """RFC 8628 5.4: with the code, so that whoever was sent it by somebody else can see that it is not theirs."""
        say = self.site.say(request, device.asked.ui_locales)
        name = device.asked.client_name or device.asked.client_id
        # Whoever is sent a code by a stranger decides here: a picture that the stranger chose would speak for them.
        logo = pictured(device.asked, consenting=False)
        values = {
            "problem": self.site.stale(request, say),
            "code": device.user_code,
            "client": shown(name),
            "name": name[:MAX_SHOWN],
            "logo": logo.uri if logo else "",
            "username": there.account.username,
            "scopes": device.scopes,
            "lasts": lasts(say, device.offline),
            "action": self.site.pages.base + CONFIRM,
            "form": await self.site.proof(_asked(device, there)),
        }
        return self.site.show("connect", say, values, images=(logo.source,) if logo else ())

    async def _sign_in_page(
        self, request: Request, device: Device, values: dict[str, object] | None = None, status: int = 200
    ) -> Response:
        say = self.site.say(request, device.asked.ui_locales)
        common: dict[str, object] = {
            "problem": self.site.stale(request, say),
            "action": self.site.pages.base + CONFIRM,
            "form": await self.site.proof(_signing_in(device)),
            "client": "",
            "logo": "",
        }
        return self.site.show("signin", say, BLANK | common | (values or {}), status=status)

    async def _sign_in(self, request: Request, form: Form, device: Device) -> Response:
        if not await self.site.fits(_signing_in(device), form.get("form")):
            return self.site.to(f"{CONFIRM}?stale=1")
        callers = self.site.callers
        try:
            logged_in = await log_in(callers.identity, correlation_id(), typed(form), callers.browser(request))
        except Refusal as refusal:
            problem = Problem.of(refusal)
            said = problem.shown(self.site.say(request, device.asked.ui_locales), form)
            return problem.on(await self._sign_in_page(request, device, said, problem.status))
        positions.note("identity", logged_in.position)
        response = self.site.to(CONFIRM)
        callers.cookies.give_login(response, logged_in.cookie, logged_in.device)
        return response

    def _over(self, request: Request, decided: Connected | Wrong | Ended) -> Response:
        if isinstance(decided, Ended):
            return self.site.to(f"{CONFIRM}?other=1")
        if isinstance(decided, Wrong):
            raise _used(decided)
        what = "device.allowed" if decided.allowed else "device.denied"
        response = self.site.show("done", self.site.say(request), {"what": what}, leads_to=())
        self.site.cookies.give(response, KEPT, "", 0)
        return response

    async def _found(self, request: Request) -> Device:
        """What the browser's cookie stands for. Raises Trouble where none came that is ours, or it is too late."""
        code, _, proof = (self.site.cookies.of(request, KEPT) or "").partition(".")
        if not await self.site.fits(_kept_as(code), proof):
            raise self.site.cookie_missing(request)
        found = await self.devices.look_up(code)
        if isinstance(found, Wrong):
            raise _used(found)
        return found

    def router(self) -> APIRouter:
        """The routes."""
        router = APIRouter()
        router.add_api_route(PATH, self.site.page(self.enter), methods=["GET"], openapi_extra=requests.device())
        for path, method, handler in (
            (PATH, "POST", self.entered),
            (CONFIRM, "GET", self.page),
            (CONFIRM, "POST", self.answer),
        ):
            router.add_api_route(path, self.site.page(handler), methods=[method], include_in_schema=False)
        return router


def _kept_as(code: str) -> str:
    return f"user-code/{code}"


def _signing_in(device: Device) -> str:
    return f"device-signin/{device.user_code}"


def _asked(device: Device, there: Visitor) -> str:
    return f"device/{there.session.id}/{device.user_code}"


def _used(wrong: Wrong) -> Trouble:
    return Trouble("code", 400, error=wrong.error, description=wrong.description)
