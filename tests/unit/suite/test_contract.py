"""DIR/demo.json is exactly what other people's clients read."""

import json
from pathlib import Path

import pytest

from suite import contract
from suite.authority import Authority
from suite.contract import Clients, ConfidentialClient, Demo, Login, PublicClient
from suite.errors import Halt
from suite.fleet import Fleet
from suite.kafka.choice import Kafka
from suite.place import Place

DEMO = Demo(
    Login("admin", "a-pass"), Login("alice", "u-pass"), Clients(PublicClient("a"), ConfidentialClient("s", "s-pass"))
)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    place = Place(tmp_path)
    place.furnish()
    return place


def written(place: Place, demo: Demo | None, fleet: Fleet | None = None) -> dict[str, object]:
    authority = Authority(place)
    backend = authority.keep("backend", "demo")
    contract.write(contract.describe(fleet or Fleet(), authority.certificate, backend, demo), place)
    found: dict[str, object] = json.loads(place.demo.read_text())
    return found


def test_it_holds_every_member_of_the_contract_and_no_other(place: Place) -> None:
    assert written(place, DEMO) == {
        "issuer": "http://127.0.0.1:8402",
        "identity": {"rest": "http://127.0.0.1:8401", "grpc": "127.0.0.1:9401"},
        "token": {"rest": "http://127.0.0.1:8402", "grpc": "127.0.0.1:9402"},
        "policy": {"rest": "http://127.0.0.1:8403", "grpc": "127.0.0.1:9403"},
        "ca": str(place.ca / "ca.pem"),
        "admin": {"username": "admin", "password": "a-pass"},
        "user": {"username": "alice", "password": "u-pass"},
        "clients": {"app": {"client_id": "a"}, "service": {"client_id": "s", "client_secret": "s-pass"}},
        "backend": {"cert": str(place.certs / "demo.pem"), "key": str(place.certs / "demo.key")},
    }
    assert place.demo.stat().st_mode & 0o777 == 0o600


def test_rest_stays_on_loopback_under_a_public_url(place: Place) -> None:
    found = written(place, DEMO, Fleet(public_url="https://id.example.org"))
    assert found["issuer"] == "https://id.example.org"
    assert found["token"] == {"rest": "http://127.0.0.1:8402", "grpc": "127.0.0.1:9402"}


def test_it_names_the_brokers_where_there_are_some(place: Place) -> None:
    assert written(place, DEMO, Fleet(kafka=Kafka.parse("embedded:29092")))["kafka"] == "127.0.0.1:29092"


def test_without_a_demo_it_names_no_login(place: Place) -> None:
    assert written(place, None).keys() == {"issuer", "identity", "token", "policy", "ca", "backend"}


def test_it_reads_back_and_shows_no_password(place: Place) -> None:
    written(place, DEMO)
    assert contract.read(place).admin == DEMO.admin
    assert "pass" not in repr(contract.read(place)).replace("pass=", "")


def test_a_place_where_nothing_ever_ran_says_so(place: Place) -> None:
    with pytest.raises(Halt, match="no suite has run on"):
        contract.read(place)
