"""Who has applied a revocation, who has not, and by when even one that was cut off denies (RULES 7)."""

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.harness.feeds import read, settled
from tests.harness.people import People
from tests.harness.running import Running, Served
from watchword.token.v1 import token_pb2, token_pb2_grpc

SERVICES = {"identity", "token", "policy"}


async def revoke(suite: Running, session_id: str, wait: float) -> token_pb2.RevokeResponse:
    """Over gRPC, where whoever asks says how long to wait, in seconds."""
    request = token_pb2.RevokeRequest(session_id=session_id, wait_applied=True)
    request.wait_timeout.FromMilliseconds(int(wait * 1000))
    async with suite.channel("token") as channel:
        stub: Any = token_pb2_grpc.TokenServiceStub(channel)
        answer: token_pb2.RevokeResponse = await stub.Revoke(request, timeout=60)
    return answer


def services_of(readers: list[str]) -> set[str]:
    """The services whose processes are among the readers; a backend that left lately may be named beside them."""
    return {name for name in SERVICES for reader in readers if f"{name}/" in reader}


async def test_receipts_name_readers_of_all_three_services_with_their_times(suite: Running, people: People) -> None:
    signed, admin = await people.login(await people.register()), await people.administrator()
    found = await people.revoke(admin, session_id=signed.session_id)
    assert not services_of(found["waiting"])
    assert services_of([one["reader"] for one in found["applied"]]) == SERVICES
    assert len({one["reader"] for one in found["applied"]}) == len(found["applied"])
    assert all(0 <= one["ms"] < 60_000 for one in found["applied"])
    events, _ = await read(suite, "token", found["position"] - 1)
    made = events[0].time.ToDatetime(UTC)
    assert events[0].type == "watchword.token.session.revoked.v1"
    certain = datetime.fromisoformat(found["certain_at"])
    assert made + timedelta(seconds=5) <= certain <= made + timedelta(seconds=60)
    assert found["certain_at"].endswith("Z")
    for service, path in (("identity", "/v1/account"), ("policy", "/v1/roles")):
        assert (await people.get(service, path, headers=signed.bearer)).status_code == 401


@pytest.mark.over("feed")
async def test_without_wait_the_answer_is_the_position_alone(suite: Running, people: People) -> None:
    signed, admin = await people.login(await people.register()), await people.administrator()
    answer = await people.post(
        "token", "/v1/revocations", headers=admin.bearer, session_id=signed.session_id, reason="a test"
    )
    assert answer.json().keys() == {"position"}


@pytest.mark.over("feed")
async def test_what_is_revoked_already_is_told_again_and_written_once(suite: Running, people: People) -> None:
    signed, admin = await people.login(await people.register()), await people.administrator()
    first = await people.revoke(admin, session_id=signed.session_id)
    ends = await settled(suite)
    again = await people.revoke(admin, session_id=signed.session_id)
    assert again["position"] == first["position"]
    assert await settled(suite) == ends


async def test_every_process_of_a_service_is_a_reader_of_its_own(suite: Running, people: People) -> None:
    suite.second("identity")
    suite.second("token")
    signed, admin = await people.login(await people.register()), await people.administrator()
    for where in (0, 1):
        found = await people.revoke(admin, where, session_id=signed.session_id)
        assert not services_of(found["waiting"])
        trusting = [one["reader"] for one in found["applied"] if one["reader"].endswith("/trust")]
        assert len([one for one in trusting if "identity/" in one]) >= 2, found
        assert len([one for one in trusting if "token/" in one]) >= 2, found


@contextmanager
def stopped(served: Served) -> Iterator[None]:
    """The process stands still; its sockets stay open."""
    served.process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        served.process.send_signal(signal.SIGCONT)


@pytest.mark.parametrize("name", ["token", "identity"])
async def test_a_stopped_process_is_named_as_waiting_and_forgotten_after_its_max_staleness(
    suite: Running, people: People, name: str
) -> None:
    admin, person = await people.administrator(), await people.register()
    sessions = [(await people.login(person)).session_id for _ in range(4)]
    served = suite.start_second(name)
    try:
        async with asyncio.timeout(30):  # until those that other tests stopped are forgotten
            while services_of((await people.revoke(admin, session_id=sessions[0]))["waiting"]):
                pass
        with stopped(served):
            missing = await revoke(suite, sessions[1], 0.3)
            assert services_of(list(missing.waiting)) == {name}, missing
            assert services_of([one.reader for one in missing.applied]) == SERVICES
            asleep = {reader for reader in missing.waiting if services_of([reader])}
            after = await revoke(suite, sessions[2], 30)
            assert asleep <= set(after.waiting), "they vanished while they were waited for"
            assert not asleep & {one.reader for one in after.applied}
            assert not services_of(list((await revoke(suite, sessions[3], 30)).waiting)), "nobody remembers them"
            assert after.certain_at.ToDatetime() > missing.certain_at.ToDatetime()
    finally:
        served.stop()
