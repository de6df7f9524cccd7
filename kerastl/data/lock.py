"""The file that says which photo was in which split, to go on with and to divide alike again."""

from __future__ import annotations

import json
from collections.abc import Collection
from itertools import compress
from pathlib import Path
from typing import Any

import attrs

from kerastl import runs
from kerastl.errors import RunDirectoryError, one_line
from kerastl.files import write_text
from kerastl.labelled import SPLITS, Label, Labelled, Split, Splits
from kerastl.rundir import RunDirectory
from kerastl.settings import parse_json


@attrs.frozen(eq=False)
class Lock:
    """Labelled photos of an earlier run.

    Args:
        path: The file.
        classes: The names of the classes.
        names: Where each photo came from.
        labels: The label of each.
        weights: How much each counts in the loss, or nothing.
        splits: The split of each.
        ids: What tells the bytes of each from others, as hexadecimal digits; empty if not known.
        multi_label: Whether a photo has any number of labels.
        root: The folder of the photos; empty where they are no files.
    """

    path: Path
    classes: tuple[str, ...]
    names: tuple[str, ...]
    labels: tuple[Label, ...]
    weights: tuple[float, ...]
    splits: tuple[str, ...]
    ids: tuple[str, ...]
    multi_label: bool
    root: str

    def labelled(self) -> Labelled:
        """Return the very photos of the run, which are files."""
        photos = Split(self.names, self.labels, weights=self.weights)
        return Labelled(photos, self.classes, self.splits, (), self.multi_label, self.root)

    def only(self, names: Collection[str]) -> Lock:
        """Return what there is of the splits of some names."""
        chosen = [split in names for split in self.splits]

        def some(values: tuple[Any, ...]) -> tuple[Any, ...]:
            return tuple(compress(values, chosen))

        return attrs.evolve(
            self,
            names=some(self.names),
            labels=some(self.labels),
            weights=some(self.weights),
            splits=some(self.splits),
            ids=some(self.ids),
        )

    def splits_of(self, labelled: Labelled) -> dict[int, str]:
        """Return the split of each photo that is known, by its bytes or else by its name."""
        known = dict(zip(self.names, self.splits, strict=True))
        known |= {one: split for one, split in zip(self.ids, self.splits, strict=True) if one}
        ids = labelled.photos.ids
        found = {}
        for number, name in enumerate(labelled.photos.names):
            one = "" if ids is None else ids[number].tobytes().hex()
            split = known.get(one) or known.get(name)
            if split:
                found[number] = split
        return found


def write_lock(path: Path, splits: Splits) -> None:
    """Write down which photo is in which split.

    Raises:
        RunDirectoryError: The file cannot be written.
    """
    parts: dict[str, Any] = {
        name: {
            "names": split.names,
            "labels": split.labels,
            "weights": split.weights,
            "ids": [] if split.ids is None else [one.tobytes().hex() for one in split.ids],
        }
        for name, split in splits.by_name().items()
    }
    about = {"classes": splits.classes, "multi_label": splits.multi_label, "root": splits.root}
    write_text(path, json.dumps(about | parts, indent=0) + "\n")


def file_of(name: str | Path) -> Path:
    """Return the path of the file, or of that of a run; it need not be there.

    Args:
        name: The file, a run directory, or a recipe's name for its newest run.

    Raises:
        RunDirectoryError: There is no such run.
    """
    path = Path(name).expanduser()
    if path.is_dir() and (path.name != str(name) or RunDirectory(path).splits.is_file()):
        return RunDirectory(path).splits
    if path.name == str(name) and path.suffix != ".json":
        return runs.find(path.name).splits
    return path


def read_lock(name: str | Path) -> Lock:
    """Read the file, or that of a run.

    Args:
        name: As of `file_of`.

    Raises:
        RunDirectoryError: There is no such run, or the file is missing or damaged.
    """
    path = file_of(name)
    if not path.exists():
        raise RunDirectoryError(f"There is no {path}, which says which photo is in which split.")
    try:
        record = parse_json(path.read_text(encoding="utf-8"))
        parts = [(split, record[split]) for split in SPLITS]
        columns = {
            column: tuple(value for _, part in parts for value in part.get(column, ()))
            for column in ("names", "labels", "weights", "ids")
        }
        splits = tuple(split for split, part in parts for _ in part["names"])
        labels = tuple(
            tuple(some) if isinstance(some, list) else some for some in columns["labels"]
        )
        if len(labels) != len(splits):
            raise ValueError("not every photo has a label")
        ids = columns["ids"] if len(columns["ids"]) == len(splits) else ("",) * len(splits)
        return Lock(
            path,
            tuple(record["classes"]),
            columns["names"],
            labels,
            columns["weights"] if len(columns["weights"]) == len(splits) else (),
            splits,
            ids,
            bool(record.get("multi_label", False)),
            str(record.get("root", "")),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise RunDirectoryError(f"{path} is damaged: {one_line(error)}.") from error
