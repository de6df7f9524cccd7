"""Rows on disk that are used as an array in memory is."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import attrs
import numpy as np
import numpy.typing as npt

from kerastl.cache.block import Array, Ids, OpenBlock

ID_BYTES = 16


class Rows(Protocol):
    """What NumPy's arrays can do that rows on disk can do, too."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The number of rows, then the shape of each."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the values."""

    def __len__(self) -> int:
        """Return the number of rows."""

    def __getitem__(self, chosen: Any) -> Array:
        """Return the rows of a slice, or of an array of numbers."""


@attrs.frozen(eq=False)
class StoredRows:
    """Rows on disk. Only those that are asked for are read.

    Args:
        blocks: Where they are, by number.
        places: Number of the block and of the row in it, int64 `[rows, 2]`.
        row_shape: The shape of each.
        dtype: The type of the values.
    """

    blocks: Mapping[int, OpenBlock]
    places: npt.NDArray[np.int64] = attrs.field(repr=False)
    row_shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def shape(self) -> tuple[int, ...]:
        """The number of rows, then the shape of each."""
        return (len(self), *self.row_shape)

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.places)

    def __getitem__(self, chosen: Any) -> Array:
        """Return the rows of a slice, or of an array of numbers or of truths."""
        places = self.places[chosen]
        found = np.empty((len(places), *self.row_shape), self.dtype)
        # Neighbours are read together.
        breaks = np.flatnonzero((np.diff(places, axis=0) != (0, 1)).any(axis=1)) + 1
        for some in np.split(np.arange(len(places)), breaks):
            if len(some):
                block, row = places[some[0]].tolist()
                self.blocks[block].read_into(row, found[some[0] : some[-1] + 1])
        return found

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        """Return all rows in memory."""
        return self[:].astype(dtype or self.dtype, copy=False)


def id_of(*parts: bytes | memoryview) -> bytes:
    """Return the id of a row that was computed from these bytes."""
    digest = hashlib.sha256()
    for part in parts:
        # Where a part ends is a part of what it says.
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.digest()[:ID_BYTES]


def code_of(*modules: str) -> bytes:
    """Return the id of the source of modules, on which depends whatever they compute.

    Args:
        modules: Their full names; they are not imported.
    """
    return id_of(*map(_source, modules))


def _source(name: str) -> bytes:
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(name)
    return Path(spec.origin).read_bytes()


def ids_of(some: Iterable[bytes]) -> Ids:
    """Return ids as an array, uint8 `[rows, 16]`."""
    return np.frombuffer(b"".join(some), np.uint8).reshape(-1, ID_BYTES)
