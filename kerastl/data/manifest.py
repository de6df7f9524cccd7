"""Photos that a table lists, one a line: CSV, TSV or JSON Lines."""

from __future__ import annotations

import csv
import json
import math
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs

from kerastl.console import say
from kerastl.data.files import Row, labelled_files
from kerastl.data.quarantine import QUARANTINE, quarantined
from kerastl.data.splits import load_splits
from kerastl.errors import DataError, did_you_mean
from kerastl.labelled import SPLITS, TEST, TRAIN, VALIDATION, Division, Labelled, Splits

_ENDINGS = (".csv", ".tsv", ".jsonl", ".ndjson")
_SPLITS = {"": "", "val": VALIDATION, "valid": VALIDATION, "training": TRAIN, "testing": TEST} | {
    name: name for name in SPLITS
}
# What separates several labels in a cell.
_BETWEEN = re.compile(r"\s*[;|]\s*")


def is_manifest(text: str) -> bool:
    """Say whether the path is that of a manifest, by its ending."""
    return text.lower().endswith(_ENDINGS)


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
    group: str = "group"
    multi_label: bool | None = None

    def find(self, everything: bool = False) -> Labelled:
        """Return all photos; they are only listed, not opened.

        Args:
            everything: Whether files that the quarantine list names are among them.

        Raises:
            DataError: There is no such file, a line of it is not as expected, or there are not at
                least two classes.
        """
        root = self.root
        rows = list(self._rows())
        if rows and not any(os.path.lexists(row.path) for row in rows):
            raise DataError(
                f"No photo that {self.path} names exists, such as {rows[0].path}; paths are taken "
                f"from the folder {root}."
            )
        left_out = set() if everything else quarantined(root)
        if left_out:
            say(f"Left out: {len(left_out)} files that {root / QUARANTINE} names")
        rows = [row for row in rows if row.path not in left_out]
        return labelled_files(rows, str(root), multi_label=self.multi_label)

    def load(self, seed: int = 0, division: Division | None = None) -> Splits:
        """Return the splits; those that the table does not have are drawn.

        Raises:
            DataError: As of `find`; or a class has too few photos.
        """
        return load_splits(self, seed, division)

    @property
    def root(self) -> Path:
        """The folder that paths are relative to."""
        return Path(self.path).expanduser().absolute().parent

    def _rows(self) -> Iterator[Row]:
        lines: dict[str, int] = {}
        for line, values in _lines(Path(self.path).expanduser()):
            try:
                row = self._row(values)
                if row.path in lines:
                    raise ValueError(f"it names the photo of line {lines[row.path]} again")
            except ValueError as error:
                raise DataError(f"Line {line} of {self.path}: {error}.") from error
            lines[row.path] = line
            yield row

    def _row(self, values: Mapping[str, Any]) -> Row:
        """Return a line's photo; what is wrong with it is a ValueError."""
        for column in (self.path_column, self.label_column):
            if column not in values:
                hint = did_you_mean(column, filter(None, values))
                raise ValueError(f"there is no column {column!r}. {hint}".rstrip("."))
        path = _text(values[self.path_column])
        if not path:
            raise ValueError("the path is empty")
        split = _text(values.get("split")).casefold()
        if split not in _SPLITS:
            raise ValueError(f"the split must be {', '.join(SPLITS)} or empty, not {split!r}")
        return Row(
            os.path.normpath(self.root / os.path.expanduser(path)),
            _labels(values[self.label_column]),
            _SPLITS[split],
            _text(values.get(self.group)),
            _weight(values.get("weight")),
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
    if path.suffix.lower() in (".jsonl", ".ndjson"):
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
            values = json.loads(line)
        except ValueError as error:
            raise DataError(f"Line {number} of {path} is no JSON: {error}.") from error
        if not isinstance(values, dict):
            raise DataError(f"Line {number} of {path} is no JSON object.")
        yield number, values


def _text(value: Any) -> str:
    return "" if value is None else str(value).strip()


def _labels(value: Any) -> tuple[str, ...]:
    if isinstance(value, list):
        return tuple(filter(None, map(_text, value)))
    return tuple(filter(None, _BETWEEN.split(_text(value))))


def _weight(value: Any) -> float:
    if _text(value) == "":
        return 1.0
    try:
        weight = float(value)
    except (TypeError, ValueError):
        weight = math.nan
    if not 0 <= weight < math.inf:
        raise ValueError(f"the weight must be a number from 0, not {value!r}")
    return weight
