"""Who a bearer stands for: 401 is "who are you", 403 is "not allowed", 503 is "not known now" (RULES 10)."""

import pytest
from starlette.datastructures import Headers

from chassis.auth import ACCOUNT, ADMIN, Bearers, bearer_of
from eventlog.errors import Kind, Refusal
from tests.unit.sdk.fakes import Bench, claims, sign
from watchword.claims import Claims

GOOD = sign(claims(scope=ACCOUNT))
ADMINISTRATOR = sign(claims(scope=ADMIN))


async def allow(_: Claims, __: str) -> None:
    return None


async def deny(_: Claims, action: str) -> None:
    raise Refusal(Kind.FORBIDDEN, "not_allowed", f"policy does not allow {action}")


def bearers(bench: Bench | None = None) -> Bearers:
    return Bearers((bench or Bench()).verifier, allow)


def carrying(token: str) -> Headers:
    return Headers({"authorization": f"Bearer {token}"})


async def refusal(found: Bearers, headers: Headers, *scopes: str) -> tuple[int, str]:
    with pytest.raises(Refusal) as raised:
        await found.claims(headers, *scopes)
    return raised.value.kind.http, raised.value.code


async def test_a_good_bearer_with_one_of_the_scopes_is_let_in() -> None:
    assert (await bearers().claims(carrying(GOOD), ACCOUNT, ADMIN)).sub == "acc_1"


async def test_without_a_bearer_nobody_is_known() -> None:
    assert await refusal(bearers(), Headers({}), ACCOUNT) == (401, "authentication_required")
    assert await refusal(bearers(), Headers({"authorization": "Basic YTpi"}), ACCOUNT) == (
        401,
        "authentication_required",
    )


@pytest.mark.parametrize("token", ["", "x", GOOD[:-2], sign(claims(aud="others", scope=ACCOUNT)), sign(claims(exp=1))])
async def test_a_bad_bearer_is_unauthenticated(token: str) -> None:
    assert await refusal(bearers(), carrying(token), ACCOUNT) == (401, "invalid_token")


async def test_two_headers_are_one_too_many() -> None:
    headers = Headers(raw=[(b"authorization", b"Bearer a"), (b"authorization", b"Bearer b")])
    assert await refusal(bearers(), headers, ACCOUNT) == (401, "invalid_token")


async def test_a_good_bearer_without_the_scope_is_forbidden() -> None:
    assert await refusal(bearers(), carrying(GOOD), ADMIN) == (403, "insufficient_scope")


async def test_where_no_scope_is_named_nobody_is_let_in() -> None:
    assert await refusal(bearers(), carrying(GOOD)) == (403, "insufficient_scope")


async def test_what_is_not_known_now_is_to_be_asked_again() -> None:
    assert await refusal(bearers(Bench(age_ns=None)), carrying(GOOD), ACCOUNT) == (503, "verification_unavailable")


async def test_an_administrator_needs_the_scope_and_policy() -> None:
    found = await bearers().administrator(carrying(ADMINISTRATOR), "accounts.disable")
    assert found.sub == "acc_1"
    assert await bearers().authorize(ADMINISTRATOR, "accounts.disable") == "acc_1"
    for headers, decide in ((carrying(GOOD), allow), (carrying(ADMINISTRATOR), deny)):
        with pytest.raises(Refusal) as raised:
            await Bearers(Bench().verifier, decide).administrator(headers, "accounts.disable")
        assert raised.value.kind is Kind.FORBIDDEN


@pytest.mark.parametrize(
    ("header", "bearer"),
    [("Bearer abc", "abc"), ("bearer  abc ", "abc"), ("Basic abc", None), ("Bearer", ""), ("", None)],
)
def test_the_scheme_of_a_bearer_is_read_without_regard_to_case(header: str, bearer: str | None) -> None:
    assert bearer_of(Headers({"authorization": header})) == bearer
