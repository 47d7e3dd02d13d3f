"""A log that is well as long as nothing is done to it, for the checks of a campaign."""

from collections.abc import Iterable
from typing import Any

import msgspec

from eventlog.events import Recorded
from tests.fault.campaign.check import SECOND, LogWatch
from watchword.chain import GENESIS, link

START = 1_000_000 * SECOND
ISSUED = {
    "client_id": "app",
    "subject": "acc_a",
    "audience": ["x"],
    "scope": "",
    "expires_at": "2030-01-01T00:00:00.000000Z",
}


class Story:
    """A log that is well as long as nothing is done to it; each event a second after the one before."""

    def __init__(self) -> None:
        self.rows: list[Recorded] = []

    def add(self, stream: str, name: str, command: str = "", /, **body: Any) -> "Story":
        before = self.rows[-1] if self.rows else None
        row = Recorded(
            position=len(self.rows) + 1,
            stream=stream,
            version=1 + sum(one.stream == stream for one in self.rows),
            type=f"watchword.token.{name}.v1",
            time=START + len(self.rows) * SECOND,
            command_id=command or f"command-{len(self.rows)}",
            actor="test",
            correlation_id="test",
            body=msgspec.json.encode(body),
            sealed_hash=b"",
            chain_hash=b"",
        )
        self.rows.append(chained(row, GENESIS if before is None else before.chain_hash))
        return self

    def family(self) -> "Story":
        """A family with two generations, at 1 to 3."""
        self.add("family/f", "family.started", "one", family_id="f", session_id="ses_s", **STARTED)
        self.add("family/f", "token.issued", "one", token_id="t1", family_id="f", session_id="ses_s", **ISSUED)
        return self.rotated(2)

    def rotated(self, generation: int) -> "Story":
        said = ISSUED | {"family_id": "f", "generation": generation, "refresh_key": "k"}
        return self.add("family/f", "refresh.rotated", token_id=f"t{generation}", session_id="ses_s", **said)


STARTED = {
    "client_id": "app",
    "subject": "acc_a",
    "session_position": 1,
    "seen": 1,
    "scope": "",
    "refresh_key": "k",
    "auth_time": "2026-01-01T00:00:00.000000Z",
    "acr": "pw",
    "amr": ["pwd"],
    "expires_at": "2030-01-01T00:00:00.000000Z",
}


def chained(row: Recorded, before: bytes) -> Recorded:
    return msgspec.structs.replace(row, chain_hash=link(before, row))


def taken(rows: Iterable[Recorded]) -> tuple[LogWatch, list[str]]:
    watch = LogWatch("token")
    return watch, watch.take(list(rows))
