"""OpenID Connect Front-Channel Logout 1.0, 2: the page that a frame shows to sign a browser out at a client."""

import msgspec
import pytest

from services.token.domain.logout import logout_page
from tests.unit.token.leaving import SHOP, House
from tests.unit.token.world import ISSUER

OUT = "https://shop.example/out"
SAID = "iss=https%3A%2F%2Fid.example&sid=ses_1"


@pytest.mark.parametrize(
    ("uri", "session_required", "page"),
    [
        (OUT, False, OUT),
        (OUT, True, f"{OUT}?{SAID}"),
        (f"{OUT}?a=b", True, f"{OUT}?a=b&{SAID}"),
        ("", True, ""),
        ("javascript:alert(1)", False, ""),
    ],
)
def test_it_is_told_whose_session_where_the_client_is_registered_for_it(
    uri: str, session_required: bool, page: str
) -> None:
    client = msgspec.structs.replace(
        SHOP, frontchannel_logout_uri=uri, frontchannel_logout_session_required=session_required
    )
    assert logout_page(ISSUER, client, "ses_1") == page


async def test_the_clients_of_a_session_are_those_that_got_a_code_in_it() -> None:
    house = await House.made()
    who = await house.enters(None, SHOP)
    await house.enters()
    await house.table.follow()
    assert await house.involved.clients_of(who.session_id) == ["shop"]
