"""How a server ends, and why it does not begin."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from served import serving


@pytest.mark.parametrize(
    "number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)]
)
def test_what_is_under_way_is_answered_before_it_ends(finished, photos: Path, number: int):
    directory, _ = finished
    file = (photos / "red" / "red_00.jpg").read_bytes()
    length = f"Content-Length: {len(file)}".encode()
    with serving(directory) as served:
        with socket.create_connection(("127.0.0.1", served.port), timeout=60) as connection:
            connection.sendall(b"POST /predict HTTP/1.1\r\nHost: a\r\n" + length)
            connection.sendall(b"\r\nExpect: 100-continue\r\n\r\n")
            # It is being read from now on.
            assert connection.recv(1000).startswith(b"HTTP/1.1 100 ")
            connection.sendall(file[:100])
            served.process.send_signal(number)
            while _listens(served.port):
                time.sleep(0.1)
            connection.sendall(file[100:])
            said = b""
            while more := connection.recv(65536):
                said += more
        assert said.startswith(b"HTTP/1.1 200 ")
        assert b'"label":"' in said
        assert served.ended() == (0, f"Model: {directory}\n")


def test_a_signal_before_it_listens_ends_it_too():
    program = """
import signal, socket
import numpy, uvicorn
from kerastl.serving.about import About
from kerastl.serving.opened import Opened
from kerastl.serving.server.limits import Limits
from kerastl.serving.server.running import serve

begin = uvicorn.Server.serve

async def told_to_end(server, sockets):
    signal.raise_signal(signal.SIGTERM)
    await begin(server, sockets)

uvicorn.Server.serve = told_to_end
model = Opened(About("a", ("b", "c"), 8), "", "onnx", lambda photos: numpy.zeros((len(photos), 2)))
serve(model, "a", socket.create_server(("127.0.0.1", 0)), Limits())
"""
    done = subprocess.run([sys.executable, "-c", program], timeout=120)
    assert done.returncode == 0


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        return False
    return True


def test_a_port_that_is_taken(program, finished, tmp_path: Path):
    directory, _ = finished
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = program("serve", directory, "--port", str(port), cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"Error: Cannot listen at 127.0.0.1:{port}: ")
    assert done.stderr.count("\n") == 1


def test_a_model_that_is_not_there(program, tmp_path: Path):
    done = program("serve", "nothing", "--port", "0", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert "nothing" in done.stderr
    assert done.stderr.count("\n") == 1


def test_an_extra_that_is_not_there(program, tmp_path: Path):
    (tmp_path / "uvicorn.py").write_text("raise ImportError('not here')")
    done = program("serve", "nothing", cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)})
    assert (done.returncode, done.stdout) == (2, "")
    assert "pip install 'kerastl[serve]'" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_name_that_no_path_could_have(program, tmp_path: Path):
    done = program("serve", "nothing", "--name", "a/b", cwd=tmp_path)
    assert done.returncode == 2
    assert "--name" in done.stderr


@pytest.mark.slow
def test_lines_are_written_only_if_asked(finished):
    directory, _ = finished
    with serving(directory, "--access-log") as served:
        httpx.get(f"{served.address}/health")
        _, said = served.stop()
        assert "GET /health" in said
        assert "Uvicorn" not in said
        assert "server process" not in said
