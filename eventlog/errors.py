"""The one error taxonomy: what is refused, and why, in terms that every door can translate."""

from enum import Enum


class Kind(Enum):
    """How a refusal is said: the HTTP status of RFC 9110 and the status of gRPC that mean it."""

    INVALID = (400, "INVALID_ARGUMENT")
    UNAUTHENTICATED = (401, "UNAUTHENTICATED")
    FORBIDDEN = (403, "PERMISSION_DENIED")
    NOT_FOUND = (404, "NOT_FOUND")
    CONFLICT = (409, "ALREADY_EXISTS")
    PRECONDITION = (409, "FAILED_PRECONDITION")
    TOO_LARGE = (413, "INVALID_ARGUMENT")
    UNSUPPORTED = (415, "INVALID_ARGUMENT")
    UNPROCESSABLE = (422, "INVALID_ARGUMENT")
    TOO_MANY = (429, "RESOURCE_EXHAUSTED")
    UNAVAILABLE = (503, "UNAVAILABLE")

    def __init__(self, http: int, grpc: str) -> None:
        self.http = http
        self.grpc = grpc


class Refusal(Exception):
    """A request is refused. `code` is stable and for programs; `detail` is for people and holds nothing secret.

    `retry_after` is in seconds, where trying again later makes sense.
    """

    def __init__(self, kind: Kind, code: str, detail: str, retry_after: float | None = None) -> None:
        super().__init__(f"{code}: {detail}")
        self.kind = kind
        self.code = code
        self.detail = detail
        self.retry_after = retry_after


def unavailable(code: str, detail: str, retry_after: float = 1) -> Refusal:
    """Something that this answer needs is not there now."""
    return Refusal(Kind.UNAVAILABLE, code, detail, retry_after)


class LogUnavailable(Refusal):
    """The log could not be written or read in time.

    What was sent may have been committed: ask again, same id.
    """

    def __init__(self, detail: str = "the event log does not answer") -> None:
        super().__init__(Kind.UNAVAILABLE, "log_unavailable", detail, 1)


class Moved(Exception):
    """A stream that a command decided on has moved: nothing of the command is stored; decide again.

    `versions` holds the streams' versions now.
    """

    def __init__(self, versions: dict[str, int]) -> None:
        super().__init__(f"moved: {versions}")
        self.versions = versions
