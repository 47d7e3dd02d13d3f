"""A form that is none gets a 4xx by its name at token's endpoints of OAuth, and changes nothing."""

import asyncio

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.e2e.nonsense import FORM, LIGHTLY, TEXT, http, refusal
from tests.harness.feeds import nothing_written, settled, written_since
from tests.harness.forging import b64
from tests.harness.people import People
from tests.harness.running import Running

__all__ = ["http"]

pytestmark = pytest.mark.over("feed")

FORMS: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "invalid_request"),
    "no grant type": (b"client_id=x", "invalid_request"),
    "an empty grant type": (b"grant_type=", "invalid_request"),
    "an unknown grant": (b"grant_type=urn:nobody:knows", "unsupported_grant_type"),
    "the password grant": (b"grant_type=password&username=a&password=b", "unsupported_grant_type"),
    "a parameter twice": (b"grant_type=refresh_token&grant_type=refresh_token", "invalid_request"),
    "another one twice": (b"grant_type=refresh_token&refresh_token=a&refresh_token=b", "invalid_request"),
    "an unknown one twice": (b"grant_type=refresh_token&x=1&x=2", "invalid_request"),
    "one twice, once spelled otherwise": (b"grant_type=refresh_token&%67rant_type=x", "invalid_request"),
    "one twice, both without a value": (b"grant_type=refresh_token&scope=&scope=", "invalid_request"),
    "broken UTF-8": (b"grant_type=refresh_token&refresh_token=%ff%fe", "invalid_request"),
    "raw broken UTF-8": (b"grant_type=\xff", "invalid_request"),
    "a NUL": (b"grant_type=refresh_token&refresh_token=a%00b", "invalid_request"),
    "a grant of before": (b"grant_type=implicit&token=x", "unsupported_grant_type"),
}
OAUTH = ("/oauth2/token", "/oauth2/introspect", "/oauth2/revoke")


async def test_forms_that_are_none_are_refused_by_name(suite: Running, people: People) -> None:
    service = f"{suite.service.client_id}:{suite.service.client_secret}"
    async with nothing_written(suite):
        for what, (body, error) in FORMS.items():
            for auth in ({"Authorization": f"Basic {b64(service.encode())}"}, {}):
                url = people.url("token") + "/oauth2/token"
                answer = await people.http.post(url, content=body, headers=FORM | auth)
                assert (answer.status_code, refusal(answer, what)) == (400, error), what
                assert answer.headers["cache-control"] == "no-store"
        for path in OAUTH:
            twice = await people.http.post(people.url("token") + path, content=b"token=a&token=b", headers=FORM)
            assert (twice.status_code, refusal(twice)) == (400, "invalid_request")
            for media in ("application/json", "multipart/form-data; boundary=x", "text/plain", ""):
                headers = {"Content-Type": media}
                answer = await people.http.post(people.url("token") + path, content=b"token=a", headers=headers)
                assert (answer.status_code, refusal(answer, media)) == (400, "invalid_request"), media


def test_no_form_is_taken_for_what_it_is_not(suite: Running, http: httpx2.Client) -> None:
    before = asyncio.run(settled(suite))
    names = st.sampled_from(["grant_type", "client_id", "client_secret", "refresh_token", "scope", "resource", "token"])
    values = st.sampled_from(["refresh_token", "client_credentials", suite.app, suite.service.client_id]) | TEXT
    credentials = st.none() | st.tuples(TEXT, TEXT)

    @LIGHTLY
    @given(path=st.sampled_from(OAUTH), form=st.lists(st.tuples(names | TEXT, values), max_size=5), auth=credentials)
    def nonsense(path: str, form: list[tuple[str, str]], auth: tuple[str, str] | None) -> None:
        body = str(httpx2.QueryParams([(name, value) for name, value in form])).encode()
        headers = dict(FORM)
        if auth is not None:
            headers["Authorization"] = "Basic " + b64(":".join(auth).encode())
        refusal(http.post(suite.url("token") + path, content=body, headers=headers), body)

    nonsense()
    assert asyncio.run(written_since(suite, before)) == []
