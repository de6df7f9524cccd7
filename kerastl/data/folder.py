"""Photos in folders, one folder a class: the source that most people have."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import attrs

from kerastl import validators
from kerastl.console import say
from kerastl.data.files import Row, files_in, is_written, labelled_files, without_quarantined
from kerastl.data.splits import load_splits
from kerastl.errors import DataError
from kerastl.files import absolute
from kerastl.labelled import (
    SPLITS,
    TEST,
    TRAIN,
    VALIDATION,
    Division,
    Labelled,
    Splits,
    require_two,
)

_SPLIT_NAMES = {
    "train": TRAIN,
    "validation": VALIDATION,
    "valid": VALIDATION,
    "val": VALIDATION,
    "test": TEST,
}


@attrs.frozen
class ImageFolder:
    """A folder of class folders, or of `train`, `validation` (or `val`), `test` folders of those.

    Args:
        path: The folder.
        class_level: How many folders deep the class folders are, from 1: with 2, the class of
            `site/cat/photo.jpg` is `cat`.
        group: What photos have in common that must be in the same split: how many folders deep the
            folder of a person or an occasion is, or a regular expression that finds its name in a
            photo's path within the folder.
    """

    path: str = attrs.field(converter=str)
    class_level: int = attrs.field(default=1, validator=validators.whole("a number of folders", 1))
    group: int | str | None = attrs.field(default=None, validator=validators.grouping)

    def find(self, everything: bool = False) -> Labelled:
        """Return all photos; they are only listed, not opened.

        Args:
            everything: Whether files that the quarantine list names are among them, and it does not
                matter if a class has no photos to learn from.

        Raises:
            DataError: There is no such folder, or a class has no photos to learn from.
        """
        root = self.root
        folders, others = _split_folders(root)
        if others:
            say(f"Passed over beside {', '.join(folders)} in {root}: {', '.join(others)}")
        classes = self._classes(folders)
        rows = list(self._rows(folders))
        rows = rows if everything else without_quarantined(rows, root)
        if self.group is not None and not any(row.group for row in rows):
            raise DataError(f"No photo in {root} is of a group: group={self.group!r} finds none.")
        if not everything and not {VALIDATION, TEST} >= set(folders):
            _require_each_class(folders.get(TRAIN, root), rows, classes)
        return labelled_files(rows, str(root), classes)

    def glance(self) -> None:
        """Make sure that there are folders of two classes; nobody looks into them.

        Raises:
            DataError: There are not.
        """
        folders, _ = _split_folders(self.root)
        require_two(self._classes(folders), self)

    def load(self, seed: int = 0, division: Division | None = None) -> Splits:
        """Return the splits; those that the folder does not have are drawn.

        Raises:
            DataError: As of `find`; or a class has too few photos.
        """
        return load_splits(self, seed, division)

    def __str__(self) -> str:
        """Name the folder."""
        return self.path

    @property
    def root(self) -> Path:
        """The folder's full path."""
        return absolute(self.path)

    def _class_folders(self, folder: Path) -> list[Path]:
        found = [folder]
        for _ in range(self.class_level):
            found = [sub for each in found for sub in _subfolders(each)]
        return found

    def _classes(self, folders: dict[str, Path]) -> tuple[str, ...]:
        """Return the names of the classes."""
        names = {each.name for folder in folders.values() for each in self._class_folders(folder)}
        if not names:
            where = " or ".join(str(folder) for folder in folders.values())
            raise DataError(
                f"{where} holds no class folders; expected one folder of photos for each class."
            )
        return tuple(sorted(names))

    def _rows(self, folders: dict[str, Path]) -> Iterator[Row]:
        """Yield every file below the class folders, class by class, in the order of the paths."""
        for split, folder in folders.items():
            for place in sorted(self._class_folders(folder), key=lambda each: (each.name, each)):
                for path in files_in(place):
                    yield Row(path, (place.name,), split, self._group_of(path, folder))

    def _group_of(self, path: str, folder: Path) -> str:
        within = os.path.relpath(path, folder)
        if isinstance(self.group, str):
            found = re.search(self.group, within)
            return (found[1 if found.re.groups else 0] or "") if found else ""
        folders = within.split(os.sep)[:-1]
        return folders[self.group - 1] if self.group and len(folders) >= self.group else ""


def _split_folders(root: Path) -> tuple[dict[str, Path], list[str]]:
    """Return the folder of each split, and the names of those beside them, which are none.

    A folder without split folders is one without a name.
    """
    if root.is_file():
        raise DataError(f"{root} is no folder, and no manifest (.csv, .tsv or .jsonl).")
    if not root.is_dir():
        raise DataError(f"There is no folder {str(root)!r}.")
    found: dict[str, Path] = {}
    others = []
    for path in _subfolders(root):
        split = _SPLIT_NAMES.get(path.name.casefold())
        if split in found:
            raise DataError(f"{found[split]} and {path} are both for {split}; keep one of them.")
        if split:
            found[split] = path
        else:
            others.append(path.name)
    if not found:
        return {"": root}, []
    return {name: found[name] for name in SPLITS if name in found}, others


def _subfolders(folder: Path) -> list[Path]:
    """Return the folders in a folder, but for hidden ones and for what kerastl has written."""
    shown = (path for path in folder.iterdir() if not path.name.startswith("."))
    return sorted(path for path in shown if path.is_dir() and not is_written(path))


def _require_each_class(folder: Path, rows: list[Row], classes: tuple[str, ...]) -> None:
    with_photos = {row.labels[0] for row in rows if row.split not in (VALIDATION, TEST)}
    without = [name for name in classes if name not in with_photos]
    if without:
        named = ", ".join(repr(name) for name in without)
        raise DataError(
            f"{folder} holds no photos of class {named}; add some or remove the folder."
        )
