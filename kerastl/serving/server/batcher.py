"""Gathers the photos of many requests, so that one call of the model answers them together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor

import attrs
import numpy as np

from kerastl.serving.opened import Pixels, Values
from kerastl.serving.server.limits import Limits


@attrs.frozen(eq=False)
class _Waiting:
    photo: Pixels
    row: asyncio.Future[Values]
    until: float


@attrs.define(eq=False)
class Batcher:
    """Answers photos one by one, and asks the model for as many together as there are.

    A batch is full at `max_batch`. Until then it waits for others no longer than `max_latency`, and
    not at all where none is on the way: a photo that comes alone is answered at once.

    Args:
        ask: From photos `[photos, size, size, 3]` of 0..255 to a row for each.
        thread: Where it is called; of one thread, so that there is one call at a time.
        limits: How many photos, and for how long.
        coming: How many photos are on the way to here.
        seen: Is told the size of each batch.
    """

    ask: Callable[[Pixels], Values]
    thread: Executor
    limits: Limits
    coming: Callable[[], int]
    seen: Callable[[int], None]
    _queue: asyncio.Queue[_Waiting] = attrs.field(factory=asyncio.Queue, init=False)

    async def __call__(self, photo: Pixels) -> Values:
        """Return what the model makes of a photo `[size, size, 3]` of 0..255."""
        loop = asyncio.get_running_loop()
        waiting = _Waiting(photo, loop.create_future(), loop.time() + self.limits.max_latency)
        self._queue.put_nowait(waiting)
        return await waiting.row

    async def run(self) -> None:
        """Answer photos until it is cancelled."""
        while True:
            batch = await self._gathered()
            # Some may have gone away while others were waited for.
            if batch := [waiting for waiting in batch if not waiting.row.done()]:
                await self._answer(batch)

    async def _gathered(self) -> list[_Waiting]:
        batch = [await self._next()]
        while len(batch) < self.limits.max_batch:
            if not self._queue.empty():
                if not (waiting := self._queue.get_nowait()).row.done():
                    batch.append(waiting)
            elif not self.coming():
                break
            else:
                try:
                    async with asyncio.timeout_at(batch[0].until):
                        batch.append(await self._next())
                except TimeoutError:
                    break
        return batch

    async def _next(self) -> _Waiting:
        """Return the next photo that is still waited for."""
        while (waiting := await self._queue.get()).row.done():
            pass
        return waiting

    async def _answer(self, batch: list[_Waiting]) -> None:
        loop = asyncio.get_running_loop()
        self.seen(len(batch))
        photos = [waiting.photo for waiting in batch]
        try:
            rows = await loop.run_in_executor(self.thread, lambda: self.ask(np.stack(photos)))
            answered = [*zip(batch, rows, strict=True)]
        # Whatever it is, those who wait have to hear of it.
        except Exception as error:
            for waiting in batch:
                if not waiting.row.done():
                    waiting.row.set_exception(error)
            return
        for waiting, row in answered:
            if not waiting.row.done():
                waiting.row.set_result(row)
