"""How the tour speaks to the suite: plain HTTP, as an app does."""

import base64
import time
from dataclasses import dataclass, field
from typing import Any

import httpx2

from chassis import positions
from suite.contract import Contract
from suite.errors import Halt


class Broken(Exception):
    """A promise did not hold; the text says which, and what came instead."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a service answered, and after how many milliseconds."""

    request: str
    status: int
    body: dict[str, Any] = field(repr=False)
    ms: float

    @property
    def code(self) -> str:
        """The stable code of a refusal; empty otherwise."""
        return str(self.body.get("code") or self.body.get("error") or "")

    @property
    def detail(self) -> str:
        return str(self.body.get("detail") or self.body.get("error_description") or "")


class Visitor:
    """Asks the services. It keeps the positions that it was told, so that it can have them read what it wrote."""

    def __init__(self, http: httpx2.AsyncClient, running: Contract) -> None:
        self._http = http
        self._running = running
        self.positions: dict[str, int] = {}

    async def json(self, service: str, path: str, body: dict[str, str]) -> Answer:
        return await self._ask(service, "POST", path, json=body, informed=False)

    async def form(
        self,
        service: str,
        path: str,
        form: dict[str, str],
        basic: tuple[str, str] | None = None,
        *,
        informed: bool = False,
    ) -> Answer:
        """`informed` has the service answer once it has applied all that this visitor was told of."""
        headers = {}
        if basic is not None:
            headers["Authorization"] = "Basic " + base64.b64encode(":".join(basic).encode()).decode()
        return await self._ask(service, "POST", path, data=form, headers=headers, informed=informed)

    async def get(self, service: str, path: str, bearer: str, *, informed: bool = False) -> Answer:
        """As for `form`."""
        headers = {"Authorization": f"Bearer {bearer}"}
        return await self._ask(service, "GET", path, headers=headers, informed=informed)

    async def _ask(
        self,
        service: str,
        method: str,
        path: str,
        *,
        headers: dict[str, str] | None = None,
        informed: bool,
        **content: Any,
    ) -> Answer:
        sent = dict(headers or {})
        if informed and self.positions:
            sent[positions.HEADER] = positions.render(self.positions)
        url = self._running.api(service).rest + path
        started = time.perf_counter()
        try:
            answer = await self._http.request(method, url, headers=sent, **content)
        except httpx2.HTTPError as error:
            raise Halt(
                f"{service} does not answer at {url} ({type(error).__name__}): is `watchword up` running?"
            ) from None
        ms = (time.perf_counter() - started) * 1000
        self._note(answer.headers.get(positions.HEADER))
        return Answer(f"{method} {path}", answer.status_code, _object(answer), ms)

    def _note(self, header: str | None) -> None:
        if header:
            for log, position in positions.parse(header).items():
                self.positions[log] = max(position, self.positions.get(log, 0))


def _object(answer: httpx2.Response) -> dict[str, Any]:
    try:
        body = answer.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {"items": body}
