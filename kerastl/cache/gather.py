"""Finds rows in a cache, and computes and keeps those that are missing."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt

from kerastl.cache.block import Array, Ids
from kerastl.cache.rows import Rows
from kerastl.cache.store import Cache
from kerastl.cache.table import Table
from kerastl.files import reason

Numbers = npt.NDArray[np.int64]
# Yields, for the rows of the numbers that it is given, some numbers and their rows at a time. What
# it leaves out cannot be computed.
Compute = Callable[[Numbers], Iterable[tuple[Numbers, Array]]]

_BLOCK_BYTES = 2**26


class NoPlaceError(Exception):
    """Neither the cache nor the memory has a place for so many rows."""


class _UnwritableError(Exception):
    """The cache does not take rows."""


def gather(
    cache: Cache, table: Table, ids: Ids, compute: Compute, most_in_memory: float = math.inf
) -> tuple[Rows, npt.NDArray[np.bool_]]:
    """Return the rows of these ids, and which ids have one.

    Where the cache cannot be written, that is said and the rows are kept in memory.

    Args:
        cache: What the table is part of.
        table: Where the rows are looked for, and kept.
        ids: What rows are wanted, uint8 `[rows, 16]`.
        compute: Computes those that are missing.
        most_in_memory: How many bytes may be kept in memory.

    Raises:
        NoPlaceError: The cache cannot be written, and the rows are more than that.
    """
    rows, there = table.find(ids)
    if there.all():
        return rows, there
    try:
        return _completed(cache, table, ids, there, compute)
    except _UnwritableError as error:
        cache.complain(f"Going on without the cache in {cache.folder}: {error}")
    size = len(ids) * table.row_bytes
    if size > most_in_memory:
        raise NoPlaceError(f"{size / 1e9:.1f} GB do not fit into it")
    held = np.empty((len(ids), *table.row_shape), table.dtype)
    held[there] = rows[:]
    return in_memory(held, there, compute)


def _completed(
    cache: Cache, table: Table, ids: Ids, there: npt.NDArray[np.bool_], compute: Compute
) -> tuple[Rows, npt.NDArray[np.bool_]]:
    """Add the rows that are missing, and return all."""
    added = _add(cache, table, ids, _first_of_each(ids, ~there), compute)
    rows, found = table.find(ids)
    expected = there | np.array([row_id.tobytes() in added for row_id in ids])
    if (expected & ~found).any():
        raise _UnwritableError("rows were removed from it meanwhile")
    return rows, found


def _first_of_each(ids: Ids, wanted: npt.NDArray[np.bool_]) -> Numbers:
    """Return the numbers of the wanted ids, of equal ones the first."""
    first = {ids[number].tobytes(): number for number in np.flatnonzero(wanted)[::-1]}
    return np.array(sorted(first.values()), np.int64)


def _add(cache: Cache, table: Table, ids: Ids, missing: Numbers, compute: Compute) -> set[bytes]:
    """Compute and write the rows that are missing, and return the ids of those there are."""
    added: set[bytes] = set()
    size = len(missing) * table.row_bytes
    with _told():
        if not cache.has_room(size):
            raise _UnwritableError("what is to be kept does not fit into it or onto its disk")
        cache.trim(room=size)
        table.prepare()
    for numbers, rows in _in_blocks(compute(missing), table.row_bytes):
        with _told():
            table.add(ids[numbers], rows)
        added.update(row_id.tobytes() for row_id in ids[numbers])
    return added


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _UnwritableError(f"it cannot be written ({reason(error)})") from error


def _in_blocks(
    parts: Iterable[tuple[Numbers, Array]], row_bytes: int
) -> Iterator[tuple[Numbers, Array]]:
    """Put parts together until they make a block."""
    waiting: list[tuple[Numbers, Array]] = []
    size = 0
    for part in parts:
        if not len(part[0]):
            continue
        waiting.append(part)
        size += len(part[0]) * row_bytes
        if size >= _BLOCK_BYTES:
            yield _joined(waiting)
            waiting, size = [], 0
    if waiting:
        yield _joined(waiting)


def _joined(parts: list[tuple[Numbers, Array]]) -> tuple[Numbers, Array]:
    numbers, rows = zip(*parts, strict=True)
    return np.concatenate(numbers), np.concatenate(rows)


def in_memory(
    rows: Array, there: npt.NDArray[np.bool_], compute: Compute
) -> tuple[Array, npt.NDArray[np.bool_]]:
    """Compute rows in memory, and return those that could be computed and which those are.

    Args:
        rows: An array for all of them.
        there: Which of them need not be computed.
        compute: Computes the others.
    """
    there = there.copy()
    for numbers, some in compute(np.flatnonzero(~there)):
        rows[numbers], there[numbers] = some, True
    return (rows if there.all() else rows[there]), there
