"""Back up while all runs, lose everything, restore elsewhere: the drill of docs/operations, by its own commands."""

from datetime import UTC, datetime
from pathlib import Path

from tests.fault.breaking import all_ready
from tests.fault.drill import BACK_UP, LOOK, RESTORE, After, Before, Drill, from_now_on, until_now
from tests.fault.logs import by_id, named, read_logs
from tests.harness.backend import Backend, backend
from tests.harness.people import People
from tests.harness.running import Running, running_suite

ENDS = ("refresh.reuse_detected", "family.revoked", "session.revoked", "subject.revoked")


async def test_a_base_backup_is_restored_to_what_it_held(tmp_path: Path) -> None:
    drill = Drill(tmp_path)
    with running_suite(drill.data) as suite:
        async with People.of(suite) as people, backend(suite, "orders", 5, suite.contract.token.grpc) as verifier:
            before = await until_now(people)
            drill.run(BACK_UP)
            after = await from_now_on(people, before)
            drill.lose(suite)
            drill.run(RESTORE)
            with running_suite(drill.new, fleet=suite.fleet) as restored:
                await assert_restored(restored, verifier, before, after)
                await verifier.until_it_says(after.login.access_token, "accepted")
                drill.run(LOOK)
                await assert_lost_tokens_end(restored, verifier, before, after)


async def test_with_the_archive_any_later_moment_is_restored(tmp_path: Path) -> None:
    drill = Drill(tmp_path)
    with running_suite(drill.data) as suite:
        async with People.of(suite) as people, backend(suite, "orders", 5, suite.contract.token.grpc) as verifier:
            with drill.archiving():
                drill.run(BACK_UP)
                before = await until_now(people)
                moment = datetime.now(UTC).isoformat(" ")
                after = await from_now_on(people, before)
                drill.lose(suite)
            drill.run(RESTORE, moment)
            with running_suite(drill.new, fleet=suite.fleet) as restored:
                await assert_restored(restored, verifier, before, after)


async def test_with_the_archive_nothing_that_was_answered_is_lost(tmp_path: Path) -> None:
    drill = Drill(tmp_path)
    with running_suite(drill.data) as suite:
        async with People.of(suite) as people:
            with drill.archiving():
                drill.run(BACK_UP)
                before = await until_now(people)
                after = await from_now_on(people, before)
                drill.lose(suite)
            drill.run(RESTORE)
            with running_suite(drill.new, fleet=suite.fleet):
                await all_ready(people)
                for token in (before.refreshed, after.ahead, after.login.refresh_token):
                    assert (await people.refresh(token)).status_code == 200


async def assert_restored(suite: Running, verifier: Backend, before: Before, after: After) -> None:
    """The logs are those of the moment; who is older goes on, who is ahead is refused, and nobody is revoked."""
    async with People.of(suite) as people:
        for name, rows in (await read_logs(suite)).items():
            assert rows[: len(before.logs[name])] == before.logs[name]
        assert (await people.refresh(before.refreshed)).status_code == 200
        for ahead in (after.ahead, after.login.refresh_token):
            refused = await people.refresh(ahead)
            assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
        assert (suite.place.logs / "token.log").read_text().count("refresh_ahead_of_log") == 2
        assert (await people.try_login(after.person.username, after.person.password)).status_code == 401
        again = await people.login(before.person)
        assert (await people.refresh(again.refresh_token)).status_code == 200
        await verifier.until_it_says(again.access_token, "accepted")
        logs = await read_logs(suite)
        assert not named(logs["token"], *ENDS)
        assert after.person.account_id not in by_id(named(logs["identity"], "account.registered"), "account_id")


async def assert_lost_tokens_end(suite: Running, verifier: Backend, before: Before, after: After) -> None:
    """Once the signing keys have been replaced, nothing is good that the restored log does not know; it goes on."""
    async with People.of(suite) as people:
        await verifier.until_it_says(after.login.access_token, "revoked")
        assert not (await people.introspect(after.login.access_token))["active"]
        login = await people.login(before.person)
        await verifier.until_it_says(login.access_token, "accepted")
        await people.revoke(await people.administrator(), session_id=login.session_id)
        await verifier.until_it_says(login.access_token, "revoked")
        await read_logs(suite)
