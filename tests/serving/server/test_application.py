"""A server of a model that is a few lines, in the test's own process."""

from __future__ import annotations

import asyncio
import gc
import io
import threading
import weakref
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from starlette.types import Message

from colors import photo
from kerastl.cores import cores
from kerastl.serving.about import About
from kerastl.serving.opened import Opened
from kerastl.serving.server.application import application
from kerastl.serving.server.batcher import Batcher
from kerastl.serving.server.limits import Limits
from kerastl.serving.server.metrics import Metrics
from kerastl.serving.server.model import Model

CLASSES = ("red", "green", "blue")


def mean_color(pixels: np.ndarray) -> np.ndarray:
    """How much of each colour there is, of which each is told for itself."""
    return (pixels.mean(axis=(1, 2)) / 255).astype(np.float32)


def opened(ask: Callable[[np.ndarray], np.ndarray] = mean_color, **about: Any) -> Opened:
    return Opened(About("colors", CLASSES, 16, **about), Path("here"), "litert", ask)


Client = httpx.AsyncClient
Asking = Callable[[Client], Awaitable[Any]]


def with_server(model: Opened, asking: Asking, limits: Limits | None = None, warm: bool = True):
    """Return what somebody finds who asks a server of the model."""

    async def serve() -> Any:
        served = Model(model, limits or Limits(), Metrics())
        transport = httpx.ASGITransport(application(served, "colors"), raise_app_exceptions=False)
        async with served.working(), Client(transport=transport, base_url="http://here") as client:
            if warm:
                await served.warm_up()
            return await asking(client)

    return asyncio.run(serve())


def file_of(color: tuple[int, int, int]) -> bytes:
    file = io.BytesIO()
    photo(color, 1).save(file, "PNG")
    return file.getvalue()


PURPLE, DARK = file_of((200, 20, 200)), file_of((30, 20, 10))


def test_photos_have_any_number_of_labels():
    model = opened(multi_label=True)
    files = [("a", ("a", PURPLE)), ("b", ("b", DARK))]
    answer = with_server(model, lambda client: client.post("/predict", files=files))
    purple, dark = answer.json()["predictions"]
    assert {one["label"] for one in purple["labels"]} == {"red", "blue"}
    assert dark["labels"] == []


def test_what_is_not_probable_enough_is_unsure():
    answer = with_server(
        opened(threshold=0.5), lambda client: client.post("/predict", content=DARK)
    )
    (found,) = answer.json()["predictions"]
    assert (found["label"], found["top"][0]["label"]) == ("unsure", "red")


def test_signatures_that_a_form_does_not_have_are_not_there():
    async def asking(client: Client) -> list[httpx.Response]:
        question = {"signature_name": "explain", "instances": [{"b64": ""}]}
        paths = "/v1/models/colors", "/v1/models/colors/metadata", "/about"
        first = await client.post("/v1/models/colors:predict", json=question)
        return [
            first,
            await client.post("/explain", content=DARK),
            *[await client.get(path) for path in paths],
        ]

    refused, explained, _, metadata, about = with_server(opened(), asking)
    assert refused.status_code == 400
    assert "it has serving_default, image, image_uint8" in refused.json()["error"]
    assert "explain" not in metadata.json()["metadata"]["signature_def"]["signature_def"]
    assert explained.status_code == 404
    assert about.json()["explains"] is False


def test_until_it_is_warm_it_says_so():
    async def asking(client: Client) -> list[httpx.Response]:
        paths = "/health", "/health/live", "/v1/models/colors"
        answers = [await client.get(path) for path in paths]
        return [*answers, await client.post("/predict", content=DARK)]

    health, live, status, answer = with_server(opened(), asking, warm=False)
    assert (health.status_code, live.status_code, answer.status_code) == (503, 200, 503)
    assert status.json()["model_version_status"][0]["state"] == "LOADING"
    assert answer.headers["retry-after"] == "1"


def test_where_there_is_no_room_clients_are_told_to_come_again():
    going_on, begun = threading.Event(), threading.Event()

    def slow(pixels: np.ndarray) -> np.ndarray:
        if len(pixels) == 1 and pixels.any():
            begun.set()
            going_on.wait(60)
        return mean_color(pixels)

    async def asking(client: Client) -> tuple[list[httpx.Response], httpx.Response]:
        tasks = [asyncio.create_task(client.post("/predict", content=DARK)) for _ in range(16)]
        while (
            not begun.is_set()
            or "kerastl_waiting_photos 16.0" not in (await client.get("/metrics")).text
        ):
            await asyncio.sleep(0.01)
        refused = await client.post("/predict", content=DARK)
        going_on.set()
        return await asyncio.gather(*tasks), refused

    answers, refused = with_server(opened(slow), asking, Limits(max_batch=1))
    assert [answer.status_code for answer in answers] == [200] * 16
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
    assert refused.json()["error"] == "There is no room for 1 more photos; come again."


def test_photos_of_those_who_have_gone_away_are_not_asked_of():
    going_on, sizes = threading.Event(), []

    def slow(pixels: np.ndarray) -> np.ndarray:
        sizes.append(len(pixels))
        going_on.wait(60)
        return mean_color(pixels)

    async def asking() -> tuple[list[int], int]:
        served, leaving = Model(opened(slow), Limits(), Metrics()), asyncio.Event()
        app = application(served, "colors")

        async def status_of(has_patience: bool) -> int:
            coming = [{"type": "http.request", "body": DARK}, {"type": "http.disconnect"}]
            statuses = []

            async def receive() -> Message:
                if len(coming) == 1:
                    await (asyncio.Future() if has_patience else leaving.wait())
                return coming.pop(0)

            async def send(message: Message) -> None:
                statuses.append(message.get("status"))

            length = (b"content-length", str(len(DARK)).encode())
            scope = {"type": "http", "method": "POST", "path": "/predict", "headers": [length]}
            scope["http_version"] = "1.1"
            await app(scope, receive, send)
            return statuses[0]

        async with served.working(), asyncio.timeout(60):
            going_on.set()
            await served.warm_up()
            going_on.clear()
            sizes.clear()
            staying = asyncio.create_task(status_of(has_patience=True))
            while not sizes:
                await asyncio.sleep(0.01)
            others = [asyncio.create_task(status_of(has_patience=False)) for _ in range(5)]
            while served.photos.taken < 6:
                await asyncio.sleep(0.01)
            leaving.set()
            left = await asyncio.gather(*others)
            taken = served.photos.taken
            going_on.set()
            return [*left, await staying], taken

    statuses, taken = asyncio.run(asking())
    assert (statuses, taken, sizes) == ([499] * 5 + [200], 1, [1])


def test_what_is_no_longer_waited_for_is_not_kept():
    class File:
        pass

    async def asking() -> None:
        served, going_on = Model(opened(), Limits(), Metrics()), threading.Event()
        async with served.working():
            busy = [asyncio.create_task(served.decoding(going_on.wait, 60)) for _ in range(cores())]
            file = File()
            there = weakref.ref(file)
            waiting = asyncio.create_task(served.decoding(print, file))
            del file
            await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.wait([waiting])
            del waiting
            gc.collect()
            kept = there()
            going_on.set()
            await asyncio.gather(*busy)
        assert kept is None

    asyncio.run(asking())


def test_photos_that_nobody_waits_for_take_no_place_in_a_batch():
    going_on, sizes = threading.Event(), []

    def slow(pixels: np.ndarray) -> np.ndarray:
        going_on.wait(60)
        return mean_color(pixels)

    async def asking() -> None:
        with ThreadPoolExecutor(1) as thread:
            batcher = Batcher(slow, thread, Limits(max_batch=8), lambda: 0, sizes.append)
            running = asyncio.create_task(batcher.run())
            black = np.zeros((16, 16, 3), np.uint8)
            rows = [asyncio.create_task(batcher(black))]
            while not sizes:
                await asyncio.sleep(0)
            left = [asyncio.create_task(batcher(black)) for _ in range(7)]
            rows += [asyncio.create_task(batcher(black)) for _ in range(8)]
            await asyncio.sleep(0)
            for one in left:
                one.cancel()
            await asyncio.wait(left)
            going_on.set()
            await asyncio.gather(*rows)
            running.cancel()

    asyncio.run(asking())
    assert sizes == [1, 8]


def test_more_photos_than_there_is_ever_room_for():
    files = [("a", ("a", DARK))] * 17
    answer = with_server(
        opened(), lambda client: client.post("/predict", files=files), Limits(max_batch=1)
    )
    assert answer.status_code == 413


@pytest.mark.parametrize("kind", [RuntimeError, TimeoutError])
def test_a_model_that_fails_is_told_and_does_not_stop_the_server(
    capsys: pytest.CaptureFixture[str], kind: type[Exception]
):
    def failing(pixels: np.ndarray) -> np.ndarray:
        if pixels.any() and not pixels[0, 0, 0, 0] > 100:
            raise kind("out of order")
        return mean_color(pixels)

    async def asking(client: Client) -> list[httpx.Response]:
        return [await client.post("/predict", content=file) for file in (DARK, PURPLE)]

    failed, fine = with_server(opened(failing), asking)
    assert (failed.status_code, fine.status_code) == (500, 200)
    assert failed.json().keys() == {"error"}
    assert capsys.readouterr().err == f"Unexpected {kind.__name__}: out of order\n"


def test_photos_that_come_together_are_asked_together():
    sizes = []

    def counting(pixels: np.ndarray) -> np.ndarray:
        sizes.append(len(pixels))
        return mean_color(pixels)

    async def asking(client: Client) -> list[httpx.Response]:
        sizes.clear()
        pixels = np.zeros((16, 16, 3), int).tolist()
        question = {"signature_name": "image_uint8", "instances": [pixels] * 7}
        alone = await client.post("/predict", content=DARK)
        return [alone, await client.post("/v1/models/colors:predict", json=question)]

    alone, together = with_server(opened(counting), asking, Limits(max_batch=4, max_latency=60))
    assert alone.status_code == together.status_code == 200
    assert sizes == [1, 4, 3]
