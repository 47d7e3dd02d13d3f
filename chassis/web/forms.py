"""The form of an OAuth request (RFC 6749 3.2 and appendix B)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

from starlette.requests import Request

from eventlog.errors import Kind, Refusal

MEDIA_TYPE = "application/x-www-form-urlencoded"
REPEATABLE = frozenset({"resource", "audience"})
"""RFC 8707 2 and RFC 8693 2.1 let a client name several."""
MOST = 20
PAIRS = 500
"""Parameters of a form, with or without a name: more would take long to read, and nobody has so many."""


@dataclass(frozen=True, slots=True)
class Form:
    """The parameters of a request, each named once. One without a value counts as omitted. Its repr shows no value."""

    values: Mapping[str, str]
    several: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"Form({', '.join(sorted(self.values))})"

    def get(self, name: str) -> str | None:
        """The value, None where it is omitted."""
        return self.values.get(name)

    def all(self, name: str) -> list[str]:
        """Every value of a parameter that may be repeated."""
        return list(self.several.get(name, ()))

    def require(self, name: str) -> str:
        """The value. Raises Refusal `invalid_request` where it is omitted."""
        value = self.values.get(name)
        if value is None:
            raise invalid(f"the parameter {name} is missing")
        return value


def is_form(request: Request) -> bool:
    """Whether the body is said to be a form."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower() == MEDIA_TYPE


async def oauth_form(request: Request) -> Form:
    """Reads the body as a form. Raises Refusal `invalid_request` for another media type, as parse_form does besides."""
    if not is_form(request):
        raise invalid(f"the body must be {MEDIA_TYPE}")
    return parse_form(await request.body())


def parse_form(body: bytes) -> Form:
    """A form, or the query of an authorization request.

    Raises Refusal `invalid_request`: repeated names, no UTF-8, too many parameters.
    """
    if body.count(b"&") >= PAIRS:
        raise invalid(f"a form has at most {PAIRS} parameters")
    values: dict[str, str] = {}
    several: dict[str, tuple[str, ...]] = {}
    seen: set[str] = set()
    for pair in body.split(b"&"):
        raw_name, _, raw_value = pair.partition(b"=")
        name, value = _text(raw_name), _text(raw_value)
        if name in REPEATABLE:
            several[name] = (*several.get(name, ()), value) if value else several.get(name, ())
            continue
        if name in seen:
            raise invalid("a parameter is repeated")
        if name:
            seen.add(name)
        if name and value:
            values[name] = value
    if any(len(one) > MOST for one in several.values()):
        raise invalid(f"a parameter is repeated more than {MOST} times")
    return Form(values, several)


def _text(raw: bytes) -> str:
    try:
        plain = raw if b"%" not in raw and b"+" not in raw else unquote_to_bytes(raw.replace(b"+", b" "))
        text = plain.decode()
    except UnicodeDecodeError:
        raise invalid("the form is not UTF-8") from None
    if "\0" in text:
        raise invalid("the form holds a NUL character")
    return text


def invalid(detail: str) -> Refusal:
    """RFC 6749 5.2: the request is not one."""
    return Refusal(Kind.INVALID, "invalid_request", detail)
