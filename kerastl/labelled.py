"""Labelled photos, still as files: what a data source gives, and how they are to be divided."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import attrs

from kerastl import validators
from kerastl.errors import DataError, UsageError

if TYPE_CHECKING:
    import tensorflow as tf

    from kerastl.cache import Ids

TRAIN, VALIDATION, TEST = SPLITS = ("train", "validation", "test")

# Makes, for ascending numbers of photos, a dataset of the bytes of their files.
Encoded = Callable[[Sequence[int]], "tf.data.Dataset"]
# The number of a photo's class; where photos have several labels, the numbers of all of them.
Label = int | tuple[int, ...]


def _as_names(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(names)


def _as_labels(labels: Iterable[Label]) -> tuple[Label, ...]:
    return tuple(labels)


@attrs.frozen
class Split:
    """Labelled photos, still as files.

    Args:
        names: One name a photo: its path, or its number in a data set.
        labels: The label of each, an index into the classes, or a tuple of those.
        encoded: Makes, for ascending numbers of photos, a `tf.data.Dataset` of scalar strings: the
            bytes of their files, in that order. None where the names are the paths of files.
        weights: How much each counts in the loss; nothing where all count the same.
        ids: What tells the bytes of each from others, uint8 `[photos, 16]`, if that is known.
    """

    names: tuple[str, ...] = attrs.field(converter=_as_names)
    labels: tuple[Label, ...] = attrs.field(converter=_as_labels)
    encoded: Encoded | None = attrs.field(default=None, repr=False)
    weights: tuple[float, ...] = attrs.field(default=(), repr=False)
    ids: Ids | None = attrs.field(default=None, repr=False, eq=False)

    def __len__(self) -> int:
        """Return the number of photos."""
        return len(self.names)

    def some(self, numbers: Sequence[int]) -> Split:
        """Return the photos of ascending numbers."""
        encoded = self.encoded
        return Split(
            (self.names[number] for number in numbers),
            (self.labels[number] for number in numbers),
            encoded and (lambda chosen: encoded([numbers[number] for number in chosen])),
            tuple(self.weights[number] for number in numbers) if self.weights else (),
            None if self.ids is None else self.ids[list(numbers)],
        )

    def stored(
        self, numbers: Sequence[int]
    ) -> tuple[tf.data.Dataset, Callable[[tf.Tensor], tf.Tensor]]:
        """Return where photos are, and what reads the bytes of the file of each.

        Reading is left to those who decode, so that the same thread does both.

        Args:
            numbers: Those of the photos, ascending.

        Returns:
            A `tf.data.Dataset` of scalars, and a function to be called for each.
        """
        import tensorflow as tf

        if self.encoded is not None:
            return self.encoded(numbers), tf.identity
        paths = [os.fsencode(self.names[number]) for number in numbers]
        return tf.data.Dataset.from_tensor_slices(tf.constant(paths, tf.string)), tf.io.read_file

    def why_unreadable(self, number: int) -> str:
        """Return why the file of a photo cannot even be read."""
        is_gone = self.encoded is None and not os.path.lexists(self.names[number])
        return "there is no such file" if is_gone else "the file cannot be read"


class Splits(NamedTuple):
    """Labelled photos in three splits, any but the first of them empty, and the classes.

    Where `multi_label` is true, a photo has any number of labels, each for itself. `root` is the
    folder of the photos, empty where they are no files.
    """

    train: Split
    validation: Split
    test: Split
    classes: tuple[str, ...]
    multi_label: bool = False
    root: str = ""

    def by_name(self) -> dict[str, Split]:
        """Return the three splits by their names."""
        return dict(zip(SPLITS, self[:3], strict=True))


@attrs.frozen
class Labelled:
    """All photos of a data source.

    Args:
        photos: The photos of all splits.
        classes: The names of the classes.
        splits: The split of each photo, as the source gives it; empty where it does not. From the
            photos for training, splits that the source does not have can be drawn.
        groups: What a photo may be kept together with (a person, an occasion), by name; empty where
            it is alone.
        multi_label: Whether a photo has any number of labels.
        root: The folder of the photos; empty where they are no files.
    """

    photos: Split
    classes: tuple[str, ...]
    splits: tuple[str, ...]
    groups: tuple[str, ...] = ()
    multi_label: bool = False
    root: str = ""

    @classmethod
    def of(
        cls, parts: Mapping[str, Split], classes: tuple[str, ...], multi_label: bool = False
    ) -> Labelled:
        """Put the photos of splits one after the other.

        Args:
            parts: The splits by their names; those that are empty or not there can be drawn.
            classes: The names of the classes.
            multi_label: Whether a photo has any number of labels.
        """
        photos = Split(
            (name for split in parts.values() for name in split.names),
            (label for split in parts.values() for label in split.labels),
            _joined(parts),
        )
        splits = tuple(name for name, split in parts.items() for _ in split.names)
        return cls(photos, classes, splits, multi_label=multi_label)

    def require_two_classes(self, source: object) -> None:
        """Make sure that there is something to tell apart.

        Raises:
            DataError: The source has photos of one class alone.
        """
        require_two(self.classes, source)

    def parted(self) -> Splits:
        """Return the photos by their splits; those without one are for training."""
        parts: dict[str, list[int]] = {name: [] for name in SPLITS}
        for number, split in enumerate(self.splits):
            parts[split or TRAIN].append(number)
        train, validation, test = (self.photos.some(parts[name]) for name in SPLITS)
        return Splits(train, validation, test, self.classes, self.multi_label, self.root)


def _joined(parts: Mapping[str, Split]) -> Encoded | None:
    """Return what makes the bytes of photos of splits that are put one after the other."""
    if all(split.encoded is None for split in parts.values()):
        return None

    def encoded(numbers: Sequence[int]) -> tf.data.Dataset:
        import tensorflow as tf

        found, first = tf.data.Dataset.from_tensors("").take(0), 0
        for split in parts.values():
            chosen = [number - first for number in numbers if first <= number < first + len(split)]
            if chosen:
                photos, read = split.stored(chosen)
                found = found.concatenate(photos.map(read))
            first += len(split)
        return found

    return encoded


def _without_a_fold(instance: Any, attribute: attrs.Attribute[Any], file: str | None) -> None:
    if file is not None and instance.fold is not None:
        raise UsageError("Photos are divided by a fold or as in an earlier run; leave one out.")


def require_two(classes: Sequence[str], source: object) -> None:
    """Make sure that there is something to tell apart.

    Raises:
        DataError: There is one class alone.
    """
    if len(classes) < 2:
        raise DataError(
            f"{source} has photos of the one class {classes[0]!r}; a classifier needs at least two."
        )


@attrs.frozen
class Division:
    """How photos are divided into splits where the data do not say it.

    Where a photo goes is decided by the seed and its own bytes, so that it stays there when others
    are added. Photos of a group stay together, and so do copies; a photo of which a copy is added
    may go with that.

    Args:
        validation: Share (0..1) of the photos that becomes the validation split.
        test: The same for the test split.
        fold: `"2/5"` takes the second of five parts for validation, another one in each fold.
        file: A run directory, a recipe's name for its newest run, or the file `splits.json` of a
            run: photos that are named there go where they were.
    """

    validation: float = attrs.field(default=0.15, validator=validators.part)
    test: float = attrs.field(default=0.15, validator=validators.part)
    fold: str | None = attrs.field(default=None, validator=validators.fold)
    file: str | None = attrs.field(
        default=None, converter=validators.as_text, validator=_without_a_fold
    )

    def fold_of(self) -> tuple[int, int] | None:
        """Return number, from 0, and count of the folds."""
        if self.fold is None:
            return None
        number, count = map(int, self.fold.split("/"))
        return number - 1, count


class DataSource(Protocol):
    """Where labelled photos come from."""

    def find(self) -> Labelled:
        """Return all photos; they are listed, not opened."""
        ...
