"""A CA is replaced while everybody runs: a file may hold the former and the next side by side (docs/operations)."""

from pathlib import Path

import pytest

from chassis.rpc import Admission, RpcServer, Tls, ask, connect
from eventlog.errors import Refusal
from suite.authority import Authority, Kind
from suite.place import Place
from tests.unit.chassis.rpc_served import LIST, Servicer, actor
from watchword.log.v1 import log_pb2, log_pb2_grpc


class Ca:
    """An authority, and certificates by it for who trusts the authorities named."""

    def __init__(self, directory: Path) -> None:
        place = Place(directory)
        directory.mkdir()
        place.furnish()
        self._authority = Authority(place)
        self.pem = self._authority.certificate.read_bytes()

    def issue(self, kind: Kind, name: str, *trusted: "Ca") -> Tls:
        issued = self._authority.keep(kind, name)
        return Tls(b"".join(ca.pem for ca in trusted), issued.cert.read_bytes(), issued.key.read_bytes())


@pytest.fixture
def former(tmp_path: Path) -> Ca:
    return Ca(tmp_path / "former")


@pytest.fixture
def following(tmp_path: Path) -> Ca:
    return Ca(tmp_path / "following")


async def asked(server: Tls, client: Tls) -> str:
    """Under which name the client is served."""
    rpc = RpcServer(server, Admission())
    rpc.add(log_pb2_grpc.add_ProjectionServiceServicer_to_server, Servicer(actor), {LIST: {"backend/*"}})
    port = await rpc.start("127.0.0.1:0")
    try:
        async with connect(f"127.0.0.1:{port}", client, "token") as channel:
            stub = log_pb2_grpc.ProjectionServiceStub(channel)
            answer = await ask(stub.ListProjections, log_pb2.ListProjectionsRequest(), timeout=5)
            return answer.projections[0].name
    finally:
        await rpc.stop(0.1)


async def test_whoever_trusts_both_meets_who_has_a_certificate_of_either(former: Ca, following: Ca) -> None:
    both = (former, following)
    for server in both:
        for client in both:
            met = asked(server.issue("service", "token", *both), client.issue("backend", "orders", *both))
            assert await met == "backend/orders"


async def test_who_trusts_the_following_alone_refuses_the_former(former: Ca, following: Ca) -> None:
    server = following.issue("service", "token", following)
    with pytest.raises(Refusal) as refused:
        await asked(server, former.issue("backend", "orders", former, following))
    assert refused.value.code == "peer_unavailable"
