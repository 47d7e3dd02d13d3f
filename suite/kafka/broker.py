"""Apache Kafka in KRaft mode: one process that is broker and controller, on loopback only.

Like PostgreSQL it is started *inside* its directory and told that it is `/proc/self/cwd`: its account needs no way
through the directories above.
"""

import asyncio
import os
import secrets
import shutil
import socket
import struct
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from suite.account import Account, database_account
from suite.children import Command, run
from suite.kafka import jars
from suite.kafka.choice import controller
from suite.kafka.java import java, require_extra
from suite.place import Place, write_private
from suite.ports import Address, listens
from suite.supervisor import Probe

HERE = "/proc/self/cwd"
ENVIRONMENT = {"LC_ALL": "C", "TZ": "UTC", "PATH": "/usr/bin:/bin"}
JVM = (
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:-UsePerfData",
    "-XX:+ExitOnOutOfMemoryError",
    "--sun-misc-unsafe-memory-access=allow",
    "--enable-native-access=ALL-UNNAMED",
    f"-Djava.io.tmpdir={HERE}",
    f"-Dlog4j2.configurationFile=file://{HERE}/log4j2.properties",
)
SETTINGS = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "auto.create.topics.enable": "false",
    "default.replication.factor": "1",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "1",
    "group.initial.rebalance.delay.ms": "0",
    # Its default alone is 128 MB.
    "log.cleaner.dedupe.buffer.size": "4194304",
    # A log is kept for as long as its topic does not say otherwise.
    "log.retention.ms": "-1",
    # After kill -9 the broker waits until its former self is taken for dead: 9 s by default.
    "broker.heartbeat.interval.ms": "500",
    "broker.session.timeout.ms": "3000",
}
LOGGING = """\
rootLogger.level = warn
rootLogger.appenderRef.out.ref = out
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d{ISO8601_OFFSET_DATE_TIME_HHCMM} %p %c{1} %m%n
"""
_METADATA = struct.pack(">ihhihi", 14, 3, 1, 1, -1, 0)
"""A request for metadata, version 1, of no topic: who answers names the brokers that are up."""


async def prepare(place: Place, address: Address, mark: Mapping[str, str], heap: str = "512m") -> Command:
    """Makes what the broker at that address needs in DIR, and says how to run it. DIR and its logs must exist.

    `mark` goes into its environment, so that a later `up` knows it. Raises Halt where Kafka cannot run here.
    """
    require_extra()
    account = database_account(place.kafka)
    await _fetch(place)
    program = (str(java(account)), f"-Xmx{heap}", *JVM)
    _make_directory(place.kafka, account)
    _write(place.kafka / "log4j2.properties", LOGGING, account)
    if not (place.kafka / "data").exists():
        await _format(place, address, program, account)
    _write(place.kafka / "server.properties", _properties(address, "data"), account)
    return Command(
        name="kafka",
        argv=(*program, "kafka.Kafka", f"{HERE}/server.properties"),
        env=_environment() | dict(mark),
        cwd=place.kafka,
        account=account,
        holds_stdin=False,
    )


def answers(address: Address, patience: float = 1.0) -> bool:
    """Whether a broker answers there, and takes part in its cluster by now; waits `patience` seconds at most for each
    part of its answer."""
    try:
        with closing(socket.create_connection((address.host, address.port), patience)) as connection:
            connection.sendall(_METADATA)
            with connection.makefile("rb") as answer:
                _size, _correlation, brokers = struct.unpack(">iii", answer.read(12))
    except (OSError, struct.error):
        return False
    return bool(brokers > 0)


def ready_at(address: Address) -> Probe:
    """Asks the broker, and makes sure that it is the child that listens there."""

    async def probe(pid: int) -> bool:
        return listens(pid, address) and await asyncio.to_thread(answers, address)

    return probe


async def _fetch(place: Place) -> None:
    directory = jars.kept()
    if not await asyncio.to_thread(jars.sound, directory):
        fetch = (sys.executable, "-P", "-m", "suite.kafka.jars")
        await run(Command("kafka.jars", fetch, dict(os.environ)), place.logs, within=600)


def _environment() -> dict[str, str]:
    """With the jars here rather than in the arguments, which are shown to whoever asks what holds a port."""
    return ENVIRONMENT | {"CLASSPATH": ":".join(str(jars.kept() / jar.file) for jar in jars.locked())}


async def _format(place: Place, address: Address, program: tuple[str, ...], account: Account | None) -> None:
    """Makes an empty cluster in a directory beside, which becomes the data when it is whole."""
    new = place.kafka / "data.new"
    shutil.rmtree(new, ignore_errors=True)
    _write(place.kafka / "format.properties", _properties(address, new.name), account)
    cluster = f"w{secrets.token_urlsafe(16)[1:]}"  # what begins with a dash would be read as an option
    argv = (*program, "kafka.tools.StorageTool", "format", "-t", cluster, "-c", f"{HERE}/format.properties")
    command = Command("kafka.format", argv, _environment(), cwd=place.kafka, account=account, holds_stdin=False)
    await run(command, place.logs)
    new.rename(place.kafka / "data")


def _properties(address: Address, data: str) -> str:
    inner = controller(address)
    told = SETTINGS | {
        "listeners": f"PLAINTEXT://{address},CONTROLLER://{inner}",
        "controller.quorum.voters": f"1@{inner}",
        "log.dirs": f"{HERE}/{data}",
    }
    return "".join(f"{name}={value}\n" for name, value in told.items())


def _make_directory(directory: Path, account: Account | None) -> None:
    if not directory.exists():
        directory.mkdir(mode=0o700)
        _give(directory, account)


def _write(path: Path, text: str, account: Account | None) -> None:
    write_private(path, text)
    _give(path, account)


def _give(path: Path, account: Account | None) -> None:
    if account is not None:
        os.chown(path, account.uid, account.gid, follow_symlinks=False)
