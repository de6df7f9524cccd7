"""Reads the body of a request: not more of it than is allowed, and not for longer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import attrs
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kerastl.serving.server.limits import Limits, RefusedError, Room


@asynccontextmanager
async def body_of(request: Request, limits: Limits, room: Room) -> AsyncIterator[bytes]:
    """Read the body of a request, and keep room for it while the block runs.

    Where the client goes away meanwhile the block ends: nobody waits for the answer.

    Args:
        request: The request.
        limits: How many bytes, and how many seconds.
        room: What there is for the bodies of all requests.

    Raises:
        RefusedError: There is none, it is too large or too slow, or the client has gone away.
    """
    _require_length(request, limits)
    body = bytearray()
    try:
        await _read_into(body, request, limits, room)
        async with _while_connected(request):
            yield bytes(body)
    finally:
        room.leave(len(body))


@attrs.frozen(eq=False)
class HeardOut:
    """Lets a client that wants the connection closed send all of its body before it is answered.

    The connection of others stays open, and what they still send is passed over. One that is closed
    in mid-sentence is an error of the network to a client such as Python's urllib, and no answer.

    Args:
        app: What answers.
        limits: For how many seconds a client is listened to.
    """

    app: ASGIApp
    limits: Limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if not _closes(scope):
            await self.app(scope, receive, send)
            return
        until = asyncio.get_running_loop().time() + self.limits.timeout
        # One that asks whether to send a body sends none before it is told to.
        is_whole = scope["http_version"] != "1.0" and "expect" in Headers(scope=scope)

        async def receiving() -> Message:
            nonlocal is_whole
            message = await receive()
            is_whole = not message.get("more_body", False)
            return message

        async def sending(message: Message) -> None:
            with suppress(TimeoutError):
                async with asyncio.timeout_at(until):
                    while not is_whole:
                        await receiving()
            await send(message)

        await self.app(scope, receiving, sending)


def _closes(scope: Scope) -> bool:
    """Say whether the connection ends with the answer."""
    options = ",".join(Headers(scope=scope).getlist("connection")).lower().split(",")
    return scope["http_version"] == "1.0" or "close" in map(str.strip, options)


def _require_length(request: Request, limits: Limits) -> None:
    """Refuse at once what the headers tell of already."""
    length = request.headers.get("content-length")
    if length is None and "transfer-encoding" not in request.headers:
        raise RefusedError(411, "Expected a body, with its Content-Length or in chunks.")
    encoding = request.headers.get("content-encoding", "identity")
    if encoding != "identity":
        raise RefusedError(415, f"Expected a body that is not compressed, not {encoding!r}.")
    _require_size(int(length or 0), limits)


def _require_size(size: int, limits: Limits) -> None:
    # The connection stays open, and what is still sent is passed over: a client that is cut off in
    # mid-sentence would not read the answer.
    if size > limits.max_size:
        most = f"{limits.max_size / 1e6:g} MB"
        raise RefusedError(413, f"Expected at most {most} (--max-size allows more).")


async def _read_into(body: bytearray, request: Request, limits: Limits, room: Room) -> None:
    try:
        async with asyncio.timeout(limits.timeout):
            async for chunk in request.stream():
                _require_size(len(body) + len(chunk), limits)
                room.take(len(chunk))
                body += chunk
    except TimeoutError:
        text = f"Expected all of the request within {limits.timeout:g} seconds."
        raise RefusedError(408, text, {"Connection": "close"}) from None
    except ClientDisconnect:
        raise _gone() from None


@asynccontextmanager
async def _while_connected(request: Request) -> AsyncIterator[None]:
    async def watch() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass
        connected.reschedule(asyncio.get_running_loop().time())

    try:
        async with asyncio.timeout(None) as connected:
            watching = asyncio.create_task(watch())
            try:
                yield
            finally:
                watching.cancel()
    except TimeoutError:
        # One of the model's own is another matter.
        if not connected.expired():
            raise
        raise _gone() from None


def _gone() -> RefusedError:
    return RefusedError(499, "The client has gone away.")
