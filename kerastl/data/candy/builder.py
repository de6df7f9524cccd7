"""The drawn candy as a data set of TensorFlow Datasets: `tfds.load("candy")`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import tensorflow_datasets as tfds

from kerastl.console import say
from kerastl.data.candy import KINDS, SIZE, draw
from kerastl.files import cache_folder
from kerastl.live import progress

# Photos of each kind; the seeds of the splits do not meet.
_PHOTOS = {"train": 150, "validation": 50, "test": 50}
_FIRST_SEEDS = {"train": 0, "validation": 1_000_000, "test": 2_000_000}


class Candy(tfds.core.GeneratorBasedBuilder):  # type: ignore[misc]
    """Photos of Kit-Kat, Mars, Skittles and Smarties, drawn by kerastl."""

    VERSION = tfds.core.Version("1.0.0")

    def __init__(self, *, data_dir: str | None = None, **options: Any) -> None:
        super().__init__(data_dir=data_dir or str(cache_folder() / "datasets"), **options)

    def _log_download_bytes(self) -> None:
        say(f"Drawing candy photos, this once, to {self.data_dir}")

    def _log_download_done(self) -> None:
        """Say nothing: the run goes on at once."""

    def _info(self) -> tfds.core.DatasetInfo:
        features = {
            "image": tfds.features.Image(shape=(*SIZE, 3), encoding_format="jpeg"),
            "label": tfds.features.ClassLabel(names=list(KINDS)),
        }
        return tfds.core.DatasetInfo(
            builder=self,
            description=self.__doc__,
            features=tfds.features.FeaturesDict(features),
            supervised_keys=("image", "label"),
        )

    def _split_generators(self, _: Any) -> dict[str, Iterator[tuple[str, dict[str, Any]]]]:
        return {split: self._generate_examples(split) for split in _PHOTOS}

    def _generate_examples(self, split: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield the split's photos, kind after kind; TensorFlow Datasets shuffles them by name."""
        first = _FIRST_SEEDS[split]
        with progress(f"drawing {split} candy", _PHOTOS[split] * len(KINDS)) as done:
            for label, kind in enumerate(KINDS):
                for seed in range(first, first + _PHOTOS[split]):
                    yield f"{kind}-{seed}", {"image": draw(label, seed), "label": label}
                    done(1)
