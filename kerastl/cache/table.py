"""The rows of one kind in a cache, found by their ids."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

from kerastl.cache.block import ENDING, Array, Block, Ids, open_block, write_block
from kerastl.cache.rows import StoredRows


@attrs.define(eq=False)
class Table:
    """Rows of one shape and type.

    Args:
        folder: Where its blocks are; it need not exist.
        row_shape: The shape of each row.
        dtype: The type of the values.
    """

    folder: Path
    row_shape: tuple[int, ...]
    dtype: np.dtype[Any]
    _blocks: list[Block] = attrs.field(init=False)

    @_blocks.default
    def _opened(self) -> list[Block]:
        return list(self._open_all())

    @property
    def row_bytes(self) -> int:
        """How many bytes a row has."""
        return int(np.prod(self.row_shape, dtype=np.int64)) * self.dtype.itemsize

    def find(self, ids: Ids) -> tuple[StoredRows, npt.NDArray[np.bool_]]:
        """Return the rows that are there, in the order of their ids, and which ids those are."""
        places = {
            row_id.tobytes(): (number, row)
            for number, block in enumerate(self._blocks)
            for row, row_id in enumerate(block.ids)
        }
        found = [places.get(row_id.tobytes()) for row_id in ids]
        there = np.array([place is not None for place in found], bool)
        chosen = np.array([place for place in found if place], np.int64).reshape(-1, 2)
        for number in np.unique(chosen[:, 0]):
            self._blocks[number].touch()
        return StoredRows(tuple(self._blocks), chosen, self.row_shape, self.dtype), there

    def add(self, ids: Ids, rows: Array) -> None:
        """Write rows as a block.

        Raises:
            OSError: The disk is full, or the folder cannot be written.
        """
        path = write_block(self.folder, ids, rows.astype(self.dtype, copy=False))
        self._blocks.append(open_block(path, self.row_bytes))

    def _open_all(self) -> Iterator[Block]:
        for path in sorted(self.folder.glob(f"*{ENDING}")):
            try:
                yield open_block(path, self.row_bytes)
            except (OSError, ValueError, EOFError):
                # Removed by another run in this moment, or damaged: its rows are computed anew.
                continue
