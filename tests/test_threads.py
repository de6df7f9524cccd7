from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tensorflow as tf

from kerastl.backbones.engine import Kind
from kerastl.cores import cores
from kerastl.threads import alone, count, on_cores, once, together


def test_results_come_in_order_whoever_is_ready_first():
    def slow(number: int) -> int:
        time.sleep(0.01 * (number % 3))
        return number

    assert [*on_cores(slow, ((number,) for number in range(20)))] == [*range(20)]


def test_only_a_few_are_taken_ahead():
    taken: list[int] = []

    def endless() -> Iterator[tuple[int]]:
        while True:
            taken.append(len(taken))
            yield (taken[-1],)

    results = on_cores(lambda number: number, endless())
    assert [next(results) for _ in range(5)] == [0, 1, 2, 3, 4]
    assert len(taken) <= 5 + 2 + count()
    results.close()


def test_an_error_is_raised_and_what_is_left_is_not_done():
    done = []

    def fail(number: int) -> None:
        if number == 1:
            raise ValueError("one")
        time.sleep(0.02)
        done.append(number)

    with pytest.raises(ValueError, match="one"):
        list(on_cores(fail, ((number,) for number in range(100))))
    assert len(done) <= 1 + 2 + count()
    # Others can go on.
    assert [*on_cores(abs, [(-1,)])] == [1]


def test_of_several_threads_one_makes_what_all_get():
    made = []

    @once
    def slow(number: int) -> object:
        time.sleep(0.05)
        made.append((number, threading.get_ident()))
        return object()

    with ThreadPoolExecutor(4) as pool:
        found = [*pool.map(slow, [1, 1, 2, 1])]
    assert sorted(number for number, _ in made) == [1, 2]
    assert found[0] is found[1] is found[3] is not found[2]


@pytest.mark.parametrize("told", ["1", "", "many", "1000"])
def test_who_says_how_many_threads_there_are_is_heard(monkeypatch: pytest.MonkeyPatch, told: str):
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", told)
    assert count() == (1 if told == "1" else cores())


@pytest.mark.parametrize("kind", [alone, together])
def test_others_wait_while_the_first_call_compiles(kind: Kind):
    under_way, most = [0], []

    def noted(number: np.ndarray) -> np.ndarray:
        under_way[0] += 1
        most.append(under_way[0])
        time.sleep(0.05)
        under_way[0] -= 1
        return number + 1

    graph = tf.Graph()
    with graph.as_default():
        number = tf.compat.v1.placeholder(tf.float32, [])
        more = tf.numpy_function(noted, [number], tf.float32)
    run = kind(graph, tf.compat.v1.ConfigProto()).compiled([number], [more])
    with ThreadPoolExecutor(4) as pool:
        assert [*pool.map(run, range(8))] == [[each + 1.0] for each in range(8)]
    # Alone, and then with others.
    assert most[:2] == [1, 1]
    assert max(most) > 1
