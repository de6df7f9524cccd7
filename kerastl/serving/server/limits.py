"""What a server allows itself and those who ask; a request that it does not take."""

from __future__ import annotations

import attrs

# Photos and bodies of requests that are under way at once, in units of the largest batch and of the
# largest body: what comes on top is told to come again.
_BATCHES, _BODIES = 16, 16


@attrs.frozen
class Limits:
    """How much at once, and for how long.

    Args:
        max_batch: The most photos in one call of the model.
        max_latency: The most seconds that a photo waits for others to share a call with.
        max_size: The most bytes of a request's body.
        timeout: The most seconds that a client takes to send a request, or to begin another.
    """

    max_batch: int = 32
    max_latency: float = 0.01
    max_size: int = 16_000_000
    timeout: float = 30.0

    @property
    def most_photos(self) -> int:
        """The most photos that are under way at once."""
        return _BATCHES * self.max_batch

    @property
    def most_bytes(self) -> int:
        """The most bytes of requests' bodies that are in memory at once."""
        return _BODIES * self.max_size


class RefusedError(Exception):
    """A request that is answered with an error.

    Args:
        status: Of HTTP.
        text: What was expected, and what came.
        headers: Of the answer.
    """

    def __init__(self, status: int, text: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(text)
        self.status, self.headers = status, headers or {}


def busy(text: str) -> RefusedError:
    """Return the refusal of a request that may come again in a second."""
    return RefusedError(503, text, {"Retry-After": "1"})


@attrs.define
class Room:
    """Keeps count of what is under way, so that the memory cannot fill up.

    Args:
        most: How much there is room for.
        what: What it is room for, in the plural.
        taken: How much of it is taken.
    """

    most: int
    what: str
    taken: int = 0

    def take(self, count: int) -> None:
        """Take some of the room.

        Raises:
            RefusedError: So much is not left.
        """
        if self.taken + count > self.most:
            raise busy(f"There is no room for {count} more {self.what}; come again.")
        self.taken += count

    def leave(self, count: int) -> None:
        """Give some of it back."""
        self.taken -= count
