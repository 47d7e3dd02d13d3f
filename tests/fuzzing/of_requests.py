"""What every service reads of a request: its head, its forms, its JSON, what a person types, and RPCs."""

import json
from ipaddress import ip_network

from pydantic import BaseModel, ValidationError

from chassis import positions
from chassis.auth import bearer_of
from chassis.limits import source_of
from chassis.rpc.strict import fit, strictly
from chassis.telemetry import correlate
from chassis.web.edge import client_address
from chassis.web.forms import parse_form
from chassis.web.gate import check_target
from chassis.web.strict import check_json
from services.identity.api.callers import SESSION, Cookies
from services.identity.api.rest import Login, NewPassword, Reason, Registration
from services.identity.domain.names import compared, normalise, read_email, read_password
from services.identity.domain.session import read_cookie
from services.token.api.rest import Revocation
from tests.fuzzing.inputs import latin, request, text
from watchword.log.v1 import log_pb2
from watchword.token.v1 import token_pb2

BODIES: tuple[type[BaseModel], ...] = (Registration, Login, NewPassword, Reason, Revocation)


def cookie(data: bytes) -> None:
    for secure in (False, True):
        value = Cookies(secure).of(request((b"cookie", data)), SESSION)
        if value is not None:
            session_id, secret = read_cookie(value)
            assert (len(session_id), len(secret)) == (26, 43)


def form(data: bytes) -> None:
    values = parse_form(data).values
    assert all(values.values())
    assert "\0" not in str(values)


def bearer(data: bytes) -> None:
    bearer_of(request((b"authorization", data)).headers)


def position(data: bytes) -> None:
    for header in (latin(data), text(data)):
        found = positions.parse(header)
        assert positions.parse(positions.render(found)) == found


def address(data: bytes) -> None:
    asked = request((b"x-forwarded-for", data))
    found = client_address(asked.scope, asked.headers, [ip_network("10.0.0.0/8")])
    assert found is not None
    source_of(found[0])
    source_of(latin(data))


def correlation(data: bytes) -> None:
    assert correlate(latin(data)).isprintable()
    assert correlate(None, latin(data)).isprintable()


def target(data: bytes) -> None:
    check_target(request(target=data).scope)


def body(data: bytes) -> None:
    check_json(data)
    value = json.loads(data)
    for shape in BODIES:
        try:
            shape.model_validate(value)
        except ValidationError:
            continue


def name(data: bytes) -> None:
    typed = text(data)
    compared(typed)
    read_password(typed)
    normal = normalise(typed)
    assert normalise(normal) == normal, "names compare in one form"
    read_email(typed)


def rpc(data: bytes) -> None:
    for message in (token_pb2.RevokeRequest, log_pb2.ReadRequest, token_pb2.CreateClientRequest):
        decode = strictly(message.FromString)
        assert decode is not None
        fit(decode(data))
