"""TensorFlow Datasets by name, among them the candy that kerastl draws itself."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
from filelock import FileLock

from kerastl import validators
from kerastl.console import console
from kerastl.data.splits import divide
from kerastl.errors import DataError, cause
from kerastl.network import is_offline, reachable
from kerastl.recipe import Split, Splits

if TYPE_CHECKING:
    import tensorflow as tf


@attrs.frozen
class TFDS:
    """A data set of TensorFlow Datasets that has the features `image` and `label`.

    Args:
        name: Its name there, such as `"tf_flowers"`, perhaps with a version.
        validation: Share (0..1) of the training photos that becomes the validation split, class by
            class, where the data set has none.
        test: The same for the test split.
        data_dir: Where the data set is kept; `None` is the place it has by itself.
    """

    name: str
    validation: float = attrs.field(default=0.15, validator=validators.part)
    test: float = attrs.field(default=0.15, validator=validators.part)
    data_dir: str | None = None

    def load(self, seed: int) -> Splits:
        """Return the splits; photos are read, not decoded. The data set is made on first use.

        Raises:
            DataError: There is no such data set, it cannot be had, or it is not of labelled photos.
        """
        builder = _prepared(self.name, self.data_dir)
        classes = tuple(builder.info.features["label"].names)
        splits = {
            name: _whole(builder, name)
            for name in ("train", "validation", "test")
            if name in builder.info.splits
        }
        shares = {"validation": self.validation, "test": self.test}
        missing = {name: share for name, share in shares.items() if name not in splits}
        train = splits["train"]
        drawn = divide(train.labels, missing, classes, seed)
        splits |= {name: _part(train, indices) for name, indices in drawn.items()}
        return Splits(splits["train"], splits["validation"], splits["test"], classes)


def _prepared(name: str, data_dir: str | None) -> Any:
    """Return the data set's builder, its files made or downloaded."""
    builder = _builder(name, data_dir)
    features = builder.info.features or {}
    missing = {"image", "label"} - set(features)
    if missing:
        raise DataError(
            f"Data set {name!r} has no feature {' or '.join(map(repr, sorted(missing)))}."
        )
    if not hasattr(features["label"], "names"):
        raise DataError(f"The labels of data set {name!r} are no classes; expected a ClassLabel.")
    if not builder.info.splits:
        _prepare(builder, name)
        # A builder does not look again at what another process has made meanwhile.
        builder = _builder(name, data_dir)
    if "train" not in builder.info.splits:
        raise DataError(
            f"Data set {name!r} has no split 'train', only {', '.join(builder.info.splits)}."
        )
    return builder


def _builder(name: str, data_dir: str | None) -> Any:
    import tensorflow_datasets as tfds

    try:
        # Without try_gcs=False a builder looks for a cloud bucket before it does anything.
        return tfds.builder(name, data_dir=data_dir, try_gcs=False)
    except tfds.core.DatasetNotFoundError as error:
        raise DataError(f"TensorFlow Datasets knows no data set {name!r}.") from error
    except (ImportError, ValueError) as error:
        raise DataError(f"There is no TensorFlow data set {name!r}: {cause(error)}") from error


def _prepare(builder: Any, name: str) -> None:
    """Make or download the files of a data set, with a progress bar."""
    import tensorflow_datasets as tfds

    remedy = (
        f"use your own photos with --data FOLDER, or copy a prepared {name!r} to {builder.data_dir}"
    )
    # Without a network TensorFlow Datasets would try again and again, for minutes.
    for url in list(builder.url_infos or {})[:1]:
        if is_offline() or not reachable(url):
            why = "the network is off" if is_offline() else "there is no network to fetch it"
            raise DataError(f"Data set {name!r} is not on this machine, and {why}: {remedy}.")
    draws_itself = not builder.url_infos
    if draws_itself:
        tfds.disable_progress_bar()
    lock = Path(f"{builder.data_dir}.lock")
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        # Two first runs at once would be in each other's way; the second finds the files made.
        with FileLock(lock), contextlib.redirect_stdout(console.file):
            builder.download_and_prepare()
    except Exception as error:
        raise DataError(f"Data set {name!r} cannot be had ({cause(error)}): {remedy}.") from error
    finally:
        tfds.enable_progress_bar()


def _whole(builder: Any, name: str) -> Split:
    import tensorflow_datasets as tfds

    def examples() -> tf.data.Dataset:
        return builder.as_dataset(
            split=name, decoders={"image": tfds.decode.SkipDecoding()}, shuffle_files=False
        )

    labels = tuple(int(label) for label in examples().map(lambda e: e["label"]).as_numpy_iterator())
    names = tuple(f"{builder.name}/{name}/{number}" for number in range(len(labels)))
    return Split(names, labels, lambda: examples().map(lambda example: example["image"]))


def _part(split: Split, indices: Sequence[int]) -> Split:
    """Return some photos of the split, in its order."""

    def encoded() -> tf.data.Dataset:
        import numpy as np
        import tensorflow as tf

        chosen = np.zeros(len(split), bool)
        chosen[indices] = True
        mask = tf.constant(chosen)
        numbered = split.encoded().enumerate()
        return numbered.filter(lambda number, _: mask[number]).map(lambda _, photo: photo)

    return Split(
        tuple(split.names[index] for index in indices),
        tuple(split.labels[index] for index in indices),
        encoded,
    )
