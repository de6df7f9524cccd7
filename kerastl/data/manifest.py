"""Photos that a table lists, one a line: CSV, TSV or JSON Lines."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs

from kerastl.data.files import (
    Row,
    labelled_files,
    split_named,
    text_of,
    weight_of,
    without_quarantined,
)
from kerastl.data.splits import load_splits
from kerastl.errors import DataError, did_you_mean
from kerastl.files import absolute
from kerastl.labelled import Division, Labelled, Splits
from kerastl.settings import parse_json

_GROUP = "group"
_JSON_ENDINGS = (".jsonl", ".ndjson")
_ENDINGS = (".csv", ".tsv", *_JSON_ENDINGS)
# What separates several labels in a cell.
_BETWEEN = re.compile(r"\s*[;|]\s*")


def is_manifest(text: str) -> bool:
    """Say whether the path is that of a manifest, by its ending."""
    return text.lower().endswith(_ENDINGS)


def _is_json(text: str) -> bool:
    return text.lower().endswith(_JSON_ENDINGS)


@attrs.frozen
class Manifest:
    """A table of photos: `path`, `label`, and perhaps `split`, `group` and `weight`.

    Several labels in a cell are separated by `;` or `|`, or are a list in JSON Lines: where one
    photo has several, each label is told for itself. Paths are relative to the file.

    Args:
        path: The file: `.csv`, `.tsv`, `.jsonl`.
        path_column: The column of the photos' paths.
        label_column: The column of their labels.
        group: The column of what photos have in common that must be in the same split.
        multi_label: Whether a photo has any number of labels; if None, whether one has several.
    """

    path: str = attrs.field(converter=str)
    path_column: str = "path"
    label_column: str = "label"
    group: str = _GROUP
    multi_label: bool | None = None

    def find(self, everything: bool = False) -> Labelled:
        """Return all photos; they are only listed, not opened.

        Args:
            everything: Whether files that the quarantine list names are among them.

        Raises:
            DataError: There is no such file, or a line of it is not as expected.
        """
        root = self.root
        rows = list(self._rows())
        if not rows:
            raise DataError(f"{self.path} names no photos; expected one a line, after a heading.")
        if self.group != _GROUP and not any(row.group for row in rows):
            raise DataError(f"No photo in {self.path} is of a group: {self.group!r} finds none.")
        if rows and not any(os.path.lexists(row.path) for row in rows):
            raise DataError(
                f"No photo that {self.path} names exists, such as {rows[0].path}; paths are taken "
                f"from the folder {root}."
            )
        rows = rows if everything else without_quarantined(rows, root)
        return labelled_files(rows, str(root), multi_label=self.multi_label)

    def glance(self) -> None:
        """Make sure that the table can be read, by its first line.

        Raises:
            DataError: It cannot.
        """
        next(self._rows(), None)

    def load(self, seed: int = 0, division: Division | None = None) -> Splits:
        """Return the splits; those that the table does not have are drawn.

        Raises:
            DataError: As of `find`; or a class has too few photos.
        """
        return load_splits(self, seed, division)

    @property
    def root(self) -> Path:
        """The folder that paths are relative to."""
        return absolute(self.path).parent

    def __str__(self) -> str:
        """Name the table."""
        return self.path

    def _rows(self) -> Iterator[Row]:
        lines: dict[str, int] = {}
        for line, cells in _lines(Path(self.path).expanduser()):
            # A heading is the same in capitals.
            values = {str(name).casefold(): value for name, value in cells.items()}
            self._require_columns(values, line)
            try:
                row = self._row(values)
                if row.path in lines:
                    raise ValueError(f"it names the photo of line {lines[row.path]} again")
            except ValueError as error:
                raise DataError(f"Line {line} of {self.path}: {error}.") from error
            lines[row.path] = line
            yield row

    def _require_columns(self, values: Mapping[str, Any], line: int) -> None:
        for column in (self.path_column, self.label_column):
            if column.casefold() not in values:
                # Objects may differ; the columns of a table are in its first line.
                where = f", line {line}," if _is_json(self.path) else ""
                hint = did_you_mean(column, filter(None, values))
                raise DataError(f"{self.path}{where} has no column {column!r}. {hint}")

    def _row(self, values: Mapping[str, Any]) -> Row:
        """Return a line's photo; what is wrong with it is a ValueError."""
        path = text_of(values[self.path_column.casefold()])
        if not path:
            raise ValueError("the path is empty")
        return Row(
            os.path.normpath(self.root / os.path.expanduser(path)),
            _labels(values[self.label_column.casefold()]),
            split_named(values.get("split")),
            text_of(values.get(self.group.casefold())),
            weight_of(values.get("weight")),
            isinstance(values[self.label_column.casefold()], list),
        )


def _lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the number of each line, from 1, and its values by column."""
    try:
        # Spreadsheets begin a file with a mark of its encoding.
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 text; save it as CSV in UTF-8.") from error
    if _is_json(path.name):
        yield from _json_lines(path, text)
        return
    first = text.partition("\n")[0]
    between = "\t" if path.suffix.lower() == ".tsv" else max(",;\t", key=first.count)
    reader = csv.DictReader(text.splitlines(keepends=True), delimiter=between, strict=True)
    reader.fieldnames = [name.strip() for name in reader.fieldnames or ()]
    try:
        for values in reader:
            if None in values or None in values.values():
                raise DataError(
                    f"Line {reader.line_num} of {path} has more or fewer cells than the first line."
                )
            yield reader.line_num, values
    except csv.Error as error:
        raise DataError(f"Line {reader.line_num} of {path} is no CSV: {error}.") from error


def _json_lines(path: Path, text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            values = parse_json(line)
        except ValueError as error:
            raise DataError(f"Line {number} of {path} is no JSON: {error}.") from error
        if not isinstance(values, dict):
            raise DataError(f"Line {number} of {path} is no JSON object.")
        yield number, values


def _labels(value: Any) -> tuple[str, ...]:
    if isinstance(value, list):
        return tuple(filter(None, map(text_of, value)))
    return tuple(filter(None, _BETWEEN.split(text_of(value))))
