"""An application's picture on a page: which address may be shown, and what the page's policy has to let it do."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from services.identity.pages.policy import origin_of, source

LOOPBACK = ("127.0.0.1", "localhost")


@dataclass(frozen=True, slots=True)
class Logo:
    """`source` is the one origin that the page's policy names for it."""

    uri: str
    source: str


def logo_at(uri: str) -> Logo | None:
    """None for what is neither https nor on loopback, and where no policy has a word for just that origin."""
    origin = origin_of(uri)
    if origin != source(origin):
        return None
    parts = urlsplit(uri)
    safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)
    return Logo(uri, origin) if safe else None
