"""Which clients may know people by names of their own, and which hosts share them (OpenID Connect Core 8.1)."""

from typing import Any

import msgspec
import pytest

from services.token.domain import device
from services.token.domain.client import Client
from services.token.domain.errors import InvalidClientMetadata
from services.token.domain.registration import check, completed

WEB = Client(
    id="web",
    grant_types=("authorization_code", "refresh_token"),
    scopes=("openid",),
    redirect_uris=("https://shop.example/callback",),
    subject_type="pairwise",
)
SELF = msgspec.structs.replace(WEB, self_registered=True)


def registered(client: Client, **changes: Any) -> Client:
    """As it would be registered. Raises InvalidClientMetadata."""
    made = completed(msgspec.structs.replace(client, **changes))
    check(made)
    return made


@pytest.mark.parametrize(
    ("changes", "sector"),
    [
        ({}, "shop.example"),
        ({"redirect_uris": ("https://shop.example/a", "https://shop.example:8443/b")}, "shop.example"),
        ({"redirect_uris": ("http://127.0.0.1/callback",)}, "127.0.0.1"),
        ({"redirect_uris": ("http://[::1]/callback",)}, "::1"),
        ({"sector": "family.example"}, "family.example"),
        ({"sector": "family.example", "redirect_uris": ("https://a.example/", "https://b.example/")}, "family.example"),
        ({"sector": "tv.example", "redirect_uris": (), "grant_types": (device.GRANT_TYPE,)}, "tv.example"),
    ],
)
def test_the_sector_is_what_it_names_or_the_host_of_its_redirect_uris(changes: dict[str, Any], sector: str) -> None:
    assert registered(WEB, **changes).sector == sector


@pytest.mark.parametrize(
    "changes",
    [
        {"redirect_uris": ("https://a.example/", "https://b.example/")},
        {"redirect_uris": ("https://a.example/", "http://127.0.0.1/")},
        {"redirect_uris": ("com.example.app:/cb",), "confidential": False},
        {"redirect_uris": ("https://a.example/", "com.example.app:/cb"), "confidential": False},
        {"redirect_uris": (), "grant_types": (device.GRANT_TYPE,)},
    ],
)
def test_without_one_host_it_has_to_name_a_sector(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidClientMetadata, match="sector_identifier_uri"):
        registered(WEB, **changes)
    assert registered(WEB, **changes, sector="family.example").sector == "family.example"


def test_a_public_client_is_given_no_sector() -> None:
    assert registered(WEB, subject_type="public").sector == ""


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"first_party": True}, "first-party"),
        ({"first_party": True, "scopes": ("watchword:account",)}, "first-party"),
        ({"first_party": True, "direct_login": True}, "first-party"),
        ({"direct_login": True}, "direct login"),
        ({"scopes": ("openid", "watchword:account")}, "watchword:"),
        ({"scopes": ("openid", "watchword:admin")}, "watchword:"),
        ({"scopes": ("openid", "watchword:evaluate")}, "watchword:"),
        ({"scopes": ("openid", "watchword:search")}, "watchword:"),
        ({"sector": "https://shop.example"}, "a sector is a host"),
        ({"sector": "shop.example/x"}, "a sector is a host"),
        ({"subject_type": "ephemeral"}, "subject_type"),
    ],
)
def test_what_is_the_suites_own_is_not_pairwise_and_the_refusal_says_so(changes: dict[str, Any], why: str) -> None:
    with pytest.raises(InvalidClientMetadata, match=why):
        registered(WEB, **changes)


def test_who_registered_itself_learns_a_sectors_names_only_at_its_addresses() -> None:
    """Anybody can register the address of another; without it in hand they are given nothing there."""
    assert registered(SELF).sector == "shop.example"
    with pytest.raises(InvalidClientMetadata, match="device_code"):
        registered(SELF, grant_types=(*SELF.grant_types, device.GRANT_TYPE))
    assert registered(WEB, grant_types=(*WEB.grant_types, device.GRANT_TYPE)).sector == "shop.example"
