"""Who calls over gRPC: the certificate's URI, the lists of those who may, and as whom a call acts (RULES 11)."""

import re
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import lru_cache
from math import inf
from typing import Any, Literal, cast

import grpc.aio
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from grpc_health.v1 import health

from chassis.telemetry import correlation_id
from eventlog.errors import Kind, Refusal, unavailable
from eventlog.log import By

Context = grpc.aio.ServicerContext[Any, Any]
Allowed = Mapping[str, AbstractSet[str]]
Authorize = Callable[[str, str], Awaitable[str]]

GRANTED = "granted"
ADMINISTRATOR = "administrator"
EVERYBODY = frozenset({"service/*", "backend/*", "operator/*"})

_HEALTH = f"{health.SERVICE_NAME}/"
_URI = re.compile(r"spiffe://watchword/(service|backend|operator)/([A-Za-z0-9._-]{1,64})")


@dataclass(frozen=True, slots=True)
class Caller:
    """A certificate's holder. `fingerprint` is the SHA-256 of the certificate's DER, 64 lowercase hex digits; it
    `expires_at` so many seconds after 1970 UTC.
    """

    kind: Literal["service", "backend", "operator"]
    name: str
    fingerprint: str
    expires_at: float = inf

    @property
    def label(self) -> str:
        """Such as backend/demo: how allow-lists and events name the caller."""
        return f"{self.kind}/{self.name}"

    @property
    def uri(self) -> str:
        return f"spiffe://watchword/{self.label}"


@dataclass(frozen=True, slots=True)
class Acting:
    """As whom the call at hand acts. `caller` is the certificate, `actor` the person where a `bearer` was presented."""

    caller: Caller
    actor: str
    administrator: bool
    bearer: str = field(default="", repr=False)


_ACTING: ContextVar[Acting | None] = ContextVar("acting", default=None)


def acting() -> Acting:
    """As whom the call at hand acts; only within a call that was let in."""
    found = _ACTING.get()
    if found is None:
        raise RuntimeError("no gRPC call is being served here")
    return found


def by() -> By:
    """The actor and correlation id for the events of the call at hand."""
    return By(acting().actor, correlation_id())


async def administrator(context: Context) -> By:
    """The administrator who calls: an operator's certificate, or a person whose bearer was authorized.

    Raises Refusal `not_an_administrator` for every other caller, whatever its method's allow-list says.
    """
    if not acting().administrator:
        raise Refusal(Kind.FORBIDDEN, "not_an_administrator", "this call is for administrators")
    return by()


@lru_cache(maxsize=4096)
def read_certificate(pem: bytes) -> Caller:
    """Who holds a certificate that TLS has verified. Raises Refusal `caller_unknown` unless it names one caller."""
    certificate = x509.load_pem_x509_certificate(pem)
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    except x509.ExtensionNotFound:
        uris = []
    match = _URI.fullmatch(uris[0]) if len(uris) == 1 else None
    if match is None:
        raise Refusal(Kind.UNAUTHENTICATED, "caller_unknown", "the certificate does not name a caller")
    kind = cast(Literal["service", "backend", "operator"], match.group(1))
    expires_at = certificate.not_valid_after_utc.timestamp()
    return Caller(kind, match.group(2), certificate.fingerprint(hashes.SHA256()).hex(), expires_at)


def caller_of(context: Context) -> Caller:
    """The holder of the client certificate. Raises Refusal `caller_unknown`."""
    pems: Iterable[bytes] = context.auth_context().get("x509_pem_cert", ())
    for pem in pems:
        return read_certificate(pem)
    raise Refusal(Kind.UNAUTHENTICATED, "caller_unknown", "no client certificate was presented")


def nobody(_: str) -> frozenset[str]:
    """Grants nothing to anyone."""
    return frozenset()


def never(_: str) -> bool:
    """Takes no certificate for revoked."""
    return False


def always(_: Caller) -> bool:
    """Knows all that there is to know of every caller."""
    return True


@dataclass(frozen=True, slots=True)
class Admission:
    """Who may call what. What is not listed is refused.

    `grants(uri)` names the methods ("watchword.log.v1.EventLogService/Read") and capabilities that a certificate was
    granted. `is_revoked(fingerprint)` is asked at every call, and of backends and operators `knows(caller)`: whether
    its answer and that of `grants` can be relied on. Services pass without, for what is revoked is heard of through
    their feeds. `authorize(bearer, method)` answers the actor, or raises Refusal (UNAUTHENTICATED: who are you;
    FORBIDDEN: not allowed).
    """

    grants: Callable[[str], frozenset[str]] = nobody
    is_revoked: Callable[[str], bool] = never
    knows: Callable[[Caller], bool] = always
    authorize: Authorize | None = None
    allowed: dict[str, AbstractSet[str]] = field(default_factory=dict)

    async def admit(self, context: Context, method: str) -> Acting:
        """Lets a call in, or raises Refusal. `method` is the full name without a leading slash."""
        caller = caller_of(context)
        self.still_valid(caller, method)
        found = await self._judge(caller, method, context)
        _ACTING.set(found)
        return found

    def still_valid(self, caller: Caller, method: str) -> None:
        """Raises Refusal `certificate_expired`, `certificate_revoked`, or `certificates_unknown` where nobody here can
        tell. That is no reason not to answer a probe of health, which depends on no other service.

        TLS looks at the end of a certificate when a connection begins, and by this clock; a stream may go on for ever.
        """
        if time.time() >= caller.expires_at:
            raise Refusal(Kind.UNAUTHENTICATED, "certificate_expired", "the certificate has expired")
        if self.is_revoked(caller.fingerprint):
            raise Refusal(Kind.UNAUTHENTICATED, "certificate_revoked", "the certificate has been revoked")
        if caller.kind != "service" and not method.startswith(_HEALTH) and not self.knows(caller):
            raise unavailable("certificates_unknown", "whether the certificate has been revoked is not known here now")

    async def _judge(self, caller: Caller, method: str, context: Context) -> Acting:
        listed = self.allowed.get(method, frozenset())
        bearer = _bearer(context) if ADMINISTRATOR in listed else None
        if bearer is not None and self.authorize is not None:
            return Acting(caller, await self.authorize(bearer, method), administrator=True, bearer=bearer)
        operator = caller.kind == "operator"
        if (
            caller.label in listed
            or f"{caller.kind}/*" in listed
            or (ADMINISTRATOR in listed and operator)
            or (GRANTED in listed and method in self.grants(caller.uri))
        ):
            return Acting(caller, caller.label, administrator=operator)
        raise Refusal(Kind.FORBIDDEN, "caller_not_allowed", f"{caller.label} may not call {method}")


def _bearer(context: Context) -> str | None:
    for key, value in context.invocation_metadata() or ():
        if key == "authorization" and isinstance(value, str):
            scheme, _, token = value.partition(" ")
            return token.strip() if scheme.lower() == "bearer" else ""
    return None
