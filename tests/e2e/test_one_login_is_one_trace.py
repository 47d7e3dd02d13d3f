"""One login is one trace through three services and the topic, and so is what follows; and it tells nothing secret."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from functools import partial

import httpx2
import pytest
import pytest_asyncio
from aiokafka import AIOKafkaConsumer, TopicPartition

from suite.databases import SERVICES
from tests.harness.collector import Collector, Seen, collecting
from tests.harness.needles import found, spelled
from tests.harness.people import People
from tests.harness.running import Running, running_suite, until
from watchword.kafka import Kafka

LOGIN = {
    ("watchword-identity", "SERVER", "POST /v1/login"),
    ("watchword-identity", "PRODUCER", "append login.succeeded"),
    ("watchword-identity", "PRODUCER", "append session.started"),
    ("watchword-identity", "CLIENT", "watchword.token.v1.TokenService/StartFamily"),
    ("watchword-token", "SERVER", "watchword.token.v1.TokenService/StartFamily"),
    ("watchword-token", "PRODUCER", "append family.started"),
    ("watchword-token", "PRODUCER", "append token.issued"),
    ("watchword-policy", "CONSUMER", "apply session.started"),
}


@dataclass(frozen=True, slots=True)
class Traced:
    """A suite whose services export to one collector, on the feed or on Kafka."""

    suite: Running
    collector: Collector
    kafka: Kafka | None

    def trace(self, trace: str, wanted: set[tuple[str, str, str]]) -> list[Seen]:
        """The spans of a trace, once what is wanted is among them."""
        until(lambda: wanted <= {described(span) for span in self.collector.of(trace)}, f"{trace} has {wanted}")
        return self.collector.of(trace)


@pytest.fixture(scope="module", params=["feed", "kafka"])
def traced(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Traced]:
    kafka, options = None, list[str]()
    if request.param == "kafka":
        kafka = Kafka(request.getfixturevalue("kafka").bootstrap, topics=f"traced-{secrets.token_hex(4)}")
        options = [f"--kafka={kafka.servers}", f"--kafka-topics={kafka.topics}"]
    with collecting() as collector:
        environment = {f"WATCHWORD_{name.upper()}_OTLP": collector.url for name in SERVICES}
        environment |= {"OTEL_BSP_SCHEDULE_DELAY": "100"}
        data = tmp_path_factory.mktemp("traced") / "data"
        with running_suite(data, *options, environment=environment) as suite:
            yield Traced(suite, collector, kafka)


@pytest_asyncio.fixture
async def users(traced: Traced) -> AsyncIterator[People]:
    async with People.of(traced.suite) as people:
        yield people


def described(span: Seen) -> tuple[str, str, str]:
    return span.service, span.kind, span.name


def assert_connected(spans: list[Seen], root: str) -> None:
    """The request hangs from `root` (empty: from nothing), and every other span from one of the trace."""
    ids = {span.id for span in spans}
    assert len(ids) == len(spans)
    (first,) = [span for span in spans if span.parent not in ids]
    assert (first.kind, first.parent) == ("SERVER", root)


async def test_one_login_is_one_trace_through_three_services(traced: Traced, users: People) -> None:
    person = await users.register()
    answer = await users.try_login(person.username, person.password, client=traced.suite.app)
    spans = traced.trace(answer.headers["x-correlation-id"], LOGIN)
    assert_connected(spans, root="")
    (applied,) = [span for span in spans if span.name == "apply session.started"]
    (started,) = [span for span in spans if span.name == "append session.started"]
    assert applied.parent == started.id
    assert applied.attributes["watchword.position"] == started.attributes["watchword.position"]


@pytest.mark.parametrize("traced", ["kafka"], indirect=True)
async def test_the_topics_carry_it_on(traced: Traced, users: People) -> None:
    person = await users.register()
    answer = await users.try_login(person.username, person.password, client=traced.suite.app)
    kafka, trace = traced.kafka, answer.headers["x-correlation-id"]
    assert kafka is not None
    sent = {(f"watchword-{name}", "PRODUCER", f"send {kafka.topic(name)}") for name in ("identity", "token")}
    spans = traced.trace(trace, LOGIN | sent)
    assert_connected(spans, root="")
    written = {span.attributes["watchword.event"]: span.id for span in spans if span.name.startswith("append ")}
    carried = [*await records(kafka, "identity", trace, 2), *await records(kafka, "token", trace, 2)]
    assert dict(carried) == {type_: f"00-{trace}-{span}-01" for type_, span in written.items()}


async def records(kafka: Kafka, service: str, trace: str, count: int) -> list[tuple[str, str]]:
    """Type and `traceparent` of so many records of a trace, as any client of Kafka reads them."""
    consumer, found = (
        AIOKafkaConsumer(bootstrap_servers=kafka.servers, enable_auto_commit=False),
        list[dict[str, str]](),
    )
    consumer.assign([TopicPartition(kafka.topic(service), 0)])
    await consumer.start()
    try:
        await consumer.seek_to_beginning()
        async with asyncio.timeout(10):
            while len(found) < count:
                headers = {name: value.decode() for name, value in (await consumer.getone()).headers}
                found += [headers] if headers.get("ce_correlationid") == trace else []
    finally:
        await consumer.stop()
    return [(headers["ce_type"], headers["traceparent"]) for headers in found]


async def test_it_continues_the_trace_of_whoever_logs_in(traced: Traced, users: People) -> None:
    person, trace, span = await users.register(), secrets.token_hex(16), secrets.token_hex(8)
    headers = {"traceparent": f"00-{trace}-{span}-01"}
    body = {"username": person.username, "password": person.password, "client_id": traced.suite.app}
    answer = await users.post("identity", "/v1/login", headers=headers, **body)
    assert answer.headers["x-correlation-id"] == trace
    assert_connected(traced.trace(trace, LOGIN), root=span)


async def test_what_follows_by_reaction_is_part_of_it(traced: Traced, users: People) -> None:
    signed, admin = await users.login(await users.register()), await users.administrator()
    revocation = {"session_id": signed.session_id, "reason": "a test", "wait": "applied"}
    answer = await users.post("token", "/v1/revocations", headers=admin.bearer, **revocation)
    wanted = {
        ("watchword-token", "SERVER", "POST /v1/revocations"),
        ("watchword-token", "PRODUCER", "append session.revoked"),
        ("watchword-policy", "CONSUMER", "apply session.revoked"),
        ("watchword-identity", "CONSUMER", "apply session.revoked"),
        ("watchword-identity", "CONSUMER", "react session.revoked"),
        ("watchword-identity", "PRODUCER", "append session.ended"),
        ("watchword-policy", "CONSUMER", "apply session.ended"),
    }
    assert_connected(traced.trace(answer.headers["x-correlation-id"], wanted), root="")


async def test_nothing_secret_and_no_name_is_in_any_span(traced: Traced, users: People) -> None:
    person = await users.register()
    refused = await users.try_login(person.username, "hunter2 hunter2", client=traced.suite.app)
    signed = await users.login(person)
    refreshed = await users.refresh(signed.refresh_token)
    asked = await users.get("identity", f"/v1/account?name={person.username}", headers=signed.bearer)
    for answer in (refused, refreshed, asked):
        until(partial(at_door, traced, answer), "the request's span has arrived")
    sought = {
        "password": person.password,
        "wrong password": "hunter2 hunter2",
        "name": person.username,
        "access token": signed.access_token,
        "refresh token": signed.refresh_token,
        "second refresh token": refreshed.json()["refresh_token"],
        "CSRF token": signed.csrf_token,
        "address": "127.0.0.1",
        **{f"cookie {name}": value for name, value in signed.cookies.items()},
    }
    needles = [needle for name, value in sought.items() for needle in spelled(name, value)]
    assert found(needles, b"\n".join(span.raw for span in tuple(traced.collector.spans))) == set()


def at_door(traced: Traced, answer: httpx2.Response) -> bool:
    spans = traced.collector.of(answer.headers["x-correlation-id"])
    return any(span.kind == "SERVER" and span.attributes.get("http.route") for span in spans)
