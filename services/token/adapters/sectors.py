"""The redirect URIs that are published for a sector (OpenID Connect Core 8.1, Registration 5)."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from services.token.domain.errors import InvalidClientMetadata
from services.token.ports import Fetch, NotFetched


def published(fetch: Fetch) -> Callable[[str], Awaitable[Any]]:
    """What stands at a sector_identifier_uri. Raises InvalidClientMetadata where it cannot be had."""

    async def read(url: str) -> Any:
        try:
            found = await fetch.get(url)
        except NotFetched as reason:
            raise InvalidClientMetadata(f"sector_identifier_uri: {reason}") from None
        if found.status != 200:
            raise InvalidClientMetadata(f"sector_identifier_uri: its site answers {found.status}")
        try:
            return msgspec.json.decode(found.body)
        except (msgspec.DecodeError, RecursionError):
            raise InvalidClientMetadata("sector_identifier_uri: what is there is not JSON") from None

    return read
