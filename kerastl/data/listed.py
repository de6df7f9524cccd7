"""Photos as Python lists of paths and labels."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable

import attrs

from kerastl.data.files import Row, labelled_files, split_named, text_of, weight_of
from kerastl.data.splits import load_splits
from kerastl.errors import DataError, UsageError
from kerastl.labelled import Division, Labelled, Splits
from kerastl.validators import as_tuple


def _as_texts(paths: Iterable[str | os.PathLike[str]]) -> tuple[str, ...]:
    if isinstance(paths, str | os.PathLike):
        raise UsageError(f"ImageFiles.paths must be a list of paths, not {paths!r}.")
    return tuple(os.fspath(path) for path in paths)


@attrs.frozen
class ImageFiles:
    """Photos as lists: one path and one label each.

    Args:
        paths: The photo files.
        labels: The name of the class of each, or the names of all its classes in a tuple or list:
            then each label is told for itself.
        splits: `"train"`, `"validation"` or `"test"` for each; empty where it is to be drawn.
        groups: Photos of one name are kept in one split; empty where a photo is alone.
        weights: How much each counts in the loss.
    """

    paths: tuple[str, ...] = attrs.field(converter=_as_texts, repr=False)
    labels: tuple[str | tuple[str, ...], ...] = attrs.field(converter=tuple, repr=False)
    splits: tuple[str, ...] = attrs.field(default=(), converter=tuple, repr=False)
    groups: tuple[str, ...] = attrs.field(default=(), converter=tuple, repr=False)
    weights: tuple[float, ...] = attrs.field(default=(), converter=tuple, repr=False)

    def find(self) -> Labelled:
        """Return all photos.

        Raises:
            DataError: The lists are not of one length, or a photo has no label.
        """
        count = len(self.paths)
        columns = (self.labels, self.splits, self.groups, self.weights)
        if any(column and len(column) != count for column in columns) or not self.labels:
            lengths = ", ".join(str(len(column)) for column in columns)
            raise DataError(
                f"{count} paths were given with {lengths} labels, splits, groups and weights; "
                "expected one of each for each path, or none."
            )
        rows = [self._row(number) for number in range(count)]
        if len({row.path for row in rows}) < count:
            path = Counter(row.path for row in rows).most_common(1)[0][0]
            raise DataError(f"{path} is in the list more than once.")
        root = os.path.commonpath([os.path.dirname(row.path) for row in rows])
        return labelled_files(rows, root)

    def _row(self, number: int) -> Row:
        path = os.path.abspath(os.path.expanduser(self.paths[number]))
        try:
            return Row(
                path,
                tuple(map(str, as_tuple(self.labels[number]))),
                split_named(self.splits[number]) if self.splits else "",
                text_of(self.groups[number]) if self.groups else "",
                weight_of(self.weights[number]) if self.weights else 1.0,
                isinstance(self.labels[number], tuple | list),
            )
        except ValueError as error:
            raise DataError(f"{path}: {error}.") from error

    def load(self, seed: int = 0, division: Division | None = None) -> Splits:
        """Return the splits; those that are not given are drawn.

        Raises:
            DataError: As of `find`; or a class has too few photos.
        """
        return load_splits(self, seed, division)

    def __str__(self) -> str:
        """Name the photos in a line."""
        return f"the list of {len(self.paths)} photos"
