"""The rows of one kind in a cache, found by their ids."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

from kerastl.cache.block import (
    ENDING,
    Array,
    Block,
    Ids,
    OpenBlock,
    paths_in,
    read_block,
    write_block,
)
from kerastl.cache.rows import StoredRows


@attrs.define(eq=False)
class Table:
    """Rows of one shape and type.

    Args:
        folder: Where its blocks are; it need not exist.
        row_shape: The shape of each row.
        dtype: The type of the values.
        used: Is told each block that is read or written.
    """

    folder: Path
    row_shape: tuple[int, ...]
    dtype: np.dtype[Any]
    used: set[Path] = attrs.field(factory=set, repr=False)
    _blocks: list[Block] = attrs.field(init=False)

    @_blocks.default
    def _listed(self) -> list[Block]:
        return list(self._whole_blocks())

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
        wanted = [places.get(row_id.tobytes()) for row_id in ids]
        opened = self._opened({place[0] for place in wanted if place})
        there = np.array([place is not None and place[0] in opened for place in wanted], bool)
        found = [place for place, is_there in zip(wanted, there, strict=True) if is_there]
        chosen = np.array(found, np.int64).reshape(-1, 2)
        return StoredRows(opened, chosen, self.row_shape, self.dtype), there

    def _opened(self, numbers: Iterable[int]) -> dict[int, OpenBlock]:
        opened = {}
        for number in numbers:
            # Another run may have removed it in this moment.
            with contextlib.suppress(OSError):
                opened[number] = self._blocks[number].open()
                self.used.add(self._blocks[number].path)
        return opened

    def prepare(self) -> None:
        """Make the folder, and make sure that it can be written, before anything is computed.

        Raises:
            OSError: It cannot.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=self.folder).close()

    def add(self, ids: Ids, rows: Array) -> None:
        """Write rows as a block.

        Raises:
            OSError: The disk is full, or the folder cannot be written.
        """
        path = write_block(self.folder, ids, rows.astype(self.dtype, copy=False))
        self.used.add(path)
        self._blocks.append(read_block(path, self.row_bytes))

    def _whole_blocks(self) -> Iterator[Block]:
        for path in paths_in(self.folder, f"*{ENDING}"):
            try:
                yield read_block(path, self.row_bytes)
            except (OSError, ValueError):
                # Removed by another run in this moment, or damaged: its rows are computed anew.
                continue
