"""Versions of an organization's rules: what is written, what decides, and the way back."""

import msgspec
import pytest

from eventlog.errors import Refusal
from eventlog.events import Event, Recorded
from services.policy.domain.events import PolicyChanged, PolicyWritten
from services.policy.domain.rules.versions import RULES, Draft, Versions, activate, roll_back, write

FIRST = Draft.of("permit (principal, action, resource) when { context.now > 1 };", note="a start")
SECOND = Draft.of("permit (principal, action, resource) when { context.now > 2 };")


def after(*events: Event) -> Versions:
    state = Versions()
    for position, event in enumerate(events, 1):
        row = Recorded(
            position=position,
            stream="rules/organization",
            version=position,
            type=event.type,
            time=0,
            command_id="",
            actor="",
            correlation_id="",
            body=b"",
        )
        state = RULES.evolve(state, event, row)
    return state


def written(version: int, draft: Draft) -> PolicyWritten:
    return PolicyWritten(version=version, policies=draft.policies, schema=draft.schema, note=draft.note)


def changed(version: int) -> PolicyChanged:
    return PolicyChanged(version=version)


def test_versions_are_numbered_from_one() -> None:
    assert write(Versions(), FIRST) == (1, [written(1, FIRST)])
    assert write(after(written(1, FIRST)), SECOND) == (2, [written(2, SECOND)])


def test_what_is_written_already_is_not_written_again() -> None:
    state = after(written(1, FIRST), written(2, SECOND))
    assert write(state, FIRST) == (1, [])
    assert write(state, msgspec.structs.replace(SECOND, note="other words")) == (2, [])


def test_texts_are_told_apart_from_their_schema() -> None:
    assert Draft("a", "b").digest != Draft("ab", "").digest


def test_what_is_wrong_is_no_draft() -> None:
    with pytest.raises(Refusal) as refused:
        Draft.of("permit (principal action, resource);")
    assert refused.value.code == "policy_invalid"
    with pytest.raises(Refusal) as refused:
        Draft.of("", "entity account;")
    assert refused.value.code == "schema_invalid"
    with pytest.raises(Refusal) as refused:
        Draft.of("", "", "a\nb")
    assert refused.value.code == "note_invalid"


def test_a_version_decides_once_it_is_activated() -> None:
    state = after(written(1, FIRST))
    assert state.active == 0
    assert activate(state, 1) == [changed(1)]
    assert after(written(1, FIRST), changed(1)).active == 1


def test_what_is_active_is_not_activated_again() -> None:
    assert activate(after(written(1, FIRST), changed(1)), 1) == []
    assert activate(Versions(), 0) == []


@pytest.mark.parametrize("version", [-1, 2])
def test_what_was_not_written_cannot_be_activated(version: int) -> None:
    with pytest.raises(Refusal) as refused:
        activate(after(written(1, FIRST)), version)
    assert refused.value.code == "version_unknown"


def test_the_shipped_policies_alone_can_be_activated() -> None:
    assert activate(after(written(1, FIRST), changed(1)), 0) == [changed(0)]


def test_rolling_back_twice_goes_back_twice() -> None:
    history: list[Event] = [written(1, FIRST), written(2, SECOND), changed(1), changed(2)]
    assert roll_back(after(*history)) == (1, [PolicyChanged(version=1, rolled_back=True)])
    history.append(PolicyChanged(version=1, rolled_back=True))
    assert after(*history).active == 1
    assert roll_back(after(*history)) == (0, [PolicyChanged(version=0, rolled_back=True)])
    history.append(PolicyChanged(version=0, rolled_back=True))
    with pytest.raises(Refusal) as refused:
        roll_back(after(*history))
    assert refused.value.code == "nothing_to_roll_back"


def test_the_state_holds_no_text() -> None:
    large = Draft("x" * 200_000)
    assert len(msgspec.msgpack.encode(after(*(written(number, large) for number in range(1, 51))))) < 10_000
