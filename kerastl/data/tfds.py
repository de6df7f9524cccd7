"""TensorFlow Datasets by name, among them the candy that kerastl draws itself."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
from filelock import FileLock

from kerastl.console import console
from kerastl.data.dataset import chosen_from
from kerastl.data.splits import load_splits
from kerastl.errors import DataError, cause
from kerastl.labelled import SPLITS, Division, Labelled, Split, Splits
from kerastl.network import is_offline, reachable

if TYPE_CHECKING:
    import tensorflow as tf


# Held while TensorFlow Datasets is kept from importing.
_IMPORTING = threading.Lock()


@attrs.frozen
class TFDS:
    """A data set of TensorFlow Datasets that has the features `image` and `label`.

    Args:
        name: Its name there, such as `"tf_flowers"`, perhaps with a version.
        data_dir: Where the data set is kept; `None` is the place it has by itself.
    """

    name: str
    data_dir: str | None = None

    def find(self) -> Labelled:
        """Return all photos; they are read, not decoded. The data set is made on first use.

        Raises:
            DataError: There is no such data set, it cannot be had, or it is not of labelled photos.
        """
        builder = _prepared(self.name, self.data_dir)
        parts = {name: _whole(builder, name) for name in SPLITS if name in builder.info.splits}
        return Labelled.of(parts, tuple(builder.info.features["label"].names))

    def load(self, seed: int = 0, division: Division | None = None) -> Splits:
        """Return the splits; those that the data set does not have are drawn.

        Raises:
            DataError: As of `find`; or a class has too few photos.
        """
        return load_splits(self, seed, division)


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
        parsed, _ = tfds.core.naming.parse_builder_name_kwargs(name)
        if parsed.namespace:
            raise DataError(
                f"Data set {name!r} is refused: its code would be fetched, and run; make it ready "
                "with TensorFlow Datasets, and name it without what is before the colon, and its "
                "folder by data_dir."
            )
        with _imports_nothing():
            # Without try_gcs=False a builder looks for a cloud bucket before it does anything.
            return tfds.builder(name, data_dir=data_dir, try_gcs=False)
    except tfds.core.DatasetNotFoundError as error:
        raise DataError(f"TensorFlow Datasets knows no data set {name!r}.") from error
    except (ImportError, ValueError, LookupError, TypeError) as error:
        raise DataError(f"There is no TensorFlow data set {name!r}: {cause(error)}") from error


@contextlib.contextmanager
def _imports_nothing() -> Iterator[None]:
    """Let the files of a data set name features of TensorFlow Datasets, and what is imported.

    It imports, and so runs, any module that they name; a run's recipe, and the folder of the data
    set that it names, may be somebody else's.
    """
    import tensorflow_datasets as tfds

    connector = tfds.features.FeatureConnector
    with _IMPORTING:
        kept, found = vars(connector)["cls_from_name"], connector.cls_from_name

        def imported(name: str) -> Any:
            module = name.rpartition(".")[0]
            if module and module not in sys.modules and not name.startswith("tensorflow_datasets."):
                raise DataError(
                    f"The data set is refused: it has features of {module!r}, which would be run; "
                    "import it in the recipe's file if you trust it."
                )
            return found(name)

        connector.cls_from_name = staticmethod(imported)
        try:
            yield
        finally:
            connector.cls_from_name = kept


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
    return Split(
        names, labels, chosen_from(lambda: examples().map(lambda example: example["image"]))
    )
