"""What people and plain programs meet: files, health, metrics, and limits."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from served import Served, serving

PATIENCE = 2


@pytest.fixture(scope="module")
def server(finished) -> Iterator[Served]:
    directory, _ = finished
    with serving(directory, "--max-size", "1", "--timeout", str(PATIENCE)) as served:
        yield served


@pytest.fixture(scope="module")
def red(photos: Path) -> bytes:
    return (photos / "red" / "red_00.jpg").read_bytes()


def alive(server: Served, file: bytes) -> None:
    """It still answers."""
    answer = httpx.post(f"{server.address}/predict", content=file, timeout=60)
    assert answer.status_code == 200


def test_a_photo_as_it_is(server, red, finished, program, photos: Path):
    answer = httpx.post(f"{server.address}/predict", content=red)
    assert answer.status_code == 200
    (found,) = answer.json()["predictions"]
    directory, _ = finished
    arguments = ["predict", directory, photos / "red" / "red_00.jpg", "--json", "--top", "3"]
    done = program(*arguments, cwd=directory, check=True)
    expected = json.loads(done.stdout.splitlines()[-1])["predictions"][0]
    assert found["label"] == expected["label"]
    assert [one["label"] for one in found["top"]] == [one["label"] for one in expected["top"]]
    assert found["probability"] == pytest.approx(expected["probability"], abs=1e-4)
    assert (found["name"], found["error"]) == ("photo", "")
    assert found.keys() - {"error"} == expected.keys() - {"file"} | {"name"}


def test_a_form_of_files_of_which_some_are_bad(server, red):
    files = [("a", ("red.jpg", red)), ("a", ("red.jpg", red[:300])), ("b", ("ä.txt", b"text"))]
    answer = httpx.post(f"{server.address}/predict", files=files)
    assert answer.status_code == 200
    good, cut, text = answer.json()["predictions"]
    assert (good["name"], good["error"]) == ("red.jpg", "")
    assert (cut["name"], cut["label"], cut["probability"], cut["top"]) == ("red.jpg", "", 0, [])
    assert cut["error"]
    assert (text["name"], text["error"]) == ("ä.txt", "not an image")


def test_a_form_of_bad_files_alone(server, red):
    files = [("a", ("a", red[:300])), ("a", ("b", b""))]
    answer = httpx.post(f"{server.address}/predict", files=files)
    assert answer.status_code == 400
    assert answer.json()["error"] == "No photo: all 2 files."
    assert all(one["error"] for one in answer.json()["predictions"])


def test_where_it_is_seen(server, red):
    answer = httpx.post(f"{server.address}/explain", content=red).json()
    (found,) = answer["predictions"]
    values = [value for row in found["heat_map"] for value in row]
    assert min(values) >= 0
    assert max(values) <= 1


@pytest.mark.parametrize(
    ("status", "given"),
    [
        (400, {"content": b"x"}),
        (400, {"content": b""}),
        (400, {"data": {"photo": "photo.jpg"}, "files": [("b", (None, b"text"))]}),
        (400, {"content": b"x", "headers": {"Content-Type": "multipart/form-data"}}),
        (400, {"content": b"x", "headers": {"Content-Type": "multipart/form-data; boundary=y"}}),
        (415, {"json": {"instances": []}}),
        (415, {"content": b"x", "headers": {"Content-Encoding": "gzip"}}),
        (413, {"content": bytes(20_000_000)}),
        (413, {"content": iter([bytes(100_000)] * 200)}),
        (413, {"files": [("a", ("a.jpg", bytes(20_000_000)))]}),
    ],
)
def test_what_cannot_be_taken_is_told(server, status: int, given: dict):
    answer = httpx.post(f"{server.address}/predict", timeout=60, **given)
    assert answer.status_code == status, answer.text
    assert "error" in answer.json()


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/predict", 405), ("POST", "/health", 405), ("GET", "/nothing", 404)],
)
def test_what_is_not_there_is_told(server, method: str, path: str, status: int):
    answer = httpx.request(method, server.address + path)
    assert answer.status_code == status
    assert path in answer.json()["error"]


def spoken(server: Served, *parts: bytes, pause: float = 0.0) -> bytes:
    """Return all that the server says to a client that sends parts, and then waits."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        for part in parts:
            connection.sendall(part)
            time.sleep(pause)
        said = b""
        while more := connection.recv(65536):
            said += more
    return said


HEAD = b"POST /predict HTTP/1.1\r\nHost: a\r\n"


@pytest.mark.parametrize(
    "parts",
    [
        (b"",),
        (HEAD,),
        (HEAD + b"Content-Length: 100\r\n\r\n",),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhallo\r\n",),
    ],
)
def test_a_client_that_is_too_slow_is_told(server, parts: tuple[bytes, ...], red):
    began = time.monotonic()
    said = spoken(server, *parts)
    assert PATIENCE - 0.5 < time.monotonic() - began < 10 * PATIENCE
    assert said.startswith(b"HTTP/1.1 408 ")
    assert b'{"error"' in said
    alive(server, red)


def test_a_client_that_sends_a_little_at_a_time_is_told_too(server):
    parts = [HEAD, *[b"A: b\r\n"] * 20]
    with pytest.raises(ConnectionError):
        spoken(server, *parts, pause=PATIENCE / 8)


def test_what_is_no_http_is_told(server, red):
    said = spoken(server, b"\x16\x03\x01 hallo\r\n\r\n")
    assert said.startswith(b"HTTP/1.1 400 ")
    assert b'{"error"' in said
    assert spoken(server, HEAD + b"Connection: close\r\n\r\n").startswith(b"HTTP/1.1 411 ")
    alive(server, red)


def test_a_large_body_is_refused_before_it_is_sent(server):
    head = HEAD + b"Content-Length: 9000000000\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n"
    assert spoken(server, head).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("path", ["/predict", "/nowhere", "/v1/models/colors:predict"])
@pytest.mark.parametrize(
    "closing",
    [
        "HTTP/1.1\r\nConnection: close",
        "HTTP/1.1\r\nConnection: TE, close",
        "HTTP/1.1\r\nConnection: TE\r\nConnection: close",
        "HTTP/1.1\r\nConnection: keep-alive",
        "HTTP/1.0\r\nExpect: 100-continue",
    ],
)
def test_a_client_that_listens_only_when_it_has_said_all_is_answered(server, path, closing):
    head = f"POST {path} {closing}\r\nHost: a\r\nContent-Length: 20000000\r\n\r\n".encode()
    said = spoken(server, head, *[bytes(1_000_000)] * 20)
    assert said.startswith(b"HTTP/1.1 404 " if path == "/nowhere" else b"HTTP/1.1 413 ")


def test_a_client_that_was_told_to_go_on_is_heard_out(server):
    head = HEAD + b"Transfer-Encoding: chunked\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n"
    chunk = b"f4240\r\n" + bytes(1_000_000) + b"\r\n"
    said = spoken(server, head, *[chunk] * 20, b"0\r\n\r\n")
    assert b"HTTP/1.1 413 " in said


def test_a_client_that_goes_away_leaves_nothing_behind(server, red):
    for sent in (HEAD + b"Content-Length: 1000\r\n\r\nhallo", photo_request(red)):
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.sendall(sent)
    alive(server, red)
    told = httpx.get(f"{server.address}/metrics").text
    assert "\nkerastl_waiting_bytes 0.0\n" in told
    assert "\nkerastl_waiting_photos 0.0\n" in told


def photo_request(file: bytes) -> bytes:
    return HEAD + f"Content-Length: {len(file)}\r\n\r\n".encode() + file


def test_health_and_metrics(server, red):
    assert httpx.get(f"{server.address}/health").json() == {"status": "ready"}
    assert httpx.get(f"{server.address}/health/live").json() == {"status": "live"}
    httpx.post(f"{server.address}/predict", content=b"no photo")
    httpx.get(f"{server.address}/some/where/else")
    told = httpx.get(f"{server.address}/metrics")
    assert told.headers["content-type"].startswith("text/plain")
    for sample in (
        'kerastl_requests_total{route="/predict",status="400"}',
        'kerastl_requests_total{route="other",status="404"}',
        'kerastl_request_seconds_count{route="/predict"}',
        'kerastl_photos_total{readable="no"}',
        'kerastl_batch_photos_sum{output="probabilities"}',
    ):
        assert f"\n{sample} " in told.text
    assert "/some/where" not in told.text


def test_the_page_needs_nothing_from_elsewhere(server):
    page = httpx.get(server.address + "/")
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "http://" not in page.text.replace("http://www.w3.org", "")
    assert "https://" not in page.text
    about = httpx.get(server.address + "/about").json()
    assert (about["name"], about["classes"]) == ("colors", ["blue", "green", "red"])
    assert (about["version"], about["explains"], about["max_size"]) == (1, True, 1_000_000)
