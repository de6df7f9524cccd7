"""Measure a server of a model: what gathering photos into batches is worth, and how long it lasts.

    python benchmarks/serving.py MODEL PHOTOS [--rounds 3] [--requests 1000] [--soak 10000]

MODEL is what `kerastl serve` takes, PHOTOS a folder of class folders. Clients send JPEG files as
they are, on connections that stay open; they run on the same machine and take their share of it.

    one         requests a second of one client, one at a time
    many        of many clients, each one at a time
    in-process  photos a second that are decoded and put to the model in batches by a program by
                itself, without a server
    batching    many over one; share: many over in-process; in turn, each round by itself
    soak        mixed good and bad requests: what was answered, and the server's memory after the
                first thousand and at the end
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import itertools
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import attrs
from frozen_work import program

_WARM = 1000


@attrs.frozen
class Request:
    """What a client sends, and the statuses that are right for it."""

    kind: str
    right: str
    method: str = "POST"
    path: str = "/predict"
    body: bytes = b""
    headers: str = ""

    @property
    def sent(self) -> bytes:
        """All of it as it goes over the wire."""
        head = f"{self.method} {self.path} HTTP/1.1\r\nHost: localhost\r\n{self.headers}"
        return f"{head}Content-Length: {len(self.body)}\r\n\r\n".encode() + self.body


def main() -> None:
    """Print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("model")
    parser.add_argument("photos", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--requests", type=int, default=1000)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--soak", type=int, default=10_000)
    arguments = parser.parse_args()
    files = [path.read_bytes() for path in sorted(arguments.photos.glob("*/*"))]
    with serving(arguments.model) as port:
        compare(arguments, port, files)
        soak(arguments, port, files)


def compare(arguments: argparse.Namespace, port: int, files: list[bytes]) -> None:
    """Print the rates, and their ratios of each round."""
    photos = [Request("photo", "200", body=file) for file in files]
    count = arguments.requests
    asked = [*itertools.islice(itertools.cycle(photos), count)]
    rates: dict[str, list[float]] = {"one": [], "many": [], "in-process": []}
    for _ in range(arguments.rounds):
        inside = program(INSIDE, arguments.model, str(arguments.photos), str(count))["rate"]
        rates["in-process"].append(inside)
        rates["one"].append(rate(port, asked[: count // 3], 1))
        rates["many"].append(rate(port, asked, arguments.clients))
        print(*(f"{name} {some[-1]:.0f}/s" for name, some in rates.items()), load(), flush=True)
    for name, over in (("batching", "one"), ("share", "in-process")):
        ratios = [many / other for many, other in zip(rates["many"], rates[over], strict=True)]
        print(f"{name}: {median(ratios):.2f}", *(f"{ratio:.2f}" for ratio in ratios), flush=True)


def soak(arguments: argparse.Namespace, port: int, files: list[bytes]) -> None:
    """Print what came of mixed requests, and how much memory the server had."""
    asked = [*itertools.islice(mixed(files, arguments.model, port), arguments.soak)]
    statuses = ask(port, asked[:_WARM], arguments.clients)
    early = memory(port)
    statuses += ask(port, asked[_WARM:], arguments.clients)
    late = memory(port)
    for (kind, status), number in sorted(Counter(statuses).items()):
        print(f"soak: {kind}: {status} {number} times")
    wrong = sum(
        not re.fullmatch(request.right, status)
        for request, (_, status) in zip(asked, statuses, strict=True)
    )
    print(f"soak: {len(statuses)} answers, {wrong} of them wrong")
    print(f"memory: {early / 1e6:.0f} MB, {late / 1e6:.0f} MB: {late / early - 1:+.1%}", load())


def mixed(files: list[bytes], model: str, port: int) -> Iterator[Request]:
    """Yield requests of all kinds, endlessly; every fourth is a bad one."""
    name = json.loads(ask_once(port, Request("about", "200", "GET", "/about")))["name"]
    rest, wrong = f"/v1/models/{name}:predict", "4.."
    for number, file in enumerate(itertools.cycle(files)):
        bytes_of = {"b64": base64.b64encode(file).decode()}
        good = (
            Request("file", "200", body=file),
            Request("form", "200", body=_form(file), headers=_FORM),
            Request("rows", "200", path=rest, body=_json({"instances": [bytes_of] * 2})),
            Request("columns", "200", path=rest, body=_json({"inputs": {"photos": [bytes_of]}})),
            Request("explain", "200", path="/explain", body=file),
        )
        bad = (
            Request("no photo", wrong, body=b"no photo"),
            Request("truncated photo", wrong, body=file[: len(file) // 2]),
            Request("no JSON", wrong, path=rest, body=b'{"instances": ['),
            Request("other JSON", wrong, path=rest, body=_json({"instances": 3})),
            Request("other signature", wrong, path=rest, body=_json({"signature_name": "x"})),
            Request("other model", wrong, path="/v1/models/other:predict", body=_json({})),
            Request("other path", wrong, "GET", "/other"),
            Request("other method", wrong, "DELETE"),
            Request("other type", wrong, body=b"<a/>", headers="Content-Type: text/xml\r\n"),
            Request("no form", wrong, body=b"none", headers=_FORM),
            _LARGE if number % 100 == 43 else Request("nothing", wrong),
        )
        # Lengths without a common factor, so that every kind comes at some time.
        yield bad[number // 4 % len(bad)] if number % 4 == 3 else good[number % len(good)]


_LARGE = Request("too large", "413", body=bytes(20_000_000))
_FORM = "Content-Type: multipart/form-data; boundary=part\r\n"


def _form(file: bytes) -> bytes:
    head = b'--part\r\nContent-Disposition: form-data; name="photo"; filename="a.jpg"\r\n\r\n'
    return head + file + b"\r\n--part--\r\n"


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


def rate(port: int, requests: list[Request], clients: int) -> float:
    """Return how many requests a second are answered."""
    began = time.perf_counter()
    statuses = ask(port, requests, clients)
    seconds = time.perf_counter() - began
    assert all(status == "200" for _, status in statuses), Counter(statuses)
    return len(requests) / seconds


def ask(port: int, requests: list[Request], clients: int) -> list[tuple[str, str]]:
    """Return the kind and the status of each request, sent by so many clients."""
    return asyncio.run(_ask(port, requests, clients))


async def _ask(port: int, requests: list[Request], clients: int) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = [("", "")] * len(requests)
    left = iter(enumerate(requests))

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        # Each takes the next one that is left.
        for number, request in left:
            writer.write(request.sent)
            found[number] = request.kind, (await _answer(reader))[0]
        writer.close()

    await asyncio.gather(*(client() for _ in range(clients)))
    return found


async def _answer(reader: asyncio.StreamReader) -> tuple[str, bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    length = re.search(r"content-length: (\d+)", head)
    assert length, head
    return head.split()[1], await reader.readexactly(int(length[1]))


def ask_once(port: int, request: Request) -> bytes:
    """Return the answer to one request."""

    async def once() -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request.sent)
        _, body = await _answer(reader)
        writer.close()
        return body

    return asyncio.run(once())


def memory(port: int) -> float:
    """Return how many bytes of memory the server has."""
    text = ask_once(port, Request("metrics", "200", "GET", "/metrics")).decode()
    (found,) = re.findall(r"^process_resident_memory_bytes (\S+)", text, re.M)
    return float(found)


def load() -> str:
    """Return how many programs want a processor, on this machine."""
    return f"(load {os.getloadavg()[0]:.1f})"


@contextmanager
def serving(model: str) -> Iterator[int]:
    """Serve a model while the block runs, at the port that is told."""
    kerastl = Path(sys.executable).parent / "kerastl"
    arguments = [str(kerastl), "serve", model, "--port", "0"]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        found = re.search(r"http://[^/]*:(\d+)", server.stdout.readline())
        assert found, "the server has not come up"
        yield int(found[1])
        server.send_signal(signal.SIGTERM)
        print(f"exit status: {server.wait(60)}")


INSIDE = """
import json, sys, time
from kerastl.cores import use_processor
from kerastl.memory import keep_memory
use_processor()
keep_memory()
import numpy as np
from kerastl.data import ImageFolder
from kerastl.data.decoding import decode
from kerastl.opening import open_model

model, split = open_model(sys.argv[1]), ImageFolder(sys.argv[2]).find().photos
about, asked = model.about, int(sys.argv[3])

def once():
    images = [some.images for some in decode(split, np.arange(len(split)), size, about.resize)]
    images = np.concatenate(images)
    for start in range(0, len(images), 32):
        model.probabilities(images[start : start + 32])

size = about.image_size
once()
began, passes = time.perf_counter(), max(1, asked // len(split))
for _ in range(passes):
    once()
print(json.dumps({"rate": passes * len(split) / (time.perf_counter() - began)}))
"""


if __name__ == "__main__":
    main()
