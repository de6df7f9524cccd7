from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import h5py
import numpy as np
import pytest

from kerastl.backbones.download import download, partial_path
from kerastl.errors import WeightsError
from server import Server, serving

NAME = "some.h5"


def nothing(done: int, total: int) -> None:
    return


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with serving(tmp_path / "served") as running:
        values = np.random.default_rng(0).normal(size=100_000)
        with h5py.File(running.folder / NAME, "w") as file:
            file.create_dataset("values", data=values)
        yield running


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "cache" / NAME


def content(server: Server) -> bytes:
    return (server.folder / NAME).read_bytes()


@pytest.mark.parametrize("kind", [None, "md5", "sha256"])
def test_a_file_is_fetched_and_checked(server: Server, target: Path, kind: str | None):
    checksum = hashlib.new(kind, content(server)).hexdigest() if kind else None
    told: list[tuple[int, int]] = []
    download(f"{server.address}/{NAME}", target, checksum, lambda *at: told.append(at))
    assert target.read_bytes() == content(server)
    assert told[-1] == (len(content(server)),) * 2
    assert [path.name for path in target.parent.iterdir()] == [NAME]


@pytest.mark.parametrize("ranges", [True, False])
def test_what_broke_off_is_gone_on_with(server: Server, target: Path, ranges: bool):
    server.most, server.ranges = 300_000, ranges
    with pytest.raises(WeightsError, match=r"broke off after 300,000 of 802,\d\d\d bytes"):
        download(f"{server.address}/{NAME}", target, None, nothing)
    assert not target.exists()
    assert partial_path(target).read_bytes() == content(server)[:300_000]
    server.most = 2**40
    download(f"{server.address}/{NAME}", target, None, nothing)
    assert server.asked == [None, "bytes=299999-"]
    assert target.read_bytes() == content(server)
    assert not partial_path(target).exists()


def test_a_whole_file_that_was_never_named_is_named(server: Server, target: Path):
    target.parent.mkdir()
    partial_path(target).write_bytes(content(server))
    download(f"{server.address}/{NAME}", target, None, nothing)
    assert target.read_bytes() == content(server)


def test_what_is_longer_than_the_file_is_begun_anew(server: Server, target: Path):
    target.parent.mkdir()
    partial_path(target).write_bytes(b"of another file" * 100_000)
    download(f"{server.address}/{NAME}", target, None, nothing)
    assert target.read_bytes() == content(server)


def test_a_file_of_unknown_length_that_breaks_off_is_not_taken_for_whole(
    server: Server, target: Path
):
    server.most, server.lengths = 300_000, False
    with pytest.raises(WeightsError, match=r"is damaged or no HDF5 file\. It was thrown away"):
        download(f"{server.address}/{NAME}", target, None, nothing)
    assert list(target.parent.iterdir()) == []
    server.most = 2**40
    download(f"{server.address}/{NAME}", target, None, nothing)
    assert target.read_bytes() == content(server)


def test_a_wrong_checksum_leaves_nothing(server: Server, target: Path):
    with pytest.raises(WeightsError, match=f"has the checksum .*, not {'0' * 64}"):
        download(f"{server.address}/{NAME}", target, "0" * 64, nothing)
    assert list(target.parent.iterdir()) == []


def test_what_is_no_weights_file_leaves_nothing(server: Server, target: Path):
    (server.folder / NAME).write_text("<html>Please log in</html>")
    with pytest.raises(WeightsError, match="is damaged or no HDF5 file"):
        download(f"{server.address}/{NAME}", target, None, nothing)
    assert list(target.parent.iterdir()) == []


def test_a_file_that_is_not_there(server: Server, target: Path):
    with pytest.raises(WeightsError, match=r"gone\.h5 cannot be fetched: HTTP Error 404"):
        download(f"{server.address}/gone.h5", target.with_name("gone.h5"), None, nothing)


def test_a_folder_that_cannot_be_written(server: Server, target: Path):
    target.parent.write_text("a file in the way")
    with pytest.raises(WeightsError, match=r"some\.h5 cannot be fetched: .*exists"):
        download(f"{server.address}/{NAME}", target, None, nothing)


def test_two_at_once_fetch_it_once(server: Server, target: Path):
    with ThreadPoolExecutor(2) as threads:
        jobs = [
            threads.submit(download, f"{server.address}/{NAME}", target, None, nothing)
            for _ in range(2)
        ]
        for job in jobs:
            job.result()
    assert target.read_bytes() == content(server)
    assert server.asked == [None]


_SLOWLY = """
import sys, time, pathlib
from kerastl.backbones import download as module
module._CHUNK = 1000
module.download(sys.argv[1], pathlib.Path(sys.argv[2]), None, lambda *_: time.sleep(0.01))
"""


def test_a_killed_download_leaves_no_file_and_is_gone_on_with(server: Server, target: Path):
    command = [sys.executable, "-c", _SLOWLY, f"{server.address}/{NAME}", str(target)]
    with subprocess.Popen(command) as running:
        while not partial_path(target).is_file() or partial_path(target).stat().st_size < 20_000:
            time.sleep(0.05)
            assert running.poll() is None
        os.kill(running.pid, signal.SIGKILL)
    assert not target.exists()
    assert 20_000 <= partial_path(target).stat().st_size < len(content(server))
    download(f"{server.address}/{NAME}", target, None, nothing)
    assert target.read_bytes() == content(server)
