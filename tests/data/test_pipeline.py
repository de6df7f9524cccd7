from __future__ import annotations

import itertools

import numpy as np

from kerastl.data.pipeline import batches

NUMBERS = np.arange(10, dtype=np.int64)


def epochs_of(seed: int, epochs: range, batch_size: int = 4) -> list[list[int]]:
    rows = [
        row[1].tolist()
        for row in batches([NUMBERS * 10, NUMBERS], batch_size, seed, epochs).as_numpy_iterator()
    ]
    a_time = -(-len(NUMBERS) // batch_size)
    together = [rows[start : start + a_time] for start in range(0, len(rows), a_time)]
    return [list(itertools.chain.from_iterable(epoch)) for epoch in together]


def test_every_epoch_sees_every_row_once_in_another_order():
    first, second = epochs_of(0, range(2))
    assert sorted(first) == sorted(second) == NUMBERS.tolist()
    assert first != second


def test_rows_stay_together():
    for tens, ones in batches([NUMBERS * 10, NUMBERS], 4, 0, range(1)).as_numpy_iterator():
        assert np.array_equal(tens, ones * 10)


def test_the_order_is_a_function_of_seed_and_epoch():
    assert epochs_of(7, range(3, 5)) == epochs_of(7, range(5))[3:]
    assert epochs_of(7, range(1)) != epochs_of(8, range(1))
