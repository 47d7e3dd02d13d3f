"""A port that is taken is named with whoever holds it, before anything starts."""

import os
import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from suite.errors import Halt
from suite.ports import Address, listens, refuse_shared, refuse_taken


@pytest.fixture
def taken() -> Iterator[Address]:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        yield Address("127.0.0.1", server.getsockname()[1])


def test_whoever_holds_it_is_named_with_what_to_do(taken: Address) -> None:
    with pytest.raises(Halt, match=rf"{taken} is taken by process {os.getpid()} \(.*pytest.*--token-rest HOST:PORT"):
        refuse_taken([("--token-rest", taken)])


def test_every_taken_one_is_named_at_once(taken: Address) -> None:
    with pytest.raises(Halt) as halt:
        refuse_taken([("--token-rest", taken), ("--policy-rest", taken)])
    assert len(str(halt.value).splitlines()) == 2


def test_a_port_that_nobody_listens_on_is_told_from_a_taken_one(taken: Address) -> None:
    with closing(socket.create_connection((taken.host, taken.port))) as outgoing:
        address = Address("127.0.0.1", outgoing.getsockname()[1])
        with pytest.raises(Halt, match=rf"{address} is in use by an outgoing connection: try again, or choose another"):
            refuse_taken([("--token-rest", address)])


@pytest.mark.parametrize("other", ["127.0.0.1:8401", "0.0.0.0:8401", "[::]:8401", "localhost:8401"])
def test_two_listeners_on_one_address_are_refused_by_their_options(other: str) -> None:
    wanted = [("--identity-rest", Address("127.0.0.1", 8401)), ("--token-rest", Address.parse(other))]
    with pytest.raises(Halt, match=r"--identity-rest 127\.0\.0\.1:8401 and --token-rest .* are the same"):
        refuse_shared(wanted)


@pytest.mark.parametrize("other", ["127.0.0.1:8402", "127.0.0.2:8401"])
def test_two_listeners_beside_each_other_are_fine(other: str) -> None:
    refuse_shared([("--identity-rest", Address("127.0.0.1", 8401)), ("--token-rest", Address.parse(other))])


def test_a_free_one_is_fine(taken: Address) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        free = Address("127.0.0.1", server.getsockname()[1])
    refuse_taken([("--token-rest", free)])


def test_a_listener_is_told_from_one_that_another_process_has(taken: Address) -> None:
    assert listens(os.getpid(), taken)
    assert not listens(os.getppid(), taken)


def test_an_address_that_is_not_ours_is_refused() -> None:
    with pytest.raises(Halt, match=r"192\.0\.2\.1:8401 cannot be listened on"):
        refuse_taken([("--identity-rest", Address("192.0.2.1", 8401))])


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [("127.0.0.1:1", "127.0.0.1", 1), ("localhost:65535", "localhost", 65_535), ("[::1]:80", "::1", 80)],
)
def test_an_address_reads_as_it_is_written(text: str, host: str, port: int) -> None:
    assert Address.parse(text) == Address(host, port)
    assert str(Address.parse(text)) == text


@pytest.mark.parametrize("text", ["", "8401", ":8401", "host:", "host:0", "host:65536", "host:-1", "host:٣"])
def test_what_is_no_address_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(Halt, match=r"is not HOST:PORT, such as 127\.0\.0\.1:8401"):
        Address.parse(text)


@pytest.mark.parametrize(("text", "here"), [("0.0.0.0:8401", "127.0.0.1:8401"), ("[::]:8401", "[::1]:8401")])
def test_a_wildcard_is_reached_on_loopback(text: str, here: str) -> None:
    assert str(Address.parse(text).from_here()) == here
