"""The folder of all tables: how large it may grow, and what has to go first."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from kerastl.cache.block import ENDING, PARTIAL, paths_in
from kerastl.cache.table import Table
from kerastl.console import say
from kerastl.errors import UsageError
from kerastl.files import cache_folder

LIMIT = "KERASTL_CACHE_LIMIT"
_USUAL_LIMIT = "10GB"
_UNITS = {"": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
# Bytes on the disk that are left to others.
_SPARE = 10**9
# So many seconds after it was begun, a block that is not whole belongs to a run that was killed.
_STALE = 24 * 3600


@attrs.frozen
class Kept:
    """What a cache holds of one kind."""

    name: str
    size: int
    used: float


def limit() -> int:
    """Return how many bytes the cache may hold: `KERASTL_CACHE_LIMIT`, or 10 GB.

    Raises:
        UsageError: It is set to something else than a size.
    """
    text = os.environ.get(LIMIT) or _USUAL_LIMIT
    parts = re.fullmatch(r"(\d+(?:\.\d+)?) ?([kMGT]?B?)", text)
    if not parts or parts[2] not in _UNITS:
        raise UsageError(f"{LIMIT} must be a size such as 500MB or 20GB, not {text!r}.")
    return int(float(parts[1]) * _UNITS[parts[2]])


@attrs.frozen
class Cache:
    """A folder of tables.

    Args:
        folder: Where; it need not exist.
        limit: How many bytes it may hold.
        complaints: What was said about it; a person wants to read it once, and not for each table.
        used: The blocks that were read or written by it; they are not what has to go first.
    """

    folder: Path = attrs.field(factory=lambda: cache_folder() / "rows")
    limit: int = attrs.field(factory=limit)
    complaints: set[str] = attrs.field(factory=set, init=False, repr=False, eq=False)
    used: set[Path] = attrs.field(factory=set, init=False, repr=False, eq=False)

    def complain(self, text: str) -> None:
        """Say what a run has to go on without, once."""
        if text not in self.complaints:
            self.complaints.add(text)
            say(text)

    def table(self, name: str, key: str, row_shape: tuple[int, ...], dtype: Any) -> Table:
        """Open a table.

        Args:
            name: Says to a person what is in it; a table that is there keeps the one it has.
            key: Says everything that its rows depend on, beside their ids.
            row_shape: The shape of each row.
            dtype: The type of the values.
        """
        new = self.folder / f"{name}-{key}"
        folder = min(paths_in(self.folder, f"*-{key}"), default=new)
        return Table(folder, row_shape, np.dtype(dtype), self.used)

    def has_room(self, size: int) -> bool:
        """Say whether so many bytes may be added, once what was not used for long is removed."""
        place = next(path for path in (self.folder, *self.folder.parents) if path.exists())
        blocks = list(self._blocks())
        excess = max(0, sum(held for _, held, _ in blocks) + size - self.limit)
        idle = sum(held for path, held, _ in blocks if path not in self.used)
        return excess <= idle and size + _SPARE <= shutil.disk_usage(place).free + excess

    def size(self) -> int:
        """Return how many bytes it holds."""
        return sum(size for _, size, _ in self._blocks())

    def kept(self) -> list[Kept]:
        """Return what it holds, that which was used last first."""
        tables: dict[str, Kept] = {}
        for path, size, used in self._blocks():
            name = path.parent.name
            before = tables.get(name, Kept(name, 0, 0.0))
            tables[name] = Kept(name, before.size + size, max(before.used, used))
        return sorted(tables.values(), key=lambda table: -table.used)

    def trim(self, room: int = 0) -> None:
        """Remove what was not used for longest until it is within the limit with so much room.

        What this run uses itself stays: it would only be computed anew, by this run or the next.
        """
        blocks = sorted(self._blocks(), key=lambda block: block[2])
        excess = sum(size for _, size, _ in blocks) + room - self.limit
        for path, size, _ in blocks:
            if excess <= 0:
                break
            if path in self.used:
                continue
            excess -= size
            _remove(path)
        self._sweep()

    def clear(self) -> int:
        """Remove everything, and return how many bytes there were."""
        size = self.size()
        shutil.rmtree(self.folder, ignore_errors=True)
        return size

    def _blocks(self) -> Iterator[tuple[Path, int, float]]:
        """Yield path, size in bytes, and time of the last use of each block."""
        for path in paths_in(self.folder, f"*/*{ENDING}"):
            try:
                status = path.stat()
            except OSError:
                continue
            yield path, status.st_size, status.st_mtime

    def _sweep(self) -> None:
        """Remove what runs that were killed have left."""
        for path in paths_in(self.folder, f"*/*{PARTIAL}"):
            try:
                stale = time.time() - path.stat().st_mtime > _STALE
            except OSError:
                continue
            if stale:
                _remove(path)


def _remove(path: Path) -> None:
    try:
        path.unlink()
    except OSError:
        # Removed by another run, or not ours to remove.
        return
