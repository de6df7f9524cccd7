"""Photos in folders, one folder a class: the source that most people have."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from kerastl.data.splits import divide
from kerastl.errors import DataError
from kerastl.recipe import Split, Splits

if TYPE_CHECKING:
    import tensorflow as tf

_SPLIT_NAMES = {
    "train": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "test": "test",
}


@attrs.frozen
class ImageFolder:
    """A folder of class folders, or of `train`, `validation` (or `val`), `test` folders of those.

    Args:
        path: The folder.
        validation: Share of the training photos (0..1) that becomes the validation split, class by
            class, where the folder has none.
        test: The same for the test split, where the folder has neither a validation nor a test
            folder: a folder that is split at all is taken as it is.
    """

    path: str = attrs.field(converter=str)
    validation: float = 0.15
    test: float = 0.15

    def load(self, seed: int) -> Splits:
        """Return the splits; photos are only listed, not opened.

        Raises:
            DataError: There is no such folder, or it does not hold at least two classes of photos.
        """
        root = Path(self.path).expanduser()
        folders = _split_folders(root)
        classes = _classes(root, folders)
        found = {name: _photos(folder, classes) for name, folder in folders.items()}
        if "train" in found:
            _require_each_class(folders["train"], found["train"], classes)
            found |= self._drawn(found, classes, seed)
        return Splits(**{name: _split(found.get(name, [])) for name in _names()}, classes=classes)

    def _drawn(
        self, found: dict[str, list[tuple[str, int]]], classes: tuple[str, ...], seed: int
    ) -> dict[str, list[tuple[str, int]]]:
        """Draw from the training photos the splits that the folder does not have."""
        shares = {} if "validation" in found else {"validation": self.validation}
        if len(found) == 1:
            shares["test"] = self.test
        photos = found["train"]
        drawn = divide([label for _, label in photos], shares, classes, seed)
        return {name: [photos[index] for index in indices] for name, indices in drawn.items()}


def _names() -> tuple[str, ...]:
    return tuple(dict.fromkeys(_SPLIT_NAMES.values()))


def _split_folders(root: Path) -> dict[str, Path]:
    """Return the folder of each split; a folder without split folders is all for training."""
    if not root.is_dir():
        raise DataError(f"There is no folder {str(root)!r}.")
    found = {
        _SPLIT_NAMES[path.name]: path for path in _subfolders(root) if path.name in _SPLIT_NAMES
    }
    return found or {"train": root}


def _subfolders(folder: Path) -> list[Path]:
    return sorted(
        path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")
    )


def _classes(root: Path, folders: dict[str, Path]) -> tuple[str, ...]:
    classes = tuple(
        sorted({path.name for folder in folders.values() for path in _subfolders(folder)})
    )
    if not classes:
        where = " or ".join(str(folder) for folder in folders.values())
        raise DataError(
            f"{where} holds no class folders; expected one folder of photos for each class."
        )
    if len(classes) == 1:
        raise DataError(
            f"{root} holds the one class {classes[0]!r}; a classifier needs at least two."
        )
    return classes


def _photos(folder: Path, classes: tuple[str, ...]) -> list[tuple[str, int]]:
    """Return path and label of every file below the class folders, in the order of the paths."""
    return [(path, label) for label, name in enumerate(classes) for path in _files(folder / name)]


def _files(folder: Path) -> list[str]:
    found = [
        os.path.join(where, file)
        for where, _, files in os.walk(folder, followlinks=True)
        for file in files
        if not file.startswith(".")
    ]
    return sorted(found)


def _require_each_class(
    folder: Path, photos: list[tuple[str, int]], classes: tuple[str, ...]
) -> None:
    with_photos = {label for _, label in photos}
    without = [name for label, name in enumerate(classes) if label not in with_photos]
    if without:
        named = ", ".join(repr(name) for name in without)
        raise DataError(
            f"{folder} holds no photos of class {named}; add some or remove the folder."
        )


def _split(photos: list[tuple[str, int]]) -> Split:
    return photo_files([path for path, _ in photos], [label for _, label in photos])


def photo_files(paths: Sequence[str], labels: Sequence[int]) -> Split:
    """Return files of photos as a split."""

    def encoded() -> tf.data.Dataset:
        import tensorflow as tf

        files = tf.data.Dataset.from_tensor_slices(tf.constant(list(paths), tf.string))
        return files.map(tf.io.read_file, num_parallel_calls=tf.data.AUTOTUNE)

    return Split(tuple(paths), tuple(labels), encoded)
