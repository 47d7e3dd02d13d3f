"""Real Apache Kafka for tests: one broker that they share, and brokers of their own for those that break one.

    async def test_…(kafka: Broker, kafka_topics: str): ...      # shared; a prefix for the topics of this test alone
    def test_…(own_kafka: OwnBroker): ...                        # freeze, kill, start again, replace by an empty one

The shared one is `WATCHWORD_TEST_KAFKA=HOST:PORT` where that is set; else a container where Docker answers; else a
broker from packages (suite/kafka), started at its first use. Where none can be had the tests fail, and say why.
The fixtures are known to all tests through tests/conftest.py.
"""

import asyncio
import contextlib
import dataclasses
import os
import shutil
import signal
import subprocess
import threading
import uuid
from collections.abc import Coroutine, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

import psutil
import pytest

from suite.account import database_account, make_data
from suite.children import Command
from suite.errors import Halt
from suite.kafka.broker import answers, prepare
from suite.kafka.choice import controller
from suite.place import Place
from suite.ports import Address
from tests.harness.ports import free_pair
from tests.harness.running import until

T = TypeVar("T")

START = 60.0
STOP = 10.0
HEAP = "256m"


def free_address() -> Address:
    """An address for a broker: free now, like the one after it, where its controller listens."""
    return Address("127.0.0.1", free_pair())


@dataclass(frozen=True, slots=True)
class Broker:
    """A broker that many tests share; each has topics with a prefix of its own."""

    bootstrap: str
    """HOST:PORT, what `--kafka` and WATCHWORD_…_KAFKA take."""
    origin: str
    """Where it came from, for messages."""


@dataclass
class OwnBroker:
    """A broker that one test may break. It keeps its address, and its data until it is replaced.

    `settings` are added to the broker's own; in them, {listeners} stands for the listeners that it has anyway.
    """

    data: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    address: Address = field(default_factory=free_address)
    _process: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap(self) -> str:
        return str(self.address)

    @property
    def process(self) -> psutil.Process:
        assert self._process is not None, "the broker has not been started"
        return psutil.Process(self._process.pid)

    def start(self) -> None:
        """Starts it, and returns when it answers."""
        self.launch()
        self.wait()

    def launch(self) -> None:
        """Starts it without waiting for it. From the main thread: the broker ends with the thread that started it."""
        assert threading.current_thread() is threading.main_thread()
        assert self._process is None, "the broker runs already"
        place = Place(self.data)
        if not place.data.exists():
            make_data(place.data, database_account(place.kafka))
            place.logs.mkdir()
        command = apart(prepare(place, self.address, {}, HEAP))
        command = dataclasses.replace(command, argv=(*command.argv, *self._overriding()))
        with (place.logs / "kafka.log").open("ab") as log:
            self._process = _run(command, log.fileno())

    def wait(self) -> None:
        """Returns when it answers."""
        until(self._answers, f"Kafka answers at {self.address}; what it says is in {self.data}/logs/kafka.log", START)

    def kill(self) -> None:
        """kill -9"""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Asks it to end, and makes sure."""
        if self._process is not None:
            self.thaw()
            self._end(signal.SIGTERM)

    def freeze(self) -> None:
        """SIGSTOP: connections stay open, and nothing is answered any more when this returns."""
        self.process.send_signal(signal.SIGSTOP)
        until(lambda: not answers(self.address, 0.2), "Kafka stands still")

    def thaw(self) -> None:
        with contextlib.suppress(psutil.NoSuchProcess):
            self.process.send_signal(signal.SIGCONT)

    def replace_by_empty(self) -> None:
        """Destroys it with all that it held; another, empty one answers at its address when this returns."""
        if self._process is not None:
            self.kill()
        shutil.rmtree(Place(self.data).kafka)
        self.start()

    def said(self) -> str:
        """The end of its log."""
        log = Place(self.data).logs / "kafka.log"
        return log.read_text(errors="replace")[-2_000:] if log.exists() else ""

    def _overriding(self) -> Iterator[str]:
        listeners = f"PLAINTEXT://{self.address},CONTROLLER://{controller(self.address)}"
        for name, value in self.settings.items():
            yield from ("--override", f"{name}={value.replace('{listeners}', listeners)}")

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"Kafka ended with {self._process.returncode}:\n{self.said()}"
        return answers(self.address)

    def _end(self, sent: signal.Signals) -> None:
        process, self._process = self._process, None
        assert process is not None, "the broker does not run"
        process.send_signal(sent)
        try:
            process.wait(STOP)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """The broker that all tests of this run share."""
    with contextlib.ExitStack() as stack:
        yield _given() or _container(stack) or _local(tmp_path_factory.mktemp("kafka") / "data", stack)


@pytest.fixture
def kafka_topics() -> str:
    """What begins the names of this test's topics, and no other's."""
    return f"test-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def own_kafka(tmp_path: Path) -> Iterator[OwnBroker]:
    """A broker of the test's own, started; it may be broken."""
    with own_broker(tmp_path / "own-kafka") as broker:
        yield broker


@contextlib.contextmanager
def own_broker(data: Path, settings: Mapping[str, str] | None = None) -> Iterator[OwnBroker]:
    """A broker with its data in that directory, which it makes; ended at the end, however it was left."""
    broker = OwnBroker(data, settings or {})
    try:
        broker.start()
        yield broker
    finally:
        broker.stop()


def apart(coroutine: Coroutine[Any, Any, T]) -> T:
    """Runs it to its end in a loop of its own, from wherever: a test's own loop may be running."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, coroutine).result()


def _given() -> Broker | None:
    given = os.environ.get("WATCHWORD_TEST_KAFKA")
    if not given:
        return None
    addresses = [Address.parse(part) for part in given.split(",")]
    assert any(answers(address, 5.0) for address in addresses), f"no broker answers at WATCHWORD_TEST_KAFKA={given}"
    return Broker(given, "WATCHWORD_TEST_KAFKA")


def _container(stack: contextlib.ExitStack) -> Broker | None:
    """A container where a daemon really answers; the client alone is no daemon."""
    docker = import_module("docker")  # it has no types
    try:
        docker.from_env(timeout=3).ping()
    except (docker.errors.DockerException, OSError):
        return None
    from testcontainers.community.kafka import KafkaContainer

    container = KafkaContainer().with_kraft().with_env("KAFKA_AUTO_CREATE_TOPICS_ENABLE", "false")
    return Broker(stack.enter_context(container).get_bootstrap_server(), "a container")


def _local(data: Path, stack: contextlib.ExitStack) -> Broker:
    try:
        return Broker(stack.enter_context(own_broker(data)).bootstrap, "packages")
    except Halt as reason:
        pytest.fail(
            "these tests need Apache Kafka: WATCHWORD_TEST_KAFKA names none, no Docker answers, and none from packages "
            f"can be started: {reason}",
            pytrace=False,
        )


def _run(command: Command, log: int) -> subprocess.Popen[bytes]:
    """Its process; where the system can, it ends with this one even where that is killed."""
    setpriv = shutil.which("setpriv")
    dying_with_us = (setpriv, "--pdeathsig", "TERM") if setpriv else ()
    account = command.account
    return subprocess.Popen(
        (*dying_with_us, *command.argv),
        env=dict(command.env),
        cwd=command.cwd,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
        user=None if account is None else account.uid,
        group=None if account is None else account.gid,
        extra_groups=None if account is None else [],
    )
