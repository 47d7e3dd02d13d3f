"""The cheapest client of `/oauth2/token`: one connection that stays open, one form, one answer."""

import asyncio
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: dict[str, Any]


class Line:
    """A connection to one process. Raises OSError or EOFError where it is lost."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or 80
        self._reader: asyncio.StreamReader | None = None

    async def refresh(self, refresh_token: str, client_id: str) -> Answer:
        form = urlencode({"grant_type": "refresh_token", "refresh_token": refresh_token, "client_id": client_id})
        return await self._post("/oauth2/token", form.encode())

    async def _post(self, path: str, body: bytes) -> Answer:
        try:
            return await self._posted(path, body)
        except (asyncio.IncompleteReadError, ConnectionError) as lost:
            if isinstance(lost, asyncio.IncompleteReadError) and lost.partial:
                raise
        # It was idle for longer than a server keeps it. Had it been heard, this is one more use of the same token.
        self._reader = None
        return await self._posted(path, body)

    async def _posted(self, path: str, body: bytes) -> Answer:
        if self._reader is None:
            self._reader, self._writer = await asyncio.open_connection(self._host, self._port)
        head = (
            f"POST {path} HTTP/1.1\r\nHost: {self._host}:{self._port}\r\nContent-Length: {len(body)}\r\n"
            "Content-Type: application/x-www-form-urlencoded\r\n\r\n"
        )
        self._writer.write(head.encode() + body)
        said = (await self._reader.readuntil(b"\r\n\r\n")).decode().lower().split("\r\n")
        headers = dict(line.split(": ", 1) for line in said[1:] if line)
        content = await self._reader.readexactly(int(headers["content-length"]))
        if headers.get("connection") == "close":
            self._reader = None
            self._writer.close()
        return Answer(int(said[0].split()[1]), json.loads(content or b"{}"))
