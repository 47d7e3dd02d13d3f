"""A connection that is kept without being used is ended in time, whatever it does to look busy (docs/security)."""

import asyncio
import contextlib

from chassis.connections import LOOK, PATIENCE
from chassis.http import HEAD_PATIENCE, KEEP_ALIVE
from chassis.web import body
from tests.flood.floods import EVALUATION, HONEST, Flood, all_ended, flood, honest, peers_of, until
from tests.harness.running import Running

SLACK = 20.0
"""Seconds that a busy machine may add."""
STUCK = PATIENCE + 2 * LOOK
SOME = 5

KINDS = {
    "says nothing": (b"", b"", HEAD_PATIENCE),
    "a head that does not end": (b"GET /livez HTTP/1.1\r\nA: ", b"b", HEAD_PATIENCE),
    "a body that does not end": (EVALUATION + b"Content-Length: 60000\r\n\r\n{", b"a", body.PATIENCE),
    "chunks that do not end": (EVALUATION + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n", body.PATIENCE),
    "asked, and stays": (HONEST, b"", KEEP_ALIVE),
    "asked, and a blank line": (HONEST + b"\r\n", b"", STUCK),
    "a body that was refused, and goes on": (EVALUATION + b"Content-Length: 99999999\r\n\r\n", b"a" * 100, STUCK),
}


async def goes_on(one: Flood, more: bytes) -> None:
    """Sends a little more each second, until it is ended."""
    while more and not one.ended.done():
        one.transport.write(more)
        await asyncio.wait([one.ended], timeout=1)


async def kept(suite: Running, kind: str) -> str:
    """What became of some that behave so: empty where all is well."""
    sent, more, within = KINDS[kind]
    async with flood(suite.fleet.rest["policy"], SOME, sent) as floods:
        going = [asyncio.ensure_future(goes_on(one, more)) for one in floods]
        with contextlib.suppress(AssertionError):
            await all_ended(floods, within + SLACK)
            await asyncio.gather(*going)
            return ""
        return f"{kind}: still connected after {within + SLACK} s"


async def unread(suite: Running) -> str:
    """As kept, of some who never read what they are answered: they are not told of their end, the service knows it."""
    asked = b"GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: a\r\n\r\n" * 8
    async with flood(suite.fleet.rest["policy"], SOME, asked, reads=False) as floods:
        ports = {one.transport.get_extra_info("sockname")[1] for one in floods}
        with contextlib.suppress(AssertionError):
            await until(lambda: not ports & peers_of(suite, "policy"), "they are let go", STUCK + SLACK)
            return ""
        return f"an answer that is not read: still connected after {STUCK + SLACK} s"


async def test_whoever_keeps_a_place_without_using_it(suite: Running) -> None:
    """All at the same time, since most of this is waiting."""
    outcomes = await asyncio.gather(unread(suite), *(kept(suite, kind) for kind in KINDS))
    assert [said for said in outcomes if said] == []
    await honest(suite.url("policy"))
