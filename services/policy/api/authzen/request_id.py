"""X-Request-ID: whoever asks finds the same in the answer (Authorization API 1.0, 10.1.3), whatever that is."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

PATHS = "/access/v1/"
HEADER = b"x-request-id"


def with_request_id(app: ASGIApp) -> ASGIApp:
    """The application, which names requests as their senders do."""

    async def named(scope: Scope, receive: Receive, send: Send) -> None:
        given = [header for header in scope.get("headers", ()) if header[0] == HEADER]
        if len(given) != 1 or not scope.get("path", "").startswith(PATHS):
            await app(scope, receive, send)
            return

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *given]
            await send(message)

        await app(scope, receive, sending)

    return named
