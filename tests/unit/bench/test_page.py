"""The page of measurements: what was missed says so, and says where the time goes."""

import asyncio
from typing import Any, cast

import pytest

from bench.figures import Figure, at_least, at_most
from bench.http_load import Connection
from bench.page import page
from bench.table import ROWS


@pytest.mark.parametrize(
    ("figure", "missed", "ratio"),
    [
        (Figure("rate", 1500, "/s", at_least(3000)), True, "0.50"),
        (Figure("rate", 4500, "/s", at_least(3000)), False, "1.50"),
        (Figure("tail", 30, "ms", at_most(15)), True, "0.50"),
        (Figure("tail", 10, "ms", at_most(15)), False, "1.50"),
        (Figure("tail", 0, "ms", at_most(15)), False, "100.00"),
    ],
)
def test_a_figure_says_by_how_much_it_meets_or_misses(figure: Figure, missed: bool, ratio: str) -> None:
    assert figure.missed is missed
    assert f"{'**missed** ' if missed else ''}{ratio} |" in figure.line()


def test_what_was_missed_says_where_the_time_goes_and_what_was_met_does_not() -> None:
    met, missed = Figure("met", 2, "/s", at_least(1)), Figure("missed", 1, "/s", at_least(2))
    said = page({"sdk": [missed], "relay": [met], "no-such-row": [missed]}, 10)
    assert "### sdk: missed\nChecking a P-256 signature" in said
    assert "### no-such-row: missed\nNo profile of it has been read yet." in said
    assert "### relay" not in said


def test_every_row_says_in_a_line_what_it_measures() -> None:
    assert all(len((row.__doc__ or "").partition("\n")[0]) > 20 for row in ROWS.values())


async def test_the_load_takes_an_answer_that_comes_in_pieces_and_sends_the_next_request() -> None:
    sent: list[bytes] = []
    taken: list[bytes] = []

    class Socket:
        def write(self, data: bytes) -> None:
            sent.append(data)

    def answered(_: Connection, answer: bytes) -> bytes | None:
        taken.append(answer)
        return b"next" if len(taken) == 1 else None

    connection = Connection(answered)
    connection.connection_made(cast(asyncio.Transport, cast(Any, Socket())))
    whole = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
    for cut in range(len(whole)):
        connection.data_received(whole[cut : cut + 1])
    connection.data_received(whole)
    assert taken == [whole, whole]
    assert sent == [b"next"]
