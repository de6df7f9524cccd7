"""Photos in folders, one folder a class: the source that most people have."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from kerastl import validators
from kerastl.console import say
from kerastl.data.quarantine import QUARANTINE, quarantined
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
    validation: float = attrs.field(default=0.15, validator=validators.part)
    test: float = attrs.field(default=0.15, validator=validators.part)

    def load(self, seed: int) -> Splits:
        """Return the splits; photos are only listed, not opened.

        Raises:
            DataError: There is no such folder, or it does not hold at least two classes of photos.
        """
        root = self.root
        folders = _split_folders(root)
        classes = _classes(root, folders)
        left_out = quarantined(root)
        found = {
            name: [photo for photo in _photos(folder, classes) if photo[0] not in left_out]
            for name, folder in folders.items()
        }
        if left_out:
            say(f"Left out: {len(left_out)} files that {root / QUARANTINE} names")
        if "train" in found:
            _require_each_class(folders["train"], found["train"], classes)
            found |= self._drawn(found, classes, seed)
        return _splits(found, classes)

    def as_it_is(self) -> Splits:
        """Return the photos as they are in the folder, whatever is wrong with them; none is drawn.

        Raises:
            DataError: There is no such folder, or it does not hold at least two classes of photos.
        """
        folders = _split_folders(self.root)
        classes = _classes(self.root, folders)
        return _splits(
            {name: _photos(folder, classes) for name, folder in folders.items()}, classes
        )

    @property
    def root(self) -> Path:
        """The folder's full path."""
        return Path(self.path).expanduser().absolute()

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
    if found and others:
        say(f"Passed over beside {', '.join(found)} in {root}: {', '.join(others)}")
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
    return [(path, label) for label, name in enumerate(classes) for path in files_in(folder / name)]


def files_in(folder: Path | str) -> list[str]:
    """Return the sorted paths of all files in a folder, however deep, but for hidden ones.

    Links are followed, each folder once, so that a link to a folder above does no harm.
    """
    found, seen = [], set()
    for where, folders, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(where)
        folders[:] = [] if real in seen else [name for name in folders if name[0] != "."]
        if real not in seen:
            found += [os.path.join(where, name) for name in files if name[0] != "."]
        seen.add(real)
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


def _splits(found: dict[str, list[tuple[str, int]]], classes: tuple[str, ...]) -> Splits:
    return Splits(**{name: _split(found.get(name, [])) for name in _names()}, classes=classes)


def _split(photos: list[tuple[str, int]]) -> Split:
    return photo_files([path for path, _ in photos], [label for _, label in photos])


def photo_files(paths: Sequence[str], labels: Sequence[int]) -> Split:
    """Return files of photos as a split."""

    def encoded() -> tf.data.Dataset:
        import tensorflow as tf

        files = tf.data.Dataset.from_tensor_slices(
            tf.constant([os.fsencode(path) for path in paths], tf.string)
        )
        return files.map(tf.io.read_file, num_parallel_calls=tf.data.AUTOTUNE)

    return Split(tuple(paths), tuple(labels), encoded)
