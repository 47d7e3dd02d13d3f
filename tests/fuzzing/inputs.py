"""Bytes as decoders are given them: as headers, as text, as a request; and a loop for those that are coroutines."""

import asyncio

from starlette.requests import Request

LOOP = asyncio.new_event_loop()


def latin(data: bytes) -> str:
    """As HTTP servers give headers."""
    return data.decode("latin-1")


def text(data: bytes) -> str:
    """As JSON and protobuf give text."""
    return data.decode("utf-8", "replace")


def request(*headers: tuple[bytes, bytes], target: bytes = b"/") -> Request:
    path, _, query = target.partition(b"?")
    scope = {"type": "http", "method": "GET", "path": latin(path), "raw_path": path, "query_string": query}
    return Request(scope | {"headers": list(headers), "client": ("10.0.0.1", 1)})
