"""Documents about clients, whatever stands in them: a client, or a refusal that the standards name."""

from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eventlog.errors import Refusal
from services.token.adapters.sectors import published
from services.token.api.documents import read_document
from services.token.domain.document import MEMBERS, Document, Read, read_import, read_registration, written
from services.token.domain.errors import InvalidClientMetadata
from services.token.domain.registration import check, completed
from services.token.ports import Fetched, NotFetched

CODES = ("", "invalid_client_metadata", "invalid_redirect_uri")
URI = "https://family.example/uris"
_LEAVES = st.sampled_from(
    [
        *(None, True, 0, -1, 2**70, 1.5, "", "x", "\ud800", "\0", "code", "none", "openid", "pairwise", "RS256", "web"),
        *("https://a.example/", "https://[", "authorization_code", "private_key_jwt", "watchword:admin"),
    ]
)
_KEYS = st.dictionaries(st.sampled_from(["keys", "x"]), st.lists(_LEAVES | st.just({"kty": "EC"}), max_size=2))
DOCUMENTS = st.dictionaries(
    st.sampled_from([*sorted(MEMBERS), "unknown"]), _LEAVES | st.lists(_LEAVES, max_size=3) | _KEYS, max_size=6
)


def said(act: Callable[[], object]) -> str:
    """The code of a refusal; empty where there is none."""
    try:
        act()
    except Refusal as refusal:
        return refusal.code
    return ""


def taken(read: Callable[[Document], Read], document: Document) -> bytes:
    """A document's client, as it is registered and shown."""
    client = completed(msgspec.structs.replace(read(document).client, id="some"))
    check(client)
    return msgspec.json.encode(written(client))


@settings(max_examples=100)
@given(DOCUMENTS)
def test_any_object_is_a_client_or_is_refused_by_name(document: dict[str, Any]) -> None:
    for read in (read_registration, read_import):
        assert said(partial(taken, read, document)) in CODES


@given(st.binary(max_size=40))
def test_any_bytes_are_an_object_or_are_refused(body: bytes) -> None:
    assert said(lambda: read_document(body)) in (*CODES, "malformed_json", "invalid_request")


def test_what_is_registered_reads_as_it_was_written() -> None:
    document = {
        "client_name": "The shop",
        "redirect_uris": ["https://shop.example/callback"],
        "grant_types": ["authorization_code", "refresh_token"],
        "scope": "openid email",
        "token_endpoint_auth_method": "private_key_jwt",
        "jwks_uri": "https://shop.example/jwks",
        "default_max_age": 0,
        "request_object_signing_alg": "none",
        "userinfo_signed_response_alg": "ES256",
    }
    client = read_registration(document).client
    assert read_registration(written(client)).client == client
    told = msgspec.json.decode(msgspec.json.encode(written(client)))
    assert {name: told[name] for name in document} == document


class Site:
    """What is published, by address; all else is not to be had."""

    def __init__(self, **pages: Fetched) -> None:
        self._pages = pages

    async def get(self, url: str) -> Fetched:
        if url != URI or not self._pages:
            raise NotFetched("it leads into a network that the operator has not named")
        return next(iter(self._pages.values()))

    async def post(self, url: str, form: Any) -> Fetched:
        raise NotFetched("nothing is sent here")


async def test_a_sectors_redirect_uris_are_read_where_they_are_published() -> None:
    read = published(Site(page=Fetched(200, "", b'["https://a.example/cb"]')))
    assert await read(URI) == ["https://a.example/cb"]


@pytest.mark.parametrize(
    "site",
    [Site(), *(Site(page=Fetched(*page)) for page in ((404, "", b"[]"), (302, "", b"[]"), (200, "", b"<html>")))],
)
async def test_what_cannot_be_had_of_a_sector_is_a_refusal(site: Site) -> None:
    with pytest.raises(InvalidClientMetadata, match="sector_identifier_uri"):
        await published(site)(URI)
