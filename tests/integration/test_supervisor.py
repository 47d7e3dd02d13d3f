"""Children are kept running, said when they die, and stopped in order, whatever is sent to whom."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import psutil
import pytest

from suite.children import Command
from suite.errors import Halt
from suite.report import Report
from suite.supervisor import Supervisor
from tests.integration.fake_up import fake, ready

DEADLINE = 20.0
FAKE_UP = Path(__file__).with_name("fake_up.py")


@pytest.fixture
async def supervisor(tmp_path: Path) -> AsyncIterator[Supervisor]:
    supervisor = Supervisor(tmp_path, Report())
    yield supervisor
    await supervisor.stop()


def journal(directory: Path) -> list[tuple[str, str, int]]:
    """What the children wrote: (start or end, name, pid), in order."""
    path = directory / "journal"
    lines = path.read_text().splitlines() if path.exists() else []
    return [(what, name, int(pid)) for what, name, pid in map(str.split, lines)]


def starts(directory: Path, name: str) -> list[int]:
    return [pid for what, who, pid in journal(directory) if (what, who) == ("start", name)]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE):
        while not condition():
            await asyncio.sleep(0.02)


def gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


async def test_a_dead_child_is_said_with_its_last_lines_and_started_again(
    supervisor: Supervisor, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await supervisor.keep(fake("service", tmp_path), ready(tmp_path, "service"))
    [first] = starts(tmp_path, "service")
    (tmp_path / "service.ready").unlink()
    os.kill(first, signal.SIGKILL)
    await until(lambda: len(starts(tmp_path, "service")) == 2 and (tmp_path / "service.ready").exists())
    said = capsys.readouterr().out
    assert f"service (process {first}) ended by SIGKILL; it is started again" in said
    assert "service says its last words" in said


async def test_five_deaths_without_having_been_ready_end_it(supervisor: Supervisor, tmp_path: Path) -> None:
    with pytest.raises(Halt, match="5 times within a minute") as halt:
        await supervisor.keep(fake("service", tmp_path, "dies", "yes"), ready(tmp_path, "service"), within=DEADLINE)
    assert len(starts(tmp_path, "service")) == 5
    assert "service says its last words" in str(halt.value)


async def test_a_child_that_was_ready_in_between_is_started_again_and_again(
    supervisor: Supervisor, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await supervisor.keep(fake("service", tmp_path), ready(tmp_path, "service"))
    for _ in range(6):
        (tmp_path / "service.ready").unlink()
        os.kill(starts(tmp_path, "service")[-1], signal.SIGKILL)
        await until(lambda: "service is ready again" in capsys.readouterr().out)
    assert len(starts(tmp_path, "service")) == 7


async def test_the_foundation_ends_after_all_that_stands_on_it(supervisor: Supervisor, tmp_path: Path) -> None:
    await supervisor.keep(fake("foundation", tmp_path), ready(tmp_path, "foundation"), foundation=True)
    for name in ("one", "two"):
        await supervisor.keep(fake(name, tmp_path, "lasts", "0.3"), ready(tmp_path, name))
    await supervisor.stop()
    ends = [name for what, name, _ in journal(tmp_path) if what == "end"]
    assert sorted(ends[:2]) == ["one", "two"]
    assert ends[2:] == ["foundation"]


async def test_a_child_that_ignores_sigterm_has_ended_within_ten_seconds(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    await supervisor.keep(fake("deaf", tmp_path, "deaf", "yes"), ready(tmp_path, "deaf"))
    [pid] = starts(tmp_path, "deaf")
    async with asyncio.timeout(10):
        await supervisor.stop()
    assert gone(pid)


async def test_a_child_has_a_session_of_its_own(supervisor: Supervisor, tmp_path: Path) -> None:
    await supervisor.keep(fake("service", tmp_path), ready(tmp_path, "service"))
    [pid] = starts(tmp_path, "service")
    assert os.getsid(pid) == pid != os.getsid(0)


async def test_a_command_that_does_not_exist_is_refused(supervisor: Supervisor, tmp_path: Path) -> None:
    missing = Command("service", (str(tmp_path / "missing"),), {})
    with pytest.raises(Halt, match="service cannot be started"):
        await supervisor.keep(missing, ready(tmp_path, "service"))


async def _start_up(directory: Path, drain: float) -> asyncio.subprocess.Process:
    up = await asyncio.create_subprocess_exec(
        sys.executable, str(FAKE_UP), str(directory), str(drain), stdout=asyncio.subprocess.PIPE, start_new_session=True
    )
    assert up.stdout is not None
    async with asyncio.timeout(DEADLINE):
        assert (await up.stdout.readline()).strip() == b"ready"
    return up


async def test_children_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    up = await _start_up(tmp_path, drain=0)
    pids = [pid for _, _, pid in journal(tmp_path)]
    up.kill()
    await up.wait()
    await until(lambda: all(gone(pid) for pid in pids))
    assert sorted(name for what, name, _ in journal(tmp_path) if what == "end") == ["foundation", "service"]


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_a_signal_leaves_no_process_and_a_repeated_one_changes_nothing(
    tmp_path: Path, sent: signal.Signals
) -> None:
    up = await _start_up(tmp_path, drain=0.5)
    pids = [pid for _, _, pid in journal(tmp_path)]
    while up.returncode is None:
        os.killpg(up.pid, sent)
        try:
            await asyncio.wait_for(up.wait(), 0.02)
        except TimeoutError:
            continue
    assert up.returncode == 0
    assert all(gone(pid) for pid in pids)
    assert [name for what, name, _ in journal(tmp_path) if what == "end"] == ["service", "foundation"]
