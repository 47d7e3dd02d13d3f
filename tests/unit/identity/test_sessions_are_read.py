"""The list of sessions opens what it shows, and nothing else (RULES 2, 6)."""

from collections.abc import Sequence

import pytest

from eventlog.events import Event, NewerVersion, Recorded
from services.identity.domain.events import AccountRegistered, SessionEnded, SessionStarted, events
from services.identity.projections import sessions


def row(type_: str, body: bytes = b'{"session_id":"s","account_id":"a","reason":"logout"}') -> Recorded:
    return Recorded(
        position=1,
        stream="session/s",
        version=1,
        type=type_,
        time=0,
        command_id="c",
        actor="a",
        correlation_id="c",
        body=body,
        sealed=b"sealed",
    )


class Opened:
    """What was decoded, and of which rows the keys were asked for."""

    def __init__(self) -> None:
        self.decoded: list[str] = []
        self.asked: list[str] = []

    async def decode(self, row: Recorded) -> Event | None:
        self.decoded.append(row.type)
        return events.decode(row.type, row.body)

    async def open_keys(self, rows: Sequence[Recorded]) -> None:
        self.asked += [row.type for row in rows]


async def test_only_what_is_listed_is_opened() -> None:
    opened = Opened()
    projection = sessions(opened.decode, opened.open_keys)
    assert projection.prepare is not None
    page = [row(AccountRegistered.type), row(SessionStarted.type), row(SessionEnded.type)]
    await projection.prepare(page)
    for one in (page[0], page[2]):
        await projection.changes(one)
    assert (opened.asked, opened.decoded) == ([SessionStarted.type], [SessionEnded.type])


async def test_a_newer_version_is_not_taken_for_something_else() -> None:
    opened = Opened()
    with pytest.raises(NewerVersion):
        await sessions(opened.decode, opened.open_keys).changes(row("watchword.identity.session.ended.v2"))
