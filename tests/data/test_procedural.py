from __future__ import annotations

import subprocess
import sys
import time
from concurrent.futures import Future
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kerastl.data.procedural import CLASSES, FAMILIES, draw, draw_batch, source
from kerastl.data.procedural.source import Procedural
from kerastl.pretraining import Images, Stream


def test_there_are_many_classes_of_many_kinds():
    assert len(CLASSES) == len(set(CLASSES)) >= 200
    assert len(FAMILIES) >= 5


@pytest.mark.parametrize("family", FAMILIES)
def test_each_family_draws_images_that_differ(family: str):
    label = CLASSES.index(f"{family}-000")
    one, other = (draw(label, seed, 48) for seed in (1, 2))
    assert one.shape == (48, 48, 3)
    assert one.dtype == np.uint8
    assert one.std() > 5
    assert not np.array_equal(one, other)
    np.testing.assert_array_equal(one, draw(label, 1, 48))


def test_a_stream_is_decided_by_its_seed_and_place():
    images, labels = draw_batch(10, 6, seed=3, size=32)
    assert images.shape == (6, 32, 32, 3)
    again = draw_batch(12, 2, seed=3, size=32)
    np.testing.assert_array_equal(again[0], images[2:4])
    np.testing.assert_array_equal(again[1], labels[2:4])
    assert not np.array_equal(draw_batch(10, 6, seed=4, size=32)[1], labels)


@pytest.fixture
def stream(monkeypatch: pytest.MonkeyPatch) -> Stream:
    for name, value in {"_POOL": 8, "_HELD_OUT": 4, "_AT_ONCE": 4}.items():
        monkeypatch.setattr(source, name, value)
    return Procedural().stream(seed=0, image_size=32)


def test_worker_processes_draw_what_one_process_would(stream: Stream):
    with stream.pools(0) as pools:
        pools_of_five_rounds = list(islice(pools, 5))
    expected = draw_batch(0, 8, seed=0, size=32), draw_batch(8, 8, seed=0, size=32)
    # A pool is drawn once and seen in four rounds.
    for number, (images, labels) in enumerate(pools_of_five_rounds):
        np.testing.assert_array_equal(images, expected[number // 4][0])
        np.testing.assert_array_equal(labels, expected[number // 4][1])


def test_a_stream_can_be_begun_at_any_round(stream: Stream):
    with stream.pools(3) as pools:
        (third, _), (fourth, _) = islice(pools, 2)
    np.testing.assert_array_equal(third, draw_batch(0, 8, seed=0, size=32)[0])
    np.testing.assert_array_equal(fourth, draw_batch(8, 8, seed=0, size=32)[0])


def test_what_is_held_out_is_in_no_pool(stream: Stream):
    images, labels = stream.held_out
    assert images.shape == (4, 32, 32, 3)
    assert len(labels) == 4
    with stream.pools(0) as pools:
        pool, _ = next(iter(pools))
    assert not (pool[:, None] == images).all(axis=(2, 3, 4)).any()


def test_what_waits_to_be_drawn_is_given_up_when_a_stream_is_closed(
    stream: Stream, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(source, "_POOL", 64)
    jobs = []

    def begun(*arguments: Any) -> list[Future[Images]]:
        some = source_begun(*arguments)
        jobs.extend(some)
        return some

    source_begun = source._begun
    monkeypatch.setattr(source, "_begun", begun)
    with stream.pools(0) as pools:
        next(pools)
    assert len(jobs) == 32
    assert all(job.done() for job in jobs)
    assert sum(job.cancelled() for job in jobs) > 8


_DRAWING = """
import multiprocessing, time
from kerastl.data.procedural import source
if __name__ == "__main__":
    source._POOL, source._HELD_OUT, source._AT_ONCE = 8, 4, 4
    with source.Procedural().stream(0, 32).pools(0) as pools:
        next(pools)
        print(*[child.pid for child in multiprocessing.active_children()], flush=True)
        time.sleep(60)
"""


def test_workers_end_with_the_process_they_work_for_when_that_is_killed(tmp_path: Path):
    (tmp_path / "drawing.py").write_text(_DRAWING)
    command = [sys.executable, str(tmp_path / "drawing.py")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        told = next(line for line in running.stdout if line[0].isdigit())
        workers = [int(word) for word in told.split()]
        assert workers
        running.kill()
    deadline = time.monotonic() + 30
    while any(_is_alive(worker) for worker in workers):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def _is_alive(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    # Nobody may be there to take note of its end.
    return state != "Z"
