"""A file of rows: written once, as a whole, and only read after that."""

from __future__ import annotations

import contextlib
import os
import threading
import uuid
import weakref
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

ENDING = ".rows"
PARTIAL = ".partial"

Ids = npt.NDArray[np.uint8]
Array = npt.NDArray[Any]


@attrs.frozen(eq=False)
class Block:
    """A block and what is in it.

    Args:
        path: The file.
        ids: One for each row, uint8 `[rows, 16]`.
        start: Where the first row begins, in bytes.
        row_bytes: How many bytes a row has.
    """

    path: Path
    ids: Ids = attrs.field(repr=False)
    start: int
    row_bytes: int

    def open(self) -> OpenBlock:
        """Open it to read rows, and note that it is of use: others are removed before it.

        Raises:
            OSError: It has been removed.
        """
        opened = OpenBlock(self, os.open(self.path, os.O_RDONLY | getattr(os, "O_BINARY", 0)))
        # Where nobody may write, it is no less readable.
        with contextlib.suppress(OSError):
            os.utime(self.path)
        return opened


@attrs.frozen(eq=False)
class OpenBlock:
    """An open block; it can be read to its end even where it has been removed by then.

    Args:
        block: What is read.
        descriptor: What the system calls the open file.
    """

    block: Block
    descriptor: int
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        weakref.finalize(self, os.close, self.descriptor)

    def read_into(self, first: int, rows: Array) -> None:
        """Fill an array with the rows from the one of that number on.

        Raises:
            OSError: The disk fails.
        """
        place = self.block.start + first * self.block.row_bytes
        with self._lock:
            os.lseek(self.descriptor, place, os.SEEK_SET)
            found = os.read(self.descriptor, rows.nbytes)
        if len(found) < rows.nbytes:
            raise OSError(f"{self.block.path} is shorter than it was")
        rows.view(np.uint8).reshape(-1)[:] = np.frombuffer(found, np.uint8)


def paths_in(folder: Path, pattern: str) -> list[Path]:
    """Return what is in a folder; nothing where nobody may look into it."""
    try:
        return sorted(folder.glob(pattern))
    except PermissionError:
        return []


def read_block(path: Path, row_bytes: int) -> Block:
    """Return what is in a block of rows of so many bytes.

    Raises:
        OSError: It cannot be read.
        ValueError: It is no whole block of such rows.
    """
    with path.open("rb") as file:
        try:
            ids = np.load(file, allow_pickle=False)
            np.lib.format.read_magic(file)
            shape, _, kind = np.lib.format.read_array_header_1_0(file)
        except EOFError as error:
            raise ValueError(f"{path} is empty") from error
        start, size = file.tell(), os.fstat(file.fileno()).st_size
    rows = (len(ids), row_bytes)
    if shape != rows or kind != np.uint8 or size != start + len(ids) * row_bytes:
        raise ValueError(f"{path} is no whole block of rows of {row_bytes} bytes")
    return Block(path, ids, start, row_bytes)


def write_block(folder: Path, ids: Ids, rows: Array) -> Path:
    """Write a block under a name of its own, and return its path.

    Raises:
        OSError: The disk is full, or the folder cannot be written.
    """
    name = uuid.uuid4().hex
    partial, target = folder / (name + PARTIAL), folder / (name + ENDING)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with partial.open("xb") as file:
            np.save(file, ids)
            np.save(file, np.ascontiguousarray(rows).reshape(len(rows), -1).view(np.uint8))
            file.flush()
            # A rename may reach the disk before what was written does.
            os.fsync(file.fileno())
        os.replace(partial, target)
    finally:
        partial.unlink(missing_ok=True)
    return target
