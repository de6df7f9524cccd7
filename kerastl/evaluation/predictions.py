"""What a model said of each photo of a split: written beside the scores, and read again."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import attrs
import numpy as np
import numpy.typing as npt

from kerastl.errors import RunDirectoryError
from kerastl.files import write_text

_COLUMNS = ["photo", "label", "predicted"]
# What separates several labels in a cell.
_BETWEEN = ";"

Flags = npt.NDArray[np.bool_]


@attrs.frozen(eq=False)
class Predictions:
    """What is true of photos, and what a model said of them.

    Args:
        photos: What each photo is known by: its name, or what tells its bytes from others.
        classes: The names of the classes.
        labels: Whether a photo is of a class `[photos, classes]`.
        predicted: Whether the model said so `[photos, classes]`.
        multi_label: Whether a photo has any number of labels.
    """

    photos: tuple[str, ...] = attrs.field(repr=False)
    classes: tuple[str, ...]
    labels: Flags = attrs.field(repr=False)
    predicted: Flags = attrs.field(repr=False)
    multi_label: bool

    def __len__(self) -> int:
        """Return the number of photos."""
        return len(self.photos)

    @property
    def right(self) -> Flags:
        """Whether all that was said of a photo is true `[photos]`."""
        return np.asarray((self.labels == self.predicted).all(axis=1))


def write_predictions(
    path: Path, predictions: Predictions, probabilities: npt.NDArray[np.float64]
) -> None:
    """Write one line a photo, as CSV: photo, label, predicted, the probability of each class.

    Args:
        path: The file.
        predictions: What is true and what was said; photos are known by their names.
        probabilities: Of each class, 0..1 `[photos, classes]`.

    Raises:
        RunDirectoryError: The file cannot be written.
    """
    text = io.StringIO()
    # A name may hold what ends a line, which is not quoted by itself on every Python.
    table = csv.writer(text, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    table.writerow([*_COLUMNS, *predictions.classes])
    for name, *flags, values in zip(
        predictions.photos, predictions.labels, predictions.predicted, probabilities, strict=True
    ):
        cells = (_cell(some, predictions) for some in flags)
        table.writerow([name, *cells, *(float(f"{value:.6g}") for value in values)])
    write_text(path, text.getvalue())


def _cell(flags: Flags, predictions: Predictions) -> str:
    names = [predictions.classes[number] for number in np.flatnonzero(flags)]
    return in_one_cell(names) if predictions.multi_label else names[0]


def in_one_cell(names: Sequence[str]) -> str:
    """Return any number of labels as one cell of a table; a name that holds `;` is quoted."""
    text = io.StringIO()
    csv.writer(text, delimiter=_BETWEEN, lineterminator="").writerow(names)
    return text.getvalue()


def read_predictions(path: Path, classes: Sequence[str], multi_label: bool) -> Predictions:
    """Read what `write_predictions` wrote.

    Args:
        path: The file.
        classes: The names of the classes, as the run tells them.
        multi_label: Whether a photo has any number of labels.

    Raises:
        RunDirectoryError: The file is missing or damaged.
    """
    try:
        # Names of files need not be text, and may hold ends of lines.
        with path.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
            rows = list(csv.reader(file, strict=True))
        _require_table(rows, [*_COLUMNS, *classes])
        labels, predicted = (
            _flags([row[column] for row in rows[1:]], classes, multi_label) for column in (1, 2)
        )
    except FileNotFoundError:
        raise RunDirectoryError(f"There is no {path}.") from None
    except (OSError, ValueError, csv.Error) as error:
        raise RunDirectoryError(f"{path} is damaged: {error}.") from error
    photos = tuple(row[0] for row in rows[1:])
    return Predictions(photos, tuple(classes), labels, predicted, multi_label)


def _require_table(rows: Sequence[Sequence[str]], columns: Sequence[str]) -> None:
    """Make sure that each line has all columns; what is wrong is a ValueError."""
    if not rows or rows[0] != columns:
        raise ValueError(f"its columns are not {', '.join(columns)}")
    for number, row in enumerate(rows[1:], 1):
        if len(row) != len(columns):
            raise ValueError(f"photo {number} has {len(row)} cells, not {len(columns)}")


def _flags(cells: Sequence[str], classes: Sequence[str], multi_label: bool) -> Flags:
    """Return whether each class is in each cell; a name of no class is a ValueError."""
    numbers = {name: number for number, name in enumerate(classes)}
    flags = np.zeros((len(cells), len(classes)), bool)
    for row, cell in zip(flags, cells, strict=True):
        names = next(csv.reader([cell], delimiter=_BETWEEN), []) if multi_label else [cell]
        for name in names:
            if name not in numbers:
                raise ValueError(f"it names the class {name!r}, which the run does not know")
            row[numbers[name]] = True
    return flags
