"""Uses of one refresh family, and RULES 8 in as few words as it takes: what they mean one after the other."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import msgspec

from eventlog.log import By
from services.token.adapters.refresh_secrets import refresh_token
from services.token.commands.awaited import asked_now
from services.token.commands.issue import Answered, NewFamily, start_family
from services.token.commands.refresh import refresh
from services.token.commands.standing import Overtaken
from services.token.domain.client import CLIENT, Client
from services.token.domain.errors import AheadOfLog, InvalidGrant, Reused
from services.token.domain.family import FAMILY
from services.token.domain.revocation import SESSION, SUBJECT
from tests.harness.log import assert_sound
from tests.races.explore import Operation, Race
from tests.races.history import History
from tests.races.loop import touch
from tests.races.stage import SETTING, Stage, Streams
from tests.races.steps import CLOCK
from tests.unit.token.world import APP, claims_of, refresh_of

OWN = msgspec.structs.replace(APP, id="own")
OTHER = msgspec.structs.replace(APP, id="other")
CURRENT = 3


@dataclass(frozen=True)
class Family:
    """A family at its third generation: the tokens of all generations, those to come included."""

    id: str
    client: Client
    subject: str
    session_id: str
    tokens: tuple[str, ...]
    second_at: int
    access_token: str

    @property
    def streams(self) -> Streams:
        """What a process reads that is asked to refresh."""
        clients = [(CLIENT, self.client.id), (CLIENT, OTHER.id)]
        return [*clients, (FAMILY, self.id), (SESSION, self.session_id), (SUBJECT, self.subject)]


async def a_family(stage: Stage, client: Client = OWN, tag: str = "") -> Family:
    """Process b knows the family at its second generation, process a at its third."""
    new = NewFamily(client.id, f"acc_{tag}", f"ses_{tag}", 1, 0, stage.clock.now(), "urn:test", ("pwd",))
    last = await start_family(stage.token("a"), new, SETTING)
    assert not isinstance(last, Overtaken)
    tokens, positions = ["", refresh_of(last)], []
    for process in "ba":
        last = await refresh(stage.token(process), client, tokens[-1], None, [], SETTING, asked_now())
        tokens.append(refresh_of(last))
        positions.append(last.position)
    _, key, family, *_ = tokens[-1].split(".")
    tokens += [await refresh_token(stage.token().vault, key, family, ahead) for ahead in (4, 5, 6, 7)]
    return Family(family, client, new.subject, new.session_id, tuple(tokens), positions[0], last.answer.access_token)


@dataclass(frozen=True)
class Use:
    """A use of the refresh token of a generation, in a process, by its own client or by another."""

    process: str
    generation: int
    thief: bool = False


@dataclass(frozen=True)
class LeewayPasses:
    """The log's time goes on beyond the leeway."""

    process: str = "clock"


async def present(stage: Stage, family: Family, use: Use | LeewayPasses, by: str) -> Answered | str:
    """What a use was answered: tokens, or why there are none."""
    if isinstance(use, LeewayPasses):
        touch(writes=[CLOCK])
        stage.clock.forward(family.client.leeway + 1)
        return "passed"
    client = OTHER if use.thief else family.client
    try:
        return await refresh(
            stage.token(use.process), client, family.tokens[use.generation], None, [], By("test", by), asked_now()
        )
    except Reused:
        return "reused"
    except AheadOfLog:
        return "ahead"
    except InvalidGrant:
        return "over"


Presenting = Callable[[Stage, Family, Use | LeewayPasses, str], Awaitable[Answered | str]]


@dataclass
class Alone:
    """The same family with nobody else in the world."""

    tokens: Sequence[str]
    leeway: float
    generation: int = CURRENT
    ended: bool = False
    late: bool = False
    log: list[tuple[str, str]] = field(default_factory=list)

    def present(self, use: Use | LeewayPasses, by: str) -> str:
        if isinstance(use, LeewayPasses):
            self.late = True
            return "passed"
        behind = self.generation - use.generation
        if behind < 0:
            return "ahead"
        if self.ended:
            return "over"
        if behind == 0 and not use.thief:
            self.generation, self.late = self.generation + 1, False
            self.log.append((by, "refresh.rotated"))
            return self.tokens[self.generation]
        if behind == 1 and not use.thief and self.leeway and not self.late:
            self.log.append((by, "refresh.retried"))
            return self.tokens[self.generation]
        self.ended = True
        self.log += [(by, "refresh.reuse_detected"), (by, "family.revoked")]
        return "reused"


async def uses_at_once(
    stage: Stage, family: Family, *uses: Use | LeewayPasses, presenting: Presenting = present
) -> Race:
    """The uses as operations, and that they come out as uses one after the other."""
    named = {f"{number}{use.process}": use for number, use in enumerate(uses)}
    before = len(await stage.rows())

    async def check(history: History) -> None:
        rows = await stage.rows()
        assert_sound(rows)
        said = [(row.correlation_id, _name(row.type)) for row in rows[before:]]
        answers = {name: _plain(answer, rows, name) for name, answer in history.answers.items()}
        assert any(alone(order) == (answers, said) for order in history.orders()), f"{answers} {said}"

    def alone(order: Sequence[str]) -> tuple[dict[str, str], list[tuple[str, str]]]:
        model = Alone(family.tokens, family.client.leeway)
        return {name: model.present(named[name], name) for name in order}, model.log

    def _plain(answer: Answered | str, rows: Sequence[object], name: str) -> str:
        if not isinstance(answer, Answered):
            return answer
        claims = claims_of(answer)
        row = next(row for row in rows if row.position == answer.position)  # type: ignore[attr-defined]
        assert claims["pos"] == answer.position
        assert row.correlation_id == name  # type: ignore[attr-defined]
        return refresh_of(answer)

    operations = {
        name: Operation(use.process, partial(presenting, stage, family, use, name)) for name, use in named.items()
    }
    return Race(operations, check)


def _name(event_type: str) -> str:
    return event_type.removeprefix("watchword.token.").rpartition(".v")[0]
