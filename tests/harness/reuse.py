"""Reuse of a refresh token or a code, as it is judged: not by a process that became ready within the last 2 s, which is
asked again.
"""

import asyncio
from collections.abc import Awaitable, Callable

from httpx2 import Response


async def judged(use: Callable[[], Awaitable[Response]]) -> Response:
    """What a use comes to, once it is judged. Raises TimeoutError where it is not within 10 s."""
    async with asyncio.timeout(10):
        while (answer := await use()).status_code == 503:
            await asyncio.sleep(0.1)
    return answer
