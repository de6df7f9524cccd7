from __future__ import annotations

from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

from kerastl.cache import Table, id_of, ids_of

IDS = ids_of(id_of(bytes([number])) for number in range(10))
VALUES = np.random.default_rng(0).normal(size=(10, 3, 2)).astype(np.float32)


def table(folder: Path, dtype: object = np.float32) -> Table:
    return Table(folder / "table", (3, 2), np.dtype(dtype))


def test_rows_are_found_by_their_ids_in_any_order_by_whoever_opens_the_table(tmp_path: Path):
    first = table(tmp_path)
    first.add(IDS[:4], VALUES[:4])
    first.add(IDS[4:], VALUES[4:])
    order = np.random.default_rng(1).permutation(10)
    for some in (first, table(tmp_path)):
        rows, there = some.find(IDS[order])
        assert there.all()
        assert rows.shape == (10, 3, 2)
        np.testing.assert_array_equal(rows[:], VALUES[order])
        np.testing.assert_array_equal(rows[2:5], VALUES[order][2:5])
        np.testing.assert_array_equal(rows[np.array([7, 0, 7])], VALUES[order][[7, 0, 7]])
        np.testing.assert_array_equal(np.asarray(rows), VALUES[order])
        assert rows[np.array([], np.int64)].shape == (0, 3, 2)


def test_ids_without_a_row_are_told(tmp_path: Path):
    some = table(tmp_path)
    rows, there = some.find(IDS)
    assert (len(rows), there.any()) == (0, False)
    some.add(IDS[3:5], VALUES[3:5])
    rows, there = some.find(IDS)
    assert np.flatnonzero(there).tolist() == [3, 4]
    np.testing.assert_array_equal(rows[:], VALUES[3:5])


@pytest.mark.parametrize("dtype", [np.uint8, np.float16, ml_dtypes.bfloat16])
def test_values_keep_their_type(tmp_path: Path, dtype: object):
    table(tmp_path, dtype).add(IDS, VALUES)
    rows, _ = table(tmp_path, dtype).find(IDS)
    assert rows[:].dtype == rows.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(rows[:], VALUES.astype(dtype))


def test_rows_can_be_read_after_their_block_was_removed(tmp_path: Path):
    some = table(tmp_path)
    some.add(IDS, VALUES)
    rows, _ = some.find(IDS)
    for path in some.folder.iterdir():
        path.unlink()
    np.testing.assert_array_equal(rows[:], VALUES)
    assert not table(tmp_path).find(IDS)[1].any()


@pytest.mark.parametrize("length", [0, 1, 100, -1])
def test_a_block_that_is_not_whole_is_passed_over(tmp_path: Path, length: int):
    some = table(tmp_path)
    some.add(IDS[:5], VALUES[:5])
    some.add(IDS[5:], VALUES[5:])
    damaged, _ = some.folder.iterdir()
    damaged.write_bytes(damaged.read_bytes()[:length])
    rows, there = table(tmp_path).find(IDS)
    assert there.sum() == 5
    np.testing.assert_array_equal(rows[:], VALUES[there])


def test_an_id_tells_where_its_parts_end():
    assert id_of(b"ab", b"c") != id_of(b"a", b"bc") != id_of(b"abc")
    assert len(id_of(b"")) == 16
