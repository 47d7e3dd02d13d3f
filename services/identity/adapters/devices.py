"""Token's device authorization, asked over gRPC."""

from typing import Any

import grpc.aio

from chassis.rpc import ask
from services.identity.adapters.authorizations import PATIENCE, asked_of, said_of, unknown
from services.identity.ports import Connected, Device, Ended, Overtaken, SignedIn, Wrong
from watchword.token.v1 import authorization_pb2 as pb
from watchword.token.v1 import authorization_pb2_grpc


class DevicePeer:
    """See ports.Devices."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub: Any = authorization_pb2_grpc.AuthorizationServiceStub(channel)

    async def look_up(self, user_code: str) -> Device | Wrong:
        """See ports.Devices."""
        request = pb.LookUpDeviceRequest(user_code=user_code)
        answer: pb.LookUpDeviceResponse = await ask(self._stub.LookUpDevice, request, timeout=PATIENCE, again=True)
        match answer.WhichOneof("result"):
            case "asked":
                found = answer.asked
                offline = found.offline.seconds if found.HasField("offline") else 0
                return Device(found.user_code, asked_of(found.asked), tuple(found.scopes), offline)
            case "error":
                return Wrong(answer.error.error, answer.error.description)
        raise unknown()

    async def decide(self, user_code: str, signed_in: SignedIn) -> Connected | Wrong | Ended | Overtaken:
        """See ports.Devices."""
        request = pb.DecideDeviceRequest(user_code=user_code, signed_in=said_of(signed_in))
        answer: pb.DecideDeviceResponse = await ask(self._stub.DecideDevice, request, timeout=PATIENCE)
        match answer.WhichOneof("result"):
            case "allowed":
                return Connected(answer.allowed)
            case "login":
                return Ended()
            case "overtaken_by":
                return Overtaken(answer.overtaken_by)
            case "error":
                return Wrong(answer.error.error, answer.error.description)
        raise unknown()
