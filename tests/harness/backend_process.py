"""A backend in a process of its own: it asks the SDK's verifier about the tokens that it is given, a line each, and
answers `accepted` or the code of the refusal; `transport?` asks which way its revocations come. Its one argument is a
JSON object: what `watchword.connect` takes, with `max_staleness` in seconds."""

import asyncio
import json
import sys
from datetime import timedelta

from watchword import Kafka, TokenRefused, Verifier, connect


async def answer(verifier: Verifier, token: str) -> str:
    if token == "transport?":
        return verifier.transport.via
    try:
        await verifier.verify(token)
    except TokenRefused as refused:
        return refused.code
    return "accepted"


async def main() -> None:
    told = json.loads(sys.argv[1])
    told["max_staleness"] = timedelta(seconds=told["max_staleness"])
    told["kafka"] = told["kafka"] and Kafka(**told["kafka"])
    questions = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(questions)
    await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, sys.stdin)
    async with connect(**told) as verifier:
        while line := await questions.readline():
            print(await answer(verifier, line.decode().strip()), flush=True)


asyncio.run(main())
