"""The model of a server: files are decoded by some threads, and asked of by one, in batches."""

from __future__ import annotations

import asyncio
import gc
import io
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TypeVar

import attrs
import numpy as np
from PIL import Image

from kerastl.cores import cores
from kerastl.data.decoding import decode_file
from kerastl.serving.opened import Opened, Pixels, Values, blank
from kerastl.serving.server.batcher import Batcher
from kerastl.serving.server.limits import Limits, RefusedError, Room
from kerastl.serving.server.metrics import Metrics

# What can be asked of a photo.
PROBABILITIES, EMBEDDING, HEAT_MAP = "probabilities", "embedding", "heat_map"

Made = TypeVar("Made")


@attrs.frozen(eq=False)
class Seen:
    """What a model makes of some photos.

    Args:
        reasons: Why each file is no photo; empty where it is one.
        rows: Of each output a row for each file, float32 `[files, ...]`; of 0 where there is a
            reason.
    """

    reasons: list[str]
    rows: dict[str, Values]


@attrs.define(eq=False)
class Model:
    """A model that many ask at once.

    Args:
        opened: The model.
        limits: How much at once.
        metrics: Where it is counted.
        ready: Whether it is warm.
        shapes: Of a row of each output, once it is warm.
    """

    opened: Opened
    limits: Limits
    metrics: Metrics
    ready: bool = attrs.field(default=False, init=False)
    shapes: dict[str, tuple[int, ...]] = attrs.field(factory=dict, init=False)
    batchers: dict[str, Batcher] = attrs.field(init=False)
    photos: Room = attrs.field(init=False)
    _decoders: ThreadPoolExecutor = attrs.field(init=False)
    _caller: ThreadPoolExecutor = attrs.field(init=False)
    _coming: int = attrs.field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        self._decoders = ThreadPoolExecutor(cores(), "decode")
        self._caller = ThreadPoolExecutor(1, "model")
        self.photos = Room(self.limits.most_photos, "photos")
        self.batchers = {name: self._batcher(name) for name in self.outputs}
        waiting = "Photos that are under way."
        self.metrics.watch("kerastl_waiting_photos", waiting, lambda: self.photos.taken)

    @property
    def outputs(self) -> dict[str, Callable[[Pixels], Values]]:
        """What it answers, and how."""
        named = {
            PROBABILITIES: self.opened.probabilities,
            EMBEDDING: self.opened.embed,
            HEAT_MAP: self.opened.explain,
        }
        return {name: ask for name, ask in named.items() if ask}

    def _batcher(self, name: str) -> Batcher:
        return Batcher(
            self.outputs[name],
            self._caller,
            self.limits,
            lambda: self._coming,
            self.metrics.batches.labels(name).observe,
        )

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """Answer photos while the block runs."""
        running = [asyncio.create_task(batcher.run()) for batcher in self.batchers.values()]
        try:
            yield
        finally:
            for task in running:
                task.cancel()
            for threads in (self._decoders, self._caller):
                threads.shutdown(cancel_futures=True)

    async def warm_up(self) -> None:
        """Let everything happen once that takes long the first time, and learn shapes by it.

        Pixels in float32, which few send, take their first time when they come: what is compiled
        for them takes memory.
        """
        for file in (_photo(), b"no photo"):
            with suppress(ValueError):
                await self._decoded(file)
        for name, ask in self.outputs.items():
            for count in (1, self.limits.max_batch):
                rows = await self._on(self._caller, ask, blank(self.opened.about, count))
                self.shapes[name] = rows.shape[1:]
        # What there is by now stays: nobody needs to look through it for garbage again.
        gc.collect()
        gc.freeze()
        self.ready = True

    async def decoding(self, function: Callable[..., Made], *arguments: object) -> Made:
        """Return what a function returns that is called where files are decoded."""
        return await self._on(self._decoders, function, *arguments)

    async def _on(
        self, threads: ThreadPoolExecutor, function: Callable[..., Made], *arguments: object
    ) -> Made:
        asked = [partial(function, *arguments)]
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(threads, lambda: asked.pop()())
        finally:
            # What is cancelled stays in the queue for a while: without the photo.
            asked.clear()

    async def see(self, photos: Sequence[bytes | Pixels], outputs: Sequence[str]) -> Seen:
        """Ask the model of some photos.

        Args:
            photos: Files, or squares of pixels of 0..255 that the model takes.
            outputs: What is asked.

        Raises:
            RefusedError: There are too many at once.
        """
        if len(photos) > self.limits.most_photos:
            raise RefusedError(
                413,
                f"Expected at most {self.limits.most_photos} photos at once; {len(photos)} came.",
            )
        self.photos.take(len(photos))
        try:
            seen = await asyncio.gather(*(self._see(photo, outputs) for photo in photos))
        finally:
            self.photos.leave(len(photos))
        return self._together([reason for reason, _ in seen], [rows for _, rows in seen], outputs)

    async def _see(
        self, photo: bytes | Pixels, outputs: Sequence[str]
    ) -> tuple[str, list[Values] | None]:
        try:
            pixels = await self._decoded(photo) if isinstance(photo, bytes) else photo
        except ValueError as error:
            self.metrics.photos.labels("no").inc()
            return str(error), None
        self.metrics.photos.labels("yes").inc()
        return "", await asyncio.gather(*(self.batchers[name](pixels) for name in outputs))

    async def _decoded(self, file: bytes) -> Pixels:
        about = self.opened.about
        self._coming += 1
        try:
            return await self.decoding(decode_file, file, about.image_size, about.resize)
        finally:
            self._coming -= 1

    def _together(
        self, reasons: list[str], rows: list[list[Values] | None], outputs: Sequence[str]
    ) -> Seen:
        together = {}
        for number, name in enumerate(outputs):
            nothing = np.zeros(self.shapes[name], np.float32)
            each = [nothing if row is None else row[number] for row in rows]
            together[name] = np.stack(each) if each else np.zeros((0, *nothing.shape), np.float32)
        return Seen(reasons, together)


def _photo() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, "JPEG")
    return file.getvalue()
