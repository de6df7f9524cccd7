"""Photo files and what is said of them: what folders, lists and manifests come down to."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs

from kerastl.console import counted, say
from kerastl.data.quarantine import QUARANTINE, quarantined
from kerastl.data.report import FILE, is_report
from kerastl.errors import DataError
from kerastl.labelled import SPLITS, TEST, TRAIN, VALIDATION, Labelled, Split
from kerastl.rundir import RunDirectory


@attrs.frozen
class Row:
    """A photo file, and what is said of it.

    Args:
        path: Where it is.
        labels: The names of its classes.
        split: Its split; empty if it is to be drawn.
        group: What it is to be kept together with; empty if it is alone.
        weight: How much it counts in the loss.
        is_list: Whether the labels are told as a list, and may be any number.
    """

    path: str
    labels: tuple[str, ...]
    split: str = ""
    group: str = ""
    weight: float = 1.0
    is_list: bool = False


_SPLITS = {
    **{name: name for name in ("", *SPLITS)},
    **{"val": VALIDATION, "valid": VALIDATION, "training": TRAIN, "testing": TEST},
}

# What a folder of a run, or of a report, has in it.
_SIGNS = {RunDirectory(Path()).record.name, FILE}


def text_of(value: Any) -> str:
    """Return a cell's text; of nothing, none."""
    return "" if value is None else str(value).strip()


def split_named(value: Any) -> str:
    """Return the split that a person means; what is none is a ValueError."""
    split = text_of(value).casefold()
    if split not in _SPLITS:
        raise ValueError(f"the split must be {', '.join(SPLITS)} or empty, not {split!r}")
    return _SPLITS[split]


def weight_of(value: Any) -> float:
    """Return the weight that a person means; what is none is a ValueError."""
    if text_of(value) == "":
        return 1.0
    try:
        weight = float(value)
    except (TypeError, ValueError):
        weight = math.nan
    if not 0 <= weight < math.inf:
        raise ValueError(f"the weight must be a number from 0, not {value!r}")
    return weight


def without_quarantined(rows: Sequence[Row], root: Path) -> list[Row]:
    """Return the files that a folder's quarantine list does not name, and say how many it does."""
    left_out = quarantined(root)
    rest = [row for row in rows if row.path not in left_out]
    if len(rest) < len(rows):
        say(f"Left out: {counted(len(rows) - len(rest), 'file')} that {root / QUARANTINE} names")
    return rest


def labelled_files(
    rows: Sequence[Row], root: str, classes: tuple[str, ...] = (), multi_label: bool | None = None
) -> Labelled:
    """Return files of photos as a source gives them.

    Args:
        rows: The files.
        root: The folder of them all.
        classes: The classes, in their order; those that the rows name unless they are given.
        multi_label: Whether photos have any number of labels; if None, whether one has several.

    Raises:
        DataError: A photo has no label, or several where one is expected.
    """
    classes = classes or _classes(rows)
    if not classes:
        raise DataError(f"No photo in {root} has a label.")
    if multi_label is None:
        multi_label = any(len(row.labels) > 1 or row.is_list for row in rows)
    for row in rows:
        if not multi_label and len(row.labels) != 1:
            has = f"{len(row.labels)} labels; expected one" if row.labels else "no label"
            raise DataError(
                f"{row.path} has {has} (data.multi_label=true lets it have any number)."
            )
    numbers = {name: number for number, name in enumerate(classes)}
    labels = [tuple(sorted({numbers[name] for name in row.labels})) for row in rows]
    photos = Split(
        (row.path for row in rows),
        labels if multi_label else (label for (label,) in labels),
        weights=tuple(row.weight for row in rows) if any(row.weight != 1 for row in rows) else (),
    )
    return Labelled(
        photos,
        classes,
        tuple(row.split for row in rows),
        tuple(row.group for row in rows),
        multi_label,
        root,
    )


def _classes(rows: Sequence[Row]) -> tuple[str, ...]:
    """Return the classes that rows name, numbers in the order of numbers."""
    names = {name for row in rows for name in row.labels}
    are_numbers = all(name.isdecimal() for name in names)
    return tuple(sorted(names, key=(lambda name: (int(name), name)) if are_numbers else None))


def is_written(folder: Path) -> bool:
    """Say whether kerastl wrote a folder: a run, a report, or nothing but folders of those."""
    return _is_one(folder) or _holds_nothing_else(folder)


def _is_one(folder: Path) -> bool:
    return RunDirectory(folder).is_run() or is_report(folder)


def _holds_nothing_else(folder: Path) -> bool:
    """Say whether all in a folder, but for what is hidden, is written; the first else ends it."""
    try:
        with os.scandir(folder) as entries:
            shown = (entry for entry in entries if entry.name[0] != ".")
            # Links, which may go in a circle, are not followed.
            written = (
                entry.is_dir(follow_symlinks=False) and is_written(Path(entry.path))
                for entry in shown
            )
            return next(written, False) and all(written)
    except OSError:
        return False


def files_in(folder: Path | str) -> list[str]:
    """Return the sorted paths of all files in a folder, however deep, but for hidden ones.

    Links are followed, each folder once, so that a link to a folder above does no harm. Runs and
    reports of kerastl within the folder are passed over.
    """
    found: list[str] = []
    seen: set[str] = set()
    for where, folders, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(where)
        # The names alone are quicker than looking into each folder; the first is the one asked for.
        is_ours = seen and not _SIGNS.isdisjoint(files) and _is_one(Path(where))
        passed = is_ours or real in seen
        folders[:] = [] if passed else [name for name in folders if name[0] != "."]
        if not passed:
            found += [os.path.join(where, name) for name in files if name[0] != "."]
        seen.add(real)
    return sorted(found)
