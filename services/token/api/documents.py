"""JSON documents about clients, as they come."""

from typing import Any

import msgspec

from chassis.web.strict import check_json
from eventlog.errors import Kind, Refusal
from services.token.domain.errors import InvalidClientMetadata


def read_document(body: bytes) -> dict[str, Any]:
    """A JSON object that every reader takes for the same. Raises Refusal `malformed_json`, InvalidClientMetadata."""
    check_json(body)
    try:
        document = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        raise Refusal(Kind.INVALID, "malformed_json", "the body is not JSON that is read here") from None
    if not isinstance(document, dict):
        raise InvalidClientMetadata("the document is not a JSON object")
    return document
