"""A browser as plain as they come: cookies, links and forms, no JavaScript; it does what a page's headers ask."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Self
from urllib.parse import urljoin, urlsplit

from httpx2 import AsyncClient, Response

HOPS = 10


@dataclass
class Form:
    """`fields` are those that a browser would send; `buttons` by name and value, '' where a button has none."""

    method: str
    action: str
    fields: dict[str, str] = field(default_factory=dict)
    buttons: set[tuple[str, str]] = field(default_factory=set)


@dataclass
class Page:
    """Where a browser has come to. `left`: an address of another site, which was not followed."""

    url: str
    response: Response
    title: str = ""
    text: str = ""
    language: str = ""
    forms: list[Form] = field(default_factory=list)
    links: dict[str, str] = field(default_factory=dict)
    attributes: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    left: str = ""

    @property
    def form(self) -> Form:
        """The one form that there is."""
        (form,) = self.forms
        return form

    def has(self, tag: str, **wanted: str) -> bool:
        """Whether there is an element with these attributes."""
        return any(one == tag and wanted.items() <= found.items() for one, found in self.attributes)


class _Reader(HTMLParser):
    def __init__(self, page: Page) -> None:
        super().__init__()
        self._page, self._inside, self._link, self._said = page, "", "", ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self._page.attributes.append((tag, given))
        match tag:
            case "html":
                self._page.language = given.get("lang", "")
            case "title" | "script" | "style":
                self._inside = tag
            case "a":
                self._link, self._said = given.get("href", ""), ""
            case "form":
                self._page.forms.append(Form(given.get("method", "get").upper(), given.get("action", "")))
            case "input" if self._page.forms:
                unticked = given.get("type") == "checkbox" and "checked" not in given
                if "name" in given and not unticked:
                    self._page.forms[-1].fields[given["name"]] = given.get("value", "")
            case "button" if self._page.forms:
                self._page.forms[-1].buttons.add((given.get("name", ""), given.get("value", "")))

    def handle_endtag(self, tag: str) -> None:
        if tag == self._inside:
            self._inside = ""
        if tag == "a" and self._link:
            self._page.links[" ".join(self._said.split())] = self._link
            self._link = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "title":
            self._page.title += data
        if not self._inside:
            self._said += data
            self._page.text += data


def read(response: Response) -> Page:
    """A page from an answer."""
    page = Page(str(response.url), response)
    if response.headers.get("content-type", "").startswith("text/html"):
        reader = _Reader(page)
        reader.feed(response.text)
        reader.close()
    page.text = " ".join(page.text.split())
    return page


@dataclass
class Browser:
    """Follows redirects within the sites that it is `at`; `language` is what it accepts."""

    http: AsyncClient
    language: str = "en"
    at: frozenset[str] = frozenset()

    @classmethod
    def before(cls, http: AsyncClient, *sites: str, language: str = "en") -> Self:
        return cls(http, language, frozenset(sites))

    async def open(self, url: str) -> Page:
        """Goes to an address."""
        return await self._follow(await self.http.get(url, headers={"Accept-Language": self.language}), "")

    async def submit(self, page: Page, button: tuple[str, str] = ("", ""), /, **typed: str | None) -> Page:
        """Sends a page's form by one of its buttons, with what was typed; None takes a field out."""
        form = page.form
        assert button in form.buttons, f"{button} is none of {form.buttons}"
        sent = form.fields | ({button[0]: button[1]} if button[0] else {}) | typed
        data = {name: value for name, value in sent.items() if value is not None}
        url = urljoin(page.url, form.action)
        policy = _policy(page)
        assert allowed(policy, page.url, url), f"the page's policy keeps its form from {url}: {policy}"
        headers = {"Accept-Language": self.language, "Origin": _origin_sent(page), "Sec-Fetch-Site": "same-origin"}
        return await self._follow(await self.http.post(url, data=data, headers=headers), policy, page.url)

    async def _follow(self, response: Response, policy: str, start: str = "") -> Page:
        """A browser takes `form-action` for the redirects that follow on a form, too."""
        for _ in range(HOPS):
            if response.status_code not in (301, 302, 303, 307, 308):
                return read(response)
            to = urljoin(str(response.url), response.headers["location"])
            assert not policy or allowed(policy, start, to), f"the page's policy keeps its form from {to}: {policy}"
            if origin(to) not in self.at:
                return Page(str(response.url), response, left=to)
            fetched = response.status_code == 303 or response.request.method == "GET"
            assert fetched, "a form's answer is fetched by GET"
            response = await self.http.get(to, headers={"Accept-Language": self.language})
        raise AssertionError(f"redirected more than {HOPS} times, last to {response.url}")


def origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else f"{parts.scheme}:"


def _policy(page: Page) -> str:
    said = page.response.headers["content-security-policy"]
    found = [part.strip() for part in said.split(";") if part.strip().startswith("form-action ")]
    return found[0].removeprefix("form-action ") if found else ""


def allowed(policy: str, start: str, url: str) -> bool:
    """Whether `form-action` lets a form lead there (CSP 3, 6.7.2)."""
    own = {origin(start)} if "'self'" in policy.split() else set()
    return origin(url) in own | set(policy.split()) or f"{urlsplit(url).scheme}:" in policy.split()


def _origin_sent(page: Page) -> str:
    """Fetch, "append a request `Origin` header": a page that sends no referrer does not say whence a form comes."""
    policies = page.response.headers.get_list("referrer-policy")
    return "null" if policies[-1:] == ["no-referrer"] else origin(page.url)
