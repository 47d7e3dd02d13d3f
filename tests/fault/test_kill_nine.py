"""`kill -9` of a part under light load, and `up` starts it again: no acknowledged event is lost, none is applied twice,
and every user can still refresh, with the last token that they were given."""

import os
import signal
import time
from collections import Counter

import pytest

from suite.databases import SERVICES
from tests.fault.breaking import all_ready, back, kept_down, kill, past, stopped
from tests.fault.customers import Acknowledged, Load, busy, cookie_of
from tests.fault.logs import Logs, assert_verified, body, by_id, named, read_logs
from tests.harness.needles import found_in_file, spelled
from tests.harness.people import PASSWORD, People
from tests.harness.running import Running

LEEWAY = 10.0
KILLS = 2
PARTS = ("token", "identity", "policy", "postgres")
ISSUING = ("token.issued", "refresh.rotated", "refresh.retried")


@pytest.mark.parametrize("part", PARTS)
async def test_nothing_acknowledged_is_lost_nothing_is_applied_twice_and_everybody_goes_on(
    suite: Running, people: People, part: str
) -> None:
    suite.second("token")
    suite.second("identity")
    before = await read_logs(suite)
    async with busy(suite) as load:
        for _ in range(KILLS):
            await load.goes_on()
            await kill(suite, people, part)
        await load.goes_on()
    await assert_kept(suite, people, load, before)


async def test_all_parts_are_killed_at_once_and_everybody_goes_on(suite: Running, people: People) -> None:
    before = await read_logs(suite)
    async with busy(suite) as load:
        await load.goes_on()
        pids = {part: suite.pid(part) for part in PARTS}
        for pid in pids.values():
            os.kill(pid, signal.SIGKILL)
        for part, pid in pids.items():
            await back(suite, people, part, pid)
        await load.goes_on()
    await assert_kept(suite, people, load, before)


@pytest.mark.parametrize("part", ["token", "postgres"])
async def test_a_lost_answer_is_given_again_after_an_outage_that_is_longer_than_the_leeway(
    suite: Running, people: People, part: str
) -> None:
    login = await people.login(await people.register())
    lost = (await people.refresh(login.refresh_token)).json()["refresh_token"]
    at = time.monotonic()
    async with kept_down(suite, people, part):
        await past(at + LEEWAY + 1)
    again = await people.refresh(login.refresh_token)
    assert (again.status_code, again.json()["refresh_token"]) == (200, lost)
    assert (await people.refresh(lost)).status_code == 200


async def test_a_lost_answer_is_given_again_after_token_was_stopped_for_longer_than_the_leeway(
    suite: Running, people: People
) -> None:
    login = await people.login(await people.register())
    lost = (await people.refresh(login.refresh_token)).json()["refresh_token"]
    at = time.monotonic()
    with stopped(suite.pid("token")):
        await past(at + LEEWAY + 1)
    again = await people.refresh(login.refresh_token)
    assert (again.status_code, again.json()["refresh_token"]) == (200, lost)
    await all_ready(people)


async def assert_kept(suite: Running, people: People, load: Load, before: Logs) -> None:
    """What was there before stands, what was acknowledged stands once, and nobody has to log in anew."""
    logs = await read_logs(suite)
    await assert_verified(suite)
    for name in SERVICES:
        assert logs[name][: len(before[name])] == before[name]
    assert_in_identitys_log(load.told, logs)
    assert_in_tokens_log(load.told, logs)
    assert_nothing_twice(logs)
    assert_nothing_told(suite, load)
    assert len(named(logs["identity"], "account.registered")) == registered(before) + len(load.customers) + len(
        load.told.names
    )
    for customer in load.customers:
        answer = await people.refresh(customer.refresh_token)
        assert answer.status_code == 200, answer.text
        headers = {"Cookie": cookie_of(customer.login)}
        assert (await people.get("identity", "/v1/account", headers=headers)).status_code == 200


def assert_nothing_told(suite: Running, load: Load) -> None:
    """What a part says while it breaks holds nothing secret either."""
    tokens = [one.refresh_token.rpartition(".")[2] for one in load.customers]
    cookies = [cookie for one in load.customers for cookie in one.login.cookies.values()]
    secret = [needle for one in (PASSWORD, *tokens, *cookies) for needle in spelled("a secret", one)]
    for path in suite.place.logs.iterdir():
        assert found_in_file(secret, path) == set(), path.name


def registered(logs: Logs) -> int:
    return len(named(logs["identity"], "account.registered"))


def assert_in_identitys_log(told: Acknowledged, logs: Logs) -> None:
    rows = logs["identity"]
    accounts = by_id(named(rows, "account.registered"), "account_id")
    started = by_id(named(rows, "session.started"), "session_id")
    ended = by_id(named(rows, "session.ended"), "session_id")
    for account_id, position in told.accounts.items():
        assert rows[position - 1].command_id == accounts[account_id].command_id
    for found, acknowledged in ((started, told.sessions), (ended, told.ended)):
        for session_id, position in acknowledged.items():
            assert found[session_id].position == position
    assert told.accounts
    assert told.ended


def assert_in_tokens_log(told: Acknowledged, logs: Logs) -> None:
    rows = logs["token"]
    issued = by_id(named(rows, *ISSUING), "token_id")
    for token_id, position in told.tokens.items():
        assert issued[token_id].position == position


def assert_nothing_twice(logs: Logs) -> None:
    """One lineage a family, without a thief; what ends something ends it once; what reacts does so once."""
    rows = logs["token"]
    assert named(rows, "refresh.reuse_detected") == []
    generations = {body(row)["family_id"]: [1] for row in named(rows, "family.started")}
    for row in named(rows, "refresh.rotated"):
        generations[body(row)["family_id"]].append(body(row)["generation"])
    for family_id, found in generations.items():
        assert found == list(range(1, len(found) + 1)), family_id
    by_id(named(rows, "session.revoked"), "session_id")
    by_id(named(rows, "family.revoked"), "family_id")
    by_id(named(logs["identity"], "username.claimed"), "account_id")
    assert Counter(row.type for row in logs["policy"])["watchword.policy.administrator.created.v1"] == 1
