"""Bodies are JSON with times as RFC 3339 and nothing that is absent; what is sealed stays out of them (RULES 2)."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventlog.events import Event, Instant, NewerVersion, Registry, Sealed, encode, parse_rfc3339, rfc3339

events = Registry("test")


@events.event("account.registered", version=3, sealed_for="account")
class Registered(Event):
    account: str
    registered_at: Instant
    disabled_at: Instant | None = None
    tags: tuple[str, ...] = ()
    email: Sealed[str] = None
    secret: Sealed[bytes] = None


@events.upcast("account.registered", from_version=1)
def _first(body: dict[str, object]) -> dict[str, object]:
    return {**body, "tags": [body.pop("tag")]} if "tag" in body else body


@events.upcast("account.registered", from_version=2)
def _second(body: dict[str, object]) -> dict[str, object]:
    return {"account" if name == "id" else name: value for name, value in body.items() if name != "tag"}


AT = 1_700_000_000_000_001
FULL = Registered(
    account="acc_1", registered_at=AT, disabled_at=AT + 1, tags=("a",), email="a@b.example", secret=b"\x00"
)


def test_a_body_holds_what_is_public_and_the_sealed_part_the_rest() -> None:
    body, sealed = encode(FULL)
    assert msgspec.json.decode(body) == {
        "account": "acc_1",
        "registered_at": "2023-11-14T22:13:20.000001Z",
        "disabled_at": "2023-11-14T22:13:20.000002Z",
        "tags": ["a"],
    }
    assert sealed is not None
    assert msgspec.json.decode(sealed) == {"email": "a@b.example", "secret": "AA=="}


def test_what_is_absent_is_left_out() -> None:
    body, sealed = encode(Registered(account="acc_1", registered_at=AT))
    assert msgspec.json.decode(body).keys() == {"account", "registered_at"}
    assert sealed is None


def test_an_event_is_read_as_it_was_written() -> None:
    body, sealed = encode(FULL)
    assert events.decode(Registered.type, body, sealed) == FULL


def test_an_event_whose_key_was_erased_loads_without_what_it_sealed() -> None:
    body, _ = encode(FULL)
    read = events.decode(Registered.type, body)
    assert isinstance(read, Registered)
    assert (read.account, read.email, read.secret) == ("acc_1", None, None)


def test_an_old_version_is_upcast_step_by_step() -> None:
    body = b'{"id":"acc_1","tag":"old","registered_at":"2023-11-14T22:13:20.000001Z"}'
    read = events.decode("watchword.test.account.registered.v1", body, b'{"email":"a@b.example"}')
    assert read == Registered(account="acc_1", registered_at=AT, tags=("old",), email="a@b.example")


def test_a_newer_version_is_told_apart_from_an_unknown_type() -> None:
    with pytest.raises(NewerVersion):
        events.decode("watchword.test.account.registered.v4", b"{}")
    assert events.decode("watchword.test.account.renamed.v1", b"{}") is None
    assert events.decode("watchword.other.account.registered.v1", b"{}") is None


def test_a_body_that_is_not_of_its_type_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        events.decode(Registered.type, b'{"account":7,"registered_at":"2023-11-14T22:13:20.000001Z"}')


def test_a_type_names_service_event_and_version() -> None:
    assert Registered.type == "watchword.test.account.registered.v3"
    assert events.types == (Registered,)


@given(st.integers(0, 4_000_000_000_000_000))
def test_a_time_survives_its_text_to_the_microsecond(instant: int) -> None:
    text = rfc3339(instant)
    assert parse_rfc3339(text) == instant
    assert len(text) == len("2023-11-14T22:13:20.000001Z")
