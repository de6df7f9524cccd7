"""HTTP as uvicorn speaks it, with an end to its patience, and errors in JSON."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol


class PatientProtocol(H11Protocol):
    """Gives a client as long for the headers of a request as for its body, and no longer."""

    _waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Take what comes; wait for the rest where the headers are not whole."""
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._stop_waiting()
        elif self._waiting is None:
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._stop_waiting()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        """Begin anew."""
        self._stop_waiting()
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        """Say in JSON that it is no HTTP."""
        self._end(400, "Expected HTTP/1.1; what came is no request.")

    def _wait(self) -> None:
        self._waiting = self.loop.call_later(self.timeout_keep_alive, self._too_slow)

    def _stop_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _too_slow(self) -> None:
        # To one that has been answered, and has begun nothing else, there is nothing to say.
        if self.cycle is None or self.conn.trailing_data[0]:
            seconds = f"{self.timeout_keep_alive} seconds"
            self._end(408, f"Expected all of the request within {seconds}.")
        self.transport.close()

    def _end(self, status: int, error: str) -> None:
        """Close the connection, with an answer where none has begun."""
        if not self.transport.is_closing() and self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            self.transport.write(_answer(status, {"error": error}))
        self.transport.close()


def _answer(status: int, content: dict[str, Any]) -> bytes:
    reason = {400: "Bad Request", 408: "Request Timeout"}[status]
    body = json.dumps(content).encode()
    head = (
        f"HTTP/1.1 {status} {reason}\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
    )
    return head.encode() + body
